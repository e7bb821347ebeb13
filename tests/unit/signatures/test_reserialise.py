"""A body as software on its way rewrites it."""

import pytest

from stormlet.signatures.reserialise import javascript_form, rewritten_forms


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'{ "b" : 1.0,\r\n\t"a":"\\u00e9\\/x",  "b":2, "n":-0.0 }\r\n', '{"b":2,"a":"é/x","n":0}'),
        (b'{"b": 1, "10": 2, "2": 3, "01": 4, "4294967295": 5}', '{"2":3,"10":2,"b":1,"01":4,"4294967295":5}'),
        (b"[1e21, 1e20, 1e-7, 0.000001, 123456789012345678901, 5e-324, -1.5E3, 1e400]",
         "[1e+21,100000000000000000000,1e-7,0.000001,123456789012345680000,5e-324,-1500,null]"),
        (b'["\\ud800", "\\u2028", "\\u007f", "\\u0001\\n"]', '["\\ud800","\u2028","\x7f","\\u0001\\n"]'),
        (b"[true, false, null, \"\", {}]", '[true,false,null,"",{}]'),
    ],
)  # fmt: skip
def test_json_is_written_as_javascript_writes_it(body: bytes, form: str) -> None:
    """The expected texts are what Node.js prints for JSON.stringify(JSON.parse(body))."""
    assert javascript_form(body) == form.encode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"\xef\xbb\xbf{}", b"[" * 5000, b"1" * 70_000]
)
def test_what_is_not_json_or_too_large_has_no_form(body: bytes) -> None:
    """Garbage, Python's extras, depth and size give None, never an exception."""
    assert javascript_form(body) is None
    assert all(form != body for _, form in rewritten_forms(body))


def test_the_usual_rewritings_are_all_there() -> None:
    """Compact, indented, sorted, escaped, line ends and the form's inner JSON."""
    forms = {form: words for words, form in rewritten_forms('{"b": "é", "a": 1}'.encode())}
    assert "sorted" in forms['{"a":1,"b":"é"}'.encode()]
    assert "indented by 2" in forms['{\n  "b": "é",\n  "a": 1\n}'.encode()]
    assert rb'{"b":"\u00e9","a":1}' in forms
    assert "form" in {form: words for words, form in rewritten_forms(b"payload=%7B%7D")}[b"{}"]
