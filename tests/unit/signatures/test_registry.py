"""The room's doors, and the list of schemes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from stormlet.foundation.errors import NotFoundError
from stormlet.signatures.places import first, in_body, in_header, read
from stormlet.signatures.reference import EXAMPLE_NOW, render_schemes
from stormlet.signatures.registry import SCHEMES, scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import About, Options, Scheme
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import MEANINGS, Reason, Verification

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)


def test_names_and_aliases_are_one_scheme_each() -> None:
    """No name is taken twice, and `_` and `-` and case make no difference."""
    names = [name.lower().replace("_", "-") for s in SCHEMES for name in (s.about.name, *s.about.aliases)]
    assert len(names) == len(set(names))
    assert scheme_named("Standard_Webhooks") is scheme_named("standard-webhooks")
    assert scheme_named("sns").about.name == "aws-sns"


def test_an_unknown_name_tells_the_nearest() -> None:
    """The cure is in the message."""
    with pytest.raises(NotFoundError, match="did you mean 'github'"):
        scheme_named("gihtub")
    with pytest.raises(NotFoundError, match="scalr"):
        scheme_named("quite something else")


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.about.name)
def test_every_example_verifies(scheme: Scheme) -> None:
    """What the reference page shows is genuine, and is not without its secret."""
    example = scheme.about.example
    if example is None:
        assert scheme.about.name == "aws-sns"  # its example would be a certificate; the unit tests make one
        return
    signed = sign(scheme, example.request, [example.signing_secret or example.secret], EXAMPLE_NOW, example.options)
    verdict = verify(scheme, signed, [example.secret], EXAMPLE_NOW, example.options)
    assert (verdict.ok, verdict.secret) == (True, 0)
    wrong = msgspec.structs.replace(example.secret, value="d2M=")
    assert not verify(scheme, signed, [wrong], EXAMPLE_NOW, example.options).ok
    assert not verify(scheme, signed, [], EXAMPLE_NOW, example.options).ok


class _Broken:
    """A scheme with a bug."""

    about = About(name="broken", title="", signs="", configure="", proves="")

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        raise ZeroDivisionError("hunter2")

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        raise NotImplementedError


def test_a_bug_in_a_scheme_refuses() -> None:
    """The door turns any exception into a refusal, which does not repeat the exception's text."""
    verdict = verify(_Broken(), SignedRequest(), [], NOW)
    assert (verdict.ok, verdict.reason) == (False, Reason.INTERNAL)
    assert "hunter2" not in verdict.detail


def test_every_reason_has_a_meaning() -> None:
    """The page of reasons is complete."""
    assert set(MEANINGS) == set(Reason)


def test_the_reference_page_is_the_one_that_the_schemes_make() -> None:
    """docs/reference/schemes.md never says what the code does not."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "schemes.md"
    assert page.read_text(encoding="utf-8") == render_schemes()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.b", "x"),
        ("l.0.c", "7"),
        ("l.1", ""),
        ("a", ""),
        ("a.b.c", ""),
        ("t", ""),
        ("l.-1", ""),
        ("l.x", ""),
        ("none", ""),
    ],
)
def test_a_place_in_the_body_is_read_without_trust(path: str, text: str) -> None:
    """Text and whole numbers are found; anything else, and anything missing, is empty."""
    assert read(in_body(path), (), {"a": {"b": "x"}, "l": [{"c": 7}], "t": True}) == text
    assert read(in_body(path), (), None) == ""


def test_a_place_in_a_header_has_no_case() -> None:
    """The first header of the name, however it is spelt."""
    assert read(in_header("X-Id"), (("x-ID", "1"), ("X-Id", "2")), None) == "1"
    assert first([in_header("X-None"), in_body("a"), in_header("X-Id")], (("x-id", "1"),), {"a": ""}) == "1"
    assert first([], (), None) == ""
    assert str(in_header("X-Id")) == "header `X-Id`"
    assert str(in_body("a.0")) == "body `a.0`"
