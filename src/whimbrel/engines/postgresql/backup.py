"""A dump of a PostgreSQL database, by pg_dump."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import Connection

from whimbrel.config import environment_with
from whimbrel.errors import DatabaseError, UnsupportedError


def refuse_missing() -> None:
    """See `whimbrel.engines.base.Engine.refuse_backup`."""
    if shutil.which("pg_dump") is None:
        raise UnsupportedError(
            "a backup of PostgreSQL is made by pg_dump, which is not installed",
            hint="Install PostgreSQL's client programs (Debian: postgresql-client), or leave "
            "--backup out.",
        )


def dump(connection: Connection, file: Path, lock_timeout: float) -> None:
    """See `whimbrel.engines.base.Engine.back_up`.

    pg_dump takes the password from its environment: arguments are for all to see.
    """
    url = connection.engine.url
    shown = url.set(drivername="postgresql", password=None)
    query = {key: value for key, value in shown.query.items() if key != "password"}
    waiting = f"--lock-wait-timeout={max(1, round(lock_timeout * 1000))}"
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
