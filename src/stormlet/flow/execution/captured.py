"""What is kept of one stream of a child: its head, as text, up to a bound; the rest is counted and dropped.

A child that floods must neither fill the engine's memory nor be blocked by a pipe that nobody reads.
"""

import codecs
from collections.abc import Callable


class Captured:
    """The text of one stream. Bytes that are not UTF-8 become U+FFFD."""

    def __init__(self, limit: int, on_text: Callable[[str], None]) -> None:
        """Keep `limit` bytes; hand each new piece of text to `on_text` as it comes, the truncation mark included."""
        self._limit = limit
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._kept = 0
        self.dropped = 0

    def add(self, data: bytes) -> None:
        """Take what was read from the stream."""
        room = self._limit - self._kept
        if room > 0:
            self._kept += min(room, len(data))
            self._say(self._decoder.decode(data[:room]))
        self.dropped += max(0, len(data) - room)

    def finish(self) -> None:
        """Say that nothing more comes. Call it once."""
        if not self.dropped:
            self._say(self._decoder.decode(b"", final=True))
            return
        # A character that the cut went through is left out: it was not wrong, only cut.
        self._say(f"\n[truncated: {self._kept} bytes kept, {self.dropped} more dropped]\n")

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def _say(self, text: str) -> None:
        if text:
            self._pieces.append(text)
            self._on_text(text)
