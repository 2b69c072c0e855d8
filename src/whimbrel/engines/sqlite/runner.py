"""One runner at a time on SQLite: a lock on an empty file beside the database's.

SQLite's own locks last as long as a transaction, and a run has many. So the lock is a transaction
on another file, which SQLite keeps on every system, and drops when the process dies.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.engines.sqlite.session import is_busy
from whimbrel.errors import DatabaseError

#: What the file is called: the database's name, and this.
ENDING = "-whimbrel"


def lock(connection: Connection, name: str) -> Callable[[], object] | None:
    """See `whimbrel.engines.base.Engine.runner_lock`. A database in memory has one runner anyway."""
    file = database_file(connection)
    if not file:
        return lambda: None
    path = os.path.realpath(file) + ENDING
    try:
        return _locked(path, os.stat(file).st_mode & 0o777 if os.path.exists(file) else 0o644)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            f"the lock of the one runner cannot be made: {getattr(error, 'strerror', error)}",
            place=path,
            hint="SQLite writes files beside its database: this user must be able to make files "
            "in that directory, and the disk must have room.",
        ) from error


def database_file(connection: Connection) -> str:
    """The path of the main database's file; nothing for one in memory."""
    listed = execute(connection, "PRAGMA database_list").all()
    return next((str(row.file or "") for row in listed if row.name == "main"), "")


def _locked(path: str, mode: int) -> Callable[[], object] | None:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, mode))
    before = _identity(path)
    holder = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        holder.execute("PRAGMA journal_mode = MEMORY")  # nothing is written, even on a full disk
        holder.execute("BEGIN EXCLUSIVE")
        # Who had it has removed the file: what is locked then is no longer what the name says.
        if before is not None and _identity(path) == before:
            return partial(_let_go, holder, path)
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            holder.close()
            raise
    holder.close()
    return None


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another that gets its name."""
    with suppress(FileNotFoundError):
        found = os.stat(path)
        return found.st_ino, found.st_ctime_ns
    return None


def _let_go(holder: sqlite3.Connection, path: str) -> None:
    # While it is locked: nobody else can have it. Windows keeps it, which does no harm.
    with suppress(OSError):
        os.unlink(path)
    holder.close()
