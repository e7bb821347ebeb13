"""Running vector files: other people's files, and broken ones."""

import base64
from typing import Any

import pytest

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.checking import check

GOOD: dict[str, Any] = {
    "scheme": "github",
    "name": "good",
    "secret": "It's a Secret to Everybody",
    "headers": {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    "body": base64.b64encode(b"Hello, World!").decode(),
    "now": 1770801600,
    "expect": "valid",
}
HANDSHAKE: dict[str, Any] = {
    "provider": "cloudevents",
    "name": "options",
    "config": {"allowed_origins": ["a.example"]},
    "request": {"method": "OPTIONS", "url": "https://h.example/", "headers": {"WebHook-Request-Origin": "a.example"}},
    "now": 1770801600,
    "expect": {"status": "2xx", "headers": {"WebHook-Allowed-Origin": "a.example"}},
}


def outcome(case: dict[str, Any]) -> Any:
    [only] = check({"cases": [case]})
    return only


def test_unknown_fields_and_other_shapes_are_taken() -> None:
    """A new field, a list of cases, headers as pairs, several secrets, another name of the scheme."""
    assert outcome({**GOOD, "new": {"field": 1}, "config": {"new": 1}}).passed
    assert [each.passed for each in check([GOOD, GOOD])] == [True, True]
    assert outcome({**GOOD, "headers": [list(pair) for pair in GOOD["headers"].items()]}).passed
    assert outcome({**GOOD, "secrets": ["other"]}).passed
    assert outcome({**GOOD, "scheme": "GitHub"}).passed
    doubled = {"X-Hub-Signature-256": list(GOOD["headers"].values()) * 2}
    assert outcome({**GOOD, "headers": doubled, "expect": "invalid"}).passed


def test_a_miss_says_what_was_expected_and_what_came() -> None:
    """Scheme and name, expected, got, and why."""
    missed = outcome({**GOOD, "expect": "invalid"})
    assert (missed.passed, missed.scheme, missed.name, missed.expected, missed.got) == (
        False, "github", "good", "invalid", "valid",
    )  # fmt: skip
    assert "mismatch" in outcome({**GOOD, "secret": "wrong"}).got


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "gitub"},
        {"scheme": None},
        {"body": "%"},
        {"body": 7},
        {"now": "soon"},
        {"now": 1e40},
        {"now": None},
        {"expect": "maybe"},
        {"headers": 7},
        {"headers": {"A": 7}},
        {"secret": 7},
        {"request": {}, "expect": "valid"},
        {"request": {"body": "%"}, "provider": "github", "expect": {}},
        {"request": {}, "provider": "none", "expect": {}},
    ],
)
def test_a_case_that_cannot_be_run_is_a_miss(changes: dict[str, Any]) -> None:
    """It is counted and explained; the other cases still run."""
    broken, good = check({"cases": [{**GOOD, **changes}, GOOD]})
    assert broken.got.startswith("cannot run")
    assert good.passed


@pytest.mark.parametrize("document", [None, 7, "x", {}, {"cases": 1}, {"cases": [1]}])
def test_what_is_no_vector_file_is_an_error(document: object) -> None:
    """The message says what is missing."""
    with pytest.raises(InvalidInputError):
        list(check(document))


@pytest.mark.parametrize(
    "changes",
    [
        {"expect": {"status": 404}},
        {"expect": {"headers": {"WebHook-Allowed-Origin": {"any_of": ["b"]}}}},
        {"expect": {"headers": {"WebHook-Allowed-Origin": {"regex": "^b"}}}},
        {"expect": {"headers_absent": ["WebHook-Allowed-Origin"]}},
        {"expect": {"headers_present": ["X-None"]}},
        {"expect": {"body_text": "x"}},
        {"expect": {"body_json": {}}},
        {"expect": {"body_json_contains": {"a": 1}}},
        {"expect": {"content_type": "text/html"}},
        {"expect": {"any_of": [{"body_text": "x"}, {"content_type": "text/html"}]}},
        {"side_effects": [{"GET": "https://a.example/"}]},
    ],
)
def test_a_handshakes_every_wish_is_judged(changes: dict[str, Any]) -> None:
    """A reply that lacks what is wished for is a miss."""
    assert outcome(HANDSHAKE).passed
    assert not outcome({**HANDSHAKE, **changes}).passed


def test_what_must_not_happen_is_judged() -> None:
    """Dispatching, echoing and fetching are seen."""
    hook = {
        "provider": "github",
        "name": "push",
        "secret": GOOD["secret"],
        "request": {"headers": GOOD["headers"], "body": GOOD["body"]},
        "now": 1770801600,
        "expect": {"status": "2xx"},
    }
    assert outcome(hook).passed
    assert not outcome({**hook, "must_not": ["dispatch"]}).passed
    assert outcome({**hook, "must_not": ["fetch anything", "Content-Type: text/html", "sing"]}).passed
