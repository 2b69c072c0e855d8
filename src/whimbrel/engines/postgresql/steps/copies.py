"""Copies of what is made of columns, over the columns that take their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from whimbrel.engines.postgresql.steps.constraints import index_of
from whimbrel.schema.table import (
    Check,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from whimbrel.state.naming import shorten


@dataclass(frozen=True)
class Copy:
    """A constraint or an index, and what holds the same of the new columns, under a temporary name.

    That of a primary or unique key is a unique index.
    """

    table: Name
    part: Constraint | Index
    copy: Check | ForeignKey | Index


def temporary(name: str) -> str:
    """Return the name of a column, a constraint, an index or a label until it takes its own."""
    return shorten(f"{name}_whimbrel")


def copies(tables: Iterable[Table], names: Mapping[Name, Mapping[str, str]]) -> Iterator[Copy]:
    """Yield the copies of what is made of columns and of what points at them; foreign keys last.

    names: by table, its old columns and the new ones. Exclusions have no copy.
    """
    found = [
        Copy(table.at, part, copy)
        for table in tables
        for part in (*table.constraints, *table.indexes)
        if (copy := _copy(table, part, names)) is not None
    ]
    yield from sorted(found, key=lambda each: isinstance(each.copy, ForeignKey))


def _copy(
    table: Table, part: Constraint | Index, names: Mapping[Name, Mapping[str, str]]
) -> Check | ForeignKey | Index | None:
    own = names.get(table.at, {})
    if part.columns_among(frozenset(own.values())):
        return None  # it is a copy
    renamed = part.rename(own) if own else part
    if isinstance(renamed, ForeignKey):
        renamed = renamed.follow_target({}, names)
    if renamed == part:
        return None
    name = temporary(part.name)
    match renamed:
        case PrimaryKey() | Unique():
            return index_of(renamed).replace(name=name)
        case Check() | ForeignKey() | Index():
            return renamed.replace(name=name, key=None)
    return None
