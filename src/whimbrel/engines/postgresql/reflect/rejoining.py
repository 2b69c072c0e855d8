"""A table as it came back from the database, with what only the given one knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.reflect import normal
from whimbrel.schema.table import Check, Column, Constraint, ForeignKey, Index, Table
from whimbrel.schema.types import enum_types, replace_enums

#: Options that a temporary table does not have, or has otherwise.
_TABLESPACE = "postgresql_tablespace"
_GIVEN = ("postgresql_inherits", _TABLESPACE, "postgresql_unlogged")

_P = TypeVar("_P", Column, Constraint, Index)


def rejoined(given: Table, read: Table, usual: str) -> Table:
    """``read`` under the name and the keys of ``given``, with its foreign keys and its place.

    Parts that the database would not make are taken over from ``given``. usual: the tablespace
    that says nothing, since it is the database's.
    """
    return replace(
        read,
        name=given.name,
        schema=given.schema,
        columns=_joined(given.columns, read.columns, _column),
        constraints=_joined(given.constraints, read.constraints, _part),
        indexes=_joined(given.indexes, read.indexes, partial(_index, usual=usual)),
        options=_options(given.options, read.options, usual),
        key=given.key,
    )


def _joined(
    given: Iterable[_P], read: Iterable[_P], join: Callable[[_P, _P], _P]
) -> tuple[_P, ...]:
    """In the given order; then those that come from a table above."""
    found = {each.name: each for each in read}
    known = tuple(join(each, found.pop(each.name, each)) for each in given)
    return known + tuple(found.values())


def _column(given: Column, read: Column) -> Column:
    has_type = COMPILER.has_type_of
    enums = (normal.native(each) if has_type(each) else each for each in enum_types(given.type))
    of = replace_enums(read.type, {each: each for each in enums})
    return replace(read, type=of, fill=given.fill, key=given.key)


def _part(given: Constraint, read: Constraint) -> Constraint:
    if isinstance(given, ForeignKey):
        return given
    if isinstance(given, Check) and isinstance(read, Check):
        read = replace(read, not_valid=given.not_valid)
    return replace(read, key=given.key)


def _index(given: Index, read: Index, usual: str) -> Index:
    said = dict(given.options)
    place = said.get(_TABLESPACE) or said.get("tablespace")
    placed = {_TABLESPACE: place} if place else {}
    options = _without_usual({**dict(read.options), **placed}, usual)
    return replace(read, options=tuple(sorted(options.items())), key=given.key)


def _without_usual(options: dict[str, Any], usual: str) -> dict[str, Any]:
    return {k: value for k, value in options.items() if (k, value) != (_TABLESPACE, usual)}


def _options(
    given: Iterable[tuple[str, Any]], read: Iterable[tuple[str, Any]], usual: str
) -> tuple[tuple[str, Any], ...]:
    kept = {name: value for name, value in read if name not in _GIVEN}
    kept.update((name, value) for name, value in given if name in _GIVEN)
    return tuple(sorted(_without_usual(kept, usual).items(), key=lambda pair: pair[0]))
