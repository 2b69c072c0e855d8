"""Random tables that SQLite can hold, with rows that survive what becomes of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sqlite_kit import BIGINT, INTEGER, TEXT, enum, ident, schema, varchar
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)

NAMES = ("alpha", "beta", "gamma", "order", "Delta")
#: Types among which every value of the test survives, there and back.
TEXTS, NUMBERS = (TEXT, varchar(9), varchar(20)), (INTEGER, BIGINT)


@st.composite
def columns(draw: st.DrawFn, key: str) -> Column:
    """A column of an identity, under any name; with a number or a text in it, by the identity."""
    number = key in "abc"
    null = draw(st.booleans())
    value: Any = 7 if number else "it's"
    default = draw(
        st.sampled_from([None, Constant(value), SQL("1 + 1" if number else "lower('X')")])
    )
    return Column(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from(NUMBERS if number else TEXTS)),
        null=null,
        default=default,
        fill=None if null else Constant(value),
        collation=None if number else draw(st.sampled_from([None, "NOCASE"])),
        key=key,
    )


@st.composite
def parts(draw: st.DrawFn, name: str, columns: list[Column]) -> tuple[list[Any], list[Index]]:
    """Constraints and indexes of columns. What is unique has the key in it, so that rows fit."""
    constraints: list[Any] = []
    indexes: list[Index] = []
    for column in columns:
        kind = draw(st.integers(0, 7))
        each = column.key or ""
        if kind == 0:
            constraints.append(Unique(f"{name}_{each}_u", (column.name, "id"), key=f"{each}:u"))
        elif kind == 1:
            known = draw(st.sampled_from([Q(**{f"{column.name}__isnull": True}), Q(id__gt=0)]))
            check = known | Q(id__lt=1000)
            constraints.append(
                Check(f"{name}_{each}_k{draw(st.integers(0, 1))}", check, key=f"{each}:k")
            )
        elif kind == 2:
            where = draw(st.sampled_from([None, Q(id__gt=3)]))
            part = IndexPart(column.name, descending=draw(st.booleans()))
            indexes.append(
                Index(
                    f"{name}_{each}_i{draw(st.integers(0, 1))}",
                    (part,),
                    where=where,
                    key=f"{each}:i",
                )
            )
        elif kind == 3 and each == "a":
            target = draw(st.sampled_from(["first", "second"]))
            constraints.append(
                ForeignKey(
                    f"{name}_fk", (column.name,), Name(None, target), ("id",), key=f"{each}:fk"
                )
            )
    return constraints, indexes


@st.composite
def tables(draw: st.DrawFn, key: str, name: str) -> Table:
    """A table of an identity, with some columns, under names that differ."""
    found: dict[str, Column] = {}
    for each in draw(st.lists(st.sampled_from("abcxyz"), unique=True, max_size=4)):
        column = draw(columns(each))
        found.setdefault(column.name.lower(), column)
    plain = list(found.values())
    constraints, indexes = draw(parts(key, plain))
    more = [
        Column(
            "mood",
            enum(*draw(st.sampled_from([("sad",), ("sad", "happy"), ("sad", "hot")]))),
            True,
            key="m",
        )
    ]
    numbers = [column.name for column in plain if (column.key or "") in "abc"]
    if numbers and draw(st.booleans()):
        expression = SQL(f'"{numbers[0]}" + 1')
        more.append(
            Column(
                "made",
                INTEGER,
                True,
                computed=Computed(expression, draw(st.booleans())),
                key="made",
            )
        )
    return Table(
        name,
        (ident(), *plain, *more[: draw(st.integers(0, 2))]),
        (PrimaryKey(f"{key}_pk", ("id",), key="pk"), *constraints),
        tuple(indexes),
        key=key,
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Two tables, named either way round, and one that is only sometimes there."""
    names = draw(st.permutations(["first", "second"]))
    found = [draw(tables(key, name)) for key, name in zip(("T", "U"), names, strict=True)]
    if draw(st.booleans()):
        found.append(draw(tables("V", "third")))
    return schema(*found)
