"""From a live column to a field: the named kind that lowers to the very same column, or the type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa

from whimbrel.schema.expressions import SQL, Constant, Default
from whimbrel.schema.table import Column, Identity, Serial
from whimbrel.schema.types import ColumnType, EnumType, Type, describe
from whimbrel.sources.expressions import dialect_of
from whimbrel.sources.types import build, cached_if_hashable
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.dates import DateField, DateTimeField, DurationField, TimeField
from whimbrel.state.fields.numbers import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallAutoField,
    SmallIntegerField,
)
from whimbrel.state.fields.others import (
    ArrayField,
    BinaryField,
    EnumField,
    GeneratedField,
    GenericIPAddressField,
    JSONField,
    UUIDField,
)
from whimbrel.state.fields.text import CharField, TextField

#: Kinds without arguments; of those that a database stores alike, the first is taken.
_PLAIN: tuple[type[Field], ...] = (
    BooleanField,
    IntegerField,
    BigIntegerField,
    SmallIntegerField,
    FloatField,
    DecimalField,
    TextField,
    CharField,
    DateField,
    DateTimeField,
    TimeField,
    DurationField,
    BinaryField,
    UUIDField,
    JSONField,
    GenericIPAddressField,
)
_COUNTING: dict[type[Field], type[Field]] = {
    IntegerField: AutoField,
    BigIntegerField: BigAutoField,
    SmallIntegerField: SmallAutoField,
}
_POSITIVE: dict[type[Field], type[Field]] = {
    IntegerField: PositiveIntegerField,
    BigIntegerField: PositiveBigIntegerField,
    SmallIntegerField: PositiveSmallIntegerField,
}


def field_of(
    column: Column, dialect: str, *, positive: bool = False, type_name: str = "", **options: Any
) -> Field:
    """The field of a column that points at nothing.

    positive: whether a CHECK that the kind brings holds it at 0 or more. type_name: what an enum
    type would be called by itself. options: what is said of it beyond the column.
    """
    kind, given = _kind(column.type, dialect, type_name)
    said: dict[str, Any] = {**_options_beyond_type(column, kind), **options}
    if column.computed is not None:
        said["null"] = column.null
        said["db_persist"] = column.computed.stored
        return GeneratedField(column.computed.expression, kind(**given), **said)
    if isinstance(column.generated, Identity) and kind in _COUNTING:
        kind = _COUNTING[kind]
    elif positive:
        kind = _POSITIVE.get(kind, kind)
    made: Field = kind(**given, **said)
    return made


def options_of(column: Column, dialect: str) -> dict[str, Any]:
    """Return the column options of a foreign key's field, but for the type."""
    said = _options_beyond_type(column, Field)
    return {**said, "db_default": default_of(column, dialect)} if "db_default" in said else said


def is_number(type: ColumnType, dialect: str) -> bool:
    """True if a column of this type may be one of the kinds that are not negative."""
    return _kind(type, dialect, "")[0] in _POSITIVE


def _options_beyond_type(column: Column, kind: type[Field]) -> dict[str, Any]:
    """Return the options of a column beyond its type."""
    identity = column.generated if isinstance(column.generated, Identity) else None
    counts_by_itself = identity == Identity() and kind in _COUNTING
    default = _default(column.default, kind)
    said: dict[str, Any] = {
        "null": column.null or None,
        "db_default": default if default is not NOT_PROVIDED else None,
        "db_collation": column.collation,
        "db_comment": column.comment,
        "autoincrement": isinstance(column.generated, Serial) or None,
        "identity": None if counts_by_itself else identity,
    }
    return {name: value for name, value in said.items() if value is not None}


# -- kinds


def same_type(one: ColumnType, other: ColumnType, dialect: str) -> bool:
    """True if a database could not tell two types apart."""
    if isinstance(one, EnumType) or isinstance(other, EnumType):
        return one == other
    return one == other or compile_type(one, dialect) == compile_type(other, dialect)


@cached_if_hashable
def compile_type(type: ColumnType, dialect: str) -> str:
    """A type in the dialect's words; what the dialect cannot say looks like no other type."""
    try:
        return str(build(type).compile(dialect=dialect_of(dialect)))
    except sa.exc.CompileError:
        return repr(type)


_PARAMETERS = re.compile(r"(?P<name>[A-Z ]+?) ?\((?P<one>\d+)(?:, ?(?P<two>\d+))?\)")


def _kind(type: ColumnType, dialect: str, type_name: str) -> tuple[Any, dict[str, Any]]:
    """The class of a field, and the arguments that make it of this type."""
    if isinstance(type, EnumType) and type.native:
        return EnumField, _enum_arguments(type, type_name)
    items = _items(type)
    if items is not None:
        base, given = _kind(items, dialect, type_name)
        return ArrayField, {"base_field": base(**given), **_dimensions(type)}
    for kind, given in _candidates(type, dialect):
        if compile_type(kind(**given).column_type(), dialect) == compile_type(type, dialect):
            return kind, given
    return Field, {"type": simplest(type, dialect)}


def _enum_arguments(type: EnumType, type_name: str) -> dict[str, Any]:
    name = None if type.name == type_name else type.name
    said = {"name": name, "schema": type.schema}
    return {"values": type.labels, **{key: each for key, each in said.items() if each is not None}}


def _items(type: ColumnType) -> ColumnType | None:
    """The type of an array's items."""
    if not isinstance(type, Type) or type.path.rpartition(":")[2] != "ARRAY":
        return None
    given = dict(type.kwargs)
    found = given.pop("item_type", type.args[0] if type.args else None)
    plain = given.keys() <= {"dimensions"} and len(type.args) <= 1
    return found if plain and isinstance(found, Type | EnumType) else None


def _dimensions(type: ColumnType) -> dict[str, Any]:
    found = dict(type.kwargs).get("dimensions") if isinstance(type, Type) else None
    return {} if found is None else {"dimensions": found}


def _candidates(type: ColumnType, dialect: str) -> Iterator[tuple[type[Field], dict[str, Any]]]:
    match = _PARAMETERS.fullmatch(compile_type(type, dialect))
    if match is not None:
        numbers = {"max_digits": int(match["one"]), "decimal_places": int(match["two"] or 0)}
        yield CharField, {"max_length": int(match["one"])}
        if numbers["decimal_places"] <= numbers["max_digits"]:
            yield DecimalField, numbers
    plain = _plain_kinds(dialect).get(compile_type(type, dialect))
    if plain is not None:
        yield plain, {}


@cache
def _plain_kinds(dialect: str) -> dict[str, type[Field]]:
    return {compile_type(kind().column_type(), dialect): kind for kind in reversed(_PLAIN)}


def simplest(type: ColumnType, dialect: str) -> ColumnType:
    """SQLAlchemy's general type where it is the same one here, else the database's own."""
    if isinstance(type, EnumType) or type.variants:
        return type
    try:
        general = describe(build(type).as_generic())
    except (NotImplementedError, TypeError):
        return type
    return general if compile_type(general, dialect) == compile_type(type, dialect) else type


# -- defaults

_WHOLE = re.compile(r"\(?(-?\d{1,18})\)?")
_QUOTED = re.compile(r"'((?:[^']|'')*)'(?:::[\w\s.\"]+)?")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def default_of(column: Column, dialect: str) -> Any:
    """A column's default as `db_default` takes it: a constant where the words are plainly one."""
    return _default(column.default, _kind(column.type, dialect, "")[0])


def _default(default: Default | None, kind: type[Field]) -> Any:
    if default is None:
        return NOT_PROVIDED
    if isinstance(default, Constant):
        return default.value
    return default if default.dialects else _constant(default.text, kind)


def _constant(text: str, kind: type[Field]) -> Any:
    if kind is BooleanField and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    whole = _WHOLE.fullmatch(text)
    if kind in _COUNTING and whole:
        return int(whole[1])
    quoted = _QUOTED.fullmatch(text)
    if kind in (CharField, TextField, EnumField) and quoted:
        return quoted[1].replace("''", "'")
    return SQL(text)
