"""What a filter is: a function with its help and examples, from which the reference page is generated."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Example(msgspec.Struct, frozen=True):
    """A template, what it prints, and the names it is rendered with."""

    template: str
    result: str
    context: Mapping[str, Any] = {}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One filter. `function` takes the value that is piped in, then the arguments in brackets."""

    name: str
    function: Callable[..., Any]
    help: str
    examples: tuple[Example, ...]
