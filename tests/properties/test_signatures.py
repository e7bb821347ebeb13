"""What holds for every scheme: signed is genuine, changed is not, and nothing that a stranger sends raises."""

import string
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.checking import check
from stormlet.signatures.descriptor_document import descriptor_from_document
from stormlet.signatures.diagnosis import diagnose
from stormlet.signatures.generic_hmac import GenericScheme
from stormlet.signatures.handshakes import answer_signed, answer_unsigned
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.registry import SCHEMES, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.reserialise import javascript_form, rewritten_forms
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret
from stormlet.signatures.structured_fields import FieldError, read_dictionary
from stormlet.signatures.timestamps import TimeForm, read_timestamp
from stormlet.signatures.verification import Reason, Refusal, accepted

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
NAMED = {scheme.about.name: scheme for scheme in SCHEMES}
UNSIGNED = {
    "credentials",
    "gitlab-token",
    "alertmanager",
    "datadog",
    "dockerhub",
    "stackstorm",
    "cloudevents",
    "msgraph",
}
SIGNED = [name for name in NAMED if name not in UNSIGNED and NAMED[name].about.example is not None]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def headers_of(scheme: Scheme) -> list[str]:
    """Return the headers that take part in a signature."""
    if not isinstance(scheme, HmacScheme):
        if isinstance(scheme, GenericScheme):
            return ["X-Acme-Signature", "X-Acme-Time"]
        return list(scheme.about.headers)
    return [
        name for names in scheme.descriptor.headers for name in (names.signature, names.timestamp, names.id) if name
    ]


any_text = st.text(max_size=60)
header_value = st.one_of(
    any_text,
    st.sampled_from(
        ["", "sha256=", "sha256=" + "0" * 64, "v1=", "v1,", "t=1,v1=", "t=" + "9" * 400 + ",v1=a", "nan", "1e400", "\udce9",
         "\ud800", "Basic ", "Basic %", "Bearer", "HMAC ", 'sig1=("@method");created=1;keyid="k"', "sig1=:AAAA:", "(",
         "application/x-www-form-urlencoded", "application/cloudevents+json", "application/cloudevents-batch+json"]
    ),
)  # fmt: skip
json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=200), json_values.map(lambda value: msgspec.json.encode(value) if value == value else b"")
)
header_name = st.sampled_from(
    [*sorted({name for scheme in SCHEMES for name in headers_of(scheme)}), "Content-Type", "ce-id", "ce-type"]
)
hostile_requests = st.builds(
    SignedRequest,
    method=st.sampled_from(["POST", "GET", "OPTIONS", "", "é"]),
    url=st.one_of(
        any_text, st.sampled_from(["https://[", "https://a:b:c/?%", "?token=%ff", "http://a/?validationToken=%"])
    ),
    headers=st.lists(st.tuples(header_name | any_text, header_value), max_size=8).map(tuple),
    body=bodies | st.sampled_from([b'{"Type": "Notification"}', b'{"value": [{}]}', b"a=1&a", b"[" * 3000]),
)
hostile_secrets = st.lists(
    st.builds(
        Secret,
        value=any_text | st.sampled_from(["whsec_", "whsec_AAAA", "whpk_AAAA", "AAAA", "00" * 32]),
        name=any_text,
        kind=st.sampled_from(["", "bearer", "basic", "header", "query", "api-key", "token", "none"]),
        username=any_text,
        algorithm=st.sampled_from(["", "hmac-sha256", "ed25519", "rsa-pss-sha512"]),
        enabled=st.booleans(),
    ),
    max_size=3,
)


def material(name: str) -> tuple[Scheme, Secret, Secret, Options]:
    """Return a scheme, the secret to sign with, the one to verify with, and its options."""
    scheme = NAMED[name]
    shown = scheme.about.example
    assert shown is not None
    options = msgspec.structs.replace(shown.options, message_id="msg_1", reserialised=False)
    return scheme, shown.signing_secret or shown.secret, shown.secret, options


def signed_request(name: str, body: bytes) -> tuple[Scheme, SignedRequest, Secret, Options]:
    scheme, private, public, options = material(name)
    shown = scheme.about.example
    assert shown is not None
    request = msgspec.structs.replace(shown.request, body=body)
    if name == "twilio":  # any bytes are covered by their hash; as a form, other bytes can be the same fields
        request = request.with_headers(("Content-Type", "application/json"))
    return scheme, sign(scheme, request, [private], NOW, options), public, options


@pytest.mark.parametrize("name", SIGNED)
@QUICK
@given(body=st.binary(max_size=300))
@example(body=b"")
def test_what_is_signed_is_genuine(name: str, body: bytes) -> None:
    """For every scheme and every body, as long as the clock says so."""
    scheme, signed, secret, options = signed_request(name, body)
    for seconds in (0, 299, -299):
        assert verify(scheme, signed, [secret], NOW + timedelta(seconds=seconds), options).ok


@pytest.mark.parametrize("name", SIGNED)
@QUICK
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_one_changed_bit_of_the_body_is_refused(name: str, body: bytes, data: st.DataObject) -> None:
    """No bit of the body is free."""
    scheme, signed, secret, options = signed_request(name, body)
    at = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[at // 8] ^= 1 << at % 8
    assert not verify(scheme, msgspec.structs.replace(signed, body=bytes(changed)), [secret], NOW, options).ok


def flips(text: str) -> Iterator[str]:
    """Yield the text with each bit of each character changed in turn."""
    for position, char in enumerate(text):
        for bit in range(7):
            yield text[:position] + chr(ord(char) ^ (1 << bit)) + text[position + 1 :]


@pytest.mark.parametrize("name", SIGNED)
def test_no_bit_of_what_signing_adds_is_free(name: str) -> None:
    """Every bit of signature, timestamp and id: changed, the request is refused. The name of an HTTP authentication
    scheme, which has no case, is the only exception.
    """
    scheme, signed, secret, options = signed_request(name, b'{"a": 1}')
    taking_part = {header.lower() for header in headers_of(scheme)}
    given = [pair for pair in signed.headers if pair[0].lower() in taking_part]
    assert given
    for header, value in given:
        for changed in flips(value):
            if header == "Authorization" and changed[5:] == value[5:]:
                continue
            verdict = verify(scheme, signed.with_headers((header, changed)), [secret], NOW, options)
            assert not verdict.ok, (header, changed)
            assert verdict.reason is not Reason.INTERNAL


@pytest.mark.parametrize("name", sorted(NAMED))
@QUICK
@given(request=hostile_requests, secrets=hostile_secrets)
def test_nothing_that_a_stranger_sends_raises(name: str, request: SignedRequest, secrets: list[Secret]) -> None:
    """Garbage is a refusal with a reason, never an exception, and never a bug that the door had to catch."""
    scheme = NAMED[name]
    descriptor = NAMED["generic_hmac"].about.example
    assert descriptor is not None
    options = Options(
        descriptor=descriptor.options.descriptor,
        certificates={"https://sns.a-1.amazonaws.com/a.pem": "x"},
        topics=("*",),
    )
    verdict = verify(scheme, request, secrets, NOW, options)
    assert verdict.reason is not Reason.INTERNAL
    answer_unsigned(scheme, request, options)
    answer_signed(scheme, request, accepted(secret=0 if secrets else None), secrets)


@settings(max_examples=30, deadline=None)
@given(request=hostile_requests, secrets=hostile_secrets, name=st.sampled_from(sorted(NAMED)))
def test_diagnosis_never_raises(request: SignedRequest, secrets: list[Secret], name: str) -> None:
    """Explaining garbage is as safe as refusing it."""
    diagnose(NAMED[name], request, secrets, NOW)


@QUICK
@given(text=st.text(alphabet=string.printable, max_size=40) | any_text)
def test_readers_of_text_refuse_in_one_way(text: str) -> None:
    """Timestamps and structured fields raise what they say they raise, and nothing else."""
    for form in TimeForm:
        with suppress(Refusal):
            read_timestamp(text, form)
    with suppress(FieldError):
        read_dictionary(text)


@QUICK
@given(body=bodies)
def test_rewriting_a_body_never_raises_and_is_stable(body: bytes) -> None:
    """The compact form of a compact form is itself."""
    list(rewritten_forms(body))
    form = javascript_form(body)
    if form is not None and b"e" not in form:
        assert javascript_form(form) == form


@QUICK
@given(
    document=json_values
    | st.dictionaries(st.sampled_from(["header", "signed", "timestamp", "key", "prefix", "encoding"]), json_values)
)
def test_a_description_is_read_or_refused(document: Any) -> None:
    """Any YAML in the place of a description gives a descriptor or problems, never both, never an exception."""
    descriptor, problems = descriptor_from_document(document)
    assert (descriptor is None) == bool(problems)


@QUICK
@given(document=json_values | st.fixed_dictionaries({"cases": st.lists(st.dictionaries(
    st.sampled_from(["scheme", "name", "expect", "now", "body", "headers", "secret", "keys", "config", "request"]),
    json_values | st.sampled_from(["github", "valid", "invalid"])), max_size=3)}))  # fmt: skip
def test_a_vector_file_of_garbage_is_misses(document: Any) -> None:
    """Checking somebody's broken file ends with misses or one error, not with a traceback."""
    with suppress(InvalidInputError):
        list(check(document))
