"""Cursors on the server, so that rows are in memory a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable

_numbers = count(1)


def fetch_chunks(connection: Connection, select: Any, size: int) -> Iterator[Sequence[Any]]:
    """The rows of a SELECT, so many at a time."""
    if _commits_each_statement(connection):
        yield from _fetch_with_hold(connection, select, size)
        return
    options = {"stream_results": True, "yield_per": size}
    with connection.execute(select, execution_options=options) as result:
        yield from result.partitions(size)


def _commits_each_statement(connection: Connection) -> bool:
    """True if a driver's cursor on the server would end with the statement that opens it."""
    driver = connection.connection.dbapi_connection
    return (
        connection.dialect.supports_server_side_cursors
        and getattr(driver, "autocommit", None) is True
    )


class _DeclareCursor(Executable, sa.sql.ClauseElement):
    """``DECLARE ... WITH HOLD``: a cursor that outlives its transaction."""

    inherit_cache = False

    def __init__(self, name: str, select: Any) -> None:
        self.name = name
        self.select = select


@compiles(_DeclareCursor)
def _compile_declare(element: _DeclareCursor, compiler: Any, **options: Any) -> str:
    select = compiler.process(element.select, **options)
    return f"DECLARE {element.name} NO SCROLL CURSOR WITH HOLD FOR {select}"


def _fetch_with_hold(connection: Connection, select: Any, size: int) -> Iterator[Sequence[Any]]:
    name = f"whimbrel_{next(_numbers)}"
    columns = [
        sa.column(f"column_{at}", each.type) for at, each in enumerate(select.selected_columns)
    ]
    fetched = sa.text(f"FETCH FORWARD {size} FROM {name}").columns(*columns)
    connection.execute(_DeclareCursor(name, select))
    try:
        while rows := connection.execute(fetched).all():
            yield rows
    finally:
        connection.execute(sa.text(f"CLOSE {name}"))
