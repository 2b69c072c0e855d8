"""Losses of values by a column's new type, as a condition on the rows that are there.

A value is carried if the way back gives it back. PostgreSQL rounds and cuts in silence where it
casts "in assignment", so rows are looked at before the type changes, under the lock that it takes.
"""

from __future__ import annotations

from whimbrel.engines.postgresql.steps import casts
from whimbrel.engines.postgresql.steps.casts import Shape

#: Families whose values are compared by what they mean: 1.5 is 1.50.
_BY_MEANING = {"integer", "number", "moment", "DATE"}


def lost(column: str, old: Shape, new: Shape) -> str | None:
    """Return the condition on a quoted column for values that would not come back the same.

    None where there are none: what PostgreSQL does not refuse by itself is carried whole.
    """
    if _is_carried(old, new):
        return None
    if new.base == "JSONB" and old.family in ("json", "text") and not old.dimensions:
        return f"{_keys(column)} IS DISTINCT FROM {_keys(f'{column}::jsonb')}"
    plain = not (old.dimensions or new.dimensions or old.is_hex)
    if plain and old.family == new.family == "text" and new.base == "VARCHAR":
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


def _keys(of: str) -> str:
    """Return how many keys there are in JSON: the colons outside of its strings. JSONB has each once."""
    without_strings = f"""regexp_replace(({of})::text, '"([^"\\\\]|\\\\.)*"', '', 'g')"""
    return f"length(regexp_replace({without_strings}, '[^:]', '', 'g'))"


# -- where nothing can be lost -------------------------------------------------------------------


def _is_carried(old: Shape, new: Shape) -> bool:
    if not casts.rewrites(old, new) or (old.is_enum and new.is_enum):
        return True  # what is not written anew stays as it is
    if new.base in ("TEXT", "VARCHAR") and not new.numbers and not new.dimensions:
        return True
    if old.dimensions or new.dimensions or old.is_hex or new.is_hex:
        return False
    if old.family == new.family:
        return _is_carried_in_family(old, new)
    return bool(_CARRIED & {(old.family, new.family), (old.family, new.base), (old.base, new.base)})


_CARRIED = {
    ("BOOLEAN", "integer"),
    ("BOOLEAN", "json"),
    ("integer", "json"),
    ("integer", "NUMERIC"),
    ("DATE", "moment"),
    ("CIDR", "INET"),
    ("text", "JSON"),
    ("text", "BYTEA"),
    ("UUID", "BYTEA"),
    ("SMALLINT", "DOUBLE PRECISION"),
    ("INTEGER", "DOUBLE PRECISION"),
}


def _is_carried_in_family(old: Shape, new: Shape) -> bool:
    match old.family:
        case "integer":
            return True  # PostgreSQL refuses a number that is out of range
        case "json":
            return new.base == "JSON"
        case "number" if old.base == new.base == "NUMERIC":
            return _scale(old) <= _scale(new)
        case "text" if old.base != new.base:
            return False
        case "text" | "moment":
            return not new.numbers or (bool(old.numbers) and old.numbers[0] <= new.numbers[0])
    return False


def _scale(numeric: Shape) -> float:
    """The digits behind the point that it keeps."""
    if not numeric.numbers:
        return float("inf")
    return numeric.numbers[1] if len(numeric.numbers) > 1 else 0
