"""The reference page of formats, written from what each format says of itself; tests hold and verify the examples on it."""

from collections.abc import Iterator
from textwrap import fill
from typing import Any, Final

import msgspec

from stormlet import __version__
from stormlet.flow.delivery.formats.interface import About, Example, Format, OutgoingRequest, SecretForm, SecretUse
from stormlet.flow.delivery.formats.registry import FORMATS, compile_format
from stormlet.flow.delivery.formats.samples import SAMPLE_ENDPOINT, SAMPLE_NOW, sample
from stormlet.foundation.templates import Templates

_HEAD: Final = """<!-- Written by `make docs` from src/stormlet/flow/delivery/formats; change it there. -->

# Formats

An endpoint's `format` says what a message becomes on its way out. Whatever the format:

- What is signed are the very bytes that are sent, anew in each attempt.
- The endpoint's own `headers` are added; they replace none of the format's.
- In chat formats, what came from outside is cut to the product's limits with `…`, has no control characters and no marks that
  turn text around, and is escaped in the product's own way: it can mention nobody and stays within its place.
- A format whose header holds one signature signs with one secret. While a secret is rotated, the attempts take turns, the newest
  first. The others put all signatures into one header.
- JSON is sent without the blanks and line breaks that it is shown with below.
- Tokens and routing keys, and URLs that are secrets, are masked wherever a delivery is shown.
"""
_USES: Final = {
    SecretUse.REQUIRED: "required",
    SecretUse.OPTIONAL: "optional; without one nothing is signed",
    SecretUse.UNUSED: "none",
}
_FORMS: Final = {
    SecretForm.TEXT: "a text of at least 16 characters, or what is generated",
    SecretForm.STANDARD: "`whsec_…` (generated), or `whsk_…` for Ed25519",
    SecretForm.BASE64: "`whsec_…` (generated), or `whsk_…` for Ed25519",
    SecretForm.ROUTING_KEY: "the integration's routing key, 32 letters and digits",
}


def render_formats() -> str:
    """Return docs/reference/formats.md."""
    return "\n".join([_HEAD, *_table(), "", *_sections()]).rstrip() + "\n"


def as_http(request: OutgoingRequest, *, indented: bool = False) -> str:
    """Return a request as it would stand in a file: request line, headers, body. Our version is left out: it changes."""
    lines = [f"{request.method} {request.url} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    lines = [line.replace(__version__, "…") if line.startswith("User-Agent: ") else line for line in lines]
    text = request.body.decode()
    if indented and text.startswith("{"):
        text = msgspec.json.format(request.body, indent=2).decode()
    return "\n".join([*lines, "", text])


def example_request(chosen: Format, example: Example) -> OutgoingRequest:
    """Return what an example's message becomes."""
    compiled = compile_format(chosen.about.name, example.options, Templates())
    return compiled.render(sample(example.message), SAMPLE_ENDPOINT, example.secrets, SAMPLE_NOW)


def _table() -> Iterator[str]:
    yield "| format | for | secret |"
    yield "|---|---|---|"
    for each in FORMATS:
        about = each.about
        yield f"| [`{about.name}`](#{about.name}) | {about.title} | {about.secret} |"


def _sections() -> Iterator[str]:
    for each in FORMATS:
        about = each.about
        yield f"## {about.name}\n"
        yield _wrapped(f"{about.title}. {about.help}") + "\n"
        yield from _facts(about)
        yield ""
        yield from _options(about)
        for example in about.examples:
            yield from _example(each, example)


def _facts(about: About) -> Iterator[str]:
    yield _wrapped(f"- **Signature**: {about.signs}", "  ")
    secret = _USES[about.secret]
    yield f"- **Secret**: {secret}" + (f"; {_FORMS[about.secret_form]}" if about.secret is not SecretUse.UNUSED else "")
    if about.scheme:
        yield f"- **Verified by**: a source with `scheme: {about.scheme}` ([schemes](schemes.md#{about.scheme}))"
    if about.types != ("*",):
        names = ", ".join(f"`{name}`" for name in about.types)
        yield _wrapped(f"- **Types**: {names}; others are not sent", "  ")
    yield f"- **Largest body**: {about.max_body // 1024} KiB, unless the endpoint's `max_body` says otherwise"


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, 126, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _options(about: About) -> Iterator[str]:
    if not about.options:
        return
    yield "| option | values | default | meaning |"
    yield "|---|---|---|---|"
    for name, schema in about.options.items():
        default = f"`{_json(schema['default'])}`" if "default" in schema else "required"
        yield f"| `{name}` | {_values(schema)} | {default} | {schema['description']} |"
    yield ""


def _values(schema: Any) -> str:
    if "enum" in schema:
        return ", ".join(f"`{_json(value)}`" for value in schema["enum"])
    kind = schema["type"]
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _example(chosen: Format, example: Example) -> Iterator[str]:
    with_options = f", with the options `{_json(example.options)}`" if example.options else ""
    with_secret = f", signed with `{example.secrets[0].value}`" if example.secrets else ""
    yield f"{example.title} (`{example.message}`){with_options}{with_secret}:\n"
    yield "```http"
    yield as_http(example_request(chosen, example), indented=True)
    yield "```\n"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
