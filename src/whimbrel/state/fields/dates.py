"""Fields of dates, times and durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from whimbrel.schema.types import ColumnType, make_type
from whimbrel.state.fields.base import Field, NamedOptions
from whimbrel.state.fields.text import NamedField


class _MomentField(NamedField):
    """``auto_now``: set at every save; ``auto_now_add``: set when the row is made. In Python only."""

    accepts: ClassVar[Mapping[str, Any]] = {
        **Field.accepts,
        "auto_now": False,
        "auto_now_add": False,
    }
    auto_now: bool
    auto_now_add: bool

    def __init__(
        self,
        verbose_name: str | None = None,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Unpack[NamedOptions],
    ) -> None:
        self._take(
            {
                "verbose_name": verbose_name,
                "auto_now": auto_now,
                "auto_now_add": auto_now_add,
                **options,
            }
        )

    def equality_key(self) -> tuple[Any, ...]:
        return (*super().equality_key(), self.auto_now, self.auto_now_add)


class DateField(_MomentField):
    """A date."""

    type_name = "Date"


class TimeField(_MomentField):
    """A time of day, without a zone."""

    type_name = "Time"


class DateTimeField(_MomentField):
    """A moment, with its zone where the database keeps one."""

    def column_type(self) -> ColumnType:
        return make_type("sqlalchemy:DateTime", timezone=True)


class DurationField(NamedField):
    """A length of time (`datetime.timedelta`)."""

    type_name = "Interval"
