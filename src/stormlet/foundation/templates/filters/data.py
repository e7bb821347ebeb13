"""Filters between values and texts: JSON, YAML, jsonpath, and the ways to say None and to quote for a shell."""

import json
import shlex
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import yaml
from jsonpath_ng.parser import parse as parse_jsonpath

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates.filters.filter import Example, Filter
from stormlet.foundation.templates.keyvalues import KeyValueLookup

NONE_MARKER = "%*****__%NONE%__*****%"
"""What `use_none` prints for None, and casting turns back into None: a template can only make texts. StackStorm's word."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def from_json_string(value: Any) -> Any:
    return msgspec.json.decode(str(value))


def from_yaml_string(value: Any) -> Any:
    return yaml.load(str(value), Loader=_Loader)  # noqa: S506 - both are safe loaders


def to_json_string(
    value: Any, indent: int | None = None, sort_keys: bool = False, separators: tuple[str, str] = (",", ": ")
) -> str:
    return json.dumps(value, indent=indent, sort_keys=sort_keys, separators=(separators[0], separators[1]))


def to_yaml_string(value: Any, indent: int | None = None, allow_unicode: bool = True) -> str:
    # YAML knows no subclasses of text.
    plain = str(value) if isinstance(value, KeyValueLookup) else value
    text: str = yaml.dump(plain, Dumper=_Dumper, indent=indent, allow_unicode=allow_unicode, default_flow_style=False)
    return text


def to_complex(value: Any) -> str:
    return json.dumps(value)


def json_escape(value: Any) -> str:
    text = json.dumps(value)
    # StackStorm strips every quote at the ends, and so breaks a text that ends with one.
    return text[1:-1] if isinstance(value, str) else text


def jsonpath_query(value: Any, query: str) -> list[Any] | None:
    return [match.value for match in _query(query).find(value)] or None


@lru_cache(maxsize=256)
def _query(query: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # `|` goes away in jsonpath-ng 2, which is not allowed here
        return parse_jsonpath(query)


def use_none(value: Any) -> Any:
    return NONE_MARKER if value is None else value


def quote(value: Any) -> str:
    return shlex.quote(str(value))


def decrypt_kv(value: Any) -> str:
    """Stand in where there is no key; `make_decrypt_filter` makes the one that works."""
    return make_decrypt_filter(None)(value)


def make_decrypt_filter(decrypt: Callable[[str], str] | None) -> Callable[[Any], str]:
    """Return the filter `decrypt_kv` with a key."""

    def opened(value: Any) -> str:
        if isinstance(value, KeyValueLookup) and not value:
            raise RenderError(
                f'Referenced datastore item "{value.key_name}" doesn\'t exist or it contains an empty string'
            )
        if decrypt is None:
            raise RenderError("there is no key here to decrypt with")
        return decrypt(str(value))

    return opened


DATA_FILTERS = (
    Filter(
        name="from_json_string",
        function=from_json_string,
        help="Reads JSON from a text, such as a value of the datastore.",
        examples=(
            Example("{{ (text | from_json_string).a }}", "1", {"text": '{"a": 1}'}),
            Example(
                "{{ (st2kv.system.limits | from_json_string)[0] }}", "5", {"st2kv": {"system": {"limits": "[5, 6]"}}}
            ),
        ),
    ),
    Filter(
        name="from_yaml_string",
        function=from_yaml_string,
        help="Reads YAML from a text.",
        examples=(Example("{{ (text | from_yaml_string).a[1] }}", "2", {"text": "a: [1, 2]"}),),
    ),
    Filter(
        name="to_json_string",
        function=to_json_string,
        help="Writes a value as JSON. Takes `indent`, `sort_keys` and `separators`.",
        examples=(
            Example(
                "{{ value | to_json_string }}", '{"b": 1,"a": [true,null]}', {"value": {"b": 1, "a": [True, None]}}
            ),
            Example(
                "{{ value | to_json_string(sort_keys=true, separators=(', ', '=')) }}",
                '{"a"=2, "b"=1}',
                {"value": {"b": 1, "a": 2}},
            ),
        ),
    ),
    Filter(
        name="to_yaml_string",
        function=to_yaml_string,
        help="Writes a value as YAML. Takes `indent` and `allow_unicode`.",
        examples=(Example("{{ value | to_yaml_string }}", "a:\n- 1\n- é\n", {"value": {"a": [1, "é"]}}),),
    ),
    Filter(
        name="to_complex",
        function=to_complex,
        help="Writes a value as JSON, for a parameter of type object or array.",
        examples=(Example("{{ value | to_complex }}", '{"a": [1, "x"]}', {"value": {"a": [1, "x"]}}),),
    ),
    Filter(
        name="json_escape",
        function=json_escape,
        help="Escapes a text so that it may stand between the quotes of a JSON string.",
        examples=(Example('{"said": "{{ text | json_escape }}"}', '{"said": "a \\"b\\"\\n"}', {"text": 'a "b"\n'}),),
    ),
    Filter(
        name="jsonpath_query",
        function=jsonpath_query,
        help="Returns the list of all that a jsonpath finds in a value, or None.",
        examples=(
            Example("{{ value | jsonpath_query('a[*].n') }}", "[1, 2]", {"value": {"a": [{"n": 1}, {"n": 2}]}}),
            Example("{{ value | jsonpath_query('b') }}", "None", {"value": {"a": 1}}),
        ),
    ),
    Filter(
        name="use_none",
        function=use_none,
        help="Passes None on as None: without it, a template would make the text `None` of it.",
        examples=(
            Example("{{ value | use_none }}", "x", {"value": "x"}),
            Example("{{ value | use_none }}", NONE_MARKER, {"value": None}),
        ),
    ),
    Filter(
        name="decrypt_kv",
        function=decrypt_kv,
        help="Opens a secret of the datastore.",
        examples=(
            Example("{{ st2kv.system.token | decrypt_kv }}", "opened", {"st2kv": {"system": {"token": "sealed"}}}),
        ),
    ),
    Filter(
        name="quote",
        function=quote,
        help="Quotes a text for a POSIX shell: use it wherever event text stands in a command line. Not in StackStorm.",
        examples=(
            Example("echo {{ name | quote }}", "echo 'a; rm -rf /'", {"name": "a; rm -rf /"}),
            Example("echo {{ name | quote }}", "echo plain", {"name": "plain"}),
        ),
    ),
)
