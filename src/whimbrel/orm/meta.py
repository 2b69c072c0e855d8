"""``_meta`` of a historical model: its names, its fields, and the relations that point at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import MissingField, QueryAttributeError, QueryError, did_you_mean
from whimbrel.orm.apps import Apps
from whimbrel.orm.referrers import Reverse, find_reverses, python_names
from whimbrel.sources.declaration import Info
from whimbrel.sources.mapping import attribute
from whimbrel.sources.relationships import constrain
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model


@dataclass(frozen=True, eq=False)
class BoundField:
    """A field in its model: ``name``, ``attname`` (where an instance keeps the value), ``column``.

    What the field itself says (``null``, ``max_length``, ...) can be asked of it too.
    """

    name: str
    attname: str
    field: Field
    meta: Meta

    @property
    def column(self) -> str:
        """The column's name."""
        return self.field.column_name(self.name)

    @property
    def model(self) -> type[Any]:
        """The model that the field is of."""
        return self.meta.model

    @property
    def related_model(self) -> type[Any] | None:
        """The model that it points at."""
        return self.meta.apps.model_class(self.field.relation) if self.field.relation else None

    @property
    def is_relation(self) -> bool:
        """True if it points at a model."""
        return self.field.relation is not None

    @property
    def table_column(self) -> sa.Column[Any]:
        """SQLAlchemy's column of it."""
        return self.meta.table.c[self.column]

    def __getattr__(self, name: str) -> Any:
        if name in _INSTEAD_OF_FIELD:
            raise QueryAttributeError(
                f"a field of a historical model has no {name!r}", hint=_INSTEAD_OF_FIELD[name]
            )
        return getattr(self.field, name)

    def __repr__(self) -> str:
        return f"<{self.meta.label}.{self.name}: {type(self.field).__name__}>"


#: Hints for names that a field, and a model's ``_meta``, have in Django.
_INSTEAD_OF_FIELD = {
    "get_internal_type": "type(field.field).__name__ is the name of its kind.",
    "remote_field": "field.related_model is what it points at, field.is_relation whether it does.",
    "to_python": "Saving converts values; read them with refresh_from_db().",
    "value_from_object": "row.serializable_value(field.name) gives the value.",
}
_INSTEAD_OF_META = {
    "unique_together": "The constraints of this point of history: _meta.value.options.constraints.",
    "index_together": "The indexes of this point of history: _meta.value.options.indexes.",
    "related_objects": "The relations that point at it: _meta.reverses, by accessor.",
    "verbose_name": "History knows no names for people: _meta.object_name.",
    "verbose_name_plural": "History knows no names for people: _meta.object_name.",
    "permissions": "Write them into the function.",
    "default_manager": "The model's only manager is Model.objects.",
}


class Meta:
    """A historical model's ``_meta``: names, fields, relations. ``info``: what builders share."""

    def __init__(self, apps: Apps, info: Info, value: Model, parent: Meta | None) -> None:
        self.apps = apps
        self.info = info
        self.value = value
        self.parent = parent
        #: PinnedIdentity by `find_hop`.
        self.hops: dict[str, Any] = {}

    # -- names

    @property
    def model(self) -> type[Any]:
        """The class."""
        return self.info.model

    @property
    def label(self) -> str:
        """ "blog.BlogPost"."""
        return self.info.label

    @property
    def label_lower(self) -> str:
        """ "blog.blogpost"."""
        return self.label.lower()

    @property
    def app_label(self) -> str:
        """ "blog"."""
        return self.info.app_label

    @property
    def object_name(self) -> str:
        """ "BlogPost"."""
        return self.info.name

    @property
    def model_name(self) -> str:
        """ "blogpost"."""
        return self.info.name.lower()

    @property
    def db_table(self) -> str:
        """The table's name."""
        return self.info.db_table

    @property
    def managed(self) -> bool:
        """True if migrations make its table."""
        return self.value.options.managed

    @property
    def ordering(self) -> tuple[str, ...]:
        """The order of rows where a query asks for none."""
        own = self.value.options.ordering
        return own or (self.parent.ordering if self.parent else ())

    @property
    def table(self) -> sa.Table:
        """SQLAlchemy's table of it."""
        table: sa.Table = self.model.__table__
        return table

    def __repr__(self) -> str:
        return f"<_meta of {self.label}>"

    def __getattr__(self, name: str) -> Any:
        raise QueryAttributeError(
            f"the _meta of a historical model has no {name!r}",
            hint=_INSTEAD_OF_META.get(name, "Models as values: _meta.value, of whimbrel.state."),
        )

    # -- fields

    @cached_property
    def own_fields(self) -> tuple[BoundField, ...]:
        """The fields with a column in its own table."""
        return tuple(
            BoundField(name, attribute(name, field), field, self)
            for name, field in self.info.fields.items()
            if field.has_column
        )

    @cached_property
    def fields(self) -> tuple[BoundField, ...]:
        """Every field with a column, those of its parent's table first."""
        return (*(self.parent.fields if self.parent else ()), *self.own_fields)

    @property
    def concrete_fields(self) -> tuple[BoundField, ...]:
        """Every field with a column."""
        return self.fields

    @property
    def local_fields(self) -> tuple[BoundField, ...]:
        """The fields with a column in its own table."""
        return self.own_fields

    @cached_property
    def many_to_many(self) -> tuple[BoundField, ...]:
        """The fields that are tables of their own."""
        above = self.parent.many_to_many if self.parent else ()
        own = (
            BoundField(name, name, field, self)
            for name, field in self.info.fields.items()
            if isinstance(field, ManyToManyField)
        )
        return (*above, *own)

    def get_fields(self) -> list[BoundField]:
        """Every field, many-to-many ones too."""
        return [*self.fields, *self.many_to_many]

    def get_field(self, field_name: str) -> BoundField:
        """The field of a name. Raises `MissingField`, naming those that there are."""
        if field_name in self.fields_by_name:
            return self.fields_by_name[field_name]
        for each in self.many_to_many:
            if each.name == field_name:
                return each
        raise self.unknown_field(field_name)

    @cached_property
    def fields_by_name(self) -> dict[str, BoundField]:
        """Fields with columns by their names, by those of their attributes, and "pk"."""
        fields = {each.attname: each for each in self.fields}
        fields |= {each.name: each for each in self.fields}
        if len(self.primary_key) == 1:
            fields.setdefault("pk", self.primary_key[0])
        return fields

    @cached_property
    def primary_key(self) -> tuple[BoundField, ...]:
        """The fields of its own table's primary key, in their order."""
        own = {each.name: each for each in self.own_fields}
        return tuple(own[name] for name in self.info.primary_key)

    def target_field(self, to_field: str | None) -> BoundField:
        """The field that a key points at."""
        return self.fields_by_name[python_names(self.value)[to_field]] if to_field else self.pk

    @property
    def pk(self) -> BoundField:
        """The primary key's field. Raises `QueryError` where there are several, or none."""
        if len(self.primary_key) != 1:
            raise QueryError(
                f"the primary key of {self.label} has {len(self.primary_key)} fields",
                hint="Name its fields one by one.",
            )
        return self.primary_key[0]

    @cached_property
    def missing_related_error(self) -> type[Exception]:
        """The error of a relation that leads to no row of this model."""
        bases = (self.model.DoesNotExist, AttributeError)
        return type("RelatedObjectDoesNotExist", bases, {"__module__": self.model.__module__})

    @cached_property
    def lineage(self) -> tuple[Meta, ...]:
        """The models whose tables hold parts of its rows, the topmost first."""
        return (*(self.parent.lineage if self.parent else ()), self)

    @cached_property
    def link(self) -> BoundField | None:
        """The key to the parent's row."""
        if self.parent is None:
            return None
        above = self.parent.label_lower
        return next(
            each
            for each in self.own_fields
            if getattr(each.field, "parent_link", False)
            and (each.field.relation or "").lower() == above
        )

    # -- relations

    @cached_property
    def reverses(self) -> dict[str, Reverse]:
        """The relations that point at it, by the name of the accessor. Nothing is built for it."""
        taken = {*self.info.fields, *(each.attname for each in self.own_fields)}
        return find_reverses(self.apps.state, self.value, taken)

    def lookup_names(self) -> list[str]:
        """The names that a lookup may begin with."""
        reverse = [each.query_name for meta in self.lineage for each in meta.reverses.values()]
        return list(dict.fromkeys([*(each.name for each in self.get_fields()), *reverse]))

    def unknown_field(self, name: str) -> MissingField:
        """The error for a name that is neither a field nor a relation."""
        there = self.lookup_names()
        return MissingField(
            f"{self.label} has no field {name!r} at this point of history",
            place=self.value.place,
            hint=did_you_mean(name, there, f"It has: {', '.join(there)}."),
        )

    # -- SQLAlchemy's side

    def constrain(self, other: Meta) -> None:
        """Make the foreign keys to another table that is there by now."""
        for each in self.own_fields:
            field = each.field
            if not isinstance(field, ForeignKey) or field.to.lower() != other.label_lower:
                continue
            if field.db_constraint and (field.to_field or len(other.primary_key) == 1):
                remote = other.target_field(field.to_field).table_column
                constrain(self.table, each.name, field, remote)


def meta_of(apps: Apps, label: str) -> Meta:
    """The ``_meta`` of a label's class, which is built now if it was not before."""
    meta: Meta = apps.model_class(label)._meta
    return meta
