"""How long statements wait for a lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.sql import execute


@contextmanager
def waiting(connection: Connection, lock_timeout: float | None) -> Iterator[None]:
    """A scope in which the session waits no longer for a lock, in a transaction or in none; None: as it is."""
    if lock_timeout is None:
        yield
        return
    wanted = f"set_config('lock_timeout', '{milliseconds(lock_timeout)}', false)"
    before = execute(connection, f"SELECT current_setting('lock_timeout'), {wanted}").one()[0]
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the connection may be lost
            execute(connection, f"SET lock_timeout = {COMPILER.literal(before)}")


def milliseconds(seconds: float) -> int:
    """A time that ends: 0 would be for ever."""
    return max(1, round(seconds * 1000))
