"""What newer servers have alone; an older one says so before it is asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy.engine import Connection

from whimbrel.engines.base import Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema.table import Column, Constraint, Index, Table, Unique


class Need(NamedTuple):
    """The first version of PostgreSQL that has something, and what mends it on an older one."""

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


def checked(step: Step, need: Need | None) -> Step:
    """The step, which asks the server for its version first if it needs a newer one."""
    if need is None:
        return step

    def if_it_can(connection: Connection) -> Iterable[str]:
        at_hand = int((connection.dialect.server_version_info or (0,))[0])
        if at_hand < need.version:
            raise UnsupportedError(
                f"{need.what} needs PostgreSQL {need.version}; this server is {at_hand}",
                hint=f"{need.hint}, or migrate on a newer server.",
            )
        return [step.sql]

    return replace(step, live=if_it_can)
