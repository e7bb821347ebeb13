"""Checking this room against a file of vectors: the engine of `stormlet signature check`."""

from collections.abc import Iterator, Mapping
from typing import Any

from stormlet.signatures.handshake_vectors import run_handshake_case
from stormlet.signatures.vectors import CaseError, Outcome, cases_of, run_signature_case


def check(document: object) -> Iterator[Outcome]:
    """Yield the outcome of each case of a decoded vector file, of signatures or of handshakes.

    Raises:
        InvalidInputError: the document is not a vector file.
    """
    for number, case in enumerate(cases_of(document), start=1):
        try:
            yield run_handshake_case(case) if "request" in case else run_signature_case(case)
        except CaseError as error:
            scheme = str(case.get("scheme", case.get("provider", "?")))
            name = str(case.get("name", f"case {number}"))
            yield Outcome(scheme=scheme, name=name, passed=False, expected=_expected(case), got=f"cannot run: {error}")


def _expected(case: Mapping[str, Any]) -> str:
    return str(case.get("expect", "a case that can be run"))
