"""A table as it came back from the database, with what only the given one knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from whimbrel.engines.postgresql.live import normal
from whimbrel.engines.postgresql.spelling import SPELLING
from whimbrel.schema.table import Column, Constraint, ForeignKey, Index, Table
from whimbrel.schema.types import EnumType, enum_types, replace_enums

#: Options that a temporary table does not have, or has otherwise.
_GIVEN = ("postgresql_inherits", "postgresql_tablespace")


def rejoined(given: Table, read: Table) -> Table:
    """``read`` under the name and the keys of ``given``, with its foreign keys and its place.

    Parts that the database would not make are taken over from ``given``.
    """
    return replace(
        read,
        name=given.name,
        schema=given.schema,
        columns=_columns(given, read),
        constraints=_constraints(given, read),
        indexes=_indexes(given, read),
        options=_options(given.options, read.options),
        key=given.key,
    )


def _columns(given: Table, read: Table) -> tuple[Column, ...]:
    """In the given order; then those that come from a table above."""
    found = {column.name: column for column in read.columns}
    known = [_column(each, found.pop(each.name, each)) for each in given.columns]
    return (*known, *found.values())


def _column(given: Column, read: Column) -> Column:
    of = replace_enums(read.type, {_told(enum): _told(enum) for enum in enum_types(given.type)})
    return replace(read, type=of, fill=given.fill, key=given.key)


def _told(enum: EnumType) -> EnumType:
    return normal.native(enum) if SPELLING.has_type_of(enum) else enum


def _constraints(given: Table, read: Table) -> tuple[Constraint, ...]:
    found = {each.name: each for each in read.constraints}
    known = [_part(each, found.pop(each.name, each)) for each in given.constraints]
    return (*known, *found.values())


def _part(given: Constraint, read: Constraint) -> Constraint:
    return given if isinstance(given, ForeignKey) else replace(read, key=given.key)


def _indexes(given: Table, read: Table) -> tuple[Index, ...]:
    found = {each.name: each for each in read.indexes}
    known = [_index(each, found.pop(each.name, each)) for each in given.indexes]
    return (*known, *found.values())


def _index(given: Index, read: Index) -> Index:
    place = [pair for pair in given.options if pair[0] in ("tablespace", *_GIVEN)]
    options = [*read.options, *((_GIVEN[1], value) for _, value in place)]
    return replace(read, options=tuple(sorted(dict(options).items())), key=given.key)


def _options(
    given: Iterable[tuple[str, Any]], read: Iterable[tuple[str, Any]]
) -> tuple[tuple[str, Any], ...]:
    kept = {name: value for name, value in read if name not in _GIVEN}
    kept.update((name, value) for name, value in given if name in _GIVEN)
    return tuple(sorted(kept.items(), key=lambda pair: pair[0]))
