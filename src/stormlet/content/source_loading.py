"""Source files → the sources of a snapshot: those that can be used, and those whose URL has to stay closed.

A source guards a URL, so nothing about it may fail open: of a file that is broken, that is not even YAML, or whose ref another
file has taken, the URL is still read as far as it can be, and told as one that is broken.
"""

import re
from pathlib import Path

import msgspec

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import has_errors
from stormlet.content.source_documents import SourceReader, broken_source
from stormlet.content.yaml_reader import Document
from stormlet.foundation.regular_files import open_regular
from stormlet.model.problem import Location, Problem
from stormlet.model.source import BrokenSource, Source
from stormlet.model.trigger import hook_url

_URL_LINE = re.compile(rb"""(?:^|[{,])\s*["']?url["']?\s*:\s*["']?([^\s"'#,}]+)""", re.MULTILINE)
_BETWEEN_WORDS = re.compile(r"""[\s"'\[\]{},:#]+""")
_LOOKED_AT = 64 * 1024


class ReadSource(msgspec.Struct, frozen=True):
    """What one file holds: a source, or what is known of a broken one."""

    source: Source | None
    broken: BrokenSource | None
    problems: tuple[Problem, ...]


def read_source(path: Path, document: Document, provenance: Provenance, reader: SourceReader) -> ReadSource:
    """Give a source's file its meaning."""
    problems = list(document.problems)
    source = None
    if document.readable:
        source, found = reader.source_from_document(document.value, provenance)
        problems += found
    if source is not None and not has_errors(problems):
        return ReadSource(source, None, tuple(problems))
    text = _text_of(path)
    known = document.value if document.readable else {"url": _url_in(text)}
    broken = broken_source(known, provenance, problems)
    if not broken.url:
        broken = msgspec.structs.replace(broken, mentions=_mentioned(text))
    return ReadSource(None, broken, tuple(problems))


class SourceCollection:
    """The sources found so far. A first one of a name wins; a second one is broken, and its URL stays closed."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.broken: dict[str, BrokenSource] = {}
        self.problems: list[Problem] = []

    def take(self, read: ReadSource) -> None:
        """Add what one file holds."""
        self.problems += read.problems
        if read.source is not None:
            self._add(read.source)
        if read.broken is not None:
            self._add_broken(read.broken)

    def _add(self, source: Source) -> None:
        first = self.sources.setdefault(source.ref, source)
        if first is source:
            return
        problems = twice(source.ref, first.location, source.location)
        self.problems += problems
        self._add_broken(refused(source, problems[1:]))

    def _add_broken(self, broken: BrokenSource) -> None:
        ref = broken.ref
        if ref in self.sources or ref in self.broken:
            ref = f"{ref} ({broken.metadata_file})"
        self.broken[ref] = msgspec.structs.replace(broken, ref=ref)


def refused(source: Source, problems: list[Problem]) -> BrokenSource:
    """Return a source that can be read but not be used: its URL stays closed, unless it is switched off."""
    return BrokenSource(
        ref=source.ref,
        url=source.url,
        enabled=source.enabled is not False,
        problems=tuple(problems),
        metadata_file=source.metadata_file,
    )


def twice(ref: str, first: Location, second: Location) -> list[Problem]:
    """Return the problems of two sources with one ref, the first one's first."""
    hint = "give one of them another name"
    texts = (f"stands in {second} too; this one is used", f"stands in {first} already; the URL of this one is refused")
    return [
        Problem(code="duplicate-name", text=f"the source {ref} {text}", location=at, path="name", hint=hint)
        for text, at in zip(texts, (first, second), strict=True)
    ]


def _text_of(path: Path) -> bytes:
    """Return the beginning of a file; nothing where it cannot be read."""
    try:
        with open_regular(path) as stream:
            return bytes(stream.read(_LOOKED_AT))
    except (OSError, ValueError):
        return b""


def _url_in(text: bytes) -> str:
    """Return what looks like the URL in a file that cannot be read as a document; empty where nothing does."""
    found = _URL_LINE.search(text)
    return found[1].decode("utf-8", "replace") if found else ""


def _mentioned(text: bytes) -> frozenset[str]:
    """Return every word of a file in the form of a hook's URL, also of one that is UTF-16."""
    encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    words = _BETWEEN_WORDS.split(text.decode(encoding, "replace"))
    return frozenset(hook_url(word) for word in words) - {""}
