"""Sources: what a document means, which files are read, and what stays closed where something is wrong."""

from pathlib import Path
from typing import Any

import pytest

from stormlet.content.dialect import Provenance
from stormlet.content.linking import link
from stormlet.content.schemas import read_schema
from stormlet.content.source_documents import SourceReader
from stormlet.flow.execution import RUNNER_TYPES
from stormlet.model.problem import Problem
from stormlet.model.source import Ordering, Rate, Replay, Reply, SecretReference, Source, SourceAuth, TriggerMapping
from stormlet.model.trigger import Origin
from stormlet.signatures.registry import SCHEMES

from .conftest import Loader, Writer

READER = SourceReader()
FOUR_LINES = """\
url: platform/scalr
scheme: scalr
secret: env:PLATFORM_SCALR_SECRET
reply: {status: 200, body: {Status: ok}}
"""
PACK = "name: mine\nref: mine\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.c\n"


def read(document: Any, **provenance: Any) -> tuple[Source | None, list[Problem]]:
    return READER.source_from_document(document, Provenance(**provenance))


def source_of(**document: Any) -> Source:
    source, problems = read({"name": "a", "url": "a", "scheme": "github", "secret": "env:A", **document})
    assert source is not None, problems
    assert problems == []
    return source


def test_four_lines_in_a_pack_are_a_source(write: Writer, load_all: Loader) -> None:
    """Its name is the file's, its pack the one it lies in; nothing else has to be said."""
    write({"packs/mine/pack.yaml": PACK, "packs/mine/sources/network.yaml": FOUR_LINES})
    snapshot = load_all()
    source = snapshot.sources["mine.network"]
    assert (source.url, source.scheme, source.auth) == ("platform/scalr", "scalr", SourceAuth.SIGNATURE)
    assert source.secrets == (SecretReference(name="PLATFORM_SCALR_SECRET", reference="env:PLATFORM_SCALR_SECRET"),)
    assert source.reply == Reply(status=200, body={"Status": "ok"})
    assert (source.enabled, source.origin, source.location.line) == (True, Origin.FILE, 1)
    assert (snapshot.problems, snapshot.broken_sources) == ((), {})


def test_sources_without_a_pack(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """They lie in directories that the settings name, or in the home, which need not have any; JSON too."""
    write(
        {"sources/a.yaml": FOUR_LINES, "home/sources/b.json": '{"url": "b", "auth": "key"}', "sources/README.md": "x"}
    )
    snapshot = load_all(sources=(tmp_path / "sources",), home_sources=tmp_path / "home/sources")
    assert set(snapshot.sources) == {"default.a", "default.b"}
    assert load_all(home_sources=tmp_path / "nowhere").problems == ()
    assert [p.code for p in load_all(sources=(tmp_path / "nowhere",)).problems] == ["missing-directory"]


def test_the_packs_that_come_with_the_engine_load_without_a_problem(load_all: Loader) -> None:
    """Every source of theirs, with every warning counted; all of them sleep until a secret is there."""
    packs = Path(__file__).resolve().parents[3] / "packs"
    snapshot = link(load_all(packs=(packs,), bundled=packs), RUNNER_TYPES)
    files = set(packs.glob("*/sources/*.yaml"))
    assert {Path(source.metadata_file) for source in snapshot.sources.values()} == files
    assert len(files) >= 16
    assert [str(problem) for problem in snapshot.problems] == []
    assert {source.enabled for source in snapshot.sources.values()} == {None}
    assert all(pack.bundled for pack in snapshot.packs.values())


def test_values_as_people_write_them() -> None:
    """Spans, sizes, rates, one place or several, methods in any case, URLs with any slashes."""
    source = source_of(
        url="//a///b/",
        tolerance="10m",
        replay={"id": ["header:X-Id", "$.a"], "horizon": "1d"},
        ordering={"key": "$.run.id", "version": "$.v"},
        rate="90/m",
        max_body="1MB",
        methods="put",
        content_types=["TEXT/Plain"],
        allow_ips="192.0.2.1",
        triggers={"event": "header:X-Event", "types": {"push": "github.push"}},
    )
    assert (source.url, source.tolerance, source.max_body, source.methods) == ("a/b", 600, 1048576, ("PUT",))
    assert source.replay == Replay(id=("header:X-Id", "$.a"), horizon=86400)
    assert source.ordering == Ordering(key=("$.run.id",), version="$.v")
    assert source.rate == Rate(per_second=1.5, burst=2)
    assert (source.content_types, source.allow_ips) == (("text/plain",), ("192.0.2.1",))
    assert source.triggers == TriggerMapping(event=("header:X-Event",), types={"push": "github.push"})
    assert source_of(replay="$.id").replay == Replay(id=("$.id",))
    assert source_of(replay={"horizon": 60}).replay == Replay(horizon=60)
    assert source_of(rate={"per_second": 5, "burst": 50}).rate == Rate(per_second=5, burst=50)
    assert [source_of(enabled=value).enabled for value in (True, False, "auto", None)] == [True, False, None, True]


def test_the_block_signature_is_an_option() -> None:
    """It stands at the top, where people look for it; the model has it among the options of its scheme."""
    source = source_of(scheme="generic_hmac", signature={"header": "X-S"}, options={"legacy": True})
    assert source.options == {"legacy": True, "signature": {"header": "X-S"}}


def test_secrets_are_called_after_what_they_refer_to() -> None:
    """So a new one that comes first does not take over what is remembered of the old one."""
    given = ["env:A", "file:/run/secrets/acme key", "st2kv:acme.key", "env:A", {"from": "env:B", "name": "mine"}]
    source, problems = read({"name": "a", "url": "a", "scheme": "github", "secrets": [*given, "sealed:00"]})
    assert problems == []
    assert source is not None
    assert [secret.name for secret in source.secrets] == ["A", "acme-key", "acme.key", "4", "mine", "6"]


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2-CANARY",
        {"value": "hunter2-CANARY"},
        {"from": "hunter2-CANARY"},
        ["hunter2-CANARY"],
        "env:hunter2-CANARY!",
    ],
)
def test_a_secret_in_a_file_is_never_repeated(secret: Any) -> None:
    """Whatever it stands in, no problem of the document holds it."""
    source, problems = read({"url": "a", "scheme": "github", "secret": secret}, file="a.yaml")
    assert source is None
    assert problems
    assert not any("CANARY" in str(problem) for problem in problems)


def test_a_sealed_secret_is_taken_from_the_database_only() -> None:
    """In a file it means nothing: it was sealed for another source."""
    document = {"name": "a", "url": "a", "scheme": "github", "secret": "sealed:00FF"}
    assert read(document)[0] is not None
    assert read(document, origin=Origin.FILE, file="a.yaml")[0] is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("url: a/b\nscheme: [github\n", "a/b"),
        ("url: a\n  scheme: github\n", "a"),
        ('{"url": "a/b", "scheme": ', "a/b"),
        ("url: /a//b/\nscheme: github\nsecret: hunter2\n", "a/b"),
        ("url: st2\nscheme: 5\n", ""),
        ("url: [a]\nscheme: github\nsecret: env:A\n", ""),
        ("scheme: github\n", ""),
    ],
)
def test_a_broken_source_says_which_url_stays_closed(write: Writer, load_all: Loader, text: str, url: str) -> None:
    """As far as it can be read, even where the file is not YAML; never the generic webhook's."""
    write({"packs/mine/pack.yaml": PACK, "packs/mine/sources/a.yaml": text})
    snapshot = load_all()
    assert snapshot.sources == {}
    broken = snapshot.broken_sources["mine.a"]
    assert (broken.url, broken.enabled) == (url, True)
    assert broken.problems


def test_a_second_source_of_one_name_is_broken(write: Writer, load_all: Loader) -> None:
    """The first file guards; the URL of the second stays closed instead of being left to API keys."""
    write(
        {
            "packs/mine/pack.yaml": PACK,
            "packs/mine/sources/a.yaml": f"name: x\n{FOUR_LINES}",
            "packs/mine/sources/b.yaml": "name: x\nurl: second\nauth: key\n",
        }
    )
    snapshot = load_all()
    assert snapshot.sources["mine.x"].url == "platform/scalr"
    assert [broken.url for broken in snapshot.broken_sources.values()] == ["second"]
    assert [problem.code for problem in snapshot.problems] == ["duplicate-name", "duplicate-name"]


def test_links_out_of_a_pack_are_not_followed(write: Writer, load_all: Loader, tmp_path: Path) -> None:
    """A pack by a stranger cannot make a source of the machine's own files."""
    write({"packs/mine/pack.yaml": PACK, "outside.yaml": FOUR_LINES})
    (tmp_path / "packs/mine/sources").mkdir()
    (tmp_path / "packs/mine/sources/a.yaml").symlink_to(tmp_path / "outside.yaml")
    snapshot = load_all()
    assert snapshot.sources == {}
    assert [problem.code for problem in snapshot.problems] == ["symlink-outside"]


def test_the_schema_for_editors_names_the_schemes_that_exist() -> None:
    """An editor offers what the engine knows."""
    assert read_schema("source")["properties"]["scheme"]["examples"] == [scheme.about.name for scheme in SCHEMES]
