"""Fields of numbers and of truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import Expression, Q
from whimbrel.schema.table import Identity, Serial
from whimbrel.schema.types import ColumnType, Type
from whimbrel.state.fields.base import Field, NamedOptions
from whimbrel.state.fields.text import NamedField


class IntegerField(NamedField):
    """An integer of 32 bits."""

    type_name = "Integer"


class BigIntegerField(IntegerField):
    """An integer of 64 bits."""

    type_name = "BigInteger"


class SmallIntegerField(IntegerField):
    """An integer of 16 bits."""

    type_name = "SmallInteger"


class PositiveIntegerField(IntegerField):
    """An integer of 32 bits that is not negative: a CHECK holds it."""

    def check(self, name: str) -> Expression | None:
        return Q(**{f"{name}__gte": 0})


class PositiveBigIntegerField(PositiveIntegerField):
    """An integer of 64 bits that is not negative."""

    type_name = "BigInteger"


class PositiveSmallIntegerField(PositiveIntegerField):
    """An integer of 16 bits that is not negative."""

    type_name = "SmallInteger"


class AutoField(IntegerField):
    """An integer that the database counts up by itself (an identity column)."""

    def generated(self) -> Identity | Serial | None:
        return self.identity or Identity()


class BigAutoField(AutoField):
    """An integer of 64 bits that the database counts up by itself."""

    type_name = "BigInteger"


class SmallAutoField(AutoField):
    """An integer of 16 bits that the database counts up by itself."""

    type_name = "SmallInteger"


class BooleanField(NamedField):
    """True or False."""

    type_name = "Boolean"


class FloatField(NamedField):
    """A floating-point number of 64 bits."""

    type_name = "Double"


class DecimalField(NamedField):
    """An exact number of ``max_digits`` digits, ``decimal_places`` of them after the point."""

    accepts: ClassVar[Mapping[str, Any]] = {
        **Field.accepts,
        "max_digits": None,
        "decimal_places": None,
    }
    max_digits: int | None
    decimal_places: int | None

    def __init__(
        self,
        verbose_name: str | None = None,
        max_digits: int | None = None,
        decimal_places: int | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        self._take(
            {
                "verbose_name": verbose_name,
                "max_digits": max_digits,
                "decimal_places": decimal_places,
                **options,
            }
        )
        if max_digits is not None and decimal_places is not None and decimal_places > max_digits:
            raise ModelError(
                f"decimal_places={decimal_places} is more than max_digits={max_digits}",
                hint="max_digits counts the digits after the point too.",
            )

    def column_type(self) -> ColumnType:
        given = (("precision", self.max_digits), ("scale", self.decimal_places))
        return Type("sqlalchemy:Numeric", (), tuple(each for each in given if each[1] is not None))
