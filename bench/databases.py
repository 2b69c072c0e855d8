"""Fresh databases of each engine."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from proxy import running_proxy

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import servers
from servers import PostgresServer, running_postgresql

# Alembic upgrades in one transaction, which holds a lock on whatever it has touched: with the
# server's own 64, it runs out of room at 2,000 migrations.
servers.SETTINGS["max_locks_per_transaction"] = "512"

#: Seconds that a round trip takes more on the way to a distant server.
DELAY = 0.001


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
        self.names = (f"bench_{number}" for number in itertools.count())

    def make(self) -> str:
        name = next(self.names)
        self.server.execute(f"CREATE DATABASE {name}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        name = url.split("@/")[1].split("?", maxsplit=1)[0]
        self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Distant(PostgreSQL):
    """Databases of one server, over a connection on which a round trip takes a millisecond more."""

    engine = "PostgreSQL, 1 ms away"

    def __init__(self, server: PostgresServer, directory: Path) -> None:
        super().__init__(server)
        self.directory = directory
        self.names = (f"distant_{number}" for number in itertools.count())

    def make(self) -> str:
        return super().make().replace(str(self.server.directory), str(self.directory))


@contextmanager
def running(engines: list[str], directory: Path) -> Iterator[list[Databases]]:
    """The engines of these names: "sqlite", "postgresql", "distant"."""
    found: list[Databases] = [SQLite(directory)] if "sqlite" in engines else []
    with ExitStack() as stack:
        if {"postgresql", "distant"} & set(engines):
            server = stack.enter_context(running_postgresql())
        if "postgresql" in engines:
            found.append(PostgreSQL(server))
        if "distant" in engines:
            proxy = running_proxy(server.directory, directory / "proxy", DELAY)
            found.append(Distant(server, stack.enter_context(proxy)))
        yield found
