"""A copy of a SQLite database, while others may write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.errors import UnsupportedError


def copy(connection: Connection, file: Path, lock_timeout: float) -> None:
    """See `whimbrel.engines.base.Engine.back_up`."""
    listed = {str(row.name) for row in execute(connection, "PRAGMA database_list")}
    if files := sorted(listed - {"main", "temp"}):
        raise UnsupportedError(
            f"a backup is of one file, and others are attached: {', '.join(files)}",
            hint="Nothing was migrated. Copy the files while nobody writes, and leave --backup out.",
        )
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    try:
        with closing(sqlite3.connect(file)) as made:
            source.backup(made)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
