"""A backfill executed: a walk through the table of a historical model."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from whimbrel.engines.sql.batches import refuse_keyless
from whimbrel.errors import DataError
from whimbrel.operations.backfill import Backfill, takes_row
from whimbrel.orm import apps_at
from whimbrel.planning.items import DataOperation
from whimbrel.run.data.checkpoint import WalkId
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.keys import Keys, Span
from whimbrel.run.data.python import calling, finish
from whimbrel.run.data.walk import Walk
from whimbrel.run.data.watching import within
from whimbrel.schema.table import Name


def backfill(data: DataOperation, operation: Backfill, context: ExecutionContext) -> None:
    """Execute a backfill, or what is left of it; the context's connection is in no transaction.

    Raises `DataError` where a function fails, and what `Walk.execute` does.
    """
    if operation.content(backwards=data.backwards) is None:
        return
    where = operation.chosen(backwards=data.backwards)

    @contextlib.contextmanager
    def rows_in(context: ExecutionContext) -> Iterator[_ModelRows]:
        rows = _ModelRows(data, operation, context)
        try:
            yield rows
        finally:
            rows.apps.dispose()

    walk = Walk(
        data.title,
        WalkId(*context.migration, data.id),
        rows_in,
        None if where is None else repr(where),
        clears=operation.asks_for_null,
        pause=operation.pause,
        parallel=operation.parallel,
    )
    # stdout is for the data of commands.
    with contextlib.redirect_stdout(sys.stderr):
        walk.execute(context)


class _ModelRows:
    """The rows of a historical model, seen through a context's connection."""

    def __init__(self, data: DataOperation, operation: Backfill, context: ExecutionContext) -> None:
        self.data, self.context = data, context
        self.apps = apps_at(data.state, context.connection, context.alias)
        self.model: Any = self.apps.get_model(data.app, operation.model_name)
        meta = self.model._meta
        self.table = Name(meta.table.schema, meta.table.name)
        self.keys = Keys([each.table_column for each in meta.primary_key])
        refuse_keyless(self.table, self.keys.columns)
        self.content: Any = operation.content(backwards=data.backwards)
        self.where = operation.chosen(backwards=data.backwards)

    def _chosen(self, span: Span | None = None) -> Any:
        """The rows that it is about, of a span, as a queryset."""
        queryset = self.model.objects.order_by()
        if span is not None:
            queryset = queryset.filter(*self.keys.within(span))
        return queryset.filter(self.where) if self.where is not None else queryset

    def has_left(self, span: Span | None = None) -> bool:
        return bool(self._chosen(span).exists())

    def count_left(self) -> int:
        return int(self._chosen().count())

    def fill(self, span: Span) -> None:
        rows = self._chosen(span)
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
            given = ", ".join(f"{name} {value!r}" for name, value in self.content.items())
            raise DataError(
                f"a value does not fit its field: {error}", hint=f"It gives {given}."
            ) from error

    def _fill_one_by_one(self, rows: Any) -> None:
        """Give each row the values that a function makes for it."""
        found = list(rows)
        for name, value in self.content.items():
            makes = callable(value)
            given = makes and takes_row(value)
            with calling(value, self.context) if makes else contextlib.nullcontext():
                made = [(value(row) if given else value()) if makes else value for row in found]
            for row, each in zip(found, made, strict=True):
                setattr(row, name, each)
        self.model.objects.bulk_update(found, list(self.content))
