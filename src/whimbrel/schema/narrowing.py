"""Changes of a column's type that cut values off: they are made only where they are asked for."""

from __future__ import annotations

from whimbrel.schema.families import is_text, kind_of
from whimbrel.schema.types import ColumnType


def cut(old: ColumnType, new: ColumnType) -> str | None:
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
