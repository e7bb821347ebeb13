"""What only content as a whole shows: one claim per check."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stormlet.content.linking import link
from stormlet.model.action import RunnerType
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


RUNNERS = {
    "noop": RunnerType(name="noop", description="x"),
    "local-shell-cmd": RunnerType(
        name="local-shell-cmd",
        description="x",
        parameters={
            "cmd": {"type": "string"},
            "timeout": {"type": "integer", "default": 60},
            "env": {"type": "object"},
            "cwd": {"type": "string"},
        },
    ),
    "python-script": RunnerType(name="python-script", description="x", parameters={"timeout": {"type": "integer"}}),
    "http-request": RunnerType(name="http-request", description="x", parameters={"url": {"required": True}}),
    "local-shell-script": RunnerType(name="local-shell-script", description="x"),
    "announcement": RunnerType(name="announcement", description="x", parameters={"experimental": {"default": True}}),
}
Linker = Callable[[Mapping[str, str]], tuple[Snapshot, list[str]]]


@pytest.fixture
def linked(write: Writer, load_all: Loader) -> Linker:
    """Write files, load and link them; return the snapshot and the problems of these files."""

    def linked(files: Mapping[str, str]) -> tuple[Snapshot, list[str]]:
        root = write(files)
        snapshot = link(load_all(), RUNNERS)
        lines = [str(p) for p in snapshot.problems if p.location.file.startswith(str(root))]
        return snapshot, [line.replace(f"{root}/", "") for line in lines]

    return linked


def rule(action: str, trigger: str = "{type: core.st2.webhook, parameters: {url: x}}", criteria: str = "{}") -> str:
    return f"name: r\ntrigger: {trigger}\ncriteria: {criteria}\naction: {action}\n"


def test_a_trigger_that_its_pack_does_not_have_breaks_the_rule(linked: Linker) -> None:
    """The pack is loaded, so the name is a mistake."""
    snapshot, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", "{type: core.st2.webhok}")})
    assert problems == [
        (
            "rules/r.yaml:2:11 unknown-trigger trigger.type: the pack core has no trigger type core.st2.webhok "
            '(did you mean "core.st2.webhook"?)'
        )
    ]
    assert snapshot.rules["default.r"].state is RuleState.BROKEN
    assert [p.code for p in snapshot.rules["default.r"].problems] == ["unknown-trigger"]


def test_a_trigger_of_a_pack_that_is_not_loaded_is_implied(linked: Linker) -> None:
    """The generic webhook can fire it, so that a first rule needs no second file; it is a warning."""
    snapshot, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", "{type: my.thing.happened}")})
    assert problems == [
        (
            "rules/r.yaml:2:11 implied-trigger trigger.type: no loaded pack declares my.thing.happened; it is taken as a "
            "trigger type without a schema (declare it in triggers/ of a pack my to have its payload checked)"
        )
    ]
    kind = snapshot.trigger_types["my.thing.happened"]
    assert (kind.pack, kind.name, kind.implied) == ("my", "thing.happened", True)
    assert snapshot.rules["default.r"].state is RuleState.READY


def test_a_misspelt_pack_is_suggested(linked: Linker) -> None:
    """An implied trigger that is nearly a known one was most likely meant to be it."""
    _, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", "{type: cor.st2.webhook, parameters: {url: x}}")})
    assert 'did you mean "core.st2.webhook"?' in problems[0]


def test_the_pack_default_declares_nothing(linked: Linker) -> None:
    """A directory of that name is where users of StackStorm keep rules."""
    snapshot, problems = linked(
        {
            "packs/default/pack.yaml": pack_text("default"),
            "packs/default/rules/r.yaml": rule("{ref: core.noop}", "{type: default.mine}"),
        }
    )
    assert [line.split()[1] for line in problems] == ["implied-trigger"]
    assert snapshot.trigger_types["default.mine"].implied


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("{type: core.st2.webhook}", "2:1 trigger-parameters trigger.parameters: 'url' is a required property"),
        (
            "{type: core.st2.webhook, parameters: {url: 3}}",
            "2:48 trigger-parameters trigger.parameters.url: 3 is not of type 'string'",
        ),
        (
            "{type: core.st2.IntervalTimer, parameters: {unit: second, delta: 1}}",
            (
                "2:54 trigger-parameters trigger.parameters.unit: 'second' is not one of ['weeks', 'days', 'hours', "
                "'minutes', 'seconds']"
            ),
        ),
        (
            "{type: core.st2.IntervalTimer, parameters: {unit: seconds, delta: 1, deltas: 2}}",
            (
                "2:79 trigger-parameters trigger.parameters.deltas: Additional properties are not allowed ('deltas' was "
                'unexpected) (did you mean "delta"?)'
            ),
        ),
        (
            "{type: core.st2.CronTimer, parameters: {hour: 25}}",
            "2:50 trigger-parameters trigger.parameters.hour: 25 is greater than the maximum of 23",
        ),
    ],
)
def test_parameters_that_break_the_triggers_schema_break_the_rule(linked: Linker, trigger: str, expected: str) -> None:
    """The trigger could not exist, so neither can the rule."""
    snapshot, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", trigger)})
    assert len(problems) == 1
    assert problems[0].startswith(f"rules/r.yaml:{expected}")
    assert snapshot.rules["default.r"].state is RuleState.BROKEN


def test_good_trigger_parameters_are_taken(linked: Linker) -> None:
    """Timers and webhooks as StackStorm's documentation has them."""
    triggers = [
        "{type: core.st2.CronTimer, parameters: {hour: '*/2', minute: 0, timezone: UTC}}",
        "{type: core.st2.DateTimer, parameters: {date: '2026-12-31 23:59:59', timezone: UTC}}",
        "{type: core.st2.IntervalTimer, parameters: {unit: minutes, delta: 5}}",
        "{type: core.st2.generic.actiontrigger}",
        "{type: core.st2.key_value_pair.create, parameters: null}",
    ]
    files = {
        f"rules/{n}.yaml": rule("{ref: core.noop}", text).replace("name: r", f"name: r{n}")
        for n, text in enumerate(triggers)
    }
    assert linked(files)[1] == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("{ref: core.locall, parameters: {cmd: x}}", ["unknown-action"]),
        ("{ref: web.off}", ["disabled-action"]),
        ("{ref: core.local, parameters: {cmd: x, timout: 1}}", ["unknown-parameter"]),
        ("{ref: core.local}", ["missing-parameter"]),
        ("{ref: core.local, parameters: {cmd: x, sudo: true}}", ["immutable-parameter"]),
        ("{ref: core.local, parameters: {cmd: x, timeout: 5}}", []),
        ("{ref: web.unknown_runner, parameters: {any: thing}}", []),
    ],
)
def test_a_rules_parameters_are_compared_with_its_action(linked: Linker, action: str, expected: list[str]) -> None:
    """StackStorm loads all of these and fails when the rule fires: warnings."""
    snapshot, problems = linked(
        {
            "rules/r.yaml": rule(action),
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/actions/off.yaml": "name: 'off'\nrunner_type: noop\nenabled: false\n",
            "packs/web/actions/unknown.yaml": "name: unknown_runner\nrunner_type: mistral-v2\n",
        }
    )
    assert [line.split()[1] for line in problems if line.startswith("rules/")] == expected
    assert snapshot.rules["default.r"].state is RuleState.READY


@pytest.mark.parametrize(
    ("cmd", "raw"),
    [
        ("echo {{ trigger.body.x }}", True),
        ("echo '{{trigger.body.x}}'", True),
        ("echo {{ trigger.body.x | upper }}", True),
        ("echo {{ 'a' ~ trigger.body.x }}", True),
        ("echo {{ trigger.body.x | quote }}", False),
        ("echo {{ trigger.body.x|default('') | quote }}", False),
        ("echo {{ trigger.body.x | int }}", False),
        ("echo {{ trigger.body.x | length }}", False),
        ("echo {{ st2kv.system.trigger }}", False),
        ("echo {{ 'trigger' }}", False),
        ("echo trigger", False),
        ("echo '{{ trigger.body.y | quote }}'", True),
        ('echo \\"{{ trigger.body.y | quote }}\\"', True),
        ("{% for c in trigger.body.l %}{{ c }}{% endfor %}", True),
        ("{% for c in trigger.body.l %}{{ c | quote }} {% endfor %}", False),
        ("{% for k, v in trigger.body.items() %}{{ v }}{% endfor %}", True),
        ("{% set c = trigger.body.l %}{{ c }}", True),
        ("{% set c = trigger.body.l | quote %}echo {{ c }}", False),
        ("{% set c %}x {{ trigger.body.l }}{% endset %}{{ c }}", True),
        ("{% set c = trigger.body.l %}{% if c %}{% set c = 'a' %}{% endif %}{{ c }}", True),
        ("{% with c = trigger.body.l %}{{ c }}{% endwith %}", True),
        ("{% filter quote %}a {{ trigger.body.l }}{% endfilter %}", False),
        ("{% filter upper %}a {{ trigger.body.l }}{% endfilter %}", True),
        ("{% macro m() %}{{ trigger.body.l }}{% endmacro %}{{ m() }}", True),
        ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(trigger.body.l) }}", True),
        ("{{ [trigger.body.x|quote, trigger.body.y]|join }}", True),
        ("{{ [trigger.body.x|quote, trigger.body.y|quote]|join(' ') }}", False),
        ("{{ trigger.body.l | map('quote') | join(' ') }}", False),
        ("{{ trigger.body.l | map('quote') }}", True),
        ("{{ (trigger.body.x | quote) ~ trigger.body.y }}", True),
        ("{{ '--name=' ~ (trigger.body.x | quote) }}", False),
        ("{{ [trigger.body.x | quote] ~ 'x' }}", True),
        ("{{ trigger.body.x | quote | upper }}", True),
        ("{{ trigger.body.x if trigger.body.y else 'z' }}", True),
        ("{{ 'yes' if trigger.body.y == 'z' else 'no' }}", False),
        ("{{ 'a' | default(trigger.body.x) }}", True),
        ("{{ '{}'.format(trigger.body.x) }}", True),
        ("{% if trigger.body.x %}echo x{% endif %}", False),
        ('echo \\"$(echo {{ trigger.body.x | quote }})\\"', False),
        ("echo it is # {{ trigger.body.x | quote }}", True),
        ("echo \\\\{{ trigger.body.x | quote }}", True),
        ("cat <<EOF\\n{{ trigger.body.x | quote }}\\nEOF", True),
        ("cat <<EOF\\nx\\nEOF\\necho {{ trigger.body.x | quote }}", False),
        ('echo \\"{% if trigger.body.x %}\\"{% endif %}{{ trigger.body.x | quote }}', True),
    ],
)
def test_unquoted_event_text_in_a_command_is_a_warning(linked: Linker, cmd: str, raw: bool) -> None:
    """Whoever posts the event would write the command."""
    _, problems = linked({"rules/r.yaml": rule(f'{{ref: core.local, parameters: {{cmd: "{cmd}"}}}}')})
    assert [line.split()[1] for line in problems] == (["raw-template-in-shell"] if raw else [])


def test_event_text_that_an_action_puts_into_its_command_is_a_warning(linked: Linker) -> None:
    """The rule's author sees no shell, but there is one: core.echo's."""
    files = {
        "packs/web/pack.yaml": pack_text("web"),
        "packs/web/actions/say.yaml": (
            "name: say\nrunner_type: local-shell-cmd\nparameters:\n  text: {type: string}\n  safe: {type: string}\n"
            "  times: {type: integer}\n  cmd: {immutable: true, default: 'say {{text}} {{safe | quote}} {{times}}'}\n"
        ),
        "rules/r.yaml": rule(
            "{ref: web.say, parameters: {text: '{{ trigger.a }}', safe: '{{ trigger.b }}', times: '{{ trigger.c }}'}}"
        ),
    }
    _, problems = linked(files)
    assert [line.partition(" raw")[0] for line in problems] == ["rules/r.yaml:4:37"]


@pytest.mark.parametrize(
    ("parameters", "raw"),
    [
        ("cmd: 'echo {{ cwd }}', cwd: '{{ trigger.body.x }}'", True),
        ("cmd: 'echo {{ cwd }}', cwd: '{{ trigger.body.x | quote }}'", False),
        ("cmd: 'echo {{ cwd | quote }}', cwd: '{{ trigger.body.x }}'", False),
        ("cmd: 'echo {{ cwd }}', cwd: /tmp", False),
        ("cmd: 'echo {{ env.A }}', env: {A: '{{ trigger.body.x }}'}", True),
        ("cmd: 'echo $A', env: {A: '{{ trigger.body.x }}'}", False),
        ("cmd: 'echo {{ timeout }}', timeout: '{{ trigger.body.x }}'", False),
        ("cmd: 'echo {{ cwd }}', cwd: '{{ env }}', env: {A: '{{ trigger.body.x }}'}", True),
    ],
)
def test_event_text_reaches_a_command_through_another_parameter(linked: Linker, parameters: str, raw: bool) -> None:
    """A parameter may be a template of other parameters, and one of these may hold the event."""
    _, problems = linked({"rules/r.yaml": rule(f"{{ref: core.local, parameters: {{{parameters}}}}}")})
    assert [line.split()[1] for line in problems] == (["raw-template-in-shell"] if raw else [])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("github/push", []),
        ("/github/push/", []),
        ("''", ["webhook-url"]),
        ("/", ["webhook-url"]),
        ("https://example.com/x", ["webhook-url"]),
        ("/api/v1/webhooks/x", ["webhook-url"]),
        ("st2", ["webhook-url"]),
    ],
)
def test_a_url_that_cannot_be_reached_is_a_warning(linked: Linker, url: str, expected: list[str]) -> None:
    """It is a path below /api/v1/webhooks/, and `st2` is taken."""
    trigger = f"{{type: core.st2.webhook, parameters: {{url: {url}}}}}"
    _, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", trigger)})
    assert [line.split()[1] for line in problems] == expected


def test_the_long_spelling_of_the_generic_webhook_is_warned_of(linked: Linker) -> None:
    """Both work here; only the short one works in StackStorm. A custom webhook's body may hold a payload."""
    criteria = "{trigger.body.payload.a: {type: equals, pattern: 1}}"
    _, problems = linked({"rules/r.yaml": rule("{ref: core.noop}", "{type: my.thing}", criteria)})
    assert [line.split()[1] for line in problems] == ["implied-trigger", "webhook-body-spelling"]
    assert "write trigger.a" in problems[1]
    assert linked({"rules/r.yaml": rule("{ref: core.noop}", criteria=criteria)})[1] == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("name: a\nrunner_type: local-shel-cmd\n", ["unknown-runner"]),
        ("name: a\nrunner_type: python-script\n", ["missing-entry-point"]),
        ("name: a\nrunner_type: python-script\nentry_point: gone.py\n", ["missing-entry-point"]),
        ("name: a\nrunner_type: python-script\nentry_point: there.py\n", []),
        ("name: a\nrunner_type: python-script\nentry_point: ../../../secret.py\n", ["symlink-outside"]),
        ("name: a\nrunner_type: noop\nparameters: {x: {immutable: true}}\n", ["immutable-without-default"]),
        ("name: a\nrunner_type: local-shell-cmd\nparameters: {timeout: {immutable: true}}\n", []),
    ],
)
def test_an_action_that_cannot_run_is_a_warning(linked: Linker, action: str, expected: list[str]) -> None:
    """StackStorm loads it; running it would fail."""
    snapshot, problems = linked(
        {
            "packs/web/pack.yaml": pack_text("web"),
            "packs/web/actions/a.yaml": action,
            "packs/web/actions/there.py": "",
            "secret.py": "",
        }
    )
    assert [line.split()[1] for line in problems] == expected
    assert "web.a" in snapshot.actions


def test_linking_again_adds_nothing(linked: Linker) -> None:
    """Problems are told once, however often content is linked."""
    snapshot, _ = linked({"rules/r.yaml": rule("{ref: core.no}", "{type: my.thing}"), "rules/s.yaml": rule_text("s")})
    again = link(snapshot, RUNNERS)
    assert again.problems == snapshot.problems
    assert again.trigger_types == snapshot.trigger_types


def test_our_own_packs_and_rules_are_spotless(load_all: Loader) -> None:
    """What a new user reads first has not even a warning."""
    from stormlet.flow.execution import RUNNER_TYPES

    checkout = Path(__file__).parents[3]
    snapshot = link(load_all(bundled=checkout / "packs", rules=(checkout / "rules",)), RUNNER_TYPES)
    assert [str(problem) for problem in snapshot.problems] == []


def test_a_template_of_any_depth_is_judged_or_let_be(linked: Linker) -> None:
    """Whatever an author writes, the others' content is loaded."""
    deep = [
        "x" + " | upper" * 6000,
        "(" * 90 + "x" + ")" * 90,
        "x" + "[0]" * 6000,
        "x" + " ~ x" * 6000,
        "-" * 3000 + "1",
    ]
    files = {
        f"rules/{number}.yaml": rule(f"{{ref: core.local, parameters: {{cmd: '{{{{ {text} }}}}'}}}}").replace(
            "name: r", f"name: r{number}"
        )
        for number, text in enumerate(deep)
    }
    snapshot, _ = linked(files)
    assert len(snapshot.rules) == len(deep)


def test_a_filter_that_does_not_exist_is_no_matter_for_the_checks(linked: Linker) -> None:
    """Compiling tells of it."""
    linked({"rules/r.yaml": rule("{ref: core.local, parameters: {cmd: '{{ trigger.x | qoute }}'}}")})
