"""Filters do what their examples say, and what StackStorm's do where it is not in an example."""

from typing import Any

import pytest

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import FILTERS, NONE_MARKER, Example, KeyValueLookup, Templates

TEMPLATES = Templates(decrypt=lambda text: {"sealed": "opened"}[text])
EXAMPLES = [(each.name, example) for each in FILTERS.values() for example in each.examples]
OF_STACKSTORM = {
    *("from_json_string", "from_yaml_string", "to_json_string", "to_yaml_string", "to_complex", "json_escape"),
    *("jsonpath_query", "use_none", "decrypt_kv", "regex_match", "regex_replace", "regex_search", "regex_substring"),
    *("to_human_time_from_seconds", "basename", "dirname", "version_compare", "version_more_than", "version_less_than"),
    *("version_equal", "version_match", "version_bump_major", "version_bump_minor", "version_bump_patch"),
    "version_strip_patch",
}


def render(template: str, **context: Any) -> str:
    """Return what the template prints."""
    return TEMPLATES.compile(template).render(context)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_are_true(name: str, example: Example) -> None:
    """Every example in the reference prints what the reference says, and shows the filter it belongs to."""
    assert name in example.template
    assert TEMPLATES.compile(example.template).render(example.context) == example.result


def test_all_filters_of_stackstorm_are_there() -> None:
    """StackStorm's 25 filters and our own, each with help and an example."""
    assert set(FILTERS) == OF_STACKSTORM | {"quote"}
    assert all(each.help.endswith(".") and each.examples for each in FILTERS.values())


@pytest.mark.parametrize(
    ("text", "escaped"), [("a", "a"), ('a"', 'a\\"'), ('"', '\\"'), ("a\nb", "a\\nb"), ("é", "\\u00e9"), ("", "")]
)
def test_json_escape_keeps_quotes_at_the_ends(text: str, escaped: str) -> None:
    """A text that ends with a quote stays whole between the quotes of a JSON string."""
    assert render("{{ text | json_escape }}", text=text) == escaped


@pytest.mark.parametrize(
    "text", ["", "a b", "'", "$(id)", "`id`", "a\nb", "-n", "*", "é", ";", "&&", "|", "\\", '"', "~", "#"]
)
def test_quote_makes_one_shell_word(text: str) -> None:
    """Whatever the text, a POSIX shell sees one word."""
    import shlex

    assert shlex.split(render("{{ text | quote }}", text=text)) == [text]


def test_decrypt_says_which_key_is_missing() -> None:
    """A secret that does not exist is named as its author wrote it."""
    lookup = KeyValueLookup({}.get)
    with pytest.raises(RenderError, match=r'item "st2kv\.system\.a\.b" doesn\'t exist or it contains an empty string'):
        render("{{ st2kv.system.a.b | decrypt_kv }}", st2kv={"system": lookup})


def test_decrypt_without_a_key_says_so() -> None:
    """Where templates cannot open secrets, the filter is there and fails."""
    with pytest.raises(RenderError, match="no key"):
        Templates().compile("{{ 'x' | decrypt_kv }}").render({})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (1, "1s"),
        (60, "1m0s"),
        (3661, "1h1m1s"),
        (90061, "1d1h1m1s"),
        (31536000, "1y0d0h0m0s"),
        (0.5, "0.5μs"),
    ],
)
def test_spans_of_time_are_worded_as_in_stackstorm(seconds: float, words: str) -> None:
    """From the largest unit that is there, down to seconds."""
    assert render("{{ n | to_human_time_from_seconds }}", n=seconds) == words


def test_days_of_a_span_are_all_counted() -> None:
    """Forty days are forty days; StackStorm's calendar arithmetic loses a month."""
    assert render("{{ n | to_human_time_from_seconds }}", n=40 * 86400) == "40d0h0m0s"


def test_use_none_marks_only_none() -> None:
    """False, 0 and the empty text are values."""
    assert render("{{ x | use_none }}", x=None) == NONE_MARKER
    assert [render("{{ x | use_none }}", x=value) for value in (False, 0, "")] == ["False", "0", ""]


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' | from_json_string }}",
        "{{ '[' | from_yaml_string }}",
        "{{ 'x' | version_bump_major }}",
        "{{ 5 | version_bump_major }}",
        "{{ '1.0.0' | version_match('~1') }}",
        "{{ 'x' | regex_match('(') }}",
        "{{ 'x' | regex_substring('y') }}",
        "{{ x | jsonpath_query('a b') }}",
        "{{ 'x' | to_human_time_from_seconds }}",
        "{{ missing | to_complex }}",
    ],
)
def test_misuse_is_a_render_error(template: str) -> None:
    """A filter that cannot do its work raises nothing but RenderError."""
    with pytest.raises(RenderError) as caught:
        render(template, x={})
    assert caught.value.text


ORDERED = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
]


def test_versions_are_ordered_as_semver_says() -> None:
    """The chain of semver.org's point 11, and numbers that count as numbers."""
    chain = [*ORDERED, "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.0.0"]
    for position, version in enumerate(chain):
        answers = [render("{{ a | version_compare(b) }}", a=version, b=other) for other in chain]
        assert answers == ["1"] * position + ["0"] + ["-1"] * (len(chain) - position - 1)
