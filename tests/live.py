"""Schemas as a database would show them, made of those that states lower to: without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from whimbrel.schema.expressions import SQL, Expression, Q
from whimbrel.schema.table import Check, Column, Exclude, Index, Schema, Table
from whimbrel.schema.types import ColumnType, EnumType, EnumValue, Type, enum_types, replace_enums


def as_seen(schema: Schema, *, keys: bool) -> Schema:
    """The schema with conditions as text, and (``keys`` False) without identities."""
    seen = Schema.of(
        tuple(_table(table, keys) for table in schema.tables.values()),
        tuple(each if keys else replace(each, key=None) for each in schema.sequences.values()),
    )
    return replace(seen, schemas=frozenset())


def _table(table: Table, keys: bool) -> Table:
    return _plain(
        replace(
            table,
            columns=tuple(_column(each, keys) for each in table.columns),
            constraints=tuple(_plain(_worded(each), keys) for each in table.constraints),
            indexes=tuple(_plain(_worded(each), keys) for each in table.indexes),
        ),
        keys,
    )


def _plain(value: Any, keys: bool) -> Any:
    return value if keys else replace(value, key=None)


def _column(column: Column, keys: bool) -> Column:
    column = _collated(column)
    computed = column.computed and replace(
        column.computed, expression=_text(column.computed.expression)
    )
    seen = replace(
        column,
        computed=computed,
        default=_seen_default(column),
        fill=None,
        type=_seen_type(column.type, keys),
    )
    return seen if keys else replace(seen, key=None)


def _collated(column: Column) -> Column:
    """A collation that the type was given is the column's."""
    given = dict(column.type.kwargs) if isinstance(column.type, Type) else {}
    collation = given.pop("collation", None)
    if collation is None:
        return column
    return replace(
        column, type=replace(column.type, kwargs=tuple(given.items())), collation=collation
    )


def _seen_default(column: Column) -> SQL | None:
    """A default in a database's words."""
    if column.default is None or isinstance(column.default, SQL):
        return column.default
    value = column.default.value
    if isinstance(value, bool | int):
        return SQL(str(value).lower())
    words = str(value).replace("'", "''")
    return SQL(f"'{words}'")


def _seen_type(of: ColumnType, keys: bool) -> ColumnType:
    """A type whose enums ask for no CHECK: where they are types, nobody can tell."""
    return replace_enums(of, {enum: _seen_enum(enum, keys) for enum in enum_types(of)})


def _seen_enum(enum: EnumType, keys: bool) -> EnumType:
    unkeyed = tuple(EnumValue(each) for each in enum.labels)
    seen = replace(enum, check=False, length=None)
    return seen if keys else replace(seen, values=unkeyed, key=None)


def _worded(part: Any) -> Any:
    if isinstance(part, Check):
        return replace(part, expression=_text(part.expression))
    if isinstance(part, Index | Exclude) and part.where is not None:
        return replace(part, where=_text(part.where))
    return part


def _text(of: Expression) -> SQL:
    """A condition as text: that of one comparison as a database writes it, others anyhow."""
    if isinstance(of, SQL):
        return of
    only = of.children[0] if len(of.children) == 1 and not of.negated else None
    if isinstance(only, tuple) and only[1] == "gte" and not isinstance(only[2], Q):
        return SQL(f"({only[0]} >= {only[2]!r})")
    return SQL(repr(of))
