"""A walk through a table by its key: batch after batch, each a transaction with its checkpoint.

A batch locks its checkpoint, finds the key at which it ends, fills the rows up to there, and moves
the checkpoint on. What is in one transaction happens together: a kill at any moment loses a batch
at most, which is then done from the start, and none is done twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from threading import Event as Flag
from threading import Lock
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from whimbrel.errors import StepError
from whimbrel.run import recorder
from whimbrel.run.data import checkpoint
from whimbrel.run.data.checkpoint import Checkpoint, WalkId
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.keys import Keys, Span
from whimbrel.run.data.throttle import BatchSize, Throttle
from whimbrel.run.events import BackfillMoved, Listener
from whimbrel.run.session import require_own_session
from whimbrel.schema.table import Name

#: Seconds between two events of progress.
_EVERY = 1.0
#: How often the table is walked for rows that came behind the walk, before that is an error.
_WALKS = 3
#: Batches at the end of a table that others write, after which it has come to its end.
_SHORT = 20


class Rows(Protocol):
    """The rows of a table, seen through one connection, and what is to be done to them."""

    table: Name
    keys: Keys

    def fill(self, span: Span) -> None:
        """Do to the rows of a span what is to be done, in the transaction that is open."""

    def has_left(self, span: Span | None = None) -> bool:
        """True if rows, of a span or of all, still meet the walk's condition."""

    def count_left(self) -> int:
        """The number of rows that still meet it."""


@dataclass(frozen=True)
class Walk:
    """A walk along the key of a table, and what is done on the way.

    title: for people. id: whose its checkpoints are. open: gives the rows that a context's
    connection sees. condition: what the rows meet that are to be done, for people; None: all are.
    clears: True if a row that was done must not meet it any more. pause: seconds between two
    batches. parallel: connections, where the database lets several write at a time.
    """

    title: str
    id: WalkId
    open: Callable[[ExecutionContext], AbstractContextManager[Rows]]
    condition: str | None = None
    clears: bool = False
    pause: float = 0.01
    parallel: int = 1

    def execute(self, context: ExecutionContext) -> None:
        """Walk to the end, or what is left of the way; the connection is in no transaction.

        Raises `StepError` where rows are left, and `LockError` where rows stay locked. What the
        database refuses goes through.
        """
        with self.open(context) as rows:
            _Walker(self, context, rows).run()


class _Progress:
    """The sum of what all connections have walked. ``total``: about how many rows there are."""

    def __init__(self, title: str, emit: Listener, total: int, parts: Iterable[Checkpoint]) -> None:
        self._title, self._emit, self._total = title, emit, total
        self._before = self._rows = sum(part.rows for part in parts)
        self._started = time.monotonic()
        self._emitted = self._started
        self._lock = Lock()

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        with self._lock:
            self._rows += rows
            if time.monotonic() - self._emitted >= _EVERY:
                self._emitted = time.monotonic()
                self._emit(self._event())

    def end(self) -> None:
        """Emit that all rows are done."""
        with self._lock:
            self._total = self._rows
            self._emit(self._event())

    def _event(self) -> BackfillMoved:
        seconds = max(time.monotonic() - self._started, 1e-6)
        rate = (self._rows - self._before) / seconds
        total = max(self._total, self._rows)
        left = (total - self._rows) / rate if rate else None
        return BackfillMoved(self._title, self._rows, total, rate, left)


@dataclass(eq=False)
class _Walker:
    """One run of a walk, on one connection or on several."""

    walk: Walk
    context: ExecutionContext
    rows: Rows

    def __post_init__(self) -> None:
        self.engine, self.connection = self.context.engine, self.context.connection
        self.id = self.walk.id
        self.stopped = Flag()

    def run(self) -> None:
        """Walk to the end, until no row is left."""
        parts = self._begin()
        with self._transaction():
            total = self.engine.estimate_rows(self.connection, self.rows.table)
        self.progress = _Progress(self.walk.title, self.context.emit, total, parts)
        for number in range(1, _WALKS + 1):
            self._walk([part for part in parts if not part.done])
            if self._is_complete(last=number == _WALKS):
                break
            with self._transaction():
                checkpoint.restart(self.connection, self.id)
                parts = checkpoint.parts(self.connection, self.id)
        self.progress.end()

    def _transaction(self) -> AbstractContextManager[None]:
        return self.engine.transaction(self.connection, (), self.context.limit, rows=True)

    def _begin(self) -> list[Checkpoint]:
        """Return the parts as they stand; make them where there are none."""
        with self._transaction():
            checkpoint.prepare(self.connection)
            parts = checkpoint.parts(self.connection, self.id)
            if not parts:
                mine = [(self.id.app, self.id.name)]
                recorder.refuse_concurrent_run(self.connection, mine, self.context.backwards)
                workers = self.walk.parallel if self.engine.capabilities.concurrent_writers else 1
                spans = self.rows.keys.split(self.connection, workers)
                checkpoint.start(self.connection, self.id, spans)
                parts = checkpoint.parts(self.connection, self.id)
        return parts

    def _walk(self, parts: Sequence[Checkpoint]) -> None:
        if len(parts) <= 1:
            for part in parts:
                self._walk_part(part, self.context, self.rows)
            return
        with ThreadPoolExecutor(len(parts), "whimbrel-walk") as pool:
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
                context = replace(self.context, connection=connection)
                require_own_session(context.engine, connection, context.limit, self.walk.title)
                with self.walk.open(context) as rows:
                    self._walk_part(part, context, rows)
        except BaseException:
            self.stopped.set()
            raise

    def _walk_part(self, part: Checkpoint, context: ExecutionContext, rows: Rows) -> None:
        batches = _Batches(self, part.part, context, rows)
        while not part.done and not self.stopped.is_set():
            part = batches.do_next()
            if not part.done:
                self.stopped.wait(self.walk.pause)

    def _is_complete(self, *, last: bool) -> bool:
        """True if no row is left that should have been done; False: the table is to be walked again.

        A row may come behind the walk: a key is drawn before its row is committed. Where no row
        that was done meets the condition any more, those that still do have come since.
        """
        if self.walk.condition is None:
            return True
        with self._transaction():
            parts = checkpoint.parts(self.connection, self.id)
            cleared = all(part.cleared for part in parts)
            if not cleared and not self.walk.clears:
                return True
            left = self.rows.count_left() if self.rows.has_left() else 0
        if left and (last or not cleared):
            raise self._rows_left(left, came_since=cleared)
        return not left

    def _rows_left(self, left: int, *, came_since: bool) -> StepError:
        rows = "1 row is" if left == 1 else f"{left} rows are"
        if came_since:
            why = f"They keep coming: it walked the table {_WALKS} times."
            hint = "See that what writes these rows gives them a value, and run the command again."
        else:
            why = "It gave them none."
            hint = "Give them a value by hand, and run the command again."
        return StepError(
            f"{rows} left that it should have filled, {self.walk.condition}",
            place=self.walk.title,
            hint=f"{why} {hint}",
        )


@dataclass(eq=False)
class _Batches:
    """The batches of one part, on one connection."""

    walker: _Walker
    part: int
    context: ExecutionContext
    rows: Rows

    def __post_init__(self) -> None:
        self.batch_size = BatchSize()
        self.short = 0
        self.throttle = Throttle(self.context, self.walker.walk.title)

    def do_next(self) -> Checkpoint:
        """Do one batch, tried again with fewer rows while others hold locks."""
        engine, connection = self.context.engine, self.context.connection
        for timeout in self.throttle.attempts():
            started = time.monotonic()
            try:
                with engine.transaction(connection, (), timeout, rows=True):
                    before, after = self._move()
            except SQLAlchemyError as error:
                if not engine.is_lock_timeout(error):
                    raise
                self.batch_size.halve()
                continue
            self.batch_size.adapt(time.monotonic() - started)
            self.walker.progress.add(after.rows - before.rows)
            break
        return after

    def _move(self) -> tuple[Checkpoint, Checkpoint]:
        """Do a batch and move its checkpoint; the end is reached where no row is left to walk.

        Or where rows keep coming: batches that find fewer than they ask for are at the end of the table.
        """
        connection, id, rows = self.context.connection, self.walker.id, self.rows
        before = checkpoint.lock(connection, id, self.part)
        end, count = rows.keys.end(connection, before.left, self.batch_size.size)
        if end is None:
            after = replace(before, done=True)
        else:
            span = Span(before.left.low, end)
            rows.fill(span)
            can_tell = self.walker.walk.condition is not None
            cleared = before.cleared and can_tell and not rows.has_left(span)
            self.short += count < self.batch_size.size
            after = replace(
                before,
                last=end,
                rows=before.rows + count,
                cleared=cleared,
                done=self.short >= _SHORT,
            )
        checkpoint.move(connection, id, after)
        return before, after
