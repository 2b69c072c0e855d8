"""The declaration of a native model: its fields in order, its Meta, its parents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import ModelError, did_you_mean
from whimbrel.schema.expressions import Q
from whimbrel.schema.items import SchemaItem
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.numbers import BigAutoField
from whimbrel.state.fields.relations import CASCADE, OneToOneField, RelationField, full_label
from whimbrel.state.naming import table_name
from whimbrel.state.options import OPTION_NAMES, PrimaryKeyConstraint, normal_options

#: Meta's names that no history depends on.
_OF_PYTHON = ("abstract", "app_label", "verbose_name", "verbose_name_plural")
#: Names that SQLAlchemy and the model itself keep on a class.
_TAKEN = frozenset({"metadata", "registry", "Meta"})


@dataclass
class Info:
    """The declaration of a native model, as ``Model._meta``.

    fields: every field of its own table, by name, in order. options: what Meta says, in normal
    form. parents: the models whose tables it extends. place: "blog/models.py:12". keyless: its
    table has no primary key, and Meta says so. tables: its own, and those of its many-to-many
    fields. reverse_names: the accessors that others gave it.
    """

    model: type[Any]
    app_label: str
    name: str
    place: str
    abstract: bool = False
    keyless: bool = False
    fields: dict[str, Field] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    parents: tuple[type[Any], ...] = ()
    verbose_name: str | None = None
    verbose_name_plural: str | None = None
    tables: list[sa.Table] = field(default_factory=list)
    reverse_names: set[str] = field(default_factory=set)

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.name}"

    @property
    def schema(self) -> str | None:
        schema: str | None = self.options.get("schema")
        return schema

    @property
    def db_table(self) -> str:
        return self.options.get("db_table") or table_name(self.app_label, self.name)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of the fields of the primary key, in its order."""
        for constraint in self.options.get("constraints", ()):
            if isinstance(constraint, PrimaryKeyConstraint):
                return constraint.fields
        composite: tuple[str, ...] = self.options.get("primary_key", ())
        return composite or tuple(name for name, each in self.fields.items() if each.primary_key)

    def error(self, message: str, hint: str | None = None) -> ModelError:
        return ModelError(f"{self.label}: {message}", place=self.place, hint=hint)


def app_label(module: str) -> str:
    """The app of a module: "blog" for "acme.blog.models" and "acme.blog.models.posts"."""
    parts = module.split(".")
    if "models" in parts[1:]:
        return parts[len(parts) - 1 - parts[::-1].index("models") - 1]
    return parts[-2] if len(parts) > 1 else parts[0]


def read(model: type[Any], place: str) -> Info:
    """Return the declaration of a class. Takes its fields off the class: the mapping puts its own there."""
    meta = _meta(model)
    app = getattr(meta, "app_label", None) or app_label(model.__module__)
    info = Info(model, app, model.__name__, place, abstract=bool(vars(meta).get("abstract")))
    info.options = _options(info, meta)
    info.keyless = getattr(meta, "primary_key", ()) is None
    info.verbose_name = getattr(meta, "verbose_name", None)
    info.verbose_name_plural = getattr(meta, "verbose_name_plural", None)
    info.parents = tuple(_parents(model))
    info.fields = _fields(info)
    if not info.abstract:
        _add_key(info)
        _refuse_bad_names(info)
    return info


def _meta(model: type[Any]) -> type[Any]:
    """Its own Meta, or that of the nearest abstract parent, no longer abstract."""
    own = vars(model).get("Meta")
    if own is not None:
        return own  # type: ignore[no-any-return]
    for base in model.__mro__[1:]:
        info = _info(base)
        if info is not None and info.abstract and "Meta" in vars(base):
            return type("Meta", (vars(base)["Meta"],), {})
        if info is not None and not info.abstract:
            break
    return type("Meta", (), {})


def _info(model: type[Any]) -> Info | None:
    info: Info | None = vars(model).get("_meta")
    return info


def _options(info: Info, meta: type[Any]) -> dict[str, Any]:
    said = {
        name: getattr(meta, name)
        for base in reversed(meta.__mro__[:-1])
        for name in vars(base)
        if not name.startswith("_")
    }
    for name in said:
        if name not in OPTION_NAMES and name not in _OF_PYTHON:
            raise info.error(
                f"Meta has no option {name!r}",
                did_you_mean(name, (*OPTION_NAMES, *_OF_PYTHON))
                or f"Meta has: {', '.join((*_OF_PYTHON, *OPTION_NAMES))}.",
            )
    try:
        options = normal_options({name: said[name] for name in said if name in OPTION_NAMES})
    except (TypeError, ValueError) as error:
        raise info.error(f"Meta does not read: {error}", "Give lists of names.") from error
    for kind in ("indexes", "constraints"):
        if kind in options:
            options[kind] = _fill_names(info, options[kind])
    return options


def _fill_names(info: Info, parts: Iterable[Any]) -> list[Any]:
    """Indexes and constraints, with "%(class)s" in their names filled in.

    A name is one table's alone: models that inherit the same Meta need each their own.
    """
    if info.abstract:
        return list(parts)
    return [
        part.replace(name=part.name % _words(info)) if part.name and "%(" in part.name else part
        for part in parts
    ]


def _words(info: Info) -> dict[str, str]:
    return {"class": info.name.lower(), "app_label": info.app_label.lower()}


def _parents(model: type[Any]) -> Iterator[type[Any]]:
    """The nearest models above it that have tables."""
    for base in model.__bases__:
        info = _info(base)
        if info is not None and not info.abstract:
            yield base
        elif issubclass(base, _root(model)):
            yield from _parents(base)


def _root(model: type[Any]) -> type[Any]:
    """`Model` itself: the one whose `_meta` is an annotation only."""
    return next(base for base in reversed(model.__mro__) if "__whimbrel_root__" in vars(base))


def _fields(info: Info) -> dict[str, Field]:
    """Fields in the order of declaration, those of abstract parents and mixins first."""
    found: dict[str, Field] = {}
    for base in reversed(info.model.__mro__):
        if any(issubclass(parent, base) for parent in info.parents):
            continue  # its fields are in a parent's table
        known = _info(base)
        source = known.fields if known is not None else vars(base)
        for name, value in list(source.items()):
            if isinstance(value, Field):
                found[name] = value
            elif value is None:
                found.pop(name, None)
    for name, value in list(vars(info.model).items()):
        if isinstance(value, Field):
            delattr(info.model, name)
        elif isinstance(value, type) and issubclass(value, Field):
            raise info.error(
                f"the field {name!r} is the class {value.__name__} itself",
                f"Call it: {name} = {value.__name__}()",
            )
    return {name: _fill_related_name(value, info) for name, value in found.items()}


def _fill_related_name(value: Field, info: Info) -> Field:
    """A relation of an abstract model, with "%(class)s" in its related_name filled in."""
    if info.abstract or not isinstance(value, RelationField) or not value.related_name:
        return value
    return value.replace(related_name=value.related_name % _words(info))


def _add_key(info: Info) -> None:
    for parent in info.parents:
        _add_parent_link(info, parent)
    if not info.primary_key and not info.keyless:
        if "id" in info.fields:
            raise info.error(
                "the field id is not the primary key, and no other field is",
                "Add primary_key=True to it, or give it another name; a table without a primary "
                "key says primary_key = None in its Meta.",
            )
        info.fields = {"id": BigAutoField(primary_key=True), **info.fields}


def _add_parent_link(info: Info, parent: type[Any]) -> None:
    above: Info = parent._meta
    for name in info.fields:
        if name in above.fields:
            raise info.error(
                f"the field {name!r} is there already, in its parent {above.label}",
                "Give it another name, or make the parent abstract.",
            )
    links = (each for each in info.fields.values() if getattr(each, "parent_link", False))
    labels = (full_label(each.relation or "", info.app_label, info.name) for each in links)
    if above.label.lower() in map(str.lower, labels):
        return
    is_key = not info.primary_key
    link = OneToOneField(parent, CASCADE, parent_link=True, primary_key=is_key)
    info.fields = {f"{above.name.lower()}_ptr": link, **info.fields}


def _refuse_bad_names(info: Info) -> None:
    for name in info.fields:
        if name in _TAKEN or name.startswith("_") or "__" in name:
            raise info.error(
                f"a field cannot be called {name!r}",
                "SQLAlchemy keeps that name for itself. Use another, and db_column= for the column."
                if name in _TAKEN
                else "Use a name without a leading or a double underscore: Q(name__lookup=...) needs it.",
            )
    groups = [info.options.get("primary_key", ()), *info.options.get("unique_together", ())]
    groups += [sorted(item.mentions()[0]) for item in _items(info.options)]
    for name in chain.from_iterable(groups):
        if name not in info.fields:
            raise info.error(
                f"Meta names the field {name!r}, which there is not",
                did_you_mean(name, info.fields) or f"It has: {', '.join(info.fields)}.",
            )
    columns = {each.column_name(name) for name, each in info.fields.items() if each.has_column}
    for name in sorted(_names_in_conditions(info) - columns - info.fields.keys()):
        raise info.error(
            f"a Q names the field {name!r}, which there is not",
            f"It has: {', '.join(info.fields)}.",
        )


def _names_in_conditions(info: Info) -> frozenset[str]:
    """Return the fields that the model's conditions name, as far as they are no SQL."""
    said: list[Any] = [each for item in _items(info.options) for each in item.mentions()[1]]
    said += [getattr(field, "expression", None) for field in info.fields.values()]
    return frozenset(name for each in said if isinstance(each, Q) for name in each.names())


def _items(options: Mapping[str, Any]) -> list[SchemaItem]:
    given = (*options.get("indexes", ()), *options.get("constraints", ()))
    return [each for each in given if isinstance(each, SchemaItem)]
