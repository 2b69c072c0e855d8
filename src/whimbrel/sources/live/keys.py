"""Foreign keys as fields."""

from __future__ import annotations

from typing import Any

from whimbrel.schema.table import Column, ForeignKey
from whimbrel.sources.live.constraints import on_delete_of
from whimbrel.sources.live.field_inference import options_of
from whimbrel.sources.live.renaming import LiveTable, Places, follows
from whimbrel.state.fields import Field, OneToOneField
from whimbrel.state.fields import ForeignKey as ForeignKeyField


def key_field(
    place: LiveTable, column: Column, key: ForeignKey, there: Places, dialect: str, **options: Any
) -> Field:
    """The field of a column that points at another table, or its own."""
    target, name = there[key.target], place.fields[column.name]
    is_key = target.is_key(key.target_columns)
    has_type = follows(place.table, column.name, there, dialect)
    said: dict[str, Any] = {
        "to_field": None if is_key else target.fields[key.target_columns[0]],
        "on_update": key.on_update,
        "deferrable": key.deferrable,
        "match": key.match,
        "type": None if has_type else column.type,
        "db_column": None if column.name == f"{name}_id" else column.name,
    }
    given = {option: value for option, value in said.items() if value is not None}
    every = {**options_of(column, dialect), **given, **options}
    if every.pop("unique", False):
        return OneToOneField(target.label, on_delete_of(key), **every)
    return ForeignKeyField(
        target.label, on_delete_of(key), db_index=every.pop("db_index", False), **every
    )
