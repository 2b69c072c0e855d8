"""Whimbrel's own values as source: operations, fields, indexes, constraints, types, conditions."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from whimbrel.history import layout
from whimbrel.history.layout import Atom, Chained, Code, Group, Joined, Prefixed
from whimbrel.history.values import Values, Writer, is_default
from whimbrel.operations.backfill import Backfill
from whimbrel.operations.base import Operation
from whimbrel.operations.special import RunPython
from whimbrel.schema.domains import PATH as DOMAIN
from whimbrel.schema.expressions import LOOKUPS, SIGNS, SQL, Combinable, Combined, F, Q
from whimbrel.schema.table import Identity, IndexPart, Sequence
from whimbrel.schema.types import ColumnType, EnumType, Type, describe, is_sqlalchemy_type
from whimbrel.state.fields.base import Field, NotProvided, in_own_words
from whimbrel.state.fields.relations import OnDelete
from whimbrel.state.options import (
    CheckConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    NamedItem,
    PrimaryKeyConstraint,
    UniqueConstraint,
)


def new_values(*kinds: tuple[Any, Writer]) -> Values:
    """A writer that knows Whimbrel's values and Python's, and some kinds more."""
    return Values((*kinds, *_KINDS))


def _models(self: Values, name: str) -> str:
    return f"{self.imports.ours('models')}.{name}"


# -- operations ---------------------------------------------------------------------------------


def _operation(self: Values, value: Operation) -> Code:
    name, args, kwargs = value.deconstruct()
    ours = type(value).__module__.startswith("whimbrel.")
    head = (
        f"{self.imports.ours('migrations')}.{name}" if ours else self.imports.name_of(type(value))
    )
    with self.inside(value.describe()):
        written = [self.write(each) for each in args]
        return layout.call(
            head, written, [(key, _argument(self, key, each)) for key, each in kwargs.items()]
        )


def _argument(self: Values, name: str, value: Any) -> Code:
    with self.inside(name):
        if (
            name == "fields"
            and value
            and all(
                isinstance(each, tuple | list) and len(each) == 2 and isinstance(each[1], Field)
                for each in value
            )
        ):
            return Group("[", tuple(_named_field(self, *each) for each in value), "]", tall=True)
        if name == "options" and isinstance(value, Mapping):
            return self.write({key: _option(key, each) for key, each in value.items()})
        return self.write(value)


def _named_field(self: Values, name: str, field: Field) -> Code:
    with self.inside(name):
        return Group("(", (self.write(name), self.write(field)), ")")


def _option(name: str, value: Any) -> Any:
    """A model's option as people write it: lists, and a mapping for the dialects' own."""
    if name == "dialect":
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _function(self: Values, value: Any) -> Code:
    for owner in (RunPython, Backfill):
        if value is owner.noop:
            return Atom(f"{self.imports.ours('migrations')}.{owner.__name__}.noop")
    return Atom(self.imports.name_of(value))


# -- fields -------------------------------------------------------------------------------------


def _field(self: Values, value: Field) -> Code:
    value = in_own_words(value)
    name, args, kwargs = value.deconstruct()
    # What makes the kind comes before what every field has.
    names = sorted(kwargs, key=lambda name: name in Field.accepts)
    return self.call(
        _models(self, name), args, {name: _plain(value, name, kwargs[name]) for name in names}
    )


def _plain(field: Field, name: str, value: Any) -> Any:
    """Return the plain value of a default: a class of enums may change, history does not."""
    return field.stored(value) if name in ("default", "db_default") else value


# -- types --------------------------------------------------------------------------------------


def _column_type(self: Values, value: ColumnType) -> Code:
    plain = _enum_type(self, value) if isinstance(value, EnumType) else _plain_type(self, value)
    variants = value.variants if isinstance(value, Type) else ()
    if not variants:
        return plain
    calls = [layout.call(".with_variant", self.items((of, dialect))) for dialect, of in variants]
    return Chained(plain, tuple(calls))


def _plain_type(self: Values, value: Type) -> Code:
    if value.path == "sqlalchemy:Enum" and value.args and isinstance(value.args[0], EnumType):
        return _enum_type(self, value.args[0])
    args, kwargs = list(value.args), dict(value.kwargs)
    if value.path == DOMAIN:  # as people write it
        args = [kwargs.pop("name"), kwargs.pop("data_type")]
    return self.call(self.imports.path(value.path), args, kwargs)


def _enum_type(self: Values, value: EnumType) -> Code:
    # SQLAlchemy gives an Enum the length of its longest label where it is given none.
    longest = max((len(label) for label in value.labels), default=0)
    given = {
        "name": value.name or None,
        "schema": value.schema,
        "native_enum": None if value.native else False,
        "create_constraint": value.check or None,
        "length": value.length if value.length != longest else None,
    }
    options = {name: each for name, each in given.items() if each is not None}
    return self.call(self.imports.path("sqlalchemy:Enum"), value.labels, options)


# -- indexes and constraints --------------------------------------------------------------------


def _constraint(self: Values, value: Any) -> Code:
    given = _given_attributes(value)
    first = [given.pop("condition")] if isinstance(value, CheckConstraint) else []
    return self.call(_models(self, type(value).__name__), first, given)


def _index(self: Values, value: Index) -> Code:
    given = _given_attributes(value)
    del given["parts"]
    if "options" in given:
        given["options"] = dict(value.options)
    if value.parts and all(_is_plain(part) for part in value.parts):
        args: list[Any] = []
        names = [part.opclass or "" for part in value.parts]
        opclasses = {"opclasses": names} if any(names) else {}
        given = {"fields": [_in_short(part) for part in value.parts], **opclasses, **given}
    else:
        args = [part if part.opclass else _in_short(part) for part in value.parts]
    return self.call(_models(self, "Index"), args, given)


def _is_plain(part: IndexPart) -> bool:
    """True if a field's name, perhaps with an operator class, says it all."""
    simple = replace(part, opclass=None)
    return isinstance(part.of, str) and simple == IndexPart(part.of, descending=part.descending)


def _in_short(part: IndexPart) -> Any:
    if _is_plain(part):
        return f"-{part.of}" if part.descending else part.of
    return part.of if part == IndexPart(part.of) else part


#: What an index or a constraint has where nothing is said of it.
_UNSAID: Mapping[str, Any] = {
    "method": "gist",
    "unique": False,
    "not_valid": False,
    "nulls_distinct": True,
    "on_delete": OnDelete.DO_NOTHING,
}


def _given_attributes(value: Any) -> dict[str, Any]:
    """The attributes that are not what they are by themselves, as lists where they are tuples."""
    found = {each.name: getattr(value, each.name) for each in fields(value)}
    unsaid = {**_UNSAID, "method": None} if isinstance(value, Index) else _UNSAID
    return {
        name: list(each) if isinstance(each, tuple) else each
        for name, each in found.items()
        if name in ("fields", "parts") or each not in ((), None, unsaid.get(name))
    }


def _small(self: Values, value: Any) -> Code:
    """A dataclass of `whimbrel.models`: its first field, if it must be given, without its name."""
    rest = {
        each.name: found
        for each in fields(value)
        if each.compare and not is_default(each, found := getattr(value, each.name))
    }
    first = fields(value)[0].name
    args = [rest.pop(first)] if isinstance(value, Sequence | IndexPart) else []
    return self.call(_models(self, type(value).__name__), args, rest)


# -- expressions --------------------------------------------------------------------------------


def _combinable(self: Values, value: Any) -> Code:
    """An expression of queries: two calculated together, or the call that makes it."""
    if isinstance(value, Combined):
        sides = (_side(self, each) for each in (value.left, value.right))
        return Joined(tuple(sides), value.operator)
    name, args, kwargs = value.deconstruct()
    return self.call(_models(self, name), list(args), kwargs)


def _side(self: Values, value: Any) -> Code:
    written = self.write(value)
    return Group("(", (written,), ")", bare=True) if isinstance(value, Combined) else written


def _q(self: Values, value: Q) -> Code:
    if value.negated:
        inner = _q(self, ~value)
        return Prefixed(
            "~", Group("(", (inner,), ")", bare=True) if isinstance(inner, Joined) else inner
        )
    conditions, lookups = _conditions_and_lookups(value.children)
    if value.connector == Q.AND and lookups is not None:
        return self.call(_models(self, "Q"), conditions, lookups)
    sides = tuple(_operand(self, each, value.connector) for each in value.children)
    return Joined(sides, SIGNS[value.connector].strip())


def _conditions_and_lookups(children: Iterable[Any]) -> tuple[list[Q], dict[str, Any] | None]:
    """The children as one call of Q takes them; None where it would put them in another order."""
    conditions: list[Q] = []
    lookups: dict[str, Any] = {}
    for child in children:
        if not isinstance(child, tuple):
            if lookups:
                return [], None
            conditions.append(child)
        else:
            name = _keyword(child)
            if lookups and name <= next(reversed(lookups)):
                return [], None
            lookups[name] = list(child[2]) if isinstance(child[2], tuple) else child[2]
    return conditions, lookups


def _keyword(child: tuple[str, str, Any]) -> str:
    """A name whose end could be taken for a lookup says that it is none."""
    name, lookup, _ = child
    _, behind, end = name.rpartition("__")
    is_plain = lookup == "exact" and not (behind and end in LOOKUPS)
    return name if is_plain else f"{name}__{lookup}"


def _operand(self: Values, child: Any, connector: str) -> Code:
    if isinstance(child, tuple):
        return _q(self, Q._of((child,), Q.AND))
    if not isinstance(child, Q):
        return self.call(_models(self, "Q"), [child])
    if child._parts(connector) != (child,):
        # Joined as it is, it would dissolve in what it is part of.
        return self.call(_models(self, "Q"), [child])
    inner = _q(self, child)
    return Group("(", (inner,), ")", bare=True) if isinstance(inner, Joined) else inner


class _SQLAlchemyType(type):
    """A class of which SQLAlchemy's types are instances, without SQLAlchemy."""

    def __instancecheck__(cls, instance: object) -> bool:
        return is_sqlalchemy_type(instance)


class _AnySQLAlchemyType(metaclass=_SQLAlchemyType):
    pass


_KINDS: tuple[tuple[Any, Writer], ...] = (
    (Operation, _operation),
    (Field, _field),
    (NotProvided, lambda self, value: Atom(_models(self, "NOT_PROVIDED"))),
    (OnDelete, lambda self, value: Atom(_models(self, value.name))),
    (Type | EnumType, _column_type),
    (NamedItem, lambda self, value: self.write(value.value)),
    (Index, _index),
    (
        UniqueConstraint
        | CheckConstraint
        | ForeignKeyConstraint
        | ExclusionConstraint
        | PrimaryKeyConstraint,
        _constraint,
    ),
    (Identity | Sequence | IndexPart, _small),
    (SQL, lambda self, value: self.call(_models(self, "SQL"), [value.text], dict(value.dialects))),
    (F, lambda self, value: self.call(_models(self, "F"), [value.name])),
    (Q, _q),
    (Combinable, _combinable),
    (_AnySQLAlchemyType, lambda self, value: self.write(describe(value))),
    (types.FunctionType, _function),
)
