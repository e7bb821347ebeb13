"""Semantic versions, as semver.org 2.0.0 orders them: just what the `version_*` filters need."""

import re
from typing import Self

import msgspec

_FORM = re.compile(
    r"(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
_CONDITION = re.compile(r"(?P<sign>[<>]=?|==|!=)?(?P<version>\d.*)", re.DOTALL)
_ANSWERS = {"<": (-1,), ">": (1,), "<=": (-1, 0), ">=": (1, 0), "==": (0,), "!=": (-1, 1)}


class Version(msgspec.Struct, frozen=True):
    """One version. Build metadata is not kept: it has no say in the order."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version.

        Raises:
            ValueError: it has not three numbers, or is otherwise no semantic version.
        """
        if not isinstance(text, str):
            raise TypeError(f"a version is a text such as 1.2.3, not {type(text).__name__}")
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError(f"{text} is not valid SemVer string")
        prerelease = tuple(found["pre"].split(".")) if found["pre"] else ()
        return cls(int(found["major"]), int(found["minor"]), int(found["patch"]), prerelease)

    def compare(self, other: "Version") -> int:
        """Return -1, 0 or 1: this one is older than, as new as, or newer than the other."""
        mine, theirs = self._order(), other._order()
        return (mine > theirs) - (mine < theirs)

    def meets(self, condition: str) -> bool:
        """Tell whether this version meets a condition such as `>=1.2.0`; without a sign it has to be the same.

        Raises:
            ValueError: the condition is not of that form.
        """
        found = _CONDITION.fullmatch(condition)
        if not found:
            raise ValueError(f"{condition!r} is not a condition such as '>=1.2.0'")
        return self.compare(Version.parse(found["version"])) in _ANSWERS[found["sign"] or "=="]

    def _order(self) -> tuple[int, int, int, bool, list[tuple[bool, int, str]]]:
        # A release comes after its pre-releases; numbers come before words and are compared as numbers.
        identifiers = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.prerelease]
        return self.major, self.minor, self.patch, not self.prerelease, identifiers
