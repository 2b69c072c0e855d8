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

    default_schema: where names without a schema lead.
    """

    version: int | None = None
    default_schema: str | None = None

    @classmethod
    def of(cls, connection: Connection) -> Facts:
        """Read the facts from a server, in one query."""
        query = "SELECT current_setting('server_version_num')::int / 10000, current_schema()"
        return cls(*execute(connection, query).one())

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
