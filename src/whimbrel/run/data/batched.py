"""A batched step executed: one UPDATE a batch, walking the table by its key."""

from __future__ import annotations

from contextlib import nullcontext

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.sql.batches import BatchedTable
from whimbrel.engines.step import BatchedUpdate, Step
from whimbrel.run.data.checkpoint import WalkId
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.keys import Keys, Span
from whimbrel.run.data.walk import Walk


def run_batched(step: Step, context: ExecutionContext) -> None:
    """Execute a batched step, or what is left of it; the connection is in no transaction.

    Its checkpoints belong to ``context.migration`` and ``step.id``. Raises what `Walk.execute` does.
    """
    update = step.update
    if update is None:
        raise TypeError(f"{step.sql!r} is batched, and says no update")
    Walk(
        step.operation or step.sql,
        WalkId(*context.migration, step.id),
        lambda context: nullcontext(_TableRows(update, context.connection)),
        update.where,
        clears=update.clears,
        pause=update.pause,
        parallel=update.parallel,
    ).execute(context)


class _TableRows:
    """The rows of a table, seen through a connection; keys are as the driver gives them."""

    def __init__(self, update: BatchedUpdate, connection: Connection) -> None:
        self._connection = connection
        self._batched = BatchedTable(update)
        self.table = update.table
        self.keys = Keys(self._batched.key)

    def fill(self, span: Span) -> None:
        self._connection.execute(self._batched.update(*self.keys.within(span)))

    def has_left(self, span: Span | None = None) -> bool:
        within = self.keys.within(span) if span is not None else ()
        query = self._batched.select(sa.literal(1), *within).limit(1)
        return self._connection.scalar(query) is not None

    def count_left(self) -> int:
        return int(self._connection.scalar(self._batched.select(sa.func.count())) or 0)
