"""Words for tables as values, so that tests that are tables stay short."""

from __future__ import annotations

from typing import Any

from whimbrel.schema.table import (
    Column,
    Constraint,
    Index,
    IndexPart,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
)
from whimbrel.schema.types import ColumnType, EnumType, EnumValue, make_type


def kind(name: str, **arguments: Any) -> ColumnType:
    return make_type(f"sqlalchemy:{name}", **arguments)


INTEGER, BIG, SMALL, TEXT = kind("Integer"), kind("BigInteger"), kind("SmallInteger"), kind("Text")
BOOLEAN, DATE, MOMENT = kind("Boolean"), kind("Date"), kind("DateTime")
ZONED, JSON, UUID_TYPE, BYTES = (
    kind("DateTime", timezone=True),
    kind("JSON"),
    kind("Uuid"),
    kind("LargeBinary"),
)
JSONB = make_type("sqlalchemy.dialects.postgresql:JSONB")
INTERVAL, FLOAT = kind("Interval"), kind("Float")


def varchar(length: int, **more: Any) -> ColumnType:
    return kind("String", length=length, **more)


def numeric(precision: int, scale: int) -> ColumnType:
    return kind("Numeric", precision=precision, scale=scale)


def array(of: ColumnType) -> ColumnType:
    return kind("ARRAY", item_type=of)


def enum(*labels: str | tuple[str, str], name: str = "mood", **more: Any) -> EnumType:
    """An enum; a pair is a label and its identity."""
    values = (EnumValue(each) if isinstance(each, str) else EnumValue(*each) for each in labels)
    return EnumType(name, tuple(values), **more)


def table(*parts: Column | Constraint | Index, name: str = "post", **more: Any) -> Table:
    """A table with a key of its own: ``id``, unless a column of that name is given."""
    columns = [part for part in parts if isinstance(part, Column)]
    if not any(column.name == "id" for column in columns):
        columns.insert(0, Column("id", INTEGER))
    constraints = [part for part in parts if not isinstance(part, Column | Index)]
    if not any(isinstance(each, PrimaryKey) for each in constraints):
        constraints.insert(0, PrimaryKey(f"{name}_pk", ("id",)))
    indexes = [part for part in parts if isinstance(part, Index)]
    more = {"key": name, **more}
    return Table(name, tuple(columns), tuple(constraints), tuple(indexes), **more)


def index(*columns: str, name: str = "post_idx", **more: Any) -> Index:
    return Index(name, tuple(IndexPart(column) for column in columns), **more)


def schema(*tables: Table, sequences: tuple[Sequence, ...] = ()) -> Schema:
    return Schema.of(tables, sequences)


def column(type: ColumnType, **more: Any) -> Column:
    """The column that a case is about, the same one before and after."""
    return Column(**{"name": "x", "type": type, "key": "x", **more})
