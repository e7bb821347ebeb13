"""What senders ask of an endpoint before they trust it, and what they must be told. Pure: a reply is data.

The order is the safety of it. `answer_unsigned` comes first and knows only the two protocols that have no signature to
check; everything else is answered by `answer_signed`, after the signature was found right. A challenge without a
signature is never echoed: for Zoom that would make us a signing oracle, for Slack a proof of ownership for anyone.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from stormlet.signatures.aws_sns import SUBSCRIPTION, UNSUBSCRIPTION, is_sns_url
from stormlet.signatures.request import SignedRequest, fold, query_of
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Verification

_JSON: Final = ("Content-Type", "application/json")
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
_MAX_CHALLENGE: Final = 4096
_MAX_RATE: Final = 1_000_000


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to send, and what else to do."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    dispatch: bool = False
    """Whether the request is an event, to be recorded and matched."""
    fetch: tuple[str, ...] = ()
    """URLs to GET once, through the guard for outgoing requests."""
    why: str = ""


def answer_unsigned(scheme: Scheme, request: SignedRequest, options: Options) -> Reply | None:
    """Return the reply to a handshake of a protocol without signatures; None if the request is not one."""
    if scheme.about.name == "msgraph":
        return graph_validation(request)
    if scheme.about.name == "cloudevents":
        return webhook_consent(request, options)
    return None


def answer_signed(
    scheme: Scheme,
    request: SignedRequest,
    verification: Verification,
    secrets: Sequence[Secret],
    document: Any = msgspec.UNSET,
) -> Reply | None:
    """Return the reply to a handshake in a request that was found genuine; None if it is an ordinary event.

    `document` is the decoded body, where the caller has it already (None: it cannot be decoded).
    """
    answer = _SIGNED.get(scheme.about.name)
    if answer is None or not verification.ok:
        return None
    if document is msgspec.UNSET:
        document = _decoded(request.body)
    secret = secrets[verification.secret] if verification.secret is not None else None
    return answer(request, document if isinstance(document, dict) else {}, secret)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def graph_validation(request: SignedRequest) -> Reply | None:
    """Return Microsoft Graph's reply: the decoded token as plain text, which is never HTML since anyone may write it."""
    if request.method != "POST":
        return None
    values = [
        v for name, _, v in (f.partition("=") for f in query_of(request.url).split("&")) if name == "validationToken"
    ]
    if not values:
        return None
    token = unquote_to_bytes(values[0].replace("+", " "))
    try:
        token.decode()
    except UnicodeDecodeError:
        token = b""
    if len(values) > 1 or not token or len(token) > _MAX_CHALLENGE:
        return Reply(status=400, why="the validation token is doubled, empty, too long or not UTF-8")
    return Reply(status=200, headers=_TEXT, body=token, why="validation of the notification URL")


def webhook_consent(request: SignedRequest, options: Options) -> Reply | None:
    """Return the reply to CloudEvents' OPTIONS: consent is in the headers, so a refusal just has none.

    `WebHook-Request-Callback` is not followed: a GET to an address that a stranger chose is what SSRF is.
    """
    headers = fold(request.headers)
    origins = headers.get("webhook-request-origin", ())
    if request.method != "OPTIONS" or not origins:
        return None
    wanted = {origin.lower() for origin in options.allowed_origins}
    if len(origins) > 1 or not ({"*", origins[0].strip().lower()} & wanted):
        return Reply(status=403, headers=(("Allow", "POST, OPTIONS"),), why="this origin may not send here")
    allowed = (
        "*" if "*" in wanted else next(o for o in options.allowed_origins if o.lower() == origins[0].strip().lower())
    )
    asked = "".join(headers.get("webhook-request-rate", ()))
    rate = options.allowed_rate
    if asked.isascii() and asked.isdecimal() and 0 < int(asked[:9]) <= _MAX_RATE:
        rate = int(asked[:9]) if rate is None else min(rate, int(asked[:9]))
    consent = (
        ("Allow", "POST, OPTIONS"),
        ("WebHook-Allowed-Origin", allowed),
        ("WebHook-Allowed-Rate", str(rate) if rate else "*"),
    )
    return Reply(status=200, headers=consent, why="consent to CloudEvents deliveries")


def refusal_status(verification: Verification) -> int:
    """Return the status for a request that was refused: 401; 403 where it is genuine but may not; 400 where the sender
    is known and its event is malformed.
    """
    if verification.reason is Reason.NOT_ALLOWED:
        return 403
    known = verification.secret is not None and verification.reason is Reason.MALFORMED_BODY
    return 400 if known else 401


def event_reply(scheme: Scheme, request: SignedRequest) -> Reply:
    """Return what this sender expects for an ordinary event, where the source does not say something else."""
    name = scheme.about.name
    if name == "scalr":
        return Reply(status=200, headers=(_JSON,), body=b'{"Status": "ok"}', dispatch=True)
    if name == "teams":
        body = b'{"type":"message","text":"Received."}'
        return Reply(status=200, headers=(_JSON,), body=body, dispatch=True)
    if name == "discord":
        return Reply(status=204, headers=(_JSON,), dispatch=True)
    return Reply(status=202, headers=(_JSON,), body=b"{}", dispatch=True)


Document = Mapping[str, Any]


def _slack(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    challenge = document.get("challenge")
    if document.get("type") != "url_verification" or not isinstance(challenge, str):
        return None
    if len(challenge) > _MAX_CHALLENGE:
        return Reply(status=400, why="the challenge is too long")
    return Reply(status=200, headers=_TEXT, body=challenge.encode("utf-8", "replace"), why="Slack's url_verification")


def _zoom(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    payload = document.get("payload")
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    if document.get("event") != "endpoint.url_validation":
        return None
    if not isinstance(token, str) or len(token) > _MAX_CHALLENGE or secret is None:
        return Reply(status=400, why="the validation has no token")
    mac = hmac.digest(secret.value.encode(), token.encode("utf-8", "replace"), "sha256").hex()
    body = msgspec.json.encode({"plainToken": token, "encryptedToken": mac})
    return Reply(status=200, headers=(_JSON,), body=body, why="Zoom's URL validation")


def _discord(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    kind = document.get("type")
    if isinstance(kind, bool) or kind not in (0, 1) or "event" in document:
        return None  # type 1 is a PING of an interaction, but an event, with `event`, of a webhook
    if kind == 1:
        return Reply(status=200, headers=(_JSON,), body=b'{"type":1}', why="PING of Discord's interactions")
    return Reply(status=204, headers=(_JSON,), why="PING of Discord's webhook events")


def _sns(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    if document.get("Type") == UNSUBSCRIPTION:
        return Reply(status=200, why="SNS's UnsubscribeConfirmation; its URL would subscribe again and is not fetched")
    if document.get("Type") != SUBSCRIPTION:
        return None
    url = document.get("SubscribeURL")
    if not is_sns_url(url):
        return Reply(status=403, why="SubscribeURL is not one of SNS")
    return Reply(status=200, fetch=(str(url),), why="SNS's SubscriptionConfirmation")


def _hcp(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    action = document.get("event_action", document.get("eventAction"))
    return Reply(status=200, why="HCP's verification payload") if action == "test" else None


def _tfc(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    notifications = document.get("notifications")
    first = notifications[0] if isinstance(notifications, list) and notifications else None
    triggers = (document.get("trigger"), first.get("trigger") if isinstance(first, dict) else None)
    return Reply(status=200, why="HCP Terraform's verification payload") if "verification" in triggers else None


def _github(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    return _if_header(request, "x-github-event", "ping", "GitHub's ping")


def _bitbucket(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    return _if_header(request, "x-event-key", "diagnostics:ping", "Bitbucket's connection test")


def _pagerduty(request: SignedRequest, document: Document, secret: Secret | None) -> Reply | None:
    event = document.get("event")
    kind = event.get("event_type") if isinstance(event, dict) else None
    return Reply(status=200, why="PagerDuty's test event") if kind == "pagey.ping" else None


def _if_header(request: SignedRequest, name: str, value: str, why: str) -> Reply | None:
    return Reply(status=200, why=why) if fold(request.headers).get(name) == [value] else None


_SIGNED: Final[Mapping[str, Callable[[SignedRequest, Document, Secret | None], Reply | None]]] = {
    "slack": _slack,
    "zoom": _zoom,
    "discord": _discord,
    "aws-sns": _sns,
    "hcp": _hcp,
    "tfc": _tfc,
    "github": _github,
    "bitbucket": _bitbucket,
    "pagerduty": _pagerduty,
}
