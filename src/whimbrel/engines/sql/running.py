"""Running statements as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.engine import Connection, CursorResult

from whimbrel.errors import DatabaseError


def execute(connection: Connection, sql: str) -> CursorResult[Any]:
    """Run one statement as it is written: a ``%`` or ``:`` in it is nothing but that.

    Without ``no_parameters`` a driver would look for places of parameters in it.
    """
    try:
        return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end]
        raise DatabaseError(
            f"the statement has {half!r} in it, which is half of a surrogate pair and no character",
            hint="Write the text of the migration otherwise.",
        ) from error


def execute_all(connection: Connection, statements: Sequence[str]) -> Iterator[None]:
    """Run statements one after the other: see `whimbrel.engines.base.Engine.execute_all`."""
    for sql in statements:
        execute(connection, sql)
        yield
