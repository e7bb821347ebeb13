"""Where the server is, and who we are to it.

Each from the first place that names it: the command's own options, STORMLET_*, StackStorm's ST2_*, what `stormlet serve`
left in its home on this machine, the default address. The key that `serve` left is only ever sent to the server it is for.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from stormlet.cli.failures import USAGE, CommandError

DEFAULT_URL = "http://127.0.0.1:9101"


class Wanted(NamedTuple):
    """What the command line itself says; None where it says nothing."""

    url: str | None = None
    api_key: str | None = None
    token: str | None = None
    home: str | None = None


class Connection(NamedTuple):
    """A server, a credential for it (at most one of the two), and where they were found, for messages."""

    url: str
    """Scheme, host, port and a path prefix if there is one, without `/api/v1` and without a slash at the end."""
    api_key: str | None
    token: str | None
    url_source: str
    credential_source: str
    ca_file: str | None = None


def find_connection(wanted: Wanted, variables: Mapping[str, str]) -> Connection:
    """Return what to talk to and with which credential.

    Raises:
        CommandError: the URL that was found is not one (exit code 2).
    """
    left = _left_by_server(wanted.home or variables.get("STORMLET_HOME") or ".stormlet")
    left_url = left.get("url", "")
    url, url_source = _first(
        (wanted.url, "--url"),
        (variables.get("STORMLET_URL"), "STORMLET_URL"),
        (variables.get("ST2_API_URL"), "ST2_API_URL"),
        (_with_api_port(variables.get("ST2_BASE_URL")), "ST2_BASE_URL"),
        (left_url, "the server's home"),
        (DEFAULT_URL, "the default"),
    )
    url = base_url(url, url_source)
    left_key = left.get("api_key") if left_url and base_url(left_url, "cli.json") == url else None
    keys = (
        (wanted.api_key, "--api-key", "key"),
        (wanted.token, "--token", "token"),
        (variables.get("STORMLET_API_KEY"), "STORMLET_API_KEY", "key"),
        (variables.get("STORMLET_AUTH_TOKEN"), "STORMLET_AUTH_TOKEN", "token"),
        (variables.get("ST2_API_KEY"), "ST2_API_KEY", "key"),
        (variables.get("ST2_AUTH_TOKEN"), "ST2_AUTH_TOKEN", "token"),
        (left_key, "the server's home", "key"),
    )
    value, source, kind = next((found for found in keys if found[0]), (None, "", ""))
    return Connection(
        url=url,
        api_key=value if kind == "key" else None,
        token=value if kind == "token" else None,
        url_source=url_source,
        credential_source=source,
        ca_file=variables.get("ST2_CACERT") or None,
    )


def base_url(url: str, source: str) -> str:
    """Return a server's URL without the API's own path: `http://h:9101/api/v1/` and `http://h:9101` are the same server."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise CommandError(
            f"{source} is not a URL: {url}", hint=f"it looks like {DEFAULT_URL}", exit_code=USAGE, code="usage"
        )
    path = parts.path.rstrip("/")
    for suffix in ("/v1", "/api"):
        path = path.removesuffix(suffix)
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))


def _first(*choices: tuple[str | None, str]) -> tuple[str, str]:
    return next((value, source) for value, source in choices if value)


def _with_api_port(base: str | None) -> str | None:
    """ST2_BASE_URL is a host; st2's client adds the API's port to it."""
    if not base:
        return None
    parts = urlsplit(base)
    return base if parts.port or parts.scheme == "https" else f"{base.rstrip('/')}:9101"


def _left_by_server(home: str) -> dict[str, str]:
    """Return what `serve` wrote into its home, if the file is there and is this user's own."""
    from pathlib import Path

    path = Path(home) / "cli.json"
    try:
        status = path.stat()
    except OSError:
        return {}
    import os

    if status.st_uid != os.geteuid():
        return {}  # somebody else's file could send this user's data to a server of theirs
    from stormlet.foundation.home import Home

    return {key: value for key, value in Home(home).read_cli().items() if isinstance(value, str)}
