"""Dependents of a column, in the way of its new type: dropped before, and recreated after.

PostgreSQL keeps checks, predicates and expressions with their constants' types in them. Where
the column's type is another one, those no longer fit ("operator does not exist: b = a").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from whimbrel.engines.postgresql.steps import constraints, indexes
from whimbrel.engines.postgresql.steps.builder import Builder
from whimbrel.engines.step import Step
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Column, Constraint, Exclude, ForeignKey, Index, Name, Table


@dataclass(frozen=True)
class Dependent:
    """A constraint or an index that is dropped for a while. ``stays``: it is recreated."""

    at: Name
    part: Constraint | Index
    stays: bool


def of_columns(
    table: Table, columns: Collection[str], builder: Builder, *, every: bool = False
) -> list[Dependent]:
    """Return what must be dropped for new types of some columns of a table.

    ``every``: all that is made of them, since the columns themselves go for a while.
    """
    parts = [
        part
        for part in (*table.indexes, *table.constraints)
        if (every or _is_in_the_way(part)) and part.columns_among(frozenset(columns))
    ]
    return [Dependent(table.at, part, not goes_later(table.at, part, builder)) for part in parts]


def _is_in_the_way(part: Constraint | Index) -> bool:
    """Checks and exclusions; indexes with an expression, a predicate or an operator class."""
    if isinstance(part, Index):
        return part.where is not None or any(
            isinstance(each.of, SQL) or each.opclass for each in part.parts
        )
    return isinstance(part, Check | Exclude)


def keys_between(tables: Mapping[Name, Collection[str]], builder: Builder) -> list[Dependent]:
    """Foreign keys from or to columns that change their types together."""
    return [
        Dependent(table.at, key, not goes_later(table.at, key, builder))
        for table in builder.tracker.tables()
        for key in table.foreign_keys
        if not set(tables.get(table.at, ())).isdisjoint(key.columns)
        or not set(tables.get(key.target, ())).isdisjoint(key.target_columns)
    ]


def goes_later(at: Name, part: Column | Constraint | Index, builder: Builder) -> bool:
    """Return True if a later change drops it anyway; then that is done now, and not again."""
    for number, change in enumerate(builder.later, builder.position + 1):
        match change:
            case c.DropColumn(table, of) | c.DropIndex(table, of) | c.DropConstraint(table, of):
                if (table, type(of), of.name) == (at, type(part), part.name):
                    builder.done.add(number)
                    return True
            case _:
                pass
    return False


def drop(found: list[Dependent], builder: Builder) -> Iterator[Step]:
    """Drop them, foreign keys first."""
    for each in sorted(found, key=lambda each: not isinstance(each.part, ForeignKey)):
        if isinstance(each.part, Index):
            yield indexes.drop(each.at, each.part, builder)
        else:
            yield constraints.drop(each.at, each.part, builder)


def recreate(
    found: list[Dependent], tables: Mapping[Name, Table], builder: Builder
) -> Iterator[Step]:
    """Recreate those that stay, on the tables as they are now; foreign keys last."""
    for each in sorted(found, key=lambda each: isinstance(each.part, ForeignKey)):
        table = tables.get(each.at) or builder.table(each.at)
        if not each.stays:
            continue
        if isinstance(each.part, Index):
            yield indexes.create(table, each.part, builder)
        else:
            yield constraints.add(each.at, each.part, builder, table)
