"""The UPDATE of a batched step: for a batch, and for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry

from whimbrel.engines.step import BatchedUpdate, Boundary, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema.table import Name


def batched_step(dialect: str, update: BatchedUpdate, **known: Any) -> Step:
    """Return the step of an update. known: other fields of it.

    Its statement, for people, is that of a batch between the keys ``:after`` and ``:up_to``.
    """
    table = BatchedTable(update)
    return Step(
        (update_text(dialect, table.update(*between_places(table.key))),),
        boundary=Boundary.BATCHED,
        tables=((update.table, Lock.ROW_EXCLUSIVE),),
        update=update,
        **known,
    )


def refuse_keyless(table: Name, key: Sequence[object]) -> None:
    """Raises `UnsupportedError` where a table has no key to walk it by."""
    if not key:
        raise UnsupportedError(
            f"{table} has no primary key to walk it by",
            hint="Give it one; or use RunPython or RunSQL, and choose the batches there.",
        )


class BatchedTable:
    """The table of an update, for SQLAlchemy. Values of keys are as the driver gives them.

    Raises `UnsupportedError` where it has no key.
    """

    def __init__(self, update: BatchedUpdate) -> None:
        refuse_keyless(update.table, update.key)
        names = dict.fromkeys((*update.key, *(name for name, _ in update.set)))
        at = update.table
        self.table = sa.table(at.name, *map(sa.column, names), schema=at.schema)
        self.key = [self.table.c[name] for name in update.key]
        #: The condition of the rows that the update is about, in a list; empty: all.
        self.chosen: list[Any] = (
            [sa.literal_column(f"({update.where})")] if update.where is not None else []
        )
        self._values: dict[str, Any] = {name: sa.literal_column(sql) for name, sql in update.set}

    def update(self, *conditions: Any) -> sa.Update:
        """Return the UPDATE of the rows that it is about and that meet conditions."""
        return sa.update(self.table).values(self._values).where(*self.chosen, *conditions)

    def select(self, column: Any, *conditions: Any) -> sa.Select[Any]:
        """Return the SELECT of the rows that it is about and that meet conditions."""
        return sa.select(column).select_from(self.table).where(*self.chosen, *conditions)


def update_text(dialect: str, statement: sa.Update) -> str:
    """Return an UPDATE without parameters as text."""
    # "named" leaves a percent sign alone.
    offline = registry.load(dialect)(paramstyle="named")
    return str(statement.compile(dialect=offline)).replace(" \nWHERE ", " WHERE ", 1)


def between_places(columns: Any) -> tuple[Any, Any]:
    """Return the conditions that a key is in a batch, with places for its ends."""
    key = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
    return key > sa.literal_column(":after"), key <= sa.literal_column(":up_to")
