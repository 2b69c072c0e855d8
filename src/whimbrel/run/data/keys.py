"""A table's primary key as a way through its rows: spans of it, each found from the end of the last.

Composite keys are compared as rows, ``(a, b) > (1, 2)``, which an index on (a, b) answers on
PostgreSQL (18, 9.25.5) and SQLite (rowvalue.html, 2.2). No OFFSET: the hundredth batch costs what
the first does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Element: TypeAlias = sa.sql.ColumnElement[Any]
#: The values of a key's columns, or of the first of them.
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Span:
    """The rows after the key ``low``, up to the key ``high``; None: from the first, to the last."""

    low: Key | None = None
    high: Key | None = None


@dataclass(frozen=True)
class Keys:
    """The columns of a primary key."""

    columns: Sequence[sa.ColumnClause[Any]]

    def within(self, span: Span) -> list[Element]:
        """The conditions that a row is in a span."""
        found: list[Element] = []
        if span.low is not None:
            found.append(self._row(span.low) > _values(self.columns, span.low))
        if span.high is not None:
            found.append(self._row(span.high) <= _values(self.columns, span.high))
        return found

    def _row(self, key: Key) -> Any:
        columns = self.columns[: len(key)]
        return columns[0] if len(columns) == 1 else sa.tuple_(*columns)

    def end(self, connection: Connection, span: Span, size: int) -> tuple[Key | None, int]:
        """Return the last key among the first ``size`` rows of a span, and how many rows that is."""
        rows = (
            sa.select(*self.columns)
            .where(*self.within(span))
            .order_by(*self.columns)
            .limit(size)
            .subquery("rows")
        )
        counted = sa.func.count().over().label("how_many")
        query = sa.select(*rows.c, counted).order_by(*(each.desc() for each in rows.c)).limit(1)
        row = connection.execute(query).first()
        return (tuple(row[:-1]), int(row[-1])) if row is not None else (None, 0)

    def split(self, connection: Connection, parts: int) -> list[Span]:
        """Return the whole table as spans that have no row in common; the last one has no end.

        They are equal in width, by the key's first column; where that is no number and no UUID,
        it is one span.
        """
        number = self._ends(connection) if parts > 1 else None
        if number is None:
            return [Span()]
        first, last, made = number
        borders = [first + (last - first) * part // parts for part in range(1, parts)]
        keys = [None, *((made(each),) for each in sorted(set(borders))), None]
        return [Span(low, high) for low, high in pairwise(keys)]

    def _ends(self, connection: Connection) -> tuple[int, int, Callable[[int], Any]] | None:
        """The first and the last key as numbers, and what makes keys of such numbers."""
        column = self.columns[0]
        first, last = (
            connection.execute(sa.select(column).order_by(order).limit(1)).scalar()
            for order in (column.asc(), column.desc())
        )
        if isinstance(first, int) and isinstance(last, int):
            return first, last, int
        if isinstance(first, uuid.UUID) and isinstance(last, uuid.UUID):
            return first.int, last.int, lambda number: uuid.UUID(int=number)
        return None


def _values(columns: Sequence[sa.ColumnClause[Any]], key: Key) -> Any:
    """A key's values as parameters of its columns' types."""
    made = [sa.literal(value, of.type) for of, value in zip(columns, key, strict=False)]
    return made[0] if len(made) == 1 else sa.tuple_(*made)
