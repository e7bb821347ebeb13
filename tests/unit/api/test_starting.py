"""What an engine that starts may meet in its home."""

from pathlib import Path

import pytest

from stormlet.app import Engine
from stormlet.foundation.settings import Content, Server, Settings


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


HOOK = """
name: {name}
enabled: {enabled}
trigger: {{type: core.st2.webhook, parameters: {{url: {name}}}}}
action: {{ref: core.noop}}
"""


@pytest.mark.parametrize(
    ("rules", "webhook"), [({}, ""), ({"off": "false"}, ""), ({"off": "false", "on": "true", "z": "true"}, "on")]
)
async def test_the_webhook_to_try_is_one_of_an_enabled_rule(
    tmp_path: Path, rules: dict[str, str], webhook: str
) -> None:
    """What is off would do nothing, and without rules there is none."""
    for name, enabled in rules.items():
        (tmp_path / f"{name}.yaml").write_text(HOOK.format(name=f'"{name}"', enabled=enabled))
    settings = Settings(
        home=str(tmp_path / "home"), server=Server(port=0), content=Content(rules=[str(tmp_path)], watch=False)
    )
    engine = Engine(settings, variables={})
    try:
        assert (await engine.start()).webhook == webhook
    finally:
        await engine.stop()
