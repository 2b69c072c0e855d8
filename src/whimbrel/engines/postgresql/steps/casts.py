"""Casts: what a column's values become when its type changes, and what that costs.

Measured on PostgreSQL 15 to 18, where each of these is the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Uuid

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.schema.families import family_by_name
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.sources.types import build

_SHAPE = re.compile(
    r"(?P<base>[^(\[]*)(?:\((?P<numbers>[^)]*)\))?(?P<rest>[^(\[]*)(?P<dims>(?:\[\d*\])*)"
)

_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")
_FLOATS = ("REAL", "FLOAT", "DOUBLE PRECISION")
#: Families by those of `whimbrel.schema.families`; of any other, a type's base is its family.
_FAMILIES = {"decimal": "number", "float": "number"} | {
    family: family for family in ("integer", "text", "moment", "json")
}


@dataclass(frozen=True)
class Shape:
    """A type as PostgreSQL sees it: ``VARCHAR(10)[]`` is base VARCHAR, numbers (10,), one dimension."""

    text: str
    base: str
    numbers: tuple[int, ...] = ()
    dimensions: int = 0
    is_enum: bool = False
    #: A UUID that is kept as 32 characters.
    is_hex: bool = False

    @property
    def family(self) -> str:
        """The family, such as "integer", "number", "text", or the base itself."""
        return _FAMILIES.get(family_by_name(self.base) or "", self.base)


def shape(type: ColumnType) -> Shape:
    """The shape of a column type."""
    text = COMPILER.bare_type(type)
    if isinstance(type, EnumType) and COMPILER.has_type_of(type):
        return Shape(text, text, is_enum=True)
    found = _SHAPE.fullmatch(text)
    if found is None:
        return Shape(text, text)
    base = f"{found['base'].strip()}{found['rest']}"
    raw = (found["numbers"] or "").split(",")
    numbers = tuple(int(number) for number in raw if number.strip().lstrip("-").isdigit())
    of = type.on("postgresql")
    is_hex = isinstance(build(of), Uuid) and base != "UUID"
    return Shape(text, base, numbers, found["dims"].count("["), is_hex=is_hex)


# -- under which settings ------------------------------------------------------------------------

_OF_TIME = re.compile("TIME|DATE|INTERVAL|TSRANGE|TSTZ|TSMULTI")
_DATED = re.compile("TIMESTAMP|DATE|TSRANGE|TSTZ|TSMULTI")
_IN_A_ZONE = re.compile("WITH TIME ZONE|TIMESTAMPTZ|TIMETZ|TSTZ")


def settings(old: Shape, new: Shape) -> dict[str, str]:
    """Return the settings under which a change of type gives the same values in every session.

    A moment without a zone is one in UTC; and where the session is in UTC, PostgreSQL has no table
    to write anew for it (13 to 18).
    """
    if old.text == new.text:
        return {}
    texts = [each.text.upper() for each in (old, new)]
    both, families = " ".join(texts), {old.family, new.family}
    is_written = not all(map(_OF_TIME.search, texts))
    by_number = bool({"integer", "number"} & families) and "TIMESTAMP" in both
    needed = {
        ("TimeZone", "UTC"): by_number or _IN_A_ZONE.search(both),
        ("DateStyle", "ISO, YMD"): is_written and _DATED.search(both),
        ("IntervalStyle", "postgres"): is_written and "INTERVAL" in both,
        ("extra_float_digits", "1"): {"text", "json"} & families
        and {old.base, new.base} & set(_FLOATS),
    }
    return {name: value for (name, value), is_needed in needed.items() if is_needed}


# -- how ---------------------------------------------------------------------------------------


def using(column: str, old: Shape, new: Shape) -> str | None:
    """The expression that makes the new value of a quoted column; None where PostgreSQL knows.

    It knows every cast "in assignment": between numbers, between moments, to any text. It
    then refuses a value that does not fit, where a cast of ours would cut it off.
    """
    if old.is_hex != new.is_hex:
        return _of_hex(column, old, new)
    if old.dimensions or new.dimensions:
        return _of_arrays(column, old, new)
    special = _of_ranges(old, new) or _SPECIAL.get((old.family, new.family))
    if old.base == "UUID" and new.family == "text" and new.numbers and 32 <= new.numbers[0] < 36:
        # It fits only without its hyphens, as in a CHAR(32).
        special = "replace({column}::text, '-', '')"
    if special is not None:
        return special.format(column=column, type=new.text)
    if _is_assignable(old, new):
        return None
    if new.base == "BYTEA":
        return f"convert_to({column}::text, 'UTF8')"
    if old.base == "BYTEA":
        return f"convert_from({column}, 'UTF8')::{new.text}"
    if new.family == "json":
        return f"to_{new.base.lower()}({column})"
    if old.family == "json":
        return f"({column} #>> '{{}}')::{new.text}"
    return f"{column}::text::{new.text}"


def cut(column: str, old: Shape, new: Shape) -> str | None:
    """The expression as `using` gives it; but strings that are too long are cut off."""
    if old.family == new.family == "text" and new.numbers:
        return f"{column}::{new.text}"
    return using(column, old, new)


def _texts(of: str) -> str:
    """The keys, or the values, of a JSON object as an array of strings."""
    found = f"jsonb_path_query_array({{column}}::jsonb, '$.keyvalue().{of}')"
    return _TEXTS_OF_JSON.format(array=found)


#: USING takes no subquery, and PostgreSQL has no function for it but by way of a row: that of
#: pg_class has a column of the type text[] (PostgreSQL 18, 9.16, jsonb_populate_record).
_TEXTS_OF_JSON = (
    "(jsonb_populate_record(NULL::pg_catalog.pg_class, "
    "jsonb_build_object('reloptions', {array}))).reloptions"
)
#: Seconds as days and the rest of a day, as drivers write a timedelta.
_DAYS = "floor({column}::numeric / 86400)"
_REST = f"({{column}}::numeric - {_DAYS} * 86400)::float8"

#: How one family becomes another where there is no cast, or not one that says what is meant.
_SPECIAL = {
    ("integer", "BOOLEAN"): "{column} <> 0",
    ("number", "BOOLEAN"): "{column} <> 0",
    ("BOOLEAN", "integer"): "{column}::int::{type}",
    ("BOOLEAN", "number"): "{column}::int::{type}",
    ("integer", "INTERVAL"): f"make_interval(days => {_DAYS}::int, secs => {_REST})",
    ("number", "INTERVAL"): f"make_interval(days => {_DAYS}::int, secs => {_REST})",
    ("INTERVAL", "integer"): "extract(epoch FROM {column})::{type}",
    ("INTERVAL", "number"): "extract(epoch FROM {column})::{type}",
    ("integer", "moment"): "to_timestamp({column})::{type}",
    ("number", "moment"): "to_timestamp({column}::float8)::{type}",
    ("moment", "integer"): "extract(epoch FROM {column})::{type}",
    ("moment", "number"): "extract(epoch FROM {column})::{type}",
    ("UUID", "BYTEA"): "uuid_send({column})",
    ("BYTEA", "UUID"): "encode({column}, 'hex')::uuid",
    ("BYTEA", "json"): "convert_from({column}, 'UTF8')::{type}",
    ("text", "json"): "{column}::{type}",
    ("json", "BYTEA"): "convert_to({column}::text, 'UTF8')",
    ("INET", "text"): "abbrev({column})",
    ("json", "HSTORE"): f"hstore({_texts('key')}, {_texts('value')})",
    ("BIT", "BIT"): "{column}::{type}",
    ("BIT VARYING", "BIT"): "{column}::{type}",
}


_UUID = Shape("UUID", "UUID")


def _of_hex(column: str, old: Shape, new: Shape) -> str | None:
    """A UUID that is kept as characters, by way of one that is not."""
    if old.is_hex:
        of = f"({column}::text::uuid)"
        return using(of, _UUID, new) or f"{of}::{new.text}"
    made = using(column, old, _UUID) or column
    return f"replace(({made})::text, '-', '')"


def _of_ranges(old: Shape, new: Shape) -> str | None:
    """Between a range and ranges: their text, since the ends may be of other types."""
    if not (old.base.endswith("RANGE") and new.base.endswith("RANGE")):
        return None
    were, are = ("MULTI" in each.base for each in (old, new))
    if were == are:
        return None
    merged = "range_merge({column})::text::{type}"
    return merged if were else "('{{' || {column}::text || '}}')::{type}"


def _is_assignable(old: Shape, new: Shape) -> bool:
    if (old.base == new.base) or (old.family == new.family):
        return True
    if new.family == "text":
        return old.base != "BYTEA"
    are_numbers = {old.family, new.family} <= {"integer", "number"}
    return are_numbers or not _ASSIGNABLE.isdisjoint([(old.base, new.base), (old.family, new.base)])


#: PostgreSQL 18, pg_cast: those with castcontext "a" or "i" that do not stay in a family.
_ASSIGNABLE = {
    ("moment", "DATE"),
    ("moment", "TIME WITHOUT TIME ZONE"),
    ("moment", "TIME"),
    ("DATE", "TIMESTAMP WITHOUT TIME ZONE"),
    ("DATE", "TIMESTAMP WITH TIME ZONE"),
    ("INTERVAL", "TIME WITHOUT TIME ZONE"),
    ("TIME WITHOUT TIME ZONE", "INTERVAL"),
    ("CIDR", "INET"),
    ("INET", "CIDR"),
    ("BIT", "BIT VARYING"),
}


def _of_arrays(column: str, old: Shape, new: Shape) -> str | None:
    if old.dimensions and new.dimensions:
        same = old.base == new.base or (old.family == new.family and not old.is_enum)
        return None if same else f"{column}::text::{new.text}"
    if old.dimensions:
        # As a string or JSON; else the one element that it has.
        if new.family == "text":
            return None
        if new.family == "json":
            return f"to_{new.base.lower()}({column})"
        return f"({column})[1]::text::{new.text}"
    if old.family == "text":
        return f"{column}::text::{new.text}"
    if old.family == "json":
        made = _TEXTS_OF_JSON.format(array=f"{column}::jsonb")  # of any depth
        return f"CASE WHEN {column} IS NOT NULL THEN {made}::{new.text} END"
    return f"CASE WHEN {column} IS NOT NULL THEN ARRAY[{column}::text]::{new.text} END"


# -- at what cost ------------------------------------------------------------------------------


def rewrites(old: Shape, new: Shape) -> bool:
    """Return True if the table is written anew; True also where it cannot be told."""
    if old.dimensions or new.dimensions or old.is_enum or new.is_enum or old.is_hex != new.is_hex:
        return old != new
    if old.text == new.text or (old.base, new.base) == ("CIDR", "INET"):
        return False
    if {old.base, new.base} <= {"VARCHAR", "TEXT"}:
        return not _is_wider(old, new)
    if old.base == new.base == "NUMERIC":
        same_scale = len(old.numbers) == len(new.numbers) and old.numbers[1:] == new.numbers[1:]
        return bool(new.numbers) and not (same_scale and new.numbers[0] >= old.numbers[0])
    if old.family == new.family and old.family in ("moment", "INTERVAL", *_TIMES):
        return not _is_wider(old, new)
    return True


_TIMES = ("TIME WITHOUT TIME ZONE", "TIME WITH TIME ZONE")


def _is_wider(old: Shape, new: Shape) -> bool:
    return not new.numbers or (bool(old.numbers) and new.numbers[0] >= old.numbers[0])


def may_fail(old: Shape, new: Shape) -> bool:
    """Return True if a value may be there that the new type does not take."""
    if old.is_hex != new.is_hex:
        return True
    if old.family == new.family and not (old.dimensions or new.dimensions):
        is_larger = old.base in _INTEGERS and new.base in _INTEGERS[_INTEGERS.index(old.base) + 1 :]
        return rewrites(old, new) and not is_larger
    is_text = new.family == "text" and not (new.numbers or new.dimensions)
    return not is_text or old.base == "BYTEA"
