"""Fixtures that every test may use: a real database of each kind, fresh for each test."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from like_create_all import Databases, fresh_postgresql, fresh_sqlite
from pooler import running_pgbouncer
from servers import PostgresServer, ServerMissing, running_postgresql

# The same examples every time: what breaks, breaks for everybody. `make nightly` looks for new ones.
settings.register_profile(
    "steady", derandomize=True, database=None, max_examples=100, deadline=None
)
settings.register_profile("nightly", print_blob=True, max_examples=2_000, deadline=None)
settings.load_profile("steady")

# Whoever is started in the background by a script is deaf to Ctrl-C, and so are its children; the
# commands that tests interrupt must not be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NO_SERVER = "PostgreSQL cannot be tested here: "
NO_POOLER = "PgBouncer cannot be tested here: "


@pytest.fixture
def project_root(tmp_path: Path) -> Path:
    """An empty directory for a project; what is no part of it can stand beside it."""
    root = tmp_path / "project"
    root.mkdir()
    return root


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """One server for each process that runs tests (it starts in a third of a second).

    Where none can be started the test is skipped, and the summary says so; in CI it fails.
    """
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgresql())
        except ServerMissing as error:
            if os.environ.get("CI"):
                pytest.fail(f"{NO_SERVER}{error}")
            pytest.skip(f"{NO_SERVER}{error}")
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty PostgreSQL database."""
    with postgresql_server.fresh_database() as name:
        yield postgresql_server.url(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The SQLAlchemy URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'db.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The SQLAlchemy URL of a fresh, empty database; the test runs once for each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def pooled_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database behind PgBouncer, which gives each transaction another session."""
    yield from _pooled(postgresql_server, "transaction")


@pytest.fixture
def session_pooled_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database behind PgBouncer, which gives each client a session of its own."""
    yield from _pooled(postgresql_server, "session")


def _pooled(server: PostgresServer, mode: str) -> Iterator[str]:
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="whimbrel-pool-"))
        try:
            where = stack.enter_context(running_pgbouncer(server, Path(directory), mode))
        except ServerMissing as error:
            pytest.skip(f"{NO_POOLER}{error}")
        name = stack.enter_context(server.fresh_database())
        yield f"postgresql+psycopg://postgres@/{name}?{where}"


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Empty databases of a kind, as many as a test wants; the test runs once for each engine."""
    if request.param == "sqlite":
        return Databases("sqlite", fresh_sqlite)
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.connect() as connection:
        version = connection.info.server_version // 10_000
    return Databases("postgresql", lambda: fresh_postgresql(server), version)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A suite that left a server out must not look like one that passed."""
    reasons = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    missing = [reason for reason in reasons if NO_SERVER in reason or NO_POOLER in reason]
    if missing:
        terminalreporter.write_sep("!", f"{len(missing)} tests did not run", red=True, bold=True)
        for reason in sorted(set(missing)):
            terminalreporter.write_line(reason)
