"""Documents that a person hands to a command: JSON text, `@file`, `-`, YAML and JSON files."""

import json
import sys
from pathlib import Path
from typing import Any

import click


def read_bytes(source: str) -> bytes:
    """Return what `-d` names: the text itself, the content of `@file`, or standard input for `-` and `@-`.

    Raises:
        click.BadParameter: the file cannot be read.
    """
    if source in ("-", "@-"):
        return sys.stdin.buffer.read()
    if not source.startswith("@"):
        return source.encode()
    try:
        return Path(source[1:]).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"cannot read {source[1:]}: {error.strerror or error}") from None


def read_json(source: str, what: str) -> Any:
    """Return the JSON that `source` is or names.

    Raises:
        click.BadParameter: it is not JSON; says where.
    """
    try:
        return json.loads(read_bytes(source))
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{what} is not JSON: {error}") from None


def read_document(path: str) -> dict[str, Any]:
    """Return the mapping in a YAML or JSON file (`-`: standard input). Dates stay text, as JSON has none.

    Raises:
        click.BadParameter: the file cannot be read, or holds something else.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without dates."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
            first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
            for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    text = read_bytes("-" if path == "-" else f"@{path}")
    try:
        document = yaml.load(text, Loader=Loader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} is not YAML or JSON: {error}") from None
    if not isinstance(document, dict):
        raise click.BadParameter(f"{path} holds no mapping")
    return document
