"""Reading a user's `signature:` block into a `Descriptor`, with problems instead of exceptions.

signature:
  header: X-Acme-Signature
  algorithm: sha256            # sha1, sha256 (default), sha384, sha512
  encoding: hex                # hex (default), base64, base64url
  prefix: v1=
  separator: ","               # where one header holds several signatures
  signed: "{timestamp}.{body}" # {body} (default), {timestamp}, {id}, {url}, {method}, {path}, {header:Name}
  timestamp: {header: X-Acme-Time, form: unix, tolerance: 300}
  id_header: X-Acme-Id
  key: text                    # text (default), base64, hex
  key_prefix: whsec_
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar

from stormlet.model.problem import Problem
from stormlet.signatures.descriptor import Algorithm, Descriptor, Encoding, HeaderNames, TemplateError, parse_template
from stormlet.signatures.secret import KeyForm
from stormlet.signatures.timestamps import TimeForm, Window

_TEXT_KEYS: Final = ("header", "prefix", "separator", "signed", "id_header", "key_prefix")
_KEYS: Final = (*_TEXT_KEYS, "algorithm", "encoding", "timestamp", "key", "prefix_optional")
_TIME_KEYS: Final = ("header", "entry", "form", "tolerance", "exclusive")
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MAX_TOLERANCE: Final = 7 * 86400

Word = TypeVar("Word", bound=StrEnum)


def descriptor_from_document(document: object, path: str = "signature") -> tuple[Descriptor | None, list[Problem]]:
    """Return the descriptor, or None with the problems that are in the way. `path` is where the block stands."""
    if not isinstance(document, Mapping):
        text = "this is not a mapping that says how the sender signs"
        return None, [Problem(code="wrong-type", text=text, path=path, hint="start with `header:`")]
    reader = _Reader(document, path)
    reader.unknown_keys(document, _KEYS, path)
    descriptor = reader.descriptor()
    return (None, reader.problems) if reader.problems else (descriptor, [])


class _Reader:
    """Collects problems while it reads one block, so that all of them are told at once."""

    def __init__(self, document: Mapping[Any, Any], path: str) -> None:
        self.document = document
        self.path = path
        self.problems: list[Problem] = []

    def descriptor(self) -> Descriptor:
        time = self.document.get("timestamp", {})
        if not isinstance(time, Mapping):
            self._problem(
                "wrong-type", "timestamp", "a timestamp has a `header` or an `entry`", "timestamp: {header: …}"
            )
            time = {}
        self.unknown_keys(time, _TIME_KEYS, f"{self.path}.timestamp")
        header, id_header = self._header_name("header", self.document, required=True), self._header_name("id_header")
        time_header = self._header_name("header", time, "timestamp.header")
        entry = self._text("entry", time, "timestamp.entry")
        signed = self._signed(bool(time_header or entry), bool(id_header))
        separator = self._text("separator")
        if entry and not separator:
            words = "an entry of the signature's header needs a `separator` between the entries"
            self._problem("missing-key", "separator", words)
        if separator and not self._text("prefix"):
            self._problem("missing-key", "prefix", "in a list, `prefix` says which entries are signatures")
        return Descriptor(
            headers=(HeaderNames(signature=header, timestamp=time_header, id=id_header),),
            algorithm=self._word("algorithm", Algorithm, Algorithm.SHA256),
            encoding=self._word("encoding", Encoding, Encoding.HEX),
            signed=signed,
            prefix=self._text("prefix"),
            prefix_optional=self._flag("prefix_optional"),
            separator=separator,
            strip_entries=bool(separator.strip()),
            time_prefix=entry,
            time_form=self._word("form", TimeForm, TimeForm.UNIX, time, "timestamp.form"),
            window=Window(
                seconds=self._tolerance(time), exclusive=self._flag("exclusive", time, "timestamp.exclusive")
            ),
            key=self._word("key", KeyForm, KeyForm.TEXT),
            key_prefix=self._text("key_prefix"),
        )

    def unknown_keys(self, document: Mapping[Any, Any], known: Sequence[str], path: str) -> None:
        for key in document:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
                self.problems.append(
                    Problem(code="unknown-key", text=f"there is no `{key}`", path=f"{path}.{key}", hint=hint)
                )

    def _signed(self, has_time: bool, has_id: bool) -> str:
        signed = self._text("signed") or "{body}"
        try:
            names = {part.name for part in parse_template(signed)}
        except TemplateError as error:
            self._problem("bad-value", "signed", str(error))
            return "{body}"
        if "body" not in names:
            self._problem("bad-value", "signed", "without `{body}` anybody may change the body")
        for name, declared, key in (("timestamp", has_time, "timestamp"), ("id", has_id, "id_header")):
            if name in names and not declared:
                self._problem("missing-key", key, f"`{{{name}}}` is signed, but `{key}` does not say where it stands")
            if declared and name not in names:
                words = f"the {name} is not part of what is signed, so that anybody may change it"
                self._problem("bad-value", "signed", words, f"put `{{{name}}}` into `signed`, or leave `{key}` out")
        return signed

    def _tolerance(self, time: Mapping[Any, Any]) -> float:
        value = time.get("tolerance", 300)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_TOLERANCE:
            words = f"the tolerance is a number of seconds up to {_MAX_TOLERANCE}"
            self._problem("bad-value", "timestamp.tolerance", words, "300 is usual")
            return 300.0
        return float(value)

    def _header_name(
        self, key: str, document: Mapping[Any, Any] | None = None, path: str = "", *, required: bool = False
    ) -> str:
        text = self._text(key, document, path)
        if required and key not in self.document:
            self._problem("missing-key", key, "the header that holds the signature is missing", "header: X-Signature")
        elif (text or required) and not (text and set(text) <= _TOKEN):
            self._problem("bad-value", path or key, f"{text!r} is not the name of a header")
        return text

    def _text(self, key: str, document: Mapping[Any, Any] | None = None, path: str = "") -> str:
        value = (self.document if document is None else document).get(key, "")
        if not isinstance(value, str):
            self._problem("wrong-type", path or key, "this is not text", "put it in quotes")
            return ""
        return value

    def _flag(self, key: str, document: Mapping[Any, Any] | None = None, path: str = "") -> bool:
        value = (self.document if document is None else document).get(key, False)
        if not isinstance(value, bool):
            self._problem("wrong-type", path or key, "this is neither true nor false")
        return value is True

    def _word(
        self,
        key: str,
        words: type[Word],
        default: Word,
        document: Mapping[Any, Any] | None = None,
        path: str = "",
    ) -> Word:
        value = (self.document if document is None else document).get(key, default)
        known = [str(word) for word in words]
        if isinstance(value, str) and value in known:
            return words(value)
        near = get_close_matches(str(value).lower(), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
        self._problem("bad-value", path or key, f"{value!r} is not one of those allowed", hint)
        return default

    def _problem(self, code: str, key: str, text: str, hint: str = "") -> None:
        problem = Problem(code=code, text=text, path=f"{self.path}.{key}", hint=hint)
        if problem not in self.problems:
            self.problems.append(problem)
