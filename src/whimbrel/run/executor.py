"""Carrying work out: steps in transactions, each with its record, tried again where a lock is held.

What is in one transaction happens with its record or not at all. What cannot be is journalled
batch by batch; after a crash the journal and the steps' probes tell where to go on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines import Engine, Step
from whimbrel.engines.sql import execute
from whimbrel.errors import DatabaseError, HistoryError, LockError, StepError, WhimbrelError
from whimbrel.run import journal, recorder
from whimbrel.run.events import (
    Listener,
    MigrationDone,
    MigrationStarted,
    StepDone,
    StepStarted,
    WaitingForLock,
    nobody,
)
from whimbrel.run.lock import LIMIT
from whimbrel.run.plan import Stage
from whimbrel.run.work import Work

#: Seconds that a statement may wait for a lock, try by try; the last one stays.
_LADDER = (0.1, 0.2, 0.5)
#: Seconds of every fifth try: longer than deadlock_timeout, at which autovacuum gives way.
_LONG_TRY = (1.2, 2.0)


class Overtaken(Exception):
    """Another runner has carried a stage out meanwhile: the plan is to be made anew."""


@dataclass
class Executor:
    """Carries work out on a connection. ``limit``: seconds that it tries to get a table's lock."""

    engine: Engine
    connection: Connection
    tell: Listener = nobody
    limit: float = LIMIT
    _step: Step | None = field(default=None, init=False)

    def carry_out(self, work: Work) -> float:
        """Do all of a stage, and record it. Gives the seconds that it took.

        Raises `StepError` where the database refuses a step, `LockError` where a table stays
        locked, `DatabaseError` where the connection is lost.
        """
        started = time.monotonic()
        self.tell(MigrationStarted(work.stage.labels, work.backwards))
        if work.is_journalled:
            self._by_batches(work)
        else:
            self._committed(lambda: self._run_and_record(work), work.steps, _title(work))
        seconds = time.monotonic() - started
        self.tell(MigrationDone(work.stage.labels, seconds, work.backwards))
        return seconds

    def fake(self, stage: Stage, *, backwards: bool) -> None:
        """Only record a stage; whoever says that it is done has seen to what was half done."""

        def act() -> None:
            self._only_record(stage, backwards)
            for node in stage.nodes:
                journal.clear(self.connection, node.app, node.name)

        self._committed(act)
        self.tell(MigrationDone(stage.labels, 0.0, backwards, fake=True))

    def prepare(self) -> None:
        """Make the table of the record where it is missing."""
        self._committed(lambda: recorder.prepare(self.connection))

    def tidy(self) -> None:
        """Take the record's own tables away when nothing is applied any more."""
        self._committed(self._drop_what_is_empty)

    def _refuse_overtaken(self, stage: Stage, backwards: bool) -> None:
        """SQLite has no lock for runners, but this transaction has the only right to write."""
        there = recorder.count_of(self.connection, [node.key for node in stage.nodes])
        if there != (len(stage.nodes) if backwards else 0):
            raise Overtaken

    def _drop_what_is_empty(self) -> None:
        if not recorder.applied(self.connection) and not journal.entries(self.connection):
            recorder.drop(self.connection)
            journal.drop(self.connection)

    def _record(self, stage: Stage, backwards: bool) -> None:
        if backwards:
            recorder.forget(self.connection, [node.key for node in stage.nodes])
        else:
            rows = [(node.app, node.name, node.digest) for node in stage.nodes]
            recorder.record(self.connection, rows)

    def _only_record(self, stage: Stage, backwards: bool) -> None:
        self._refuse_overtaken(stage, backwards)
        self._record(stage, backwards)

    def _run_and_record(self, work: Work) -> None:
        self._refuse_overtaken(work.stage, work.backwards)
        self._run(work, work.steps)
        self._record(work.stage, work.backwards)

    def _run(self, work: Work, steps: Sequence[Step], offset: int = 0) -> None:
        for number, step in enumerate(steps, start=offset + 1):
            started = time.monotonic()
            self._step = step
            self.tell(StepStarted(step.sql, number, len(work.steps)))
            for sql in step.live(self.connection) if step.live else (step.sql,):
                execute(self.connection, sql)
            seconds = time.monotonic() - started
            self.tell(StepDone(step.sql, number, len(work.steps), seconds))
        self._step = None

    # -- a transaction, again and again while a lock is held by others

    def _committed(
        self, act: Callable[[], None], steps: Sequence[Step] = (), title: str = "the record"
    ) -> None:
        """Do something in a transaction that holds these steps."""
        deadline = time.monotonic() + self.limit
        for attempt in count(1):
            timeout = _timeout(attempt)
            self._step = None
            try:
                with self._around(steps, timeout):
                    act()
                return
            except WhimbrelError as error:
                error.place = f"{title}: {error.place}" if error.place else title
                raise
            except SQLAlchemyError as error:
                if not self.engine.is_lock_timeout(error):
                    raise self._explained(title, error) from error
            self._wait(title, steps, attempt, timeout, deadline)

    def _around(self, steps: Sequence[Step], timeout: float) -> AbstractContextManager[None]:
        """A transaction; or none, for a step that cannot run in one and waits without queueing."""
        if all(step.transactional for step in steps):
            return self.engine.transaction(self.connection, steps, timeout)
        return self._without_transaction()

    @contextmanager
    def _without_transaction(self) -> Iterator[None]:
        level = self.connection.get_isolation_level()
        self.connection.commit()
        self.connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield
        finally:
            self.connection.rollback()
            self.connection.execution_options(isolation_level=level)

    def _wait(
        self, title: str, steps: Sequence[Step], attempt: int, timeout: float, deadline: float
    ) -> None:
        blockers = tuple(self.engine.blockers(self.connection, steps))
        pause = max(1.0, 2 * timeout) * random.uniform(0.8, 1.2)
        if time.monotonic() + pause > deadline:
            raise LockError(
                f"a table stayed locked for {self.limit:g} s; it was tried {attempt} times",
                place=_place(title, self._step),
                mend=_who(blockers) + "What was tried was rolled back. Run the command again when "
                "they are done, or give more time: --lock-timeout SECONDS.",
            )
        self.tell(WaitingForLock(title, blockers, attempt, pause))
        time.sleep(pause)

    def _explained(self, title: str, error: SQLAlchemyError) -> WhimbrelError:
        place = _place(title, self._step)
        if self.engine.is_lost(error):
            return DatabaseError(
                "the connection was lost; the database rolls back what was not committed",
                place=place,
                mend="Run the command again: the record says what was committed.",
            )
        what, mend = self.engine.explain(error, self._step)
        return StepError(what, place=place, mend=mend)

    # -- many batches

    def _by_batches(self, work: Work) -> None:
        node = work.stage.nodes[0]
        self._committed(lambda: journal.prepare(self.connection))
        known = self._taken_up(work)
        offset = 0
        for number, steps in enumerate(work.batches):
            entry = _entry(work, number, steps)
            before = known.get(number)
            if before is None:
                self._committed(partial(journal.start, self.connection, entry))
            if before is None or not (before.done or self._has_happened(steps)):
                self._one_of(work, entry, steps, offset)
            offset += len(steps)

        def end() -> None:
            self._only_record(work.stage, work.backwards)
            journal.clear(self.connection, node.app, node.name)

        self._committed(end)

    def _one_of(self, work: Work, entry: journal.Entry, steps: Sequence[Step], offset: int) -> None:
        """One batch of many; where it has no transaction, its mark comes after it."""
        together = all(step.transactional for step in steps)

        def act() -> None:
            self._run(work, steps, offset)
            if together:
                journal.finish(self.connection, entry)

        self._committed(act, steps, _title(work))
        if not together:
            self._committed(partial(journal.finish, self.connection, entry))

    def _taken_up(self, work: Work) -> dict[int, journal.Entry]:
        """What the journal says of this work. Raises `HistoryError` where it is of other work."""
        node = work.stage.nodes[0]
        entries = [
            each for each in journal.entries(self.connection) if (each.app, each.name) == node.key
        ]
        batches = work.batches
        for entry in entries:
            fits = entry.batch < len(batches) and entry.backwards == work.backwards
            if not fits or entry.digest != _entry(work, entry.batch, batches[entry.batch]).digest:
                raise _half_done(entry)
        return {entry.batch: entry for entry in entries}

    def _has_happened(self, steps: Sequence[Step]) -> bool:
        """Whether the database shows what a batch without a transaction was to do."""
        step = steps[-1]
        if step.transactional or step.probe is None:
            return False
        return execute(self.connection, step.probe).first() is not None


def _timeout(attempt: int) -> float:
    if attempt % 5 == 0:
        return random.uniform(*_LONG_TRY)
    return _LADDER[min(attempt, len(_LADDER)) - 1]


def _entry(work: Work, number: int, steps: Sequence[Step]) -> journal.Entry:
    node = work.stage.nodes[0]
    digest = journal.digest_of(step.sql for step in steps)
    return journal.Entry(node.app, node.name, number, work.backwards, digest, done=False)


def _half_done(entry: journal.Entry) -> HistoryError:
    way = "undone" if entry.backwards else "applied"
    return HistoryError(
        f"it is half {way}, and what is left to do is not what the journal knows of",
        place=f"{entry.app}.{entry.name}",
        mend="Finish it with the file as it was when it began, in the same direction.",
    )


def _title(work: Work) -> str:
    labels = work.stage.labels
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"


def _place(title: str, step: Step | None) -> str:
    return f"{title}: {_short(step.sql)}" if step is not None else title


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 200 else f"{line[:197]}..."


def _who(blockers: Sequence[str]) -> str:
    return f"Held by {'; '.join(blockers)}.\n" if blockers else ""
