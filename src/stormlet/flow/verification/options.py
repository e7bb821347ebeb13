"""What a source sets of its scheme, read into the scheme's `Options`, with problems instead of exceptions."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from stormlet.model.problem import Problem
from stormlet.model.source import Source
from stormlet.signatures.descriptor import Descriptor
from stormlet.signatures.descriptor_document import descriptor_from_document
from stormlet.signatures.scheme import Options

_TEXTS: Final = ("header", "timestamp_header")
_FLAGS: Final = ("legacy", "reserialised")
_LISTS: Final = ("topics", "required_components", "allowed_origins")
_SIGNATURE: Final = ("signature", "descriptor")
"""What generic_hmac reads; both words are taken."""
OTHER: Final = ("allowed_rate", "certificates", "public_url", *_SIGNATURE)
KNOWN: Final = (*_TEXTS, *_FLAGS, *_LISTS, *OTHER)
_MAX_TOLERANCE: Final = 7 * 86400


class Chosen(NamedTuple):
    """A source's options, and the public URL that its sender calls (empty: told by the request)."""

    options: Options
    public_url: str


def read_options(source: Source) -> tuple[Chosen, list[Problem]]:
    """Return what the source sets. Where there are problems, what they are about is as the scheme has it."""
    reader = _Reader(source)
    values: dict[str, Any] = {}
    for name, value in source.options.items():
        if name in _TEXTS or name == "public_url":
            values[name] = reader.text(name, value)
        elif name in _FLAGS:
            values[name] = reader.flag(name, value)
        elif name in _LISTS:
            values[name] = reader.texts(name, value)
        elif name == "allowed_rate":
            values[name] = reader.whole(name, value)
        elif name == "certificates":
            values[name] = reader.mapping(name, value)
        elif name in _SIGNATURE:
            values["descriptor"] = reader.descriptor(name, value)
        else:
            reader.unknown(name)
    public_url = str(values.pop("public_url", None) or "")
    if public_url and not public_url.startswith(("https://", "http://")):
        reader.problem("bad-value", "public_url", f"{public_url!r} is no URL", "begin with https://")
    kept = {name: value for name, value in values.items() if value is not None}
    options = Options(tolerance=reader.tolerance(), **kept)
    return Chosen(options, public_url.rstrip("/")), reader.problems


class _Reader:
    """Collects problems while it reads one source's options."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def text(self, name: str, value: object) -> str | None:
        if isinstance(value, str):
            return value
        self.wrong(name, "a text")
        return None

    def flag(self, name: str, value: object) -> bool | None:
        if isinstance(value, bool):
            return value
        self.wrong(name, "true or false")
        return None

    def whole(self, name: str, value: object) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self.wrong(name, "a number above 0")
        return None

    def texts(self, name: str, value: object) -> tuple[str, ...] | None:
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.wrong(name, "a list of texts")
        return None

    def mapping(self, name: str, value: object) -> dict[str, str] | None:
        if isinstance(value, Mapping) and all(isinstance(item, str) for pair in value.items() for item in pair):
            return dict(value)
        self.wrong(name, "a mapping of texts")
        return None

    def descriptor(self, name: str, value: object) -> Descriptor | None:
        if isinstance(value, Descriptor):
            return value
        found, problems = descriptor_from_document(value, f"options.{name}")
        for problem in problems:
            self.problem(problem.code, problem.path, problem.text, problem.hint)
        return found

    def unknown(self, name: str) -> None:
        near = get_close_matches(name, KNOWN, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(KNOWN)}"
        self.problem("unknown-key", name, f"there is no option `{name}`", hint)

    def tolerance(self) -> float | None:
        value = self.source.tolerance
        if value is not None and not 0 < value <= _MAX_TOLERANCE:
            self.problem("bad-value", "tolerance", f"the tolerance is seconds, up to {_MAX_TOLERANCE}", "300 is usual")
            return None
        return value

    def problem(self, code: str, name: str, text: str, hint: str = "") -> None:
        path = name if name.startswith("options.") or name == "tolerance" else f"options.{name}"
        self.problems.append(Problem(code=code, text=text, path=path, hint=hint, location=self.source.location))

    def wrong(self, name: str, wanted: str) -> None:
        """Note that an option is of another type."""
        self.problem("wrong-type", name, f"the option `{name}` is {wanted}")
