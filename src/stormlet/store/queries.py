"""Named queries, read from `.sql` files, so that SQL is written, reviewed and explained as SQL.

A query starts with `-- name: some_name` and at least one comment line that says what it is for. A line that ends in
`-- if word` is left out unless the caller gives that word: listings have many optional conditions, and a condition that is
always there (`:x IS NULL OR column = :x`) keeps the database from using an index. This module must not know any dialect.
"""

import re
from collections.abc import Mapping, Set
from importlib.resources.abc import Traversable

NAME = re.compile(r"-- name: (\w+)")
OPTIONAL = re.compile(r"(?P<line>.*\S)\s+-- if (?P<word>\w+)")
NOTHING: frozenset[str] = frozenset()


class Queries:
    """Queries by name."""

    def __init__(self, lines: Mapping[str, tuple[str, ...]]) -> None:
        self._lines = lines
        self._texts: dict[tuple[str, Set[str]], str] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._lines)

    def words(self, name: str) -> frozenset[str]:
        """Return the words of a query's optional lines."""
        return frozenset(found["word"] for line in self._lines[name] if (found := OPTIONAL.fullmatch(line)))

    def text(self, name: str, given: Set[str] = NOTHING) -> str:
        """Return a query's SQL with those optional lines whose word is `given`. Raises KeyError for an unknown name."""
        key = (name, frozenset(given))
        if key not in self._texts:
            self._texts[key] = "\n".join(_chosen(self._lines[name], given))
        return self._texts[key]


def _chosen(lines: tuple[str, ...], given: Set[str]) -> list[str]:
    chosen = []
    for line in lines:
        optional = OPTIONAL.fullmatch(line)
        if optional is None:
            chosen.append(line)
        elif optional["word"] in given:
            chosen.append(optional["line"])
    return chosen


def read_queries(directory: Traversable) -> Queries:
    """Read every `.sql` file of a directory.

    Raises:
        ValueError: a name twice, a query without a comment, or SQL in front of the first name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for name, lines in _parse(file.name, file.read_text(encoding="utf-8")).items():
            if name in found:
                raise ValueError(f"{file.name}: query {name} is there twice")
            found[name] = lines
    return Queries(found)


def _parse(file: str, text: str) -> dict[str, tuple[str, ...]]:
    queries: dict[str, list[str]] = {}
    explained: set[str] = set()
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if start := NAME.fullmatch(line.strip()):
            name = start[1]
            if name in queries:
                raise ValueError(f"{file}:{number}: query {name} is there twice")
            queries[name] = []
        elif line.startswith("--"):
            explained.add(name)
        elif line.strip():
            if not name:
                raise ValueError(f"{file}:{number}: SQL in front of the first `-- name:`")
            queries[name].append(line.rstrip().removesuffix(";"))
    if silent := sorted(set(queries) - explained):
        raise ValueError(f"{file}: nothing says what {', '.join(silent)} is for")
    return {name: tuple(lines) for name, lines in queries.items()}
