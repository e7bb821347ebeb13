"""What we send, as those receive it who were built for other senders: with libraries and code that know nothing of us."""

import base64
import email.utils
import hashlib
import hmac
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dateutil.parser
import msgspec
import pytest
import standardwebhooks
import svix

from stormlet.flow.delivery.formats.interface import OutgoingRequest
from stormlet.flow.delivery.formats.registry import compile_format
from stormlet.flow.delivery.formats.samples import SAMPLE_ENDPOINT, sample
from stormlet.flow.delivery.secrets import generate, generate_key_pair
from stormlet.foundation.templates import Templates
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.signatures.secret import Secret

TEXT = "correct horse battery staple"


def _sent(
    name: str, message: str = "execution.failed", *secrets: str, options: Mapping[str, Any] | None = None
) -> OutgoingRequest:
    compiled = compile_format(name, options or {}, Templates())
    signing = [Secret(value=value, name=str(number)) for number, value in enumerate(secrets)]
    return compiled.render(sample(message), SAMPLE_ENDPOINT, signing, datetime.now(UTC))


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.Webhook], ids=["standardwebhooks", "svix"])
def test_libraries_of_standard_webhooks_take_it(library: Any) -> None:
    """With the old secret and with the new one while both sign, beside a signature of version 1a; and not with another."""
    old, new, private = generate(), generate(), generate_key_pair()[0]
    request = _sent("standard", "execution.failed", new, private, old)
    headers = dict(request.headers)
    assert [each.partition(",")[0] for each in headers["webhook-signature"].split(" ")] == ["v1", "v1", "v1a"]
    for secret in (old, new):
        library(secret).verify(request.body, headers)  # raises unless genuine
    for secret, body in ((generate(), request.body), (new, request.body + b" ")):
        with pytest.raises((standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)):
            library(secret).verify(body, headers)


def test_version_1a_is_right_by_the_public_key() -> None:
    """Verified with `cryptography` alone, as the specification says it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    private, public = generate_key_pair()
    request = _sent("standard", "rule.matched", private)
    headers = dict(request.headers)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    key.verify(base64.b64decode(headers["webhook-signature"].removeprefix("v1a,")), signed)


def test_a_receiver_of_scalr_takes_it() -> None:
    """`X-Signature` is the digest of body and `Date`, and `Date` is fresh by a liberal reader of dates."""
    request = _sent("scalr", "execution.succeeded", TEXT)
    headers = dict(request.headers)
    signed = request.body + headers["Date"].encode()
    assert headers["X-Signature"] == hmac.new(TEXT.encode(), signed, "sha256").hexdigest()
    assert abs(datetime.now(UTC) - dateutil.parser.parse(headers["Date"])) < timedelta(seconds=300)
    assert email.utils.parsedate_to_datetime(headers["Date"]).tzinfo is not None
    body = msgspec.json.decode(request.body)
    assert set(body) == {"environment", "event-name", "payload-version", "run", "variables", "webhook", "workspace"}
    assert (body["event-name"], body["run"]["status"]) == ("run:completed", "applied")
    assert set(body["run"]["created-by"]) == {"email", "id", "username"}


def test_a_receiver_of_pulumi_takes_it() -> None:
    """Id, kind and hex digest in headers; each kind has its fields."""
    fields = {
        "execution.failed": ("stack_update", {"updateUrl", "kind", "result", "resourceChanges", "isPreview"}),
        "execution.requested": ("deployment", {"deploymentUrl", "version", "operation", "status"}),
        "pack.registered": ("stack", {"action"}),
    }
    for message, (kind, own) in fields.items():
        request = _sent("pulumi", message, TEXT)
        headers, body = dict(request.headers), msgspec.json.decode(request.body)
        assert headers["Pulumi-Webhook-Kind"] == kind
        assert headers["Pulumi-Webhook-ID"]
        assert headers["Pulumi-Webhook-Signature"] == hmac.new(TEXT.encode(), request.body, "sha256").hexdigest()
        assert own | {"user", "organization", "projectName", "stackName"} == set(body)


def test_a_receiver_of_hcp_takes_it() -> None:
    """A bare hex digest of SHA-512; the verification says `test`, with an id of its own."""
    request = _sent("hcp", "endpoint.verification", TEXT)
    wanted = hmac.new(TEXT.encode(), request.body, "sha512").hexdigest()
    assert dict(request.headers)["X-HCP-Webhook-Signature"] == wanted
    body = msgspec.json.decode(request.body)
    assert body["event_action"] == "test"
    service, _, rest = body["event_id"].partition(".event:")
    assert (service, bool(rest)) == ("stormlet", True)


@pytest.mark.parametrize(
    ("name", "strong", "weak"),
    [("spacelift", "X-Signature-256", "X-Signature"), ("github", "X-Hub-Signature-256", "X-Hub-Signature")],
)
def test_receivers_of_spacelift_and_github_take_it(name: str, strong: str, weak: str) -> None:
    """Both headers are there, each with its prefix."""
    request = _sent(name, "execution.succeeded", TEXT)
    headers = dict(request.headers)
    assert headers[strong] == "sha256=" + hmac.new(TEXT.encode(), request.body, hashlib.sha256).hexdigest()
    assert headers[weak] == "sha1=" + hmac.new(TEXT.encode(), request.body, hashlib.sha1).hexdigest()


def test_spacelifts_fields_have_its_types() -> None:
    """Numbers where it has numbers, a list of labels, a commit that can be read."""
    body = msgspec.json.decode(_sent("spacelift", "execution.succeeded", TEXT).body)
    assert (body["state"], body["stateVersion"]) == ("FINISHED", 3)
    assert isinstance(body["timestamp"], int)
    assert isinstance(body["run"]["createdAt"], int)
    assert isinstance(body["run"]["commit"]["timestamp"], int)
    assert body["stack"]["labels"] == ["team:web"]


def test_octokit_takes_it() -> None:
    """GitHub's own library verifies; only where Node and @octokit/webhooks-methods are (OCTOKIT_DIRECTORY)."""
    where = os.environ.get("OCTOKIT_DIRECTORY", "")
    if not where or shutil.which("node") is None or not Path(where, "node_modules", "@octokit").is_dir():
        pytest.skip("optional: set OCTOKIT_DIRECTORY to where `npm install @octokit/webhooks-methods` was run")
    request = _sent("github", "execution.failed", TEXT)
    script = (
        'import {verify} from "@octokit/webhooks-methods"; const [s, b, g] = process.argv.slice(1);'
        'console.log(await verify(s, b, g), await verify(s, b + " ", g))'
    )
    signature = dict(request.headers)["X-Hub-Signature-256"]
    command = ["node", "--input-type=module", "-e", script, TEXT, request.body.decode(), signature]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60)
    assert done.stdout == "true false\n", done.stderr


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_our_own_reader_of_cloudevents_takes_every_type(mode: str) -> None:
    """It refuses all that the specification says must be refused; ours has nothing of it."""
    from stormlet.signatures.cloudevents import read_events
    from stormlet.signatures.request import SignedRequest

    for message in MESSAGE_TYPES:
        request = _sent("cloudevents", message, options={"mode": mode, "source": '/ü/ä b%20"c'})
        (event,) = read_events(SignedRequest(headers=request.headers, body=request.body))
        assert (event.type, event.source) == (message, '/ü/ä b%20"c')
        data = msgspec.json.decode(event.data) if mode == "binary" else event.data
        assert data == dict(sample(message).data)


def test_rfc9421_signs_once_for_each_key() -> None:
    """While a key is rotated there are two labels; a receiver that knows either takes it."""
    from stormlet.flow.delivery.formats.rfc9421 import key_of
    from stormlet.signatures.registry import verify
    from stormlet.signatures.request import SignedRequest
    from stormlet.signatures.rfc9421 import RFC9421

    old, new = generate(), generate()
    request = _sent("rfc9421", "rule.failed", new, old)
    received = SignedRequest(url=request.url, headers=request.headers, body=request.body)
    for number, value in enumerate((new, old)):
        verdict = verify(RFC9421, received, [key_of(Secret(value=value, name=str(number)))], datetime.now(UTC))
        assert verdict.ok, verdict
