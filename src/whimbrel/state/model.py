"""A model as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from whimbrel.errors import StateError
from whimbrel.schema.table import Name
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import ManyToManyField
from whimbrel.state.naming import identity, item_name, table_name, through_table_name
from whimbrel.state.options import (
    CheckConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    NamedItem,
    Options,
    PrimaryKeyConstraint,
    UniqueConstraint,
)


class ModelField(NamedTuple):
    """A field in its model: name, value, identity."""

    name: str
    field: Field
    key: str


class PinnedIdentity(NamedTuple):
    """The identity of a model that a squash makes, and that was once made under other names.

    ``key``: its identity; ``fields``: those of fields, by the names they are born with now;
    ``name_counts``: see `Model`.
    """

    key: str | None = None
    fields: Mapping[str, str] = MappingProxyType({})
    name_counts: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Model:
    """A model. ``name_counts`` counts how often a name was given to a field or a part of it.

    ``key`` is its identity; ``bases`` the labels of its parents; ``place`` where its code is;
    ``pinned`` the identities of fields that are yet to be born, by name (see `PinnedIdentity`).
    """

    app: str
    name: str
    key: str
    fields: tuple[ModelField, ...] = ()
    options: Options = field(default_factory=Options)
    bases: tuple[str, ...] = ()
    name_counts: Mapping[str, int] = field(default_factory=dict)
    place: str | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """ "app.Model", as people write it."""
        return f"{self.app}.{self.name}"

    @property
    def db_table(self) -> str:
        """The table's name."""
        return self.options.db_table or table_name(self.app, self.name)

    @property
    def at(self) -> Name:
        """The schema and name of its own table."""
        return Name(self.options.schema, self.db_table)

    def through_table(self, each: ModelField) -> Name | None:
        """Return the schema and name of a many-to-many field's table; None for a field without one."""
        field = each.field
        if not isinstance(field, ManyToManyField) or field.through is not None:
            return None
        name = field.db_table or through_table_name(self.db_table, each.name)
        return Name(self.options.schema, name)

    def tables(self) -> Iterator[Name]:
        """Yield the names of all its tables: its own, and those of its many-to-many fields."""
        yield self.at
        yield from filter(None, map(self.through_table, self.fields))

    # -- fields

    def find(self, name: str) -> ModelField | None:
        """The field of that name, or None."""
        return self._named.get(name)

    @cached_property
    def _named(self) -> dict[str, ModelField]:
        return {each.name: each for each in reversed(self.fields)}

    def field(self, name: str) -> ModelField:
        """The field of that name. Raises `StateError`, naming those that there are."""
        found = self.find(name)
        if found is None:
            raise StateError(
                f"{self.label} has no field {name!r}",
                place=self.place,
                hint=f"It has: {', '.join(each.name for each in self.fields) or 'none'}.",
            )
        return found

    def with_new_field(self, name: str, value: Field) -> Model:
        """The model with a field that is born now. Raises `StateError` where the name is taken."""
        if self.find(name) is not None:
            raise StateError(f"{self.label} has a field {name!r} already", place=self.place)
        count = self.name_counts.get(name, 0) + 1
        key = self.pinned.get(name) or f"{self.key}.{identity(name, count)}"
        return replace(
            self,
            fields=(*self.fields, ModelField(name, value, key)),
            name_counts={**self.name_counts, name: count},
            pinned={other: each for other, each in self.pinned.items() if other != name},
        )

    def pin(self, fields: Mapping[str, str], name_counts: Mapping[str, int]) -> Model:
        """The model with names counted on, and the identities of fields born from now on."""
        counted = {
            name: self.name_counts.get(name, 0) + number for name, number in name_counts.items()
        }
        return replace(
            self, name_counts={**self.name_counts, **counted}, pinned={**self.pinned, **fields}
        )

    def with_field(self, old: str, new: ModelField | None) -> Model:
        """The model with a field exchanged, or (None) taken out."""
        place = self.fields.index(self.field(old))
        exchanged = (new,) if new is not None else ()
        made = replace(self, fields=(*self.fields[:place], *exchanged, *self.fields[place + 1 :]))
        if new is not None and new.name == old:  # so that a thousand fields are not indexed again
            made.__dict__["_named"] = {**self._named, old: new}
        return made

    def replace_all(self, field: Callable[[Field], Field], item: Callable[[Any], Any]) -> Model:
        """Return the model with each field, and each index and constraint, replaced.

        It is the model itself where all of them stay what they are.
        """

        def items(given: tuple[NamedItem, ...]) -> tuple[NamedItem, ...]:
            made = [(each, item(each.value)) for each in given]
            same = all(value is each.value for each, value in made)
            return given if same else tuple(replace(each, value=value) for each, value in made)

        fields = [field(each.field) for each in self.fields]
        is_same = all(one is each.field for one, each in zip(fields, self.fields, strict=True))
        indexes, constraints = items(self.options.indexes), items(self.options.constraints)
        if is_same and indexes is self.options.indexes and constraints is self.options.constraints:
            return self
        entries = zip(self.fields, fields, strict=True)
        return replace(
            self,
            fields=tuple(each._replace(field=value) for each, value in entries),
            options=replace(self.options, indexes=indexes, constraints=constraints),
        )

    @cached_property
    def primary_key(self) -> tuple[ModelField, ...]:
        """The fields of the primary key, in its order."""
        declared = self.options.declared_key
        names = declared.value.fields if declared is not None else self.options.primary_key
        marked = (each for each in self.fields if each.field.primary_key)
        return tuple(map(self.field, names) if names or declared is not None else marked)

    @cached_property
    def relations(self) -> frozenset[str]:
        """The labels, in lowercase, of the models that this one points at."""
        labels = [*self.bases]
        for each in self.fields:
            labels += filter(None, (each.field.relation, getattr(each.field, "through", None)))
        values = (part.value for part in self.options.constraints)
        labels += (each.to for each in values if isinstance(each, ForeignKeyConstraint))
        return frozenset(map(str.lower, labels))

    # -- indexes and constraints

    def add_item(self, value: Any) -> tuple[Model, NamedItem]:
        """An index or constraint that is born now, and the model that has counted it."""
        names, kind = item_members(value)
        members = [self.field(name).key for name in names]
        plain = item_name(self.key, members, kind)
        number = self.name_counts.get(plain, 0) + 1
        name = value.name or item_name(self.key, members, kind, number)
        key = f"{self.key}:{value.name or plain}"
        times = self.name_counts.get(key, 0) + 1
        counted = {**self.name_counts, key: times}
        if not value.name:
            counted[plain] = number
        return replace(self, name_counts=counted), NamedItem(value, name, identity(key, times))

    def with_options(self, **changed: Any) -> Model:
        """The model with other options, in their normal form."""
        return replace(self, options=replace(self.options, **changed))


def item_members(value: Any) -> tuple[tuple[str, ...], str]:
    """The fields that an index or constraint is named after, and the kind in its name.

    The kinds are not those of what a field brings with it ("idx", "uniq", "fk"): a field that
    is indexed may stand in an index of its model too.
    """
    match value:
        case Index():
            return value.fields, "unique_index" if value.unique else "index"
        case UniqueConstraint():
            return value.fields, "unique"
        case CheckConstraint():
            return (), "check"
        case ForeignKeyConstraint():
            return value.fields, "ref"
        case PrimaryKeyConstraint():
            return (), "pk"
        case ExclusionConstraint():
            return tuple(of for of, _ in value.expressions if isinstance(of, str)), "excl"
    raise StateError(f"{value!r} is neither an index nor a constraint")
