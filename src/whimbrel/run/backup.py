"""A consistent copy of a database before it is migrated."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL, Connection

from whimbrel.config import environment_with
from whimbrel.errors import DatabaseError, UnsupportedError, UsageError
from whimbrel.run.connect import Database


def refuse_impossible(database: Database, file: Path) -> None:
    """Raises, before anything happens, where no copy could be made.

    `UsageError` where the file exists or its directory does not; `UnsupportedError` where the
    program that it takes is not installed.
    """
    if file.exists():
        raise UsageError(
            "the file exists, and a backup overwrites nothing",
            place=str(file),
            mend="Name another file, or move that one away.",
        )
    if not file.parent.is_dir():
        raise UsageError("its directory does not exist", place=str(file))
    if database.dialect == "postgresql" and shutil.which("pg_dump") is None:
        raise UnsupportedError(
            "a backup of PostgreSQL is made by pg_dump, which is not installed",
            mend="Install PostgreSQL's client programs (Debian: postgresql-client), or leave "
            "--backup out.",
        )


def back_up(database: Database, connection: Connection, file: Path) -> None:
    """Copy a database into a new file. Raises `DatabaseError`; what is half made is removed."""
    try:
        if database.dialect == "sqlite":
            _copy_sqlite(connection, file)
        else:
            _dump_postgresql(database.url, file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _copy_sqlite(connection: Connection, file: Path) -> None:
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(file)) as copy:
        source.backup(copy)


def _dump_postgresql(url: URL, file: Path) -> None:
    """pg_dump takes the password from its environment: arguments are for all to see."""
    shown = url.set(drivername="postgresql", password=None)
    query = {key: value for key, value in shown.query.items() if key != "password"}
    command = ["pg_dump", "--format=custom", f"--file={file}", "--dbname"]
    command.append(shown.set(query=query).render_as_string(hide_password=False))
    password = url.password or url.query.get("password")
    secret = {"PGPASSWORD": str(password)} if password else {}
    ended = subprocess.run(
        command, env=environment_with(**secret), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        said = ended.stderr.strip().splitlines()
        raise DatabaseError(
            f"pg_dump failed: {said[0] if said else ended.returncode}",
            mend="Nothing was migrated. pg_dump must not be older than the server.",
        )
