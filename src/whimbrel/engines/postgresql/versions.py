"""Facts of a server that its steps depend on, and what newer versions have alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.errors import UnsupportedError
from whimbrel.schema.table import Column, Constraint, Index, Table, Unique


@dataclass(frozen=True)
class Facts:
    """Facts that a connection tells once. version: the major one; None where it is unknown, as offline.

    default_schema: where names without a schema lead. loses_rows: True if an index that is built
    concurrently may lack rows that are written meanwhile (14.0 to 14.3: release notes of 14.4).
    """

    version: int | None = None
    default_schema: str | None = None
    loses_rows: bool = False

    @classmethod
    def of(cls, connection: Connection) -> Facts:
        """Read the facts from a server, in one query."""
        query = (
            "SELECT number / 10000, current_schema(), number BETWEEN 140000 AND 140003 "
            "FROM (SELECT current_setting('server_version_num')::int AS number) AS server"
        )
        return cls(*execute(connection, query).one())

    def refuse_concurrent_build(self, index: str) -> None:
        """Raises `UnsupportedError` where an index that is built concurrently may lack rows."""
        if self.loses_rows:
            raise UnsupportedError(
                f"{index} cannot be built concurrently: rows may be missing from it on PostgreSQL 14.0 to 14.3",
                hint="Bring the server to 14.4 or later; or take the short form (--short), which keeps "
                "writers waiting.",
            )

    def require(self, need: Need | None) -> None:
        """Raises `UnsupportedError` where the server is known, and older than what is needed."""
        if need is not None and self.version is not None and self.version < need.version:
            raise UnsupportedError(
                f"{need.what} needs PostgreSQL {need.version}; this server is {self.version}",
                hint=f"{need.hint}, or migrate on a newer server.",
            )


class Need(NamedTuple):
    """The first version of PostgreSQL that has something, and what fixes it on an older one."""

    version: int
    what: str
    hint: str


def of_column(column: Column) -> Need | None:
    """Virtual columns came with 18."""
    if column.computed is None or column.computed.stored:
        return None
    return Need(18, f"the virtual column {column.name!r}", "Make it stored")


def of_part(part: Constraint | Index) -> Need | None:
    """NULLS NOT DISTINCT came with 15."""
    if isinstance(part, Unique | Index) and part.nulls_not_distinct:
        return Need(15, f"NULLS NOT DISTINCT of {part.name!r}", "Leave it out")
    return None


def of_table(table: Table) -> Need | None:
    """The newest thing in a table's definition."""
    needs = [*map(of_column, table.columns), *map(of_part, table.constraints)]
    return max((need for need in needs if need is not None), default=None)
