"""The reference page of schemes, written from what each scheme says of itself, so that it cannot be wrong for long."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.registry import SCHEMES, sign
from stormlet.signatures.scheme import About, Scheme
from stormlet.signatures.verification import MEANINGS, Reason

EXAMPLE_NOW: Final = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)

_HEAD: Final = """<!-- Written by `make docs` from src/stormlet/signatures/; change it there. -->

# Signature schemes

A source names its scheme; nothing is guessed from the headers of a request. All rules below are checked over the bytes
received, before anything is parsed:

- Header names compare without case. A header that is empty counts as missing; one that stands there twice, or is not
  ASCII, is refused.
- Comparison takes the same time whatever is wrong. Several secrets may be active; any of them is enough.
- Hex may be all lower or all upper case. Base64 has one spelling: cut padding is refused.
- A wrong strong signature is never saved by a right weak one.
- A signed time is digits (or a date with a zone), and may be 300 s old or ahead where nothing else is said; exactly
  300 s still passes, except for Scalr.
"""


def render_schemes() -> str:
    """Return docs/reference/schemes.md."""
    return "\n".join([_HEAD, *_table(), "", *_sections(), *_reasons()]).rstrip() + "\n"


def render_proofs() -> str:
    """Return the table of docs/explanation/threat-model.md: what each scheme proves, and what it does not."""
    return "\n".join(_proofs())


def _table() -> Iterator[str]:
    yield "| scheme | sender | headers | signed time | delivery id |"
    yield "|---|---|---|---|---|"
    for scheme in SCHEMES:
        about = scheme.about
        link = f"[`{about.name}`](#{about.name})"
        headers = ", ".join(f"`{name}`" for name in headers_of(scheme)) or "none"
        yield f"| {link} | {about.title} | {headers} | {time_of(scheme)} | {_delivery(about)} |"


def _proofs() -> Iterator[str]:
    yield "| scheme | proves | does not prove | an old request is refused | delivery id |"
    yield "|---|---|---|---|---|"
    for scheme in SCHEMES:
        about = scheme.about
        link = f"[`{about.name}`](../reference/schemes.md#{about.name})"
        time = time_of(scheme)
        old = "no" if time == "none" else f"after {time}" if time[:1].isdigit() else time
        id_words = "none" if not about.delivery_id else "signed" if about.delivery_id_signed else "not signed"
        yield f"| {link} | {about.proves} | {about.unproved} | {old} | {id_words} |"


def _sections() -> Iterator[str]:
    for scheme in SCHEMES:
        about = scheme.about
        yield f"## {about.name}\n"
        yield f"{about.title}.\n"
        yield from (f"- **{word}**: {text}" for word, text in _facts(about) if text)
        yield ""
        yield from _example(scheme)


def _facts(about: About) -> Iterator[tuple[str, str]]:
    yield "Other names", ", ".join(f"`{alias}`" for alias in about.aliases)
    yield "Signature", about.signs
    yield "Configure", about.configure
    yield "Proves", about.proves
    yield "Does not prove", about.unproved
    yield "Delivery id", _delivery(about) if about.delivery_id else ""
    yield "Event type", ", then ".join(map(str, about.event_type))
    yield "Handshake", about.handshake


def _example(scheme: Scheme) -> Iterator[str]:
    example = scheme.about.example
    if example is None:
        return
    signer = example.signing_secret or example.secret
    signed = sign(scheme, example.request, [signer], EXAMPLE_NOW, example.options)
    yield f"Signed at {EXAMPLE_NOW:%Y-%m-%dT%H:%M:%SZ} with the secret `{signer.value}`:\n"
    yield "```http"
    yield f"{signed.method} {signed.url or '/'} HTTP/1.1"
    yield from (f"{name}: {value}" for name, value in signed.headers)
    yield f"\n{signed.body.decode()}"
    yield "```\n"


def _reasons() -> Iterator[str]:
    yield "## Reasons of refusal\n"
    yield "For the operator; the sender is told nothing of them.\n"
    yield "| reason | meaning |"
    yield "|---|---|"
    yield from (f"| `{reason}` | {MEANINGS[reason]} |" for reason in Reason if reason is not Reason.OK)


def headers_of(scheme: Scheme) -> tuple[str, ...]:
    """Return the headers that take part."""
    names: tuple[str, ...] = scheme.about.headers
    if isinstance(scheme, HmacScheme):
        first = scheme.descriptor.headers[0]
        names = (first.signature, first.timestamp, first.id)
    return tuple(name for name in names if name)


def time_of(scheme: Scheme) -> str:
    """Return how old a signature may be: seconds as `300 s`, `none`, or in words."""
    if not isinstance(scheme, HmacScheme):
        return scheme.about.time
    descriptor = scheme.descriptor
    timed = descriptor.time_prefix or any(names.timestamp for names in descriptor.headers)
    return f"{descriptor.window.seconds:.0f} s" if timed else "if configured" if descriptor.signed_with_time else "none"


def _delivery(about: About) -> str:
    if not about.delivery_id:
        return "none"
    places = ", or ".join(map(str, about.delivery_id))
    return f"{places} ({'signed' if about.delivery_id_signed else 'not signed'})"
