"""A backfill carried out: batch after batch, each a transaction with the note of where it ended.

A batch locks its checkpoint, finds the key at which it ends, fills the rows up to there, and moves
the checkpoint on. What is in one transaction happens together: a kill at any moment loses a batch
at most, which is then done from the start, and none is done twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines import Engine
from whimbrel.errors import DatabaseError, LockError, StepError, WhimbrelError
from whimbrel.operations.backfill import Backfill
from whimbrel.orm import apps_at
from whimbrel.run import checkpoint
from whimbrel.run.awaiting import finished
from whimbrel.run.checkpoint import Checkpoint, Place
from whimbrel.run.events import Listener
from whimbrel.run.keys import Keys, Span
from whimbrel.run.pace import Pace
from whimbrel.run.progress import Progress
from whimbrel.run.yielding import Yielding
from whimbrel.schema.table import Name
from whimbrel.state.state import State

#: How often the way is gone again for rows that came behind the walk, before that is an error.
_WALKS = 3


@dataclass(frozen=True)
class Job:
    """A backfill in its migration. ``state``: the models at that point of history."""

    place: Place
    operation: Backfill
    state: State
    backwards: bool = False

    @property
    def title(self) -> str:
        """Where it is, and what it does, for people."""
        undo = "undo: " if self.backwards else ""
        return f"{self.place.app}.{self.place.name}: {undo}{self.operation.describe()}"


def backfill(
    engine: Engine, connection: Connection, job: Job, tell: Listener, limit: float
) -> None:
    """Carry a backfill out, or what is left of it.

    connection: in no transaction. limit: seconds for which one batch tries to get its locks.
    Raises `StepError` where the database refuses, `LockError` where rows stay locked,
    `DatabaseError` where the connection is lost.
    """
    if job.operation.content(backwards=job.backwards) is not None:
        _Run(engine, connection, job, tell, limit).carry_out()


@dataclass(eq=False)
class _Rows:
    """The model's rows, seen through a connection."""

    connection: Connection
    job: Job

    def __post_init__(self) -> None:
        operation, backwards = self.job.operation, self.job.backwards
        self.apps = apps_at(self.job.state, self.connection)
        self.model: Any = self.apps.get_model(self.job.place.app, operation.model_name)
        self.keys = Keys([each.table_column for each in self.model._meta.primary_key])
        self.content: Any = operation.content(backwards=backwards)
        self.where = operation.chosen(backwards=backwards)

    def chosen(self, span: Span | None = None) -> Any:
        """The rows that it is about, of a span, as a queryset."""
        queryset = self.model.objects.order_by()
        if span is not None:
            queryset = queryset.filter(*self.keys.within(span))
        return queryset.filter(self.where) if self.where is not None else queryset

    def fill(self, span: Span) -> None:
        """Give the rows of a span what they are to get."""
        if callable(self.content):
            finished(self.content(self.chosen(span)))
        else:
            self.chosen(span).update(**self.content)


@dataclass(eq=False)
class _Run:
    """All of a backfill, on one connection or on several."""

    engine: Engine
    connection: Connection
    job: Job
    tell: Listener
    limit: float

    def __post_init__(self) -> None:
        self.rows = _Rows(self.connection, self.job)
        self.stopped = Flag()

    def carry_out(self) -> None:
        try:
            parts = self._begun()
            self.progress = Progress(self.job.title, self.tell, self._total(), parts)
            for walk in range(1, _WALKS + 1):
                self._walk([part for part in parts if not part.done])
                if self._is_proven(last=walk == _WALKS):
                    break
                parts = self._begun_again()
            self.progress.end()
        finally:
            self.rows.apps.dispose()

    # -- beginning

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with (
            _explained(self.engine, self.job.title),
            self.engine.transaction(self.connection, (), self.limit, rows=True),
        ):
            yield

    def _begun(self) -> list[Checkpoint]:
        """The parts as they stand; they are made where there are none."""
        place = self.job.place
        with self._transaction():
            checkpoint.prepare(self.connection)
            parts = checkpoint.parts(self.connection, place)
            if not parts:
                workers = self.job.operation.parallel if self.engine.several_write else 1
                spans = self.rows.keys.parted(self.connection, workers)
                checkpoint.start(self.connection, place, spans)
                parts = checkpoint.parts(self.connection, place)
        return parts

    def _begun_again(self) -> list[Checkpoint]:
        with self._transaction():
            checkpoint.restart(self.connection, self.job.place)
            return checkpoint.parts(self.connection, self.job.place)

    def _total(self) -> int:
        meta = self.rows.model._meta
        with self._transaction():
            at = Name(meta.table.schema, meta.table.name)
            return self.engine.about_how_many(self.connection, at)

    # -- walking

    def _walk(self, parts: Sequence[Checkpoint]) -> None:
        if len(parts) <= 1:
            for part in parts:
                self._worker(self.connection, self.rows).walk(part)
            return
        with ThreadPoolExecutor(len(parts), "whimbrel-backfill") as pool:
            try:
                for done in [pool.submit(self._walk_apart, part) for part in parts]:
                    done.result()
            finally:
                self.stopped.set()
        self.stopped.clear()

    def _walk_apart(self, part: Checkpoint) -> None:
        """A part on a connection of its own. Where one part fails, all stop."""
        try:
            with self.connection.engine.connect() as connection:
                rows = _Rows(connection, self.job)
                try:
                    self._worker(connection, rows).walk(part)
                finally:
                    rows.apps.dispose()
        except BaseException:
            self.stopped.set()
            raise

    def _worker(self, connection: Connection, rows: _Rows) -> _Worker:
        yielding = Yielding(self.engine, connection, self.job.title, self.tell, self.limit)
        return _Worker(self.engine, connection, rows, self.progress, yielding, self.stopped)

    # -- the proof

    def _is_proven(self, *, last: bool) -> bool:
        """Whether no row is left that should have been filled; False: the way is to be gone again.

        A row may come behind the walk: a key is drawn before its row is committed. Where no row
        that was done is chosen any more, those that still are have come since.
        """
        if self.rows.where is None:
            return True
        with self._transaction():
            parts = checkpoint.parts(self.connection, self.job.place)
            tells = all(part.tells for part in parts)
            if not tells and not self.job.operation.asks_for_null:
                return True
            chosen = self.rows.chosen()
            left = chosen.count() if chosen.exists() else 0
        if left and (last or not tells):
            raise self._rows_left(left, came_since=tells)
        return not left

    def _rows_left(self, left: int, *, came_since: bool) -> StepError:
        rows = "1 row is" if left == 1 else f"{left} rows are"
        if came_since:
            why = f"They keep coming: it walked the table {_WALKS} times."
            mend = "See that what writes these rows gives them a value, and run the command again."
        else:
            why = "It gave them none."
            mend = "Give them a value by hand, and run the command again."
        condition = self.rows.where
        return StepError(
            f"{rows} left that it should have filled, {condition!r}",
            place=self.job.title,
            mend=f"{why} {mend}",
        )


@dataclass(eq=False)
class _Worker:
    """One walk along one part, on one connection."""

    engine: Engine
    connection: Connection
    rows: _Rows
    progress: Progress
    yielding: Yielding
    stopped: Flag

    def __post_init__(self) -> None:
        self.pace = Pace()

    def walk(self, part: Checkpoint) -> None:
        """To the end of the part."""
        pause = self.rows.job.operation.pause
        while not part.done and not self.stopped.is_set():
            part = self._batch(part.part)
            if not part.done:
                self.stopped.wait(pause)

    def _batch(self, part: int) -> Checkpoint:
        """One batch, tried again with fewer rows while others hold locks."""
        for timeout in self.yielding.tries():
            started = time.monotonic()
            try:
                with (
                    _explained(self.engine, self.rows.job.title),
                    self.engine.transaction(self.connection, (), timeout, rows=True),
                ):
                    before, after = self._moved(part)
            except _Locked:
                self.pace.stuck()
                continue
            self.pace.took(time.monotonic() - started)
            self.progress.moved(after.rows - before.rows, self.pace.size)
            break
        return after

    def _moved(self, part: int) -> tuple[Checkpoint, Checkpoint]:
        """What is to be in one transaction. The end is reached where no row is left to walk."""
        place = self.rows.job.place
        before = checkpoint.locked(self.connection, place, part)
        end, count = self.rows.keys.end(self.connection, before.left, self.pace.size)
        if end is None:
            after = replace(before, done=True)
        else:
            span = Span(before.left.low, end)
            self.rows.fill(span)
            after = replace(
                before,
                last=end,
                rows=before.rows + count,
                tells=before.tells and self._tells(span),
            )
        checkpoint.move(self.connection, place, after)
        return before, after

    def _tells(self, span: Span) -> bool:
        """Whether no row of a span that was filled is among the chosen ones any more."""
        return self.rows.where is not None and not self.rows.chosen(span).exists()


class _Locked(Exception):
    """Somebody holds a lock that a batch has waited for."""


@contextmanager
def _explained(engine: Engine, title: str) -> Iterator[None]:
    """What a database refuses, in words."""
    try:
        yield
    except WhimbrelError as error:
        error.place = f"{title}: {error.place}" if error.place else title
        raise
    except SQLAlchemyError as error:
        if engine.is_lock_timeout(error):
            raise _Locked from error
        if engine.is_lost(error):
            raise DatabaseError(
                "the connection was lost; the database rolls back what was not committed",
                place=title,
                mend="Run the command again: it goes on where it was.",
            ) from error
        what, mend = engine.explain(error, None)
        raise StepError(what, place=title, mend=mend) from error
