"""The client against servers that are not well: real sockets, hostile answers."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from stormlet.cli.client import Client
from stormlet.cli.connection import Connection
from stormlet.cli.failures import CommandError


def client_of(url: str, **more: str) -> Client:
    connection = Connection(url, more.get("api_key"), more.get("token"), "--url", more.get("source", ""))
    return Client(connection, timeout=0.5)


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], tuple[str, list[bytes]]]]:
    """Start servers that read one request and answer with the given bytes; returns their URL and what they received."""
    listeners = []

    def start(answer: bytes) -> tuple[str, list[bytes]]:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        received: list[bytes] = []

        def serve() -> None:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                received.append(peer.recv(65536))
                peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", received

    yield start
    for listener in listeners:
        listener.close()


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("answer", "exit_code", "text"),
    [
        (response("400 Bad Request", b'{"faultstring": "bad body"}'), 1, "bad body"),
        (response("401 Unauthorized", b'{"faultstring": "Unauthorized"}'), 4, "Unauthorized"),
        (response("403 Forbidden"), 4, "403"),
        (response("404 Not Found", b'{"faultstring": "no such rule"}'), 3, "no such rule"),
        (response("409 Conflict", b'{"faultstring": "exists"}'), 1, "exists"),
        (response("503 Service Unavailable", b"", "Retry-After: 7"), 5, "503"),
        (response("500 Internal Server Error", b"<html>"), 5, "500"),
        (response("301 Moved Permanently", b"", "Location: http://elsewhere"), 5, "redirects to http://elsewhere"),
        (response("200 OK", b"<html>a proxy</html>"), 5, "not JSON"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 5, "cannot talk to"),
        (b"", 5, "cannot talk to"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", 5, "cannot talk to"),
    ],
)
def test_each_refusal_has_its_exit_code(answering: Callable, answer: bytes, exit_code: int, text: str) -> None:  # type: ignore[type-arg]
    """The server's own words are told, and the exit code says what kind of failure it was."""
    url, _ = answering(answer)
    with pytest.raises(CommandError, match=text) as caught:
        client_of(url).get("/rules")
    assert caught.value.exit_code == exit_code


def test_nobody_listens() -> None:
    """The hint says how to start a server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(CommandError, match="nothing listens") as caught:
        client_of(f"http://127.0.0.1:{port}").get("/rules")
    assert caught.value.exit_code == 5
    assert "stormlet serve" in caught.value.hint


def test_a_server_that_never_answers() -> None:
    """The client gives up after its time."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(CommandError, match=r"within 0\.5 s") as caught,
    ):
        client_of(f"http://127.0.0.1:{silent.getsockname()[1]}").get("/rules")
    assert caught.value.exit_code == 5


def test_the_retry_time_is_passed_on(answering: Callable) -> None:  # type: ignore[type-arg]
    """An overloaded server says when to come back."""
    url, _ = answering(response("503 Service Unavailable", b"", "Retry-After: 7"))
    with pytest.raises(CommandError) as caught:
        client_of(url).get("/rules")
    assert caught.value.hint == "try again in 7 s"


def test_credentials_travel_in_headers_only(answering: Callable) -> None:  # type: ignore[type-arg]
    """A key in a URL would end in logs."""
    url, received = answering(response("200 OK", b"[]", "X-Total-Count: 12"))
    page = client_of(url, api_key="secret-key").list("/rules", {"pack": "a b", "limit": None, "enabled": True})
    assert (page.items, page.total) == ([], 12)
    request = received[0].decode()
    assert request.startswith("GET /api/v1/rules?pack=a+b&enabled=true HTTP/1.1\r\n")
    assert "St2-Api-Key: secret-key\r\n" in request


def test_big_integers_survive(answering: Callable) -> None:  # type: ignore[type-arg]
    """Ids of 20 digits come back as they are."""
    url, _ = answering(response("200 OK", b'{"id": 12345678901234567890123}'))
    assert client_of(url).get("/x") == {"id": 12345678901234567890123}


def test_a_header_that_http_forbids_is_told() -> None:
    """A line feed in a key is an error of the caller, not a traceback."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(CommandError, match="cannot send this"),
    ):
        client_of(f"http://127.0.0.1:{silent.getsockname()[1]}", api_key="a\nb").get("/rules")
