"""Families of types: those that hold one kind of values, by their names in SQLAlchemy and in SQL.

What a change of type would cut off of values is told from them: it is made only where it is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from whimbrel.schema.types import ColumnType, Type

_NAMES = {
    "text": "string unicode text unicodetext varchar nvarchar char nchar clob citext "
    "character character_varying",
    "integer": "integer int smallinteger smallint biginteger bigint",
    "decimal": "numeric decimal",
    "float": "float real double double_precision",
    "moment": "datetime timestamp timestamp_without_time_zone timestamp_with_time_zone",
    "date": "date",
    "time": "time time_without_time_zone",
    "boolean": "boolean bool",
    "interval": "interval",
    "json": "json jsonb",
}
_FAMILIES = {name: family for family, names in _NAMES.items() for name in names.split()}
_BYTES = {"smallinteger": 2, "smallint": 2, "biginteger": 8, "bigint": 8}
_PADDED = ("char", "nchar", "character")
_IN_SQL = re.compile(r"(?P<name>[A-Za-z_ ]+?)\s*(?:\((?P<numbers>[\d, ]*)\).*)?")


@dataclass(frozen=True)
class Kind:
    """The kind of values that a type holds.

    ``size``: its length, its bytes, or its digits behind the point (None: any); ``digits``: all of
    them. ``padded``: strings are filled up with spaces.
    """

    family: str
    size: int | None = None
    digits: int | None = None
    padded: bool = False


def kind_of(of: ColumnType) -> Kind | None:
    """Return the kind of a type's values; None for enums and for types of no family."""
    if not isinstance(of, Type):
        return None
    name = of.path.rpartition(":")[2].rpartition(".")[2]
    numbers: list[int | None]
    if name == "DatabaseType":
        found = _IN_SQL.fullmatch(str(of.args[0])) if of.args else None
        name = found["name"].strip() if found else ""
        numbers = [int(n) for n in re.findall(r"\d+", (found["numbers"] or "") if found else "")]
    else:
        given = dict(of.kwargs)
        numbers = [given.get("length")] if "length" in given else []
        numbers += [given[each] for each in ("precision", "scale") if each in given]
    name = name.lower().replace(" ", "_")
    return _kind_with_size(_FAMILIES[name], name, numbers) if name in _FAMILIES else None


def _kind_with_size(family: str, name: str, numbers: list[int | None]) -> Kind:
    first, *more = numbers or [None]
    if family == "text":
        return Kind(family, first, padded=name in _PADDED)
    if family == "decimal" and first is not None:
        return Kind(family, (more[0] if more else None) or 0, first)
    return Kind(family, _BYTES.get(name, 4) if family == "integer" else None)


def family_by_name(name: str) -> str | None:
    """Return the family of a type by its name in SQL, in any case; None for a type of no family."""
    return _FAMILIES.get(name.lower().replace(" ", "_"))


def family_of(of: ColumnType) -> str | None:
    """Return the family of a type; None for enums and for types of no family."""
    kind = kind_of(of)
    return kind.family if kind is not None else None


def is_text(of: ColumnType) -> bool:
    """Return True for a type that holds strings."""
    return family_of(of) == "text"


def length(of: ColumnType) -> int | None:
    """Return how many characters a string type holds; None for no limit, and for other types."""
    kind = kind_of(of)
    return kind.size if kind is not None and kind.family == "text" else None


def decimal(of: ColumnType) -> tuple[int, int] | None:
    """Return a decimal type's digits, all and behind the point; None for any, and for other types."""
    kind = kind_of(of)
    if kind is None or kind.family != "decimal" or kind.digits is None or kind.size is None:
        return None
    return kind.digits, kind.size


def integer_bytes(of: ColumnType) -> int | None:
    """Return how many bytes a whole number's type has; None for other types."""
    kind = kind_of(of)
    return kind.size if kind is not None and kind.family == "integer" else None


# -- what a change of type cuts off ------------------------------------------------------------


def narrowing(old: ColumnType, new: ColumnType) -> str | None:
    """Return what a change of type would cut off of values; None where it cuts nothing off.

    A change that cuts nothing either carries every value, or is refused for those that do not fit.
    """
    was, now = kind_of(old), kind_of(new)
    if was is None or now is None:
        return None
    if was.family != now.family:
        return _CUT.get((was.family, now.family))
    is_smaller = now.size is not None and (was.size is None or now.size < was.size)
    return _SMALLER.get(was.family) if is_smaller else None


def is_loosened(old: ColumnType, new: ColumnType) -> bool:
    """Return True if ``lossy`` says anything of a change: values are cut, or texts read."""
    return narrowing(old, new) is not None or (is_text(old) and not is_text(new))


_SMALLER = {"text": "characters beyond the new length", "decimal": "digits behind the point"}

_CUT = {
    ("decimal", "integer"): "digits behind the point",
    ("float", "integer"): "digits behind the point",
    ("float", "decimal"): "digits behind the point",
    ("integer", "boolean"): "all but whether it is 0",
    ("decimal", "boolean"): "all but whether it is 0",
    ("float", "boolean"): "all but whether it is 0",
    ("moment", "date"): "the time of day",
    ("moment", "time"): "the day",
}
