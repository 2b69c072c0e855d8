"""One runner at a time on PostgreSQL: an advisory lock, also where a pooler stands between.

A session's lock is worth nothing behind a pooler that gives each transaction another session
(PgBouncer in transaction mode): two clients may both get it, and it stays when both are gone. There
the lock is that of a transaction, which stays open on a connection of its own.
"""

from __future__ import annotations

import hashlib
from functools import partial

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines.base import RunnerLock
from whimbrel.engines.postgresql.session import query_scalar
from whimbrel.engines.sql import execute

_WHO = "SELECT pg_backend_pid()"
#: What would end a transaction that waits; which of them there are depends on the version.
_PATIENT = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""


def lock(connection: Connection, name: str) -> RunnerLock | None:
    """See `whimbrel.engines.base.Engine.runner_lock`. The server keeps such locks by database."""
    digest = hashlib.sha256(f"whimbrel\0{name}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)  # the same on every machine
    if is_pooled(connection):
        return _locked_apart(connection, key)
    if not query_scalar(connection, f"SELECT pg_try_advisory_lock({key})"):
        return None
    return RunnerLock(partial(query_scalar, connection, f"SELECT pg_advisory_unlock({key})"))


def is_pooled(connection: Connection) -> bool:
    """Return True if another process answers than the driver knows of: a pooler is between."""
    told = getattr(connection.connection.driver_connection, "info", None)
    return query_scalar(connection, _WHO) != getattr(told, "backend_pid", None)


def shares_sessions(connection: Connection) -> bool:
    """See `whimbrel.engines.base.Engine.shares_sessions`.

    Where sessions go with transactions, another client gets the one that was used last; or, while
    that one has it, this client another.
    """
    if not is_pooled(connection):
        return False
    mine = query_scalar(connection, _WHO)
    with connection.engine.connect() as other:
        return execute(other, _WHO).scalar() == mine or query_scalar(connection, _WHO) != mine


def _locked_apart(connection: Connection, key: int) -> RunnerLock | None:
    """The lock of a transaction: it excludes those of sessions too."""
    holder = connection.engine.connect()
    try:
        execute(holder, _PATIENT)
        if execute(holder, f"SELECT pg_try_advisory_xact_lock({key})").scalar():
            return RunnerLock(holder.close, partial(_is_alive, holder))
    except BaseException:
        holder.close()
        raise
    holder.close()
    return None


def _is_alive(holder: Connection) -> bool:
    try:
        execute(holder, "SELECT 1")
    except SQLAlchemyError:
        return False
    return True
