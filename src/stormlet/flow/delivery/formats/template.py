"""A format of the user's own: body and headers as templates, and a signature as a descriptor says.

Templates are compiled when the endpoint is loaded. What they print is text and is never compiled again; in a body that is written
as a structure they cannot break out of the text they stand in.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.flow.delivery.formats.interface import (
    About,
    Example,
    OutgoingRequest,
    Render,
    Sending,
    compact,
    outgoing,
)
from stormlet.flow.delivery.formats.scalr import EXAMPLE_SECRET
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.clock import to_iso
from stormlet.foundation.errors import InvalidInputError, RenderError
from stormlet.foundation.templates import Templates, is_template
from stormlet.signatures.descriptor import Descriptor
from stormlet.signatures.descriptor_document import descriptor_from_document
from stormlet.signatures.generic_hmac import GENERIC_HMAC
from stormlet.signatures.registry import sign
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
OF_THE_CONNECTION: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
    | {"proxy-authorization", "proxy-connection"}
)
"""Headers that belong to whoever sends, not to what is sent."""

Fill = Callable[[Mapping[str, Any]], Any]


class TemplateFormat:
    """Whatever a receiver wants."""

    about = About(
        name="template",
        title="A format of your own",
        help="`body` is a template, or a structure whose texts are templates and which is sent as JSON; `headers` "
        "are templates too. They see `message` (all of it, as `standard` sends it), `data` (the message's), "
        "`endpoint` (`name`, `pack`, `description`), `now` and `attempt`. In a body that is one text, put values "
        "into JSON with `| to_json_string`. `signature` is what a source's `generic_hmac` is: header, algorithm, "
        "encoding, prefix and what is signed.",
        signs="What `signature` says, with the newest secret; with a `separator`, with all of them. Without "
        "`signature`: nothing.",
        options={
            "body": {
                "type": ["string", "object", "array"],
                "description": "A template, or a structure of templates.",
            },
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "default": {},
                "description": "Templates of further headers.",
            },
            "content_type": {
                "type": "string",
                "pattern": "^[!-~]+/[ -~]+$",
                "default": "application/json",
                "description": "Of the body.",
            },
            "method": {
                "enum": ["POST", "PUT", "PATCH"],
                "default": "POST",
                "description": "Of the request.",
            },
            "signature": {
                "type": "object",
                "default": {},
                "description": "How the request is signed, as in a source with `scheme: generic_hmac`.",
            },
        },
        required=("body",),
        scheme="generic_hmac",
        examples=(
            Example(
                title="A structure, signed over time and body",
                message="execution.failed",
                options={
                    "body": {
                        "text": "{{ data.execution.action }}: {{ data.error }}",
                        "link": "{{ message.url }}",
                        "labels": ["{{ message.pack }}", "ops"],
                    },
                    "headers": {"X-Acme-Kind": "{{ message.type }}"},
                    "signature": {
                        "header": "X-Acme-Signature",
                        "prefix": "v1=",
                        "signed": "{timestamp}.{body}",
                        "timestamp": {"header": "X-Acme-Time"},
                    },
                },
                secrets=(EXAMPLE_SECRET,),
            ),
            Example(
                title="A text for ntfy",
                message="execution.succeeded",
                options={
                    "body": "{{ data.execution.action }} took {{ data.execution.seconds }} s",
                    "content_type": "text/plain; charset=utf-8",
                    "headers": {"Title": "{{ message.type }}", "Click": "{{ message.url }}"},
                },
            ),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        fill_body = _compiled(options["body"], templates, "body")
        fill_headers = {
            _header_name(name): _compiled(text, templates, f"headers.{name}")
            for name, text in options["headers"].items()
        }
        descriptor = _descriptor(options["signature"])
        as_text = isinstance(options["body"], str)

        def render(sending: Sending) -> OutgoingRequest:
            context = _context(sending)
            filled = fill_body(context)
            headers = [(name, _header_value(name, fill(context))) for name, fill in fill_headers.items()]
            request = SignedRequest(
                method=options["method"],
                url=sending.endpoint.url,
                headers=(("Content-Type", options["content_type"]), *headers),
                body=filled.encode("utf-8", "replace") if as_text else compact(filled),
            )
            return _signed(request, sending, descriptor)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _context(sending: Sending) -> dict[str, Any]:
    endpoint = sending.endpoint
    return {
        "message": envelope(sending.message),
        "data": sending.message.data,
        "endpoint": {"name": endpoint.name, "pack": endpoint.pack, "description": endpoint.description},
        "now": to_iso(sending.now),
        "attempt": sending.attempt,
    }


def _signed(request: SignedRequest, sending: Sending, descriptor: Descriptor | None) -> OutgoingRequest:
    if descriptor is None:
        return outgoing(request)
    if not sending.secrets:
        raise InvalidInputError("the format has a signature and the endpoint no secret", hint="rotate: one is made")
    secrets = sending.secrets
    if not descriptor.separator:
        secrets = (secrets[(sending.attempt - 1) % len(secrets)],)
    options = Options(descriptor=descriptor, message_id=sending.message.id)
    return outgoing(sign(GENERIC_HMAC, request, secrets, sending.now, options), secrets)


def _compiled(part: Any, templates: Templates, path: str) -> Fill:
    """Return what fills a part of the body, every text in it compiled.

    Raises:
        RenderError: one cannot be; the message says which.
    """
    if isinstance(part, Mapping):
        inner = {str(name): _compiled(each, templates, f"{path}.{name}") for name, each in part.items()}
        return lambda context: {name: fill(context) for name, fill in inner.items()}
    if isinstance(part, list | tuple):
        fills = [_compiled(each, templates, f"{path}.{place}") for place, each in enumerate(part)]
        return lambda context: [fill(context) for fill in fills]
    if not is_template(part):
        return lambda context: part
    try:
        template = templates.compile(part)
    except RenderError as error:
        raise RenderError(f"options.{path}: {error.text}", hint=error.hint) from error

    def fill(context: Mapping[str, Any]) -> str:
        try:
            return template.render(context)
        except RenderError as error:
            raise RenderError(f"options.{path}: {error.text}", hint=error.hint) from error

    return fill


def _descriptor(document: Mapping[str, Any]) -> Descriptor | None:
    if not document:
        return None
    descriptor, problems = descriptor_from_document(document, "options.signature")
    if descriptor is None:
        first = problems[0]
        raise InvalidInputError(f"{first.path}: {first.text}", hint=first.hint)
    return descriptor


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name) or name.lower() in OF_THE_CONNECTION | {"content-type"}:
        hint = "`content_type` says it" if name.lower() == "content-type" else "choose another name"
        raise InvalidInputError(f"options.headers: {name!r} is not a header that may be set", hint=hint)
    return name


def _header_value(name: str, value: str) -> str:
    value = value.strip()
    if not _VALUE.fullmatch(value):
        raise RenderError(f"options.headers.{name}: a header is one line of ASCII", hint="`| urlencode` makes it so")
    return value
