"""Those who hold locks on PostgreSQL, or keep a process waiting otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from whimbrel.engines.base import Blocker, Locks
from whimbrel.engines.postgresql.errors import explain
from whimbrel.engines.postgresql.runner import key_of
from whimbrel.engines.postgresql.session import without_transaction
from whimbrel.engines.postgresql.steps.probes import oid
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Lock, Step
from whimbrel.errors import DatabaseError
from whimbrel.schema.table import Name

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


# -- what a statement of the user's locks --------------------------------------------------------

#: The beginnings of statements that lock a table strongly, and how. One that locks it less is looked at
#: for nothing, which does no harm; another is not looked at, and waits as briefly.
_STRONG = (
    (r"ALTER\s+TABLE(?:\s+IF\s+EXISTS)?(?:\s+ONLY)?\s+", Lock.ACCESS_EXCLUSIVE),
    (r"DROP\s+TABLE(?:\s+IF\s+EXISTS)?\s+", Lock.ACCESS_EXCLUSIVE),
    (r"TRUNCATE(?:\s+TABLE)?(?:\s+ONLY)?\s+", Lock.ACCESS_EXCLUSIVE),
    (r"LOCK(?:\s+TABLE)?(?:\s+ONLY)?\s+", Lock.ACCESS_EXCLUSIVE),
    (
        r"CREATE(?:\s+UNIQUE)?\s+INDEX(?!\s+CONCURRENTLY)(?:\s+IF\s+NOT\s+EXISTS)?"
        r"(?:\s+(?!ON\b)[^\s(]+)?\s+ON(?:\s+ONLY)?\s+",
        Lock.SHARE,
    ),
    (
        r"CREATE(?:\s+OR\s+REPLACE)?(?:\s+CONSTRAINT)?\s+TRIGGER\s+[^;']*?\sON\s+",
        Lock.SHARE_ROW_EXCLUSIVE,
    ),
    (r"DROP\s+TRIGGER(?:\s+IF\s+EXISTS)?\s+\S+\s+ON\s+", Lock.ACCESS_EXCLUSIVE),
)
_NAME = r'(?:(?P<schema>"[^"]+"|[\w$]+)\s*\.\s*)?(?P<name>"[^"]+"|[\w$]+)(?![\w$"])(?!\s*\.)(?!\s+VALIDATE\b)'
_COMMENTS = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_STATEMENTS = tuple(
    (re.compile(f"{_COMMENTS}{words}{_NAME}", re.IGNORECASE | re.DOTALL), lock)
    for words, lock in _STRONG
)


def user_locks(sql: str) -> Locks:
    """See `whimbrel.engines.base.Engine.user_locks`."""
    for statement, lock in _STATEMENTS:
        if found := statement.match(sql):
            return ((Name(_unquoted(found["schema"]), _unquoted(found["name"]) or ""), lock),)
    return ()


def _unquoted(name: str | None) -> str | None:
    """A name as the catalog has it."""
    if name is None:
        return None
    return name[1:-1] if name.startswith('"') else name.lower()


# -- who holds locks -----------------------------------------------------------------------------

# A role that may see little of others (no pg_read_all_stats) sees neither when their transactions began
# nor their queries; that a process has no user is shown to all: it is autovacuum's, or another of
# the server's own. One that prevents wraparound does not give way (18, 24.1.6).
_WHO = """
    held.pid, held.virtualtransaction AS transaction,
    CASE WHEN held.pid IS NULL THEN (
        SELECT gid FROM pg_prepared_xacts AS prepared JOIN pg_locks ON transactionid = prepared.transaction
        WHERE virtualtransaction = held.virtualtransaction LIMIT 1
    ) END AS gid,
    who.pid IS NOT NULL AND who.usesysid IS NULL AS is_servers,
    nullif(who.application_name, '') AS application, who.state,
    extract(epoch FROM clock_timestamp() - who.xact_start)::float8 AS seconds,
    date_trunc('second', clock_timestamp() - who.xact_start) AS age,
    date_trunc('second', who.query_start) AS since,
    who.query LIKE '%(to prevent wraparound)' AS is_urgent,
    left(regexp_replace(who.query, '\\s+', ' ', 'g'), 80) AS query,
    extract(epoch FROM current_setting('deadlock_timeout')::interval)::float8 AS deadlock_timeout
"""
_JOINED = "LEFT JOIN pg_stat_activity AS who ON who.pid = held.pid"
_HOLDERS = f"""
WITH RECURSIVE wanted (relation, modes) AS (
    VALUES {{wanted}}
), family (relation, modes) AS (
    SELECT relation::oid, modes FROM wanted
    UNION SELECT inhrelid, modes FROM family JOIN pg_inherits ON inhparent = relation
)
SELECT held.mode || ' on ' || held.relation::regclass AS lock, {_WHO}
FROM pg_locks AS held JOIN family USING (relation) {_JOINED}
WHERE held.granted AND held.locktype = 'relation' AND held.pid IS DISTINCT FROM pg_backend_pid()
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.mode = ANY (family.modes)
ORDER BY who.xact_start NULLS LAST, held.pid, held.mode
"""
# What a process is waited for is not always a table: CREATE INDEX CONCURRENTLY waits for transactions.
_BLOCKING = f"""
SELECT NULL AS lock, {_WHO}
FROM (SELECT nullif(pid, 0) AS pid, coalesce(min(virtualtransaction), '') AS virtualtransaction
      FROM unnest(pg_blocking_pids({{process}})) AS pid LEFT JOIN pg_locks USING (pid) GROUP BY pid
) AS held {_JOINED}
ORDER BY who.xact_start NULLS LAST, held.pid
"""


# The key of an advisory lock is in two halves (18, 53.13).
_RUNNER = f"""
SELECT CASE WHEN who.state = 'active'
    THEN substring(who.query FROM '(?i)^\\s*((?:CREATE|ALTER|DROP|REFRESH)\\s+(?:UNIQUE\\s+)?\\w+|\\w+)') END AS verb,
    NULL AS lock, {_WHO}
FROM pg_locks AS held {_JOINED}
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (held.classid::bigint << 32) | held.objid::bigint = {{key}}
"""


def blockers(connection: Connection, steps: Sequence[Step]) -> list[Blocker]:
    """See `whimbrel.engines.base.Engine.blockers`."""
    wanted: dict[Name, set[str]] = {}
    for step in steps:
        for at, wished in step.tables:
            modes = wanted.setdefault(at, set())
            modes.update(held.mode for held in CONFLICTS[wished])
    if not wanted:
        return []
    values = (
        f"({oid(at)}, ARRAY[{', '.join(map(repr, sorted(modes)))}])" for at, modes in wanted.items()
    )
    return _ask(connection, _HOLDERS.format(wanted=", ".join(values)))


def process(connection: Connection) -> int | None:
    """See `whimbrel.engines.base.Engine.process`; None from drivers that do not tell."""
    return getattr(
        getattr(connection.connection.driver_connection, "info", None), "backend_pid", None
    )


def blockers_of(connection: Connection, process: int) -> list[Blocker]:
    """See `whimbrel.engines.base.Engine.blockers_of`."""
    return _ask(connection, _BLOCKING.format(process=int(process)))


def runner_holder(connection: Connection, name: str) -> Blocker | None:
    """See `whimbrel.engines.base.Engine.runner_holder`. Of what it does only the kind is said: a query has data."""
    row = next(iter(_rows(connection, _RUNNER.format(key=key_of(name)))), None)
    if row is None:
        return None
    holder = _blocker(row)
    doing = f": {' '.join(row.verb.upper().split())}" if row.verb else ""
    return replace(holder, who=f"{holder.who}{doing}")


def end_process(connection: Connection, process: int) -> None:
    """See `whimbrel.engines.base.Engine.end_process`."""
    try:
        _rows(connection, f"SELECT pg_terminate_backend({int(process)})")
    except DBAPIError as error:
        said, _ = explain(error, None)
        raise DatabaseError(
            f"process {process} was not ended: {said}",
            hint="Its own role may do that, a superuser, and members of pg_signal_backend: "
            f"SELECT pg_terminate_backend({process})",
        ) from error


def _ask(connection: Connection, sql: str) -> list[Blocker]:
    """Each of those once."""
    found: dict[str, Blocker] = {}
    for row in _rows(connection, sql):
        blocker = _blocker(row)
        found.setdefault(blocker.transaction, blocker)
    return list(found.values())


def _rows(connection: Connection, sql: str) -> Sequence[Any]:
    """Ask, in one round trip, unless a transaction is open."""
    if connection.in_transaction():
        return execute(connection, sql).all()
    with without_transaction(connection):
        return execute(connection, sql).all()


def _blocker(row: Any) -> Blocker:
    is_autovacuum = row.is_servers and not row.application
    is_urgent = is_autovacuum and bool(row.is_urgent)
    name = "autovacuum" if is_autovacuum else row.application
    who = f"process {row.pid}" + (f" ({name})" if name else "")
    if row.pid is None:
        who = f"the prepared transaction {row.gid!r}" if row.gid else "a prepared transaction"
    state = f"{row.state} since {row.since}" if row.state and row.since else row.state
    known = (
        f"with {row.lock}" if row.lock else None,
        f"open for {row.age}" if row.age is not None else None,
        "which gives way to nobody, as it prevents wraparound" if is_urgent else state,
    )
    return Blocker(
        row.pid,
        " ".join((who, ", ".join(filter(None, known)))).rstrip(),
        row.query or None,
        row.transaction,
        row.seconds,
        # The server takes such a worker away once somebody has waited for that long.
        row.deadlock_timeout if is_autovacuum and not is_urgent else None,
        row.application,
    )
