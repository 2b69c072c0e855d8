"""Values on their way to another type, in the form in which SQLAlchemy reads it from SQLite.

SQLite takes any value in any column, and its CAST makes 0 of 'abc'. So a value is converted only
where the way back gives it back, and whether it does is looked at before the first row is copied:
a pair of types that is not listed here converts no value but NULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.sqlite import tables as t
from whimbrel.schema.families import decimal, integer_bytes, length, narrowing
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import ColumnType
from whimbrel.sources.types import build


@dataclass(frozen=True)
class Conversion:
    """The expression that makes the new value, and what must be true of the old one (None: nothing)."""

    expression: str
    fits: str | None = None


def conversion(before: Table, old: Column, after: Table, new: Column, value: str) -> Conversion:
    """Return how an old value becomes a new one. ``value``: the expression that gives the old one."""
    if old.type == new.type:
        return Conversion(value)
    was, now = kind(old, before), kind(new, after)
    if new.lossy and narrowing(old.type, new.type):
        return Conversion(_cut(was, now, new.type, value))
    expression, fits = _pair(was, old.type, now, new.type)
    if new.lossy and was == "TEXT" and now == "NUMERIC":
        expression = _cut(was, now, new.type, expression)
    made = expression.replace("{0}", value)
    conditions = [fits.replace("{0}", value)] if fits else []
    if was == "TEXT" and now in _SPELLED and not new.lossy:
        back, _ = _pair(now, new.type, was, old.type)
        stored = _STORED.get(now, "{0}").replace("{0}", made)
        conditions.append(f"CAST({back.replace('{0}', stored)} AS TEXT) = {value}")
    if conditions and made != value and fits not in _BY_FUNCTION:
        # Where people run it themselves nobody has looked: what does not fit stays as it is.
        made = f"CASE WHEN {' AND '.join(conditions)} THEN {made} ELSE {value} END"
    conditions += _sizes(old.type, new.type, made)
    return Conversion(made, " AND ".join(conditions) if conditions else None)


def _pair(was: str, old: ColumnType, now: str, new: ColumnType) -> tuple[str, str | None]:
    """The new value's expression, and the condition on the old one."""
    digits, room = decimal(old), length(new)
    if was == now:
        return "{0}", None
    if now == "TEXT" and was == "UUID" and room is not None and room < 36:
        return "{0}", "length({0}) = 32"
    if now == "TEXT" and was == "NUMERIC" and digits is not None:
        written = f"printf('%.{digits[1]}f', {{0}})"
        return written, f"CAST({written} AS NUMERIC) = {{0}}"
    if "TEXT" not in (was, now):
        was, now = (each.replace("AWARE", "DATETIME") for each in (was, now))
    return _PAIRS.get((was, now), ("{0}", None if was == now else "0"))


def give_functions(connection: Connection) -> None:
    """Give a connection what conditions ask for and SQLite has no function for."""
    driver: Any = connection.connection.driver_connection
    driver.create_function("whimbrel_is_utf8", 1, _is_utf8, deterministic=True)


def _is_utf8(value: object) -> bool:
    try:
        return isinstance(value, bytes) and value.decode() is not None
    except UnicodeDecodeError:
        return False


# -- kinds ---------------------------------------------------------------------------------------


def kind(column: Column, table: Table) -> str:
    """Return what values a column holds: finer than SQLite's affinity, and than the declared type."""
    made = build(t.own_type(column))
    if isinstance(made, sa.Uuid):
        return "UUID"
    if isinstance(made, sa.Interval):  # kept as a moment, counted from 1970
        return "INTERVAL"
    if isinstance(made, sa.DateTime) and made.timezone:  # kept as a moment, in UTC
        return "AWARE"
    return _declared(t.column_type(column, table))


def _declared(spelled: str) -> str:
    name = spelled.upper().split("(")[0].strip()
    if name in ("DATE", "TIME", "BOOLEAN", "JSON"):
        return name
    if name in ("DATETIME", "TIMESTAMP"):
        return "DATETIME"
    return t.affinity(spelled)


# -- pairs ---------------------------------------------------------------------------------------

_HEX = "lower(replace({0}, '-', ''))"
_HYPHENS = " || '-' || ".join(
    f"substr({{0}}, {start}, {size})"
    for start, size in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
)
_AS_TEXT = "CAST({0} AS TEXT)"
_AS_BYTES = f"CAST({_AS_TEXT} AS BLOB)"
_IS_UTF8 = "whimbrel_is_utf8({0})"
#: A whole number, a decimal, as anybody writes them.
_IS_INTEGER = "trim({0}) GLOB '*[0-9]' AND trim({0}) GLOB '[-+0-9]*' AND substr(trim({0}), 2) NOT GLOB '*[^0-9]*'"
_IS_NUMBER = (
    "trim({0}) GLOB '*[0-9]*' AND trim({0}) GLOB '[-+.0-9]*'"
    " AND substr(trim({0}), 2) NOT GLOB '*[^.0-9]*' AND {0} NOT GLOB '*.*.*'"
)
#: Without a point where there is nothing behind it, as PostgreSQL writes it: 5, and not 5.0.
_FLOAT_AS_TEXT = (
    "CASE WHEN ABS({0}) < 1e15 AND CAST({0} AS INTEGER) = {0}"
    " THEN CAST(CAST({0} AS INTEGER) AS TEXT) ELSE CAST({0} AS TEXT) END"
)
#: Without zeros at the end of a fraction, as PostgreSQL writes a moment.
_TIME_AS_TEXT = "CASE WHEN {0} GLOB '*.*' THEN rtrim(rtrim({0}, '0'), '.') ELSE {0} END"
_IS_WRITTEN = "(typeof({0}) <> 'real' OR CAST(CAST({0} AS TEXT) AS REAL) = {0})"
#: A number in a JSON column is kept as a number, with as many digits.
_IS_JSON = (
    "CASE WHEN json_valid({0}) THEN json_type({0}) NOT IN ('integer', 'real')"
    " OR length({0}) <= 15 ELSE 0 END"
)
_IS_WHOLE = "CAST({0} AS INTEGER) = {0}"
#: What a time lacks at its end: 10:20 is 10:20:00.000000.
_TIME = "substr({0} || substr('00:00:00.000000', length({0}) + 1), 1, 15)"
_DIGITS = "[0-9]"
_IS_TIME = (
    f"({_TIME} GLOB '[0-2]{_DIGITS}:[0-5]{_DIGITS}:[0-5]{_DIGITS}.{_DIGITS * 6}'"
    f" AND {_TIME} < '24' AND length({{0}}) <= 15)"
)
# A modifier makes SQLite count: else it takes February 30th as it is. 'now' is a date, too.
_IS_DATE = "date({0}, '+0 days') = {0}"
_TIME_OF = "substr({0}, 12)"
_IS_MOMENT = (
    "date(substr({0}, 1, 10), '+0 days') = substr({0}, 1, 10)"
    " AND substr({0}, 11, 1) IN ('', ' ', 'T') AND length({0}) <> 11"
    f" AND {_IS_TIME.replace('{0}', _TIME_OF)}"
)
_SECONDS = "CAST(strftime('%s', {0}) AS INTEGER)"
_IS_IN_SECONDS = "substr({0}, 20) IN ('', '.000000')"
_FROM_SECONDS = "strftime('%Y-%m-%d %H:%M:%S', {0}, 'unixepoch') || '.000000'"
_IS_IN_YEARS = f"{_IS_WHOLE} AND {{0}} BETWEEN -62135596800 AND 253402300799"
_WORD = "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
_IS_BOOLEAN = "{0} IN (0, 1)"
_YES, _NO = "('true', 't', 'yes', 'y', 'on', '1')", "('false', 'f', 'no', 'n', 'off', '0')"
_LOW = "lower(trim({0}))"
_MOMENT_OF_TEXT = f"substr({{0}}, 1, 10) || ' ' || {_TIME.replace('{0}', _TIME_OF)}"
#: A text that ends in +00; any other is read where it may be spelled otherwise, as one in UTC.
_IN_UTC = "substr({0}, 1, length({0}) - 3 * ({0} GLOB '*+00'))"

#: Old and new kind: the new value's expression, and the condition on the old one.
_PAIRS: Mapping[tuple[str, str], tuple[str, str | None]] = {
    ("TEXT", "INTEGER"): ("{0}", _IS_INTEGER),
    ("TEXT", "NUMERIC"): ("{0}", _IS_NUMBER),
    ("TEXT", "REAL"): ("{0}", _IS_NUMBER),
    ("TEXT", "BOOLEAN"): (
        f"CASE WHEN {_LOW} IN {_YES} THEN 1 WHEN {_LOW} IN {_NO} THEN 0 ELSE {{0}} END",
        f"({_LOW} IN {_YES} OR {_LOW} IN {_NO})",
    ),
    ("TEXT", "DATE"): ("{0}", _IS_DATE),
    ("TEXT", "DATETIME"): (_MOMENT_OF_TEXT, _IS_MOMENT),
    ("TEXT", "AWARE"): (
        _MOMENT_OF_TEXT.replace("{0}", _IN_UTC),
        _IS_MOMENT.replace("{0}", _IN_UTC),
    ),
    ("TEXT", "TIME"): (_TIME, f"length({{0}}) >= 5 AND {_IS_TIME}"),
    ("TEXT", "UUID"): (
        _HEX,
        f"length({{0}}) IN (32, 36) AND length({_HEX}) = 32 AND {_HEX} NOT GLOB '*[^0-9a-f]*'",
    ),
    ("TEXT", "JSON"): ("{0}", _IS_JSON),
    ("TEXT", "BLOB"): ("CAST({0} AS BLOB)", None),
    ("INTEGER", "TEXT"): ("{0}", None),
    ("INTEGER", "NUMERIC"): ("{0}", None),
    ("INTEGER", "REAL"): ("{0}", "CAST({0} AS REAL) = {0}"),
    ("INTEGER", "BOOLEAN"): ("{0}", _IS_BOOLEAN),
    ("INTEGER", "INTERVAL"): (_FROM_SECONDS, _IS_IN_YEARS),
    ("INTEGER", "JSON"): ("{0}", None),
    ("INTEGER", "BLOB"): (_AS_BYTES, None),
    ("NUMERIC", "TEXT"): ("{0}", _IS_WRITTEN),
    ("NUMERIC", "INTEGER"): ("{0}", _IS_WHOLE),
    ("NUMERIC", "REAL"): ("{0}", "CAST({0} AS REAL) = {0}"),
    ("NUMERIC", "BOOLEAN"): ("{0}", _IS_BOOLEAN),
    ("NUMERIC", "INTERVAL"): (_FROM_SECONDS, _IS_IN_YEARS),
    ("NUMERIC", "JSON"): ("{0}", None),
    ("REAL", "TEXT"): (_FLOAT_AS_TEXT, _IS_WRITTEN),
    ("REAL", "INTEGER"): ("{0}", _IS_WHOLE),
    ("REAL", "NUMERIC"): ("{0}", None),
    ("REAL", "BOOLEAN"): ("{0}", _IS_BOOLEAN),
    ("REAL", "JSON"): ("{0}", None),
    ("BOOLEAN", "TEXT"): (_WORD, _IS_BOOLEAN),
    ("BOOLEAN", "INTEGER"): ("{0}", None),
    ("BOOLEAN", "NUMERIC"): ("{0}", None),
    ("BOOLEAN", "REAL"): ("{0}", None),
    ("BOOLEAN", "JSON"): (_WORD, _IS_BOOLEAN),
    ("DATE", "TEXT"): ("{0}", None),
    ("DATE", "DATETIME"): ("{0} || ' 00:00:00.000000'", None),
    ("DATETIME", "TEXT"): (_TIME_AS_TEXT, None),
    ("AWARE", "TEXT"): (f"{_TIME_AS_TEXT} || '+00'", None),
    ("DATETIME", "DATE"): (
        "date({0})",
        "substr({0}, 11) IN ('', ' 00:00:00', ' 00:00:00.000000')",
    ),
    ("TIME", "TEXT"): (_TIME_AS_TEXT, None),
    ("INTERVAL", "INTEGER"): (_SECONDS, _IS_IN_SECONDS),
    ("INTERVAL", "NUMERIC"): (_SECONDS, _IS_IN_SECONDS),
    ("INTERVAL", "REAL"): (_SECONDS, _IS_IN_SECONDS),
    ("UUID", "TEXT"): (_HYPHENS, "length({0}) = 32"),
    ("JSON", "TEXT"): ("{0}", _IS_WRITTEN),
    ("JSON", "INTEGER"): ("{0}", "typeof({0}) = 'integer'"),
    ("JSON", "NUMERIC"): ("{0}", "typeof({0}) IN ('integer', 'real')"),
    ("JSON", "REAL"): ("{0}", "typeof({0}) IN ('integer', 'real') AND CAST({0} AS REAL) = {0}"),
    ("JSON", "BOOLEAN"): (
        "CASE {0} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
        "{0} IN ('true', 'false')",
    ),
    ("JSON", "BLOB"): (_AS_BYTES, _IS_WRITTEN),
    ("BLOB", "TEXT"): (_AS_TEXT, _IS_UTF8),
    ("BLOB", "JSON"): (_AS_TEXT, f"{_IS_UTF8} AND {_IS_JSON.replace('{0}', _AS_TEXT)}"),
    ("BLOB", "UUID"): ("lower(hex({0}))", "typeof({0}) = 'blob' AND length({0}) = 16"),
}

#: Kinds that a text is read as; it is carried where it is the very text that they are written as.
_SPELLED = frozenset(
    ["INTEGER", "NUMERIC", "REAL", "BOOLEAN", "DATE", "DATETIME", "AWARE", "TIME", "UUID"]
)
#: What SQLite makes of a text that is put into such a column.
_STORED = {each: f"CAST({{0}} AS {each})" for each in ("INTEGER", "NUMERIC", "REAL")}

#: Conditions that ask for a function of ours, which a shell has not.
_BY_FUNCTION = frozenset(fits for _, fits in _PAIRS.values() if fits and _IS_UTF8 in fits)


# -- sizes ---------------------------------------------------------------------------------------


def _sizes(old: ColumnType, new: ColumnType, made: str) -> list[str]:
    """Return the condition on what SQLite does not look at, and others refuse: lengths, digits, ranges."""
    found = []
    room, had = length(new), length(old)
    if room is not None and (had is None or room < had):
        found.append(f"length({made}) <= {room}")
    digits, were = decimal(new), decimal(old)
    holds = digits and were and digits[1] >= were[1] and digits[0] - digits[1] >= were[0] - were[1]
    if digits is not None and not holds:
        found.append(f"ROUND({made}, {digits[1]}) = CAST({made} AS NUMERIC)")
        found.append(f"ABS({made}) < 1e{digits[0] - digits[1]}")
    size, was = integer_bytes(new), integer_bytes(old)
    if size is not None and size < 8 and (was is None or size < was):
        limit = 2 ** (8 * size - 1)
        found.append(f"CAST({made} AS NUMERIC) BETWEEN {-limit} AND {limit - 1}")
    return found


def _cut(was: str, now: str, new: ColumnType, value: str) -> str:
    """A value cut to its new type, as somebody asked for."""
    digits, room = decimal(new), length(new)
    match now:
        case "TEXT" if room is not None:
            return f"substr({value}, 1, {room})"
        case "NUMERIC" if digits is not None:
            return f"ROUND({value}, {digits[1]})"
        case "INTEGER":
            return f"CAST(ROUND({value}) AS INTEGER)"
        case "BOOLEAN":
            return f"{value} <> 0"
        case "DATE" if was in ("DATETIME", "AWARE"):
            return f"substr({value}, 1, 10)"
        case "TIME" if was in ("DATETIME", "AWARE"):
            return f"substr({value}, 12)"
    return value
