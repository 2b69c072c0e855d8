"""Statements in one round trip: the pipeline mode of libpq 14, by psycopg 3.

Each is a message of its own, so that the server says which one failed. Other drivers, and an older
libpq, send one after the other.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from whimbrel.engines.sql import running
from whimbrel.engines.sql.running import Meanwhile

#: So many statements keep the server busy for longer than other things take.
_MANY = 5


def execute_all(
    connection: Connection,
    statements: Sequence[str],
    meanwhile: Meanwhile | None = None,
) -> Iterator[None]:
    """See `whimbrel.engines.base.Engine.execute_all`."""
    pipeline = getattr(connection.dialect.dbapi, "Pipeline", None)
    if pipeline is None or not pipeline.is_supported():
        yield from running.execute_all(connection, statements)
        return
    # A message holds one statement: what may be several goes by the simple protocol.
    for is_one, group in groupby(statements, lambda sql: ";" not in sql):
        execute = _in_pipeline if is_one else running.execute_all
        yield from execute(connection, list(group), meanwhile)


def _in_pipeline(
    connection: Connection, statements: Sequence[str], meanwhile: Meanwhile | None
) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    cursors = [driver.cursor() for _ in statements]
    meanwhile = meanwhile if len(statements) >= _MANY else None
    error = _send(driver, zip(cursors, statements, strict=True), meanwhile)
    done = sum(cursor.pgresult is not None for cursor in cursors)
    if error is not None:
        done = min(done, len(statements) - 1)  # none failed by itself: what ended them was the last
    yield from [None] * done
    if isinstance(error, UnicodeError):
        running.execute(connection, statements[done])  # which says what is wrong with its text
    elif error is not None:
        raise _wrap(connection, statements[done], error) from error


def _send(
    driver: Any, queries: Iterator[tuple[Any, str]], meanwhile: Meanwhile | None
) -> Exception | None:
    """Send queries and read all answers; the first error.

    A later one only says that the pipeline was aborted; psycopg logs it where it leaves with one.
    """
    errors: list[Exception] = []
    try:
        with driver.pipeline():
            try:
                for cursor, sql in queries:
                    cursor.execute(sql)
            except Exception as error:
                errors.append(error)
            else:
                _use_time(driver, meanwhile)
    except Exception as error:
        errors.append(error)
    return errors[0] if errors else None


def _use_time(driver: Any, meanwhile: Meanwhile | None) -> None:
    """Do other things until the first answers are here, or there is nothing more to do."""
    if meanwhile is None:
        return
    # Every message is sent by now; without that one the server answers when it is asked to.
    driver.pgconn.send_flush_request()
    driver.pgconn.flush()
    with selectors.DefaultSelector() as answers:
        answers.register(driver.pgconn.socket, selectors.EVENT_READ)
        while not answers.select(0) and meanwhile():
            pass


def _wrap(connection: Connection, sql: str, error: Exception) -> Exception:
    """A driver's error as SQLAlchemy raises it; a connection that is lost is given up."""
    dialect = connection.dialect
    base: Any = dialect.loaded_dbapi.Error
    is_disconnect = isinstance(error, base) and dialect.is_disconnect(error, None, None)
    if is_disconnect:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, base, connection_invalidated=is_disconnect, dialect=dialect
    )
