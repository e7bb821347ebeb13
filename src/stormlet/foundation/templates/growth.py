"""Which operations make large things of small ones, and how large: asked before they are carried out.

Jinja's sandbox keeps a template from reaching Python's insides. It does not keep `'a' * 10**9` from eating the machine;
that is done here. Each check gets the budget and the arguments, and raises RenderError.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.runtime import Undefined

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates.budget import Budget

MAX_BITS = 1 << 16
MAX_DIGITS = 10_000
_SPLIT = 16
"""How much more room a text needs when it is cut into single characters."""
_PERCENT = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?[#0\- +]*(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?[hlL]?.", re.DOTALL
)
_NUMBER = re.compile(r"\d+")

FORBIDDEN_METHODS = frozenset({"translate", "maketrans", "to_bytes"})
"""Methods of text and numbers that no template needs and whose size would be hard to foresee."""


def check_operation(budget: Budget, operator: str, left: Any, right: Any) -> None:
    """Raise if a binary operation would make something too large, or compute with numbers of thousands of digits."""
    for side in (left, right):
        if isinstance(side, int) and side.bit_length() > MAX_BITS:
            raise RenderError("the template computes with a number of more than 19,000 digits")
    if operator == "*":
        _check_product(budget, left, right)
    elif operator == "**":
        _check_power(left, right)
    elif operator == "+" and _is_sequence(left) and _is_sequence(right):
        budget.allow(budget.weigh(left) + budget.weigh(right))
    elif operator == "%" and isinstance(left, (str, bytes)):
        check_percent(budget, left if isinstance(left, str) else left.decode("latin-1"), right)


def _check_product(budget: Budget, left: Any, right: Any) -> None:
    for sequence, times in ((left, right), (right, left)):
        if _is_sequence(sequence) and isinstance(times, int):
            budget.allow(budget.weigh(sequence) * max(0, times))
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
        raise RenderError("the template multiplies to a number of more than 19,000 digits")


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise RenderError("the template raises a number to a power of more than 19,000 digits")


def check_percent(budget: Budget, pattern: str, values: Any) -> None:
    """Raise if `pattern % values` would be too large."""
    size = len(pattern)
    for found in _PERCENT.finditer(pattern):
        for part in (found["width"], found["precision"]):
            if part == "*":
                raise RenderError(
                    "the template takes a width of `%` from a value (`*`)", hint="write the number itself"
                )
            _check_width(part)
            size += int(part or 0)
        if found["name"] is not None and isinstance(values, Mapping):
            size += budget.weigh(values.get(found["name"], ""))
    if not isinstance(values, Mapping):
        size += budget.weigh(values)
    budget.allow(size)


def check_format_spec(spec: str) -> None:
    """Raise if a field of `str.format` is to be wider or more precise than anybody needs."""
    for number in _NUMBER.findall(spec):
        _check_width(number)


def _check_width(number: str | None) -> None:
    if number and (len(number) > len(str(MAX_DIGITS)) or int(number) > MAX_DIGITS):
        raise RenderError(f"the template formats to a width of more than {MAX_DIGITS:,}")


def check_method(budget: Budget, owner: str | bytes, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments to call a method of a text with; raises if the answer would be too large."""
    if name in {"center", "ljust", "rjust", "zfill"}:
        budget.allow(_as_int(arguments[0]) if arguments else 0)
    elif name == "expandtabs":
        size = _as_int(arguments[0]) if arguments else 8
        tab: Any = "\t" if isinstance(owner, str) else b"\t"
        budget.allow(len(owner) + owner.count(tab) * size)
    elif name == "replace" and len(arguments) >= 2:
        check_replace(budget, owner, arguments[0], arguments[1])
    elif name in {"split", "rsplit", "splitlines"}:
        budget.allow(_SPLIT * len(owner))
    elif name == "join" and arguments:
        parts = list(arguments[0])
        check_join(budget, parts, owner)
        return (parts, *arguments[1:])
    return arguments


def check_replace(budget: Budget, text: Any, old: Any, new: Any) -> None:
    """Raise if replacing every `old` would make the text too large."""
    if all(isinstance(each, str) for each in (text, old, new)) or all(
        isinstance(each, bytes) for each in (text, old, new)
    ):
        budget.allow(len(text) + text.count(old) * len(new))


def check_join(budget: Budget, parts: list[Any], separator: Any) -> None:
    """Raise if the parts with the separator between them are too large."""
    budget.allow(budget.weigh(parts) + len(parts) * budget.weigh(separator))


def _as_int(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (str, bytes, list, tuple))


# What follows are checks of Jinja's own filters: they get the budget, the value and the arguments, and return the value to
# go on with: a generator that had to be measured is a list afterwards.

FilterCheck = Callable[[Budget, Any, tuple[Any, ...], Mapping[str, Any]], Any]


def _argument(position: int, name: str, default: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    return arguments[position] if len(arguments) > position else named.get(name, default)


def _wide(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    width = _argument(0, "width", 80, arguments, named)
    budget.allow(budget.weigh(value) + _as_int(width))
    return value


def _indented(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    width = _argument(0, "width", 4, arguments, named)
    indent = width if isinstance(width, int) else budget.weigh(width)
    text = str(value)
    budget.allow(len(text) + (text.count("\n") + 1) * indent)
    return value


def _formatted(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    check_percent(budget, str(value), dict(named) or arguments)
    return value


def _replaced(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    if not isinstance(value, Undefined):
        old, new = (_argument(at, name, "", arguments, named) for at, name in enumerate(("old", "new")))
        check_replace(budget, str(value), str(old), str(new))
    return value


def _joined(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    parts = list(value)
    check_join(budget, parts, _argument(0, "d", "", arguments, named))
    return parts


def _wrapped(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    text = str(value)
    width = max(1, _as_int(_argument(0, "width", 79, arguments, named)))
    between = _argument(2, "wrapstring", None, arguments, named) or "\n"
    # At worst every second character is a blank to wrap at.
    lines = len(text) if width < MAX_DIGITS else text.count("\n") + 1
    budget.allow(_SPLIT * len(text) + lines * budget.weigh(between) // 2)
    return value


def _in_rows(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    count = _as_int(_argument(0, "linecount", _argument(0, "slices", 1, arguments, named), arguments, named))
    filler = _argument(1, "fill_with", None, arguments, named)
    budget.allow(count * (8 + budget.weigh(filler)))
    return value


def _summed(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    start = _argument(1, "start", 0, arguments, named)
    if not isinstance(start, (list, tuple)):
        return value
    parts = list(value)
    # Adding lists one by one copies what is there each time.
    budget.allow(budget.weigh(parts) * (1 + len(parts) // 64))
    return parts


def _rounded(_budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    if abs(_as_int(_argument(0, "precision", 0, arguments, named))) > MAX_DIGITS:
        raise RenderError(f"the template rounds to more than {MAX_DIGITS:,} digits")
    return value


def _written(budget: Budget, value: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """For whatever writes a whole structure out, possibly indented."""
    if isinstance(value, Undefined):
        str(value)  # raises, and says which name is missing; a serializer would say that it knows no StrictUndefined
    indent = _argument(0, "indent", 0, arguments, named)
    size = budget.weigh(value)
    budget.allow(size + _as_int(indent) * (size // 16))
    return value


def _split(budget: Budget, value: Any, _arguments: tuple[Any, ...], _named: Mapping[str, Any]) -> Any:
    """For whatever makes a list of the parts of a text."""
    if isinstance(value, (str, bytes)):
        budget.allow(_SPLIT * len(value))
    return value


FILTER_CHECKS: Mapping[str, FilterCheck] = {
    "center": _wide,
    "indent": _indented,
    "format": _formatted,
    "replace": _replaced,
    "join": _joined,
    "wordwrap": _wrapped,
    "batch": _in_rows,
    "slice": _in_rows,
    "sum": _summed,
    "round": _rounded,
    **dict.fromkeys(("list", "title", "urlize", "wordcount", "striptags", "sort", "unique", "groupby"), _split),
    **dict.fromkeys(
        ("tojson", "pprint", "string", "to_json_string", "to_complex", "to_yaml_string", "json_escape", "quote"),
        _written,
    ),
    **dict.fromkeys(("xmlattr", "urlencode", "escape", "e", "forceescape", "upper", "lower"), _written),
}

SLOW_FILTERS = frozenset(
    {
        *("to_yaml_string", "from_yaml_string", "jsonpath_query", "regex_replace"),
        *("pprint", "urlize", "wordwrap", "xmlattr", "striptags"),
    }
)
"""Filters written in plain Python that may be busy for seconds on a large value: the clock is watched inside them."""
