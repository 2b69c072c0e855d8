"""Columns of a live database, from rows of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from whimbrel.engines.postgresql.reflect.catalog import Row
from whimbrel.engines.postgresql.reflect.text import bare, settled
from whimbrel.engines.postgresql.reflect.types import array_of, type_of
from whimbrel.schema.domains import PATH as DOMAIN
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Column, Computed, Identity, Sequence, Serial
from whimbrel.schema.types import ColumnType, EnumType, Type, in_sql, make_type

#: Which database schema a namespace is to us; None is the connection's default one.
Place = Callable[[str], str | None]

_LARGEST = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def column(row: Row, enums: Mapping[int, EnumType], place: Place, nullable: bool) -> Column:
    """One column. ``nullable``: its NOT NULL does not hold for every row."""
    serial = row["is_serial"] and row["default"].startswith("nextval(")
    stored = row["generated"] == "s"
    default = row["default"] if not (row["generated"] or serial) else None
    identity = None
    if row["identity"]:
        identity = Identity(always=row["identity"] == "a", **counting(row, row["counted"]))
    return Column(
        name=row["name"],
        type=_named_type(row, enums, place) or type_of(row["spelled"]),
        null=row["null"] or nullable,
        default=SQL(settled(default)) if default is not None else None,
        generated=Serial() if serial else identity,
        computed=Computed(SQL(bare(row["default"])), stored) if row["generated"] else None,
        collation=row["collation"],
        comment=row["comment"],
    )


# -- types -----------------------------------------------------------------------------------------


def _named_type(row: Row, enums: Mapping[int, EnumType], place: Place) -> ColumnType | None:
    """An enum type or a domain, or an array of it; None for any other."""
    of: ColumnType | None = enums.get(row["base"]) if row["kind"] == "e" else None
    if row["kind"] == "d":
        of = domain(row, place)
    return array_of(of) if of is not None and row["is_array"] else of


def domain(row: Row, place: Place) -> Type:
    """A domain, from a row that says what it is made of (see `catalog.domains`)."""
    under = type_of(row["under"]) if row["under"] else in_sql(row["base_name"])
    check, default, named = row["domain_check"], row["domain_default"], row["domain_constraint"]
    said = {
        "schema": place(row["base_schema"]),
        "check": make_type("sqlalchemy:text", bare(check)) if check else None,
        "constraint_name": named if named != f"{row['base_name']}_check" else None,
        "default": make_type("sqlalchemy:text", default) if default else None,
        "not_null": True if row["domain_required"] else None,
        "collation": row["domain_collation"],
    }
    given = {name: each for name, each in said.items() if each is not None}
    return make_type(DOMAIN, name=row["base_name"], data_type=under, **given)


# -- numbers ---------------------------------------------------------------------------------------


def sequence(row: Row, schema: str | None) -> Sequence:
    """A sequence of its own. Its type is not part of it: its bounds say what it holds."""
    return Sequence(row["name"], schema, **counting(row, "bigint"))


def counting(row: Row, counted: str) -> dict[str, Any]:
    """Return the options of a sequence; None for what the server does by itself (18, CREATE SEQUENCE)."""
    largest = _LARGEST.get(counted, 2**63)
    up = row["increment"] > 0
    low, high = (1, largest - 1) if up else (-largest, -1)
    usual = {
        "start": row["minvalue"] if up else row["maxvalue"],
        "increment": 1,
        "minvalue": low,
        "maxvalue": high,
        "cache": 1,
    }
    found = {name: None if row[name] == value else row[name] for name, value in usual.items()}
    return {**found, "cycle": row["cycle"]}
