"""Templates on arbitrary text: values pass through whole, nothing is compiled twice, nothing but RenderError is raised."""

import contextlib
import json
import re
import shlex
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stormlet.flow.enforcement.parameters import render_parameters
from stormlet.flow.matching.patterns import as_jinja_prints, compile_pattern
from stormlet.foundation.errors import InvalidInputError, RenderError
from stormlet.foundation.regexes import look_over
from stormlet.foundation.templates import KeyValueLookup, Templates
from stormlet.model.action import Action, RunnerType

TEMPLATES = Templates(decrypt=lambda text: text)
TEXTS = st.text(max_size=30)
SIGNS = st.text(alphabet="{}%#|'\"\\ab.()[]~*+-1 \n$", max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RUNNER = RunnerType(name="r", description="")
REGEX_PIECES = [
    "a",
    "b",
    ".",
    r"\d",
    "[ab]",
    "[[a]",
    "(",
    ")",
    "|",
    "*",
    "+",
    "?",
    "{2}",
    "{e}",
    "{,3}",
    "^",
    "$",
    r"\b",
]


def parameters(kind: Any, value: Any, **names: Any) -> Any:
    """Return one parameter of this type, rendered and cast."""
    action = Action(id="1", pack="p", name="a", runner_type="r", parameters={"a": {"type": kind} if kind else {}})
    return render_parameters(action, RUNNER, {"a": value}, names, TEMPLATES)["a"]


@given(TEXTS | SIGNS)
def test_an_events_text_is_never_a_template(text: str) -> None:
    """It is printed as it is, through one template or through two parameters one after the other."""
    assert TEMPLATES.compile("{{ text }}").render({"text": text}) == text
    action = Action(id="1", pack="p", name="a", runner_type="r", parameters={"b": {"default": "{{ a }}"}})
    final = render_parameters(action, RUNNER, {"a": "{{ text }}"}, {"text": text}, TEMPLATES)
    assert final == {"a": text, "b": text}


@given(SIGNS | TEXTS)
def test_any_source_is_a_template_or_a_render_error(source: str) -> None:
    """Whatever is compiled and rendered, nothing else is raised; and without signs it is printed as Jinja prints it."""
    try:
        printed = TEMPLATES.compile(source).render({"a": "x", "b": {"a": 1}})
    except RenderError:
        return
    if not any(sign in source for sign in ("{{", "{%", "{#")):
        assert printed == as_jinja_prints(source)


@given(JSON)
def test_a_pattern_gets_its_type_back(value: Any) -> None:
    """`{{ trigger.v }}` in a pattern is the very value, whatever it is."""
    pattern = compile_pattern("{{ trigger.v }}", TEMPLATES)
    rendered = pattern.render({"trigger": {"v": value}})
    assert json.dumps(rendered) == json.dumps(value)


@given(JSON)
def test_structures_reach_a_parameter_whole(value: Any) -> None:
    """In the three ways that StackStorm's users know, and in a list."""
    wrapped = {"v": value}
    for template in ("{{ v }}", "{{ v | to_complex }}", "{{ v | to_json_string }}"):
        assert parameters("object", template, v=wrapped) == wrapped
    assert parameters("array", ["{{v}}"], v=wrapped) == [wrapped]


@given(JSON)
def test_python_s_own_print_is_read_back(value: Any) -> None:
    """What StackStorm relies on for `{{ trigger }}`: the printed form is read as the value. `~ ''` keeps it a text."""
    assert parameters("object", "{{ v ~ '' }}", v={"v": value}) == {"v": value}


@given(TEXTS, TEXTS)
def test_text_in_an_object_stays_in_its_place(key: str, text: str) -> None:
    """No text of an event breaks an object or adds a key to it, escaped for JSON by the author or not."""
    for template in ("{{ text }}", "{{ text | json_escape }}"):
        assert parameters("object", {"k": template, "l": [template]}, text=text) == {"k": text, "l": [text]}


@given(st.sampled_from(["integer", "number", "boolean", "array", "object", "string"]), JSON | SIGNS)
def test_casting_gives_the_type_or_invalid_input(kind: str, value: Any) -> None:
    """Nothing else is raised, and what comes out is JSON."""
    for given_value in ("{{ v }}", value):
        with contextlib.suppress(InvalidInputError):
            json.dumps(parameters(kind, given_value, v=value), allow_nan=False)


@given(TEXTS.filter(lambda text: "\x00" not in text))
def test_quoted_text_is_one_word(text: str) -> None:
    """For any shell that reads as POSIX says."""
    assert shlex.split(TEMPLATES.compile("echo {{ text | quote }}").render({"text": text})) == ["echo", text]


@given(st.dictionaries(st.text(alphabet="ab.-", min_size=1, max_size=4), TEXTS, max_size=4), TEXTS)
def test_a_key_of_the_datastore_is_its_value(keys: dict[str, str], other: str) -> None:
    """Printed, compared and joined, a lookup is what the key holds."""
    root = KeyValueLookup(keys.get)
    for name, value in keys.items():
        looked_up = root.child(name)
        assert (str(looked_up), looked_up == value, looked_up + other) == (value, True, value + other)
        assert (
            TEMPLATES.compile("{{ kv[name] ~ other }}").render({"kv": root, "name": name, "other": other})
            == value + other
        )


@given(st.lists(st.sampled_from(REGEX_PIECES), max_size=8).map("".join), st.text(alphabet="ab1{e}[], ", max_size=8))
def test_a_translated_regex_means_the_same(pattern: str, text: str) -> None:
    """What `regex` is given for a pattern matches what `re` matches with the pattern itself."""
    import warnings

    import regex

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            python = re.compile(pattern)
    except re.error:
        return
    other = regex.compile(look_over(pattern).translated, regex.VERSION0)
    mine, theirs = python.search(text), other.search(text, timeout=1)
    if text:  # on the empty text the two differ about \B, and `re` is always asked
        assert (mine and mine.span()) == (theirs and theirs.span())
