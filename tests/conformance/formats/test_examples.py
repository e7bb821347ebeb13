"""Every example of every format, compared with a file and verified by our own schemes.

The files in tests/golden/formats are written by `STORMLET_WRITE_GOLDEN=1 pytest tests/conformance/formats`; read the difference.
"""

import os
import re
from pathlib import Path

import pytest

from stormlet.flow.delivery.formats.interface import Example, Format, SecretUse
from stormlet.flow.delivery.formats.reference import as_http, example_request
from stormlet.flow.delivery.formats.registry import FORMATS, compile_format
from stormlet.flow.delivery.formats.rfc9421 import key_of
from stormlet.flow.delivery.formats.samples import SAMPLE_NOW
from stormlet.foundation.schema_validation import compile_schema
from stormlet.foundation.templates import Templates
from stormlet.signatures.descriptor_document import descriptor_from_document
from stormlet.signatures.registry import scheme_named, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "formats"
EXAMPLES = [(each, example) for each in FORMATS for example in each.about.examples]
IDS = [f"{each.about.name}: {example.title}" for each, example in EXAMPLES]


def _file(chosen: Format, example: Example) -> Path:
    return GOLDEN / f"{chosen.about.name}-{re.sub(r'[^a-z0-9]+', '-', example.title.lower())}.http"


@pytest.mark.parametrize(("chosen", "example"), EXAMPLES, ids=IDS)
def test_example_becomes_the_request_in_its_file(chosen: Format, example: Example) -> None:
    """Byte for byte, the version of the agent aside."""
    made = as_http(example_request(chosen, example)) + "\n"
    path = _file(chosen, example)
    if os.environ.get("STORMLET_WRITE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


def test_no_file_is_left_over() -> None:
    """Each file belongs to an example."""
    assert set(GOLDEN.glob("*.http")) == {_file(*each) for each in EXAMPLES}


SIGNED = [pair for pair in EXAMPLES if pair[0].about.scheme and pair[1].secrets]


@pytest.mark.parametrize(("chosen", "example"), SIGNED, ids=[f"{a.about.name}: {b.title}" for a, b in SIGNED])
def test_our_own_schemes_verify_it(chosen: Format, example: Example) -> None:
    """A source of that scheme takes the request, and refuses it with another body where that is signed."""
    request = example_request(chosen, example)
    name, options, secrets = chosen.about.scheme, Options(), list(example.secrets)
    if name == "generic_hmac":
        descriptor, problems = descriptor_from_document(example.options["signature"])
        assert not problems
        options = Options(descriptor=descriptor)
    if name == "rfc9421":
        secrets = [key_of(secret) for secret in secrets]
    if example.options.get("authorization") == "signature":
        name = "standard-webhooks"
    if name == "cloudevents":
        secrets = [type(secret)(value=secret.value) for secret in secrets]
    scheme = scheme_named(name)
    received = SignedRequest(method=request.method, url=request.url, headers=request.headers, body=request.body)
    verdict = verify(scheme, received, secrets, SAMPLE_NOW, options)
    assert verdict.ok, verdict
    if name != "cloudevents":
        changed = SignedRequest(method="POST", url=request.url, headers=request.headers, body=request.body + b" ")
        assert not verify(scheme, changed, secrets, SAMPLE_NOW, options).ok


@pytest.mark.parametrize("chosen", FORMATS, ids=[each.about.name for each in FORMATS])
def test_formats_explain_themselves(chosen: Format) -> None:
    """Each has a help, an example, a schema that its defaults fit, and a description for each option."""
    about = chosen.about
    assert len(about.help) > 60
    assert about.signs.endswith(".")
    assert about.examples
    for name, schema in about.options.items():
        assert schema["description"].endswith("."), name
        assert ("default" in schema) is (name not in about.required), name
    defaults = {name: schema["default"] for name, schema in about.options.items() if "default" in schema}
    required = dict.fromkeys(about.required, "text")
    assert compile_schema(about.schema).errors(defaults | required) == []
    compile_format(about.name, required, Templates())
    if about.secret is SecretUse.REQUIRED:
        assert all(example.secrets for example in about.examples)
