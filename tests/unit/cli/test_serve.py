"""What `serve` prints at the start."""

import shlex

import pytest

from stormlet.cli.serve import greeting_lines
from stormlet.flow.greeting import Greeting

KEY = "aB3-_x"


def greeting(**more: object) -> Greeting:
    values: dict[str, object] = {
        "url": "http://127.0.0.1:9101",
        "home": ".stormlet",
        "rules": 6,
        "examples": 0,
        "actions": 9,
        "guarded": 0,
        "webhook": "sample",
        "directories": ("rules", "packs"),
        "errors": 0,
        "warnings": 0,
        "missing_secrets": 0,
    }
    return Greeting(**(values | more))  # type: ignore[arg-type]


def test_the_first_start_shows_credentials_and_a_curl_line() -> None:
    """The last line is a command that a shell takes as it is."""
    lines = greeting_lines(greeting(api_key=KEY, admin_password="pw"))
    assert " serves http://127.0.0.1:9101 with 6 rules, 9 actions from rules, packs (no problems)" in lines[0]
    assert lines[1:3] == [f"API key (shown once): {KEY}", "Password of st2admin (shown once): pw"]
    words = shlex.split(lines[3].removeprefix("Try: "))
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:9101/api/v1/webhooks/sample"]
    assert f"St2-Api-Key: {KEY}" in words
    assert words[-1] == '{"key1": "value1"}'


def test_rules_that_are_on_are_counted_apart_from_examples() -> None:
    """Whoever serves six rules reads six, whatever comes with the engine; guarded URLs are counted as well."""
    first = greeting_lines(greeting(examples=24, guarded=2))[0]
    assert " with 6 rules (24 examples are switched off), 9 actions, 2 guarded URLs from rules, packs " in first
    assert " with no rules, 9 actions " in greeting_lines(greeting(rules=0))[0]


def test_a_later_start_shows_no_credential() -> None:
    """The key is known to nobody but its holders; the command line finds it in the home."""
    lines = greeting_lines(greeting())
    assert len(lines) == 2
    assert shlex.split(lines[1].removeprefix("Try: "))[:3] == ["stormlet", "send", "sample"]


@pytest.mark.parametrize("made", [{}, {"api_key": KEY}])
def test_what_to_try_exists(made: dict[str, str]) -> None:
    """A webhook that some rule listens to; without one, how to come by a rule."""
    assert "github/push" in greeting_lines(greeting(webhook="github/push", **made))[-1]
    words = shlex.split(greeting_lines(greeting(webhook="it's/mine", **made))[-1])
    assert any(word.endswith("it's/mine") for word in words)
    assert greeting_lines(greeting(webhook="", **made))[-1] == "Try: stormlet init first-rules"


def test_problems_are_counted() -> None:
    """Errors and warnings apart, with the command that shows them."""
    assert "(1 error, 2 warnings: see `stormlet check`)" in greeting_lines(greeting(errors=1, warnings=2))[0]
    assert "(1 missing secret: see `stormlet source list`)" in greeting_lines(greeting(missing_secrets=1))[0]
