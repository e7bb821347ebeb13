"""Running files of handshakes: a request, and the reply that its sender wants.

A case goes the way that a request goes at the door: unsigned handshake, signature, signed handshake, known delivery,
event. The reply is then held against `expect`, `must_not` and `side_effects`. What a case asks for and this cannot
judge (`must_not` rules about anything but dispatching, fetching, echoing and content types) is not held against it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from stormlet.foundation.errors import NotFoundError
from stormlet.signatures.handshakes import Reply, answer_signed, answer_unsigned, event_reply, refusal_status
from stormlet.signatures.places import first
from stormlet.signatures.registry import scheme_named, verify
from stormlet.signatures.request import FORM_TYPE, SignedRequest, cut_url, fold, media_type
from stormlet.signatures.scheme import Scheme
from stormlet.signatures.vectors import CaseError, Outcome, keys_of, moment_of, request_of
from stormlet.signatures.verification import Verification, accepted

_GENERIC_HOOK: Final = "st2"
_DOCUMENTED_HOOKS: Final = ("sample",)
"""What StackStorm's documentation registers by its example rule, where a case does not name `hooks` of its own."""
_CLASS: Final = re.compile(r"[1-5]xx")


def run_handshake_case(case: Mapping[str, Any]) -> Outcome:
    """Return the outcome of one handshake case.

    Raises:
        CaseError: the case cannot be understood.
    """
    provider = str(case.get("provider", case.get("scheme", "")))
    expect = case.get("expect")
    given = case.get("request")
    if not isinstance(expect, Mapping) or not isinstance(given, Mapping):
        raise CaseError("`request` or `expect` is missing")
    try:
        scheme = scheme_named(provider)
    except NotFoundError as error:
        raise CaseError(str(error)) from error
    request = request_of(given)
    reply = reply_to(scheme, request, case)
    faults = [*_faults(expect, reply), *_forbidden(case, request, reply), *_side_effects(case, reply)]
    return Outcome(
        scheme=provider,
        name=str(case.get("name", "")),
        passed=not faults,
        expected="; ".join(wanted for wanted, _ in faults),
        got="; ".join(got for _, got in faults),
    )


def reply_to(scheme: Scheme, request: SignedRequest, case: Mapping[str, Any]) -> Reply:
    """Return what the door answers, with the secrets, options and clock of the case."""
    secrets, options = keys_of(case)
    config = case["config"] if isinstance(case.get("config"), Mapping) else {}
    unsigned = answer_unsigned(scheme, request, options)
    if unsigned is not None:
        return unsigned
    unguarded = config.get("verification") == "none"
    verification = accepted() if unguarded else verify(scheme, request, secrets, moment_of(case), options)
    if not verification.ok:
        return Reply(status=refusal_status(verification), why=str(verification.reason))
    answer = answer_signed(scheme, request, verification, secrets)
    if answer is not None:
        return answer
    if scheme.about.name == "stackstorm":
        return _platform_hook(request, config)
    if _seen(scheme, request, verification, config):
        return Reply(status=200, why="this delivery was taken before")
    return event_reply(scheme, request)


def _seen(scheme: Scheme, request: SignedRequest, verification: Verification, config: Mapping[str, Any]) -> bool:
    known = {value for key, value in config.items() if key.startswith("already_seen") and isinstance(value, str)}
    delivery = verification.delivery_id or first(scheme.about.delivery_id, request.headers, _decoded(request.body))
    return bool(delivery) and delivery in known


def _platform_hook(request: SignedRequest, config: Mapping[str, Any]) -> Reply:
    """Answer as the platform's own hooks do: the generic one, and those that the case registers under `hooks`."""
    hook = cut_url(request.url).path.rstrip("/").rpartition("/webhooks/")[2]
    hooks = config["hooks"] if isinstance(config.get("hooks"), list) else _DOCUMENTED_HOOKS
    if hook != _GENERIC_HOOK and hook not in hooks:
        return Reply(status=404, why="no such hook")
    content_type = media_type(fold(request.headers))
    if content_type not in ("", "application/json", FORM_TYPE):
        return Reply(status=415, why="a body is JSON or a form")
    document = _platform_body(content_type, request.body)
    if document is None:
        return Reply(status=400, why="the body cannot be read")
    if hook == _GENERIC_HOOK and (not isinstance(document, dict) or not document.get("trigger")):
        return Reply(status=400, why="the generic hook wants an object with a trigger")
    echo = msgspec.json.encode(document)
    return Reply(status=202, headers=(("Content-Type", "application/json"),), body=echo, dispatch=True)


def _platform_body(content_type: str, body: bytes) -> Any:
    if content_type == FORM_TYPE:
        return parse_qs(body.decode("utf-8", "replace"))
    return _decoded(body) if body else {}


def _faults(expect: Mapping[str, Any], reply: Reply) -> Iterator[tuple[str, str]]:
    """Yield (expected, got) for each thing that `expect` says and the reply is not."""
    status = expect.get("status")
    if status is not None and not _status_fits(status, reply.status):
        yield f"status {status}", f"status {reply.status} ({reply.why})"
    choices = expect.get("any_of")
    if isinstance(choices, list) and not any(not list(_content_faults(choice, reply)) for choice in choices):
        yield f"one of {choices}", f"{_content_type(reply)} {reply.body[:200]!r}"
    yield from _content_faults(expect, reply)
    headers = fold(reply.headers)
    for name, wanted in _mapping(expect.get("headers")).items():
        values = headers.get(name.lower(), [])
        if len(values) != 1 or not _header_fits(wanted, values[0]):
            yield f"header {name}: {wanted}", f"{name}: {values}"
    for name in expect.get("headers_absent", ()):
        if name.lower() in headers:
            yield f"no header {name}", f"{name}: {headers[name.lower()]}"
    for name in expect.get("headers_present", ()):
        if name.lower() not in headers:
            yield f"a header {name}", "none"


def _content_faults(expect: Mapping[str, Any], reply: Reply) -> Iterator[tuple[str, str]]:
    content_type = expect.get("content_type")
    if content_type is not None and _content_type(reply) != str(content_type).partition(";")[0].strip().lower():
        yield f"content type {content_type}", f"content type {_content_type(reply)}"
    if expect.get("body_empty") is True and reply.body:
        yield "no body", repr(reply.body[:200])
    if "body_text" in expect and reply.body != str(expect["body_text"]).encode("utf-8", "surrogatepass"):
        yield f"body {expect['body_text']!r}", repr(reply.body[:200])
    if "body_json" in expect and _decoded(reply.body) != expect["body_json"]:
        yield f"body {expect['body_json']}", repr(reply.body[:200])
    if "body_json_contains" in expect:
        found = _mapping(_decoded(reply.body))
        wanted = _mapping(expect["body_json_contains"])
        if any(key not in found or found[key] != value for key, value in wanted.items()):
            yield f"body with {dict(wanted)}", repr(reply.body[:200])


def _forbidden(case: Mapping[str, Any], request: SignedRequest, reply: Reply) -> Iterator[tuple[str, str]]:
    """Yield (expected, got) for each `must_not` that happened."""
    for rule in case.get("must_not", ()):
        verb, _, what = str(rule).partition(" ")
        happened = False
        if verb == "dispatch":
            happened = reply.dispatch
        elif verb == "fetch":
            happened = bool(reply.fetch)
        elif verb == "Content-Type:":
            happened = _content_type(reply) == what.strip().lower()
        elif verb in ("echo", "return"):
            happened = _holds(reply.body, what, _decoded(request.body))
        if happened:
            yield f"not: {rule}", f"it did ({reply.why or reply.status})"


def _side_effects(case: Mapping[str, Any], reply: Reply) -> Iterator[tuple[str, str]]:
    if "side_effects" not in case:
        return
    wanted = [str(effect.get("GET")) for effect in case["side_effects"] if isinstance(effect, Mapping)]
    if wanted != list(reply.fetch):
        yield f"GET {wanted}", f"GET {list(reply.fetch)}"


def _holds(body: bytes, what: str, sent: Any) -> bool:
    """Tell whether a reply holds a named thing: the word itself, or the value that the request has under that name."""
    word = what.rpartition(" ")[2]
    values = [value for value in _values_named(sent, word) if len(value) > 3]
    return any(text.encode("utf-8", "surrogatepass") in body for text in (word, *values))


def _values_named(document: Any, name: str) -> Iterator[str]:
    if isinstance(document, Mapping):
        for key, value in document.items():
            if key == name and isinstance(value, str):
                yield value
            yield from _values_named(value, name)


def _status_fits(wanted: object, got: int) -> bool:
    if wanted == "any":
        return True
    if isinstance(wanted, str) and _CLASS.fullmatch(wanted):
        return got // 100 == int(wanted[0])
    return str(wanted) == str(got)


def _header_fits(wanted: object, got: str) -> bool:
    if not isinstance(wanted, Mapping):
        return str(wanted) == got
    if "any_of" in wanted:
        return got in wanted["any_of"]
    if "regex" in wanted:
        return re.search(str(wanted["regex"]), got) is not None
    return str(wanted.get("contains", "")) in got


def _content_type(reply: Reply) -> str:
    return media_type(fold(reply.headers))


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
