"""A consistent copy of a database before it is migrated."""

from __future__ import annotations

import os
import secrets
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
        raise _exists(file)
    if not file.parent.is_dir():
        raise UsageError("its directory does not exist", place=str(file))
    if database.dialect == "postgresql" and shutil.which("pg_dump") is None:
        raise UnsupportedError(
            "a backup of PostgreSQL is made by pg_dump, which is not installed",
            hint="Install PostgreSQL's client programs (Debian: postgresql-client), or leave "
            "--backup out.",
        )


def _exists(file: Path) -> UsageError:
    return UsageError(
        "the file exists, and a backup overwrites nothing",
        place=str(file),
        hint="Name another file, or move that one away.",
    )


def back_up(database: Database, connection: Connection, file: Path, limit: float) -> None:
    """Copy a database into a new file, which gets its name when it is whole.

    limit: seconds for which pg_dump waits for locks. Raises `UsageError` where a file of that
    name has come meanwhile, `DatabaseError` where no copy can be made; what is half made is removed.
    """
    refuse_impossible(database, file)
    if database.engine.shares_sessions(connection):
        raise UnsupportedError(
            "pg_dump needs a session of its own, and a pooler is between that gives each transaction "
            "another one",
            place=database.shown,
            hint="Nothing was migrated. Give the URL of the server itself, or of a pooler in session "
            "mode; or leave --backup out.",
        )
    files = (database.engine.with_facts(connection).schemas or frozenset()) - {"main", "temp"}
    if files:
        raise UnsupportedError(
            f"a backup is of one file, and others are attached: {', '.join(sorted(files))}",
            place=database.shown,
            hint="Nothing was migrated. Copy the files while nobody writes, and leave --backup out.",
        )
    part = file.with_name(f"whimbrel-{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o666))
        if database.dialect == "sqlite":
            _copy_sqlite(connection, part)
        else:
            _dump_postgresql(database.url, part, limit)
        _give_name(part, file)
    except FileExistsError as error:
        raise _exists(file) from error
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            f"the copy cannot be made: {getattr(error, 'strerror', None) or error}",
            place=str(file),
            hint="Nothing was migrated. See to it that the disk has room, and that this user may "
            "write there.",
        ) from error
    finally:
        for each in (part, part.with_name(f"{part.name}-journal")):  # SQLite's own, of a full disk
            each.unlink(missing_ok=True)


def _give_name(part: Path, file: Path) -> None:
    """The name of a whole file, if nobody has it. Raises `FileExistsError`."""
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    try:
        os.link(part, file)
    except FileExistsError:
        raise
    except OSError:  # not every file system has links
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
        part.replace(file)


def _copy_sqlite(connection: Connection, file: Path) -> None:
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(file)) as copy:
        source.backup(copy)


def _dump_postgresql(url: URL, file: Path, limit: float) -> None:
    """pg_dump takes the password from its environment: arguments are for all to see."""
    shown = url.set(drivername="postgresql", password=None)
    query = {key: value for key, value in shown.query.items() if key != "password"}
    waiting = f"--lock-wait-timeout={max(1, round(limit * 1000))}"
    command = ["pg_dump", "--format=custom", f"--file={file}", waiting, "--dbname"]
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
            hint="Nothing was migrated."
            + (" pg_dump must not be older than the server." if "version" in ended.stderr else ""),
        )
