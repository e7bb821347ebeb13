"""http-request: one HTTP request, with st2's parameters and result.

The engine's own environment has no say in it (no proxy variables, no .netrc), the answer is bounded in size and time, and a
list of hosts is asked again at every redirect.
"""

import ast
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from stormlet import __version__
from stormlet.flow.execution.interface import Example, Run, RunResult, canceled_text, timeout_text
from stormlet.foundation.errors import InvalidInputError
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus

if (
    TYPE_CHECKING
):  # aiohttp is imported when the first request is made: who only asks for runner types does not pay for it
    from aiohttp import ClientRequest, ClientResponse, FormData

_AUTH_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+=")
_HOSTS = {"type": "array", "items": {"type": "string"}, "required": False}
_ANY = ("object", "string", "integer", "number", "boolean", "array", "null")


class HttpRequestRunner:
    """Sends a request and shows the answer."""

    type = RunnerType(
        name="http-request",
        description="A runner that sends an HTTP request.",
        parameters={
            "url": {"description": "Where to send it.", "type": "string", "required": True},
            "headers": {"description": "Headers, as an object.", "type": "object"},
            "cookies": {"description": "Cookies, as an object.", "type": "object"},
            "allow_redirects": {"description": "Follow redirects, ten at most.", "type": "boolean", "default": False},
            "http_proxy": {"description": "Proxy for http:// URLs, such as http://10.10.1.10:3128.", "type": "string"},
            "https_proxy": {"description": "Proxy for https:// URLs.", "type": "string"},
            "verify_ssl_cert": {
                "description": "Check the server's certificate. Turn it off for tests only.",
                "type": "boolean",
                "default": True,
            },
            "username": {"description": "User name for basic authentication.", "type": "string"},
            "password": {"description": "Password for basic authentication.", "type": "string", "secret": True},
            "url_hosts_blacklist": {"description": "Hosts that must not be asked.", **_HOSTS},
            "url_hosts_whitelist": {"description": "The only hosts that may be asked.", **_HOSTS},
        },
        output_key="body",
        output_schema={
            "type": "object",
            "properties": {
                "status_code": {"type": "integer"},
                "body": {"anyOf": [{"type": name} for name in _ANY]},
                "parsed": {"type": "boolean"},
                "headers": {"type": "object"},
            },
            "additionalProperties": False,
        },
    )
    help = (
        "An answer of 2xx is a success, any other a failure. The method is GET, or POST where there is a body. With the header "
        "`Content-Type: application/json`, a body written as a Python literal is sent as JSON. An answer in JSON is parsed. "
        "core.http adds method, params, body, file_name with file_content, auth (`user:password` or `header=value`) and timeout."
    )
    examples = (
        Example(
            title="Get JSON",
            action="core.http",
            parameters={"url": "http://service.example/json"},
            result={"status_code": 200, "body": {"hello": "world"}, "parsed": True},
        ),
        Example(
            title="An answer that is an error",
            action="core.http",
            parameters={"url": "http://service.example/missing"},
            result={"status_code": 404, "parsed": False},
            status=ExecutionStatus.FAILED,
        ),
    )

    async def run(self, run: Run) -> RunResult:
        from aiohttp import ClientError

        try:
            answer = await run.halt.unless_halted(_exchange(run))
        except TimeoutError:
            return RunResult(status=ExecutionStatus.TIMEOUT, result={"error": timeout_text(run.timeout)})
        except (ClientError, ValueError, OSError) as error:
            from stormlet.flow.execution.http_failures import sentence

            text = sentence(error, str(run.runner_parameters.get("url")))
            return RunResult(status=ExecutionStatus.FAILED, result={"error": text, "traceback": ""})
        if answer is None:
            return RunResult(status=ExecutionStatus.CANCELED, result={"error": canceled_text(run.halt)})
        ok = 200 <= answer["status_code"] <= 299
        return RunResult(status=ExecutionStatus.SUCCEEDED if ok else ExecutionStatus.FAILED, result=answer)


async def _exchange(run: Run) -> dict[str, Any]:
    """Send the request and read the answer, within the run's time."""
    from aiohttp import ClientSession, ClientTimeout, CookieJar

    runner, action = run.runner_parameters, run.action_parameters
    headers = _headers(run)
    body = _body(headers, action)
    url = runner.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidInputError("parameter `url` is missing")
    async with (
        ClientSession(
            timeout=ClientTimeout(total=run.timeout),
            trust_env=False,
            cookie_jar=CookieJar(unsafe=True),
            cookies={name: str(value) for name, value in (runner.get("cookies") or {}).items()},
            middlewares=(_guard(runner),),
        ) as session,
        session.request(
            action.get("method") or ("GET" if body is None else "POST"),
            url,
            params=_query(action.get("params") or {}),
            headers=headers,
            data=body,
            allow_redirects=bool(runner.get("allow_redirects")),
            proxy=runner.get("https_proxy" if url.lower().startswith("https:") else "http_proxy") or None,
            ssl=runner.get("verify_ssl_cert") is not False,
        ) as response,
    ):
        return await _answer(response, run.settings.output_bytes)


async def _answer(response: "ClientResponse", limit: int) -> dict[str, Any]:
    """Return st2's result: status_code, body, parsed, headers."""
    kept = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        kept += chunk
        if len(kept) > limit:
            break
    too_long = len(kept) > limit
    try:
        text = bytes(kept[:limit]).decode(response.charset or "utf-8", "replace")
    except LookupError:  # a charset that nobody knows
        text = bytes(kept[:limit]).decode("utf-8", "replace")
    body: Any = text
    parsed = False
    if too_long:
        body = f"{text}\n[truncated: {limit} bytes kept]\n"
    elif response.content_type == "application/json":
        try:
            body, parsed = msgspec.json.decode(text), True
        except (msgspec.DecodeError, RecursionError):
            parsed = False
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {"status_code": response.status, "body": body, "parsed": parsed, "headers": headers}


def _guard(
    parameters: Mapping[str, Any],
) -> Callable[["ClientRequest", Callable[["ClientRequest"], Awaitable["ClientResponse"]]], Awaitable["ClientResponse"]]:
    """Return what looks at each request before it is sent, those of redirects included."""
    forbidden, allowed = (
        {str(host).strip("[]").lower() for host in parameters.get(f"url_hosts_{kind}") or ()}
        for kind in ("blacklist", "whitelist")
    )
    if forbidden and allowed:
        raise InvalidInputError(
            '"url_hosts_blacklist" and "url_hosts_whitelist" parameters are mutually exclusive. Only one should be provided.'
        )

    async def guard(
        request: "ClientRequest", send: Callable[["ClientRequest"], Awaitable["ClientResponse"]]
    ) -> "ClientResponse":
        host = (request.url.host or "").lower()
        if host in forbidden:
            raise InvalidInputError(f'URL "{request.url}" is blacklisted')
        if allowed and host not in allowed:
            raise InvalidInputError(f'URL "{request.url}" is not whitelisted')
        return await send(request)

    return guard


def _headers(run: Run) -> dict[str, str]:
    given = run.runner_parameters.get("headers") or {}
    headers = {str(name): str(value) for name, value in given.items() if value is not None}
    names = {name.lower() for name in headers}
    if "user-agent" not in names:
        headers["User-Agent"] = f"stormlet/{__version__}"
    headers["X-Stanley-Action"] = run.action.name
    headers.update(_credentials(run))
    headers.update(run.carried)
    return headers


def _credentials(run: Run) -> dict[str, str]:
    """Return the header that username and password, or core.http's `auth`, ask for."""
    username, password = (str(run.runner_parameters.get(name) or "") for name in ("username", "password"))
    auth = str(run.action_parameters.get("auth") or "")
    if not username and not password:
        if not auth:
            return {}
        if _AUTH_HEADER.match(auth):
            name, _, value = auth.partition("=")
            return {name: value}
        username, colon, password = auth.partition(":")
        if not colon:
            raise InvalidInputError("parameter `auth` is neither `user:password` nor `header=value`")
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def _query(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in params.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(str(name), str(each)) for each in values if each is not None]
    return pairs


def _body(headers: Mapping[str, str], parameters: Mapping[str, Any]) -> "bytes | FormData | None":
    if parameters.get("file_name") and parameters.get("file_content"):
        return _form(parameters)
    body = parameters.get("body")
    if body is None or body == "":
        return None
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if kind == "application/json":
        return _json(body)
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    return msgspec.json.encode(body)


def _json(body: Any) -> bytes:
    if not isinstance(body, str):
        return msgspec.json.encode(body)
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        try:
            return msgspec.json.encode(ast.literal_eval(body))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise InvalidInputError(f"Request body ({body[:200]}) can't be parsed as JSON") from None
    return body.encode()  # as it was written: somebody may have signed it


def _form(parameters: Mapping[str, Any]) -> "FormData":
    from aiohttp import FormData

    if parameters.get("body"):
        raise InvalidInputError("parameters `body` and `file_content` cannot be sent together")
    form = FormData()
    name = str(parameters["file_name"])
    form.add_field(
        name,
        str(parameters["file_content"]).encode("utf-8", "replace"),
        filename=name,
        content_type=parameters.get("file_content_type") or "application/octet-stream",
    )
    return form
