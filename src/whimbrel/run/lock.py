"""One runner at a time: a lock as a scope, polled, never waited on inside the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.errors import LockError, UsageError
from whimbrel.run import recorder
from whimbrel.run.events import Listener, WaitingForRunner, null_listener

if TYPE_CHECKING:
    from whimbrel.engines import Engine

#: Seconds that a runner waits for another to end.
LIMIT = 60.0
#: The databases count milliseconds with 31 bits.
LONGEST = 2_000_000
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


@contextmanager
def runner_lock(
    engine: Engine, connection: Connection, limit: float = LIMIT, emit: Listener = null_listener
) -> Iterator[None]:
    """Hold the lock of the one runner on a database, in this scope.

    The lock goes when the process dies, however it dies. Raises `LockError` where another runner
    is still at work after ``limit`` seconds.
    """
    release = _take(engine, connection, lock_name(connection), limit, emit)
    try:
        yield
    finally:
        # A connection that is lost has no lock any more.
        with suppress(SQLAlchemyError):
            release()


def refuse_endless(limit: float) -> None:
    """Raises `UsageError` where a number of seconds is none, or has no end."""
    if not 0 <= limit < LONGEST:
        raise UsageError(
            f"nobody can be waited for {limit} seconds",
            hint=f"--lock-timeout takes seconds: 0, or more, and less than {LONGEST:,}.",
        )


def lock_name(connection: Connection) -> str:
    """Return what the lock is named after: the record's table, with its schema."""
    schema = connection.dialect.default_schema_name
    return f"{schema}.{recorder.TABLE}" if schema else recorder.TABLE


def _take(
    engine: Engine, connection: Connection, name: str, limit: float, emit: Listener
) -> Callable[[], object]:
    deadline = time.monotonic() + limit
    pause = _PAUSE
    while (release := engine.runner_lock(connection, name)) is None:
        if pause == _PAUSE:
            emit(WaitingForRunner(limit))
        if time.monotonic() + pause > deadline:
            raise LockError(
                f"another runner is still at work on this database after {limit:g} s",
                hint="Let it end, or give more time: --lock-timeout SECONDS.",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return release
