"""Values on their way in and out: what people write for a column's value, and moments."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine


class Moment(sa.types.TypeDecorator[dt.datetime]):
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


def historical(type: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that a historical model's column has for a type of the schema's."""
    plain = isinstance(type, sa.DateTime) and type.timezone
    return Moment() if plain and not isinstance(type, sa.types.TypeDecorator) else type


def prepared(value: Any, type: TypeEngine[Any]) -> Any:
    """A value as the column's type takes it: text for a date or a UUID is read, a member is its value."""
    if isinstance(value, enum.Enum) and not (isinstance(type, sa.Enum) and type.enum_class):
        value = value.value
    if value is None or isinstance(value, sa.sql.ClauseElement):
        return value
    if isinstance(type, sa.types.TypeDecorator) and not isinstance(type, Moment):
        return value  # a third party's type knows what it takes
    for kind, reader in _READERS:
        if isinstance(type, kind):
            return reader(value)
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value


def _date(value: Any) -> Any:
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    return value.date() if isinstance(value, dt.datetime) else value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value


def _numeric(value: Any) -> Any:
    return decimal.Decimal(value) if isinstance(value, str | int) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float | decimal.Decimal | uuid.UUID) else value


def _truth(value: Any) -> Any:
    return bool(value) if isinstance(value, int) else value


_READERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (sa.Uuid, lambda value: uuid.UUID(value) if isinstance(value, str) else value),
    (sa.Boolean, _truth),
    ((Moment, sa.DateTime), _moment),
    (sa.Date, _date),
    (sa.Time, lambda value: dt.time.fromisoformat(value) if isinstance(value, str) else value),
    (sa.Integer, _integer),
    (sa.Float, lambda value: float(value) if isinstance(value, str) else value),
    (sa.Numeric, _numeric),
    (sa.Enum, lambda value: value),
    (sa.String, _text),
)
