"""Whether a transaction is still the one that was opened, and how it ended if it is not.

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
    return int(_driver(connection).info.transaction_status) != _IDLE


def watch(connection: Connection) -> Callable[[], Ended | None]:
    """See `whimbrel.engines.base.Engine.watch`. A transaction has a number of its own."""
    number = _asked(connection, "SELECT pg_current_xact_id()::text")
    return partial(_ended, connection, number)


def _ended(connection: Connection, number: str) -> Ended | None:
    driver = _driver(connection)
    if driver.closed or int(driver.info.transaction_status) == _FAILED:
        return None
    if _asked(connection, "SELECT pg_current_xact_id_if_assigned()::text") == number:
        return None
    status = _asked(connection, f"SELECT pg_xact_status('{number}'::xid8)")
    driver.rollback()
    return Ended.COMMITTED if status == "committed" else Ended.ROLLED_BACK


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _asked(connection: Connection, sql: str) -> Any:
    with _driver(connection).cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
