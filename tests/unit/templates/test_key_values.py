"""st2kv in templates: at every step a text, and a way further."""

import json
from typing import Any

import pytest

from stormlet.foundation.templates import KeyValueLookup, Templates

KEYS = {
    "a": "v",
    "a.b": "w",
    "a.b.c": "x",
    "n": "5",
    "f": "5.7",
    "e": "",
    "j": '{"k": [1, 2]}',
    "a-b": "dash",
    "title": "t",
}
TEMPLATES = Templates(decrypt=lambda text: text.upper())


def render(template: str) -> str:
    """Return what the template prints with these keys."""
    return TEMPLATES.compile(template).render({"st2kv": {"system": KeyValueLookup(KEYS.get)}})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ st2kv.system.a }}", "v"),
        ("{{ st2kv.system.a.b }}", "w"),
        ("{{ st2kv.system.a.b.c }}", "x"),
        ("{{ st2kv.system['a-b'] }}", "dash"),
        ("{{ st2kv.system['a']['b'] }}", "w"),
        ("{{ st2kv.system['a.b'] }}", "w"),
        ("{{ st2kv['system'].a }}", "v"),
        ("{{ st2kv.system.title }}", "t"),
        ("{{ st2kv.system.upper }}", ""),
        ("[{{ st2kv.system.missing }}]", "[]"),
        ("[{{ st2kv.system.missing.too }}]", "[]"),
        ("{{ st2kv.system.missing | default('x') }}", ""),
        ("{{ st2kv.system.missing | default('x', true) }}", "x"),
        ("{{ st2kv.system.a | default('x', true) }}", "v"),
        ("{{ st2kv.system.n | int + 1 }}", "6"),
        ("{{ st2kv.system.f | int }}", "5"),
        ("{{ st2kv.system.f | float }}", "5.7"),
        ("{{ st2kv.system.a == 'v' }}", "True"),
        ("{{ 'v' == st2kv.system.a }}", "True"),
        ("{{ st2kv.system.a != 'v' }}", "False"),
        ("{{ st2kv.system.a < 'w' }}", "True"),
        ("{{ st2kv.system.a in ['v'] }}", "True"),
        ("{{ 'v' in st2kv.system.a }}", "True"),
        ("{{ st2kv.system.a ~ '!' }}", "v!"),
        ("{{ st2kv.system.a + '!' }}", "v!"),
        ("{{ st2kv.system.a | upper }}", "V"),
        ("{{ st2kv.system.a | length }}", "1"),
        ("{{ st2kv.system.a.b[0:1] }}", "w"),
        ("{{ st2kv.system.a | decrypt_kv }}", "V"),
        ("{{ st2kv.system.a | to_complex }}", '"v"'),
        ("{{ [st2kv.system.a] | to_json_string }}", '["v"]'),
        ("{{ st2kv.system.a | to_yaml_string }}", "v\n"),
        ("{{ (st2kv.system.j | from_json_string).k[1] }}", "2"),
        ("{{ st2kv.system.a | regex_match('v') }}", "True"),
        ("{% if st2kv.system.e %}full{% else %}empty{% endif %}", "empty"),
        ("{{ st2kv.system.a | quote }}", "v"),
    ],
)
def test_a_key_is_a_text_wherever_one_is_wanted(template: str, text: str) -> None:
    """Printed, compared, joined, in filters and conditions."""
    assert render(template) == text


def test_keys_are_read_when_asked_for() -> None:
    """Nothing is read of the datastore that the template does not name."""
    read: list[str] = []

    def reader(name: str) -> str | None:
        read.append(name)
        return None

    TEMPLATES.compile("{{ st2kv.system.a.b }}").render({"st2kv": {"system": KeyValueLookup(reader)}})
    assert read == ["a", "a.b"]


def test_a_missing_key_can_be_told_from_an_empty_one() -> None:
    """Both print nothing; `found` knows."""
    root = KeyValueLookup(KEYS.get)
    assert (root.child("e").found, root.child("missing").found) == (True, False)
    assert root.child("a").child("b").key_name == "st2kv.system.a.b"


@pytest.mark.parametrize("way", [json.dumps, repr, hash, len, bool])
def test_python_takes_it_for_a_text(way: Any) -> None:
    """It is a text, not something that looks like one."""
    assert way(KeyValueLookup(KEYS.get, "a")) == way("v")
