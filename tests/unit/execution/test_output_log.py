"""Output on its way to the store."""

from datetime import UTC, datetime

from stormlet.flow.execution.output_log import OutputLog
from stormlet.foundation.clock import SystemClock
from stormlet.model.execution import OutputKind


class Counting(SystemClock):
    """Each look is a second later."""

    seconds = 0

    def now(self) -> datetime:
        self.seconds += 1
        return datetime(2026, 1, 2, 3, 4, self.seconds, tzinfo=UTC)


def test_pieces_of_one_stream_become_one_chunk() -> None:
    """The order of the streams is kept, chunks count up, and each knows when it began."""
    log = OutputLog("e" * 24, Counting())
    for kind, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")):
        log.add(OutputKind(kind), text)
    first = log.take()
    log.add(OutputKind.STDOUT, "e")
    chunks = [*first, *log.take()]
    assert [(chunk.sequence, chunk.kind.value, chunk.data) for chunk in chunks] == [
        (0, "stdout", "ab"),
        (1, "stderr", "c"),
        (2, "stdout", "d"),
        (3, "stdout", "e"),
    ]
    assert [chunk.timestamp for chunk in chunks] == sorted({chunk.timestamp for chunk in chunks})
    assert log.take() == []


def test_what_could_not_be_stored_comes_first_the_next_time() -> None:
    """Nothing is lost or changes its place."""
    log = OutputLog("e" * 24, SystemClock())
    log.add(OutputKind.STDOUT, "a")
    taken = log.take()
    log.add(OutputKind.STDOUT, "b")
    log.put_back(taken)
    assert [(chunk.sequence, chunk.data) for chunk in log.take()] == [(0, "a"), (1, "b")]
