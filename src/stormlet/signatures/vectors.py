"""Running files of test vectors: requests with a secret, a clock, and whether they are genuine.

The format is that of tests/golden/signatures/vectors.dev.json. Unknown fields are ignored, so that other people's files
of the same kind run too. A case that cannot be understood is a miss with a reason, never an exception.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.signatures.cloudevents import read_events
from stormlet.signatures.registry import scheme_named, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Refusal


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case."""

    scheme: str
    name: str
    passed: bool
    expected: str = ""
    got: str = ""


class CaseError(ValueError):
    """The case cannot be run as it is written."""


def run_signature_case(case: Mapping[str, Any]) -> Outcome:
    """Return the outcome of one signature case.

    Raises:
        CaseError: the case cannot be understood.
    """
    scheme_name = str(case.get("scheme", ""))
    name = str(case.get("name", ""))
    expected = case.get("expect", case.get("recommended"))
    if expected not in ("valid", "invalid"):
        raise CaseError("`expect` is neither valid nor invalid")
    try:
        scheme = scheme_named(scheme_name)
    except NotFoundError as error:
        raise CaseError(str(error)) from error
    request = request_of(case)
    secrets, options = keys_of(case)
    verification = verify(scheme, request, secrets, moment_of(case), options)
    got = "valid" if verification.ok else f"invalid ({verification.reason}: {verification.detail})"
    passed = verification.ok == (expected == "valid")
    wanted = _mapping(_mapping(case.get("config")).get("expect_attributes"))
    if passed and verification.ok and wanted:
        wrong = _wrong_attributes(request, wanted)
        if wrong:
            return Outcome(
                scheme=scheme_name, name=name, passed=False, expected=f"attributes {dict(wanted)}", got=wrong
            )
    return Outcome(scheme=scheme_name, name=name, passed=passed, expected=str(expected), got=got)


def request_of(case: Mapping[str, Any]) -> SignedRequest:
    """Return the request of a case; its body is base64.

    Raises:
        CaseError: a part has the wrong type.
    """
    body = case.get("body", "")
    try:
        decoded = base64.b64decode(body, validate=True) if body else b""
    except (binascii.Error, ValueError, TypeError) as error:
        raise CaseError("`body` is not base64") from error
    return SignedRequest(
        method=str(case.get("method", "POST")),
        url=str(case.get("url", "")),
        headers=tuple(_header_pairs(case.get("headers"))),
        body=decoded,
    )


def moment_of(case: Mapping[str, Any]) -> datetime:
    """Return the clock of a case.

    Raises:
        CaseError: `now` is not Unix seconds.
    """
    now = case.get("now")
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise CaseError("`now` is not a number of Unix seconds")
    try:
        return datetime.fromtimestamp(now, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise CaseError("`now` is not a moment") from error


def keys_of(case: Mapping[str, Any]) -> tuple[tuple[Secret, ...], Options]:
    """Return the secrets and options that a case's `secret`, `secrets`, `keys` and `config` say.

    Raises:
        CaseError: a value has the wrong type.
    """
    config = _mapping(case.get("config"))
    keys = _mapping(case.get("keys"))
    texts = [text for field in ("secret", "secrets") for text in _texts(case.get(field))]
    secrets = (*(Secret(value=text) for text in texts), *_secrets_of_keys(keys))
    tolerance = config.get("tolerance_s", config.get("max_age_s"))
    topics = keys.get("topic_arns", config.get("topic_arns"))
    rate = config.get("rate_per_minute")
    changes: dict[str, Any] = {}
    if isinstance(config.get("required_components"), list):
        changes["required_components"] = tuple(map(str, config["required_components"]))
    options = Options(
        tolerance=float(tolerance) if isinstance(tolerance, int | float) else None,
        header=str(config.get("header") or ""),
        timestamp_header=str(config.get("timestamp_header") or ""),
        legacy=config.get("legacy") is True,
        certificates={str(url): str(pem) for url, pem in _mapping(keys.get("certs")).items()},
        # A file that says nothing of topics asks about the signature alone.
        topics=tuple(_texts(topics)) if topics is not None else ("*",),
        allowed_origins=tuple(_texts(config.get("allowed_origins"))),
        allowed_rate=rate if isinstance(rate, int) else None,
        **changes,
    )
    return secrets, options


def _secrets_of_keys(keys: Mapping[str, Any]) -> Iterator[Secret]:
    for name, value in keys.items():
        if name in ("public_key", "public_key_hex", "client_state"):
            yield from (Secret(value=text) for text in _texts(value))
        elif name == "bearer":
            yield from (Secret(value=text, kind="bearer") for text in _texts(value))
        elif name == "basic":
            pair = _mapping(value)
            yield Secret(value=str(pair.get("password", "")), username=str(pair.get("username", "")), kind="basic")
        elif name in ("header", "query"):
            place = _mapping(value)
            yield Secret(value=str(place.get("value", "")), name=str(place.get("name", "")), kind=name)
        elif name == "api_keys":
            yield from (_credential(item, "key", "api-key") for item in _mappings(value))
        elif name == "tokens":
            yield from (_credential(item, "token", "token") for item in _mappings(value))
        elif isinstance(value, Mapping) and "alg" in value:
            material = next((value[k] for k in ("key_b64", "public_key_b64", "public_key_pem") if k in value), "")
            yield Secret(value=str(material), name=name, algorithm=str(value["alg"]))


def _credential(item: Mapping[str, Any], field: str, kind: str) -> Secret:
    expires = item.get("expires_at")
    return Secret(
        value=str(item.get(field, "")),
        kind=kind,
        enabled=item.get("enabled", True) is not False,
        expires_at=float(expires) if isinstance(expires, int | float) else None,
    )


def _wrong_attributes(request: SignedRequest, wanted: Mapping[str, Any]) -> str:
    try:
        events = read_events(request)
    except Refusal as refusal:
        return refusal.detail
    attributes = events[0].attributes if events else {}
    got = {name: attributes.get(name) for name in wanted}
    return "" if got == dict(wanted) else f"attributes {got}"


def _header_pairs(headers: object) -> Iterator[tuple[str, str]]:
    """Yield the headers of a map (whose values may be lists), or of a list of pairs."""
    if headers is None:
        return
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            yield from ((str(name), text) for text in _texts(value))
    elif isinstance(headers, Sequence) and all(isinstance(p, list) and len(p) == 2 for p in headers):
        yield from ((str(name), str(value)) for name, value in headers)
    else:
        raise CaseError("`headers` is neither a map nor a list of pairs")


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise CaseError("a text, or a list of texts, is something else")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def cases_of(document: object) -> list[Mapping[str, Any]]:
    """Return the cases of a vector file.

    Raises:
        InvalidInputError: it has no list of cases.
    """
    cases = document.get("cases") if isinstance(document, Mapping) else document
    if not isinstance(cases, list) or not all(isinstance(case, Mapping) for case in cases):
        raise InvalidInputError("the file has no list of cases", hint='a JSON object with "cases": [...]')
    return cases
