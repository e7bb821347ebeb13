"""A typo in a source's file must never leave its URL to whoever has an API key."""

from pathlib import Path

import pytest

from stormlet.content.dialect import file_provenance
from stormlet.content.source_documents import SourceReader
from stormlet.content.source_loading import read_source
from stormlet.content.yaml_reader import read_file


@pytest.mark.parametrize(
    "text",
    [
        b"ulr: team/github\nscheme: github\n",
        b"URL: /team/github/\nscheme: github\n",
        b"url: [team/github]\nscheme: github\n",
        b"url team/github\nscheme: github\n",
        "url: team/github\nscheme: github\n".encode("utf-16"),
    ],
)
def test_the_hook_that_a_broken_file_names_is_known(tmp_path: Path, text: bytes) -> None:
    """Whatever is wrong with the line, the word is there, as the URL of the hook to be closed."""
    path = tmp_path / "github.yaml"
    path.write_bytes(text)
    document = read_file(path, max_bytes=10_000)
    read = read_source(path, document, file_provenance(document), SourceReader())
    assert read.broken is not None
    assert "team/github" in {read.broken.url, *read.broken.mentions}
