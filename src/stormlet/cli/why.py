"""`stormlet why`: the verdict of each rule on one event, criterion by criterion, with what was wanted and what was found."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.moments import age
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.render import Screen, as_json
from stormlet.cli.since import now
from stormlet.cli.text import counted, cut, visible
from stormlet.cli.trigger_instance import TRIGGER_INSTANCE, last_instance, named_triggers

MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
LONGEST_VALUE = 120


@click.command(cls=Command)
@click.argument("instance_id", metavar="ID|last")
@click.option("--rule", metavar="REF", help="Only this rule; it may be one on another trigger.")
@with_screen
@with_client
def command(client: Client, screen: Screen, instance_id: str, rule: str | None) -> None:
    """Tell why rules did or did not match an event.

    The verdicts are computed again from the stored event, with the rules as they are now. No action runs.
    """
    key = last_instance(client) if instance_id == "last" else instance_id
    answer = client.get(f"{TRIGGER_INSTANCE.path}/{part(key)}/why", {"rule": rule})
    instance, verdicts = answer["trigger_instance"], answer["verdicts"]
    if screen.output == "name":
        screen.rows(verdicts, (), name="rule", empty="")
        return
    if not screen.for_people:
        screen.data(answer)
        return
    (named,) = named_triggers(client, [instance])
    when = age(instance.get("occurrence_time"), now())
    screen.line(visible(f"Event {instance['id']} on {named.get('trigger')}, {instance.get('status')}, {when}"))
    if hint := answer.get("hint"):
        screen.line(f"{_mark(None, screen)} {visible(str(hint))}")
    elsewhere = [each for each in verdicts if _is_elsewhere(each)] if rule is None and screen.output != "wide" else []
    told = [verdict for verdict in verdicts if verdict not in elsewhere]
    for verdict in sorted(told, key=_order):
        for line in verdict_lines(verdict, screen):
            screen.line(line)
    if not told:
        screen.line("No rule is on this trigger. `stormlet rule list` shows what rules are on.")
    if elsewhere:
        screen.line(
            f"{_mark(None, screen)} {counted((len(elsewhere), 'rule'))} on other triggers of this type; -o wide shows them"
        )


def _is_elsewhere(verdict: Mapping[str, Any]) -> bool:
    """Tell whether the rule is on another trigger, such as another webhook's URL: rarely what the person asks about."""
    return str(verdict.get("reason", "")).startswith("the rule is on ")


def verdict_lines(verdict: Mapping[str, Any], screen: Screen) -> list[str]:
    """Return one rule's verdict as lines: a headline, then a line for each criterion."""
    rule = screen.paint(visible(str(verdict["rule"])), "bold")
    if verdict["matched"]:
        mark, headline = _mark(True, screen), f"{rule} matched"
    elif reason := verdict.get("reason"):
        mark, headline = _mark(None, screen), f"{rule} was not asked: {visible(reason)}"
    elif error := verdict.get("error"):
        mark, headline = _mark(False, screen), f"{rule} failed: {visible(error)}"
    else:
        mark, headline = _mark(False, screen), f"{rule} did not match"
    lines = [f"{mark} {headline}"]
    if verdict["matched"] and not verdict.get("criteria"):
        lines[0] += " (it has no criteria)"
    return [*lines, *_finding_lines(verdict.get("criteria") or [], screen, "    ")]


def _finding_lines(findings: Sequence[Mapping[str, Any]], screen: Screen, indent: str) -> list[str]:
    lines = []
    for finding in findings:
        matched = finding.get("matched")
        text = f"{visible(str(finding['path']))}: {_sentence(finding, screen)}"
        lines.append(f"{indent}{_mark(matched, screen)} {text}")
        lines += _finding_lines(finding.get("children") or [], screen, indent + "    ")
    return lines


def _sentence(finding: Mapping[str, Any], screen: Screen) -> str:
    wanted = f"{finding.get('operator', '')} {_value(finding.get('wanted'), screen)}".strip()
    if error := finding.get("error"):
        return f"wanted {wanted}, but: {visible(str(error))}"
    if finding.get("children"):
        return f"{finding.get('operator', 'search')}, item by item:"
    if finding.get("matched") is None:
        return f"wanted {wanted}; not asked"
    return f"wanted {wanted}, got {_value(finding.get('got'), screen)}"


def _value(value: Any, screen: Screen) -> str:
    if value is None:
        return "nothing"
    text = as_json(value, indent=None)
    return text if screen.output == "wide" else cut(text, LONGEST_VALUE)


def _mark(matched: bool | None, screen: Screen) -> str:
    mark, colour = MARKS[matched]
    return screen.paint(mark, colour)


def _order(verdict: Mapping[str, Any]) -> tuple[int, str]:
    """What matched first, then what was asked, then what was not."""
    return (0 if verdict["matched"] else 2 if verdict.get("reason") else 1), str(verdict["rule"])
