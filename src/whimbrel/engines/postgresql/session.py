"""PostgreSQL's transactions and sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection, Row

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.pipeline import execute_all
from whimbrel.engines.postgresql.steps.probes import oid
from whimbrel.engines.postgresql.waiting import milliseconds, waiting
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Boundary, Step
from whimbrel.schema.table import Name


@contextmanager
def transaction(
    connection: Connection,
    steps: Sequence[Step],
    lock_timeout: float | None = None,
    *,
    rows: bool = False,
) -> Iterator[None]:
    """One transaction, in which no statement waits longer than ``lock_timeout`` seconds.

    One that was taken for brief, and is not, stops itself: others wait for what it locks.
    """
    if connection.in_transaction():
        connection.commit()  # what was only read before; SQLAlchemy began it by itself
    with _committing(connection, by_itself=False), connection.begin():
        if lock_timeout is not None:
            waits = milliseconds(lock_timeout)
            settings = [f"SET LOCAL lock_timeout = {waits}"]
            if any(step.boundary is Boundary.BRIEF for step in steps):
                settings.append(f"SET LOCAL statement_timeout = {waits + _BRIEF}")
            list(execute_all(connection, settings))  # with the driver's BEGIN in one round trip
        yield


@contextmanager
def without_transaction(
    connection: Connection, lock_timeout: float | None = None, *, rows: bool = False
) -> Iterator[None]:
    """Every statement is committed by itself."""
    if connection.in_transaction():
        connection.commit()
    with _committing(connection, by_itself=True), waiting(connection, lock_timeout):
        yield


#: Milliseconds that a brief step may work, besides its wait for a lock.
_BRIEF = 5_000


@contextmanager
def _committing(connection: Connection, *, by_itself: bool) -> Iterator[None]:
    """A scope in which the connection commits every statement by itself, or none of them."""
    levels = {True: "AUTOCOMMIT", False: connection.default_isolation_level}
    before = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    if before != by_itself:
        connection.execution_options(isolation_level=levels[by_itself])
    try:
        yield
    finally:
        if before != by_itself and not connection.invalidated:
            connection.rollback()
            connection.execution_options(isolation_level=levels[before])


#: What decides where names lead, where tables are made, and whose rights hold: the role first, which
#: may set the others.
_KEPT = ("role", "search_path", "default_tablespace", "default_table_access_method")
#: What is so until the transaction ends; what a session has after that, its owner sees to.
_KEPT_UNTIL_COMMIT = ("lock_timeout", "statement_timeout", "TimeZone")


def keep(connection: Connection) -> Callable[[], object]:
    """See `whimbrel.engines.base.Engine.keep_session`. A dump sets an empty search_path, for one."""
    names = (*_KEPT, *_KEPT_UNTIL_COMMIT)
    asked_for = ", ".join(f"current_setting('{name}')" for name in names)
    before = execute(connection, f"SELECT {asked_for}").one()
    set_back = ", ".join(
        f"set_config('{name}', {COMPILER.literal(value)}, {'false' if name in _KEPT else 'true'})"
        for name, value in zip(names, before, strict=True)
    )
    return partial(execute, connection, f"SELECT {set_back}")


def query_all(connection: Connection, sql: str) -> Sequence[Row[Any]]:
    """Ask, and leave no transaction open behind if there was none."""
    was_in = connection.in_transaction()
    rows = execute(connection, sql).all()
    if not was_in:
        connection.commit()
    return rows


def query_scalar(connection: Connection, sql: str) -> object:
    """Ask for one value, as `query_all`; None where there is no row."""
    return next((row[0] for row in query_all(connection, sql)), None)


# -- what a long walk through a table asks ------------------------------------------------------


def estimate_rows(connection: Connection, table: Name) -> int:
    """Return the planner's estimate; a table that was never analysed is counted."""
    estimate = query_scalar(connection, f"SELECT reltuples FROM pg_class WHERE oid = {oid(table)}")
    if estimate is not None and float(str(estimate)) > 0:
        return int(float(str(estimate)))
    return int(str(query_scalar(connection, f"SELECT count(*) FROM {COMPILER.at(table)}")))


def replication_lag(connection: Connection) -> float | None:
    """The longest ``replay_lag``, which only members of pg_read_all_stats are told (18, 27.2.4).

    Of a replica that has done all that was sent, the last one is shown for a while.
    """
    longest = (
        "SELECT extract(epoch FROM max(replay_lag)) FROM pg_stat_replication "
        "WHERE replay_lsn IS DISTINCT FROM sent_lsn"
    )
    found = query_scalar(connection, longest)
    return float(str(found)) if found is not None else None
