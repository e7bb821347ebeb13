"""What an engine that starts may meet in its home."""

from pathlib import Path

import pytest

from stormlet.app import Engine
from stormlet.foundation.settings import Server, Settings


async def test_a_file_for_the_command_line_that_cannot_be_written_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It serves already by then: a warning is enough."""
    (tmp_path / "cli.json").mkdir()
    engine = Engine(Settings(home=str(tmp_path), server=Server(port=0)), variables={})
    try:
        assert (await engine.start()).url == engine.server.url
    finally:
        await engine.stop()
    assert any("cli.json" in record.getMessage() for record in caplog.records if record.levelname == "WARNING")
