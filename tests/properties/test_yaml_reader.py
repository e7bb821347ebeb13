"""The reader means what `yaml.safe_load` means, and never raises."""

from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlet.content.yaml_reader import Document, read_bytes
from stormlet.content.yaml_values import as_json

# Scalars that YAML 1.1 takes for something else than they look like.
TRICKY = [
    "yes",
    "No",
    "ON",
    "off",
    "012",
    "0x1F",
    "0b101",
    "1:30",
    "1_000",
    "1e5",
    "1.5e+3",
    ".inf",
    "~",
    "null",
    "Null",
]
TRICKY += [
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "<<",
    "=",
    "",
    "-1",
    "+1",
    "0o7",
    "!!str 1",
    "'a'",
    '"b\\n"',
    "-",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(TRICKY),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=6), st.integers()), inner, max_size=4)
    ),
    max_leaves=20,
)
fragments = st.sampled_from(
    [
        *TRICKY,
        "a: ",
        "b: ",
        "- ",
        "\n",
        "\n  ",
        "&x ",
        "*x",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "<<: ",
        "# c",
        "| ",
        "> ",
        "? ",
        "\t",
        "x",
    ]
)


def refused_on_purpose(document: Document) -> bool:
    codes = {problem.code for problem in document.problems}
    return not document.readable and bool(codes & {"yaml-alias", "yaml-depth", "yaml-tag", "yaml-syntax"})


def safe_load(text: str) -> Any:
    """Return what safe_load makes of the text, in JSON's values; the exception where it raises one."""
    try:
        return as_json(yaml.load(text, Loader=yaml.CSafeLoader))
    except Exception as error:
        return error


@given(values, st.booleans(), st.sampled_from([True, False, None]))
def test_what_was_dumped_is_read_as_safe_load_reads_it(value: Any, unicode: bool, flow: bool | None) -> None:
    """Any value that YAML can write is read with the same meaning as by StackStorm's own loader."""
    text = yaml.safe_dump(value, allow_unicode=unicode, default_flow_style=flow, sort_keys=False)
    document = read_bytes(text.encode(), "x.yaml")
    expected = safe_load(text)
    assert document.readable, document.problems
    assert document.value == expected
    assert repr(document.value) == repr(expected)


@given(st.lists(fragments, max_size=14).map("".join))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400)
def test_any_text_is_read_alike_or_refused(text: str) -> None:
    """Whatever stands in a file, the reader does not raise; and what it takes, it takes as safe_load does."""
    document = read_bytes(text.encode(), "x.yaml")
    expected = safe_load(text)
    if isinstance(expected, Exception):
        # A bare `=` or `<<` is what safe_load cannot construct and this reader takes as the text it is.
        assert refused_on_purpose(document) or "=" in text or "<<" in text
    elif document.readable:
        assert repr(document.value) == repr(expected)
    else:
        assert refused_on_purpose(document)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_give_a_document(raw: bytes, is_json: bool) -> None:
    """No bytes make the reader raise; what cannot be read has a problem."""
    document = read_bytes(raw, "x", is_json=is_json)
    assert document.readable or document.problems


@given(values.filter(lambda value: isinstance(value, (dict, list))))
def test_every_part_has_a_place(value: Any) -> None:
    """Each key and item of a document is found in the map of places, on a line of the file."""
    text = yaml.safe_dump(value, sort_keys=False)
    document = read_bytes(text.encode(), "x.yaml")
    lines = text.count("\n") + 1

    def look(part: Any, path: str) -> None:
        pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for key, inner in pairs:
            at = f"{path}.{key}" if path else str(key)
            location = document.locations[at] if at in document.locations else document.at(at)
            assert 1 <= location.line <= lines
            assert location.column >= 1
            look(inner, at)

    look(document.value, "")
