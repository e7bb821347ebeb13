"""No template escapes, and none takes the machine with it: each of these ends with a RenderError, soon, in little memory."""

import resource
import time
from typing import Any

import pytest

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import Templates

TEMPLATES = Templates(decrypt=lambda text: text)
SECONDS = 3.0
"""One second is the limit; a machine that is busy with other tests may need longer for what happens in between."""
MEGABYTES = 160

AROUND = "{% set ns = namespace(a=START) %}{% for i in range(60) %}{% set ns.a = STEP %}{% endfor %}{{ ns.a }}"

GROWING = [
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 8 * 10**8 }}",
    "{{ 10**9 * 'a' }}",
    "{{ 'a'.encode() * 10**9 }}",
    "{{ [1] * 10**9 }}",
    "{{ 'a'.center(9 * 10**8) }}",
    "{{ 'a' | center(900000000) }}",
    "{{ 'a'.ljust(900000000) }}",
    "{{ 'a'.zfill(900000000) }}",
    "{{ ('\t' * 100000).expandtabs(100000) }}",
    "{{ '%0900000000d' % 1 }}",
    "{{ '%0900000000d' | format(1) }}",
    "{{ '%*d' % (900000000, 1) }}",
    "{{ '%.900000000f' % 1.5 }}",
    "{{ ('%(a)s' * 100000) % {'a': 'x' * 100000} }}",
    "{{ '{:900000000}'.format(1) }}",
    "{{ '{:{w}}'.format(1, w=900000000) }}",
    "{{ '{:.900000000f}'.format(1.5) }}",
    "{{ ('{0}' * 100000).format('x' * 100000) }}",
    "{{ ('{a}' * 100000).format_map({'a': 'x' * 100000}) }}",
    "{{ 2 ** (10 ** 9) }}",
    "{{ 9 ** (9 ** (9 ** 9)) }}",
    "{{ ('f' * 1000000) | int(base=16) // 3 }}",
    "{{ (1).to_bytes(900000000, 'big') }}",
    "{{ 'a'.translate({97: 'x' * 1000}) }}",
    "{{ 'ab' | indent(900000000) }}",
    "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
    "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "{{ ['x' * 100000] * 1000 }}",
    "{{ (['x' * 1000000] * 3) | join('y' * 1000000) }}",
    "{{ ('y' * 1000000).join(['a'] * 100) }}",
    "{{ [1] | batch(900000000, 0) | list }}",
    "{{ [1] | slice(900000000) | list }}",
    "{{ ([[1] * 10000] * 10000) | sum(start=[]) }}",
    "{{ 1.5 | round(900000000, 'ceil') }}",
    "{{ {'a': 1} | tojson(indent=900000000) }}",
    "{{ {'a': 1} | to_json_string(indent=900000000) }}",
    "{{ ('a ' * 400000) | wordwrap(1, wrapstring='x' * 1000) }}",
    "{{ ('a' * 100000) | regex_replace('a', 'b' * 1000) }}",
    "{{ ('a' * 100000) | regex_replace('(a)', '\\\\1' * 1000) }}",
    "{{ ('ab ' * 1000000) | title }}",
    "{{ ('a ' * 1000000).split() }}",
    "{{ range(10**9) | list }}",
    "{{ dict.fromkeys(range(99999), 'x' * 1000000) | string }}",
    "{% autoescape true %}{{ '<' * 900000 }}{{ ('<' * 900000) | e }}{% endautoescape %}",
    AROUND.replace("START", "'x'").replace("STEP", "ns.a ~ ns.a"),
    AROUND.replace("START", "'x'").replace("STEP", "ns.a + ns.a"),
    AROUND.replace("START", "'x'").replace("STEP", "ns.a * 2"),
    AROUND.replace("START", "[1]").replace("STEP", "ns.a + ns.a"),
    AROUND.replace("START", "[1]").replace("STEP", "[ns.a, ns.a]"),
    AROUND.replace("START", "(1,)").replace("STEP", "(ns.a, ns.a)"),
    AROUND.replace("START", "{}").replace("STEP", "{'a': ns.a, 'b': ns.a}"),
    AROUND.replace("START", "{}").replace("STEP", "dict(a=ns.a, b=ns.a)"),
    "{{ bomb | from_yaml_string | string }}",
]

ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    "{% for a in range(99999) %}{{ payload }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% macro m(n) %}x{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% for x in range(99999) recursive %}{% if loop.depth < 9 %}{{ loop(range(99999)) }}{% endif %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(90000) %}{% set ns.l = ns.l + ['a' * 1000] %}{% endfor %}",
    "{% for c in 'a' * 1000000 %}{{ ('b' * 1000000).count('c') }}{% endfor %}",
    "{{ ('a' * 5000 ~ 'b') | regex_search('^(a|aa)+$') }}",
    "{{ deep | jsonpath_query('$..*..*..*..*') }}",
    "{{ lipsum(n=100000) }}",
]

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ [''] | map(attribute='__class__') | first }}",
    "{{ ('__cla' ~ 'ss__') and ''['__cla' ~ 'ss__'] }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{0.__class__.__mro__}'.format_map({'0': ''}) }}",
    "{{ '{a[__class__]}'.format(a='') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__globals__ }}",
    "{{ dict.__base__.__subclasses__() }}",
    "{{ dict.mro() }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
    "{% set x = ''.__class__ %}{{ x }}",
    "{{ (lambda: 1)() }}",
    "{{ ().__reduce__() }}",
    "{{ payload.__getattribute__('items') }}",
    "{{ thing.method.__func__ }}",
    "{{ thing.method.__self__.__dict__ }}",
    "{{ [].append(1) }}",
    "{{ payload.clear() }}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% from 'x' import y %}",
]


class Thing:
    """Something with a method, as no context has one."""

    def method(self) -> None:
        """Do nothing."""


def bomb() -> str:
    """Return a small YAML text that stands for 9**9 words."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines)


def context() -> dict[str, Any]:
    """Return names for hostile templates, with a deep payload."""
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"x": deep}
    return {"payload": {"text": "x" * 50}, "deep": deep, "bomb": bomb(), "thing": Thing()}


@pytest.mark.parametrize("source", [*GROWING, *ENDLESS])
def test_ends_soon_and_small(source: str) -> None:
    """A template that grows or never ends is a RenderError within seconds, and the process stays about as large as it was."""
    names = context()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(RenderError) as caught:
        TEMPLATES.compile(source).render(names)
    assert time.monotonic() - began < SECONDS
    assert caught.value.text
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


@pytest.mark.parametrize("source", ESCAPES)
def test_does_not_escape(source: str) -> None:
    """Nothing of Python's insides can be reached, by whatever spelling."""
    with pytest.raises(RenderError):
        TEMPLATES.compile(source).render(context())


@pytest.mark.parametrize(
    "source",
    [
        "{{ a" + ".b" * 50_000 + " }}",
        "{{ 1" + "+1" * 20_000 + " }}",
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
        "{{ " + "not " * 5_000 + "1 }}",
        "{{ a" + "~a" * 50_000 + " }}",
        "{{a}}" * 50_000,
        "{% if a %}" * 3_000 + "{% endif %}" * 3_000,
        "{% for a in 'ab' %}" * 25 + "{% endfor %}" * 25,
        "{{ " + "9" * 200_000 + " }}",
        "{{" * 100_000,
        "x" * 300_000,
    ],
    ids=lambda source: source[:16],
)
def test_compiling_is_bounded_too(source: str) -> None:
    """A source that is too long, too deep or too much is refused before it costs more than a moment."""
    began = time.monotonic()
    with pytest.raises(RenderError):
        TEMPLATES.compile(source).render({"a": 1})
    assert time.monotonic() - began < SECONDS


def test_the_output_is_counted_in_bytes() -> None:
    """A mebibyte of letters passes, one more does not; and letters may take several bytes."""
    template = TEMPLATES.compile("{{ a }}")
    assert len(template.render({"a": "x" * 1024 * 1024})) == 1024 * 1024
    for text in ("x" * (1024 * 1024 + 1), "é" * (1024 * 512 + 1)):
        with pytest.raises(RenderError, match="larger than 1,048,576 bytes"):
            template.render({"a": text})


def test_a_profiler_is_left_in_its_place() -> None:
    """Watching slow filters takes the interpreter's hook, and gives it back."""
    import sys

    def hook(*_arguments: Any) -> None:
        """Do nothing."""

    sys.setprofile(hook)
    try:
        TEMPLATES.compile("{{ {'a': 1} | to_yaml_string }}").render({})
        with pytest.raises(RenderError):
            TEMPLATES.compile("{{ '[' | from_yaml_string }}").render({})
        assert sys.getprofile() is hook
    finally:
        sys.setprofile(None)
