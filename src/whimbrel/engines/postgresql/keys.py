"""Keys that are said twice: PostgreSQL makes one of them (18, CREATE TABLE, "UNIQUE")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whimbrel.schema.table import Constraint, PrimaryKey, Schema, Table, Unique


def each_once(schema: Schema) -> Schema:
    """The schema with each key once; the same tables where nothing is said twice."""
    return replace(schema, tables={at: _table(table) for at, table in schema.tables.items()})


def _table(table: Table) -> Table:
    keys = [each for each in table.constraints if isinstance(each, PrimaryKey | Unique)]
    if len(keys) == len({_says(each) for each in keys}):
        return table
    return replace(table, constraints=tuple(_once(table.constraints, keys)))


def _once(
    constraints: Sequence[Constraint], keys: Sequence[PrimaryKey | Unique]
) -> Iterator[Constraint]:
    """The constraints, without keys that an earlier one says; the primary key comes before all."""
    known: set[object] = set()
    for each in sorted(constraints, key=lambda each: not isinstance(each, PrimaryKey)):
        if not isinstance(each, PrimaryKey | Unique):
            yield each
        elif _says(each) not in known:
            known.add(_says(each))
            yield _named(each, [key for key in keys if _says(key) == _says(each)])


def _named(first: PrimaryKey | Unique, same: Sequence[PrimaryKey | Unique]) -> Constraint:
    """The key that stays: under the first name that somebody gave to it."""
    named = next((each for each in same if each.named), first)
    if isinstance(first, PrimaryKey) and not first.named:
        return replace(first, name=named.name)
    return first if first.named else named


def _says(key: PrimaryKey | Unique) -> object:
    """Return what two keys have in common that are one."""
    if isinstance(key, PrimaryKey):
        return key.columns, None, False, ()
    return key.columns, key.deferrable, key.nulls_not_distinct, key.include
