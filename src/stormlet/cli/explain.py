"""`stormlet explain`: what the reference pages say, at the prompt and without a network."""

from collections.abc import Iterator
from typing import Any

import click

from stormlet.cli.failures import MEANINGS, NOT_FOUND, CommandError
from stormlet.cli.options import Command, with_screen
from stormlet.cli.render import Column, Screen, as_json, at

SUBJECTS = ("operators", "filters", "settings", "runners", "problems", "exit-codes")


@click.command(cls=Command)
@click.argument("subject")
@with_screen
def command(screen: Screen, subject: str) -> None:
    """Explain operators, filters, settings or a problem code.

    SUBJECT is operators, filters, settings, runners, problems, exit-codes, or one of what these list: an operator such as
    timediff_lt, a filter such as regex_replace, a setting such as store.retention_days, a code such as raw-template-in-shell.
    """
    if subject in SUBJECTS:
        screen.definitions(_rows(subject), name="name", text="meaning")
        return
    found = [row for known in SUBJECTS for row in _rows(known) if row["name"] == subject]
    if not found:
        raise _unknown(subject)
    for row in found:
        columns = [Column(key, key) for key in row]
        screen.fields(row, columns, name="name")


def _rows(subject: str) -> list[dict[str, Any]]:
    kinds = {
        "operators": _operators,
        "filters": _filters,
        "settings": _settings,
        "runners": _runners,
        "problems": _problems,
        "exit-codes": _exit_codes,
    }
    return list(kinds[subject]())


def _operators() -> Iterator[dict[str, Any]]:
    from stormlet.flow.matching import OPERATORS

    for name, operator in OPERATORS.items():
        examples = [
            f"pattern {as_json(pattern, indent=None)}, value {as_json(value, indent=None)}: {'yes' if result else 'no'}"
            for pattern, value, result in operator.examples
        ]
        yield {"name": name, "meaning": operator.help, "examples": examples}


def _filters() -> Iterator[dict[str, Any]]:
    from stormlet.foundation.templates import FILTERS

    for name, made in FILTERS.items():
        examples = [f"{each.template} → {each.result}" for each in made.examples]
        yield {"name": name, "meaning": made.help, "examples": examples}


def _settings() -> Iterator[dict[str, Any]]:
    from stormlet.cli.settings_help import settings

    for each in settings():
        row = {"name": f"{each.section}.{each.name}", "meaning": each.meaning}
        yield {**row, "default": as_json(each.default, indent=None), "bounds": each.bounds}


def _runners() -> Iterator[dict[str, Any]]:
    from stormlet.flow.execution import RUNNER_TYPES

    for name, runner in RUNNER_TYPES.items():
        texts = {key: at(schema, "description") for key, schema in runner.parameters.items()}
        yield {"name": name, "meaning": runner.description, "parameters": texts}


def _problems() -> Iterator[dict[str, Any]]:
    from stormlet.model.problem_codes import CODES

    yield from ({"name": code, "meaning": text} for code, text in CODES.items())


def _exit_codes() -> Iterator[dict[str, Any]]:
    yield from ({"name": str(code), "meaning": text} for code, text in MEANINGS.items())


def _unknown(subject: str) -> CommandError:
    from difflib import get_close_matches

    names = [*SUBJECTS, *(row["name"] for known in SUBJECTS for row in _rows(known))]
    close = get_close_matches(subject, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"it explains {', '.join(SUBJECTS)}, and what they list"
    return CommandError(f"there is nothing called `{subject}`", hint=hint, exit_code=NOT_FOUND, code="not_found")
