"""From a configured URL to an open connection. URLs are parsed by SQLAlchemy."""

from __future__ import annotations

import importlib.util
import math
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import (
    ConfigError,
    ConnectError,
    DatabaseError,
    UnsupportedError,
    WhimbrelError,
)
from whimbrel.run.lock import LIMIT
from whimbrel.run.session import prepare_sessions
from whimbrel.urls import has_stray_at, is_secret

if TYPE_CHECKING:
    from whimbrel.engines import Engine

#: The synchronous drivers of each database, best first: SQLAlchemy's name, module, what to install.
DRIVERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "postgresql": (
        ("psycopg", "psycopg", "whimbrel[postgresql]"),
        ("psycopg2", "psycopg2", "psycopg2"),
    ),
    "mysql": (("pymysql", "pymysql", "whimbrel[mysql]"), ("mysqldb", "MySQLdb", "mysqlclient")),
    "sqlite": (("pysqlite", "sqlite3", "a Python with sqlite3"),),
}
DRIVERS["mariadb"] = DRIVERS["mysql"]

#: The databases that have an engine. Where that begins its transactions by its own statements,
#: the driver must begin none.
_OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {"isolation_level": "AUTOCOMMIT"},
    "postgresql": {},
}

_ASYNCHRONOUS = frozenset({"asyncpg", "psycopg_async", "aiosqlite", "aiomysql", "asyncmy"})

#: What only asyncpg understands in a URL, and what libpq calls it (None: nothing).
_ASYNCPG_OPTIONS = {
    "ssl": "sslmode",
    "timeout": "connect_timeout",
    "command_timeout": None,
    "statement_cache_size": None,
    "max_cached_statement_lifetime": None,
    "max_cacheable_statement_size": None,
    "direct_tls": None,
    "prepared_statement_cache_size": None,
    "prepared_statement_name_func": None,
    "async_fallback": None,
}


#: The words of a URL's query that say which database it is.
_SHOWN = frozenset({"cache", "dbname", "host", "mode", "options", "port", "uri", "user"})


@dataclass(frozen=True)
class Database:
    """A database that can be connected to. ``shown``: its URL without passwords, for people."""

    alias: str
    url: URL

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the dialect."""
        return self.url.get_backend_name()

    @property
    def engine(self) -> Engine:
        """The engine that makes steps for it. Raises `UnsupportedError`."""
        return engine_of(self.dialect)

    @property
    def shown(self) -> str:
        query = {
            key: "***" if is_secret(key) else value
            for key, value in self.url.query.items()
            # What nobody knows may be a part of a password with "&" in it.
            if is_secret(key) or key in _SHOWN
        }
        shown = self.url.set(query=query).render_as_string(hide_password=True)
        return shown.replace("%2A%2A%2A", "***")

    @property
    def file(self) -> Path | None:
        """The file that a SQLite database is in; None for one in memory, and for any other."""
        name = self.url.database
        if self.dialect != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
            return None
        return Path(name)

    @property
    def is_missing(self) -> bool:
        """True if connecting would make it: a SQLite file that is not there yet."""
        return self.file is not None and not self.file.exists()


def engine_of(dialect: str) -> Engine:
    """Return the engine that makes steps for a dialect. Raises `UnsupportedError`."""
    # Late, since a run with nothing to do needs no engine.
    from whimbrel.engines import engine_for

    return engine_for(dialect)


def engine_of_new(dialect: str) -> Engine:
    """Return the engine of a database that is not there yet. Raises `UnsupportedError`.

    What is attached to every connection is attached to one in memory, too.
    """
    engine = engine_of(dialect)
    if (url := engine.capabilities.memory_url) is not None:
        with suppress(Exception), open_connection(Database("", make_url(url))) as connection:
            return engine.with_facts(connection)
    return engine


def engines_of_new(dialects: Iterable[str]) -> list[Engine]:
    """Return the engines of dialects, as `engine_of_new`; those that there is no engine for are left out."""
    found = []
    for dialect in sorted(dialects):
        with suppress(UnsupportedError):
            found.append(engine_of_new(dialect))
    return found


def dialect_of(config: Config, alias: str = DEFAULT_ALIAS) -> str:
    """Return the dialect that a database's URL names; needs no driver."""
    return parse_url(config, alias).get_backend_name()


def database_of(config: Config, alias: str = DEFAULT_ALIAS) -> Database:
    """Return the database of an alias, by a synchronous driver that is installed.

    Raises `ConfigError` for a URL that is none, `ConnectError` where no driver is installed,
    `UnsupportedError` where one would be of no use.
    """
    return Database(alias, _with_driver(parse_url(config, alias)))


def parse_url(config: Config, alias: str) -> URL:
    """Return the URL of a database; a relative path of a SQLite file starts at the project's root."""
    place = f"{config.file or 'configuration'}: database {alias!r}"
    text = config.url(alias)
    try:
        url = make_url(text)
        url = url.set(drivername=url.drivername.replace("postgres+", "postgresql+", 1))
        url = url.set(drivername="postgresql") if url.drivername == "postgres" else url
        url.get_dialect()
    except NoSuchModuleError:
        raise ConfigError(
            f"SQLAlchemy knows no database {url.drivername!r}",
            place=place,
            hint="A URL begins with sqlite:///, postgresql:// or mysql://.",
        ) from None
    except (ArgumentError, ValueError):
        raise _unreadable_url("cannot be parsed", place) from None
    except ImportError:
        pass
    if url.get_backend_name() == "sqlite":
        _refuse_host(url, place)
    elif has_stray_at(text):
        raise _unreadable_url('has an "@" that may be a part of its password', place)
    file = Database("", url).file
    return url.set(database=str(config.root / file)) if file is not None else url


def _unreadable_url(why: str, place: str) -> ConfigError:
    return ConfigError(
        f"the URL {why} (it is not shown, since it may hold a password)",
        place=place,
        hint="For one: postgresql://user:password@host:5432/name. "
        "Characters such as @ and / in a password are written %40 and %2F.",
    )


def _refuse_host(url: URL, place: str) -> None:
    """Raises `ConfigError` for a SQLite database that is said to be on a host: it is a file."""
    if url.host or url.username or url.password or url.port:
        raise ConfigError(
            "SQLite has no hosts and no users",
            place=place,
            hint="A file is written with three slashes, sqlite:///file.sqlite3; "
            "with four where its path is absolute.",
        )


def _with_driver(url: URL) -> URL:
    backend, _, driver = url.drivername.partition("+")
    known = DRIVERS.get(backend)
    if known is None or (driver and driver not in _ASYNCHRONOUS):
        return _require_driver(url, driver, known or ())
    for name, module, _ in known:
        if importlib.util.find_spec(module) is not None:
            return _translate_options(url, driver).set(drivername=f"{backend}+{name}")
    raise _missing_driver(url, known[0][2])


def _require_driver(url: URL, driver: str, known: tuple[tuple[str, str, str], ...]) -> URL:
    """Return the URL as it is, if the driver that it asks for is there."""
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        packages = {name: package for name, _, package in known}
        raise _missing_driver(url, packages.get(driver, error.name or driver)) from error
    return url


def _missing_driver(url: URL, package: str) -> WhimbrelError:
    try:
        engine_of(url.get_backend_name())
    except UnsupportedError as error:
        return error  # nobody shall install a driver in order to learn that
    return ConnectError(
        f"no driver for {url.get_backend_name()} is installed",
        place=Database("", url).shown,
        hint=f"Install one: pip install '{package}'.",
    )


def _translate_options(url: URL, driver: str) -> URL:
    """Return the URL with an asynchronous driver's options by the names of its synchronous counterpart."""
    if driver != "asyncpg":
        return url
    query: dict[str, Any] = {}
    for key, value in url.query.items():
        if key not in _ASYNCPG_OPTIONS:
            query[key] = value
        elif (name := _ASYNCPG_OPTIONS[key]) is not None:
            query[name] = _whole_seconds(value) if key == "timeout" else value
    return url.set(query=query)


def _whole_seconds(value: Any) -> Any:
    """Return a time that libpq takes; it knows no parts of seconds, and takes 0 for no limit."""
    try:
        return str(max(1, math.ceil(float(value))))
    except (TypeError, ValueError, OverflowError):
        return value  # the driver says what is wrong with it


@contextmanager
def open_connection(database: Database, limit: float = LIMIT) -> Iterator[Connection]:
    """Open a connection, in no transaction yet: an engine opens and closes those.

    limit: seconds that a statement waits for a lock, where nobody says otherwise.

    Raises `UnsupportedError` for a database without an engine, `ConnectError` for no connection,
    `DatabaseError` for what it refuses and nobody below has put into words.
    """
    if database.dialect not in _OPTIONS:
        engine_of(database.dialect)
    arguments: dict[str, Any] = {}
    if database.url.drivername == "postgresql+psycopg":
        # Prepared statements outlive a change of what they were prepared for; poolers lose them.
        arguments["prepare_threshold"] = None
    options = _OPTIONS[database.dialect]
    pool = sa.create_engine(database.url, poolclass=NullPool, connect_args=arguments, **options)
    prepare_sessions(pool, limit)
    try:
        connection = pool.connect()
    except DBAPIError as error:
        raise _refusal(database, error) from error
    with connection:
        try:
            yield connection
        except DBAPIError as error:
            raise _failure(database, error) from error


def _failure(database: Database, error: DBAPIError) -> DatabaseError:
    if database.engine.is_disconnect(error):
        return DatabaseError("the connection was lost", place=database.shown)
    what, hint = database.engine.explain(error, None)
    return DatabaseError(what, place=database.shown, hint=hint)


def _refusal(database: Database, error: DBAPIError) -> ConnectError:
    said = str(error.orig).strip().replace("\n", " ")
    file = database.file
    if file is not None and not file.parent.is_dir():
        hint = f"Its directory does not exist; make it: mkdir -p {shlex.quote(str(file.parent))}"
    elif file is not None:
        hint = "May this user read and write it, and the directory it is in?"
    elif re.search(r'database ".*" does not exist', said):
        hint = f"Make it: createdb {shlex.quote(database.url.database or '')}"
    else:
        hint = "Is the server up, and are host, port, name, user and password right?"
    return ConnectError(f"cannot connect: {said}", place=database.shown, hint=hint)
