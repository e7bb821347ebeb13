"""Directories become a snapshot, and nothing that is wrong in one file costs another."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stormlet.content.cache import FileCache
from stormlet.content.shapes import DEFAULT_PACK
from stormlet.foundation.identifiers import derived_id
from stormlet.model.problem import Severity
from stormlet.model.rule import RuleState
from stormlet.model.snapshot import Snapshot

Writer = Callable[[Mapping[str, str]], Path]
Loader = Callable[..., Snapshot]


def rule_text(name: str, trigger: str = "core.st2.webhook", more: str = "") -> str:
    return (
        f"name: {name}\nenabled: true\ntrigger: {{type: {trigger}, parameters: {{url: x}}}}\n"
        f"action: {{ref: core.noop}}\n{more}"
    )


def pack_text(name: str) -> str:
    return f"name: {name}\ndescription: x\nversion: 1.0.0\nauthor: a\n"


def found(snapshot: Snapshot, root: Path) -> list[str]:
    """Return the problems of the test's own files, with paths from the test's directory."""
    lines = [str(p) for p in snapshot.problems if p.location.file.startswith(str(root))]
    return [line.replace(f"{root}/", "") for line in lines]


def test_the_bundled_core_pack_is_always_there_and_without_errors(load_all: Loader) -> None:
    """The engine's own trigger types and actions are content like any other."""
    snapshot = load_all()
    assert "core.st2.webhook" in snapshot.trigger_types
    assert "core.local" in snapshot.actions
    assert {kind.pack for kind in snapshot.trigger_types.values()} >= {"core"}
    assert [problem for problem in snapshot.problems if problem.severity is Severity.ERROR] == []
    webhook = snapshot.trigger_types["core.st2.webhook"]
    assert webhook.parameters_schema is not None
    assert webhook.parameters_schema["properties"]["url"]["required"] is True


def test_a_pack_is_read_from_all_its_directories(write: Writer, load_all: Loader) -> None:
    """Metadata, trigger types (also a sensor's), actions, rules and config."""
    root = write(
        {
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/triggers/hook.yaml": "name: hook\npack: web\n",
            "packs/web/sensors/s.yaml": "class_name: S\nentry_point: s.py\ntrigger_types: [{name: beat}]\n",
            "packs/web/actions/get.yaml": "name: get\nrunner_type: noop\n",
            "packs/web/actions/config.yaml": "anything: at all\n",
            "packs/web/actions/get.py": "not metadata",
            "packs/web/actions/workflows/w.yaml": "not: metadata\n",
            "packs/web/rules/r.yaml": rule_text("r", "web.beat"),
            "packs/web/config.schema.yaml": "host: {type: string, default: localhost}\n",
            "configs/web.yaml": "port: 80\n",
        }
    )
    snapshot = load_all()
    assert found(snapshot, root) == []
    assert snapshot.packs["web"].directory == str(root / "packs/web")
    assert {"web.hook", "web.beat"} <= set(snapshot.trigger_types)
    assert snapshot.actions["web.get"].pack_directory == str(root / "packs/web")
    assert snapshot.rules["web.r"].state is RuleState.READY
    assert snapshot.rules["web.r"].metadata_file == str(root / "packs/web/rules/r.yaml")
    assert snapshot.configs["web"] == {"host": "localhost", "port": 80}


def test_rule_directories_hold_yaml_and_json_rules_and_their_tests(write: Writer, load_all: Loader) -> None:
    """Rules there belong to the pack default unless they say another; `.test.yaml` files are no rules."""
    write(
        {
            "rules/a.yaml": rule_text("a"),
            "rules/b.yml": rule_text("b", more="pack: tools\n"),
            "rules/c.json": '{"name": "c", "trigger": {"type": "x.y"}, "action": {"ref": "core.noop"}}',
            "rules/a.test.yaml": "not: a rule",
            "rules/.hidden.yaml": "not: a rule",
            "rules/readme.md": "not a rule",
            "rules/samples/push.json": "{}",
        }
    )
    snapshot = load_all()
    assert set(snapshot.rules) == {"default.a", "tools.b", "default.c"}
    rule = snapshot.rules["default.a"].rule
    assert rule is not None
    assert rule.id == derived_id("rule:default:a")


def test_one_broken_file_is_listed_and_its_neighbours_work(write: Writer, load_all: Loader) -> None:
    """A broken rule is there under its name as far as that can be read, with its problems."""
    root = write(
        {
            "rules/a.yaml": rule_text("a"),
            "rules/b.yaml": "name: named\ntrigger: {}\n",
            "rules/c.yaml": "name: [\n",
            "rules/d.yaml": "",
            "rules/e.json": "{",
        }
    )
    snapshot = load_all()
    assert {ref: rule.state.value for ref, rule in snapshot.rules.items()} == {
        "default.a": "ready",
        "default.named": "broken",
        "default.c": "broken",
        "default.d": "broken",
        "default.e": "broken",
    }
    assert [line.split()[:2] for line in found(snapshot, root)] == [
        ["rules/b.yaml:1:1", "missing-key"],
        ["rules/b.yaml:2:1", "missing-key"],
        ["rules/c.yaml:2:1", "yaml-syntax"],
        ["rules/d.yaml", "empty-file"],
        ["rules/e.json:1:2", "yaml-syntax"],
    ]


def test_two_rules_of_one_name_are_an_error_at_both_places(write: Writer, load_all: Loader) -> None:
    """The first in the files' order stays; neither place is silent about it."""
    root = write({"rules/a.yaml": rule_text("same"), "rules/b.yaml": f"# later\n{rule_text('same')}"})
    snapshot = load_all()
    assert found(snapshot, root) == [
        (
            "rules/a.yaml:1:1 duplicate-name the rule default.same stands in rules/b.yaml:2:1 too; this one is used "
            "(give one of them another name)"
        ),
        (
            "rules/b.yaml:2:1 duplicate-name the rule default.same stands in rules/a.yaml:1:1 already; this one is not used "
            "(give one of them another name)"
        ),
    ]
    assert snapshot.rules["default.same"].metadata_file == str(root / "rules/a.yaml")
    assert snapshot.rules["default.same"].state is RuleState.READY


def test_a_broken_rule_never_takes_the_place_of_one_that_works(write: Writer, load_all: Loader) -> None:
    """A file `b.yaml` that cannot be read does not hide the rule that is called b."""
    root = write({"rules/a.yaml": "name: b\n", "rules/z.yaml": rule_text("b")})
    rules = load_all().rules
    assert rules["default.b"].state is RuleState.READY
    assert rules[f"default.b ({root}/rules/a.yaml)"].state is RuleState.BROKEN


def test_two_actions_of_one_name_are_told_at_both_places(write: Writer, load_all: Loader) -> None:
    """The first one is used."""
    root = write(
        {
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/actions/a.yaml": "name: get\nrunner_type: noop\n",
            "packs/web/actions/b.yaml": "name: get\nrunner_type: noop\n",
        }
    )
    snapshot = load_all()
    assert [line.split()[:2] for line in found(snapshot, root)] == [
        ["packs/web/actions/a.yaml:1:1", "duplicate-name"],
        ["packs/web/actions/b.yaml:1:1", "duplicate-name"],
    ]
    assert snapshot.actions["web.get"].metadata_file.endswith("a.yaml")


def test_two_sensors_may_declare_the_same_trigger_type(write: Writer, load_all: Loader) -> None:
    """Equal declarations are one; different ones are warned of."""
    sensor = "class_name: S\nentry_point: s.py\ntrigger_types: [{name: beat}]\n"
    root = write(
        {
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/sensors/a.yaml": sensor,
            "packs/web/sensors/b.yaml": sensor,
        }
    )
    assert found(load_all(), root) == []
    write({"packs/web/sensors/b.yaml": sensor.replace("name: beat", "name: beat, description: other")})
    assert [line.split()[1] for line in found(load_all(), root)] == ["duplicate-name", "duplicate-name"]


def test_the_first_directory_that_has_a_pack_wins(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """The second is told and not loaded; one directory given twice, or through a link, is one."""
    root = write(
        {
            "one/web/pack.yaml": pack_text("web"),
            "two/web/pack.yaml": pack_text("web"),
            "two/web/rules/r.yaml": rule_text("r"),
        }
    )
    (tmp_path / "link").symlink_to(tmp_path / "one")
    directories = (root / "one", root / "link", root / "one" / "web", root / "two")
    snapshot = load_all(packs=directories)
    assert found(snapshot, root) == [
        "two/web/pack.yaml shadowed-pack the pack web is loaded from one/web already; this directory is not loaded"
    ]
    assert "web.r" not in snapshot.rules


def test_nobody_takes_the_place_of_core_but_of_other_bundled_packs(write: Writer, load_all: Loader) -> None:
    """A copy of StackStorm's core pack has no trigger types; the engine's own stay."""
    root = write(
        {
            "bundled/core/pack.yaml": pack_text("core"),
            "bundled/core/triggers/t.yaml": "name: own\n",
            "bundled/github/pack.yaml": pack_text("github"),
            "packs/core/pack.yaml": pack_text("core"),
            "packs/github/pack.yaml": pack_text("github"),
        }
    )
    snapshot = load_all(bundled=root / "bundled")
    assert "core.own" in snapshot.trigger_types
    assert snapshot.packs["github"].directory == str(root / "packs/github")
    assert [line.split()[:2] for line in found(snapshot, root)] == [["packs/core/pack.yaml", "shadowed-pack"]]


def test_a_pack_with_broken_metadata_still_gives_its_rules(write: Writer, load_all: Loader) -> None:
    """The directory's name has to do until it is mended."""
    root = write({"packs/web/pack.yaml": "name: [", "packs/web/rules/r.yaml": rule_text("r")})
    snapshot = load_all()
    assert "web.r" in snapshot.rules
    assert [line.split()[1] for line in found(snapshot, root)] == ["yaml-syntax"]


def test_a_directory_that_looks_like_a_pack_is_told(write: Writer, load_all: Loader) -> None:
    """Without a pack.yaml nothing of it is loaded, which nobody would guess."""
    root = write({"packs/web/rules/r.yaml": rule_text("r"), "packs/notes/readme.md": "", "packs/.git/rules/x.yaml": ""})
    snapshot = load_all()
    assert [line.split(maxsplit=2)[:2] for line in found(snapshot, root)] == [["packs/web", "pack-without-metadata"]]
    assert "web.r" not in snapshot.rules


def test_directories_that_do_not_exist_are_told(load_all: Loader, tmp_path: Path) -> None:
    """A wrong --rules must not look like an empty one."""
    snapshot = load_all(packs=(tmp_path / "nopacks",), rules=(tmp_path / "norules",))
    assert [line.split()[:2] for line in found(snapshot, tmp_path)] == [
        ["nopacks", "missing-directory"],
        ["norules", "missing-directory"],
    ]


def test_links_out_of_a_pack_are_not_followed(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """A pack is written by strangers; it must not read the machine's files. Links inside are fine."""
    root = write(
        {
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/shared/r.yaml": rule_text("inside"),
            "packs/web/rules/readme.md": "",
            "secret.yaml": rule_text("outside"),
            "elsewhere/a.yaml": "name: a\nrunner_type: noop\n",
        }
    )
    (tmp_path / "packs/web/rules/inside.yaml").symlink_to(tmp_path / "packs/web/shared/r.yaml")
    (tmp_path / "packs/web/rules/outside.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "packs/web/actions").symlink_to(tmp_path / "elsewhere")
    snapshot = load_all()
    assert set(snapshot.rules) == {"web.inside"}
    assert [line.split()[:2] for line in found(snapshot, root)] == [
        ["packs/web/actions", "symlink-outside"],
        ["packs/web/rules/outside.yaml", "symlink-outside"],
    ]


def test_a_config_map_of_kubernetes_is_a_rule_directory(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """Its files are links to a hidden directory beside them."""
    write({"rules/..2026/a.yaml": rule_text("a")})
    (tmp_path / "rules/..data").symlink_to("..2026")
    (tmp_path / "rules/a.yaml").symlink_to("..data/a.yaml")
    assert set(load_all().rules) == {"default.a"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: \x00", b"[" * 100_000, b"!!python/object:x {}", b"a" * 300])
def test_hostile_files_are_problems_with_their_name(
    write: Writer, load_all: Loader, tmp_path: Path, content: bytes
) -> None:
    """Whatever a file holds, the load goes on."""
    write({"rules/a.yaml": rule_text("a")})
    (tmp_path / "rules/bad.yaml").write_bytes(content)
    snapshot = load_all(max_file_bytes=200 if content[:1] == b"a" and len(content) > 200 else 200_000)
    assert snapshot.rules["default.bad"].state is RuleState.BROKEN
    assert snapshot.rules["default.a"].state is RuleState.READY


def test_a_reload_reads_only_what_changed(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """Of a thousand rules, one that was saved is one that is read."""
    write({f"rules/r{number}.yaml": rule_text(f"r{number}") for number in range(50)})
    cache = FileCache()
    first = load_all(cache)
    before = cache.reads
    assert load_all(cache).rules == first.rules
    assert cache.reads == before
    write({"rules/r7.yaml": rule_text("renamed")})
    (tmp_path / "rules/r8.yaml").unlink()
    second = load_all(cache)
    assert cache.reads == before + 1
    assert "default.renamed" in second.rules
    assert {"default.r7", "default.r8"}.isdisjoint(second.rules)


def test_the_default_pack_is_default() -> None:
    """StackStorm's name for it."""
    assert DEFAULT_PACK == "default"
