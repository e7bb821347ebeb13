"""No rendered text holds a Python object's address."""

import re

import pytest

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import Templates

BODY = {"items": [1], "a": {"values": 2}, "l": ["x", "y"]}


@pytest.mark.parametrize(
    "source",
    [
        "{{ body.items }}",
        "{{ body.a.values }}",
        "{{ body.l.pop }}",
        "{{ 'x'.upper }}",
        "a {{ body.items }} b",
        "{{ body.items | upper }}",
        "{{ body.items | string }}",
        "{{ body.items | quote }}",
        "{{ body.items | default('x') }}",
        "{{ body.items ~ 'x' }}",
        "{{ [body.items] }}",
        "{{ {'a': body.items} }}",
        "{{ [body.items] | join }}",
        "{{ '%s' % body.items }}",
        "{{ '%s' % (body.items,) }}",
        "{{ '{}'.format(body.items) }}",
        "{{ '{!r}'.format(body.items) }}",
        "{{ '{0.items}'.format(body) }}",
        "{{ body.l | map('upper') }}",
        "{{ body.l | map('upper') | upper }}",
        "{{ body.l | map('upper') | quote }}",
        "{{ body.l | map('upper') ~ '' }}",
        "{{ range }}",
        "{{ dict }}",
        "{{ cycler('a') }}",
        "{{ joiner() }}",
    ],
)
def test_what_has_no_text_is_an_error(source: str) -> None:
    """A parameter never becomes `<built-in method …>`."""
    with pytest.raises(RenderError) as raised:
        Templates().compile(source).render({"body": BODY})
    assert not re.search(r"0x[0-9a-f]{6}", raised.value.text)


def test_the_error_names_the_cure() -> None:
    """A key that a method hides can still be had."""
    with pytest.raises(
        RenderError, match=re.escape("items is a method here, not a value; a key of that name is written ['items']")
    ):
        Templates().compile("{{ body.items }}").render({"body": BODY})
    assert Templates().compile("{{ body['items'] }}").render({"body": BODY}) == "[1]"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for k, v in body.a.items() %}{{ k }}{{ v }}{% endfor %}", "values2"),
        ("{{ body.l | map('upper') | join }}", "XY"),
        ("{{ body.l | map('upper') | list }}", "['X', 'Y']"),
        ("{{ body.items is callable }}", "True"),
        ("{{ '<function f at 0x7f0000000000>' }}", "<function f at 0x7f0000000000>"),
        ("{{ ['<function f at 0x7f0000000000>'] | first }}", "<function f at 0x7f0000000000>"),
        ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1) }}", "1"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}", "a"),
        ("{% for x in body.l %}{{ loop.index }}{% endfor %}", "12"),
        ("{{ none }}{{ 1.5 }}{{ true }}", "None1.5True"),
    ],
)
def test_what_is_called_or_gone_through_is_fine(source: str, text: str) -> None:
    """Methods are there to be called."""
    assert Templates().compile(source).render({"body": BODY}) == text
