"""Which values a field can have, as far as its type tells without a database."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Any

from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.state.fields import NOT_PROVIDED, Field

#: By the name of SQLAlchemy's type: what its values are, and what turns one into such a one.
_KINDS: dict[str, tuple[str, Callable[[Any], object]]] = {}


def misfit(field: Field, value: Any) -> str | None:
    """Why a constant cannot be a value of a field; None where it can, or nobody can tell.

    None, callables and SQL are left to others. Text that a database reads as a value of the
    type ("5" of an integer) suits.
    """
    if value is None or value is NOT_PROVIDED or callable(value) or not field.has_column:
        return None
    if field.relation is not None or isinstance(value, SQL | Expression):
        return None
    return _misfit_of_type(field.column_type(), field.stored(value))


def _misfit_of_type(of: ColumnType, value: Any) -> str | None:
    if isinstance(of, EnumType):
        labels = ", ".join(map(repr, of.labels))
        return None if value in of.labels else f"{value!r} is not among its labels, {labels}"
    kind, name = of.path.partition(":")[::2]
    if kind != "sqlalchemy" or name not in _KINDS or isinstance(value, enum.Enum):
        return None
    noun, read = _KINDS[name]
    try:
        read(value)
    except (ValueError, TypeError, ArithmeticError):
        return f"{value!r} is not {noun}"
    return _too_long(dict(of.kwargs).get("length"), value)


def _too_long(length: object, value: Any) -> str | None:
    if isinstance(value, str) and isinstance(length, int) and len(value) > length:
        return f"{value!r} is longer than {length} characters"
    return None


def _integer(value: Any) -> None:
    if int(value) != value and not isinstance(value, str):
        raise ValueError(value)


def _decimal(value: Any) -> None:
    decimal.Decimal(value)


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


def _words(text: str) -> str:
    """Databases read more ways to write a length of time than Python has names for."""
    return text


_KINDS.update(
    dict.fromkeys(("Integer", "BigInteger", "SmallInteger"), ("an integer", _integer))
    | dict.fromkeys(("Float", "Double", "Numeric"), ("a number", _decimal))
    | dict.fromkeys(("String", "Text", "Unicode", "UnicodeText"), ("a string", _text))
    | {
        "Boolean": ("True or False", _truth),
        "Date": ("a date", _one_of(dt.date, dt.datetime.fromisoformat)),
        "DateTime": ("a date and time", _one_of(dt.date, dt.datetime.fromisoformat)),
        "Time": ("a time", _one_of(dt.time, dt.time.fromisoformat)),
        "Interval": ("a timedelta", _one_of(dt.timedelta, _words)),
        "Uuid": ("a UUID", _one_of(uuid.UUID, uuid.UUID)),
    }
)
