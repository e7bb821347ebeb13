"""A message in words: what happened, how it went, which rule, how long, where to look. Every chat format starts from it.

The texts here are still those of strangers: each format cuts and escapes them in its product's own way.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from stormlet.flow.delivery.formats.texts import plain
from stormlet.model.message import Message

_LONGEST_NAME: Final = 120
_LONGEST_HEADLINE: Final = 240
_LONGEST_DETAIL: Final = 1500


class Mood(StrEnum):
    """How it went; a colour in every product."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    NEUTRAL = "neutral"


SIGNS: Final[Mapping[Mood, str]] = {Mood.GOOD: "✅", Mood.BAD: "❌", Mood.WARNING: "⚠️", Mood.NEUTRAL: "ℹ️"}
COLOURS: Final[Mapping[Mood, int]] = {
    Mood.GOOD: 0x2EB67D,
    Mood.BAD: 0xE01E5A,
    Mood.WARNING: 0xECB22E,
    Mood.NEUTRAL: 0x6B7280,
}


class Fact(msgspec.Struct, frozen=True):
    """A label of ours and a value."""

    label: str
    value: str


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should read first."""

    mood: Mood
    headline: str
    """One line, without a full stop."""
    facts: tuple[Fact, ...] = ()
    detail: str = ""
    """An error or a question, in several lines."""


def worded(message: Message) -> Wording:
    """Return a message in words. Never raises, whatever `data` holds."""
    tell = _TELLERS.get(message.type)
    if tell is None:
        tell = _execution if message.type.startswith("execution.") else _of_the_users
    return tell(message)


def duration(seconds: Any) -> str:
    """Return seconds in words: `1.5 s`, `2 min 5 s`, `1 h 3 min`; empty for what is no number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        return ""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def at(data: Any, *path: str) -> Any:
    """Return what lies at a path of mappings; None where nothing does."""
    for name in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def name_at(data: Any, *path: str) -> str:
    """Return a name at a path as one line of text; empty where there is none."""
    return plain(at(data, *path), _LONGEST_NAME)


_EXECUTION_WORDS: Final[Mapping[str, tuple[Mood, str, str]]] = {
    "requested": (Mood.NEUTRAL, "was requested", ""),
    "running": (Mood.NEUTRAL, "is running", ""),
    "succeeded": (Mood.GOOD, "succeeded", "in"),
    "failed": (Mood.BAD, "failed", "after"),
    "timeout": (Mood.BAD, "took too long and was ended", "after"),
    "canceled": (Mood.WARNING, "was canceled", "after"),
    "abandoned": (Mood.BAD, "was interrupted, and nobody knows how far it came", ""),
}


def _execution(message: Message) -> Wording:
    status = message.type.partition(".")[2]
    mood, words, preposition = _EXECUTION_WORDS.get(status, (Mood.NEUTRAL, status.replace(".", " "), ""))
    took = duration(at(message.data, "execution", "seconds"))
    action = name_at(message.data, "execution", "action") or "An action"
    headline = f"{action} {words}" + (f" {preposition} {took}" if took and preposition else "")
    return _wording(message, mood, headline, _execution_facts(message), at(message.data, "error"))


def _execution_facts(message: Message) -> list[Fact]:
    execution = at(message.data, "execution")
    return [
        Fact("Rule", name_at(execution, "rule")),
        Fact("Action", name_at(execution, "action")),
        Fact("Took", duration(at(execution, "seconds"))),
        Fact("By", name_at(execution, "user")),
    ]


def _inquiry(message: Message) -> Wording:
    action = name_at(message.data, "execution", "action") or "An execution"
    facts = [*_execution_facts(message), Fact("Until", name_at(message.data, "expires_at"))]
    return _wording(message, Mood.WARNING, f"{action} waits for a person's answer", facts, at(message.data, "question"))


def _rule_matched(message: Message) -> Wording:
    rule = name_at(message.data, "rule", "ref") or "A rule"
    return _wording(message, Mood.NEUTRAL, f"{rule} matched", _rule_facts(message))


def _rule_failed(message: Message) -> Wording:
    rule = name_at(message.data, "rule", "ref") or "A rule"
    words = f"{rule} matched, but its action could not be requested"
    return _wording(message, Mood.BAD, words, _rule_facts(message), at(message.data, "error"))


def _rule_facts(message: Message) -> list[Fact]:
    return [
        Fact("Rule", name_at(message.data, "rule", "ref")),
        Fact("Trigger", name_at(message.data, "trigger_instance", "trigger")),
    ]


def _trigger_received(message: Message) -> Wording:
    trigger = name_at(message.data, "trigger_instance", "trigger") or "A trigger"
    facts = [Fact("Webhook", name_at(message.data, "webhook")), Fact("Source", name_at(message.data, "source"))]
    return _wording(message, Mood.NEUTRAL, f"{trigger} was received", facts)


def _source_rejected(message: Message) -> Wording:
    place = name_at(message.data, "webhook") or name_at(message.data, "source") or "a webhook"
    facts = [
        Fact("Source", name_at(message.data, "source")),
        Fact("Reason", name_at(message.data, "reason")),
        Fact("From", name_at(message.data, "remote")),
    ]
    return _wording(message, Mood.WARNING, f"A request to {place} was refused", facts)


def _source_verified(message: Message) -> Wording:
    source = name_at(message.data, "source") or "A source"
    facts = [Fact("Source", source), Fact("Webhook", name_at(message.data, "webhook"))]
    return _wording(message, Mood.GOOD, f"{source} has accepted its first genuine request", facts)


def _endpoint_disabled(message: Message) -> Wording:
    endpoint = name_at(message.data, "endpoint") or "An endpoint"
    facts = [Fact("Endpoint", endpoint), Fact("Waiting", name_at(message.data, "waiting"))]
    return _wording(message, Mood.BAD, f"{endpoint} is not sent to any more", facts, at(message.data, "reason"))


def _verification(message: Message) -> Wording:
    endpoint = name_at(message.data, "endpoint") or "An endpoint"
    words = f"stormlet can reach this place: it is the endpoint {endpoint}"
    return _wording(message, Mood.GOOD, words, [Fact("Endpoint", endpoint)])


def _pack_registered(message: Message) -> Wording:
    pack = " ".join(filter(None, (name_at(message.data, "pack"), name_at(message.data, "version")))) or "A pack"
    problems = at(message.data, "problems")
    mood = Mood.WARNING if isinstance(problems, int) and problems > 0 else Mood.NEUTRAL
    facts = [
        Fact("Pack", name_at(message.data, "pack")),
        Fact("Before", name_at(message.data, "previous_version")),
        Fact("Problems", name_at(message.data, "problems") if mood is Mood.WARNING else ""),
    ]
    return _wording(message, mood, f"{pack} is registered", facts)


_MOODS_OF_WORDS: Final[Mapping[str, Mood]] = {
    **dict.fromkeys(("ok", "good", "success", "succeeded", "resolved", "passed"), Mood.GOOD),
    **dict.fromkeys(("error", "bad", "failed", "failure", "critical", "fatal"), Mood.BAD),
    **dict.fromkeys(("warning", "warn", "attention", "canceled"), Mood.WARNING),
}


def _of_the_users(message: Message) -> Wording:
    """Tell a message of the user's own: `title`, `text` and `severity` of its data are read where they are there."""
    title = next((at(message.data, name) for name in ("title", "summary") if at(message.data, name)), None)
    text = next((at(message.data, name) for name in ("text", "message", "description") if at(message.data, name)), None)
    word = next((at(message.data, name) for name in ("severity", "level", "outcome") if at(message.data, name)), "")
    mood = _MOODS_OF_WORDS.get(str(word).lower(), Mood.NEUTRAL)
    facts = [Fact("Type", message.type)]
    if title is None and text is None:
        left = message.data.items() if isinstance(message.data, Mapping) else ()
        facts += [Fact(plain(str(name), 60), plain(value, 300)) for name, value in list(left)[:8]]
    return _wording(message, mood, plain(title, _LONGEST_HEADLINE) or message.type, facts, text)


def _wording(message: Message, mood: Mood, headline: str, facts: list[Fact], detail: Any = None) -> Wording:
    also = [Fact("Pack", plain(message.pack, _LONGEST_NAME))]
    return Wording(
        mood=mood,
        headline=plain(headline, _LONGEST_HEADLINE),
        facts=tuple(fact for fact in (*facts, *also) if fact.value),
        detail=plain(detail, _LONGEST_DETAIL, lines=True),
    )


_TELLERS: Final[Mapping[str, Callable[[Message], Wording]]] = {
    "trigger.received": _trigger_received,
    "rule.matched": _rule_matched,
    "rule.failed": _rule_failed,
    "inquiry.pending": _inquiry,
    "source.rejected": _source_rejected,
    "source.verified": _source_verified,
    "endpoint.disabled": _endpoint_disabled,
    "endpoint.verification": _verification,
    "pack.registered": _pack_registered,
}
