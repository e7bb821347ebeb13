"""Senders that do not sign: a password, a token in a header, or a token in the URL is all there is.

Everything that a request presents must be right. One good credential beside a bad one is refused: it is a mistake at
best, and which of the two another part would believe is unknown.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.places import first, in_body, in_header
from stormlet.signatures.request import Folded, SignedRequest, fold, present, query_of, query_values, text_bytes
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret, same_secret
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

AUTHORIZATION: Final = "Authorization"


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """Where one kind of credential may stand; an empty name: not there."""

    header: str = ""
    query: str = ""


class Presented(msgspec.Struct, frozen=True):
    """One credential that a request holds: the place it stands in, and its bytes."""

    place: str
    value: bytes


KINDS: Final = {
    "bearer": Carrier(header=AUTHORIZATION),
    "basic": Carrier(header=AUTHORIZATION),
    "header": Carrier(header="X-Webhook-Token"),
    "query": Carrier(query="token"),
    "api-key": Carrier(header="St2-Api-Key", query="st2-api-key"),
    "token": Carrier(header="X-Auth-Token", query="x-auth-token"),
}


class CredentialScheme:
    """A scheme that compares what was presented with what was configured."""

    def __init__(self, about: About, *, kind: str, name: str = "", carriers: dict[str, Carrier] | None = None) -> None:
        """Make a scheme whose secrets are of `kind` where they do not say, in the header or parameter `name`."""
        self.about = about
        self.kind = kind
        self.name = name
        self.carriers = KINDS | (carriers or {})

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        usable = [(index, secret) for index, secret in enumerate(secrets) if secret.value]
        if not any(secret.enabled for _, secret in usable):
            raise Refusal(Reason.NO_SECRET, "no active secret is configured")
        presented = self.presented(request, [secret for _, secret in usable], options)
        if not presented:
            raise Refusal(Reason.MISSING_CREDENTIAL, "the request holds no credential")
        found = [self._matching(item, usable, options) for item in presented]
        if any(index is None for index in found):
            raise Refusal(Reason.MISMATCH, "the credential is wrong")
        for index in found:
            self._still_good(secrets[index or 0], index, now)
        return accepted(secret=found[0], delivery_id=first(self.about.delivery_id, request.headers, None))

    def presented(self, request: SignedRequest, secrets: Sequence[Secret], options: Options) -> list[Presented]:
        """Return what the request holds in the places where these secrets may stand.

        Raises:
            Refusal: one place holds two values.
        """
        headers = fold(request.headers)
        carriers = [self._carrier(secret, options) for secret in secrets]
        found = [
            Presented(carrier.header.lower(), value)
            for carrier in carriers
            if carrier.header and (value := _header_value(headers, carrier.header)) is not None
        ]
        found += [
            Presented("?" + carrier.query, value)
            for carrier in carriers
            if carrier.query and (value := _query_value(request.url, carrier.query)) is not None
        ]
        return list({item.place: item for item in found}.values())

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        if not secrets or not secrets[0].value:
            raise InvalidInputError(f"{self.about.name} needs a secret", hint=self.about.configure)
        secret = secrets[0]
        carrier = self._carrier(secret, options)
        if carrier.header:
            return request.with_headers((carrier.header, self._header_text(secret)))
        from urllib.parse import quote

        joint = "&" if query_of(request.url) else "" if request.url.endswith("?") else "?"
        added = f"{joint}{quote(carrier.query, safe='')}={quote(secret.value, safe='')}"
        return msgspec.structs.replace(request, url=request.url + added)

    def _kind(self, secret: Secret) -> str:
        return secret.kind or ("basic" if secret.username else self.kind)

    def _carrier(self, secret: Secret, options: Options) -> Carrier:
        kind = self._kind(secret)
        carrier = self.carriers.get(kind, Carrier())
        default = (options.header or self.name) if kind == self.kind else ""
        name = secret.name or default
        if kind == "header" and name:
            return Carrier(header=name)
        return Carrier(query=name) if kind == "query" and name else carrier

    def _header_text(self, secret: Secret) -> str:
        kind = self._kind(secret)
        if kind == "basic":
            return "Basic " + _basic(secret)
        return f"Bearer {secret.value}" if kind == "bearer" else secret.value

    def _matching(self, item: Presented, usable: Sequence[tuple[int, Secret]], options: Options) -> int | None:
        """Return the index of the first secret that the presented value is, after comparing with every one."""
        matched: int | None = None
        for index, secret in usable:
            carrier = self._carrier(secret, options)
            here = item.place in (carrier.header.lower(), "?" + carrier.query)
            wanted = secret.value.encode("utf-8", "surrogatepass")
            given = item.value
            if carrier.header == AUTHORIZATION and item.place == AUTHORIZATION.lower():
                kind = self._kind(secret)
                given = _after_scheme(item.value, kind)
                wanted = _basic(secret).encode() if kind == "basic" else wanted
            if same_secret(given, wanted) and here and matched is None:
                matched = index
        return matched

    def _still_good(self, secret: Secret, index: int | None, now: datetime) -> None:
        if not secret.enabled:
            raise Refusal(Reason.DISABLED, "the credential is disabled", secret=index)
        if secret.expires_at is not None and secret.expires_at <= now.timestamp():
            raise Refusal(Reason.EXPIRED, "the credential has expired", secret=index)


def _header_value(headers: Folded, name: str) -> bytes | None:
    if not present(headers, name):
        return None
    values = headers[name.lower()]
    if len(values) > 1:
        raise Refusal(Reason.DUPLICATE_HEADER, f"the header {name} stands there {len(values)} times", subject=name)
    return text_bytes(values[0])


def _query_value(url: str, name: str) -> bytes | None:
    values = query_values(url, name)
    if not any(values):
        return None
    if len(values) > 1:
        raise Refusal(Reason.DUPLICATE_HEADER, f"the parameter {name} stands there {len(values)} times", subject=name)
    return values[0]


def _after_scheme(value: bytes, kind: str) -> bytes:
    """Return what stands after `Bearer ` or `Basic `; empty, which no secret is, under another scheme."""
    scheme, _, rest = value.partition(b" ")
    return rest.lstrip(b" ") if scheme.lower() == kind.encode() else b""


def _basic(secret: Secret) -> str:
    return base64.b64encode(f"{secret.username}:{secret.value}".encode("utf-8", "surrogatepass")).decode()


_PROVES: Final = "That the sender knows the credential."
_UNPROVED: Final = (
    "That the body is unchanged, or when it was sent: nothing is signed. Use TLS, and keep URLs out of logs."
)


def _example(secret: Secret) -> Example:
    request = SignedRequest(url="https://hooks.example.org/api/v1/webhooks/demo", body=b'{"status": "firing"}')
    return Example(request=request, secret=secret)


CREDENTIALS: Final = CredentialScheme(
    About(
        name="credentials",
        title="Any sender with a password or a token",
        headers=("Authorization",),
        signs="nothing: Basic, Bearer, a token in a header or a token in the URL is compared",
        configure="The credential; `kind` is bearer (the default), basic with `username`, header or query with `name`.",
        proves=_PROVES,
        unproved=_UNPROVED,
        example=_example(Secret(value="s3cr3t", kind="header", name="X-Acme-Token")),
    ),
    kind="bearer",
)

GITLAB_TOKEN: Final = CredentialScheme(
    About(
        name="gitlab-token",
        title="GitLab (secret token)",
        headers=("X-Gitlab-Token",),
        signs="nothing: the token in `X-Gitlab-Token` is compared",
        configure="The webhook's secret token, as text. Prefer gitlab-signing where your GitLab has signing tokens.",
        proves=_PROVES,
        unproved=_UNPROVED,
        delivery_id=(in_header("Idempotency-Key"),),
        event_type=(in_header("X-Gitlab-Event"), in_body("object_kind")),
        example=_example(Secret(value="s3cr3t")),
    ),
    kind="header",
    name="X-Gitlab-Token",
)

ALERTMANAGER: Final = CredentialScheme(
    About(
        name="alertmanager",
        title="Prometheus Alertmanager",
        headers=("Authorization",),
        signs="nothing: `http_config`'s Basic or Bearer credential is compared",
        configure="The token (`authorization.credentials`), or the password with `username` (`basic_auth`).",
        proves=_PROVES,
        unproved=_UNPROVED,
        event_type=(in_body("status"),),
        example=_example(Secret(value="s3cr3t", username="alertmanager")),
    ),
    kind="bearer",
)

DATADOG: Final = CredentialScheme(
    About(
        name="datadog",
        title="Datadog",
        headers=("X-Webhook-Token", "Authorization"),
        signs="nothing: a custom header, or Basic, is compared",
        configure="The header's value with its `name` (X-Webhook-Token where none is given), or a password with `username`.",
        proves=_PROVES,
        unproved=_UNPROVED,
        delivery_id=(in_body("id"),),
        event_type=(in_body("event_type"),),
        example=_example(Secret(value="s3cr3t", name="X-Acme-Token")),
    ),
    kind="header",
)

DOCKERHUB: Final = CredentialScheme(
    About(
        name="dockerhub",
        title="Docker Hub",
        aliases=("docker-hub",),
        signs="nothing: a token in the URL's query (`?token=…`) is compared",
        configure="A long random text; register the URL with it. `name` is the parameter, `token` where none is given.",
        proves=_PROVES,
        unproved=_UNPROVED + " Never call the body's `callback_url`.",
        example=_example(Secret(value="s3cr3t")),
    ),
    kind="query",
)

STACKSTORM: Final = CredentialScheme(
    About(
        name="stackstorm",
        title="StackStorm (API key or token)",
        aliases=("st2",),
        headers=("St2-Api-Key", "X-Auth-Token"),
        signs="nothing: `St2-Api-Key` or `X-Auth-Token`, as a header or in the query, is compared",
        configure="API keys (`kind: api-key`) and tokens (`kind: token`), which may be disabled or expire.",
        proves=_PROVES,
        unproved=_UNPROVED,
        example=_example(Secret(value="s3cr3t", kind="api-key")),
    ),
    kind="api-key",
)
