"""The reference pages say what the code says, and leave nothing out."""

import re
import sys
from pathlib import Path

import msgspec
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from docs.generate import pages  # noqa: E402 - `docs` is no package of the wheel

DOCS = REPOSITORY / "docs"
PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_is_current(path: Path) -> None:
    """`make docs` would change nothing."""
    assert path.read_text(encoding="utf-8") == PAGES[path], "run `make docs`"


def test_every_setting_is_documented() -> None:
    """Each has a line, and `stormlet explain settings` tells of the same."""
    from stormlet.foundation.settings import Settings

    text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Settings):
        for name in getattr(section.type, "__struct_fields__", ()):
            assert f"`{section.name}.{name}`" in text


def test_every_command_is_documented() -> None:
    """Each has its help on the page."""
    from stormlet.cli.catalogue import ENTRIES

    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert all(f"### stormlet {name}" in text for name in ENTRIES)


def test_every_operator_and_filter_is_documented() -> None:
    """Each name has a heading, also where several are one operator."""
    from stormlet.flow.matching import OPERATORS
    from stormlet.foundation.templates import FILTERS

    for page, names in (("operators", OPERATORS), ("filters", FILTERS)):
        headings = re.findall(
            r"^## (.+)$", (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE
        )
        assert {name for heading in headings for name in heading.split(", ")} == set(names)


def test_every_problem_code_that_is_used_is_documented() -> None:
    """A code that appears in the source has its line, and so has its page."""
    from stormlet.model.problem_codes import CODES

    text = (DOCS / "reference" / "problems.md").read_text(encoding="utf-8")
    assert all(f"`{code}`" in text for code in CODES)
    source = REPOSITORY / "src" / "stormlet"
    rooms = [source / name for name in ("content", "st2compat/dialect", "flow/matching", "flow/ruleset")]
    texts = [path.read_text(encoding="utf-8") for room in rooms for path in room.rglob("*.py")]
    used = {code for text in texts for code in re.findall(r'code="([a-z]+(?:-[a-z]+)+)"', text)}
    assert used <= set(CODES)


def test_links_lead_somewhere() -> None:
    """A relative link of a page names a file that exists."""
    for page in [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
