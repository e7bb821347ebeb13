"""Rule files → the rules of a snapshot: those that work and those that are broken, each under a ref of its own."""

from pathlib import Path
from typing import Any

import msgspec

from stormlet.content.shapes import DEFAULT_PACK, has_errors
from stormlet.content.yaml_reader import Document
from stormlet.model.problem import Location, Problem
from stormlet.model.rule import LoadedRule, Rule, RuleState


class RuleCollection:
    """The rules found so far."""

    def __init__(self) -> None:
        self._rules: list[LoadedRule] = []

    def take(self, loaded: LoadedRule) -> None:
        """Add what one file holds."""
        self._rules.append(loaded)

    def joined(self) -> tuple[dict[str, LoadedRule], list[Problem]]:
        """Return each rule under its ref, and the problems of those that are not used.

        Rules that work come first; a broken one never takes the place of another.
        """
        joined: dict[str, LoadedRule] = {}
        problems: list[Problem] = []
        twice: list[tuple[str, Problem]] = []
        for loaded in self._rules:
            if loaded.state is RuleState.BROKEN:
                continue
            first = joined.setdefault(loaded.ref, loaded)
            if first is not loaded:
                at, other = _start(first), _start(loaded)
                found = duplicates("rule", loaded.ref, at, other)
                twice.append((loaded.ref, found[0]))
                problems.append(found[1])
        for ref, problem in twice:
            joined[ref] = msgspec.structs.replace(joined[ref], problems=(*joined[ref].problems, problem))
        for loaded in self._rules:
            if loaded.state is RuleState.BROKEN:
                ref = loaded.ref if loaded.ref not in joined else f"{loaded.ref} ({loaded.metadata_file})"
                joined[ref] = msgspec.structs.replace(loaded, ref=ref)
        return joined, problems


def loaded_rule(
    rule: Rule | None, problems: list[Problem], document: Document, pack: str | None, path: Path
) -> LoadedRule:
    """Return a rule as its file has it, and where it is broken, under the ref that can be guessed."""
    state = RuleState.BROKEN if rule is None or has_errors(problems) else RuleState.READY
    ref = rule.ref if rule is not None else _guessed_ref(document.value, pack, path)
    return LoadedRule(ref=ref, state=state, rule=rule, problems=tuple(problems), metadata_file=str(path))


def _guessed_ref(value: Any, pack: str | None, path: Path) -> str:
    """Return the ref under which a broken rule is listed: its name as far as it can be read, else its file's."""
    keys = value if isinstance(value, dict) else {}
    name, named_pack = keys.get("name"), keys.get("pack")
    if not (isinstance(name, str) and name.strip()):
        name = path.stem
    return f"{pack or (named_pack if isinstance(named_pack, str) and named_pack else DEFAULT_PACK)}.{name}"


def _start(loaded: LoadedRule) -> Location:
    rule = loaded.rule
    return (rule.locations.get("name") if rule else None) or Location(file=loaded.metadata_file)


def duplicates(kind: str, ref: str, first: Location, second: Location) -> list[Problem]:
    """Return the problems of two things with one ref, the first one's first."""
    hint = "give one of them another name"
    return [
        Problem(
            code="duplicate-name",
            text=f"the {kind} {ref} stands in {second} too; this one is used",
            location=first,
            hint=hint,
        ),
        Problem(
            code="duplicate-name",
            text=f"the {kind} {ref} stands in {first} already; this one is not used",
            location=second,
            hint=hint,
        ),
    ]
