"""`k=v` on the command line → parameters of the type that the action declares, as StackStorm's client casts them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.documents import read_bytes
from stormlet.cli.failures import CommandError

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_parameters(pairs: Iterable[str], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return parameters by name.

    Args:
        pairs: `name=value`; a value `@file` is the file's content; arrays are JSON or `a,b`; objects JSON or `k:v,l:w`.
        schemas: JSON Schema of each known parameter; others stay text, and the server judges them.

    Raises:
        click.BadParameter: a pair without `=`.
        CommandError: a value that is not of the declared type; says which.
    """
    parameters = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"`{pair}` is not name=value")
        value = read_bytes(text).decode(errors="replace") if text.startswith("@") else text
        parameters[name] = _cast(name, value, schemas.get(name, {}).get("type"))
    return parameters


def schemas_of(client: Client, action: str) -> dict[str, Mapping[str, Any]]:
    """Return the parameters' schemas of an action, with those that its runner adds."""
    metadata = client.get(f"/actions/{part(action)}")
    runners = client.list("/runnertypes", {"name": metadata.get("runner_type")}).items
    own = metadata.get("parameters") or {}
    return {**(runners[0].get("runner_parameters") or {} if runners else {}), **own}


def _cast(name: str, text: str, kind: object) -> Any:
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
        if kind == "boolean":
            return _BOOLEANS[text.strip().lower()]
        if kind == "array":
            return json.loads(text) if text.lstrip().startswith("[") else [p.strip() for p in text.split(",") if p]
        if kind == "object":
            return json.loads(text) if text.lstrip().startswith("{") else _pairs(text)
    except (ValueError, KeyError) as error:
        cause = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        # No error of usage: it is for the action to say, and the server answers the same to what is not seen here.
        raise CommandError(
            f"parameter `{name}` must be of type {kind}, and `{text}` is not{cause}", code="refused"
        ) from None
    return text


def _pairs(text: str) -> dict[str, str]:
    pairs = [entry.partition(":") for entry in text.split(",") if entry]
    if any(not colon for _, colon, _ in pairs):
        raise ValueError
    return {key.strip(): value for key, _, value in pairs}
