"""Changes of a column's type that cut values off: they are made only where they are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whimbrel.schema.types import ColumnType, Type

_WORD = re.compile(r"(?P<word>[A-Za-z_ ]+?)\s*(?:\((?P<numbers>[\d, ]*)\).*)?")

_FAMILIES = {
    "text": "string unicode text unicodetext varchar nvarchar char nchar clob character_varying",
    "integer": "integer int smallinteger smallint biginteger bigint",
    "decimal": "numeric decimal",
    "float": "float real double double_precision",
    "moment": "datetime timestamp timestamp_without_time_zone timestamp_with_time_zone",
    "date": "date",
    "time": "time time_without_time_zone",
    "boolean": "boolean bool",
    "interval": "interval",
}
_FAMILY = {word: family for family, words in _FAMILIES.items() for word in words.split()}


@dataclass(frozen=True)
class _Kind:
    """What kind of values a type holds.

    ``size``: its length, its bytes, or its digits behind the point (None: any); ``digits``: all.
    """

    family: str
    size: int | None = None
    digits: int | None = None


def cut(old: ColumnType, new: ColumnType) -> str | None:
    """Return what a change of type would cut off of values; None where it cuts nothing off.

    A change that cuts nothing either carries every value, or is refused for those that do not fit.
    """
    was, now = _kind(old), _kind(new)
    if was is None or now is None:
        return None
    if was.family == now.family:
        return _SMALLER.get(was.family) if _is_smaller(was.size, now.size) else None
    return _CUT.get((was.family, now.family))


def is_loosened(old: ColumnType, new: ColumnType) -> bool:
    """Return whether ``lossy`` says anything of a change: values are cut, or texts read."""
    return cut(old, new) is not None or (is_text(old) and not is_text(new))


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


def is_text(of: ColumnType) -> bool:
    """Return whether a type holds strings."""
    kind = _kind(of)
    return kind is not None and kind.family == "text"


def length(of: ColumnType) -> int | None:
    """Return how many characters a string type holds; None for no limit, and for other types."""
    kind = _kind(of)
    return kind.size if kind is not None and kind.family == "text" else None


def decimal(of: ColumnType) -> tuple[int, int] | None:
    """Return a decimal type's digits, all and behind the point; None for any, and for other types."""
    kind = _kind(of)
    if kind is None or kind.family != "decimal" or kind.digits is None or kind.size is None:
        return None
    return kind.digits, kind.size


def integer_bytes(of: ColumnType) -> int | None:
    """Return how many bytes a whole number's type has; None for other types."""
    kind = _kind(of)
    return kind.size if kind is not None and kind.family == "integer" else None


def _is_smaller(old: int | None, new: int | None) -> bool:
    return new is not None and (old is None or new < old)


def _kind(of: ColumnType) -> _Kind | None:
    if not isinstance(of, Type):
        return None
    name = of.path.rpartition(":")[2].rpartition(".")[2]
    numbers: list[int | None]
    if name == "DatabaseType":
        found = _WORD.fullmatch(str(of.args[0])) if of.args else None
        name = found["word"].strip().replace(" ", "_") if found else ""
        numbers = [int(n) for n in re.findall(r"\d+", (found["numbers"] or "") if found else "")]
    else:
        given = dict(of.kwargs)
        numbers = [given.get("length")] if "length" in given else []
        numbers += [given[each] for each in ("precision", "scale") if each in given]
    family = _FAMILY.get(name.lower())
    return _sized(family, name.lower(), numbers) if family else None


def _sized(family: str, name: str, numbers: list[int | None]) -> _Kind:
    first, *more = numbers or [None]
    if family == "text":
        return _Kind(family, first)
    if family == "decimal" and first is not None:
        return _Kind(family, (more[0] if more else None) or 0, first)
    return _Kind(family, _BYTES.get(name, 4) if family == "integer" else None)


_BYTES = {"smallinteger": 2, "smallint": 2, "biginteger": 8, "bigint": 8}
