"""Values that have no text of their own: methods, classes, generators. As text they would be Python's name for an address.

`{{ trigger.body.items }}` is a method of the body where an author meant a key. Such a text must never become a parameter: it
differs from run to run and says nothing. So printing one, or handing one to a filter, is an error that names the cure.
"""

import types
from collections.abc import Iterator
from typing import Any

from jinja2.runtime import LoopContext, Undefined

from stormlet.foundation.errors import RenderError

_CODE = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinMethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    type,
)
_PLAIN = (str, int, float, list, dict, tuple, type(None))


def refuse_code(value: Any) -> None:
    """Raise for a function, a method or a class."""
    if isinstance(value, _CODE):
        name = getattr(value, "__name__", "?")
        owner = getattr(value, "__self__", None)
        cure = f"; a key of that name is written ['{name}']" if isinstance(owner, (dict, list)) else ""
        raise RenderError(f"{name} is a method here, not a value{cure}")


def refuse_opaque(value: Any) -> None:
    """Raise also for what has to be gone through first, like the result of `map`, and for what has nothing but an address."""
    refuse_code(value)
    if isinstance(value, Iterator) and not isinstance(value, LoopContext):
        raise RenderError(f"a {type(value).__name__} has no text; write `| list` or `| join` behind it")
    if getattr(type(value), "__repr__", None) is object.__repr__ and not isinstance(value, Undefined):
        raise RenderError(f"a {type(value).__name__} has no text")


def refuse_address(value: Any, made: Any) -> None:
    """Raise where a filter made a text of something that has none, instead of going through it."""
    if isinstance(made, str) and not isinstance(value, _PLAIN) and f"{id(value):x}" in made.lower():
        refuse_opaque(value)
