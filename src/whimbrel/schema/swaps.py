"""Finer changes for another type: a second column, in step with the first, takes its place.

An engine makes them of a change of a column (`Engine.refine`), the differ never, but for the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from whimbrel.schema.changes import Change, TableChange
from whimbrel.schema.table import Column, Constraint, ForeignKey, Index, Name, Schema, Sync, Table


@dataclass(frozen=True, slots=True)
class Swap:
    """The new column of a sync that takes the place of the old one. new: as it is then."""

    table: Name
    old: Column
    new: Column
    sync: Sync


@dataclass(frozen=True, slots=True)
class CheckSwaps(Change):
    """Nothing depends on columns that their swap would break. No schema differs."""

    swaps: tuple[Swap, ...]

    def apply(self, schema: Schema) -> Schema:
        return schema


@dataclass(frozen=True, slots=True)
class AddSync(TableChange):
    """From now on two columns are in step; the rows that are there come with `FillSync`."""

    sync: Sync

    def alter(self, table: Table) -> Table:
        return replace(table, syncs=(*table.syncs, self.sync))


@dataclass(frozen=True, slots=True)
class DropSync(TableChange):
    sync: Sync

    def alter(self, table: Table) -> Table:
        return replace(table, syncs=tuple(each for each in table.syncs if each != self.sync))


@dataclass(frozen=True, slots=True)
class FillSync(TableChange):
    """Rows that were there before the columns were in step come into step. No schema differs."""

    sync: Sync

    def alter(self, table: Table) -> Table:
        return table


@dataclass(frozen=True, slots=True)
class VerifySync(TableChange):
    """No row loses anything by the new column. No schema differs."""

    sync: Sync

    def alter(self, table: Table) -> Table:
        return table


@dataclass(frozen=True, slots=True)
class SwapColumns(Change):
    """Columns that hold the same in other types take the places of the old ones, all at once.

    What was made of the old ones goes, and its copies over the new ones get its names.
    """

    swaps: tuple[Swap, ...]

    def apply(self, schema: Schema) -> Schema:
        new = {at: frozenset(names.values()) for at, names in names_of(self.swaps).items()}
        tables = {at: _without_mentions(table, new) for at, table in schema.tables.items()}
        for each in self.swaps:
            table = tables[each.table].with_column(each.sync.new, None)
            syncs = tuple(sync for sync in table.syncs if sync != each.sync)
            tables[each.table] = replace(table.with_column(each.old.name, each.new), syncs=syncs)
        return replace(schema, tables=tables)


def names_of(swaps: tuple[Swap, ...]) -> dict[Name, dict[str, str]]:
    """Return by table its old columns, and the new ones that take their places."""
    found: dict[Name, dict[str, str]] = {}
    for each in swaps:
        found.setdefault(each.table, {})[each.old.name] = each.sync.new
    return found


def _without_mentions(table: Table, gone: Mapping[Name, frozenset[str]]) -> Table:
    """Return a table without what is made of some columns, or points at them."""
    own = gone.get(table.at, frozenset())

    def stays(part: Constraint | Index) -> bool:
        if isinstance(part, ForeignKey) and part.target in gone:
            points_at = not gone[part.target].isdisjoint(part.target_columns)
        else:
            points_at = False
        return not (points_at or part.columns_among(own))

    constraints = tuple(filter(stays, table.constraints))
    indexes = tuple(filter(stays, table.indexes))
    if (constraints, indexes) == (table.constraints, table.indexes):
        return table
    return replace(table, constraints=constraints, indexes=indexes)
