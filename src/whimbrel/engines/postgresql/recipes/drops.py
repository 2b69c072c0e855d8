"""Tables that come and go: their foreign keys lock others' tables, so each has a transaction of its own.

Columns that go: rows to come may lack them first, since code of after knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.recipes.refining import Recipes, Refining
from whimbrel.schema import changes as c
from whimbrel.schema.table import ForeignKey, Table


def create_table(change: c.CreateTable, refining: Refining) -> Iterator[c.Change]:
    table = change.table
    keys = keys_to_large_tables(table, refining)
    yield c.CreateTable(without_keys(table, keys)) if keys else change
    yield from (c.AddConstraint(table.at, key, alone=True) for key in keys)


def drop_table(change: c.DropTable, refining: Refining) -> Iterator[c.Change]:
    table = change.table
    keys = keys_to_large_tables(table, refining)
    yield from (c.DropConstraint(table.at, key, alone=True) for key in keys)
    yield c.DropTable(without_keys(table, keys)) if keys else change


def keys_to_large_tables(table: Table, refining: Refining) -> list[ForeignKey]:
    """Return the foreign keys of a table whose coming and going users of a large table wait for."""
    keys = (key for key in table.foreign_keys if key.name and key.target != table.at)
    return [key for key in keys if refining.is_large(key.target)]


def without_keys(table: Table, keys: list[ForeignKey]) -> Table:
    """Return a table without some of its foreign keys."""
    return replace(table, constraints=tuple(p for p in table.constraints if p not in keys))


def drop_column(change: c.DropColumn, refining: Refining) -> Iterator[c.Change]:
    at, column = change.table, change.column
    has_value = column.default or column.generated or column.computed
    key = refining.table(at).primary_key
    is_key = key is not None and column.name in key.columns
    if column.null or has_value or is_key or not refining.is_large(at):
        yield change
        return
    loose = replace(column, null=True)
    yield c.AlterColumn(at, column, loose)
    yield c.DropColumn(at, loose)


RECIPES: Recipes = {
    c.CreateTable: create_table,
    c.DropTable: drop_table,
    c.DropColumn: drop_column,
}
