"""One runner at a time on PostgreSQL: an advisory lock of a session."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.session import query_scalar
from whimbrel.engines.sql import execute

_WHO = "SELECT pg_backend_pid()"


def lock(connection: Connection, name: str) -> Callable[[], object] | None:
    """See `whimbrel.engines.base.Engine.runner_lock`. The server keeps such locks by database."""
    key = key_of(name)
    if not query_scalar(connection, f"SELECT pg_try_advisory_lock({key})"):
        return None
    return partial(query_scalar, connection, f"SELECT pg_advisory_unlock({key})")


def key_of(name: str) -> int:
    """The lock's number, the same on every machine."""
    digest = hashlib.sha256(f"whimbrel\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def shares_sessions(connection: Connection) -> bool:
    """See `whimbrel.engines.base.Engine.shares_sessions`.

    Where sessions go with transactions, another client gets the one that was used last; or this client
    gets another, the next time or while somebody has its own.
    """
    mine = query_scalar(connection, _WHO)
    if query_scalar(connection, _WHO) != mine:
        return True
    with connection.engine.connect() as other:
        return execute(other, _WHO).scalar() == mine or query_scalar(connection, _WHO) != mine
