"""The one reader of ``sqlite_master``, where a database file keeps its statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection, Row

from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.schema.table import Name


def entries(
    connection: Connection, schema: str | None = None, condition: str = "true"
) -> Sequence[Row[Any]]:
    """Return the tables, indexes, views and triggers of a file, in the order in which they were made.

    Each has ``type``, ``name``, ``tbl_name`` and ``sql`` (None for an index of a constraint).
    """
    return execute(
        connection,
        f"SELECT type, name, tbl_name, sql FROM {_prefix(schema)}sqlite_master"
        f" WHERE {condition} ORDER BY rowid",
    ).all()


def columns(connection: Connection, at: Name) -> Sequence[Row[Any]]:
    """Return the columns of a table or view. Each has ``name``, ``notnull`` and ``hidden``.

    hidden: 0, or 2 for a virtual generated column and 3 for a stored one (pragma.html).
    """
    pragma = f"PRAGMA {_prefix(at.schema)}table_xinfo({text(at.name)})"
    return execute(connection, pragma).all()


def is_called(column: str, name: str) -> str:
    """Return the condition that an entry has a name; names are case-insensitive."""
    return f"lower({column}) = lower({text(name)})"


def _prefix(schema: str | None) -> str:
    return f"{COMPILER.quote(schema)}." if schema else ""
