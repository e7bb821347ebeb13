"""Whatever a payload holds: a request comes out, within the product's limits, and nothing in it does what it should not."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlet.flow.delivery.formats.registry import FORMATS, CompiledFormat, compile_format
from stormlet.flow.delivery.formats.samples import SAMPLE_ENDPOINT, sample
from stormlet.flow.delivery.formats.texts import for_slack, header_value, link, plain
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.signatures.secret import Secret

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
SECRET = Secret(value="whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==", name="1")
HOSTILE = [
    "<!channel> <!here|x> <@U024BE7LH> <#C024BE7LR> <!subteam^S1> @here @everyone @Channel",
    "<https://evil.example|click> [click](https://evil.example) ![x](https://evil.example/a.png)",
    "```\nout of the block\n``` `code` *bold* _it_ ~st~ ||spoiler|| > quote\n# heading\n- list",
    "<at>everyone</at> {{DATE(2026-01-01T00:00:00Z, SHORT)}} ${x} @{triggerBody()}",
    '"}],"text":"out","blocks":[{"type":"divider"}',
    "\u202egnp.exe\u2066 \x00\x07\x1b[31m\r\nX-Injected: 1",
    "&lt;!channel&gt; &amp; <t:1:R> <:emoji:1> </command:1> <@&1>",
    "\ud800 lone",
    "a" * 200_000,
    "<" * 5000,
    "`" * 5000,
    "😀" * 5000,
]
text = st.sampled_from(HOSTILE) | st.text(max_size=400)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
CHATS = ("slack", "teams", "discord")
FORMAT: dict[str, CompiledFormat] = {
    each.about.name: compile_format(each.about.name, dict.fromkeys(each.about.required, "x"), Templates())
    for each in FORMATS
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A message of any type whose data look like what they should be, or like anything."""
    name = draw(st.sampled_from([*MESSAGE_TYPES, "deploy.finished"]))
    keys = (
        "execution",
        "rule",
        "trigger_instance",
        "error",
        "question",
        "title",
        "text",
        "source",
        "reason",
        "webhook",
    )
    inner = st.dictionaries(
        st.sampled_from(["id", "action", "rule", "ref", "user", "status", "seconds", "trigger", "requested_at"]),
        anything,
    )
    data: dict[str, Any] = draw(st.dictionaries(st.sampled_from(keys), inner | anything, max_size=8))
    return msgspec.structs.replace(
        sample(name),
        data=data,
        caused_by=draw(text),
        trace_tag=draw(text),
        url=draw(text | st.just("https://a.example/")),
    )


def _body(name: str, message: Message) -> Any:
    return msgspec.json.decode(FORMAT[name].render(message, SAMPLE_ENDPOINT, [SECRET], NOW).body)


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _strings(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _strings(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", sorted(set(FORMAT) - {"cloudevents"}))
@given(message=messages())
@settings(max_examples=20, deadline=None)
def test_a_request_comes_out(name: str, message: Message) -> None:
    """No data breaks a format; its headers are single lines of ASCII, its body is JSON."""
    compiled = FORMAT[name]
    big = msgspec.structs.replace(SAMPLE_ENDPOINT, max_body=64 * 1024 * 1024)
    request = compiled.render(message, big, [SECRET], NOW)
    for header, value in request.headers:
        assert re.fullmatch(r"[\x20-\x7e]*", value), header
    if name != "template":
        msgspec.json.decode(request.body)


@given(message=messages())
@settings(max_examples=30, deadline=None)
def test_binary_cloudevents_have_clean_headers(message: Message) -> None:
    """Attributes are percent-encoded, whatever is in them."""
    compiled = compile_format("cloudevents", {"mode": "binary"}, Templates())
    big = msgspec.structs.replace(SAMPLE_ENDPOINT, max_body=64 * 1024 * 1024)
    for _, value in compiled.render(message, big, [SECRET], NOW).headers:
        assert re.fullmatch(r"[\x20-\x7e]*", value)


@given(message=messages())
@settings(max_examples=100, deadline=None)
def test_slack_pings_nobody_and_fits(message: Message) -> None:
    """No control sequence but our own link, code that is closed, and all of Slack's limits."""
    body = _body("slack", message)
    assert (body["mrkdwn"], body["parse"], body["link_names"]) == (False, "none", False)
    assert set(body) == {"text", "mrkdwn", "parse", "link_names", "unfurl_links", "unfurl_media", "attachments"}
    (attachment,) = body["attachments"]
    assert len(attachment["blocks"]) <= 50
    texts = _strings(body)
    own = re.compile(r"<https?://[^\s<>|]+\|Open in stormlet>")
    for each in texts:
        assert not re.search(r"<(?!https?://[^\s<>|]+\|Open in stormlet>)", each), each
        assert not re.search(r"@(here|channel|everyone)", each, re.IGNORECASE)
        assert ">" not in own.sub("", each)
        assert len(each) <= 3000
    for block in attachment["blocks"]:
        for field in block.get("fields", ()):
            assert len(field["text"]) <= 2000
            assert re.fullmatch(r"\*[^*`]+\*\n`[^`\n]*`", field["text"]), field
        if block["type"] == "section" and "text" in block:
            assert re.fullmatch(r"```\n[^`]*\n```", block["text"]["text"])
        assert len(block.get("fields", ())) <= 10
        assert len(block.get("elements", ())) <= 10


@given(message=messages())
@settings(max_examples=100, deadline=None)
def test_discord_pings_nobody_and_fits(message: Message) -> None:
    """Nobody may be mentioned, markup is escaped outside of code, and all of Discord's limits."""
    body = _body("discord", message)
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    description = embed.get("description", "")
    values = [embed["title"], *(field["value"] for field in embed["fields"])]
    assert len(embed["title"]) <= 256
    assert len(embed["fields"]) <= 25
    assert all(0 < len(field["name"]) <= 256 and 0 < len(field["value"]) <= 1024 for field in embed["fields"])
    assert len(description) <= 4096
    whole = [*values, *(field["name"] for field in embed["fields"]), description, embed["footer"]["text"]]
    assert sum(map(len, whole)) <= 6000
    for each in values:
        assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`|>\[\]()<]", each), each
    if description:
        assert re.fullmatch(r"```\n[^`]*\n```", description)
    assert not re.search(r"@(here|everyone)", "".join(whole), re.IGNORECASE)


@given(message=messages())
@settings(max_examples=100, deadline=None)
def test_teams_mentions_nobody_and_fits(message: Message) -> None:
    """Every text of others is a TextRun, without tags; the card has at most 28 KB."""
    request = FORMAT["teams"].render(message, SAMPLE_ENDPOINT, [], NOW)
    assert len(request.body) <= 28 * 1024
    body = msgspec.json.decode(request.body)
    card = body["attachments"][0]["content"]
    assert set(card) <= {"$schema", "type", "version", "msteams", "fallbackText", "body", "actions"}
    assert card["msteams"] == {"width": "Full"}
    for each in _strings(card["body"]):
        assert "<" not in each
        assert "{{" not in each
    kinds = set(re.findall(r'"type":"([\w.]+)"', request.body.decode()))
    assert kinds <= {"message", "AdaptiveCard", "Container", "RichTextBlock", "TextRun", "Action.OpenUrl"}


@given(message=messages())
@settings(max_examples=100, deadline=None)
def test_pagerduty_fits(message: Message) -> None:
    """Required fields, their lengths, and the whole."""
    request = FORMAT["pagerduty"].render(message, SAMPLE_ENDPOINT, [SECRET], NOW)
    event = msgspec.json.decode(request.body)
    assert len(request.body) <= 512 * 1024
    assert 0 < len(event["dedup_key"].encode()) <= 255
    if event["event_action"] == "trigger":
        assert 0 < len(event["payload"]["summary"]) <= 1024
        assert event["payload"]["severity"] in {"critical", "error", "warning", "info"}


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_every_place(name: str, hostile: str) -> None:
    """Each nasty text as rule, action, user, error, title and text: no direction marks, no control characters."""
    for message in (
        msgspec.structs.replace(
            sample("execution.failed"),
            data={"execution": {"action": hostile, "rule": hostile, "user": hostile}, "error": hostile},
        ),
        msgspec.structs.replace(sample("deploy.finished"), data={"title": hostile, "text": hostile, hostile: hostile}),
        msgspec.structs.replace(sample("deploy.finished"), data={hostile: hostile}),
    ):
        for each in _strings(_body(name, message)):
            assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f-\x9f]", each)


@given(st.text(), st.integers(1, 300))
def test_plain_text_is_never_longer_than_asked_for(value: str, limit: int) -> None:
    """Whatever was in it."""
    made = plain(value, limit)
    assert len(made) <= limit
    assert "\n" not in made
    assert "\r" not in header_value(value)
    assert "<" not in for_slack(value)


NO_LINKS = [
    *(
        "",
        "javascript:alert(1)",
        "ftp://a.example",
        "https://ä.example",
        "https://a.example/ x",
        "https://a.example/\n",
    ),
    *(f"https://a.example/{end}" for end in ("|x", ">x", "`", '"', "x" * 2000)),
]


@pytest.mark.parametrize("url", NO_LINKS)
def test_a_link_is_a_link_and_nothing_else(url: str) -> None:
    """What could end a link early, or is none, is left out."""
    assert link(url) == ""
    assert link("https://a.example/x?y=1&z=%20#f") == "https://a.example/x?y=1&z=%20#f"
