"""The sizes of tables, for the policy of changes."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.schema.table import Name

# pg_table_size waits for whoever has a table for himself (18, 9.28.7): such a table counts as large.
# That of a partitioned one is the sum over its partitions.
_SIZES = """
WITH taken AS MATERIALIZED (
    SELECT relation FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid()
), sized AS (
    SELECT space.nspname AS schema, class.relname AS name, CASE
        WHEN class.oid IN (SELECT relation FROM taken) THEN {at_least}
        WHEN class.relkind <> 'p' THEN pg_table_size(class.oid)
        ELSE (
            SELECT coalesce(sum(CASE
                WHEN relid IN (SELECT relation FROM taken) THEN {at_least}
                ELSE pg_table_size(relid) END), 0)
            FROM pg_partition_tree(class.oid) WHERE isleaf
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
