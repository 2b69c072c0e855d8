"""Which values a field can have, as far as its type tells without a database."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import math
import uuid
from collections.abc import Callable
from typing import Any

from whimbrel.errors import StateError
from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.families import family_of, integer_bytes
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.state.fields.base import NOT_PROVIDED, Field


def misfit(field: Field, value: Any) -> str | None:
    """Return why a constant cannot be a value of a field; None where it can, or it cannot be told.

    None, callables and SQL are left to others. Text that a database reads as a value of the
    type ("5" of an integer) suits.
    """
    if value is None or value is NOT_PROVIDED or callable(value) or not field.has_column:
        return None
    if field.relation is not None or isinstance(value, SQL | Expression):
        return None
    return unwritable(value) or _misfit_of_type(field.column_type(), field.stored(value))


def refuse_unfit_default(name: str, field: Field, place: str) -> None:
    """Raise `StateError` for a constant default that a field, which is given a name, cannot have."""
    option, why = unfit_default(field) or ("", "")
    if why:
        raise StateError(
            f"the {option} of {name}: {why}", place=place, hint=f"Give {name} another {option}."
        )


def unfit_default(field: Field) -> tuple[str, str] | None:
    """The option (default, db_default) whose constant a field cannot have, and why; None for none."""
    for option in ("default", "db_default"):
        why = misfit(field, getattr(field, option))
        if why is not None:
            return option, why
    return None


#: The types of what a value can be that is neither called nor compiled.
_CONSTANTS = (
    *(type(None), bool, int, float, str, bytes, list, tuple, dict, decimal.Decimal),
    *(dt.date, dt.time, dt.timedelta, uuid.UUID, enum.Enum),
)


def is_constant(value: object) -> bool:
    """Return True for plain data."""
    return isinstance(value, _CONSTANTS)


#: How deep lists and dictionaries may lie in each other: files are written, and read, recursively.
DEEPEST = 50


def unwritable(value: Any, depth: int = 0) -> str | None:
    """Return why a value cannot be written into a file or a text column; None where it can."""
    if isinstance(value, str):
        if "\0" in value:
            return f"{value!r} has a NUL character, which no text of a database has"
        if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            return f"{value!r} has half of a surrogate pair, which is no character"
    if isinstance(value, dict | list | tuple):
        if depth == DEEPEST:
            return f"it is nested more than {DEEPEST} deep"
        within = [*value, *value.values()] if isinstance(value, dict) else value
        return next(filter(None, (unwritable(each, depth + 1) for each in within)), None)
    return None


def _misfit_of_type(of: ColumnType, value: Any) -> str | None:
    if isinstance(of, EnumType):
        labels = ", ".join(map(repr, of.labels))
        return None if value in of.labels else f"{value!r} is not among its labels, {labels}"
    module, name = of.path.partition(":")[::2]
    family = family_of(of) or name
    if module != "sqlalchemy" or family not in _KINDS or isinstance(value, enum.Enum):
        return None
    noun, read = _KINDS[family]
    size = integer_bytes(of)
    value = value.strip() if size and isinstance(value, str) else value
    try:
        read(value)
    except (ValueError, TypeError, ArithmeticError):
        return f"{_shown(value)} is not {noun}"
    if family in ("float", "decimal"):
        return _too_large(family, dict(of.kwargs), decimal.Decimal(value))
    if size and not -(2 ** (8 * size - 1)) <= int(value) < 2 ** (8 * size - 1):
        return f"{_shown(value)} does not fit into {8 * size} bits"
    length = dict(of.kwargs).get("length")
    is_long = isinstance(value, str) and isinstance(length, int) and len(value) > length
    return f"{value!r} is longer than {length} characters" if is_long else None


def _too_large(family: str, said: dict[str, Any], number: decimal.Decimal) -> str | None:
    """Return why a number does not fit: too large for a float, or too many digits before its point."""
    if not number.is_finite():
        return None
    if family == "float":
        is_large = math.isinf(float(number))
        return f"{_shown(number)} is larger than a float can be" if is_large else None
    digits = said.get("precision")
    whole = digits - (said.get("scale") or 0) if isinstance(digits, int) else None
    if whole is None or abs(number) < decimal.Decimal(10) ** whole:
        return None
    return f"{_shown(number)} has more than {whole} digits before its point"


def _shown(value: object) -> str:
    return f"{value!r:.60}"


def _integer(value: Any) -> None:
    if int(value) != value and not isinstance(value, str):
        raise ValueError(value)


def _json(value: Any) -> None:
    json.dumps(value, allow_nan=False, default=str)


def _truth(value: Any) -> None:
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise ValueError(value)


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(value)


def _one_of(kind: type[Any], read: Callable[[str], Any]) -> Callable[[Any], None]:
    """Values of this kind, and text that reads as one."""

    def check(value: Any) -> None:
        if isinstance(value, str):
            _ = value in _MOMENTS or read(value)
        elif not isinstance(value, kind):
            raise TypeError(value)

    return check


#: Words that PostgreSQL reads as moments (18, 8.5.1.4, "Special Values").
_MOMENTS = frozenset({"now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity"})


#: By the family of a type, or its name: what its values are, and what reads one.
_KINDS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "integer": ("an integer", _integer),
    "float": ("a number", decimal.Decimal),
    "decimal": ("a number", decimal.Decimal),
    "text": ("a string", _text),
    "json": ("JSON, which has no NaN and no Infinity", _json),
    "boolean": ("True or False", _truth),
    "date": ("a date", _one_of(dt.date, dt.datetime.fromisoformat)),
    "moment": ("a date and time", _one_of(dt.date, dt.datetime.fromisoformat)),
    "time": ("a time", _one_of(dt.time, dt.time.fromisoformat)),
    # Databases read more ways to write a length of time than Python has names for.
    "interval": ("a timedelta", _one_of(dt.timedelta, str)),
    "Uuid": ("a UUID", _one_of(uuid.UUID, uuid.UUID)),
}
