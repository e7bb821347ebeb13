"""The JSON Schemas (draft 7) of content files: they describe each key, serve editors, and are what files are checked by.

`stormlet schema rule` prints one. The same files validate in `st2compat/dialect`, so that an editor and the engine agree.
"""

import json
from importlib import resources
from typing import Any

NAMES = ("rule", "action", "trigger", "source", "endpoint", "pack", "config_schema")


def read_schema(name: str) -> dict[str, Any]:
    """Return one schema.

    Raises:
        KeyError: there is no schema of that name.
    """
    if name not in NAMES:
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
