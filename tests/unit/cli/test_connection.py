"""Where the server is, and who we are to it."""

import json
from pathlib import Path

import pytest

from stormlet.cli.connection import DEFAULT_URL, Wanted, base_url, find_connection
from stormlet.cli.failures import CommandError


def home_with(path: Path, **values: str) -> dict[str, str]:
    path.mkdir(exist_ok=True)
    (path / "cli.json").write_text(json.dumps(values))
    return {"STORMLET_HOME": str(path)}


def test_defaults_to_this_machine(tmp_path: Path) -> None:
    """Nothing said: the default address, and no credential."""
    found = find_connection(Wanted(home=str(tmp_path)), {})
    assert (found.url, found.api_key, found.token) == (DEFAULT_URL, None, None)


def test_the_servers_home_is_enough(tmp_path: Path) -> None:
    """After `serve`, nothing has to be exported on the same machine."""
    variables = home_with(tmp_path / "home", url="http://127.0.0.1:8123", api_key="k")
    found = find_connection(Wanted(), variables)
    assert (found.url, found.api_key, found.credential_source) == ("http://127.0.0.1:8123", "k", "the server's home")


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"STORMLET_URL": "http://a:1", "ST2_API_URL": "http://b:2/v1"}, "http://a:1"),
        ({"ST2_API_URL": "https://b/api/v1", "ST2_BASE_URL": "http://c"}, "https://b"),
        ({"ST2_BASE_URL": "http://c"}, "http://c:9101"),
        ({"ST2_BASE_URL": "https://c"}, "https://c"),
        ({"STORMLET_URL": "a:1"}, "http://a:1"),
        ({"STORMLET_URL": "http://proxy/stormlet/api/v1/"}, "http://proxy/stormlet"),
    ],
)
def test_environment_is_read_in_order(tmp_path: Path, variables: dict[str, str], url: str) -> None:
    """STORMLET_* first, then StackStorm's variables; the API's own path does not belong to a server's URL."""
    assert find_connection(Wanted(home=str(tmp_path)), variables).url == url


def test_options_win(tmp_path: Path) -> None:
    """What the command line says is not overruled."""
    variables = {"STORMLET_URL": "http://a", "STORMLET_API_KEY": "environment"}
    found = find_connection(Wanted(url="http://b", token="t", home=str(tmp_path)), variables)
    assert (found.url, found.api_key, found.token) == ("http://b", None, "t")


def test_the_key_of_this_machine_is_never_sent_elsewhere(tmp_path: Path) -> None:
    """The key that `serve` left is for its own URL; another server does not get it."""
    variables = home_with(tmp_path / "home", url="http://127.0.0.1:9101", api_key="k")
    assert find_connection(Wanted(url="https://elsewhere.example"), variables).api_key is None
    assert find_connection(Wanted(url="http://127.0.0.1:9101/api/v1"), variables).api_key == "k"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"url": 5, "api_key": null}', '"text"', "\udcff"])
def test_a_damaged_note_of_the_server_is_ignored(tmp_path: Path, content: str) -> None:
    """A cut-off or foreign cli.json is as good as none."""
    (tmp_path / "cli.json").write_text(content, errors="surrogateescape")
    assert find_connection(Wanted(home=str(tmp_path)), {}).url == DEFAULT_URL


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a:port", "http://a:99999", "::"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """The message says where the bad URL was found; the exit code is that of usage."""
    with pytest.raises(CommandError, match="STORMLET_URL is not a URL") as caught:
        base_url(url, "STORMLET_URL")
    assert caught.value.exit_code == 2
