"""A signature scheme as data: what is signed, with what, and where the result stands.

Twenty of the schemes that are built in are one of these and nothing else (`catalogue.py`), and so is whatever a user
writes under `scheme: generic_hmac`. What cannot be said here has a file of its own. The engine that runs a descriptor
is `hmac_scheme.py`; reading one from YAML, with problems instead of exceptions, is `descriptor_document.py`.
"""

from enum import StrEnum

import msgspec

from stormlet.signatures.secret import KeyForm
from stormlet.signatures.timestamps import TimeForm, Window


class Algorithm(StrEnum):
    """The hash under the HMAC."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Encoding(StrEnum):
    """How the digest is written. Comparison is by text, so that one digest has one spelling (two for hex: all lower
    or all upper case), and cut padding or leftover bits are refusals.
    """

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"
    """Without padding."""


class HeaderNames(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of one spelling of a scheme. An empty name: the scheme has no such header."""

    signature: str
    timestamp: str = ""
    id: str = ""


class Legacy(msgspec.Struct, frozen=True, kw_only=True):
    """The sender's older, weaker signature. Taken only where an option says so, and only if the stronger was not sent."""

    header: str
    algorithm: Algorithm = Algorithm.SHA1
    prefix: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True):
    """One HMAC scheme."""

    headers: tuple[HeaderNames, ...]
    """Spellings, the preferred first. The first whose headers are all present is used; spellings never mix."""
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    signed: str = "{body}"
    """The signed bytes: text with `{body}`, `{timestamp}`, `{id}`, `{url}`, `{method}`, `{path}` or `{header:Name}`."""
    signed_with_time: str = ""
    """Replaces `signed` where a timestamp header was configured (Grafana)."""
    prefix: str = ""
    """What stands before the digest: `sha256=`, `v0=`. In a list, entries with another prefix are skipped."""
    prefix_optional: bool = False
    prefix_any_case: bool = False
    """For HTTP authentication schemes, whose names compare without case."""
    separator: str = ""
    """What separates several signatures in one header; empty: there is one."""
    strip_entries: bool = False
    """Whether spaces around the entries of a list are dropped."""
    time_prefix: str = ""
    """The entry of the list that is the timestamp (Stripe's `t=`)."""
    time_form: TimeForm = TimeForm.UNIX
    window: Window = Window()
    key: KeyForm = KeyForm.TEXT
    key_prefix: str = ""
    """Cut from the secret before it is decoded."""
    legacy: Legacy | None = None
    reserialised: bool = False
    """Whether the signature may also be over the body as JavaScript's JSON.stringify writes it (Zoom)."""

    def places(self) -> frozenset[str]:
        """Return the names in braces in what is signed."""
        return frozenset(part.name for part in parse_template(self.signed) if part.name)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the signed bytes: a literal, or a named place in the request."""

    literal: bytes = b""
    name: str = ""
    argument: str = ""
    """The header's name, for `{header:Name}`."""


class TemplateError(ValueError):
    """The text after `signed:` cannot be understood. The message says what is wrong."""


_NAMES = ("body", "timestamp", "id", "url", "method", "path", "header")


def parse_template(text: str) -> tuple[Part, ...]:
    """Return the parts of a `signed` text. Braces that are meant are written twice.

    Raises:
        TemplateError: a brace is not closed, or a name does not exist.
    """
    parts: list[Part] = []
    literal = ""
    position = 0
    while position < len(text):
        if text[position : position + 2] in ("{{", "}}"):
            literal += text[position]
            position += 2
        elif text[position] == "{":
            end = text.find("}", position)
            if end < 0:
                raise TemplateError("a `{` is not closed; write `{{` for a brace that is meant")
            if literal:
                parts.append(Part(literal=literal.encode()))
                literal = ""
            parts.append(_named(text[position + 1 : end]))
            position = end + 1
        elif text[position] == "}":
            raise TemplateError("a `}` has no `{`; write `}}` for a brace that is meant")
        else:
            literal += text[position]
            position += 1
    return (*parts, Part(literal=literal.encode())) if literal else tuple(parts)


def _named(inside: str) -> Part:
    name, _, argument = inside.partition(":")
    if name not in _NAMES or bool(argument) != (name == "header"):
        raise TemplateError(f"`{{{inside}}}` is not a part of a request; there are {{{'}, {'.join(_NAMES)}:Name}}")
    return Part(name=name, argument=argument)
