"""Secrets of sources, where they lie."""

import os
from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.verification.secrets import SecretReader, seal_label, shown, usable
from stormlet.foundation.secrets import SecretBox
from stormlet.model.datastore import KeyValuePair
from stormlet.model.source import SecretReference, Source

BOX = SecretBox(bytes(range(32)))


def source(*references: str, **more: Any) -> Source:
    secrets = tuple(SecretReference(name=str(n), reference=text) for n, text in enumerate(references, 1))
    return Source(id="s", pack="p", name="n", url="u", secrets=secrets, **more)


def reader(variables: dict[str, str] | None = None, items: dict[str, KeyValuePair] | None = None) -> SecretReader:
    return SecretReader(variables or {}, (items or {}).get, BOX.open, BOX)


def values(found: SecretReader, of: Source) -> list[str]:
    return [secret.value for secret in found.secrets_of(of)]


def item(value: str, *, secret: bool) -> KeyValuePair:
    return KeyValuePair(id="i", scope="system", name="k", value=value, secret=secret)


def test_each_place(tmp_path: Path) -> None:
    """Environment, file (without its last line break), datastore in clear and sealed, and sealed in the source itself."""
    path = tmp_path / "secret"
    path.write_text("from file\r\n")
    items = {"clear": item("in clear", secret=False), "sealed": item(BOX.seal("opened", "x"), secret=True)}
    own = BOX.seal("written once", seal_label("p.n", "5"))
    asked = source("env:A", f"file:{path}", "st2kv:clear", "st2kv:sealed", f"sealed:{own}")
    assert values(reader({"A": "from env"}, items), asked) == [
        "from env",
        "from file",
        "in clear",
        "opened",
        "written once",
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "env:NONE",
        "env:EMPTY",
        "file:/no/such/file",
        "file:/",
        "st2kv:none",
        "st2kv:broken",
        "sealed:zz",
        "sealed:",
        "x",
        "",
    ],
)
def test_what_is_not_there(reference: str) -> None:
    """Empty, which matches nothing; said why; a warning unless the source sleeps until it is there."""
    found = reader({"EMPTY": ""}, {"broken": item("not hex", secret=True)})
    assert values(found, source(reference)) == [""]
    assert not usable(found.secrets_of(source(reference)))
    (missing,) = found.missing(source(reference))
    assert missing.why
    assert len(found.problems(source(reference))) == 1
    assert found.problems(source(reference, enabled=None)) == []
    assert found.problems(source(reference, enabled=False)) == []


def test_a_secret_sealed_for_another_source() -> None:
    """Moving a sealed secret to another source does not open it there."""
    moved = BOX.seal("stolen", seal_label("p.other", "1"))
    assert values(reader(), source(f"sealed:{moved}")) == [""]


def test_a_file_that_changes(tmp_path: Path) -> None:
    """The next request sees it, also one of the same size; a file that is gone is no secret any more."""
    path = tmp_path / "secret"
    path.write_text("first")
    found, asked = reader(), source(f"file:{path}")
    assert values(found, asked) == ["first"]
    path.write_text("again")
    os.utime(path, ns=(1, 1))
    assert values(found, asked) == ["again"]
    replacement = tmp_path / "new"
    replacement.write_text("third")
    os.utime(replacement, ns=(1, 1))
    replacement.replace(path)
    assert values(found, asked) == ["third"]
    path.unlink()
    assert values(found, asked) == [""]
    path.write_bytes(b"x" * 100_000)
    assert values(found, asked) == [""]
    path.write_bytes(b"\xff\xfe")
    assert values(found, asked) == [""]


def test_the_same_secrets_are_the_same_object() -> None:
    """So that what is made of them is made once."""
    found, asked = reader(variables := {"A": "1"}), source("env:A")
    assert found.secrets_of(asked) is found.secrets_of(asked)
    variables["A"] = "2"
    assert values(found, asked) == ["2"]


def test_what_people_see() -> None:
    """Where a secret comes from, and of a sealed one not even the ciphertext."""
    sealed = SecretReference(name="1", reference="sealed:00AA")
    assert (shown(sealed), shown(SecretReference(name="1", reference="env:A"))) == ("sealed", "env:A")
