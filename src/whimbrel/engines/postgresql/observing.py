"""What a session does to tables, seen on the server; and a database to see it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from whimbrel.engines.base import TableUse
from whimbrel.engines.postgresql import session
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Lock
from whimbrel.schema.table import Name

_TABLES = """
SELECT c.oid, nullif(n.nspname, 'public'), c.relname, pg_relation_filenode(c.oid),
       pg_stat_get_xact_numscans(c.oid),
       ARRAY(SELECT mode FROM pg_locks WHERE relation = c.oid AND pid = pg_backend_pid())
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'
"""


def observe(connection: Connection) -> Mapping[int, TableUse]:
    """See `whimbrel.engines.base.Engine.observe`."""
    found = {}
    for oid, schema, name, file, scans, modes in map(tuple, execute(connection, _TABLES)):
        found[oid] = TableUse(Name(schema, name), file, scans, _strongest(modes))
    return found


def _strongest(modes: list[str]) -> Lock | None:
    held = [lock for lock in Lock if lock.mode in modes]  # weakest first
    return held[-1] if held else None


@contextmanager
def scratch(connection: Connection, name: str) -> Iterator[None]:
    """See `whimbrel.engines.base.Engine.scratch`."""
    quoted = COMPILER.quote(name)
    with session.without_transaction(connection):
        execute(connection, f"CREATE DATABASE {quoted}")
    try:
        yield
    finally:
        with session.without_transaction(connection):
            execute(connection, f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
