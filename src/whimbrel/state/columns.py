"""The columns of a model: their names, and their types, which for a key is that of what it points at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whimbrel.errors import ModelError, StateError
from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.table import Column, Computed
from whimbrel.schema.types import ColumnType, enum_types, replace_enums
from whimbrel.state import naming
from whimbrel.state.fields.others import named_enum
from whimbrel.state.fields.relations import ForeignKey
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


def key_types(state: State, model: Model) -> dict[str, tuple[str, ColumnType | None]]:
    """The columns of a model by field, with the types of those that keys may point at.

    Also of a model that somebody else manages, and of one that lowers to no table.
    """
    columns = Columns(state, model)
    return {
        each.name: (
            columns.names[each.name],
            columns.type_of(each) if each.field.unique or each.name in columns.key_names else None,
        )
        for each in model.fields
        if each.field.has_column
    }


def column_types(state: State, model: Model) -> dict[str, ColumnType]:
    """The types of a model's own columns, by the columns' names."""
    columns = Columns(state, model)
    return {
        columns.names[each.name]: columns.type_of(each)
        for each in model.fields
        if each.field.has_column
    }


@dataclass
class Target:
    """The target of a foreign key."""

    model: Model
    fields: tuple[ModelField, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(each.field.column_name(each.name) for each in self.fields)


class Columns:
    """The columns of one model of a state.

    names: by the names of fields. key_names: the fields of the primary key. looked_at: every model that
    had a say in what was asked.
    """

    def __init__(self, state: State, model: Model) -> None:
        self.state, self.model = state, model
        self.looked_at: dict[str, Model] = {model.label.lower(): model}
        self.names = {
            each.name: each.field.column_name(each.name)
            for each in model.fields
            if each.field.has_column
        }
        self.key_names = {each.name for each in model.primary_key}

    def column(self, each: ModelField) -> Column:
        """Return the column of a field that has one; its field keeps it, where no other has a say."""
        field = each.field
        if field.relation is not None or field.computed() is not None:
            return self._column(each)
        known: dict[tuple[str, str, bool], Column] = field.__dict__.setdefault("_columns", {})
        role = each.name, each.key, each.name in self.key_names
        if role not in known:
            known[role] = self._column(each)
        return known[role]

    def _column(self, each: ModelField) -> Column:
        field, computed = each.field, each.field.computed()
        if computed is not None:
            computed = Computed(self.in_columns(computed.expression), computed.stored)
        return Column(
            name=self.names[each.name],
            type=self.type_at(self.model, each),
            null=field.null and each.name not in self.key_names,
            default=field.column_default(),
            generated=field.generated(),
            computed=computed,
            collation=field.db_collation,
            comment=field.db_comment,
            fill=field.fill,
            lossy=field.lossy,
            key=each.key,
        )

    def type_of(self, each: ModelField) -> ColumnType:
        """The type of one of the model's own columns."""
        return self.column(each).type

    def type_at(self, owner: Model, each: ModelField, *way: str) -> ColumnType:
        """The type of any model's column. ``way``: the columns that point at it, and want its type."""
        field = each.field
        if each.key in way:
            raise ModelError(
                f"{owner.label}.{each.name} has the type of what it points at, and that is itself",
                place=owner.place,
                hint="Give one of the keys in this circle another primary key to point at.",
            )
        if isinstance(field, ForeignKey) and field.type is None:
            target = self.target_of(owner, each, field)
            return self.type_at(target.model, target.fields[0], *way, each.key)
        declared = field.column_type()
        fitted = {
            enum: named_enum(enum, naming.type_name(each.key), each.key)
            for enum in enum_types(declared)
        }
        return replace_enums(declared, fitted) if fitted else declared  # type: ignore[arg-type]

    def target_of(self, owner: Model, each: ModelField, key: ForeignKey) -> Target:
        """Return the target of a key of one column."""
        return self.target(owner, key.to, (key.to_field,) if key.to_field else (), each.name)

    def target(self, owner: Model, to: str, to_fields: Sequence[str], name: str) -> Target:
        """Return the target of ``name`` of a model. Raises `StateError`, or `ModelError` where it cannot be one."""
        model = self.state.find(to)
        if model is None:
            raise StateError(
                f"{owner.label}.{name} points at {to}, which is not there",
                place=owner.place,
                hint=f"Create {to} first, or remove the field that points at it.",
            )
        self.looked_at.setdefault(model.label.lower(), model)
        fields = tuple(model.field(each) for each in to_fields) or model.primary_key
        if not to_fields and len(fields) != 1:
            raise ModelError(
                f"{owner.label}.{name} points at {model.label}, whose primary key has {len(fields)} fields",
                place=owner.place,
                hint="Use a ForeignKeyConstraint over several fields, or name one with to_field=.",
            )
        for each in fields:
            if not each.field.has_column:
                raise ModelError(
                    f"{owner.label}.{name} points at {model.label}.{each.name}, which has no column",
                    place=owner.place,
                    hint="Point at a field that is unique.",
                )
        return Target(model, fields)

    def in_columns(self, expression: Expression) -> Expression:
        """Text speaks of columns as it is; a Q speaks of fields."""
        return expression if isinstance(expression, SQL) else expression.rename(self.names)

    def names_of(self, fields: Iterable[str]) -> tuple[str, ...]:
        """The names of the columns of fields, which are given by name."""
        return tuple(self.name_of(name) for name in fields)

    def name_of(self, name: str) -> str:
        """The name of a field's column. Raises `StateError` where it has none."""
        if name not in self.names:
            self.model.field(name)
            raise StateError(f"{self.model.label}.{name} has no column", place=self.model.place)
        return self.names[name]
