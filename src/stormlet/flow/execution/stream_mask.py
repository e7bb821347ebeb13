"""Masks secrets in a text that comes in pieces, also those that the end of a piece cuts in two.

What could be the beginning of a secret is held back until more is there; it is never more than the longest secret.
"""

import re
from collections.abc import Iterator, Sequence

from stormlet.foundation.secrets import MASK


class StreamMask:
    """The mask of one stream."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """`secrets` are the texts to mask, the longest first, none empty."""
        self._secrets = secrets
        self._pattern = re.compile("|".join(map(re.escape, secrets)))
        self._held = ""

    def add(self, text: str) -> str:
        """Return what may be seen now."""
        text = self._held + text
        cut = self._cut(text)
        self._held = text[cut:]
        return self._pattern.sub(MASK, text[:cut])

    def finish(self) -> str:
        """Return what was held back."""
        text, self._held = self._held, ""
        return self._pattern.sub(MASK, text)

    def _cut(self, text: str) -> int:
        """Return where the first text begins that could become a secret, and is not a part of one that is there already."""
        beginnings = sorted(set(self._beginnings(text)))
        for found in self._pattern.finditer(text):
            beginnings = [place for place in beginnings if not found.start() < place < found.end()]
            if beginnings and beginnings[0] <= found.start():
                break
        return beginnings[0] if beginnings else len(text)

    def _beginnings(self, text: str) -> Iterator[int]:
        for secret in self._secrets:
            for length in range(1, min(len(secret), len(text) + 1)):
                if text.endswith(secret[:length]):
                    yield len(text) - length
