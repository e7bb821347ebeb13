"""The reader joins settings, directories and memory."""

from pathlib import Path

from stormlet.content.reader import ContentReader
from stormlet.flow.execution import RUNNER_TYPES
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.home import Home
from stormlet.foundation.settings import Content
from stormlet.model.problem import Severity
from stormlet.model.rule import RuleState
from stormlet.st2compat.dialect import Dialect

RULE = "name: {name}\nenabled: true\ntrigger: {{type: core.st2.webhook, parameters: {{url: x}}}}\naction: {{ref: core.noop}}\n"


def reader_of(tmp_path: Path, **settings: object) -> ContentReader:
    content = Content(rules=[str(tmp_path / "rules")], **settings)  # type: ignore[arg-type]
    return ContentReader(content, Home(str(tmp_path)), RUNNER_TYPES, SystemClock(), Dialect())


def test_it_reads_what_the_settings_name_and_the_bundled_packs(tmp_path: Path) -> None:
    """A rule in a directory finds the trigger type and the action of core."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/a.yaml").write_text(RULE.format(name="a"))
    reader = reader_of(tmp_path)
    snapshot = reader.link(reader.read())
    assert snapshot.rules["default.a"].state is RuleState.READY
    assert [p for p in snapshot.problems if p.severity is Severity.ERROR] == []
    rule = snapshot.rules["default.a"].rule
    assert rule is not None
    assert reader.trigger_parameter_problems(rule, snapshot.trigger_types) == []


def test_it_watches_all_directories_whether_they_exist_or_not(tmp_path: Path) -> None:
    """Rules, packs, configs, and the bundled packs: their authors want to see a save as well."""
    reader = reader_of(tmp_path, packs=[str(tmp_path / "packs")])
    watched = reader.watched_paths()
    assert {tmp_path / "rules", tmp_path / "packs", tmp_path / "configs"} <= set(watched)
    assert any((path / "core/pack.yaml").is_file() for path in watched)


def test_configs_may_lie_elsewhere(tmp_path: Path) -> None:
    """The setting wins over the home directory."""
    reader = reader_of(tmp_path, configs=str(tmp_path / "elsewhere"))
    assert tmp_path / "elsewhere" in reader.watched_paths()


def test_a_second_read_sees_a_change(tmp_path: Path) -> None:
    """Even one in the same second as the first read."""
    (tmp_path / "rules").mkdir()
    path = tmp_path / "rules/a.yaml"
    path.write_text(RULE.format(name="a"))
    reader = reader_of(tmp_path)
    assert "default.a" in reader.read().rules
    path.write_text(RULE.format(name="b"))
    assert {"default.a", "default.b"} & set(reader.read().rules) == {"default.b"}
