"""Packs that came to be known, or came in another version, while the engine runs.

What was there at the start is where it begins: a restart tells nobody of packs that they know.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

from stormlet.flow.delivery.publishing import Plans, Publisher
from stormlet.foundation.clock import Clock
from stormlet.model.pack import Pack
from stormlet.model.problem import Problem


class PackWatch:
    """Remembers which packs there were."""

    def __init__(self, publisher: Publisher, clock: Clock, plan: Callable[[Plans], None]) -> None:
        """Remember the parts. `plan` stores plans, some time soon."""
        self._publisher = publisher
        self._clock = clock
        self._plan = plan
        self._known: dict[str, str] | None = None

    def look(self, packs: Mapping[str, Pack], problems: Iterable[Problem]) -> None:
        """Plan messages for what is new since the last look."""
        known, self._known = self._known, {ref: pack.version for ref, pack in packs.items()}
        if known is None or known == self._known or not self._publisher.hears("pack.registered"):
            return
        files = [PurePath(problem.location.file) for problem in problems if problem.location.file]
        plans: list[Plans] = []
        for ref, pack in packs.items():
            if known.get(ref) != pack.version:
                count = sum(file.is_relative_to(pack.directory) for file in files)
                now = self._clock.now()
                plans.append(self._publisher.pack_registered(ref, pack.version, known.get(ref), count, now))
        if planned := tuple(each for some in plans for each in some):
            self._plan(planned)
