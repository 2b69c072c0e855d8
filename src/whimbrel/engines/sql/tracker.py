"""A tracker of a schema: the tables between two changes."""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.schema import changes as c
from whimbrel.schema.swaps import SwapColumns
from whimbrel.schema.table import Name, Schema, Table
from whimbrel.schema.types import EnumType, enum_types


class SchemaTracker:
    """The tables of a schema, to which changes are applied one after the other.

    `apply` gives a new schema for each change; here a change to one table touches that table
    alone, so that a leap over thousands of tables takes time for each of them once.
    """

    def __init__(self, before: Schema) -> None:
        self._tables: dict[Name, Table] = dict(before.tables)

    def table(self, at: Name) -> Table:
        """The table of that name; an empty one where the schema at hand does not hold it."""
        return self._tables.get(at) or Table(at.name, (), schema=at.schema)

    def knows(self, at: Name) -> bool:
        """Return True if the table is in the schema at hand."""
        return at in self._tables

    def using(self, enum: EnumType) -> list[Table]:
        """The tables with columns of an enum type, or of arrays of it."""
        return [table for table in self._tables.values() if is_using(table, enum)]

    def tables(self) -> Iterable[Table]:
        return tuple(self._tables.values())

    def apply(self, change: c.Change) -> None:
        """Apply a change to the tables."""
        match change:
            case c.CreateTable(table):
                self._tables[table.at] = table
            case c.DropTable(table):
                self._tables.pop(table.at, None)
            case c.RenameTable(old=at) | c.RenameColumn(table=at) if at not in self._tables:
                pass
            case c.RenameTable() | c.RenameColumn() | c.AlterEnum() | SwapColumns():
                self._tables = dict(change.apply(Schema(self._tables)).tables)
            case c.AlterTable(new=new):
                self._apply_to(change, new.at)
            case c.TableChange(table=at):
                self._apply_to(change, at)
            case _:
                pass

    def _apply_to(self, change: c.Change, at: Name) -> None:
        if at in self._tables:
            self._tables[at] = change.apply(Schema({at: self._tables[at]})).tables[at]


def is_using(table: Table, enum: EnumType) -> bool:
    """Return True if a column of the table is of an enum type, or of an array of it."""
    return any(
        (each.schema, each.name) == (enum.schema, enum.name)
        for column in table.columns
        for each in enum_types(column.type)
    )
