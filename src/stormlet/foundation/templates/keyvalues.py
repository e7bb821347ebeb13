"""`st2kv` in templates: the datastore as something to walk into with dots, which is at every step also a text.

It is a text (and not only something that turns into one when printed), so that filters, comparisons, JSON and regular
expressions take it without knowing of it. A key that does not exist is the empty text, as in StackStorm.
"""

from collections.abc import Callable
from typing import Any, Self


class KeyValueLookup(str):
    """The value of one key, and the way to the keys below it.

    `KeyValueLookup(read)` is the root: `st2kv.system`. Its child `["a"]["b"]` (in a template also `.a.b`) is the value of
    key `a.b`, read when it is asked for.
    """

    __slots__ = ("_found", "_name", "_read", "_scope")

    _read: Callable[[str], str | None]
    _name: str
    _scope: str
    _found: bool

    def __new__(cls, read: Callable[[str], str | None], name: str = "", scope: str = "system") -> Self:
        value = read(name) if name else None
        lookup = super().__new__(cls, value or "")
        lookup._read = read
        lookup._name = name
        lookup._scope = scope
        lookup._found = value is not None
        return lookup

    @property
    def key_name(self) -> str:
        """The key as an author writes it: `st2kv.system.a.b`."""
        return ".".join(part for part in ("st2kv", self._scope, self._name) if part)

    @property
    def found(self) -> bool:
        """Whether there is such a key."""
        return self._found

    def child(self, name: str) -> "KeyValueLookup":
        """Return the key whose name goes on with `.name`."""
        return KeyValueLookup(self._read, f"{self._name}.{name}" if self._name else str(name), self._scope)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the child if there is such a key, or keys could be below it: this is how jsonpath-ng looks into a mapping."""
        return self.child(name) if isinstance(name, str) else default

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, slice) else self.child(str(key))
