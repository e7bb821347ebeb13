"""Every recorded request is judged as its provider's own library judges it."""

import json
from pathlib import Path
from typing import Any

import pytest

from stormlet.signatures.checking import check
from stormlet.signatures.registry import SCHEMES

GOLDEN = Path(__file__).parents[2] / "golden" / "signatures"


def load(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["vectors.dev.json", "handshakes.dev.json", "vectors.ambiguous.json"])
def test_every_case_of_the_file_passes(name: str) -> None:
    """All cases pass: the signatures, the handshakes, and the policy cases as they are recommended."""
    outcomes = list(check(load(name)))
    assert [outcome for outcome in outcomes if not outcome.passed] == []
    assert len(outcomes) == load(name)["count"]


def test_no_case_is_refused_by_a_bug() -> None:
    """A refusal is a decision: no recorded request makes a scheme fail inside."""
    outcomes = [*check(load("vectors.dev.json")), *check(load("vectors.ambiguous.json"))]
    assert [outcome for outcome in outcomes if "(internal" in outcome.got] == []


def test_every_scheme_has_vectors() -> None:
    """Each scheme but the two that users describe themselves has recorded requests, good and bad."""
    cases = load("vectors.dev.json")["cases"]
    own = {"credentials", "generic_hmac"}
    for scheme in SCHEMES:
        judged = {case["expect"] for case in cases if case["scheme"] == scheme.about.name}
        assert judged == {"valid", "invalid"} or scheme.about.name in own
