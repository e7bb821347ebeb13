"""`stormlet check`, as a process in a directory of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}
GOOD = """\
name: {name}
enabled: true
trigger: {{type: core.st2.webhook, parameters: {{url: x}}}}
action: {{ref: core.noop}}
"""
BAD = """\
name: bad
trigger: {type: core.st2.webhook, parameters: {url: x}}
criteria:
  trigger.body.a:
    type: equal
    pattern: 1
  trigger.body.b:
    type: regex
    pattern: "("
action: {ref: core.noop}
"""
MILD = """\
name: mild
enabled: yes
trigger: {type: core.st2.webhook, parameters: {url: x}}
action: {ref: core.local, parameters: {cmd: "echo {{ trigger.body.a }}"}}
"""
PACK = "name: {name}\nref: {name}\nversion: 1.0.0\nauthor: a\nemail: a@b.c\ndescription: d\n"


def check(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stormlet", "check", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, env=CLEAN | environment)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A directory with one rule that is fine, in `rules`."""
    directory = tmp_path / "rules"
    directory.mkdir()
    (directory / "good.yaml").write_text(GOOD.format(name="good"))
    return directory


def test_what_is_fine_is_told_in_one_line(rules: Path) -> None:
    """Without paths it checks ./rules and ./packs; the exit code is 0."""
    done = check(rules.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no problems in 1 rule\n")


def test_all_problems_come_at_once(rules: Path) -> None:
    """Each has its file, line, column and code; the exit code is 1."""
    (rules / "bad.yaml").write_text(BAD)
    done = check(rules.parent)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("rules/bad.yaml:5:5 unknown-operator ") and "equals" in line for line in lines)
    assert any(line.startswith("rules/bad.yaml:9:5 bad-regex ") for line in lines)
    assert lines[-1].startswith("2 errors in 2 rules")


def test_a_warning_fails_only_when_strict(rules: Path) -> None:
    """What StackStorm would load is told, and fails under --strict."""
    (rules / "mild.yaml").write_text(MILD)
    done = check(rules.parent)
    assert (done.returncode, " warning: " in done.stdout, "raw-template-in-shell" in done.stdout) == (0, True, True)
    done = check(rules.parent, "--strict")
    assert (done.returncode, " warning: " in done.stdout) == (1, False)


def test_json_is_for_programs(rules: Path) -> None:
    """An array, empty where all is well."""
    assert json.loads(check(rules.parent, "--format", "json").stdout) == []
    (rules / "bad.yaml").write_text(BAD)
    found = json.loads(check(rules.parent, "--format", "json").stdout)
    for same in (("-o", "json"), ("-j",)):
        assert json.loads(check(rules.parent, *same).stdout) == found
    first = next(each for each in found if each["code"] == "unknown-operator")
    assert (first["file"], first["line"], first["column"], first["severity"]) == ("rules/bad.yaml", 5, 5, "error")
    assert first["path"] == "criteria.trigger.body.a.type"


def test_github_shows_annotations(rules: Path) -> None:
    """One workflow command for each problem, with what would end it early escaped."""
    (rules / "bad.yaml").write_text(BAD)
    (rules / "odd,name:100%.yaml").write_text("- 1")
    lines = check(rules.parent, "--format", "github").stdout.splitlines()
    assert any(line.startswith("::error file=rules/bad.yaml,line=5,col=5,title=unknown-operator::") for line in lines)
    assert any(line.startswith("::error file=rules/odd%2Cname%3A100%25.yaml,") for line in lines)
    assert all(line.startswith("::") for line in lines)


def test_a_single_file_is_judged_alone(rules: Path) -> None:
    """Only its problems are told, though the others are read: a rule may use an action of any pack."""
    (rules / "bad.yaml").write_text(BAD)
    assert check(rules.parent, "rules/good.yaml").returncode == 0
    assert check(rules.parent, "rules/bad.yaml").returncode == 1


def test_a_pack_is_found_from_any_of_its_files(tmp_path: Path) -> None:
    """A pack, a directory of packs, and a file inside one."""
    pack = tmp_path / "packs" / "mine"
    (pack / "rules").mkdir(parents=True)
    (pack / "pack.yaml").write_text(PACK.format(name="mine"))
    (pack / "rules" / "r.yaml").write_text(GOOD.format(name="r") + "pack: other\n")
    for path in ("packs", "packs/mine", "packs/mine/rules", "packs/mine/rules/r.yaml"):
        done = check(tmp_path, path)
        assert (done.returncode, "pack-mismatch" in done.stdout) == (1, True), path


def test_settings_name_what_to_check(tmp_path: Path) -> None:
    """As for `serve`: what the environment or stormlet.toml names."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "bad.yaml").write_text(BAD)
    assert check(tmp_path, STORMLET_CONTENT__RULES="elsewhere").returncode == 1


def test_nothing_to_check_is_a_usage_error(tmp_path: Path) -> None:
    """It does not say that nothing is fine."""
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "PATHS" in done.stderr
    assert check(tmp_path, "absent").returncode == 2


def test_a_broken_setting_is_told(rules: Path) -> None:
    """Its name, what is wrong, and where it is from."""
    done = check(rules.parent, STORMLET_SERVER__PORT="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "server.port" in done.stderr


def test_control_characters_do_not_reach_the_terminal(rules: Path) -> None:
    """Content comes from strangers."""
    (rules / "bad.yaml").write_text(BAD.replace("equal\n", '"\\e[31mequal"\n'))
    assert "\x1b" not in check(rules.parent).stdout
