"""Types of historical models' columns, and the conversion of values that are written to them.

A value of another type than the column's is converted as Django's fields convert it, on every
database alike; what cannot be is refused.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable, Set
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from whimbrel.errors import QueryError
from whimbrel.schema.expressions import SQL, Combinable, Ordered, Q


class AwareDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment with its zone, on databases too that keep none: those hold UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        if value is None or value.tzinfo is None or _keeps_zones(dialect):
            return value
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        if value is None or value.tzinfo is not None or _keeps_zones(dialect):
            return value
        return value.replace(tzinfo=dt.UTC)


#: Dialects whose own type for moments keeps no zone.
_WITHOUT_ZONES = frozenset({"sqlite", "mysql", "mariadb"})


def _keeps_zones(dialect: Any) -> bool:
    return dialect.name not in _WITHOUT_ZONES


class Address(sa.types.TypeDecorator[str]):
    """An IP address as text, whatever the driver gives."""

    impl = sa.String
    cache_ok = True

    def __init__(self, inner: TypeEngine[Any]) -> None:
        super().__init__()
        self.inner = inner

    def load_dialect_impl(self, dialect: Any) -> TypeEngine[Any]:
        return self.inner.dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else str(value)


#: The type of JSON where None is NULL.
JSON = sa.JSON(none_as_null=True)


def variant_for(type: TypeEngine[Any], dialects: Set[str]) -> TypeEngine[Any]:
    """The variant of a type for the one dialect that there is; with several, the type itself."""
    dialect = next(iter(dialects)) if len(dialects) == 1 else ""
    return type._variant_mapping.get(dialect, type)


def historical_type(type: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that a historical model's column has for a type of the schema's."""
    return AwareDateTime() if isinstance(type, sa.DateTime) and type.timezone else type


_IMMUTABLE = (
    *(sa.Integer, sa.String, sa.Numeric, sa.Boolean, sa.Uuid, sa.Interval),
    *(sa.DateTime, sa.Date, sa.Time, AwareDateTime),
)


def is_mutable(type: TypeEngine[Any]) -> bool:
    """True if values of a type may be changed in place."""
    return not isinstance(type, _IMMUTABLE)


def is_expression(value: Any) -> bool:
    """True if a value is an expression, which the database computes."""
    return (
        isinstance(value, Combinable | Q | SQL | Ordered | sa.sql.ClauseElement)
        or hasattr(type(value), "resolve")
        or hasattr(type(value), "__clause_element__")
    )


def convert(value: Any, type: TypeEngine[Any], of: str = "a column") -> Any:
    """A value as the column's type takes it: text for a date is read, a member is its value.

    Raises `QueryError` for what is no value of the type; ``of``: the column, as the error calls it.
    """
    if isinstance(value, enum.Enum) and not (isinstance(type, sa.Enum) and type.enum_class):
        value = value.value
    if value is None or isinstance(value, sa.sql.ClauseElement):
        return value
    if isinstance(type, sa.types.TypeDecorator) and not isinstance(
        type, AwareDateTime | sa.Interval
    ):
        return value  # a third party's type knows what it takes
    for kind, converter in _CONVERTERS:
        if isinstance(type, kind):
            try:
                return converter(value, type)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise QueryError(
                    f"{value!r} is no value for {of} of {type!r}", hint=str(error) or None
                ) from error
    return value


def make_literal(value: Any, of: TypeEngine[Any] | None = None) -> sa.sql.ColumnElement[Any]:
    """A Python value as a parameter. A historical row stands for its key."""
    if hasattr(value, "_meta") and not isinstance(value, type):
        value = value.pk
    if of is None or isinstance(of, sa.types.NullType):
        return sa.literal(value) if value is not None else sa.null()
    return sa.literal(convert(value, of), of)


def convert_for_column(value: Any, type: TypeEngine[Any], of: str) -> Any:
    """A value as a column of the type keeps it: a decimal with as many places as it has."""
    converted = convert(value, type, of)
    scale = getattr(type, "scale", None)
    if isinstance(converted, decimal.Decimal) and isinstance(scale, int) and converted.is_finite():
        places = decimal.Decimal(1).scaleb(-scale)
        return converted.quantize(places, decimal.ROUND_HALF_UP, decimal.Context(prec=200))
    return converted


def _to_datetime(value: Any, type: Any) -> Any:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    elif not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if isinstance(type, AwareDateTime) or type.timezone:
        return value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo is not None else value


def _to_date(value: Any, _: Any) -> Any:
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    return value.date() if isinstance(value, dt.datetime) else value


def _to_time(value: Any, _: Any) -> Any:
    if isinstance(value, str):
        return dt.time.fromisoformat(value)
    return value.time() if isinstance(value, dt.datetime) else value


def _to_timedelta(value: Any, _: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return value
    raise TypeError("A duration is a datetime.timedelta.")


def _to_bool(value: Any, _: Any) -> Any:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError("True, False, and what stands for them: 1, 0, 't', 'f', 'True', 'False'.")


_TRUE = (True, "t", "True", "1")
_FALSE = (False, "f", "False", "0")


def _to_decimal(value: Any, type: Any) -> Any:
    if isinstance(value, float):
        digits = decimal.Context(prec=type.precision or decimal.getcontext().prec)
        return digits.create_decimal_from_float(value)
    if isinstance(value, list | tuple):
        raise TypeError("a decimal is one number")
    return decimal.Decimal(value)


def _to_uuid(value: Any, _: Any) -> Any:
    if isinstance(value, int):
        return uuid.UUID(int=value)
    return uuid.UUID(value) if isinstance(value, str) else value


_CONVERTERS: tuple[tuple[Any, Callable[[Any, Any], Any]], ...] = (
    (sa.Uuid, _to_uuid),
    (sa.Boolean, _to_bool),
    ((AwareDateTime, sa.DateTime), _to_datetime),
    (sa.Date, _to_date),
    (sa.Time, _to_time),
    (sa.Interval, _to_timedelta),
    (sa.Integer, lambda value, _: int(value)),
    (sa.Float, lambda value, _: float(value)),
    (sa.Numeric, _to_decimal),
    (sa.Enum, lambda value, _: value),
    (sa.String, lambda value, _: value if isinstance(value, str) else str(value)),
    (sa.LargeBinary, lambda value, _: bytes(memoryview(value))),
)
