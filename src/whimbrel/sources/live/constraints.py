"""Live constraints and indexes as those of a model, named only where they have to be; foreign keys as fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    PrimaryKey,
    Unique,
)
from whimbrel.sources.live.field_inference import options_of
from whimbrel.sources.live.tables import LiveTable, LiveTables, follows
from whimbrel.state import options
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import DO_NOTHING, OnDelete, OneToOneField
from whimbrel.state.fields.relations import ForeignKey as ForeignKeyField
from whimbrel.state.model import Model

_ON_DELETE = {each.value: each for each in OnDelete if each is not OnDelete.PROTECT}


def on_delete_of(key: ForeignKey) -> OnDelete:
    """Return the ``on_delete`` of a foreign key."""
    return _ON_DELETE.get(key.on_delete, DO_NOTHING)


def with_parts(
    model: Model,
    place: LiveTable,
    parts: Iterable[Constraint | Index],
    there: LiveTables,
    before: Callable[[str, Any], Any] = lambda name, value: value,
) -> Model:
    """The model with these constraints and indexes of its table, born now.

    Indexes come first, as where a model is read from code. A foreign key to a table that is no
    model is left out. before: adds to a part of a name what was said of other dialects.
    """
    parts = list(parts)
    found: dict[str, list[options.NamedItem]] = {"indexes": [], "constraints": []}
    for live in sorted(parts, key=lambda each: not isinstance(each, Index)):
        value = value_of(live, place, there)
        if value is not None:
            kind = "indexes" if isinstance(live, Index) else "constraints"
            model, part = _without_own_name(model, before(live.name, value), live.name)
            found[kind].append(part)
    return model.with_options(
        indexes=(*model.options.indexes, *found["indexes"]),
        constraints=(*model.options.constraints, *found["constraints"]),
    )


def beside_others(value: Any, was: Any, dialect: str) -> Any:
    """A part of one dialect's database, with what it was said to be on others."""
    condition = getattr(was, "condition", None)
    changed = {"dialects": was.dialects}
    if isinstance(condition, SQL) and condition.dialects and type(value) is type(was):
        own = value.condition.on(dialect) if value.condition is not None else ""
        others = dict(condition.dialects)
        changed["condition"] = SQL(condition.text, **{**others, dialect: own})
    return value.replace(**changed)


def _without_own_name(model: Model, value: Any, name: str) -> tuple[Model, options.NamedItem]:
    """The part, without a name where it gets this one by itself, or the database has none."""
    made, part = model.add_item(value)
    if name in ("", part.name):
        return made, part
    return model.add_item(value.replace(name=name))


def value_of(part: Constraint | Index, place: LiveTable, there: LiveTables) -> Any:
    """A constraint or an index in a model's words, without its name."""
    own: Any = part.replace_mentions(place.fields.__getitem__, lambda of: of)
    match own:
        case Index():
            return options.Index(
                *own.parts,
                unique=own.unique,
                method=own.method,
                include=own.include,
                condition=own.where,
                nulls_distinct=not own.nulls_not_distinct,
                options=dict(own.options),
            )
        case Unique():
            return options.UniqueConstraint(
                fields=own.columns,
                deferrable=own.deferrable,
                include=own.include,
                nulls_distinct=not own.nulls_not_distinct,
            )
        case Check():
            return options.CheckConstraint(own.expression)
        case PrimaryKey():
            return options.PrimaryKeyConstraint(fields=own.columns)
        case Exclude():
            return options.ExclusionConstraint(
                expressions=own.elements,
                method=own.method,
                condition=own.where,
                deferrable=own.deferrable,
            )
        case ForeignKey():
            return _foreign_key(own, there)


def _foreign_key(key: ForeignKey, there: LiveTables) -> options.ForeignKeyConstraint | None:
    target = there.get(key.target)
    if target is None or not all(column in target.fields for column in key.target_columns):
        return None
    return options.ForeignKeyConstraint(
        fields=key.columns,
        to=target.label,
        to_fields=target.names_of(key.target_columns),
        on_delete=on_delete_of(key),
        on_update=key.on_update,
        deferrable=key.deferrable,
        match=key.match,
    )


def is_plain_index(index: Constraint | Index, column: str) -> bool:
    """True if ``db_index=True`` of the column's field says all of the index."""
    return index == Index(index.name, (IndexPart(column),))


def is_plain_unique(unique: Constraint | Index, column: str) -> bool:
    """True if ``unique=True`` of the column's field says all of the constraint."""
    return isinstance(unique, Unique) and unique == Unique(unique.name, (column,))


def key_field(
    place: LiveTable,
    column: Column,
    key: ForeignKey,
    there: LiveTables,
    dialect: str,
    **options: Any,
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
