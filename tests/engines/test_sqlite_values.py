"""Values on their way from a table to the one that takes its place: none is lost, none is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from catalog_sqlite import catalog
from sqlite_kit import (
    BIGINT,
    BOOLEAN,
    DATE,
    INTEGER,
    NEW,
    TEXT,
    column,
    enum,
    fresh,
    go,
    ident,
    rows,
    schema,
    script,
    table,
    varchar,
)
from whimbrel.engines.step import HazardCode
from whimbrel.errors import LossError, StepError
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant
from whimbrel.schema.table import Computed, PrimaryKey, Schema, Table
from whimbrel.schema.types import EnumType, EnumValue, make_type

A = column("a", varchar(10))
WIDE = column("a", varchar(20))
BEFORE = table("t", ident(), A)


def typed(type: Any, **more: Any) -> Schema:
    return schema(table("t", ident(), column("a", type, **more)))


NUMERIC = make_type("sqlalchemy:Numeric", precision=8, scale=2)
AWARE = make_type("sqlalchemy:DateTime", timezone=True)
DATETIME, TIME = make_type("sqlalchemy:DateTime"), make_type("sqlalchemy:Time")
TENTHS = make_type("sqlalchemy:Numeric", precision=8, scale=1)
UUID, INTERVAL = make_type("sqlalchemy:Uuid"), make_type("sqlalchemy:Interval")
FLOAT, CHAR = make_type("sqlalchemy:Double"), make_type("sqlalchemy:CHAR", length=32)
JSON, BLOB = make_type("sqlalchemy:JSON"), make_type("sqlalchemy:LargeBinary")

# Old type, new type, values before, values after.
CONVERSIONS: list[tuple[Any, Any, list[Any], list[Any]]] = [
    (TEXT, INTEGER, ["12", "-3", "7", None], [12, -3, 7, None]),
    (TEXT, NUMERIC, ["1.50", "2.00"], [1.5, 2]),
    (NUMERIC, TEXT, [1.5, 2], ["1.50", "2.00"]),
    (TEXT, FLOAT, ["1.5", "2"], [1.5, 2.0]),
    (FLOAT, TEXT, [1.5, 2.0, 1e20], ["1.5", "2", "1.0e+20"]),
    (NUMERIC, INTEGER, [2.0, 3], [2, 3]),
    (INTEGER, TEXT, [12, None], ["12", None]),
    (INTEGER, NUMERIC, [12], [12]),
    (INTEGER, BOOLEAN, [0, 1, None], [0, 1, None]),
    (BOOLEAN, INTEGER, [0, 1], [0, 1]),
    (TEXT, BOOLEAN, ["true", "false"], [1, 0]),
    (DATE, DATETIME, ["2024-02-29"], ["2024-02-29 00:00:00.000000"]),
    (DATETIME, DATE, ["2024-02-29 00:00:00.000000"], ["2024-02-29"]),
    (TEXT, DATE, ["2024-02-29"], ["2024-02-29"]),
    (TEXT, DATETIME, ["2024-02-29 10:11:12.123456"], ["2024-02-29 10:11:12.123456"]),
    (TEXT, DATETIME, ["2024-02-29 10:11:12"], ["2024-02-29 10:11:12.000000"]),
    (
        DATETIME,
        TEXT,
        ["2024-02-29 10:11:00", "2024-02-29 10:11:10.000000", "2024-02-29 10:11:12.500000"],
        ["2024-02-29 10:11:00", "2024-02-29 10:11:10", "2024-02-29 10:11:12.5"],
    ),
    (TEXT, AWARE, ["2024-02-29 10:11:12+00"], ["2024-02-29 10:11:12.000000"]),
    (AWARE, TEXT, ["2024-02-29 10:11:12.500000"], ["2024-02-29 10:11:12.5+00"]),
    (TEXT, TIME, ["10:11:12", "10:11:12.5"], ["10:11:12.000000", "10:11:12.500000"]),
    (TEXT, UUID, ["12345678-1234-5678-1234-56781234567a"], ["1234567812345678123456781234567a"]),
    (CHAR, UUID, ["1234567812345678123456781234567a"], ["1234567812345678123456781234567a"]),
    (UUID, CHAR, ["1234567812345678123456781234567a"], ["1234567812345678123456781234567a"]),
    (UUID, TEXT, ["1234567812345678123456781234567a"], ["12345678-1234-5678-1234-56781234567a"]),
    (BLOB, UUID, [b"0123456789abcdef"], ["30313233343536373839616263646566"]),
    (INTEGER, INTERVAL, [90], ["1970-01-01 00:01:30.000000"]),
    (INTERVAL, INTEGER, ["1970-01-02 00:00:01.000000"], [86401]),
    (BOOLEAN, TEXT, [1, 0], ["true", "false"]),
    (BOOLEAN, JSON, [1, 0], ["true", "false"]),
    (JSON, BOOLEAN, ["true", "false"], [1, 0]),
    (JSON, BLOB, ['{"a": 1}', 5], [b'{"a": 1}', b"5"]),
    (TEXT, JSON, ['{"a": 1}', None], ['{"a": 1}', None]),
    (JSON, TEXT, ['{"a": 1}'], ['{"a": 1}']),
    (TEXT, BLOB, ["ä"], ["ä".encode()]),
    (BLOB, TEXT, ["ä".encode()], ["ä"]),
    (varchar(20), varchar(3), ["abc"], ["abc"]),
]


@pytest.mark.parametrize(("old", "new", "before", "after"), CONVERSIONS)
def test_values_follow_their_column_to_another_type(
    old: Any, new: Any, before: list[Any], after: list[Any]
) -> None:
    with fresh() as connection:
        go(connection, Schema(), typed(old))
        for value in before:
            connection.exec_driver_sql("INSERT INTO t (a) VALUES (?)", (value,))
        go(connection, typed(old), typed(new))
        found = [value for (value,) in rows(connection, "SELECT a FROM t ORDER BY id")]
        assert [(type(value), value) for value in found] == [(type(each), each) for each in after]


#: What is cut off where it was asked for.
CUTS: list[tuple[Any, Any, Any, Any]] = [
    (varchar(20), varchar(3), "abcdef", "abc"),
    (NUMERIC, TENTHS, 1.55, 1.6),
    (NUMERIC, INTEGER, 1.5, 2),
    (INTEGER, BOOLEAN, 7, 1),
    (DATETIME, DATE, "2024-02-29 10:00:00.000000", "2024-02-29"),
    (AWARE, DATE, "2024-02-29 10:00:00.000000", "2024-02-29"),
    (DATETIME, TIME, "2024-02-29 10:00:00.000000", "10:00:00.000000"),
    (TEXT, INTEGER, " +007", 7),
    (TEXT, NUMERIC, "1.556", 1.56),
    (TEXT, FLOAT, "0.10", 0.1),
    (TEXT, BOOLEAN, "Yes", 1),
    (TEXT, DATETIME, "2024-02-29", "2024-02-29 00:00:00.000000"),
    (TEXT, DATETIME, "2024-02-29T10:11", "2024-02-29 10:11:00.000000"),
    (TEXT, AWARE, "2024-02-29T10:11", "2024-02-29 10:11:00.000000"),
    (TEXT, TIME, "10:11", "10:11:00.000000"),
    (TEXT, UUID, "12345678-1234-5678-1234-56781234567A", "1234567812345678123456781234567a"),
]

#: What is refused whether or not that was asked for: there is no value to be cut to.
UNREADABLE: list[tuple[Any, Any, Any]] = [
    (TEXT, INTEGER, "12abc"),
    (TEXT, INTEGER, "--5"),
    (TEXT, INTEGER, "1.5"),
    (TEXT, INTEGER, "5000000000"),
    (TEXT, NUMERIC, "1.2.3"),
    (TEXT, NUMERIC, "12345678.00"),
    (TEXT, BOOLEAN, "2"),
    (TEXT, DATETIME, "today"),
    (TEXT, AWARE, "2024-02-29 10:11:12+02:00"),
    (TEXT, UUID, "7"),
]


@pytest.mark.parametrize(("old", "new", "value"), UNREADABLE)
def test_what_cannot_be_read_is_refused_even_so(old: Any, new: Any, value: Any) -> None:
    with fresh() as connection:
        go(connection, Schema(), typed(old))
        connection.exec_driver_sql("INSERT INTO t (a) VALUES (?)", (value,))
        with pytest.raises(LossError) as caught:
            go(connection, typed(old), typed(new, lossy=True))
        assert "lossy" not in str(caught.value.hint)
        assert rows(connection, "SELECT a FROM t") == [(value,)]


@pytest.mark.parametrize(("old", "new", "before", "after"), CUTS)
def test_values_are_cut_where_that_is_asked_for(
    old: Any, new: Any, before: Any, after: Any
) -> None:
    with fresh() as connection:
        go(connection, Schema(), typed(old))
        connection.exec_driver_sql("INSERT INTO t (a) VALUES (?), (NULL)", (before,))
        [step] = NEW.steps(diff(typed(old), typed(new, lossy=True)), typed(old))
        assert step.has(HazardCode.LOSES_DATA)
        with pytest.raises(LossError, match="lossy=True"):
            go(connection, typed(old), typed(new))
        go(connection, typed(old), typed(new, lossy=True))
        assert rows(connection, "SELECT a FROM t ORDER BY id") == [(after,), (None,)]


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (TEXT, INTEGER, "abc"),
        (TEXT, INTEGER, "12abc"),
        (TEXT, INTEGER, ""),
        (TEXT, INTEGER, "1.5"),
        (TEXT, INTEGER, "007"),
        (TEXT, INTEGER, "5000000000"),
        (TEXT, NUMERIC, "1.555"),
        (NUMERIC, TENTHS, 1.55),
        (BIGINT, INTEGER, 2**40),
        (varchar(20), varchar(3), "abcdef"),
        (TEXT, UUID, "7"),
        (TEXT, UUID, "12345678-1234-5678-1234-56781234567X"),
        (INTEGER, UUID, 7),
        (UUID, INTEGER, "0" * 32),
        (CHAR, UUID, "7"),
        (DATETIME, INTERVAL, "2024-02-29 10:00:00.000000"),
        (INTERVAL, DATETIME, "1970-01-02 00:00:01.000000"),
        (INTERVAL, INTEGER, "1970-01-02 00:00:01.500000"),
        (BIGINT, FLOAT, 2**53 + 1),
        (BLOB, TEXT, b"\xff"),
        (DATETIME, DATE, "2024-02-29 00:00:00.000001"),
        (TEXT, DATETIME, "2024-02-29 10:11:12+02:00"),
        (TEXT, JSON, "12345678901234567890"),
        (NUMERIC, INTEGER, 1.5),
        (TEXT, NUMERIC, "1,5"),
        (BLOB, INTEGER, b"12"),
        (INTEGER, BOOLEAN, 2),
        (TEXT, BOOLEAN, "yes"),
        (DATETIME, DATE, "2024-02-29 10:00:00.000000"),
        (TEXT, DATE, "29.2.2024"),
        (TEXT, DATE, "2024-02-30"),
        (TEXT, DATETIME, "today"),
        (TEXT, TIME, "noon"),
        (TEXT, JSON, "{"),
        (TEXT, enum("sad", "happy"), "angry"),
        (enum("sad", "happy"), enum("sad"), "happy"),
    ],
)
def test_a_value_that_does_not_convert_without_loss_stops_the_rebuild(
    old: Any, new: Any, value: Any
) -> None:
    with fresh() as connection:
        go(connection, Schema(), typed(old))
        connection.exec_driver_sql("INSERT INTO t (a) VALUES (?)", (value,))
        before = catalog(connection)
        with pytest.raises(StepError, match="without loss") as caught:
            go(connection, typed(old), typed(new))
        assert repr(value) in caught.value.message
        assert catalog(connection) == before
        assert rows(connection, "SELECT a FROM t") == [(value,)]


def test_what_is_printed_loses_no_value_either() -> None:
    """Offline nothing can look first; so nothing is cast that SQLite would make 0 of."""
    [step] = NEW.steps(diff(typed(TEXT), typed(INTEGER)), typed(TEXT))
    assert "CAST" not in step.sql
    assert step.has(HazardCode.MAY_FAIL_ON_ROWS)


def test_null_turns_into_the_fill_the_default_or_an_error() -> None:
    old = typed(INTEGER)
    for more, expected in (
        ({"fill": Constant(7)}, 7),
        ({"default": Constant(3)}, 3),
        ({"default": SQL("1 + 1")}, 2),
    ):
        with fresh() as connection:
            go(connection, Schema(), old)
            script(connection, "INSERT INTO t (a) VALUES (NULL), (1)")
            go(connection, old, typed(INTEGER, null=False, **more))
            assert rows(connection, "SELECT a FROM t") == [(expected,), (1,)]
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (a) VALUES (NULL)")
        with pytest.raises(Exception, match="NOT NULL") as caught:
            go(connection, old, typed(INTEGER, null=False))
        assert NEW.explain(caught.value, None)[0].startswith("t.a has rows without a value")
        assert rows(connection, "SELECT a FROM t") == [(None,)]


def test_new_columns_get_their_fill_or_their_default() -> None:
    old = schema(BEFORE)
    news = [
        (column("b", null=False, fill=SQL("length(a)")), 3),
        (column("b", null=False, default=Constant(4)), 4),
        (column("b", null=False, default=SQL("2 * 3")), 6),
        (column("b", default=Constant(1), fill=Constant(9)), 9),
        (column("b"), None),
        (column("b", TEXT, default=SQL("'it''s'")), "it's"),
    ]
    for new, expected in news:
        with fresh() as connection:
            go(connection, Schema(), old)
            script(connection, "INSERT INTO t (a) VALUES ('xyz')")
            go(connection, old, schema(table("t", ident(), A, new)))
            assert rows(connection, "SELECT b FROM t") == [(expected,)], new


def test_a_comment_in_a_default_takes_nothing_with_it() -> None:
    new = schema(table("t", ident(), column("b", null=False, default=SQL("(1) -- one"))))
    with fresh() as connection:
        go(connection, Schema(), new)
        script(connection, "INSERT INTO t (id) VALUES (1)")
        assert rows(connection, "SELECT b FROM t") == [(1,)]
        with pytest.raises(Exception, match="NOT NULL"):
            script(connection, "INSERT INTO t (b) VALUES (NULL)")


def test_labels_follow_their_identity_even_when_they_are_swapped() -> None:
    old, new = typed(enum("sad", "happy")), typed(enum("sad", "happier"))
    values = (EnumValue("sad", key="h"), EnumValue("happy", key="s"))
    swapped = typed(EnumType("mood", values))
    for after, expected in ((new, ["sad", "happier"]), (swapped, ["happy", "sad"])):
        with fresh() as connection:
            go(connection, Schema(), old)
            script(connection, "INSERT INTO t (a) VALUES ('sad'), ('happy')")
            go(connection, old, after)
            found = rows(connection, "SELECT a FROM t ORDER BY id")
            assert [value for (value,) in found] == expected


def test_generated_columns_are_not_copied_but_made() -> None:
    made = column("v", computed=Computed(SQL("id + 1")))
    old, new = (schema(table("t", ident(), each, made)) for each in (A, WIDE))
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (id) VALUES (4)")
        go(connection, old, new)
        assert rows(connection, "SELECT id, v FROM t") == [(4, 5)]


def test_a_generated_column_that_turns_plain_keeps_its_values() -> None:
    old = schema(table("t", ident(), column("v", computed=Computed(SQL("id + 1")))))
    new = schema(table("t", ident(), column("v")))
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (id) VALUES (4)")
        go(connection, old, new)
        assert rows(connection, "SELECT id, v FROM t") == [(4, 5)]


def test_swapped_columns_take_their_values_along() -> None:
    old = schema(table("t", ident(), column("a"), column("b")))
    new = schema(table("t", ident(), column("b", key="k.a"), column("a", key="k.b")))
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (a, b) VALUES (1, 2)")
        go(connection, old, new)
        assert rows(connection, "SELECT a, b FROM t") == [(2, 1)]


def test_rows_of_which_no_value_is_left_are_still_there() -> None:
    old = schema(Table("t", (ident("x"),), (PrimaryKey("p", ("x",)),), key="T"))
    new = schema(Table("t", (ident("y"),), (PrimaryKey("p", ("y",)),), key="T"))
    with fresh() as connection:
        go(connection, Schema(), old)
        go(connection, old, new)
        assert rows(connection, "SELECT y FROM t") == []
        script(connection, "INSERT INTO t VALUES (7), (8)")
        go(connection, new, old)
        assert rows(connection, "SELECT count(*) FROM t") == [(2,)]
