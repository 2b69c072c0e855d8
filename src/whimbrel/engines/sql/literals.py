"""Python values as SQL literals, by the kind of value.

What a value is to its column's type has been settled before (see `SQLCompiler.literal`): here are
strings, numbers, bytes and moments only.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

from whimbrel.errors import ModelError

_HINT = "Give it as SQL('...'), in the database's own words."


def refused(value: object, why: str) -> ModelError:
    """The error for a value that has no literal."""
    return ModelError(f"{value!r} cannot be written in SQL: {why}", hint=_HINT)


def text(value: str) -> str:
    """A string literal. Raises `ModelError` for a NUL, which no database stores in a string."""
    if "\0" in value:
        raise refused(value, "it has a NUL character")
    return "'" + value.replace("'", "''") + "'"


def seconds(value: dt.timedelta) -> str:
    """The seconds of a duration within its day, exact to the microsecond."""
    whole = f"{value.seconds}"
    return f"{whole}.{value.microseconds:06d}" if value.microseconds else whole


class Literals:
    """Literals that every dialect writes alike; a dialect writes some of them its own way."""

    def __init__(self) -> None:
        self._by_kind: list[tuple[type | tuple[type, ...], Callable[[Any], str]]] = [
            (bool, self.boolean),
            (int, str),
            (float, self.floating),
            (Decimal, self.decimal),
            (str, text),
            ((bytes, bytearray, memoryview), lambda value: self.binary(bytes(value))),
            (dt.datetime, self.moment),
            ((dt.date, dt.time), lambda value: text(value.isoformat())),
            (dt.timedelta, self.duration),
            (uuid.UUID, lambda value: text(str(value))),
            (Enum, lambda value: self.of(value.value)),
            ((list, tuple, set, frozenset), self.array),
            (dict, lambda value: text(json.dumps(value, ensure_ascii=False))),
            (
                (
                    ipaddress.IPv4Address,
                    ipaddress.IPv6Address,
                    ipaddress.IPv4Network,
                    ipaddress.IPv6Network,
                    ipaddress.IPv4Interface,
                    ipaddress.IPv6Interface,
                ),
                lambda value: text(str(value)),
            ),
        ]

    def of(self, value: Any) -> str:
        """The literal of a value. Raises `ModelError` for a kind that has none."""
        if value is None:
            return "NULL"
        if isinstance(value, str) and not isinstance(value, Enum):
            return text(value)
        for kind, written in self._by_kind:
            if isinstance(value, kind) and (kind is Enum or not isinstance(value, Enum)):
                return written(value)
        return self.other(value)

    def boolean(self, value: bool) -> str:
        return "true" if value else "false"

    def floating(self, value: float) -> str:
        return repr(float(value)) if math.isfinite(value) else self.endless(value)

    def decimal(self, value: Decimal) -> str:
        """A decimal, never in exponents."""
        return format(value, "f") if value.is_finite() else self.endless(float(value))

    def endless(self, value: float) -> str:
        """NaN and infinity."""
        raise refused(value, "this database has no such number")

    def binary(self, value: bytes) -> str:
        return f"X'{value.hex()}'"

    def moment(self, value: dt.datetime) -> str:
        return text(value.isoformat(sep=" "))

    def duration(self, value: dt.timedelta) -> str:
        raise refused(value, "this database has no durations")

    def array(self, value: Any) -> str:
        raise refused(value, "this database has no arrays")

    def other(self, value: Any) -> str:
        raise refused(value, f"{type(value).__name__} has no literal")
