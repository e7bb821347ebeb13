"""`stormlet check`: every problem with content, at once, without a server."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from stormlet.cli.failures import FAILED, OK
from stormlet.cli.options import Command
from stormlet.cli.render import as_json
from stormlet.cli.text import counted, one_line

if TYPE_CHECKING:
    from stormlet.foundation.settings import Settings
    from stormlet.model.problem import Problem
    from stormlet.model.snapshot import Snapshot


@click.command(cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(exists=True), metavar="[PATHS]...")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="`github` prints annotations for a workflow.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), help="Same as --format, as other commands have it."
)
@click.option("-j", "--json", "in_json", is_flag=True, help="Same as --format json.")
@click.option("--home", metavar="DIR", help="Where stormlet.toml and configs lie.  [default: ./.stormlet]")
@click.option("--config", metavar="FILE", help="Settings, as for `serve`.")
def command(paths: tuple[str, ...], strict: bool, form: str, home: str | None, config: str | None, **same: Any) -> int:
    """Find every problem in rules, sources and packs, without a server.

    PATHS are directories of rules, directories called `sources` or `endpoints`, packs, directories of packs, or single files.
    Without any: what the settings name, else ./rules, ./packs, ./sources and ./endpoints. Each line is FILE:LINE:COLUMN CODE
    MESSAGE (HINT);
    `stormlet explain CODE` says more.

    What StackStorm would load but is surely a mistake is a warning, and does not fail without --strict.
    """
    form = "json" if same["in_json"] else same["output"] or form
    checked = check_paths(paths, home, config)
    problems = checked.problems
    if form == "json":
        click.echo(as_json([_document(problem) for problem in problems]))
    else:
        line_of = _annotation if form == "github" else _line
        for problem in problems:
            click.echo(line_of(problem, strict))
    failing = [problem for problem in problems if strict or problem.severity == "error"]
    if form == "text":
        click.echo(checked.summary(strict=strict))
    return FAILED if failing else OK


class Checked(NamedTuple):
    """What was asked about, of all that the engine would load."""

    problems: list["Problem"]
    rules: int
    actions: int
    packs: int
    sources: int
    endpoints: int

    def summary(self, *, strict: bool = False) -> str:
        """Return one line: how many errors and warnings, in how many things."""
        errors = sum(strict or problem.severity == "error" for problem in self.problems)
        found = counted((errors, "error"), (len(self.problems) - errors, "warning")) or "no problems"
        things = (
            (self.rules, "rule"),
            (self.sources, "source"),
            (self.endpoints, "endpoint"),
            (self.actions, "action"),
            (self.packs, "pack"),
        )
        read = counted(*things) or "nothing: there is no content"
        return f"{found} in {read}"


def check_paths(paths: Sequence[str], home: str | None, config: str | None) -> Checked:
    """Return all problems with the content in `paths`, or without any, with what the settings name.

    What the settings name and what comes with the engine is read besides, because a rule may use an action of any pack.
    """
    from stormlet.foundation.home import Home
    from stormlet.foundation.settings import environment, read_settings

    settings = read_settings(environment(), {"home": home}, config)
    content, home_sources = settings.content, Home(settings.home).sources
    given = Directories(list(content.rules), list(content.packs), list(content.sources), list(content.endpoints))
    if not any(given):
        given = Directories(*([name] if Path(name).is_dir() else [] for name in Directories._fields))
    own = [str(home_sources)] if home_sources.is_dir() else []
    if not paths and not any(given) and not own:
        raise click.UsageError(
            "there is no ./rules, ./packs, ./sources or ./endpoints here, and the settings name none; name PATHS"
        )
    asked: Sequence[str] = paths or [path for kind in given for path in kind] + own
    for path in map(Path, paths):
        for known, more in zip(given, _sorted_out(path), strict=True):
            known += more
    loaded = _load(settings, Directories(*map(_unique, given)))
    return Checked(
        problems=[problem for problem in loaded.problems if _lies_in(problem.location.file, asked)],
        rules=sum(_lies_in(rule.metadata_file, asked) for rule in loaded.rules.values()),
        actions=sum(_lies_in(action.metadata_file, asked) for action in loaded.actions.values()),
        packs=sum(_lies_in(pack.directory, asked) for pack in loaded.packs.values()),
        sources=sum(_lies_in(file, asked) for file in _source_files(loaded)),
        endpoints=sum(_lies_in(file, asked) for file in _endpoint_files(loaded)),
    )


class Directories(NamedTuple):
    """Paths by what lies there."""

    rules: list[str]
    packs: list[str]
    sources: list[str]
    endpoints: list[str]


def _source_files(loaded: "Snapshot") -> set[str]:
    usable = {source.metadata_file for source in loaded.sources.values()}
    return usable | {source.metadata_file for source in loaded.broken_sources.values()}


def _endpoint_files(loaded: "Snapshot") -> set[str]:
    usable = {endpoint.metadata_file for endpoint in loaded.endpoints.values()}
    return usable | {endpoint.metadata_file for endpoint in loaded.broken_endpoints.values()}


def _load(settings: "Settings", given: Directories) -> "Snapshot":
    """Return what the engine would load from these directories, with all problems that it would find."""
    import msgspec

    from stormlet.content.reader import ContentReader
    from stormlet.flow.execution import RUNNER_TYPES
    from stormlet.flow.ruleset.compiled import build
    from stormlet.foundation.clock import SystemClock
    from stormlet.foundation.home import Home
    from stormlet.foundation.templates import Templates
    from stormlet.st2compat.dialect import Dialect

    content = msgspec.structs.replace(settings.content, **given._asdict())
    reader = ContentReader(content, Home(settings.home), RUNNER_TYPES, SystemClock(), Dialect())
    return build(reader.link(reader.read()), Templates(), RUNNER_TYPES, None).snapshot


def _sorted_out(path: Path) -> Directories:
    """Return what a path means. A directory's name tells whether it holds sources or endpoints."""
    pack = next((parent for parent in (path, *path.resolve().parents) if (parent / "pack.yaml").is_file()), None)
    if pack is not None:
        return Directories([], [str(pack)], [], [])
    is_file = path.exists() and not path.is_dir()  # a pipe too: it is refused when it is read
    if is_file or any(path.glob("*.y*ml")):
        directory = path.resolve().parent if is_file else path.resolve()
        kind = directory.name if directory.name in ("sources", "endpoints") else "rules"
        return Directories(*([str(path)] if name == kind else [] for name in Directories._fields))
    if any(path.glob("*/pack.yaml")):
        return Directories([], [str(path)], [], [])
    return Directories(*([str(path / name)] if (path / name).is_dir() else [] for name in Directories._fields))


def _unique(paths: Iterable[str]) -> list[str]:
    return list({Path(path).resolve(): path for path in reversed(list(paths))}.values())[::-1]


def _lies_in(file: str, paths: Iterable[str]) -> bool:
    place = Path(file).resolve()
    return any(place == path or path in place.parents for path in (Path(each).resolve() for each in paths))


def _line(problem: "Problem", strict: bool) -> str:
    mild = "" if strict or problem.severity == "error" else "warning: "
    return one_line(f"{problem.location} {problem.code} {mild}{problem.sentence}")


def _annotation(problem: "Problem", strict: bool) -> str:
    """Return a workflow command of GitHub Actions; it wants some characters as percent escapes."""
    kind = "error" if strict or problem.severity == "error" else "warning"
    at = problem.location
    place = {"file": at.file, "line": at.line or "", "col": at.column or "", "title": problem.code}
    properties = ",".join(f"{key}={_escaped(str(value))}" for key, value in place.items() if value != "")
    return f"::{kind} {properties}::{_escaped(problem.sentence, '')}"


def _escaped(text: str, also: str = ":,") -> str:
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{also}" else each for each in text)


def _document(problem: "Problem") -> dict[str, Any]:
    return {
        "file": problem.location.file,
        "line": problem.location.line,
        "column": problem.location.column,
        "code": problem.code,
        "severity": str(problem.severity),
        "path": problem.path,
        "text": problem.text,
        "hint": problem.hint,
    }
