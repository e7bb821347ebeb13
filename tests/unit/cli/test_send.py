"""What `send` understands as a webhook."""

import click
import pytest

from stormlet.cli.send import hook_of

SERVER = "http://127.0.0.1:9101"


@pytest.mark.parametrize(
    ("target", "server", "hook"),
    [
        ("github/push", SERVER, "github/push"),
        ("mypack.mytrigger", SERVER, "mypack.mytrigger"),
        ("/api/v1/webhooks/github/push", SERVER, "github/push"),
        ("/v1/webhooks/hx", SERVER, "hx"),
        (f"{SERVER}/api/v1/webhooks/hx", SERVER, "hx"),
        (f"{SERVER}/v1/webhooks/h%20x", SERVER, "h x"),
        ("http://localhost:9101/api/v1/webhooks/hx", SERVER, "hx"),
        ("https://a.example/st/api/v1/webhooks/hx", "https://a.example/st", "hx"),
        ("https://a.example:443/api/v1/webhooks/hx", "https://a.example", "hx"),
        ("v1/webhooks/hx", SERVER, "v1/webhooks/hx"),
    ],
)
def test_a_webhook_may_be_written_as_others_write_it(target: str, server: str, hook: str) -> None:
    """As in a rule, as a path, or as the URL that a sender was given."""
    assert hook_of(target, server) == hook


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://other.example:9101/api/v1/webhooks/hx", "--url"),
        ("http://127.0.0.1:9102/api/v1/webhooks/hx", "--url"),
        ("https://127.0.0.1:9101/api/v1/webhooks/hx", "--url"),
        ("http://127.0.0.1:99999999/api/v1/webhooks/hx", "--url"),
        (f"{SERVER}/api/v1/rules", "looks like"),
        (f"{SERVER}/api/v1/webhooks/", "looks like"),
        (f"{SERVER}/api/v1/webhooks/hx?st2-api-key=k", "-H"),
    ],
)
def test_a_url_that_cannot_be_sent_to_is_refused(target: str, says: str) -> None:
    """A credential never goes to a server that it is not for."""
    with pytest.raises(click.BadParameter, match=says):
        hook_of(target, SERVER)
