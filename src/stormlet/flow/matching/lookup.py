"""From a criterion's key to the value it names.

A key is a jsonpath (foundation/paths.py) over `{"trigger": payload, "system": datastore}`; text from `#` on is cut, so that
one value can be compared twice.
"""

from stormlet.foundation import paths
from stormlet.foundation.paths import Lookup, PathError, plain_steps

__all__ = ["Lookup", "PathError", "compile_path", "path_of", "plain_steps"]


def path_of(key: str) -> str:
    """Return the key without what follows `#`."""
    return key.split("#", 1)[0]


def compile_path(key: str) -> Lookup:
    """Return the function that looks the key up.

    Raises:
        PathError: the key is not a path; the text says where it ends being one.
    """
    return paths.compile_path(path_of(key))
