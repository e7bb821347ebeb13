"""The catalogue of message types, as data: documentation, subscriptions and tests are made from it.

`data` holds names and outcomes, small enough for any chat or queue; parameters and results may hold secrets, so they are not in
it, and the message's `url` leads to them. This module must not do anything but list and look up.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from stormlet.model.message import MessageType, ScopeKind, user_type

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ID = "66a0f7c1c0ffee0000000001"
_OTHER_ID = "66a0f7c1c0ffee0000000002"
_TIME = "2026-01-02T03:04:05.678901Z"
_LATER = "2026-01-02T03:04:07.178901Z"


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object; receivers must bear fields that are new, so more are allowed."""
    return {"type": "object", "required": sorted(required), "properties": {**required, **(optional or {})}}


_INSTANCE = _object({"id": _TEXT, "trigger": _TEXT, "trigger_type": _TEXT, "occurrence_time": _MOMENT})
_RULE = _object({"ref": _TEXT}, {"id": _TEXT, "tags": {"type": "array", "items": _TEXT}})
_EXECUTION = _object(
    {"id": _TEXT, "action": _TEXT, "status": _TEXT, "requested_at": _MOMENT, "user": _TEXT},
    {
        "runner": _TEXT,
        "rule": _MAYBE_TEXT,
        "trigger_instance": _MAYBE_TEXT,
        "parent": _MAYBE_TEXT,
        "started_at": _MAYBE_MOMENT,
        "ended_at": _MAYBE_MOMENT,
        "seconds": {"type": ["number", "null"], "minimum": 0},
        "attempt": _COUNT,
    },
)
_INSTANCE_EXAMPLE = {"id": _ID, "trigger": "core.hook", "trigger_type": "core.st2.webhook", "occurrence_time": _TIME}


def _execution_example(status: str, **more: Any) -> dict[str, Any]:
    basis = {"id": _ID, "action": "core.local", "status": status, "requested_at": _TIME, "user": "stanley"}
    return {"execution": {**basis, "runner": "local-shell-cmd", "rule": "examples.deploy", **more}}


def _execution_type(status: str, description: str, *, ended: bool = False, error: bool = False) -> MessageType:
    optional = {"error": _TEXT} if error else {}
    times = {"started_at": _TIME, "ended_at": _LATER, "seconds": 1.5} if ended else {}
    example = _execution_example(status, **times)
    return MessageType(
        name=f"execution.{status}",
        description=description,
        subject="execution",
        schema=_object({"execution": _EXECUTION}, optional),
        example={**example, "error": "exit code 1"} if error else example,
    )


_NO_TAGS = frozenset({ScopeKind.ALL, ScopeKind.PACKS})
_EVERYWHERE_ONLY = frozenset({ScopeKind.ALL})

_TYPES = (
    MessageType(
        name="trigger.received",
        description="A trigger instance was recorded: somebody sent an event, a timer fired, or an action dispatched one.",
        subject="trigger_instance",
        scopes=_NO_TAGS,
        schema=_object({"trigger_instance": _INSTANCE}, {"source": _MAYBE_TEXT, "webhook": _MAYBE_TEXT, "payload": {}}),
        example={"trigger_instance": _INSTANCE_EXAMPLE, "webhook": "github/push", "source": None},
    ),
    MessageType(
        name="rule.matched",
        description="A rule matched, and its action was requested.",
        subject="trigger_instance",
        schema=_object({"rule": _RULE, "trigger_instance": _INSTANCE}, {"enforcement": _TEXT, "execution": _TEXT}),
        example={
            "rule": {"ref": "examples.deploy", "tags": ["team:web"]},
            "trigger_instance": _INSTANCE_EXAMPLE,
            "enforcement": _OTHER_ID,
            "execution": _ID,
        },
    ),
    MessageType(
        name="rule.failed",
        description="A rule matched, but its action could not be requested.",
        subject="trigger_instance",
        schema=_object({"rule": _RULE, "trigger_instance": _INSTANCE, "error": _TEXT}, {"enforcement": _TEXT}),
        example={
            "rule": {"ref": "examples.deploy"},
            "trigger_instance": _INSTANCE_EXAMPLE,
            "error": "the action examples.deploy does not exist",
        },
    ),
    _execution_type("requested", "An action was asked for, by a rule or a person; it has not started."),
    _execution_type("running", "An action started. Said again where it is started anew after an interruption."),
    _execution_type("succeeded", "An action ended well.", ended=True),
    _execution_type("failed", "An action ended badly, or could not be started.", ended=True, error=True),
    _execution_type("timeout", "An action took longer than it may, and was ended.", ended=True, error=True),
    _execution_type("canceled", "An action was canceled before it was done.", ended=True),
    _execution_type(
        "abandoned", "The engine died while the action ran; nobody knows how far it came.", ended=True, error=True
    ),
    MessageType(
        name="inquiry.pending",
        description="An execution waits for a person's answer.",
        subject="execution",
        schema=_object({"execution": _EXECUTION}, {"question": _TEXT, "route": _TEXT, "expires_at": _MAYBE_MOMENT}),
        example={**_execution_example("pending"), "question": "Apply 3 changes to production?"},
    ),
    MessageType(
        name="source.rejected",
        description="A guarded webhook refused a request: its signature, time or delivery id was not right.",
        subject="source",
        scopes=_NO_TAGS,
        schema=_object({"source": _TEXT, "reason": _TEXT}, {"webhook": _TEXT, "rejection": _TEXT, "remote": _TEXT}),
        example={"source": "github.push", "reason": "mismatch", "webhook": "github/push", "rejection": _ID},
    ),
    MessageType(
        name="source.verified",
        description="A guarded webhook accepted its first genuine request, or its sender's handshake.",
        subject="source",
        scopes=_NO_TAGS,
        schema=_object({"source": _TEXT}, {"webhook": _TEXT, "secret": _TEXT, "handshake": {"type": "boolean"}}),
        example={"source": "hcp.packer", "webhook": "hcp", "handshake": True},
    ),
    MessageType(
        name="endpoint.disabled",
        description="The engine stopped sending to an endpoint: it said 410, or failed for too long. What waits is kept.",
        subject="endpoint",
        scopes=_NO_TAGS,
        schema=_object({"endpoint": _TEXT, "reason": _TEXT}, {"failing_since": _MAYBE_MOMENT, "waiting": _COUNT}),
        example={"endpoint": "examples.chat", "reason": "the receiver answered 410 Gone", "failing_since": None},
    ),
    MessageType(
        name="endpoint.verification",
        description="Asks an endpoint whether it is there: sent before it is enabled, and 2xx enables it.",
        subject="endpoint",
        scopes=frozenset(),
        schema=_object({"endpoint": _TEXT}, {"why": {"enum": ["created", "enabled", "changed", "asked"]}}),
        example={"endpoint": "examples.chat", "why": "created"},
    ),
    MessageType(
        name="pack.registered",
        description="A pack came to be known, or came in another version.",
        subject="pack",
        scopes=_EVERYWHERE_ONLY,
        schema=_object({"pack": _TEXT}, {"version": _TEXT, "previous_version": _MAYBE_TEXT, "problems": _COUNT}),
        example={"pack": "examples", "version": "1.2.0", "previous_version": None, "problems": 0},
    ),
)

MESSAGE_TYPES: Mapping[str, MessageType] = MappingProxyType({one.name: one for one in _TYPES})


def message_type(name: str) -> MessageType:
    """Return a type of the catalogue, or else the type of a user's own messages of that name."""
    return MESSAGE_TYPES.get(name) or user_type(name)


def wants_type(globs: Iterable[str], name: str) -> bool:
    """Tell whether one of an endpoint's type globs matches; no globs at all want every type."""
    globs = tuple(globs)
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def senseless_types(globs: Iterable[str], kind: ScopeKind) -> tuple[str, ...]:
    """Return those globs that name types of the catalogue, but none that makes sense in such a scope.

    A glob that matches at least one that does is fine (`*` means: whatever there is here), and so is one that matches nothing
    of ours: it may mean types of the user's own.
    """
    found = []
    for glob in globs:
        matched = [one for one in MESSAGE_TYPES.values() if fnmatchcase(one.name, glob)]
        if matched and not any(kind in one.scopes for one in matched):
            found.append(glob)
    return tuple(found)
