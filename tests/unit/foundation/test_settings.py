"""Settings: order, names, errors."""

from pathlib import Path

import pytest

from stormlet.foundation.errors import SettingsError
from stormlet.foundation.settings import read_bootstrap, read_settings


def test_defaults_stand_without_anything(tmp_path: Path) -> None:
    """No file, no variable, no flag: the defaults."""
    settings = read_settings({"STORMLET_HOME": str(tmp_path)})
    assert (settings.server.host, settings.server.port, settings.home) == ("127.0.0.1", 9101, str(tmp_path))


def test_later_sources_win(tmp_path: Path) -> None:
    """File over default, variable over file, flag over variable."""
    (tmp_path / "stormlet.toml").write_text("[server]\nport = 1\nhost = 'file'\npublic_url = 'http://file'\n")
    variables = {"STORMLET_SERVER__PORT": "2", "STORMLET_SERVER__HOST": "variable"}
    settings = read_settings(variables, {"home": str(tmp_path), "server": {"port": 3}})
    assert (settings.server.port, settings.server.host, settings.server.public_url) == (3, "variable", "http://file")


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path) -> None:
    """None means: not given."""
    settings = read_settings({"STORMLET_SERVER__PORT": "2"}, {"home": str(tmp_path), "server": {"port": None}})
    assert settings.server.port == 2


def test_a_variable_can_name_a_file(tmp_path: Path) -> None:
    """STORMLET_…_FILE is how platforms mount secrets."""
    (tmp_path / "port").write_text("77\n")
    settings = read_settings({"STORMLET_SERVER__PORT_FILE": str(tmp_path / "port"), "STORMLET_HOME": str(tmp_path)})
    assert settings.server.port == 77
    (tmp_path / "key").write_text("s3cret\n")
    assert read_bootstrap({"STORMLET_BOOTSTRAP_API_KEY_FILE": str(tmp_path / "key")}).api_key == "s3cret"


def test_lists_come_as_paths(tmp_path: Path) -> None:
    """Directories are separated as in PATH."""
    settings = read_settings({"STORMLET_CONTENT__RULES": "/a:/b", "STORMLET_HOME": str(tmp_path)})
    assert settings.content.rules == ["/a", "/b"]


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"STORMLET_SERVER__PRT": "1"}, "did you mean STORMLET_SERVER__PORT?"),
        ({"STORMLET_SERVER__PORT": "many"}, "server.port: Expected `int`, got `str`"),
        ({"STORMLET_SERVER__PORT": "70000"}, "server.port: Expected `int` <= 65535"),
        ({"STORMLET_SERVER__PORT_FILE": "/does/not/exist"}, "STORMLET_SERVER__PORT_FILE: cannot read"),
        ({"STORMLET_EXECUTION__ON_INTERRUPTION": "maybe"}, "execution.on_interruption"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, variables: dict[str, str], text: str) -> None:
    """The message says which setting, and what would be right."""
    with pytest.raises(SettingsError) as caught:
        read_settings({**variables, "STORMLET_HOME": str(tmp_path)})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[server\n", "not valid TOML"),
        ("[server]\nbort = 1\n", "did you mean `server.port`?"),
        ("server = 1\n", "must be a table"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str, text: str) -> None:
    """A file that cannot be used is never used by half."""
    path = tmp_path / "other.toml"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_settings({"STORMLET_HOME": str(tmp_path)}, None, str(path))
    assert text in str(caught.value)


def test_a_config_that_was_named_must_exist(tmp_path: Path) -> None:
    """`--config` of a file that is not there is an error, not a silent default."""
    with pytest.raises(SettingsError, match="cannot read"):
        read_settings({}, {"home": str(tmp_path)}, str(tmp_path / "absent.toml"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[server]\nprot = 1\n", "unknown setting `server.prot` (in {path}) (did you mean `server.port`?)"),
        ("[sever]\nport = 1\n", "unknown setting `sever` (in {path}) (did you mean `server`?)"),
        ("port = 1\n", "did you mean `server.port`?"),
        ("[store]\nworkers = 1\n", "did you mean `execution.workers`?"),
        ("[server]\nport = 'x'\n", "setting server.port: Expected `int`, got `str` (from {path})"),
        (
            "[delivery]\nschedule = [1, 'x']\n",
            "setting delivery.schedule[1]: Expected `float`, got `str` (from {path})",
        ),
    ],
)
def test_a_wrong_line_of_a_file_is_told_with_its_cure(tmp_path: Path, content: str, says: str) -> None:
    """Which setting, which file, and what was probably meant."""
    path = tmp_path / "stormlet.toml"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_settings({}, {"home": str(tmp_path)})
    assert says.format(path=path) in str(caught.value)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    """From whatever place each came; what a later place corrects is no error, and no value is repeated."""
    (tmp_path / "stormlet.toml").write_text(
        "[server]\nprot = 1\nhost = 5\nport = 'bad'\n[store]\nretention_days = -1\n"
    )
    variables = {"STORMLET_LIMITS__QUEUE": "CANARY", "STORMLET_SERVER__HOTS": "x", "STORMLET_SERVER__PORT": "7"}
    with pytest.raises(SettingsError) as caught:
        read_settings(variables, {"home": str(tmp_path), "logging": {"format": "xml"}})
    first, *lines = caught.value.text.splitlines()
    assert first == "6 settings cannot be used"
    assert len(lines) == 6
    for place in ("stormlet.toml", "STORMLET_LIMITS__QUEUE", "did you mean STORMLET_SERVER__HOST?", "--log-format"):
        assert place in caught.value.text
    assert "server.port:" not in caught.value.text
    assert "CANARY" not in caught.value.text
