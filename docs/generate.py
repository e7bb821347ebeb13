"""Writes docs/reference/*.md, the state diagram in docs/explanation/executions.md and the list of decisions.

    python -m docs.generate           write the pages
    python -m docs.generate --check   write nothing; exit 1 where a page is not what would be written

tests/docs compares the committed pages with `pages()`, so that a page can never say what the code does not.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from stormlet.cli import settings_help
from stormlet.cli.catalogue import SECTIONS
from stormlet.cli.failures import MEANINGS
from stormlet.cli.main import root
from stormlet.content.schemas import read_schema
from stormlet.flow.delivery.formats.reference import render_formats
from stormlet.flow.execution.reference import render_runners
from stormlet.flow.matching import OPERATORS
from stormlet.foundation.settings import PREFIX
from stormlet.foundation.telemetry import Metrics
from stormlet.foundation.templates import FILTERS
from stormlet.model.execution import COMPLETED, TRANSITIONS
from stormlet.model.message import RESERVED_PREFIXES, ScopeKind
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.model.problem_codes import CODES
from stormlet.signatures.reference import render_proofs, render_schemes

DOCS = Path(__file__).parent
NOTE = "<!-- Written by `make docs` from {source}; change it there. -->\n"
BEGIN, END = "<!-- generated -->", "<!-- end of what is generated -->"


def pages() -> dict[Path, str]:
    """Return every generated file with its whole content."""
    reference: dict[str, Callable[[], str]] = {
        "operators": operators,
        "filters": filters,
        "settings": settings,
        "commands": commands,
        "problems": problems,
        "metrics": metrics,
        "schemes": render_schemes,
        "sources": sources,
        "runners": render_runners,
        "formats": render_formats,
        "messages": messages,
    }
    made = {DOCS / "reference" / f"{name}.md": make() for name, make in reference.items()}
    parts = {
        DOCS / "explanation" / "executions.md": state_diagram,
        DOCS / "explanation" / "threat-model.md": render_proofs,
        DOCS / "decisions" / "README.md": list_of_decisions,
    }
    for path, make in parts.items():
        made[path] = _between_marks(path.read_text(encoding="utf-8"), make())
    return made


def settings() -> str:
    """Return the page of settings: one table for each section."""
    lines = [
        NOTE.format(source="src/stormlet/foundation/settings.py"),
        "# Settings\n",
        "Later wins: the defaults, `stormlet.toml` in the home directory (or the file that `--config` names), the environment,",
        f"flags. In the environment a setting is `{PREFIX}SECTION__KEY`, such as `{PREFIX}SERVER__PORT=8000`;",
        f"`{PREFIX}SECTION__KEY_FILE` names a file that holds the value, for secrets that a platform mounts. Lists of paths are",
        "separated by `:`, origins by `,`. A name that is not a setting is refused at the start, with the nearest one that is.\n",
        "```toml",
        "# .stormlet/stormlet.toml",
        "[server]",
        "port = 8000",
        "",
        "[store]",
        "retention_days = 7",
        "```\n",
        "At the first start, `STORMLET_BOOTSTRAP_API_KEY` and `STORMLET_ADMIN_PASSWORD` (or their `_FILE` forms) set known",
        "credentials; without them, an API key and the password of `st2admin` are made and shown once.\n",
        "The directory of all this is `home`: `--home`, `STORMLET_HOME`, or `./.stormlet`.\n",
    ]
    for section, text in settings_help.sections():
        lines += [f"## {section}\n", f"{text}\n", *_table(("setting", "default", "bounds", "meaning"))]
        for each in settings_help.settings():
            if each.section == section:
                lines.append(_row(f"`{section}.{each.name}`", f"`{_json(each.default)}`", each.bounds, each.meaning))
        lines.append("")
    return _page(lines)


def problems() -> str:
    """Return the page of problem codes."""
    lines = [
        NOTE.format(source="src/stormlet/model/problem_codes.py"),
        "# Problem codes\n",
        "`stormlet check` and the server's log name each problem with content by a code that does not change.",
        "`stormlet explain CODE` prints what stands here.\n",
        *_table(("code", "meaning")),
        *(_row(f"`{code}`", text) for code, text in sorted(CODES.items())),
    ]
    return _page(lines)


def metrics() -> str:
    """Return the page of metrics."""
    lines = [
        NOTE.format(source="src/stormlet/foundation/telemetry.py"),
        "# Metrics\n",
        "`GET /metrics` answers in Prometheus' text format.\n",
        *_table(("metric", "meaning")),
        *(_row(f"`{name}`", text) for name, text in Metrics.HELP.items()),
    ]
    return _page(lines)


def sources() -> str:
    """Return the page of what a source can say, from the schema that editors get."""
    lines = [
        NOTE.format(source="src/stormlet/content/schemas/source.json"),
        "# Sources\n",
        "A source says how one webhook URL is guarded, and what its requests become. It is a YAML or JSON file in a pack's",
        "`sources/`, in a directory that `content.sources` names, or in `sources` of the home; or a document posted to",
        "`/api/v1/sources`. [How to verify a sender](../howto/verify-a-sender.md) begins with four lines.\n",
        "```yaml",
        "url: github/infra",
        "scheme: github",
        "secret: env:INFRA_GITHUB_SECRET",
        "replay: {id: header:X-GitHub-Delivery, horizon: 7d}",
        "```\n",
        (
            "Over the API a secret may also be written once, as `secrets: [{name: first, value: …}]`: it is sealed before it "
            "is stored,"
        ),
        "shown as `from: sealed`, and kept where it is sent back so.\n",
        *_table(("key", "type", "default", "meaning")),
        *_schema_rows(read_schema("source")),
    ]
    return _page(lines)


def _schema_rows(schema: Mapping[str, Any], under: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        if part.get("description", "").startswith("Computed"):
            continue
        kinds = part.get("type", "any")
        kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
        shown = ", ".join(f"`{_json(each)}`" for each in part["enum"]) if "enum" in part else kind
        default = f"`{_json(part['default'])}`" if "default" in part else ""
        yield _row(f"`{under}{name}`", shown, default, part["description"])
        if name == "secret":
            continue  # the same as each of `secrets`
        yield from _schema_rows(part, f"{under}{name}.")
        yield from _schema_rows(part["items"] if name == "secrets" else {}, f"{under}{name}[].")


def messages() -> str:
    """Return the page of message types: what is in each, and where it makes sense."""
    lines = [
        NOTE.format(source="src/stormlet/model/message_catalogue.py"),
        "# Messages\n",
        "What stormlet tells its [endpoints](../howto/send-webhooks.md). A type's `version` changes when a field of `data` goes",
        "away or means something else; new fields may come at any time. `GET /api/v1/messagetypes` answers the same, with JSON",
        "Schemas.\n",
        "## Every message\n",
        "In the format `standard` the whole message is the body; other [formats](formats.md) say it in their product's words.\n",
        *_table(("field", "what it is")),
        *(_row(f"`{name}`", text) for name, text in _MESSAGE_FIELDS.items()),
        "",
        "An action of yours publishes a type of its own by running `core.publish` with `type`, `data` and `scope`; its name may",
        f"not begin with {_listed_words(sorted(RESERVED_PREFIXES))}.\n",
        "## Types\n",
        *_table(("type", "version", "scopes", "when")),
    ]
    for kind in MESSAGE_TYPES.values():
        scopes = ", ".join(f"`{scope}`" for scope in ScopeKind if scope in kind.scopes) or "always sent"
        lines.append(
            _row(f"[`{kind.name}`](#{kind.name.replace('.', '')})", str(kind.version), scopes, kind.description)
        )
    for kind in MESSAGE_TYPES.values():
        lines += [f"\n## {kind.name}\n", f"{kind.description} Its subject is the {kind.subject}.\n"]
        lines += [*_table(("field of `data`", "type", "always there")), *_fields_of(kind.schema, ""), ""]
        example = msgspec.json.format(msgspec.json.encode(kind.example), indent=2).decode()
        lines += ["```json", example, "```"]
    return _page(lines)


_MESSAGE_FIELDS = {
    "id": "constant over all endpoints and attempts: how a receiver knows a copy",
    "type": "one of those below, or your own",
    "timestamp": "when it happened",
    "version": "of the type",
    "subject": "what it is about: `execution:ID`, `source:REF`, …",
    "ordinal": "its place among the messages of its subject, from 1: drop what is not above the last one you saw",
    "pack": "that it belongs to",
    "tags": "of the rule and the action, as `name:value`",
    "caused_by": "the user or the rule behind it",
    "url": "where to look at it",
    "trace_tag": "of the event that it all began with",
    "data": "what happened, below for each type",
}


def _listed_words(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"


def _fields_of(schema: Mapping[str, Any], under: str) -> Iterator[str]:
    """Yield a row for each field, those of objects below their own."""
    for name, part in schema.get("properties", {}).items():
        kinds = part.get("type", part.get("enum", "any"))
        words = " or ".join(kinds) if isinstance(kinds, list) else kinds
        yield _row(f"`{under}{name}`", words, "yes" if name in schema.get("required", ()) else "")
        yield from _fields_of(part, f"{under}{name}.")


def operators() -> str:
    """Return the page of operators, with the examples that a test runs."""
    lines = [
        NOTE.format(source="src/stormlet/flow/matching/operators.py"),
        "# Operators\n",
        "A criterion is a path into the event, an operator and a pattern. All criteria of a rule must hold. The value is what",
        'lies at the path, and nothing where nothing does. There is no conversion of types: `1` is not `"1"`.\n',
        "```yaml",
        "criteria:",
        "  trigger.body.key1:",
        "    type: equals",
        "    pattern: value1",
        "```\n",
    ]
    for names, operator in _by_meaning(OPERATORS):
        lines += [f"## {', '.join(names)}\n", f"{operator.help}\n"]
        if operator.examples:
            lines += [*_table(("pattern", "value", "holds")), *(_example(*each) for each in operator.examples), ""]
    return _page(lines)


def filters() -> str:
    """Return the page of template filters, with the examples that a test runs."""
    lines = [
        NOTE.format(source="src/stormlet/foundation/templates/filters"),
        "# Filters\n",
        "Templates are Jinja2 in a sandbox. Beside Jinja's own filters there are those of StackStorm, and `quote`.\n",
    ]
    for name, made in sorted(FILTERS.items()):
        lines += [f"## {name}\n", f"{made.help}\n", *_table(("template", "result"))]
        lines += [*(_row(f"`{each.template}`", f"`{each.result}`") for each in made.examples), ""]
    return _page(lines)


def commands() -> str:
    """Return the page of commands: the help of each, and the exit codes."""
    lines = [
        NOTE.format(source="src/stormlet/cli"),
        "# Commands\n",
        "Data goes to standard output, everything else to standard error; standard output stays empty on failure. `-o json` and",
        "`-o yaml` print what the API answered, and with `-o json` errors are JSON too.\n",
        "## Exit codes\n",
        *_table(("code", "meaning")),
        *(_row(f"`{code}`", text) for code, text in MEANINGS.items()),
        "",
        "## Where the server is\n",
        "The command line takes the URL from `--url`, `STORMLET_URL`, `ST2_API_URL`, `ST2_BASE_URL`, or what `stormlet serve`",
        "left in its home on this machine (`--home`, `STORMLET_HOME`, `./.stormlet`); else it is http://127.0.0.1:9101. The",
        "credential is `--api-key`, `--token`, `STORMLET_API_KEY`, `STORMLET_AUTH_TOKEN`, `ST2_API_KEY`, `ST2_AUTH_TOKEN`, or",
        "the key in that home, which is sent to no other server.\n",
    ]
    for section in SECTIONS:
        lines.append(f"## {section.title}\n")
        for entry in section.entries:
            for path, command, context in _walk(entry.name):
                lines += [f"### stormlet {path}\n", "```text", command.get_help(context).rstrip(), "```\n"]
    return _page(lines)


def state_diagram() -> str:
    """Return the states of an execution as a mermaid diagram, from the one table that says how they may change."""
    reachable = {status for targets in TRANSITIONS.values() for status in targets}
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {status}" for status in TRANSITIONS if status not in reachable or status == "requested"]
    lines += [f"    {status} --> {target}" for status, targets in TRANSITIONS.items() for target in _in_order(targets)]
    lines += [f"    {status} --> [*]" for status in TRANSITIONS if status in COMPLETED]
    return "\n".join([*lines, "```"])


def list_of_decisions() -> str:
    """Return links to all decisions, by number."""
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in files]
    return "\n".join(f"- [{title}]({path.name})" for path, title in zip(files, titles, strict=True))


def _in_order(statuses: Iterable[Any]) -> list[Any]:
    order = list(TRANSITIONS)
    return sorted(statuses, key=order.index)


def _walk(name: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield a command and the verbs below it, with contexts that make help look as on a terminal of 100 columns."""
    top = click.Context(root, info_name="stormlet", terminal_width=100, max_content_width=100)
    command = root.get_command(top, name)
    assert command is not None
    context = click.Context(command, parent=top, info_name=name)
    if not isinstance(command, click.Group):
        yield name, command, context
        return
    for verb in command.list_commands(context):
        inner = command.get_command(context, verb)
        assert inner is not None
        yield f"{name} {verb}", inner, click.Context(inner, parent=context, info_name=verb)


def _by_meaning(operators: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    """Return operators with all their names: `eq` and `equals` are one."""
    names: dict[str, list[str]] = {}
    for name, operator in operators.items():
        names.setdefault(operator.help, []).append(name)
    return [(each, operators[each[0]]) for each in names.values()]


def _example(pattern: Any, value: Any, result: bool) -> str:
    return _row(f"`{_json(pattern)}`", f"`{_json(value)}`", "yes" if result else "no")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _table(titles: tuple[str, ...]) -> list[str]:
    return [_row(*titles), _row(*("---" for _ in titles))]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _page(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()).strip() + "\n"


def _between_marks(text: str, content: str) -> str:
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"the marks {BEGIN} and {END} are missing"
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check tell which are not current."""
    stale = [
        (path, content)
        for path, content in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    for path, content in stale:
        if "--check" in arguments:
            click.echo(f"{path.relative_to(DOCS.parent)} is not current: run `make docs`", err=True)
        else:
            path.write_text(content, encoding="utf-8")
            click.echo(f"wrote {path.relative_to(DOCS.parent)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
