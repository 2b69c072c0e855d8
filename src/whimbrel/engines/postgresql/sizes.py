"""The sizes of tables, for the policy of changes."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.schema.table import Name

# pg_table_size waits for whoever has a table for himself (18, 9.28.7): such a table counts as large.
# What partitions and children have counts for their parent: what alters it goes down to them.
_SIZES = """
WITH taken AS MATERIALIZED (
    SELECT relation FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
), sized AS (
    SELECT space.nspname AS schema, class.relname AS name, CASE
        WHEN class.oid IN (SELECT relation FROM taken) THEN {at_least}
        WHEN NOT class.relhassubclass THEN pg_table_size(class.oid)
        ELSE (
            WITH RECURSIVE family (id) AS (
                SELECT class.oid UNION SELECT inhrelid FROM family JOIN pg_inherits ON inhparent = id
            )
            SELECT sum(CASE
                WHEN id IN (SELECT relation FROM taken) THEN {at_least}
                ELSE coalesce(pg_table_size(id), 0) END)
            FROM family
        ) END AS size
    FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
    WHERE class.relkind IN ('r', 'p', 'm') AND class.relpersistence <> 't'
      AND space.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
)
SELECT schema, schema = current_schema(), name, size FROM sized WHERE size >= {at_least}
"""


def table_sizes(connection: Connection, at_least: int) -> Mapping[Name, int]:
    """See `whimbrel.engines.base.Engine.table_sizes`."""
    found: dict[Name, int] = {}
    for row in execute(connection, _SIZES.format(at_least=int(at_least))):
        schema, is_default, name, size = tuple(row)
        found[Name(schema, name)] = int(size)
        if is_default:
            found[Name(None, name)] = int(size)
    return found
