"""A backfill carried out: batch after batch, each a transaction with the note of where it ended.

A batch locks its checkpoint, finds the key at which it ends, fills the rows up to there, and moves
the checkpoint on. What is in one transaction happens together: a kill at any moment loses a batch
at most, which is then done from the start, and none is done twice.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from whimbrel.errors import DataError, StepError
from whimbrel.operations.backfill import Backfill, takes_row
from whimbrel.orm import apps_at
from whimbrel.planning.items import Data
from whimbrel.run import recorder
from whimbrel.run.data import checkpoint
from whimbrel.run.data.batch_size import BatchSize
from whimbrel.run.data.checkpoint import Checkpoint, Place
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.keys import Keys, Span
from whimbrel.run.data.progress import Progress
from whimbrel.run.data.python import calling, finish
from whimbrel.run.data.throttle import Throttle
from whimbrel.run.data.watching import within
from whimbrel.schema.table import Name

#: How often the way is gone again for rows that came behind the walk, before that is an error.
_WALKS = 3


def backfill(data: Data, operation: Backfill, context: ExecutionContext) -> None:
    """Carry a backfill out, or what is left of it; the context's connection is in no transaction.

    Raises `StepError` where the database refuses, `DataError` where a function fails, `LockError`
    where rows stay locked, `DatabaseError` where the connection is lost.
    """
    if operation.content(backwards=data.backwards) is None:
        return
    run = _Run(data, operation, context)
    try:
        # stdout is for the data of commands.
        with contextlib.redirect_stdout(sys.stderr):
            run.execute()
    finally:
        run.rows.apps.dispose()


@dataclass(eq=False)
class _Rows:
    """The model's rows, seen through a context's connection."""

    data: Data
    operation: Backfill
    context: ExecutionContext

    def __post_init__(self) -> None:
        data, operation, context = self.data, self.operation, self.context
        self.apps = apps_at(data.state, context.connection, context.alias)
        self.model: Any = self.apps.get_model(data.app, operation.model_name)
        self.keys = Keys([each.table_column for each in self.model._meta.primary_key])
        self.content: Any = operation.content(backwards=data.backwards)
        self.where = operation.chosen(backwards=data.backwards)
        self.place = Place(data.app, data.label.removeprefix(f"{data.app}."), context.number)

    def chosen(self, span: Span | None = None) -> Any:
        """The rows that it is about, of a span, as a queryset."""
        queryset = self.model.objects.order_by()
        if span is not None:
            queryset = queryset.filter(*self.keys.within(span))
        return queryset.filter(self.where) if self.where is not None else queryset

    def fill(self, span: Span) -> None:
        """Give the rows of a span what they are to get."""
        rows = self.chosen(span)
        if callable(self.content):
            with within(self.context, self.data.title), calling(self.content, self.context):
                finish(self.content(rows))
            return
        try:
            if any(map(callable, self.content.values())):
                self._fill_one_by_one(rows)
            else:
                rows.update(**self.content)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"a value does not fit its field: {error}",
                hint=f"It gives {', '.join(map(_shown, self.content.items()))}.",
            ) from error

    def _fill_one_by_one(self, rows: Any) -> None:
        """Values that a function makes anew for each row."""
        found = list(rows)
        for name, value in self.content.items():
            makes = callable(value)
            given = makes and takes_row(value)
            with calling(value, self.context) if makes else contextlib.nullcontext():
                made = [(value(row) if given else value()) if makes else value for row in found]
            for row, each in zip(found, made, strict=True):
                setattr(row, name, each)
        self.model.objects.bulk_update(found, list(self.content))


def _shown(value: tuple[str, Any]) -> str:
    return f"{value[0]} {value[1]!r}"


@dataclass(eq=False)
class _Run:
    """All of a backfill, on one connection or on several."""

    data: Data
    operation: Backfill
    context: ExecutionContext

    def __post_init__(self) -> None:
        self.engine, self.connection = self.context.engine, self.context.connection
        self.rows = _Rows(self.data, self.operation, self.context)
        self.place = self.rows.place
        self.stopped = Flag()

    def execute(self) -> None:
        """To its end, with the proof."""
        parts = self._begun()
        self.progress = Progress(self.data.title, self.context.emit, self._total(), parts)
        for walk in range(1, _WALKS + 1):
            self._walk([part for part in parts if not part.done])
            if self._is_proven(last=walk == _WALKS):
                break
            parts = self._begun_again()
        self.progress.end()

    # -- beginning

    def _transaction(self) -> contextlib.AbstractContextManager[None]:
        return self.engine.transaction(self.connection, (), self.context.limit, rows=True)

    def _begun(self) -> list[Checkpoint]:
        """The parts as they stand; they are made where there are none."""
        place = self.place
        with self._transaction():
            checkpoint.prepare(self.connection)
            parts = checkpoint.parts(self.connection, place)
            if not parts:
                mine = [(place.app, place.name)]
                recorder.refuse_overtaken(self.connection, mine, self.data.backwards)
                workers = self.operation.parallel if self.engine.concurrent_writers else 1
                spans = self.rows.keys.parted(self.connection, workers)
                checkpoint.start(self.connection, place, spans)
                parts = checkpoint.parts(self.connection, place)
        return parts

    def _begun_again(self) -> list[Checkpoint]:
        with self._transaction():
            checkpoint.restart(self.connection, self.place)
            return checkpoint.parts(self.connection, self.place)

    def _total(self) -> int:
        meta = self.rows.model._meta
        with self._transaction():
            at = Name(meta.table.schema, meta.table.name)
            return self.engine.estimate_rows(self.connection, at)

    # -- walking

    def _walk(self, parts: Sequence[Checkpoint]) -> None:
        if len(parts) <= 1:
            for part in parts:
                self._worker(self.rows).walk(part)
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
                rows = _Rows(
                    self.data, self.operation, replace(self.context, connection=connection)
                )
                try:
                    self._worker(rows).walk(part)
                finally:
                    rows.apps.dispose()
        except BaseException:
            self.stopped.set()
            raise

    def _worker(self, rows: _Rows) -> _Worker:
        return _Worker(rows, self.progress, self.stopped)

    # -- the proof

    def _is_proven(self, *, last: bool) -> bool:
        """Whether no row is left that should have been filled; False: the way is to be gone again.

        A row may come behind the walk: a key is drawn before its row is committed. Where no row
        that was done is chosen any more, those that still are have come since.
        """
        if self.rows.where is None:
            return True
        with self._transaction():
            parts = checkpoint.parts(self.connection, self.place)
            tells = all(part.tells for part in parts)
            if not tells and not self.operation.asks_for_null:
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
            hint = "See that what writes these rows gives them a value, and run the command again."
        else:
            why = "It gave them none."
            hint = "Give them a value by hand, and run the command again."
        condition = self.rows.where
        return StepError(
            f"{rows} left that it should have filled, {condition!r}",
            place=self.data.title,
            hint=f"{why} {hint}",
        )


@dataclass(eq=False)
class _Worker:
    """One walk along one part, on one connection."""

    rows: _Rows
    progress: Progress
    stopped: Flag

    def __post_init__(self) -> None:
        self.context = self.rows.context
        self.batch_size = BatchSize()
        self.throttle = Throttle(self.context, self.rows.data.title)

    def walk(self, part: Checkpoint) -> None:
        """To the end of the part."""
        while not part.done and not self.stopped.is_set():
            part = self._batch(part.part)
            if not part.done:
                self.stopped.wait(self.rows.operation.pause)

    def _batch(self, part: int) -> Checkpoint:
        """One batch, tried again with fewer rows while others hold locks."""
        for timeout in self.throttle.tries():
            started = time.monotonic()
            try:
                with self.context.engine.transaction(
                    self.context.connection, (), timeout, rows=True
                ):
                    before, after = self._moved(part)
            except SQLAlchemyError as error:
                if not self.context.engine.is_lock_timeout(error):
                    raise
                self.batch_size.stuck()
                continue
            self.batch_size.took(time.monotonic() - started)
            self.progress.moved(after.rows - before.rows, self.batch_size.size)
            break
        return after

    def _moved(self, part: int) -> tuple[Checkpoint, Checkpoint]:
        """What is to be in one transaction. The end is reached where no row is left to walk."""
        connection, place = self.context.connection, self.rows.place
        before = checkpoint.locked(connection, place, part)
        end, count = self.rows.keys.end(connection, before.left, self.batch_size.size)
        if end is None:
            after = replace(before, done=True)
        else:
            span = Span(before.left.low, end)
            self.rows.fill(span)
            tells = before.tells and self._tells(span)
            after = replace(before, last=end, rows=before.rows + count, tells=tells)
        checkpoint.move(connection, place, after)
        return before, after

    def _tells(self, span: Span) -> bool:
        """Whether no row of a span that was filled is among the chosen ones any more."""
        return self.rows.where is not None and not self.rows.chosen(span).exists()
