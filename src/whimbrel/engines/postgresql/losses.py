"""What a change of a column's type would take from values, as a condition on the rows that are there.

A value is carried if the way back gives it back. PostgreSQL rounds and cuts in silence where it
casts "in assignment", so rows are looked at before the type changes, under the lock that it takes.
"""

from __future__ import annotations

from whimbrel.engines.postgresql import casts
from whimbrel.engines.postgresql.casts import Shape

#: Families whose values are compared by what they mean: 1.5 is 1.50, 24 hours are a day.
_BY_MEANING = {"integer", "number", "moment", "DATE", "INTERVAL"}

_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_AWARE = "TIMESTAMP WITH TIME ZONE"
#: How a text must look, so that nothing of it goes when it is read as a value of that family.
_READ_WHOLE = {
    "number": r"^-?(0|[1-9][0-9]*)([.][0-9]+)?$",
    "moment": rf"^{_DAY}([ T]{_TIME})?$",
    _AWARE: rf"^{_DAY}([ T]{_TIME}( ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?))?)?$",
    "DATE": rf"^{_DAY}$",
    "TIME WITHOUT TIME ZONE": rf"^{_TIME}$",
    "BOOLEAN": r"^(true|false|0|1)$",
    "UUID": r"^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$",
}
#: The type in which a text is compared with what becomes of it, where that may be rounded.
_COMPARED_AS = {"number": "numeric", "moment": "timestamptz"}
#: Read as they are meant, or refused by PostgreSQL.
_READ_AS_MEANT = ("json", "BYTEA")


def lost(column: str, old: Shape, new: Shape) -> str | None:
    """Return the condition on a quoted column for values that would not come back the same.

    None where there are none: what PostgreSQL does not refuse by itself is carried whole.
    """
    if _is_carried(old, new):
        return None
    if old.family == "text" and not _is_text(new) and not old.dimensions and not new.is_enum:
        return _lost_in_reading(column, old, new)
    if old.family == new.family == "text" and new.base == "VARCHAR" and not old.dimensions:
        return f"char_length({column}) > {new.numbers[0]}"
    there = _cast(column, old, new)
    back = _cast(f"({there})", new, old)
    return f"{column} IS NOT NULL AND {_differs(back, column, old)}"


def _cast(of: str, old: Shape, new: Shape) -> str:
    return casts.using(of, old, new) or f"{of}::{new.text}"


def _differs(left: str, right: str, of: Shape) -> str:
    if of.family == "json" and not of.dimensions:
        return f"({left})::jsonb IS DISTINCT FROM {right}::jsonb"
    if of.family in _BY_MEANING:
        return f"({left}) IS DISTINCT FROM {right}"
    return f"({left})::text IS DISTINCT FROM {right}::text"


def _is_text(of: Shape) -> bool:
    return of.family == "text" or bool(of.dimensions)


def _lost_in_reading(column: str, old: Shape, new: Shape) -> str | None:
    """A text that is read as a value: what it says besides is lost (07, +1, an offset)."""
    if new.family in _READ_AS_MEANT:
        return None
    looks = _READ_WHOLE.get(new.base) or _READ_WHOLE.get(new.family)
    if looks is None:
        back = _cast(f"{column}::{new.text}", new, old)
        return f"({back})::text IS DISTINCT FROM {column}::text"
    reads = f"{column}::text ~ '{looks}'"
    wide = _COMPARED_AS.get(new.family)
    if wide is None:
        return f"NOT {reads}"
    # CASE, since PostgreSQL may look at either side of AND first.
    return (
        f"CASE WHEN {reads} THEN {column}::text::{new.text}::{wide}"
        f" IS DISTINCT FROM {column}::text::{wide} ELSE {column} IS NOT NULL END"
    )


# -- where nothing can be lost -------------------------------------------------------------------


def _is_carried(old: Shape, new: Shape) -> bool:
    if old.text == new.text or (old.is_enum and new.is_enum):
        return True
    if new.base in ("TEXT", "VARCHAR") and not new.numbers and not new.dimensions:
        return True
    if old.dimensions or new.dimensions:
        return False
    if old.family == new.family:
        return _is_carried_in_family(old, new)
    return (old.family, new.family) in _CARRIED or (old.base, new.base) in _CARRIED


_CARRIED = {
    ("BOOLEAN", "integer"),
    ("BOOLEAN", "json"),
    ("integer", "json"),
    ("integer", "NUMERIC"),
    ("DATE", "TIMESTAMP WITHOUT TIME ZONE"),
    ("CIDR", "INET"),
    ("text", "json"),
    ("text", "BYTEA"),
    ("UUID", "BYTEA"),
    ("SMALLINT", "DOUBLE PRECISION"),
    ("INTEGER", "DOUBLE PRECISION"),
}


def _is_carried_in_family(old: Shape, new: Shape) -> bool:
    match old.family:
        case "json" | "integer":
            return True  # PostgreSQL refuses a number that is out of range
        case "number" if old.base == new.base == "NUMERIC":
            return _scale(old) <= _scale(new)
        case "text" | "moment" if old.base == new.base:
            return not new.numbers or (bool(old.numbers) and old.numbers[0] <= new.numbers[0])
    return False


def _scale(numeric: Shape) -> float:
    """The digits behind the point that it keeps."""
    if not numeric.numbers:
        return float("inf")
    return numeric.numbers[1] if len(numeric.numbers) > 1 else 0
