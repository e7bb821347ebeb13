"""A request as it came over the wire, and reading it without trusting it.

Everything here works on what was received: no charset guessing, no JSON, no normalising, because a signature covers
bytes. Reading a header that is missing, doubled or not ASCII raises `Refusal`, which `registry.verify` turns into a
verdict; nothing else is ever raised for what a stranger sent.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from stormlet.signatures.verification import Reason, Refusal

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MAX_FORM_FIELDS: Final = 5000
"""More fields than any sender's form has; a bound on the work that an unauthenticated body can cause."""


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, before or after it was signed.

    `url` is the whole public URL as the sender called it, query included: behind a proxy the caller rebuilds scheme and
    host. `headers` are the pairs received, in order; names compare without case.
    """

    method: str = "POST"
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_headers(self, *added: tuple[str, str]) -> "SignedRequest":
        """Return the request with `added` last, in place of older headers of the same names."""
        names = {name.lower() for name, _ in added}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return msgspec.structs.replace(self, headers=(*kept, *added))


Folded = Mapping[str, Sequence[str]]
"""Header values by lower-case name."""


def fold(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each header under its lower-case name."""
    folded = {name.lower(): [value] for name, value in headers}
    if len(folded) == len(headers):
        return folded
    folded = {}
    for name, value in headers:
        folded.setdefault(name.lower(), []).append(value)
    return folded


def present(headers: Folded, name: str) -> bool:
    """Tell whether the header stands there with a value; an empty one counts as missing."""
    return any(headers.get(name.lower(), ()))


def one_value(headers: Folded, name: str) -> str:
    """Return the header's only value.

    Raises:
        Refusal: it is missing or empty, or stands there twice. Which of two values a proxy in front of us looked at
            cannot be known, so neither is taken.
    """
    values = headers.get(name.lower(), ())
    if len(values) == 1 and values[0]:
        return values[0]
    if not any(values):
        empty = " (it is there, but empty)" if values else ""
        raise Refusal(Reason.MISSING_HEADER, f"the header {name} is missing{empty}", subject=name)
    raise Refusal(Reason.DUPLICATE_HEADER, f"the header {name} stands there {len(values)} times", subject=name)


def one_ascii_value(headers: Folded, name: str) -> str:
    """Return the header's only value, which must be ASCII.

    Raises:
        Refusal: as `one_value`, or the text is not ASCII.
    """
    value = one_value(headers, name)
    if not value.isascii():
        raise Refusal(Reason.NON_ASCII_HEADER, f"the header {name} is not ASCII", subject=name)
    return value


def text_bytes(text: str) -> bytes:
    """Return the bytes of header or URL text, whatever is in it; lone surrogates do not raise."""
    return text.encode("utf-8", "surrogatepass")


class Url(msgspec.Struct, frozen=True, kw_only=True):
    """A URL cut into its parts, each as text received. Cutting never fails, whatever the text is."""

    scheme: str
    authority: str
    path: str
    query: str | None
    """Without the `?`; None where there is no `?`."""


def cut_url(url: str) -> Url:
    """Return the parts of an absolute URL; the fragment, which is never sent, is dropped."""
    rest, question, query = url.partition("#")[0].partition("?")
    scheme, mark, rest = rest.partition("://") if "://" in rest else ("", "", rest)
    authority, slash, path = rest.partition("/") if mark else ("", "", rest)
    return Url(scheme=scheme, authority=authority, path=slash + path, query=query if question else None)


def query_of(url: str) -> str:
    """Return the text between the first `?` and the fragment."""
    return url.partition("#")[0].partition("?")[2]


def form_fields(encoded: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a query or an urlencoded body as bytes, in order, blank values kept.

    Raises:
        Refusal: there are more fields than any sender has.
    """
    if encoded.count(b"&") >= _MAX_FORM_FIELDS:
        raise Refusal(Reason.MALFORMED_BODY, f"more than {_MAX_FORM_FIELDS} form fields")
    fields = []
    for field in encoded.split(b"&"):
        if field:
            name, _, value = field.replace(b"+", b" ").partition(b"=")
            fields.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return fields


def query_values(url: str, name: str) -> list[bytes]:
    """Return the values of a query parameter, percent-decoded to bytes. Parameter names compare with case."""
    wanted = text_bytes(name)
    return [value for key, value in form_fields(text_bytes(query_of(url))) if key == wanted]


def media_type(headers: Folded) -> str:
    """Return the content type in lower case without its parameters; empty when there is none."""
    values = headers.get("content-type", ())
    return values[0].partition(";")[0].strip().lower() if values else ""
