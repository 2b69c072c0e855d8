"""Fields of bytes, UUIDs, JSON, addresses, enums, arrays, and computed ones."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import replace
from typing import Any, ClassVar, Unpack

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import SQL, Expression, Q, plain_condition
from whimbrel.schema.table import Computed
from whimbrel.schema.types import ColumnType, EnumType, EnumValue, make_type
from whimbrel.state.fields.base import Field, FieldOptions, NamedOptions
from whimbrel.state.fields.text import NamedField


class BinaryField(NamedField):
    """Bytes."""

    accepts: ClassVar[Mapping[str, Any]] = {**Field.accepts, "max_length": None}
    max_length: int | None

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        self._take({"verbose_name": verbose_name, "max_length": max_length, **options})

    def column_type(self) -> ColumnType:
        if self.max_length is None:
            return make_type("sqlalchemy:LargeBinary")
        return make_type("sqlalchemy:LargeBinary", length=self.max_length)


class UUIDField(NamedField):
    """A UUID: the database's own type, or 32 characters."""

    type_name = "Uuid"


class JSONField(NamedField):
    """JSON; JSONB on PostgreSQL."""

    def column_type(self) -> ColumnType:
        return make_type(
            "sqlalchemy:JSON",
            variants={"postgresql": make_type("sqlalchemy.dialects.postgresql:JSONB")},
        )


class GenericIPAddressField(NamedField):
    """An IPv4 or IPv6 address: INET on PostgreSQL, 39 characters elsewhere."""

    def column_type(self) -> ColumnType:
        return make_type(
            "sqlalchemy:String",
            length=39,
            variants={"postgresql": make_type("sqlalchemy.dialects.postgresql:INET")},
        )


class EnumField(Field):
    """One of a few labels: a type of its own on PostgreSQL, VARCHAR with a CHECK elsewhere.

    ``values``: labels, or an `enum.Enum` whose members' values (strings) are the labels.
    ``name``: the type's; fields that share it share the type. By default one is made from
    the field's identity. A migration file holds the labels, never the class.
    """

    positional: ClassVar[tuple[str, ...]] = ("values",)
    accepts: ClassVar[Mapping[str, Any]] = {**Field.accepts, "name": None, "schema": None}
    values: tuple[str, ...]
    name: str | None
    schema: str | None
    #: The Python class behind the labels, in models that are alive.
    enum_class: type[enum.Enum] | None

    def __init__(
        self,
        values: type[enum.Enum] | AbstractSequence[str],
        *,
        name: str | None = None,
        schema: str | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._take({"name": name, "schema": schema, **options})
        self._set("enum_class", values if isinstance(values, type) else None)
        labels = (
            tuple(member.value for member in values) if isinstance(values, type) else tuple(values)
        )
        self._set("values", labels)
        if (
            not labels
            or not all(isinstance(label, str) for label in labels)
            or len(set(labels)) < len(labels)
        ):
            raise ModelError(
                f"the values of an enum must be strings, each once: {list(labels)!r}",
                hint="Give a list of labels, or an Enum whose members' values are strings.",
            )

    def column_type(self) -> ColumnType:
        values = tuple(EnumValue(label, self.label_keys.get(label)) for label in self.values)
        return EnumType(self.name or "", values, self.schema)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        name, _, kwargs = super().deconstruct()
        return name, [list(self.values)], {key: self.plain(value) for key, value in kwargs.items()}


class ArrayField(Field):
    """An array of another field's values (PostgreSQL). ``size`` is kept for people's sake."""

    positional: ClassVar[tuple[str, ...]] = ("base_field",)
    accepts: ClassVar[Mapping[str, Any]] = {**Field.accepts, "size": None, "dimensions": None}
    base_field: Field
    size: int | None
    dimensions: int | None

    def __init__(
        self,
        base_field: Field,
        *,
        size: int | None = None,
        dimensions: int | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._take({"size": size, "dimensions": dimensions, **options})
        self._set("base_field", base_field)

    def frozen(self) -> ArrayField:
        return self.replace(base_field=self.base_field.frozen())

    def naming_classes(self) -> ArrayField:
        return self.replace(base_field=self.base_field.naming_classes())

    def column_type(self) -> ColumnType:
        inner = self._with_label_keys(self.base_field.column_type())
        if self.dimensions is None:
            return make_type("sqlalchemy:ARRAY", item_type=inner)
        return make_type("sqlalchemy:ARRAY", item_type=inner, dimensions=self.dimensions)


class GeneratedField(Field):
    """A column that the database computes: ``GeneratedField(SQL("price * stock"), IntegerField())``.

    ``db_persist`` True (the default) stores it, False computes it when it is read.
    """

    positional: ClassVar[tuple[str, ...]] = ("expression", "output_field")
    accepts: ClassVar[Mapping[str, Any]] = {**Field.accepts, "null": True, "db_persist": True}
    expression: Expression
    output_field: Field
    db_persist: bool

    def __init__(
        self,
        expression: Expression,
        output_field: Field,
        *,
        db_persist: bool = True,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._take({"db_persist": db_persist, **options})
        if not isinstance(expression, SQL | Q):
            raise ModelError(
                f"a generated field is computed by SQL, not by {expression!r}",
                hint='Write it in SQL\'s own words: models.SQL("price * stock").',
            )
        self._set("expression", plain_condition(expression))
        self._set("output_field", output_field)
        if self.has_default or self.column_default() is not None:
            raise ModelError(
                "a generated field has no default", hint="Take default= or db_default= away."
            )

    def frozen(self) -> GeneratedField:
        return self.replace(output_field=self.output_field.frozen())

    def naming_classes(self) -> GeneratedField:
        return self.replace(output_field=self.output_field.naming_classes())

    def column_type(self) -> ColumnType:
        return self.output_field.column_type()

    def computed(self) -> Computed | None:
        return Computed(self.expression, self.db_persist)


def named_enum(of: ColumnType, name: str, key: str | None) -> ColumnType:
    """The type with its enum named, where the field left that to its identity."""
    if not isinstance(of, EnumType):
        return of
    return replace(of, name=of.name or name, key=key)
