"""Statements that go to the server in one round trip, and which of them failed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pooler import running_pgbouncer
from servers import PostgresServer
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.sql import execute
from whimbrel.errors import DatabaseError

pytestmark = pytest.mark.reduced

A, B = "CREATE TABLE a (x int)", "ALTER TABLE a ADD COLUMN y text"


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    engine = sa.create_engine(
        postgresql_url, poolclass=sa.NullPool, connect_args={"prepare_threshold": None}
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def done(connection: Connection, statements: list[str]) -> tuple[int, Exception | None]:
    """How many statements were done, and the error that ended them."""
    number = 0
    try:
        with ENGINE.transaction(connection, []):
            for _ in ENGINE.execute_all(connection, statements):
                number += 1
    except Exception as error:
        return number, error
    return number, None


def url(connection: Connection) -> str:
    shown = connection.engine.url.set(drivername="postgresql")
    return shown.render_as_string(hide_password=False)


def columns(connection: Connection) -> list[str]:
    found = execute(
        connection, "SELECT column_name FROM information_schema.columns WHERE table_name = 'a'"
    )
    return sorted(name for (name,) in found)


STATEMENTS: dict[str, tuple[list[str], list[str]]] = {
    "none": ([], []),
    "one": ([A], ["x"]),
    "each sees what was done before it": ([A, B, "ALTER TABLE a DROP COLUMN x"], ["y"]),
    "percent signs": ([A, "COMMENT ON TABLE a IS '100 %s %'"], ["x"]),
    "several in one string": ([A, f"SELECT 1; {B}", "ALTER TABLE a DROP x"], ["y"]),
    "a semicolon in a literal": ([A, "COMMENT ON TABLE a IS ';'", B], ["x", "y"]),
    "a comment at the end": ([f"{A} -- of a", B], ["x", "y"]),
    "one that gives rows": ([A, "SELECT * FROM pg_class", B], ["x", "y"]),
    "one that gives nothing": ([A, "", B], ["x", "y"]),
    "a setting between": (
        ["CREATE SCHEMA s", "SET LOCAL search_path = s", A, "ALTER TABLE s.a ADD y int"],
        ["x", "y"],
    ),
    "a notice": ([A, "CREATE TABLE IF NOT EXISTS a (x int)", B], ["x", "y"]),
    "many": ([A, *(f"ALTER TABLE a ADD c{n} int" for n in range(300))], []),
}


@pytest.mark.parametrize(("statements", "expected"), STATEMENTS.values(), ids=STATEMENTS)
@pytest.mark.parametrize("is_supported", [True, False])
def test_all_are_done_in_order(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    expected: list[str],
    is_supported: bool,
) -> None:
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: is_supported)
    assert done(connection, statements) == (len(statements), None)
    if expected:
        assert columns(connection) == expected
    else:
        assert len(columns(connection)) == max(0, len(statements))


FAILURES: dict[str, tuple[list[str], int, str]] = {
    "the first": (["CREATE TABLE a", A, B], 0, "42601"),
    "one in the middle": ([A, "ALTER TABLE b ADD x int", B, "ALTER TABLE c ADD x int"], 1, "42P01"),
    "the last": ([A, B, B], 2, "42701"),
    "the only one": (["SELECT 1/0"], 0, "22012"),
    "after several in one string": ([A, f"{B}; SELECT 1", B, A], 2, "42701"),
    "among several in one string": ([A, f"{B}; {B}", B], 1, "42701"),
    "among very many": ([A, *["SELECT 1"] * 2000, A, *["SELECT 1"] * 2000], 2001, "42P07"),
}


@pytest.mark.parametrize(("statements", "failed", "state"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("is_supported", [True, False])
def test_the_one_that_failed_is_known(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    statements: list[str],
    failed: int,
    state: str,
    is_supported: bool,
) -> None:
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: is_supported)
    number, error = done(connection, statements)
    assert isinstance(error, sa.exc.DBAPIError)
    assert (number, error.orig.sqlstate, error.statement) == (failed, state, statements[failed])  # type: ignore[union-attr]
    assert columns(connection) == []
    assert not caplog.records


def test_text_that_is_no_unicode_is_refused_by_name(connection: Connection) -> None:
    number, error = done(connection, [A, "COMMENT ON TABLE a IS '\ud800'", B])
    assert isinstance(error, DatabaseError)
    assert number == 1
    assert "surrogate" in str(error)
    assert done(connection, [A]) == (1, None)


def test_a_lock_that_is_not_given_is_told_from_other_errors(
    connection: Connection, postgresql_url: str
) -> None:
    done(connection, [A])
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE a")
        with (
            pytest.raises(sa.exc.DBAPIError) as caught,
            ENGINE.transaction(connection, [], 0.01),
        ):
            list(ENGINE.execute_all(connection, ["SELECT 1", B]))
    assert ENGINE.is_lock_timeout(caught.value)
    assert done(connection, [B]) == (1, None)


def test_a_lost_connection_is_told_from_other_errors(connection: Connection) -> None:
    number, error = done(connection, [A, "SELECT pg_terminate_backend(pg_backend_pid())", B])
    assert isinstance(error, sa.exc.DBAPIError)
    assert ENGINE.is_disconnect(error)
    assert number <= 1
    assert connection.invalidated


def test_a_user_can_interrupt_it(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), ENGINE.transaction(connection, []):
        list(ENGINE.execute_all(connection, [A, "SELECT pg_sleep(20)", B]))
    assert not caplog.records
    assert done(connection, [A]) == (1, None)


@pytest.mark.parametrize("is_more", [True, False])
def test_something_else_is_done_until_the_server_answers(
    connection: Connection, is_more: bool
) -> None:
    pid = execute(connection, "SELECT pg_backend_pid()").scalar()
    state = f"SELECT state FROM pg_stat_activity WHERE pid = {pid}"
    calls: list[str] = []

    def meanwhile() -> bool:
        time.sleep(0.01)
        with psycopg.connect(url(connection), autocommit=True) as other:
            calls.append(str(other.execute(state).fetchone()))
        return is_more

    with ENGINE.transaction(connection, []):
        long = [A, "SELECT pg_sleep(0.5)", B, *["SELECT 1"] * 5]
        assert len(list(ENGINE.execute_all(connection, long, meanwhile))) == len(long)
    assert columns(connection) == ["x", "y"]
    assert calls[0] == "('active',)"
    assert (len(calls) > 1) is is_more


def test_nothing_else_is_done_where_the_first_statement_fails_at_once(
    connection: Connection,
) -> None:
    with pytest.raises(sa.exc.DBAPIError), ENGINE.transaction(connection, []):
        list(ENGINE.execute_all(connection, ["SELECT 1/0"] * 5, lambda: True))
    assert done(connection, [A]) == (1, None)


def test_a_pooler_may_stand_between(postgresql_server: PostgresServer) -> None:
    with (
        TemporaryDirectory() as here,
        running_pgbouncer(postgresql_server, Path(here)) as where,
    ):
        engine = sa.create_engine(f"postgresql+psycopg://postgres@/postgres?{where}")
        with engine.connect() as connection:
            temporary = A.replace("TABLE", "TEMPORARY TABLE") + " ON COMMIT DROP"
            assert done(connection, [temporary, B, "SELECT * FROM a"]) == (3, None)
            assert done(connection, [temporary, "SELECT 1/0", B])[0] == 1
        engine.dispose()
