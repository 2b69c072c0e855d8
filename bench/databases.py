"""Fresh databases of each engine."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import servers
from servers import PostgresServer, running_postgresql

# Alembic upgrades in one transaction, which holds a lock on whatever it has touched: with the
# server's own 64, it runs out of room at 2,000 migrations.
servers.SETTINGS["max_locks_per_transaction"] = "512"


class Databases(Protocol):
    """An engine that makes databases."""

    engine: str

    def make(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""

    def drop(self, url: str) -> None:
        """Remove it."""


class SQLite:
    """Files in a directory."""

    engine = "SQLite"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.numbers = itertools.count()

    def make(self) -> str:
        return f"sqlite:///{self.directory / f'{next(self.numbers)}.sqlite3'}"

    def drop(self, url: str) -> None:
        Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)


class PostgreSQL:
    """Databases of one server."""

    engine = "PostgreSQL"

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.numbers = itertools.count()

    def make(self) -> str:
        name = f"bench_{next(self.numbers)}"
        self.server.execute(f"CREATE DATABASE {name}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        name = url.split("@/")[1].split("?", maxsplit=1)[0]
        self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(engines: list[str], directory: Path) -> Iterator[list[Databases]]:
    """The engines of these names, in small letters: "sqlite", "postgresql"."""
    found: list[Databases] = [SQLite(directory)] if "sqlite" in engines else []
    if "postgresql" not in engines:
        yield found
        return
    with running_postgresql() as server:
        yield [*found, PostgreSQL(server)]
