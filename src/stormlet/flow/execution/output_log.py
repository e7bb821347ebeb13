"""Output on its way to the store: collected as it is printed, written in batches by the worker.

It holds no more than the child was allowed to keep (`execution.output_bytes` of each stream).
"""

from stormlet.flow.execution.stream_mask import StreamMask
from stormlet.foundation.clock import Clock
from stormlet.model.execution import OutputChunk, OutputKind


class OutputLog:
    """What one execution printed and is not stored yet."""

    def __init__(self, execution_id: str, clock: Clock, secrets: tuple[str, ...] = ()) -> None:
        self._execution_id = execution_id
        self._clock = clock
        self._sequence = 0
        self._kind = OutputKind.STDOUT
        self._pieces: list[str] = []
        self._since = clock.now()
        self._chunks: list[OutputChunk] = []
        self._masks = {kind: StreamMask(secrets) for kind in OutputKind} if secrets else {}

    def add(self, kind: OutputKind, text: str) -> None:
        """Take a piece of output; pieces of one stream that follow each other become one chunk."""
        if (mask := self._masks.get(kind)) is not None:
            text = mask.add(text)
        self._keep(kind, text)

    def _keep(self, kind: OutputKind, text: str) -> None:
        if not text:
            return
        if self._pieces and kind is not self._kind:
            self._close_chunk()
        if not self._pieces:
            self._kind, self._since = kind, self._clock.now()
        self._pieces.append(text)

    def take(self) -> list[OutputChunk]:
        """Return what is not stored yet, for whoever stores it now."""
        self._close_chunk()
        taken, self._chunks = self._chunks, []
        return taken

    def finish(self) -> list[OutputChunk]:
        """Return the last of it, also what could have become a secret and did not. More may be asked for, and is nothing."""
        for kind, mask in self._masks.items():
            self._keep(kind, mask.finish())
        return self.take()

    def put_back(self, chunks: list[OutputChunk]) -> None:
        """They could not be stored: keep them for the next time."""
        self._chunks[:0] = chunks

    def _close_chunk(self) -> None:
        if not self._pieces:
            return
        self._chunks.append(
            OutputChunk(
                execution_id=self._execution_id,
                sequence=self._sequence,
                kind=self._kind,
                timestamp=self._since,
                data="".join(self._pieces),
            )
        )
        self._sequence += 1
        self._pieces = []
