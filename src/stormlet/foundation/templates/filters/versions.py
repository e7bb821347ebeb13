"""Filters that compare and raise semantic versions."""

from stormlet.foundation.templates.filters.filter import Example, Filter
from stormlet.foundation.templates.filters.semver import Version


def version_compare(value: str, pattern: str) -> int:
    return Version.parse(value).compare(Version.parse(pattern))


def version_more_than(value: str, pattern: str) -> bool:
    return version_compare(value, pattern) == 1


def version_less_than(value: str, pattern: str) -> bool:
    return version_compare(value, pattern) == -1


def version_equal(value: str, pattern: str) -> bool:
    return version_compare(value, pattern) == 0


def version_match(value: str, pattern: str) -> bool:
    return Version.parse(value).meets(pattern)


def version_bump_major(value: str) -> str:
    return f"{Version.parse(value).major + 1}.0.0"


def version_bump_minor(value: str) -> str:
    version = Version.parse(value)
    return f"{version.major}.{version.minor + 1}.0"


def version_bump_patch(value: str) -> str:
    version = Version.parse(value)
    return f"{version.major}.{version.minor}.{version.patch + 1}"


def version_strip_patch(value: str) -> str:
    version = Version.parse(value)
    return f"{version.major}.{version.minor}"


VERSION_FILTERS = (
    Filter(
        name="version_compare",
        function=version_compare,
        help="Compares two semantic versions: -1 (older), 0 or 1 (newer).",
        examples=(
            Example("{{ '0.10.0' | version_compare('0.9.9') }}", "1"),
            Example("{{ '1.0.0-rc.1' | version_compare('1.0.0') }}", "-1"),
        ),
    ),
    Filter(
        name="version_more_than",
        function=version_more_than,
        help="Tells whether a version is newer than another.",
        examples=(Example("{{ '0.10.0' | version_more_than('0.9.9') }}", "True"),),
    ),
    Filter(
        name="version_less_than",
        function=version_less_than,
        help="Tells whether a version is older than another.",
        examples=(Example("{{ '0.10.0' | version_less_than('0.9.9') }}", "False"),),
    ),
    Filter(
        name="version_equal",
        function=version_equal,
        help="Tells whether two versions are as new as each other.",
        examples=(Example("{{ '1.2.3+a' | version_equal('1.2.3+b') }}", "True"),),
    ),
    Filter(
        name="version_match",
        function=version_match,
        help="Tells whether a version meets a condition: `<`, `<=`, `==`, `!=`, `>=` or `>` before another version.",
        examples=(
            Example("{{ '0.10.0' | version_match('>=0.9.0') }}", "True"),
            Example("{{ '0.10.0' | version_match('0.10.0') }}", "True"),
        ),
    ),
    Filter(
        name="version_bump_major",
        function=version_bump_major,
        help="Raises the first number.",
        examples=(Example("{{ '1.2.3' | version_bump_major }}", "2.0.0"),),
    ),
    Filter(
        name="version_bump_minor",
        function=version_bump_minor,
        help="Raises the second number.",
        examples=(Example("{{ '1.2.3' | version_bump_minor }}", "1.3.0"),),
    ),
    Filter(
        name="version_bump_patch",
        function=version_bump_patch,
        help="Raises the third number.",
        examples=(Example("{{ '1.2.3' | version_bump_patch }}", "1.2.4"),),
    ),
    Filter(
        name="version_strip_patch",
        function=version_strip_patch,
        help="Leaves the third number away.",
        examples=(Example("{{ '1.2.3' | version_strip_patch }}", "1.2"),),
    ),
)
