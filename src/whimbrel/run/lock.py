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
from whimbrel.run.session import is_alive

if TYPE_CHECKING:
    from whimbrel.engines import Engine
    from whimbrel.engines.base import Blocker

#: Seconds that a runner waits for another to end.
LIMIT = 60.0
#: The databases count milliseconds with 31 bits.
LONGEST = 2_000_000
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


@contextmanager
def runner_lock(
    engine: Engine,
    connection: Connection,
    limit: float = LIMIT,
    emit: Listener = null_listener,
    end: int | None = None,
) -> Iterator[None]:
    """Hold the lock of the one runner on a database, in this scope.

    The lock goes when the process dies, however it dies; though the server may go on for a while
    with what that had asked for. end: such a process of the server's, which is ended if it has the
    lock. Raises `LockError` where another runner is still at work after ``limit`` seconds.
    """
    name = lock_name(connection)
    release = engine.runner_lock(connection, name)
    if release is None:
        holder = engine.runner_holder(connection, name)
        if end is not None:
            _end(engine, connection, holder, end)
        release = _wait(engine, connection, name, limit, emit)
    try:
        yield
    finally:
        # A connection that is lost has no lock any more.
        with suppress(SQLAlchemyError):
            release()


def _end(engine: Engine, connection: Connection, holder: Blocker | None, process: int) -> None:
    """End the server's process that has the lock. Raises `LockError` for another, or a living runner's."""
    if holder is None or holder.process != process:
        raise LockError(
            f"process {process} of the server does not have the lock of the one runner",
            hint=f"{holder} has it."
            if holder is not None
            else "Run the command again without that.",
        )
    if is_alive(holder.application):
        raise LockError(
            "the runner is alive, on this machine: nothing was ended",
            hint=f"Its name on the server is {holder.application!r}: let it end, or interrupt it.",
        )
    engine.end_process(connection, process)


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


def _wait(
    engine: Engine, connection: Connection, name: str, limit: float, emit: Listener
) -> Callable[[], object]:
    deadline = time.monotonic() + limit
    pause = _PAUSE
    while (release := engine.runner_lock(connection, name)) is None:
        if pause == _PAUSE:
            holder = engine.runner_holder(connection, name)
            is_gone = holder is not None and is_alive(holder.application) is False
            emit(WaitingForRunner(limit, holder, is_gone))
        if time.monotonic() + pause > deadline:
            raise _stayed(engine.runner_holder(connection, name), limit)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return release


def _stayed(holder: Blocker | None, limit: float) -> LockError:
    hint = "Let it end, or give more time: --lock-timeout SECONDS."
    if holder is None:
        return LockError(
            f"another runner is still at work on this database after {limit:g} s", hint=hint
        )
    alive = is_alive(holder.application)
    if alive is False:
        what, hint = (
            "the server is still at work for a runner that is gone",
            f"It is {holder}.\n{hint}",
        )
    else:
        what, hint = "another runner is still at work on this database", f"It is {holder}.\n{hint}"
    if not alive:
        where = "" if alive is False else "If that was killed: "
        hint += f"\n{where}--end-process {holder.process} ends what the server does for it, which is rolled back."
    return LockError(f"{what} after {limit:g} s", hint=hint)
