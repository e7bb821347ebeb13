"""The door to the formats: names, options, headers, limits, and what is shown afterwards."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from stormlet.flow.delivery.formats.cloudevents import handshake_request, read_consent
from stormlet.flow.delivery.formats.registry import (
    FORMATS,
    check_headers,
    compile_format,
    format_named,
    format_problems,
)
from stormlet.flow.delivery.formats.samples import SAMPLE_ENDPOINT, SAMPLE_NOW, sample
from stormlet.flow.delivery.schedule import Answer, Step
from stormlet.foundation.errors import InvalidInputError, NotFoundError, RenderError, TooLargeError
from stormlet.foundation.templates import Templates
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.signatures.secret import Secret

SECRET = Secret(value="whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==", name="1")
KEY = Secret(value="R0000000000000000000000000EXAMPL", name="1")
NAMES = [each.about.name for each in FORMATS]


def _options(name: str) -> dict[str, Any]:
    return {"body": "{{ message.type }}"} if name == "template" else {}


def _render(name: str, message: str = "execution.failed", **more: Any) -> Any:
    compiled = compile_format(name, more.pop("options", _options(name)), Templates())
    endpoint = more.pop("endpoint", SAMPLE_ENDPOINT)
    secrets = more.pop("secrets", [KEY if name == "pagerduty" else SECRET])
    return compiled.render(sample(message), endpoint, secrets, SAMPLE_NOW, **more)


def test_an_unknown_format_names_the_nearest() -> None:
    """A typo is told with its cure."""
    with pytest.raises(NotFoundError) as raised:
        format_named("standart")
    assert raised.value.hint == "did you mean 'standard'?"


@pytest.mark.parametrize(
    ("name", "options", "path", "words"),
    [
        ("cloudevents", {"mode": "bianry"}, "options.mode", "not one of"),
        ("cloudevents", {"mod": "binary"}, "options", "mod"),
        ("template", {}, "options", "body"),
        ("template", {"body": "{{ x"}, "options.body", "line 1"),
        ("template", {"body": {"a": ["{{ x | nofilter }}"]}}, "options.body.a.0", "nofilter"),
        ("template", {"body": "", "headers": {"Host": "x"}}, "options.headers", "Host"),
        ("template", {"body": "", "headers": {"X\r\nY": "x"}}, "options.headers", "header"),
        (
            "template",
            {"body": "", "signature": {"header": "X", "algorithm": "md5"}},
            "options.signature.algorithm",
            "md5",
        ),
        ("rfc9421", {"components": ["@method"]}, "options.components", ""),
        ("hcp", {"service": "A B"}, "options.service", ""),
        ("nothing", {}, "format", "no format"),
    ],
)
def test_wrong_options_are_problems(name: str, options: dict[str, Any], path: str, words: str) -> None:
    """With the place, when the endpoint is loaded and not when it is needed."""
    (problem,) = format_problems(name, options, Templates())
    assert problem.path == path
    assert words in problem.text


@pytest.mark.parametrize("name", NAMES)
def test_every_type_can_be_said(name: str) -> None:
    """Every format makes a request of every type of the catalogue, and of a user's own."""
    for message in (*MESSAGE_TYPES, "deploy.finished"):
        request = _render(name, message)
        assert request.body
        assert request.url.startswith("https://receiver.example/")
        assert all("\n" not in value and "\r" not in value for _, value in request.headers)


@pytest.mark.parametrize("name", NAMES)
def test_headers_of_the_endpoint_are_added_and_replace_nothing(name: str) -> None:
    """The engine's come first, then the format's, then the endpoint's; no name stands there twice."""
    plain = dict(_render(name).headers)
    endpoint = msgspec.structs.replace(
        SAMPLE_ENDPOINT,
        headers={"X-Team": "web", "content-type": "evil", "User-Agent": "mine", "stormlet-chain": "x", "Host": "evil"},
    )
    request = _render(name, endpoint=endpoint, carried=[("Stormlet-Chain", "genuine")])
    headers = dict(request.headers)
    assert len({each.lower() for each in headers}) == len(request.headers)
    assert (headers["X-Team"], headers["Stormlet-Chain"]) == ("web", "genuine")
    assert headers["Content-Type"] == plain["Content-Type"]
    assert headers["User-Agent"] == (plain["User-Agent"] if name == "github" else "mine")
    assert "Host" not in headers


def test_headers_that_break_out_are_refused() -> None:
    """Line breaks, names that are none, and what belongs to the connection."""
    check_headers({"X-Team": "web", "X-Umlaut": "ü"})
    for bad in ({"X\n": "a"}, {"X": "a\r\nY: b"}, {"": "a"}, {"Content-Length": "1"}, {"X": "a" * 9000}, {"X": "\x00"}):
        with pytest.raises(InvalidInputError):
            check_headers(bad)


def test_a_body_that_is_too_large_is_not_sent() -> None:
    """The endpoint's limit counts, else the format's."""
    small = msgspec.structs.replace(SAMPLE_ENDPOINT, max_body=100)
    with pytest.raises(TooLargeError, match="100 are allowed"):
        _render("standard", endpoint=small)


@pytest.mark.parametrize("name", ["standard", "scalr", "pagerduty", "rfc9421"])
def test_what_must_be_signed_is_never_sent_unsigned(name: str) -> None:
    """Without a secret these formats refuse."""
    with pytest.raises(InvalidInputError, match="needs a"):
        _render(name, secrets=[])


@pytest.mark.parametrize("name", ["pulumi", "hcp", "spacelift", "github", "cloudevents"])
def test_a_sender_without_a_secret_sends_no_signature(name: str) -> None:
    """As the product itself does."""
    names = {each.lower() for each, _ in _render(name, secrets=[]).headers}
    assert not [each for each in names if "signature" in each or each == "authorization"]


def test_nothing_secret_is_shown() -> None:
    """Tokens, routing keys, URLs of chats and credentials in headers are masked in what is stored; signatures stay."""
    assert KEY.value.encode() not in _render("pagerduty").shown().body
    assert SECRET.value not in str(_render("cloudevents").shown().headers)
    endpoint = msgspec.structs.replace(
        SAMPLE_ENDPOINT, url="https://hooks.slack.com/services/T0/B0/verysecret?sig=too", headers={"X-Api-Key": "mine"}
    )
    for name in ("slack", "teams", "discord"):
        shown = _render(name, endpoint=endpoint).shown()
        assert shown.url.startswith("https://hooks.slack.com/")
        assert "verysecret" not in shown.url
        assert "too" not in shown.url
        assert dict(shown.headers)["X-Api-Key"] == "********"
    request = _render("standard")
    assert request.shown().headers == request.headers
    assert "whsec" not in repr(_render("cloudevents"))


def test_attempts_take_turns_where_a_header_holds_one_signature() -> None:
    """Newest first; with one secret it is always that one."""
    other = Secret(value="another secret of somebody", name="0")
    used = [_render("github", secrets=[SECRET, other], attempt=attempt).signed_with for attempt in (1, 2, 3)]
    assert used == [("1",), ("0",), ("1",)]
    assert _render("standard", secrets=[SECRET, Secret(value=SECRET.value, name="0")]).signed_with == ("1", "0")


def test_products_have_words_of_their_own() -> None:
    """What Slack, Discord, PagerDuty and CloudEvents say in a body or a status decides."""

    def read(name: str, status: int, body: bytes = b"") -> Any:
        advice = compile_format(name, {}, Templates()).read(Answer(status=status, body=body))
        return advice and (advice.step or advice.retry_after or advice.reason)

    assert read("slack", 404, b"no_service") is Step.DISABLE
    assert read("slack", 400, b"invalid_blocks") is Step.GIVE_UP
    assert read("slack", 200, b"ok") is None
    assert read("slack", 500, b"\xff" * 9) is None
    assert read("discord", 404, b'{"code": 10015, "message": "Unknown Webhook"}') is Step.DISABLE
    assert read("discord", 404, b"<html>") is None
    assert read("discord", 429, b'{"retry_after": 0.65, "global": false}') == 0.65
    assert read("discord", 429, b'{"retry_after": "x"}') is None
    assert read("pagerduty", 400) is Step.GIVE_UP
    assert "mode" in read("cloudevents", 415)
    assert read("standard", 500) is None


def test_pagerduty_resolves_what_it_raised() -> None:
    """A success of the same rule and action has the failure's key; another rule has another."""
    keys = {}
    for message in ("execution.failed", "execution.timeout", "execution.succeeded", "inquiry.pending"):
        body = msgspec.json.decode(_render("pagerduty", message).body)
        keys[message] = (body["event_action"], body["dedup_key"])
    assert keys["execution.succeeded"][0] == "resolve"
    assert keys["execution.failed"][0] == "trigger"
    assert len({key for _, key in keys.values()}) == 1
    compiled = compile_format("pagerduty", {}, Templates())
    assert not compiled.says("execution.running")
    assert compiled.says("execution.failed")
    long = msgspec.structs.replace(
        sample("execution.failed"), data={"execution": {"action": "ä" * 120, "rule": "ü" * 120}}
    )
    body = msgspec.json.decode(compiled.render(long, SAMPLE_ENDPOINT, [KEY], SAMPLE_NOW).body)
    assert len(body["dedup_key"].encode()) <= 255


def test_a_template_that_fails_at_send_time_says_where() -> None:
    """A name that this message does not have, a header of two lines: an error of this message, with the place."""
    for options, words in (
        ({"body": {"a": "{{ data.nothing.here }}"}}, "options.body.a"),
        ({"body": "", "headers": {"X-A": "{{ data.error }}\nX-B: 1"}}, "options.headers.X-A"),
    ):
        with pytest.raises(RenderError, match=words):
            _render("template", options=options)


def test_a_structure_cannot_be_broken_out_of() -> None:
    """What a payload holds stays in the text it stands in, and is not taken for a template."""
    hostile = '"}, {"{{ 7 * 7 }}": "'
    message = msgspec.structs.replace(sample("execution.failed"), data={"error": hostile})
    compiled = compile_format("template", {"body": {"e": "{{ data.error }}", "n": 1}}, Templates())
    body = compiled.render(message, SAMPLE_ENDPOINT, [], SAMPLE_NOW).body
    assert msgspec.json.decode(body) == {"e": hostile, "n": 1}


def test_the_handshake_of_cloudevents() -> None:
    """OPTIONS asks; only the headers of the answer are a consent."""
    asked = handshake_request("https://r.example/x", "stormlet.example", 120)
    assert (asked.method, dict(asked.headers)["WebHook-Request-Rate"]) == ("OPTIONS", "120")
    yes = [("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "60")]
    assert read_consent(yes, "stormlet.example", 120).per_minute == 60
    assert read_consent([("webhook-allowed-origin", "Stormlet.Example")], "stormlet.example").allowed
    assert not read_consent([("webhook-allowed-origin", "stormlet.example")], "stormlet.example", 120).allowed
    assert read_consent([yes[0], ("WebHook-Allowed-Rate", "*")], "stormlet.example", 120).allowed
    refused = read_consent([("webhook-allowed-origin", "other.example")], "stormlet.example")
    assert (refused.allowed, "other.example only" in refused.reason) == (False, True)
    assert not read_consent([], "stormlet.example").allowed


def test_discord_is_asked_to_wait_once() -> None:
    """Whatever else the URL says."""
    for url, wanted in (
        ("https://d.example/w", "https://d.example/w?wait=true"),
        ("https://d.example/w?thread_id=1", "https://d.example/w?thread_id=1&wait=true"),
        ("https://d.example/w?wait=false", "https://d.example/w?wait=false"),
        ("https://d.example/w?", "https://d.example/w?wait=true"),
    ):
        endpoint = msgspec.structs.replace(SAMPLE_ENDPOINT, url=url)
        assert _render("discord", endpoint=endpoint).url == wanted


def test_the_same_message_at_another_attempt_keeps_its_id_and_is_signed_anew() -> None:
    """`webhook-id` is constant, time and signature are not."""
    compiled = compile_format("standard", {}, Templates())
    first, second = (
        dict(compiled.render(sample("execution.failed"), SAMPLE_ENDPOINT, [SECRET], now, attempt).headers)
        for attempt, now in ((1, SAMPLE_NOW), (2, datetime(2026, 2, 11, 12, tzinfo=UTC)))
    )
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]
