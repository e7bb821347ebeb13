"""One commit: many callers' work in, every one of them with its result or its error out. Synchronous, in the writer's thread.

A caller's own failure undoes that caller's work only (SAVEPOINT). A failure of the whole transaction (a full disk at COMMIT)
is tried again caller by caller, so that a large event that finds no room does not take a small outcome with it. A failure of
the disk itself ends all writing: see failures.is_fatal.
"""

import logging
from collections.abc import Callable, Sequence

from stormlet.foundation.errors import StoreError
from stormlet.store.sqlite.checkpoints import Checkpoints
from stormlet.store.sqlite.failures import is_fatal, is_full, is_locked, translate
from stormlet.store.sqlite.jobs import Job
from stormlet.store.sqlite.opening import Database
from stormlet.store.sqlite.space import Space
from stormlet.store.sqlite.spare import Spare
from stormlet.store.sqlite.transaction import Transaction

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often a locked database is tried again, and callers that have waited for too long are told."""


class Committer:
    """Writes batches to one database."""

    def __init__(
        self,
        database: Database,
        transaction: Transaction,
        *,
        reserve_bytes: int,
        lock_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._connection = database.connection
        self._transaction = transaction
        self._space = Space(database.path, reserve_bytes)
        self._spare = Spare(database.path, reserve_bytes)
        self._spare.keep()
        self._checkpoints = Checkpoints(database.connection, database.path)
        self._lock_seconds = lock_seconds
        self._monotonic = monotonic
        self._refusing = False
        self.failure: StoreError | None = None
        """Why nothing is written any more. Only a restart, which looks at the file afresh, ends it."""
        look = int(min(LOOK_SECONDS, lock_seconds) * 1000)
        self._connection.execute(f"PRAGMA busy_timeout = {look}")

    @property
    def unmoved(self) -> bool:
        """Whether the log holds something that could be moved in a quiet moment."""
        return self._checkpoints.dirty and self.failure is None

    def carry_out(self, jobs: Sequence[Job]) -> None:
        """Run and commit. Where `error` of a job is None afterwards, its work is on the disk."""
        self._carry_out(jobs)
        short = [job for job in jobs if not job.new and job.error is not None and is_full(job.error)]
        if short and self._spare.release():
            log.warning("the disk is full: %s was deleted, so that what was accepted can be finished", self._spare.path)
            self._carry_out(short)

    def _carry_out(self, jobs: Sequence[Job]) -> None:
        waiting = list(jobs)
        try:
            self._require_usable()
            waiting = self._begin(self._with_room(waiting))
            if waiting:
                self._commit(waiting)
        except Exception as error:  # noqa: BLE001 - the border to callers: whatever happened, each of them is told
            self._undo(error)
            if len(waiting) > 1 and self.failure is None:
                for job in waiting:
                    self._carry_out([job])
                return
            for job in waiting:
                job.error = self._as_seen(error)

    def after_commit(self) -> None:
        """Look after the log, when the callers have been told."""
        self._look_after(self._checkpoints.after_commit)

    def tell_of_room(self, jobs: Sequence[Job]) -> None:
        """Log it, once, when new events begin to be refused for want of room, and when they are taken again."""
        new = [job.error for job in jobs if job.new]
        refused = any(error is not None and is_full(error) for error in new)
        if refused and not self._refusing:
            log.warning("no new event is taken until there is room on the disk: %s", self._space.describe())
        elif self._refusing and new and not refused and None in new:
            log.info("new events are taken again: %s", self._space.describe())
            self._spare.keep()
        else:
            return
        self._refusing = refused

    def in_a_quiet_moment(self) -> None:
        self._look_after(self._checkpoints.in_a_quiet_moment)

    def fail(self, error: StoreError) -> None:
        """Write nothing any more, and say why to whoever comes."""
        if self.failure is None:
            self.failure = error
            log.critical("nothing is written any more: %s", error)

    def _require_usable(self) -> None:
        if self.failure is None:
            try:
                self._database.require_in_place()
            except StoreError as error:
                self.fail(error)
        if self.failure is not None:
            raise StoreError(self.failure.text, hint=self.failure.hint)

    def _with_room(self, jobs: list[Job]) -> list[Job]:
        if not any(job.new for job in jobs) or self._space.has_room(self._connection):
            return jobs
        for job in jobs:
            if job.new:
                job.error = self._space.refusal()
        return [job for job in jobs if not job.new]

    def _begin(self, jobs: list[Job]) -> list[Job]:
        """Take the write lock. Returns the jobs that have not given up waiting for it."""
        tries = 0
        while jobs:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except Exception as error:
                if not is_locked(error):
                    raise
                tries += 1
                jobs = self._patient(jobs, tries, error)
            else:
                break
        return jobs

    def _patient(self, jobs: list[Job], tries: int, error: Exception) -> list[Job]:
        # Counted as well as timed: a clock that a test has stopped must not make anybody wait for ever.
        over = tries * LOOK_SECONDS > self._lock_seconds
        now = self._monotonic()
        patient = [job for job in jobs if not over and now - job.queued_at < self._lock_seconds]
        for job in jobs:
            if job not in patient:
                job.error = self._as_seen(error)
        return patient

    def _commit(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._attempt(job)
        self._connection.execute("COMMIT")

    def _attempt(self, job: Job) -> None:
        job.error = None
        self._connection.execute("SAVEPOINT caller")
        try:
            job.result = job.work(self._transaction)
        except Exception as error:
            # Some errors make SQLite undo the whole transaction; then there is nothing left that could be saved.
            if is_fatal(error) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO caller")
            job.error = self._as_seen(error)
        self._connection.execute("RELEASE caller")

    def _undo(self, error: Exception) -> None:
        if is_fatal(error) and self.failure is None:
            seen = self._as_seen(error)
            self.fail(seen if isinstance(seen, StoreError) else StoreError(str(seen)))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except Exception as second:  # noqa: BLE001 - a transaction that can neither be ended nor undone
            self.fail(
                StoreError(f"{self._database.path} cannot end a transaction: {second}", hint="restart the engine")
            )

    def _look_after(self, checkpoint: Callable[[], None]) -> None:
        if self.failure is not None:
            return
        try:
            checkpoint()
        except Exception as error:  # noqa: BLE001 - nobody waits for this; what it means for others is decided here
            self._undo(error)
            log.warning("the log of %s was not moved: %s", self._database.path, error)

    def _as_seen(self, error: Exception) -> Exception:
        return translate(error, self._database.path)
