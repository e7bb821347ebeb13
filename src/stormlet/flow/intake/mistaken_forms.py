"""JSON that was sent as a form: `curl -d '{"y": 1}'` says so where nobody tells it the content type.

It is taken as StackStorm takes it, as a form with nothing useful in it, so that no rule matches; somebody has to say why.
"""

import logging
from collections.abc import Callable
from typing import Final

from stormlet.foundation.bodies import FORM, split_content_type
from stormlet.model.event import Event

log = logging.getLogger(__name__)
HINT: Final = "the body looks like JSON and was sent as a form: did the sender mean Content-Type: application/json?"
WARN_SECONDS: Final = 1.0
REMEMBERED: Final = 1000


def hint_for(event: Event | None) -> str:
    """Return what the sender may have done wrong; empty where nothing shows. A form's own braces are percent-encoded."""
    if event is None or split_content_type(event.content_type)[0] != FORM:
        return ""
    return HINT if event.body.lstrip()[:1] in (b"{", b"[") else ""


class MistakenForms:
    """Warns of them, once a second for each hook."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}

    def note(self, event: Event) -> None:
        """Tell of an event that was accepted, where it is one."""
        if not (hint := hint_for(event)):
            return
        now = self._monotonic()
        if now - self._last.get(event.url, -WARN_SECONDS) < WARN_SECONDS:
            return
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[event.url] = now
        log.warning("event %s at webhook %s from %s: %s", event.id, event.url, event.remote, hint)
