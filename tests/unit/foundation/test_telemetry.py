"""Log lines: one line each, no credentials."""

import io
import json
import logging

import pytest

from stormlet.foundation.telemetry import mask_credentials, one_line, set_up_logging


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/rules?st2-api-key=CANARY&x=1",
        "GET /v1/rules?x-auth-token=CANARY",
        "St2-Api-Key: CANARY",
        "Authorization: Bearer CANARY",
        "Authorization: Basic CANARY",
        '{"password": "CANARY"}',
        "{'token': 'CANARY'}",
        "api_key=CANARY",
    ],
)
def test_credentials_are_masked(text: str) -> None:
    """Whatever spelling leads to it, the secret does not get into the log."""
    assert "CANARY" not in mask_credentials(text)
    assert "********" in mask_credentials(text)


def test_nothing_can_forge_a_line() -> None:
    """Line breaks, escapes and Unicode's own line ends are shown, not obeyed."""
    assert one_line("a\r\nb\x1b[31m\u2028c\x7f") == "a\\x0d\\x0ab\\x1b[31m\\x2028c\\x7f"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_record_is_one_line(form: str) -> None:
    """Also with an event's text in it; JSON lines parse."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        set_up_logging("INFO", form, stream)
        logging.getLogger("stormlet.test").info("got %s", "x\ny token=abc")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "abc" not in lines[0]
    if form == "json":
        assert json.loads(lines[0])["level"] == "INFO"
