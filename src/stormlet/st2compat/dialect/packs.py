"""`pack.yaml` → `Pack`, and `config.schema.yaml` → the JSON Schema of the pack's config."""

import re
from pathlib import PurePath
from typing import Any

import msgspec

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import Shape, has_errors, join
from stormlet.foundation.identifiers import derived_id
from stormlet.foundation.schema_validation import object_schema, schema_fault
from stormlet.model.pack import Pack
from stormlet.model.problem import Problem

_REF = re.compile(r"[a-z0-9_]+")


class PackReader:
    """Reads packs."""

    def __init__(self) -> None:
        self._shape = Shape("pack")
        self._config_shape = Shape("config_schema")

    def read(self, document: Any, provenance: Provenance) -> tuple[Pack, list[Problem]]:
        """Return the pack and what is wrong with its metadata. Keys that are not known are allowed, as in StackStorm."""
        document = _with_text_version(self._shape.cleaned(document))
        problems = [_explained(problem) for problem in self._shape.problems(document, provenance)]
        document = document if isinstance(document, dict) else {}
        ref, ref_problems = _ref_of(document, provenance)
        pack = Pack(
            id=derived_id(f"pack:{ref}"),
            ref=ref,
            name=str(document.get("name") or ref),
            directory=provenance.pack_directory,
            description=_text(document, "description"),
            version=_text(document, "version") or "0.0.0",
            author=_text(document, "author"),
            email=_text(document, "email"),
            keywords=_texts(document, "keywords"),
            contributors=_texts(document, "contributors"),
            dependencies=_texts(document, "dependencies"),
            stackstorm_version=_text(document, "stackstorm_version"),
            python_versions=_texts(document, "python_versions"),
            system=document["system"] if isinstance(document.get("system"), dict) else {},
        )
        return pack, problems + ref_problems

    def read_config_schema(self, document: Any, provenance: Provenance) -> tuple[dict[str, Any] | None, list[Problem]]:
        """Return the JSON Schema of the config as a whole. An empty file is a schema without keys."""
        if document is None:
            return object_schema({}, additional=True), []
        problems = self._config_shape.problems(document, provenance)
        if has_errors(problems):
            return None, problems
        # Keys that the schema does not name are allowed in a config, as in StackStorm.
        schema = object_schema(document, additional=True)
        if (fault := schema_fault(schema)) is not None:
            path = fault.dotted.removeprefix("properties.")
            return None, [provenance.problem("bad-schema", fault.text, path)]
        return schema, problems


def _ref_of(document: dict[str, Any], provenance: Provenance) -> tuple[str, list[Problem]]:
    """Return the pack's ref: `ref`, else the directory's name, else `name`, whichever is the first that may be one."""
    directory = PurePath(provenance.pack_directory).name
    for candidate in (document.get("ref"), directory, document.get("name")):
        if isinstance(candidate, str) and _REF.fullmatch(candidate):
            return candidate, []
    if document.get("ref"):
        return directory, []  # the schema said already what is wrong with it
    text = f"neither the directory's name {directory!r} nor `name` can be the pack's ref"
    hint = "add `ref:` with lower-case letters, digits and _"
    return directory or "unnamed", [provenance.problem("bad-name", text, join("", "name"), hint=hint)]


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _texts(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _with_text_version(document: Any) -> Any:
    """Return the document with its version as text: `version: 1.0` is a number in YAML, and StackStorm takes it."""
    if not isinstance(document, dict) or isinstance(document.get("version"), (bool, type(None))):
        return document
    version = str(document["version"])
    return {**document, "version": f"{version}.0" if version.count(".") == 1 else version}


def _explained(problem: Problem) -> Problem:
    if problem.code == "bad-value" and problem.path == "version":
        return msgspec.structs.replace(problem, hint="write three numbers, such as 1.2.0")
    if problem.code == "bad-value" and problem.path == "ref":
        return msgspec.structs.replace(problem, code="bad-name", hint="use lower-case letters, digits and _")
    return problem
