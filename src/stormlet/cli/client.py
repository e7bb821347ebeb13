"""A JSON client of the HTTP API, on the standard library: a command must start faster than aiohttp can be imported."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from stormlet.cli.connection import Connection
from stormlet.cli.failures import AUTH, FAILED, NOT_FOUND, UNREACHABLE, CommandError

API = "/api/v1"


class Answer(NamedTuple):
    """One answer; `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        """Return the JSON of the body; None where there is none."""
        return json.loads(self.body) if self.body else None


class Listing(NamedTuple):
    """A page of things, and how many there are in all."""

    items: list[Any]
    total: int


class Client:
    """Talks to one server. Every method raises CommandError, with the exit code that belongs to what happened."""

    def __init__(self, connection: Connection, *, timeout: float = 30.0) -> None:
        self.connection = connection
        self._timeout = timeout

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """GET a thing."""
        return _document(self.request("GET", path, query=query))

    def list(self, path: str, query: Mapping[str, Any] | None = None) -> Listing:
        """GET a collection."""
        answer = self.request("GET", path, query=query)
        items = _document(answer)
        if not isinstance(items, list):
            raise CommandError(f"{path} did not answer with a list", exit_code=UNREACHABLE, code="bad_answer")
        return Listing(items, int(answer.headers.get("x-total-count", len(items))))

    def post(self, path: str, document: Any, query: Mapping[str, Any] | None = None) -> Any:
        """POST a document and return the answer's."""
        return _document(self.request("POST", path, document=document, query=query))

    def put(self, path: str, document: Any) -> Any:
        """PUT a document and return the answer's."""
        return _document(self.request("PUT", path, document=document))

    def delete(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """DELETE a thing; returns the answer's document, often None."""
        return _document(self.request("DELETE", path, query=query))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        document: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """Send one request and return its answer, whatever was answered below 400.

        Args:
            method: in capitals.
            path: below `/api/v1`, each part already quoted; one that starts with `//` is below the server's root.
            query: parameters; those that are None are left out.
            document: what to send as JSON; or
            body: bytes to send as they are, with a Content-Type among `headers`.
            headers: more headers.
            anonymous: send no credential of ours.
        """
        return self.checked(
            self.try_request(
                method, path, query=query, document=document, body=body, headers=headers, anonymous=anonymous
            )
        )

    def checked(self, answer: Answer) -> Answer:
        """Return an answer below 300; raise for any other."""
        if answer.status >= 300:
            raise _refusal(answer, self.connection)
        return answer

    def try_request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        document: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """Do what `request` does, but return refusals too; raises only where no answer came."""
        parts = urlsplit(self.connection.url)
        target = parts.path + (path[1:] if path.startswith("//") else API + path)
        if given := {name: _text(value) for name, value in (query or {}).items() if value is not None}:
            target += "?" + urlencode(given)
        sent = {"Accept": "application/json", "User-Agent": "stormlet-cli", **({} if anonymous else self._credential())}
        if body is None and method in ("POST", "PUT"):
            body = json.dumps(document).encode()
            sent["Content-Type"] = "application/json"
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request(method, target, body=body, headers={**sent, **(headers or {})})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _credential(self) -> dict[str, str]:
        if self.connection.api_key:
            return {"St2-Api-Key": self.connection.api_key}
        return {"X-Auth-Token": self.connection.token} if self.connection.token else {}

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.connection.ca_file)
        except OSError as error:
            raise CommandError(f"ST2_CACERT: cannot read {self.connection.ca_file}: {error}", exit_code=2) from None
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _unreachable(self, error: Exception) -> CommandError:
        url = self.connection.url
        if isinstance(error, ConnectionRefusedError):
            text = f"nothing listens at {url}"
            hint = f"start it with `stormlet serve`, or name another with --url (this is from {self.connection.url_source})"
        elif isinstance(error, TimeoutError):
            text, hint = (
                f"{url} did not answer within {self._timeout:g} seconds",
                "`stormlet doctor` looks for the cause",
            )
        elif isinstance(error, ValueError):
            text, hint = f"cannot send this to {url}: {error}", "a header or a path has characters that HTTP forbids"
        else:
            text = f"cannot talk to {url}: {error or type(error).__name__}"
            hint = f"the URL is from {self.connection.url_source}"
        return CommandError(text, hint=hint, exit_code=UNREACHABLE, code="unreachable")


def part(name: str) -> str:
    """Return `name` as one part of a path."""
    return quote(name, safe="")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(answer: Answer) -> Any:
    try:
        return answer.document()
    except ValueError:
        text = "the server's answer is not JSON"
        raise CommandError(
            text, hint="is this the URL of a stormlet server?", exit_code=UNREACHABLE, code="bad_answer"
        ) from None


def _refusal(answer: Answer, connection: Connection) -> CommandError:
    """Make an error of a refusal; `faultstring` is where StackStorm's API puts the reason."""
    try:
        document = answer.document()
    except ValueError:
        document = None
    known = document if isinstance(document, dict) else {}
    # `detail` is the sentence without its cure; a StackStorm has `faultstring` only.
    text = str(known.get("detail") or known.get("faultstring") or f"the server answered {answer.status}")
    hint = str(known.get("hint") or "")
    if answer.status in (401, 403):
        return CommandError(text, hint=hint or _credential_hint(connection), exit_code=AUTH, code="unauthorized")
    if answer.status == 404:
        return CommandError(text, hint=hint, exit_code=NOT_FOUND, code="not_found")
    if answer.status < 400:
        location = answer.headers.get("location", "another place")
        return CommandError(f"{connection.url} redirects to {location}", exit_code=UNREACHABLE, code="redirected")
    if answer.status in (429, 503, 507):
        wait = answer.headers.get("retry-after")
        return CommandError(
            text, hint=hint or (f"try again in {wait} s" if wait else ""), exit_code=UNREACHABLE, code="overloaded"
        )
    if answer.status >= 500:
        return CommandError(text, hint=hint or "the server's log says more", exit_code=UNREACHABLE, code="server_error")
    return CommandError(text, hint=hint, exit_code=FAILED, code="refused")


def _credential_hint(connection: Connection) -> str:
    if connection.credential_source:
        return f"the credential is from {connection.credential_source}"
    return "set STORMLET_API_KEY; or run this where the server's home is (--home), which keeps the first key"
