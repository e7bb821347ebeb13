"""The part of Structured Fields (RFC 8941) that HTTP message signatures are written in, read strictly and written canonically.

A dictionary whose members are inner lists, byte sequences or items, with parameters. Strict, because a lenient reader
and a strict one disagree about what was signed.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

BareItem = bool | int | float | str | bytes


class Token(str):
    """A token, which is written without quotes, unlike a string."""

    __slots__ = ()


class Item(msgspec.Struct, frozen=True):
    """A bare value with its parameters."""

    value: BareItem
    parameters: Mapping[str, BareItem]


class InnerList(msgspec.Struct, frozen=True):
    """A list in parentheses, with parameters of its own."""

    items: tuple[Item, ...]
    parameters: Mapping[str, BareItem]


class FieldError(ValueError):
    """The text is not a structured field of the wanted kind."""


_KEY: Final = re.compile(r"[a-z*][a-z0-9_\-.*]*", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}\.\d{1,3}|-?\d{1,15}", re.ASCII)
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~\w:/]*", re.ASCII)
_BYTES: Final = re.compile(r":([A-Za-z0-9+/=]*):", re.ASCII)
_MAX_MEMBERS: Final = 64


def read_dictionary(text: str) -> dict[str, Item | InnerList]:
    """Return the members of a dictionary field, in order.

    Raises:
        FieldError: the text is not a dictionary, or has a key twice.
    """
    return _Reader(text).dictionary()


def write_inner_list(inner: InnerList) -> str:
    """Return the canonical text of an inner list, which is what the signature base repeats."""
    return f"({' '.join(write_item(item) for item in inner.items)}){_parameters(inner.parameters)}"


def write_item(item: Item) -> str:
    """Return the canonical text of an item."""
    return _bare(item.value) + _parameters(item.parameters)


def write_bytes(value: bytes) -> str:
    """Return the text of a byte sequence."""
    return f":{base64.b64encode(value).decode()}:"


def _parameters(parameters: Mapping[str, BareItem]) -> str:
    return "".join(f";{key}" if value is True else f";{key}={_bare(value)}" for key, value in parameters.items())


def _bare(value: BareItem) -> str:
    if isinstance(value, bool):
        return f"?{int(value)}"
    if isinstance(value, bytes):
        return write_bytes(value)
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(round(value, 3)) if isinstance(value, float) else str(value)


class _Reader:
    """Reads one field's text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text.strip(" ")
        self.position = 0

    def dictionary(self) -> dict[str, Item | InnerList]:
        members: dict[str, Item | InnerList] = {}
        while self.position < len(self.text):
            key = self._match(_KEY, "a key")
            if key in members or len(members) >= _MAX_MEMBERS:
                raise FieldError("a key stands twice, or there are too many")
            members[key] = self._member() if self._accept("=") else Item(True, self._parameter_list())
            self._skip(" \t")
            if self.position == len(self.text):
                return members
            if not self._accept(","):
                raise FieldError("a comma is missing")
            self._skip(" \t")
            if self.position == len(self.text):
                raise FieldError("a comma stands at the end")
        return members

    def _member(self) -> Item | InnerList:
        return self._inner_list() if self._accept("(") else self._item()

    def _inner_list(self) -> InnerList:
        items: list[Item] = []
        while True:
            self._skip(" ")
            if self._accept(")"):
                return InnerList(tuple(items), self._parameter_list())
            if len(items) >= _MAX_MEMBERS:
                raise FieldError("the list is too long")
            items.append(self._item())
            if self.text[self.position : self.position + 1] not in (" ", ")"):
                raise FieldError("a space is missing in a list")

    def _item(self) -> Item:
        return Item(self._bare_item(), self._parameter_list())

    def _parameter_list(self) -> dict[str, BareItem]:
        parameters: dict[str, BareItem] = {}
        while self._accept(";"):
            self._skip(" ")
            key = self._match(_KEY, "a parameter")
            if key in parameters or len(parameters) >= _MAX_MEMBERS:
                raise FieldError("a parameter stands twice, or there are too many")
            parameters[key] = self._bare_item() if self._accept("=") else True
        return parameters

    def _bare_item(self) -> BareItem:
        first = self.text[self.position : self.position + 1]
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self._match(_STRING, "a string")[1:-1])
        if first == ":":
            return self._bytes()
        if first == "?":
            self.position += 1
            return self._match(re.compile("[01]"), "a boolean") == "1"
        if first == "-" or first.isdecimal():
            number = self._match(_NUMBER, "a number")
            return float(number) if "." in number else int(number)
        return Token(self._match(_TOKEN, "a value"))

    def _bytes(self) -> bytes:
        """Return a byte sequence in its one spelling: leftover bits would be bits that nothing signs."""
        text = self._match(_BYTES, "a byte sequence")
        try:
            value = base64.b64decode(text[1:-1], validate=True)
        except binascii.Error as error:
            raise FieldError("a byte sequence is not base64") from error
        if write_bytes(value) != text:
            raise FieldError("a byte sequence is not in canonical base64")
        return value

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise FieldError(f"{what} is missing at character {self.position + 1}")
        self.position = found.end()
        return found[0]

    def _accept(self, char: str) -> bool:
        if self.text.startswith(char, self.position):
            self.position += 1
            return True
        return False

    def _skip(self, chars: str) -> None:
        while self.position < len(self.text) and self.text[self.position] in chars:
            self.position += 1
