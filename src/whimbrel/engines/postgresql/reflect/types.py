"""Types as PostgreSQL spells them, and what they are in SQLAlchemy's words.

The generic class where the database makes the very same column of it (``String(10)``), else
PostgreSQL's own, else `DatabaseType`. Not `Inspector`'s: it loses a bit's length, a numeric's digits
without a scale, and whatever it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from whimbrel.schema.types import ColumnType, Type, in_sql, make_type

_Made = Callable[[tuple[int, ...], str], Type]


def type_of(spelled: str) -> ColumnType:
    """The type that ``format_type`` spells so: ``character varying(10)[]``."""
    known = known_type(spelled)
    return known if known is not None else in_sql(spelled)


def array_of(item: ColumnType) -> ColumnType:
    """An array: PostgreSQL does not tell how many dimensions it was declared with."""
    return make_type("sqlalchemy:ARRAY", item_type=item)


@lru_cache(maxsize=4096)
def known_type(spelled: str) -> ColumnType | None:
    """As `type_of`; None for what SQLAlchemy has no class for."""
    if spelled.endswith("[]"):
        return array_of(type_of(spelled[:-2]))
    match = _SPELLED.fullmatch(spelled)
    made = _TYPES.get(match["name"] + match["more"]) if match else None
    if match is None or made is None:
        return _interval(spelled)
    numbers = tuple(int(each) for each in (match["numbers"] or "").split(",") if each)
    return made(numbers, match["more"])


# timestamp(3) with time zone; bit varying(5); numeric(8,2)
_SPELLED = re.compile(
    r"(?P<name>[a-z][a-z0-9_ ]*?)(?:\((?P<numbers>-?\d+(?:,-?\d+)*)\))?"
    r"(?P<more>(?: with(?:out)? time zone)?)"
)
_INTERVAL = re.compile(r"interval(?: (?P<fields>[a-z ]+))?(?:\((?P<precision>\d)\))?")


def _interval(spelled: str) -> ColumnType | None:
    """``interval year to month``, ``interval second(3)``, ``interval(3)``."""
    match = _INTERVAL.fullmatch(spelled)
    if match is None:
        return None
    said: dict[str, Any] = {"fields": match["fields"]} if match["fields"] else {}
    if match["precision"]:
        said["precision"] = int(match["precision"])
    return _own("INTERVAL", **said) if said else make_type("sqlalchemy:Interval")


def _own(name: str, **arguments: Any) -> Type:
    return make_type(f"sqlalchemy.dialects.postgresql:{name}", **arguments)


def _plain(name: str, module: str = "sqlalchemy") -> _Made:
    return lambda numbers, more: make_type(f"{module}:{name}")


def _sized(name: str, *arguments: str) -> _Made:
    return lambda numbers, more: Type(
        f"sqlalchemy:{name}", (), tuple(zip(arguments, numbers, strict=False))
    )


def _moment(generic: str, own: str) -> _Made:
    def made(numbers: tuple[int, ...], more: str) -> Type:
        zone: dict[str, Any] = {"timezone": True} if more == " with time zone" else {}
        if numbers:
            return _own(own, precision=numbers[0], **zone)
        return make_type(f"sqlalchemy:{generic}", **zone)

    return made


def _bits(numbers: tuple[int, ...], **varying: bool) -> Type:
    return _own("BIT", **varying, **({"length": numbers[0]} if numbers else {}))


_OWN = (
    *("jsonb", "inet", "cidr", "macaddr", "macaddr8", "money", "oid", "regclass", "regconfig"),
    *("tsvector", "tsquery", "citext", "hstore"),
    *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    *("int4multirange", "int8multirange", "nummultirange"),
    *("datemultirange", "tsmultirange", "tstzmultirange"),
)


_TYPES: dict[str, _Made] = {
    **{name: _plain(name.upper(), "sqlalchemy.dialects.postgresql") for name in _OWN},
    "smallint": _plain("SmallInteger"),
    "integer": _plain("Integer"),
    "bigint": _plain("BigInteger"),
    "boolean": _plain("Boolean"),
    "date": _plain("Date"),
    "text": _plain("Text"),
    "bytea": _plain("LargeBinary"),
    "uuid": _plain("Uuid"),
    "json": _plain("JSON"),
    "real": _plain("REAL"),
    "double precision": _plain("Double"),
    "numeric": _sized("Numeric", "precision", "scale"),
    "character varying": _sized("String", "length"),
    "character": _sized("CHAR", "length"),
    "bit": lambda numbers, more: _bits(numbers if numbers != (1,) else ()),
    "bit varying": lambda numbers, more: _bits(numbers, varying=True),
    "timestamp without time zone": _moment("DateTime", "TIMESTAMP"),
    "timestamp with time zone": _moment("DateTime", "TIMESTAMP"),
    "time without time zone": _moment("Time", "TIME"),
    "time with time zone": _moment("Time", "TIME"),
}
