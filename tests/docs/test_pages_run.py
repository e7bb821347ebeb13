"""The README, the quickstart and the how-tos do what they say."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HOW_TOS = sorted((REPOSITORY / "docs" / "howto").glob("*.md"))


@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_how_to(page: Path, shell: Any, follow_page: Callable[..., None]) -> None:
    """Each block of a how-to works, in its order, and prints what the page shows."""
    (shell.directory / "rules").mkdir()
    follow_page(page, shell, "stormlet serve --rules rules")


def test_quickstart(shell: Any, follow_page: Callable[..., None]) -> None:
    """The quickstart, from an empty directory."""
    follow_page(REPOSITORY / "docs" / "quickstart.md", shell, "")


def _check_out(shell: Any) -> None:
    """Make the directory look like a checkout. The packs are those that come with the engine, so they are not copied."""
    shutil.copytree(REPOSITORY / "rules", shell.directory / "rules")
    (shell.directory / "packs").symlink_to(REPOSITORY / "packs")


def test_readme(shell: Any, follow_page: Callable[..., None], post: Callable[..., None]) -> None:
    """The tour in the README, in a copy of the checkout's rules and packs; the line that `serve` prints is pasted first."""
    _check_out(shell)
    recipe = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert "stormlet serve --rules rules --packs packs" in recipe
    shell.serve("stormlet serve --rules rules --packs packs")
    line = next(line for line in shell.lines if line.startswith("Try: "))
    post(shell, line.removeprefix("Try: "))
    follow_page(REPOSITORY / "README.md", shell, "")


RULES = sorted((REPOSITORY / "rules").glob("*.yaml"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_each_rule_tells_how_to_fire_it(
    rule: Path, shell: Any, post: Callable[..., None], last_execution: Callable[..., Any]
) -> None:
    """The curl line at the top of a rule fires that rule and no other, and its action succeeds and says something."""
    shutil.copytree(REPOSITORY / "rules", shell.directory / "rules")
    lines = rule.read_text(encoding="utf-8").splitlines()
    shell.serve("stormlet serve --rules rules")
    post(shell, next(line.removeprefix("# ") for line in lines if line.startswith("# curl ")))
    execution = last_execution(shell)
    assert execution["status"] == "succeeded"
    assert execution["context"]["rule"]["name"] == rule.stem
    assert len(execution["result"]["stdout"]) > 5


def test_rules_of_our_own_are_beyond_reproach(shell: Any) -> None:
    """`check --strict` has nothing to say about them."""
    code, printed = shell.run(f"stormlet check --strict {shlex.quote(str(REPOSITORY / 'rules'))}")
    assert (code, printed.startswith("no problems")) == (0, True), printed
