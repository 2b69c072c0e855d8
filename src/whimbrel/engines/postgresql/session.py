"""PostgreSQL's transactions, and who stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection, Row

from whimbrel.engines.base import Blocker
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.pipeline import execute_all
from whimbrel.engines.postgresql.steps.probes import oid
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Lock, Step
from whimbrel.schema.table import Name


@contextmanager
def transaction(
    connection: Connection,
    steps: Sequence[Step],
    lock_timeout: float | None = None,
    *,
    rows: bool = False,
) -> Iterator[None]:
    """One transaction, in which no statement waits longer than ``lock_timeout`` seconds."""
    if connection.in_transaction():
        connection.commit()  # what was only read before; SQLAlchemy began it by itself
    with _committing(connection, by_itself=False), connection.begin():
        if lock_timeout is not None:
            # 0 would mean to wait for ever.
            milliseconds = max(1, round(lock_timeout * 1000))
            # With the driver's BEGIN in one round trip.
            list(execute_all(connection, [f"SET LOCAL lock_timeout = {milliseconds}"]))
        yield


@contextmanager
def without_transaction(connection: Connection, *, rows: bool = False) -> Iterator[None]:
    """Every statement is committed by itself."""
    if connection.in_transaction():
        connection.commit()
    with _committing(connection, by_itself=True):
        yield


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
    """The longest ``replay_lag``, which only members of pg_read_all_stats are told (18, 27.2.4)."""
    longest = "SELECT extract(epoch FROM max(replay_lag)) FROM pg_stat_replication"
    found = query_scalar(connection, longest)
    return float(str(found)) if found is not None else None


# -- who stands in the way ---------------------------------------------------------------------

_L = Lock
#: Which locks a lock waits for (PostgreSQL 18, table 13.2).
CONFLICTS: dict[Lock, frozenset[Lock]] = {
    _L.ACCESS_SHARE: frozenset({_L.ACCESS_EXCLUSIVE}),
    _L.ROW_SHARE: frozenset({_L.EXCLUSIVE, _L.ACCESS_EXCLUSIVE}),
    _L.ROW_EXCLUSIVE: frozenset(
        {_L.SHARE, _L.SHARE_ROW_EXCLUSIVE, _L.EXCLUSIVE, _L.ACCESS_EXCLUSIVE}
    ),
    _L.SHARE_UPDATE_EXCLUSIVE: frozenset(
        set(_L) - {_L.ACCESS_SHARE, _L.ROW_SHARE, _L.ROW_EXCLUSIVE}
    ),
    _L.SHARE: frozenset(set(_L) - {_L.ACCESS_SHARE, _L.ROW_SHARE, _L.SHARE}),
    _L.SHARE_ROW_EXCLUSIVE: frozenset(set(_L) - {_L.ACCESS_SHARE, _L.ROW_SHARE}),
    _L.EXCLUSIVE: frozenset(set(_L) - {_L.ACCESS_SHARE}),
    _L.ACCESS_EXCLUSIVE: frozenset(_L),
}


def blockers(connection: Connection, steps: Sequence[Step]) -> list[Blocker]:
    """Return the processes that hold locks which the steps would wait for."""
    wanted: dict[Name, set[str]] = {}
    for step in steps:
        for at, wished in step.tables:
            modes = wanted.setdefault(at, set())
            # As pg_locks spells them: ``AccessShareLock``.
            modes.update(held.value.title().replace(" ", "") + "Lock" for held in CONFLICTS[wished])
    found: dict[Blocker, None] = {}
    for at, modes in wanted.items():
        found.update(dict.fromkeys(_holders(connection, at, modes)))
    return list(found)


# The owner's own old transaction shows its age; those of others do so only to who may see it.
_HOLDERS = """
SELECT held.pid, held.mode, date_trunc('second', now() - who.xact_start),
       who.application_name, who.state, date_trunc('second', who.query_start),
       left(regexp_replace(who.query, '\\s+', ' ', 'g'), 80)
FROM pg_locks AS held LEFT JOIN pg_stat_activity AS who ON who.pid = held.pid
WHERE held.granted AND held.locktype = 'relation' AND held.pid <> pg_backend_pid()
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.relation = {table} AND held.mode IN ({modes})
ORDER BY who.xact_start NULLS LAST, held.pid
"""


def _holders(connection: Connection, at: Name, modes: set[str]) -> Iterator[Blocker]:
    listed = ", ".join(f"'{mode}'" for mode in sorted(modes))
    for row in query_all(connection, _HOLDERS.format(table=oid(at), modes=listed)):
        pid, mode, age, application, state, since, query = tuple(row)
        who = f"process {pid}" + (f" ({application})" if application else "")
        known = [f"open for {age}" if age is not None else "", state or ""]
        began = f", since {since}" if since is not None else ""
        held = f"{who} with {mode} on {at}, {', '.join(each for each in known if each)}{began}"
        yield Blocker(pid, held, query or None)
