"""Any tables become any others, with their rows, with what was made by hand, and with other keys held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from catalog_sqlite import catalog
from sqlite_kit import (
    BIGINT,
    INTEGER,
    NEW,
    OLD,
    TEXT,
    directly,
    enum,
    fresh,
    go,
    ident,
    rows,
    schema,
    script,
    varchar,
)
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema.differ import diff
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


def put_rows(connection: sa.Connection, of: Schema) -> None:
    """Rows whose ids are all the numbers that a column may hold, so that any may be a foreign key."""
    for table in of.tables.values():
        for number in (1, 2, 7):
            values: dict[str, Any] = {"id": number}
            for column in table.columns:
                if column.computed is None and column.key in tuple("abcxyz"):
                    value = number if column.key in "abc" else f"text {number}"
                    values[column.name] = None if column.null and number == 2 else value
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join("?" * len(values))
            connection.exec_driver_sql(
                f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', tuple(values.values())
            )


def values(connection: sa.Connection, of: Schema) -> dict[tuple[str, str], list[Any]]:
    """The values of each column, by the identities of its table and its own, in order of id."""
    return {
        (table.key or "", column.key or ""): [
            value
            for (value,) in rows(
                connection, f'SELECT "{column.name}" FROM "{table.name}" ORDER BY id'
            )
        ]
        for table in of.tables.values()
        for column in table.columns
        if column.computed is None
    }


def nullable(of: Schema) -> dict[tuple[str, str], bool]:
    return {
        (table.key or "", column.key or ""): column.null
        for table in of.tables.values()
        for column in table.columns
    }


def assert_kept(old: Schema, new: Schema, before: dict[Any, Any], after: dict[Any, Any]) -> None:
    was, now = nullable(old), nullable(new)
    for key in before.keys() & after.keys():
        if was[key] <= now[key]:
            assert after[key] == before[key], key
        else:
            kept = [(a, b) for a, b in zip(before[key], after[key], strict=True) if a is not None]
            assert all(a == b for a, b in kept), key
            assert None not in after[key]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=schemas(), new=schemas(), engine=st.sampled_from([NEW, OLD]))
def test_any_tables_become_any_others_with_their_rows(
    old: Schema, new: Schema, engine: SQLiteEngine
) -> None:
    with fresh() as connection:
        go(connection, Schema(), old)
        put_rows(connection, old)
        before = values(connection, old)
        for step in engine.steps(diff(old, new), old):
            note(step.sql)
        go(connection, old, new, engine)
        assert catalog(connection) == directly(new)
        there = values(connection, new)
        assert_kept(old, new, before, there)
        go(connection, new, old, engine)
        assert catalog(connection) == directly(old)
        assert_kept(new, old, there, values(connection, old))


HAND = """
CREATE INDEX "by hand" ON {0} (id) WHERE id > 1;
CREATE TABLE log (n);
CREATE TRIGGER "hand's" AFTER INSERT ON {0} BEGIN INSERT INTO log VALUES (new.id); END;
CREATE VIEW looks AS SELECT id FROM {0};
ALTER TABLE {0} ADD COLUMN extra TEXT DEFAULT 'kept' CHECK (extra <> 'no');
"""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=tables("T", "first"), new=tables("T", "second"))
def test_what_is_made_by_hand_outlives_any_change(old: Table, new: Table) -> None:
    other = Table("second", (ident(),), (PrimaryKey("o", ("id",)),), key="O")
    before, after = schema(old, other), schema(new, replace(other, name="first"))
    with fresh() as connection:
        go(connection, Schema(), before)
        put_rows(connection, before)
        script(connection, HAND.format("first"))
        go(connection, before, after)
        assert rows(connection, "SELECT id, extra FROM second") == [(n, "kept") for n in (1, 2, 7)]
        assert rows(connection, "SELECT id FROM looks ORDER BY id") == [(1,), (2,), (7,)]
        found = catalog(connection)
        assert found["index by hand"][0] == "second"
        assert ("", "extra <> 'no'") in found["table second"]["checks"]
        script(connection, "DELETE FROM second WHERE id = 2")
        names = [
            c.name for c in new.columns if c.computed is None and not c.null and c.default is None
        ]
        row = {name: "9" for name in names if name != "id"}
        into, marks = "".join(f', "{name}"' for name in row), "".join(", ?" for _ in row)
        connection.exec_driver_sql(
            f"INSERT INTO second (extra{into}) VALUES ('x'{marks})", tuple(row.values())
        )
        assert rows(connection, "SELECT n FROM log") == [(8,)]
