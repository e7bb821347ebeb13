"""A user's description of a signature: read, or refused with all its problems."""

from typing import Any

import pytest

from stormlet.signatures.descriptor import Algorithm, Descriptor, Encoding, HeaderNames
from stormlet.signatures.descriptor_document import descriptor_from_document
from stormlet.signatures.secret import KeyForm
from stormlet.signatures.timestamps import TimeForm, Window


def test_four_lines_are_enough() -> None:
    """Algorithm, encoding and signed text have the usual defaults."""
    descriptor, problems = descriptor_from_document({"header": "X-Sig", "prefix": "sha256="})
    assert problems == []
    assert descriptor == Descriptor(headers=(HeaderNames(signature="X-Sig"),), prefix="sha256=")


def test_everything_can_be_said() -> None:
    """Each key has its place in the descriptor."""
    descriptor, problems = descriptor_from_document(
        {
            "header": "X-Sig",
            "algorithm": "sha512",
            "encoding": "base64",
            "prefix": "v1=",
            "prefix_optional": True,
            "separator": ",",
            "signed": "{id}.{timestamp}.{body}",
            "timestamp": {"entry": "t=", "form": "unix_ms", "tolerance": 60, "exclusive": True},
            "id_header": "X-Id",
            "key": "base64",
            "key_prefix": "whsec_",
        }
    )
    assert problems == []
    assert descriptor == Descriptor(
        headers=(HeaderNames(signature="X-Sig", id="X-Id"),),
        algorithm=Algorithm.SHA512,
        encoding=Encoding.BASE64,
        signed="{id}.{timestamp}.{body}",
        prefix="v1=",
        prefix_optional=True,
        separator=",",
        strip_entries=True,
        time_prefix="t=",
        time_form=TimeForm.UNIX_MS,
        window=Window(seconds=60, exclusive=True),
        key=KeyForm.BASE64,
        key_prefix="whsec_",
    )


@pytest.mark.parametrize(
    ("changes", "code", "path", "word"),
    [
        ({"header": ""}, "bad-value", "signature.header", "name of a header"),
        ({"header": "X Sig"}, "bad-value", "signature.header", "name of a header"),
        ({"header": 7}, "wrong-type", "signature.header", "not text"),
        ({"algorithm": "sha265"}, "bad-value", "signature.algorithm", "did you mean `sha256`"),
        ({"algorithm": "md5"}, "bad-value", "signature.algorithm", "sha512"),
        ({"encoding": ["hex"]}, "bad-value", "signature.encoding", "hex"),
        ({"sinature": "x"}, "unknown-key", "signature.sinature", "signed"),
        ({"signed": "{bdy}"}, "bad-value", "signature.signed", "{body}"),
        ({"signed": "{timestamp}"}, "bad-value", "signature.signed", "anybody may change the body"),
        ({"signed": "{timestamp}.{body}"}, "missing-key", "signature.timestamp", "where it stands"),
        ({"signed": "{id}.{body}"}, "missing-key", "signature.id_header", "where it stands"),
        ({"timestamp": {"header": "X-Time"}}, "bad-value", "signature.signed", "not part of what is signed"),
        ({"timestamp": "X-Time"}, "wrong-type", "signature.timestamp", "header"),
        ({"timestamp": {"heder": "X"}}, "unknown-key", "signature.timestamp.heder", "did you mean `header`"),
        ({"timestamp": {"header": "T", "tolerance": -1}}, "bad-value", "signature.timestamp.tolerance", "seconds"),
        ({"timestamp": {"header": "T", "tolerance": "5m"}}, "bad-value", "signature.timestamp.tolerance", "seconds"),
        ({"timestamp": {"entry": "t="}}, "missing-key", "signature.separator", "separator"),
        ({"separator": ","}, "missing-key", "signature.prefix", "which entries"),
        ({"prefix_optional": "yes"}, "wrong-type", "signature.prefix_optional", "true"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_cure(changes: dict[str, Any], code: str, path: str, word: str) -> None:
    """No exception, no descriptor; a problem that names the key and what to write."""
    descriptor, problems = descriptor_from_document({"header": "X-Sig", **changes})
    assert descriptor is None
    found = [each for each in problems if (each.code, each.path) == (code, path)]
    assert found
    assert any(word in f"{each.text} {each.hint}" for each in found)


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_mapping_is_one_problem(document: object) -> None:
    """A list or a text in the block's place is told as such."""
    assert [problem.code for problem in descriptor_from_document(document)[1]] == ["wrong-type"]
    assert descriptor_from_document({})[1][0].code == "missing-key"


def test_all_problems_are_told_at_once() -> None:
    """Nobody mends a file one line at a time."""
    codes = {p.path for p in descriptor_from_document({"header": "", "key": "b", "encoding": "c", "x": 1})[1]}
    assert codes == {"signature.header", "signature.key", "signature.encoding", "signature.x"}
