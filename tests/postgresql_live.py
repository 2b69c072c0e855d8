"""What tests of live PostgreSQL databases share: the law, and tables to change by hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from catalog import catalog
from lawful import shown
from postgresql_cases import AUTHOR, linked
from tables import BIG, INTEGER, array, column, enum, index, schema, table, varchar
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.sql import execute
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import Check, Column, Computed, Identity, Schema, Sequence, Unique
from whimbrel.schema.types import ColumnType, describe, make_type
from whimbrel.sources.types import DatabaseType


def places(of: Schema) -> set[str | None]:
    return {None, *of.schemas}


def differences(connection: Connection, wanted: Schema) -> list[str]:
    """What makes the live database that was asked for, in words."""
    live = ENGINE.reflect(connection, places(wanted))
    return [shown(each) for each in diff(live, ENGINE.canonical(connection, wanted))]


def assert_lawful(connection: Connection, wanted: Schema) -> None:
    """The database, which has what is wanted, says so; it is left as it was."""
    before = catalog(connection)
    connection.rollback()
    live = ENGINE.reflect(connection, places(wanted))
    expected = ENGINE.canonical(connection, wanted)
    assert diff(expected, live) == []
    assert diff(live, expected) == []
    # What is read is spelled as it would be if it were made of what was read.
    assert diff(ENGINE.canonical(connection, live), live) == []
    assert not connection.in_transaction()
    assert catalog(connection) == before
    connection.rollback()


def own(kind: str, **arguments: Any) -> ColumnType:
    return make_type(f"sqlalchemy.dialects.postgresql:{kind}", **arguments)


def spelled(sql: str) -> ColumnType:
    return describe(DatabaseType(sql))


def has_extension(connection: Connection, name: str) -> bool:
    asked = f"SELECT 1 FROM pg_available_extensions WHERE '{name} ' LIKE name || ' %'"
    return execute(connection, asked).first() is not None


MOOD = enum("sad", "ok")


def wanted_beside(other: str) -> Schema:
    """Tables in the default schema, with an enum type and a sequence in another one."""
    letters = enum("a", "b", name="Other", schema=other)
    first = SQL(f"others <> '{{}}' AND others[1] = 'a'::{other}.\"Other\"")
    return schema(
        AUTHOR,
        table(
            column(INTEGER, null=True, default=Constant(1)),
            Column("word", varchar(20), default=Constant("a"), comment="said"),
            Column("mood", MOOD, default=Constant("ok")),
            Column("others", array(letters), default=Constant(["a"])),
            Column("twice", INTEGER, True, computed=Computed(SQL("x * 2"))),
            Column("count", BIG, generated=Identity()),
            linked(on_delete="CASCADE"),
            Check("word_check", Q(word__in=["a", "b"])),
            Check("other_check", first),
            Unique("post_word", ("word",)),
            index("mood", name="post_mood", where=Q(mood="ok")),
            comment="about",
        ),
        table(column(INTEGER, default=SQL(f"nextval('{other}.counter')")), name="counted"),
        sequences=(Sequence("counter", other, start=7),),
    )


WANTED = wanted_beside("s")
