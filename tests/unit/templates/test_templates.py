"""Templates behave as StackStorm's: its settings, its test `in`, its words for what is missing."""

import threading
from typing import Any

import pytest

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import TemplateLimits, Templates, is_syntax_error, is_template

TEMPLATES = Templates()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ n }}", "5"),
        ("  {% if t %}\n  x\n  {% endif %}\nend", "  x\nend"),
        ("{% for x in l %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", "1a,2b"),
        ("{% for x in l recursive %}{{ x }}{{ loop.length }}{% endfor %}", "a2b2"),
        ("{% for x in [] %}x{% else %}none{% endfor %}", "none"),
        ("{{ 'a' is in l }}", "True"),
        ("{{ 'z' is not in l }}", "True"),
        ("{{ d.k }}{{ d['k'] }}", "vv"),
        ("{{ d }}", "{'k': 'v'}"),
        ("{{ none }}{{ t }}", "NoneTrue"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ m(a=2) }}", "<1><2>"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}", "<in>"),
        (
            "{% set ns = namespace(sum=0) %}{% for x in [1, 2] %}{% set ns.sum = ns.sum + x %}{% endfor %}{{ ns.sum }}",
            "3",
        ),
        ("{{ l[::-1] }}{{ 'abc'[1:] }}", "['b', 'a']bc"),
        ("{{ 'x' ~ n ~ l }}", "x5['a', 'b']"),
        ("{{ '%s-%03d' % ('a', 7) }}{{ '{}{x}'.format(1, x=2) }}{{ '{x}'.format_map({'x': 3}) }}", "a-007123"),
        (
            "{{ 'a'.center(3) }}|{{ 'a,b'.split(',') }}|{{ '-'.join(l) }}|{{ 'aa'.replace('a', 'b') }}",
            " a |['a', 'b']|a-b|bb",
        ),
        ("{{ [[1], [2]] | sum(start=[]) }}{{ l | join('+') }}", "[1, 2]a+b"),
        ("{{ range(3) | list }}", "[0, 1, 2]"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ n }}\n", "5"),
        ("{{ evil }}", "{{ n }}"),
    ],
)
def test_renders(source: str, text: str) -> None:
    """Jinja with trimmed blocks; what a value holds is never a template itself."""
    context = {"n": 5, "t": True, "none": None, "l": ["a", "b"], "d": {"k": "v"}, "evil": "{{ n }}"}
    assert TEMPLATES.compile(source).render(context) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ nope }}", "'nope' is undefined"),
        ("{{ d.nope }}", "'dict object' has no attribute 'nope'"),
        ("{{ d.nope | to_complex }}", "'dict object' has no attribute 'nope'"),
        ("{{ d.nope.deeper }}", "'dict object' has no attribute 'nope'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ none.x }}", "'None' has no attribute 'x'"),
        ("{{ object | to_complex }}", "Object of type object is not JSON serializable"),
    ],
)
def test_what_is_missing_is_said_in_jinjas_words(source: str, said: str) -> None:
    """The text is Jinja's or Python's own, as StackStorm shows it."""
    with pytest.raises(RenderError) as caught:
        TEMPLATES.compile(source).render({"d": {}, "none": None, "object": object()})
    assert caught.value.text == said


@pytest.mark.parametrize(
    ("source", "said", "syntax"),
    [
        ("a\n{{ x", "unexpected end of template, expected 'end of print statement'. (line 2)", True),
        ("{% if %}", "Expected an expression, got 'end of statement block' (line 1)", True),
        ("awk '{{print $1}}'", "unexpected char '$' at 13 (line 1)", True),
        ("{{ x | nope }}", "No filter named 'nope'. (line 1)", False),
        ("\n{{ x is nope }}", "No test named 'nope'. (line 2)", False),
        ("{% include 'x' %}", "a template cannot include another (line 1)", False),
        ("{% import 'os' as os %}", "a template cannot import another (line 1)", False),
    ],
)
def test_bad_templates_are_found_when_compiled(source: str, said: str, *, syntax: bool) -> None:
    """With the line; and it is known whether it was meant as a template at all."""
    with pytest.raises(RenderError) as caught:
        TEMPLATES.compile(source)
    assert caught.value.text == said
    assert is_syntax_error(caught.value) is syntax


def test_references_are_the_names_from_outside() -> None:
    """Not what a template sets itself, nor what the environment offers."""
    template = TEMPLATES.compile(
        "{% set a = b.c %}{{ a }}{% for x in range(d) %}{{ x }}{{ st2kv.system.y }}{% endfor %}"
    )
    assert template.references == {"b", "d", "st2kv"}


def test_a_source_is_compiled_once() -> None:
    """The same text gives the same template."""
    assert TEMPLATES.compile("{{ once }}") is TEMPLATES.compile("{{ once }}")


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("{{ a }}", True),
        ("{% a %}", True),
        ("{# a #}", False),
        ("{ { a } }", False),
        ("", False),
        (None, False),
        (["{{"], False),
    ],
)
def test_is_template(value: Any, *, answer: bool) -> None:
    """Two signs decide, as in StackStorm."""
    assert is_template(value) is answer


@pytest.mark.parametrize(
    "source",
    [
        "{{ l.append(2) }}",
        "{{ d.update({'b': 2}) }}",
        "{{ d.pop('a') }}",
        "{{ d.setdefault('z', 1) }}",
        "{{ d.clear() }}",
    ],
)
def test_a_template_changes_nothing(source: str) -> None:
    """Methods that change a list or an object cannot be called."""
    context = {"l": [1], "d": {"a": 1}}
    with pytest.raises(RenderError, match="unsafe"):
        TEMPLATES.compile(source).render(context)
    assert context == {"l": [1], "d": {"a": 1}}


def test_renderings_do_not_share_a_budget() -> None:
    """Many renderings of one template at the same time, each of which spends nearly all that one may."""
    templates = Templates(TemplateLimits(output_bytes=1000, seconds=30))
    template = templates.compile("{% for x in range(90) %}{{ n }}{% endfor %}")
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: results.extend(template.render({"n": n}) for _ in range(50)))
        for n in ("a" * 10, "b" * 10, "c" * 10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 150
    assert {len(result) for result in results} == {900}
    assert all(len(set(result)) == 1 for result in results)


def test_the_clock_is_handed_in() -> None:
    """Time is what the engine says it is: a loop ends when the clock has passed the limit."""
    ticks = iter(range(10_000))
    templates = Templates(TemplateLimits(seconds=5), monotonic=lambda: float(next(ticks)))
    with pytest.raises(RenderError, match="takes longer than 5 s"):
        templates.compile("{% for x in range(10000) %}{% endfor %}").render({})
