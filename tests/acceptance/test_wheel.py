"""What people install: the wheel, in a clean environment, outside the checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_data_too(wheel: Path) -> None:
    """Packs, schemas, SQL and shims are in it; tests and caches are not."""
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("packs/core/pack.yaml", "content/schemas/rule.json", "py.typed", "st2compat/shims/st2common/"):
        assert any(name.startswith(f"stormlet/{needed}") for name in names), needed
    assert any(name.endswith(".sql") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_serves_from_a_clean_environment(wheel: Path, tmp_path: Path, make_server) -> None:
    """Installed with its dependencies only, `stormlet serve` takes a webhook and runs an action."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", REPOSITORY / "constraints.txt", wheel]
    subprocess.run(install, check=True, capture_output=True, timeout=500)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "hello.yaml").write_text(
        "name: hello\nenabled: true\ntrigger: {type: core.st2.webhook, parameters: {url: hello}}\n"
        "action: {ref: core.local, parameters: {cmd: 'echo hello {{ trigger.body.name | quote }}'}}\n"
    )
    server = make_server(rules=rules, start=False)
    server.program = [str(environment / "bin" / "stormlet")]
    server.start()
    assert server.post("/api/v1/webhooks/hello", {"name": "wheel"}).status == 202
    assert server.wait_for_execution(action="core.local")["result"]["stdout"].strip() == "hello wheel"
