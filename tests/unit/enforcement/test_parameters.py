"""Parameters are rendered, filled in, cast and refused as in StackStorm; where it is wiser, the docstring says so."""

from typing import Any

import pytest

from stormlet.flow.enforcement.parameters import validate_parameters
from stormlet.foundation.errors import InvalidInputError, RenderError
from stormlet.model.action import Action, RunnerType

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
ARRAY = {"type": "array"}
OBJECT = {"type": "object"}
EVENT = {"body": {"name": "x", "n": 5, "l": [1, "a"], "none": None, "quote": 'he said "hi"\n', "evil": "{{ st2kv }}"}}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{ trigger.body.name }}", "x"),
        ("{{ trigger.body.evil }}", "{{ st2kv }}"),
        ("{{ action_context.user }} {{ action_context.rule.name }}", "stanley r"),
        ("{{ config_context.base_url }}", "https://example.com"),
        ("{{ st2kv.system.a }}{{ st2kv.system.nope }}", "v"),
        ("{{ st2kv.system.nope | default('d', true) }}", "d"),
        ("{{ st2kv.system.secret | decrypt_kv }}", "SEALED"),
        ("{% for x in trigger.body.l %}{{ x }};{% endfor %}", "1;a;"),
        ("{{ trigger.body.l | to_json_string }}", '[1,"a"]'),
        ("{{ trigger.body.quote | quote }}", "'he said \"hi\"\n'"),
        ("{{ range(2) | list }}", "[0, 1]"),
        ("awk '{{print $1}}'", "awk '{{print $1}}'"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_a_text_is_rendered_once(render: Any, template: str, text: str) -> None:
    """With everything that StackStorm's templates see; what is no template stays as it is."""
    assert render({"cmd": TEXT}, {"cmd": template}, trigger=EVENT) == {"cmd": text}


def test_parameters_see_each_other(render: Any) -> None:
    """In any order, through several steps, defaults included; a parameter hides what has its name in the context."""
    declared = {
        "full": {"type": "string", "default": "{{ greeting }}, {{ name }}!"},
        "greeting": {"type": "string", "default": "hello"},
        "name": TEXT,
        "first": TEXT,
        "trigger": TEXT,
    }
    given = {"name": "{{ first | upper }}", "first": "{{ trigger }}", "trigger": "ann"}
    assert render(declared, given, trigger=EVENT) == {
        "full": "hello, ANN!",
        "greeting": "hello",
        "name": "ANN",
        "first": "ann",
        "trigger": "ann",
    }


def test_a_default_does_not_hide_the_event(render: Any) -> None:
    """A parameter called `trigger` that nobody gave takes its default; templates still see the event."""
    declared = {"trigger": {"type": "string", "default": "d"}, "cmd": TEXT}
    assert render(declared, {"cmd": "{{ trigger.body.name }}"}, trigger=EVENT) == {"trigger": "d", "cmd": "x"}


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        ({"a": TEXT}, {"a": "{{ nope }}"}, 'Dependency unsatisfied in variable "nope"'),
        ({"a": {"default": "{{ nope }}"}}, {}, 'Dependency unsatisfied in variable "nope"'),
        ({"a": TEXT}, {"a": ["{{ nope }}"]}, 'Dependency unsatisfied in variable "nope"'),
        (
            {"a": TEXT},
            {"a": "{{ trigger.nope }}"},
            "Failed to render parameter \"a\": 'dict object' has no attribute 'nope'",
        ),
        ({"a": TEXT}, {"a": "{{ 1 | nope }}"}, "Failed to render parameter \"a\": No filter named 'nope'."),
        ({"a": TEXT}, {"a": {"b": "{{ 1 | nope }}"}}, "Failed to render parameter \"a\": No filter named 'nope'."),
        ({"a": TEXT}, {"a": "{{ 'a' * 10**9 }}"}, 'Failed to render parameter "a": the template makes a value larger'),
        (
            {"a": TEXT},
            {"a": "{{ a }}"},
            "Cyclic dependency found in the following variables: a. Likely the variable is",
        ),
        (
            {},
            {"a": "{{ b }}", "b": "{{ c }}", "c": "{{ a }}", "d": "{{ a }}"},
            "in the following variables: a, b, c. Likely",
        ),
        (
            {},
            {"a": "{{ a }}", "b": ["{{ b }}"]},
            "in the following variables: a, b. Likely the variable is referencing itself",
        ),
    ],
)
def test_what_cannot_be_rendered_is_said_in_stackstorms_words(
    render: Any, declared: Any, given: Any, said: str
) -> None:
    """All are RenderErrors: an execution is recorded that failed before it began."""
    with pytest.raises(RenderError) as caught:
        render(declared, given, trigger=EVENT)
    assert said in caught.value.text


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (["{{ trigger.body.name }}", 1, None], ["x", 1, None]),
        (["{{l}}"], [[1, "a"]]),
        (["{{ l }}"], ["[1, 'a']"]),
        ({"k": "{{l}}", "{{ name }}": {"deep": ["{{ name }}-{{ n }}"]}}, {"k": [1, "a"], "x": {"deep": ["x-5"]}}),
        ({"k": "{{ trigger.body['name'] }}"}, {"k": "x"}),
        ({"k": '{{ trigger.body["name"] }}'}, {"k": "x"}),
        (["awk '{{print $1}}'", "{{ n }}"], ["awk '{{print $1}}'", "5"]),
        ({1: "{{ n }}"}, {1: "5"}),
        ({"k": "plain"}, {"k": "plain"}),
    ],
)
def test_templates_in_lists_and_objects(render: Any, value: Any, result: Any) -> None:
    """Texts stay texts; `{{name}}` without blanks keeps its type, as in StackStorm."""
    names = {"trigger": EVENT, "l": [1, "a"], "name": "x", "n": 5}
    assert render({"a": {}}, {"a": value}, **names) == {"a": result}


def test_event_text_in_an_object_stays_where_it_is(render: Any) -> None:
    """StackStorm renders an object as one JSON text, so that a quote breaks it, or adds a key. Here neither happens."""
    evil = 'x", "LD_PRELOAD": "/tmp/evil.so'
    assert render({"env": OBJECT}, {"env": {"NAME": "{{ text }}"}}, text=evil) == {"env": {"NAME": evil}}
    assert render({"env": OBJECT}, {"env": {"NAME": "{{ text | json_escape }}"}}, text=evil) == {"env": {"NAME": evil}}
    assert render({"a": ARRAY}, {"a": ["{{ text }}"]}, text='he said "hi"\n\\') == {"a": ['he said "hi"\n\\']}


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        ("integer", "{{ n }}", 5),
        ("integer", "7", 7),
        ("integer", 7.9, 7),
        ("integer", "{{ st2kv.system.n }}", 5),
        ("number", "1.5", 1.5),
        ("number", 2, 2.0),
        ("boolean", "{{ yes }}", True),
        ("boolean", "FALSE", False),
        ("boolean", True, True),
        ("array", "[1, 'a', None]", [1, "a", None]),
        ("array", '["a", null]', ["a", None]),
        ("array", "(1, 2)", [1, 2]),
        ("array", "{{ l }}", [1, "a"]),
        ("object", "{{ trigger }}", EVENT),
        ("object", "{{ trigger.body }}", EVENT["body"]),
        ("object", "{{ trigger.body | to_complex }}", EVENT["body"]),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", {"a": 1}, {"a": 1}),
        ("string", "{{ n }}", "5"),
        ("string", "{{ none | use_none }}", None),
        ("integer", "{{ none | use_none }}", None),
        (["string", "null"], "{{ n }}", "5"),
        (None, "{{ n }}", "5"),
    ],
)
def test_values_are_cast_by_declared_type(render: Any, kind: Any, value: Any, result: Any) -> None:
    """A template prints text; the type says what to make of it. A list of types is left alone."""
    names = {"trigger": EVENT, "n": 5, "yes": True, "l": [1, "a"], "none": None}
    assert render({"a": {"type": kind} if kind else {}}, {"a": value}, **names) == {"a": result}


def test_an_object_need_not_pass_through_text(render: Any) -> None:
    """A payload too deep for Python to read back is handed on as it is."""
    deep: Any = 1
    for _ in range(300):
        deep = {"x": deep}
    assert render({"a": OBJECT}, {"a": "{{ trigger }}"}, trigger=deep) == {"a": deep}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("integer", "x", 'Value "x" cannot be read as an integer.'),
        ("integer", "1.9", "integer"),
        ("integer", "9" * 5000, "integer"),
        ("integer", [1], "integer"),
        ("number", "nan", 'Value "nan" cannot be read as a number.'),
        ("boolean", "yes", 'Value "yes" cannot be read as a boolean.'),
        ("array", "a,b", 'Value "a,b" cannot be read as an array.'),
        ("array", "{1, 2}", "array"),
        ("object", "x" * 1000, "x" * 100 + "…"),
        ("object", "[" * 10_000, "object"),
        ("object", "__import__('os')", "object"),
        ("object", "{'a': open('/etc/passwd')}", "object"),
        ("string", 1, 'Value "1" must either be a string or None. Got "int".'),
    ],
)
def test_what_cannot_be_cast_is_invalid_input(render: Any, kind: str, value: Any, said: str) -> None:
    """The parameter is named; it is no RenderError, so that no execution is recorded, as in StackStorm."""
    with pytest.raises(InvalidInputError) as caught:
        render({"a": {"type": kind}}, {"a": value})
    assert not isinstance(caught.value, RenderError)
    assert said in caught.value.text
    assert caught.value.hint == f"parameter `a` is of type {kind}"


def test_secrets_are_not_told(render: Any) -> None:
    """Neither by casting nor by validation."""
    declared = {"key": {"type": "integer", "secret": True}}
    with pytest.raises(InvalidInputError) as caught:
        render(declared, {"key": "hunter2"})
    assert "hunter2" not in str(caught.value)
    action = Action(id="1", pack="p", name="a", runner_type="r", parameters=declared)
    with pytest.raises(InvalidInputError, match="secret parameter 'key'") as caught:
        validate_parameters(action, RunnerType(name="r", description=""), {"key": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("own", "runners", "given", "result"),
    [
        ({"a": {"default": "own"}}, {}, {}, {"a": "own"}),
        ({"a": {}}, {}, {}, {"a": None}),
        ({"a": {"default": "own"}}, {}, {"a": None}, {"a": "own"}),
        ({"a": {"default": "own"}}, {}, {"a": "given"}, {"a": "given"}),
        ({"a": {"default": "{{ nope }}"}}, {}, {"a": "{{ 1 }}"}, {"a": "1"}),
        ({}, {"a": {"default": "runner"}}, {}, {"a": "runner"}),
        ({"a": {"default": "own"}}, {"a": {"default": "runner"}}, {}, {"a": "own"}),
        ({"a": {"default": None}}, {"a": {"default": "runner"}}, {}, {"a": "runner"}),
        ({"a": {"immutable": True}}, {"a": {"default": "runner"}}, {}, {"a": "runner"}),
        ({"a": {"default": "own"}}, {"a": {"default": "runner", "immutable": True}}, {}, {"a": "runner"}),
        ({"a": {"immutable": True, "default": "{{ b }}"}, "b": {"default": "x"}}, {}, {}, {"a": "x", "b": "x"}),
        ({"a": {"default": ["{{b}}"]}, "b": {"default": 3}}, {}, {}, {"a": [3], "b": 3}),
        ({"a": {}}, {"timeout": {"type": "integer", "default": "60"}}, {}, {"a": None, "timeout": 60}),
        ({}, {}, {"more": "{{ 1 }}"}, {"more": "1"}),
    ],
)
def test_defaults(render: Any, own: Any, runners: Any, given: Any, result: Any) -> None:
    """Of the action, of the runner, of both. A template that was given wins over a template default, which StackStorm forgets."""
    assert render(own, given, runners) == result


@pytest.mark.parametrize("where", ["action", "runner"])
def test_immutable_parameters_cannot_be_given(render: Any, where: str) -> None:
    """In StackStorm's words; the value that it has anyway, as of an execution that is run again, does no harm."""
    declared = {"a": {"type": "string", "immutable": True, "default": "{{ b }}"}, "b": {"default": "x"}}
    own, runners = (declared, {}) if where == "action" else ({}, declared)
    for given in ({"a": "y"}, {"a": "{{ b }}!"}):
        with pytest.raises(InvalidInputError, match=r"^Override of immutable parameter\(s\) \['a'\] is unsupported\.$"):
            render(own, given, runners)
    assert render(own, {"a": "x"}, runners) == {"a": "x", "b": "x"}
    assert render(own, {"a": None}, runners) == {"a": "x", "b": "x"}


@pytest.mark.parametrize(
    ("declared", "values", "said"),
    [
        ({"cmd": {"type": "string", "required": True}}, {}, "'cmd' is a required property"),
        ({"cmd": {"type": "string", "required": True}}, {"cmd": None}, "'cmd' is a required property"),
        ({"cmd": TEXT}, {"x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        ({"n": NUMBER}, {"n": "x"}, "'x' is not of type 'integer', 'null'"),
        ({"n": {"type": "integer", "default": 1}}, {"n": "x"}, "'x' is not of type 'integer'"),
        ({"e": {"enum": ["a", "b"], "default": "a"}}, {"e": "c"}, "'c' is not one of ['a', 'b']"),
        ({"cmd": TEXT}, {"cmd": None}, None),
        ({"cmd": {"type": "string", "required": True, "default": "d"}}, {}, None),
        ({"cmd": {"type": "string", "immutable": True, "position": 1, "default": "d"}}, {"cmd": "d"}, None),
    ],
)
def test_final_parameters_are_checked(declared: Any, values: Any, said: str | None) -> None:
    """In the words of Python's jsonschema, as StackStorm's clients know them; an optional parameter may be None."""
    action = Action(id="1", pack="p", name="a", runner_type="r", parameters=declared)
    runner = RunnerType(name="r", description="", parameters={"timeout": {"type": "integer", "default": 60}})
    if said is None:
        validate_parameters(action, runner, values)
        return
    with pytest.raises(InvalidInputError) as caught:
        validate_parameters(action, runner, values)
    assert caught.value.text == said
