"""A consistent copy of a database before it is migrated."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy.engine import Connection

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
    database.engine.refuse_backup()


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
    part = file.with_name(f"whimbrel-{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o666))
        try:
            database.engine.back_up(connection, part, limit)
        except UnsupportedError as error:
            error.place = database.shown
            raise
        _give_name(part, file)
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
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
