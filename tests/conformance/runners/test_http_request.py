"""http-request: against a real server on a real port."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.foundation.clock import SystemClock
from stormlet.model.execution import ExecutionStatus


class Server:
    """Answers as the test asks, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[web.Request, bytes]] = []
        self.asked = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request, await request.read()))
        self.asked.set()
        path = request.path
        if path == "/json":
            return web.json_response({"hello": "world"})
        if path == "/broken-json":
            return web.Response(text="{oops", content_type="application/json")
        if path.startswith("/status/"):
            return web.Response(status=int(path.rpartition("/")[2]), text="said")
        if path == "/redirect":
            raise web.HTTPFound(request.query.get("to", "/json"))
        if path == "/loop":
            raise web.HTTPFound("/loop")
        if path == "/never":
            await asyncio.Event().wait()
        if path == "/latin":
            return web.Response(body="é".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})
        if path == "/odd-charset":
            return web.Response(body=b"text", headers={"Content-Type": "text/plain; charset=no-such"})
        if path in ("/flood", "/drip"):
            return await self._stream(request, path)
        return web.Response(text="ok", headers=[("X-Twice", "a"), ("X-Twice", "b")])

    async def _stream(self, request: web.Request, path: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * (65536 if path == "/flood" else 1))
                await SystemClock().sleep(0)
        except (ConnectionError, asyncio.CancelledError):
            return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def ask(bench: Any, url: str, halt: Halt | None = None, **parameters: Any) -> Any:
    return await bench.run(bench.shipped("core.http"), {"url": url, **parameters}, halt)


async def test_result_has_the_shape_of_st2(bench: Any, server: Server) -> None:
    """An answer gives status_code, body, parsed and headers; JSON is parsed."""
    got = await ask(bench, f"{server.url}/json")
    assert got.status is ExecutionStatus.SUCCEEDED
    assert set(got.result) == {"status_code", "body", "parsed", "headers"}
    assert (got.result["status_code"], got.result["body"], got.result["parsed"]) == (200, {"hello": "world"}, True)
    assert got.result["headers"]["Content-Type"].startswith("application/json")


async def test_text_and_repeated_headers(bench: Any, server: Server) -> None:
    """Text stays text; a header that comes twice is joined."""
    got = await ask(bench, f"{server.url}/text")
    assert (got.result["body"], got.result["parsed"]) == ("ok", False)
    assert got.result["headers"]["X-Twice"] == "a, b"


@pytest.mark.parametrize(("path", "body"), [("/broken-json", "{oops"), ("/latin", "é"), ("/odd-charset", "text")])
async def test_bodies_that_are_not_what_they_say_stay_text(bench: Any, server: Server, path: str, body: str) -> None:
    """Broken JSON and odd charsets are no failure."""
    got = await ask(bench, server.url + path)
    assert (got.status, got.result["body"], got.result["parsed"]) == (ExecutionStatus.SUCCEEDED, body, False)


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_other_answers_than_2xx_fail(bench: Any, server: Server, status: int) -> None:
    """Any other status fails the action, with the answer in the result."""
    got = await ask(bench, f"{server.url}/status/{status}")
    assert (got.status, got.result["status_code"], got.result["body"]) == (ExecutionStatus.FAILED, status, "said")


async def test_what_is_asked_is_sent(bench: Any, server: Server) -> None:
    """Method, query, headers, cookies and body arrive."""
    await ask(
        bench,
        f"{server.url}/x?a=0",
        method="PUT",
        params={"b": [1, 2], "c": "ü&", "d": None},
        headers={"X-One": "1", "X-None": None},
        cookies={"session": "s"},
        body="plain ü",
    )
    request, body = server.seen[0]
    assert request.method == "PUT"
    assert request.rel_url.raw_query_string == "a=0&b=1&b=2&c=%C3%BC%26"
    assert request.headers["X-One"] == "1"
    assert "X-None" not in request.headers
    assert request.headers["X-Stanley-Action"] == "http"
    assert request.headers["User-Agent"].startswith("stormlet/")
    assert request.cookies["session"] == "s"
    assert body.decode() == "plain ü"


async def test_method_follows_from_the_body(bench: Any, server: Server) -> None:
    """GET without a body, POST with one."""
    await ask(bench, f"{server.url}/x")
    await ask(bench, f"{server.url}/x", body="b")
    assert [request.method for request, _ in server.seen] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [('{"a":  1}', b'{"a":  1}'), ("{'a': None}", b'{"a":null}'), ("[1, True]", b"[1,true]")],
)
async def test_json_bodies_are_json(bench: Any, server: Server, given: str, sent: bytes) -> None:
    """JSON goes out byte by byte; a Python literal is made JSON."""
    await ask(bench, f"{server.url}/x", headers={"content-type": "application/json"}, body=given)
    assert server.seen[0][1] == sent


async def test_a_body_that_is_not_json_is_said(bench: Any, server: Server) -> None:
    """A body that claims to be JSON and is not fails before it is sent."""
    got = await ask(bench, f"{server.url}/x", headers={"Content-Type": "application/json"}, body="{nope")
    assert got.result["error"] == "Request body ({nope) can't be parsed as JSON"
    assert not server.seen


@pytest.mark.parametrize(
    ("parameters", "header", "value"),
    [
        ({"username": "ada", "password": "pä:ss"}, "Authorization", "Basic YWRhOnDDpDpzcw=="),
        ({"auth": "ada:secret"}, "Authorization", "Basic YWRhOnNlY3JldA=="),
        ({"auth": "x-auth-token=XYZ"}, "X-Auth-Token", "XYZ"),
    ],
)
async def test_credentials_are_sent(
    bench: Any, server: Server, parameters: dict[str, Any], header: str, value: str
) -> None:
    """Basic authentication in two spellings, or a header."""
    await ask(bench, f"{server.url}/x", **parameters)
    assert server.seen[0][0].headers[header] == value


async def test_auth_that_is_neither_is_said(bench: Any, server: Server) -> None:
    """An `auth` that cannot be understood is a failure with the two forms in it."""
    got = await ask(bench, f"{server.url}/x", auth="what?")
    assert got.result["error"] == "parameter `auth` is neither `user:password` nor `header=value`"


async def test_files_are_uploaded(bench: Any, server: Server) -> None:
    """`file_name` with `file_content` is sent as a form."""
    await ask(bench, f"{server.url}/x", file_name="a.csv", file_content="1;ü", file_content_type="text/csv")
    request, body = server.seen[0]
    assert request.method == "POST"
    assert request.content_type == "multipart/form-data"
    assert b'filename="a.csv"' in body
    assert "1;ü".encode() in body
    assert b"text/csv" in body


async def test_redirects_are_followed_when_asked(bench: Any, server: Server) -> None:
    """Without `allow_redirects` the 302 is the answer, and a failure; with it, what is behind it."""
    refused = await ask(bench, f"{server.url}/redirect")
    followed = await ask(bench, f"{server.url}/redirect", allow_redirects=True)
    assert (refused.status, refused.result["status_code"]) == (ExecutionStatus.FAILED, 302)
    assert followed.result["body"] == {"hello": "world"}


async def test_endless_redirects_end(bench: Any, server: Server) -> None:
    """Ten redirects are enough."""
    got = await ask(bench, f"{server.url}/loop", allow_redirects=True)
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"] == "10 redirects, one after the other, and no end"


async def test_an_answer_that_never_comes_times_out(bench: Any, server: Server) -> None:
    """`timeout` bounds the whole exchange; status timeout."""
    got = await ask(bench, f"{server.url}/never", timeout=0.2)
    assert got.status is ExecutionStatus.TIMEOUT
    assert got.result == {"error": "Action failed to complete in 0.2 seconds"}


async def test_an_answer_that_drips_times_out(bench: Any, server: Server) -> None:
    """Not even an answer that comes byte by byte outlives the timeout."""
    bench.settings = type(bench.settings)(output_bytes=1024**3)
    got = await ask(bench, f"{server.url}/drip", timeout=0.3)
    assert got.status is ExecutionStatus.TIMEOUT


async def test_an_endless_answer_is_cut(bench: Any, server: Server) -> None:
    """The body is bounded; the rest is not read."""
    got = await ask(bench, f"{server.url}/flood")
    kept = bench.settings.output_bytes
    assert got.status is ExecutionStatus.SUCCEEDED
    assert got.result["body"] == "x" * kept + f"\n[truncated: {kept} bytes kept]\n"


async def test_cancel_drops_the_request(bench: Any, server: Server) -> None:
    """A cancelled request ends at once with status canceled."""
    halt = Halt()
    running = asyncio.ensure_future(ask(bench, f"{server.url}/never", halt))
    await server.asked.wait()
    halt.request(HaltReason.CANCELED)
    got = await running
    assert got.status is ExecutionStatus.CANCELED
    assert got.result == {"error": "Execution canceled by user."}


async def test_no_one_listens(bench: Any) -> None:
    """A refused connection is a failure with a reason."""
    got = await ask(bench, "http://127.0.0.1:1/")
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"] == "127.0.0.1:1 cannot be reached: Connection refused"


@pytest.mark.parametrize("url", ["", "no url", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "http://[bad/"])
async def test_urls_that_are_none_are_said(bench: Any, url: str) -> None:
    """A URL that cannot be asked is a failure with a reason, without a traceback."""
    got = await ask(bench, url)
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"]
    assert "Error" not in got.result["error"]
    assert got.result["traceback"] == ""


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "the server closed the connection without an answer"),
        (b"oops\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "the answer was cut short, or is not what its headers say"),
    ],
    ids=["nothing", "no-http", "cut"],
)
async def test_odd_answers_are_said_in_words(bench: Any, sent: bytes, said: str) -> None:
    """Not by the names of classes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as odd:
        port = odd.sockets[0].getsockname()[1]
        got = await ask(bench, f"http://127.0.0.1:{port}/")
        assert (got.status, got.result["error"]) == (ExecutionStatus.FAILED, said)
        tls = await ask(bench, f"https://127.0.0.1:{port}/", timeout=5)
        assert tls.status in (ExecutionStatus.FAILED, ExecutionStatus.TIMEOUT)
        assert "Error" not in tls.result["error"]
        assert "not permitted" not in tls.result["error"]


async def test_a_scheme_or_host_that_cannot_be_is_said_in_words(bench: Any, server: Server) -> None:
    """Also behind a redirect."""
    wanted = "is not a URL that begins with http:// or https://"
    assert (await ask(bench, "file:///etc/passwd")).result["error"] == f'"file:///etc/passwd" {wanted}'
    led = await ask(bench, f"{server.url}/redirect?to=ftp://x/", allow_redirects=True)
    assert led.result["error"] == f'a redirect leads to "ftp://x/", which {wanted}'
    unknown = await ask(bench, "http://no-such-host.invalid/")
    assert unknown.result["error"].startswith('the host "no-such-host.invalid" cannot be found: ')


async def test_proxy_variables_of_the_environment_have_no_say(
    bench: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http_proxy in the engine's environment is ignored; the parameter of that name is not."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await ask(bench, f"{server.url}/json")).status is ExecutionStatus.SUCCEEDED
    got = await ask(bench, "http://service.example/json", http_proxy=server.url)
    assert got.result["body"] == {"hello": "world"}


async def test_hosts_can_be_forbidden(bench: Any, server: Server) -> None:
    """`url_hosts_blacklist` forbids hosts, also behind a redirect, in whatever case they are written."""
    direct = await ask(bench, f"{server.url}/x", url_hosts_blacklist=["127.0.0.1"])
    assert direct.result["error"] == f'URL "{server.url}/x" is blacklisted'
    redirected = await ask(
        bench,
        f"{server.url}/redirect?to=http://LOCALHOST:1/",
        allow_redirects=True,
        url_hosts_blacklist=["localhost"],
    )
    assert "is blacklisted" in redirected.result["error"]


async def test_hosts_can_be_allowed(bench: Any, server: Server) -> None:
    """`url_hosts_whitelist` allows these hosts only; userinfo does not fool it."""
    allowed = await ask(bench, f"{server.url}/json", url_hosts_whitelist=["127.0.0.1"])
    assert allowed.status is ExecutionStatus.SUCCEEDED
    for url in ("http://localhost:1/", "http://127.0.0.1@localhost:1/"):
        refused = await ask(bench, url, url_hosts_whitelist=["127.0.0.1"])
        assert "is not whitelisted" in refused.result["error"]


async def test_both_lists_exclude_each_other(bench: Any, server: Server) -> None:
    """Both lists at once are refused in st2's words."""
    got = await ask(bench, server.url, url_hosts_whitelist=["a"], url_hosts_blacklist=["b"])
    assert "mutually exclusive" in got.result["error"]
    assert not server.seen


async def test_a_hundred_at_once(bench: Any, server: Server) -> None:
    """Requests do not wait for each other."""
    got = await asyncio.gather(*(ask(bench, f"{server.url}/json") for _ in range(100)))
    assert {each.status for each in got} == {ExecutionStatus.SUCCEEDED}
