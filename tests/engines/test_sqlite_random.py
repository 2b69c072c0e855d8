"""Any tables become any others, with their rows, with what was made by hand, and with other keys held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from catalog_sqlite import catalog
from sqlite_kit import NEW, OLD, directly, fresh, go, ident, rows, schema, script
from sqlite_strategies import schemas, tables
from strategies import examples
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema.differ import diff
from whimbrel.schema.table import PrimaryKey, Schema, Table


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


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
