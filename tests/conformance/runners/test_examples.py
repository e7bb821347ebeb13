"""Every example of every runner is carried out: what the reference shows is what happens."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from stormlet.flow.execution import RUNNERS
from stormlet.flow.execution.interface import Example

EXAMPLES = [(runner.type.name, example) for runner in RUNNERS for example in runner.examples]


@pytest.fixture
async def service() -> AsyncIterator[str]:
    """A proxy that plays http://service.example."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/json":
            return web.json_response({"hello": "world"})
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}: {one.title}" for name, one in EXAMPLES])
async def test_example(bench: Any, service: str, name: str, example: Example) -> None:
    """It ends with the status and the result that it shows."""
    parameters = dict(example.parameters)
    if name == "http-request":
        parameters["http_proxy"] = service
    got = await bench.run(bench.shipped(example.action), parameters)
    assert got.status is example.status, got.result
    assert {key: got.result.get(key) for key in example.result} == dict(example.result)


@pytest.mark.parametrize("runner", RUNNERS, ids=[runner.type.name for runner in RUNNERS])
def test_runners_explain_themselves(runner: Any) -> None:
    """Each runner has a description, a help and an example, and each parameter a description and a type."""
    assert runner.type.description.endswith(".")
    assert len(runner.help) > 60
    assert runner.examples
    for name, schema in runner.type.parameters.items():
        assert schema.get("description"), name
        assert schema.get("type"), name
