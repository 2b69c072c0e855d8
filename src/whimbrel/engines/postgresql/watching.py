"""Watches a transaction: is it still the one that was opened, and if not, how did it end.

The driver itself is asked: SQLAlchemy would refuse to, once it has seen the transaction end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from whimbrel.engines.base import Ended

#: What the drivers call libpq's states of a transaction (libpq, PQtransactionStatus).
_IDLE, _FAILED = 0, 3


def is_in_transaction(connection: Connection) -> bool:
    """Return True if one is open; False where a driver does not tell."""
    return _state(connection) not in (None, _IDLE)


def watch(connection: Connection) -> Callable[[], Ended | None]:
    """See `whimbrel.engines.base.Engine.watch`. A transaction has a number of its own."""
    number = _asked(connection, "SELECT pg_current_xact_id()::text")
    return partial(_ended, connection, number)


def _ended(connection: Connection, number: str) -> Ended | None:
    driver, errors = _driver(connection), connection.dialect.loaded_dbapi.Error
    if getattr(driver, "closed", False) or _state(connection) == _FAILED:
        return None
    try:
        is_open = _asked(connection, "SELECT pg_current_xact_id_if_assigned()::text") == number
    except errors:
        return None  # what is done in it has failed, or the connection is lost
    if is_open:
        return None
    status = _asked(connection, f"SELECT pg_xact_status('{number}'::xid8)")
    driver.rollback()
    return Ended.COMMITTED if status == "committed" else Ended.ROLLED_BACK


def _state(connection: Connection) -> int | None:
    """Return libpq's name for the state of a transaction; None from drivers without it."""
    told = getattr(_driver(connection), "info", None)
    return None if told is None else int(told.transaction_status)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _asked(connection: Connection, sql: str) -> Any:
    with _driver(connection).cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
