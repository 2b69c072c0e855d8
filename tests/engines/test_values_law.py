"""A law: a value whose column changes its type comes back the same, or the change is refused."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql as pg

from blog import open_engine
from strategies import examples
from whimbrel.engines import engine_for
from whimbrel.errors import LossError, WhimbrelError
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Column, PrimaryKey, Schema, Table
from whimbrel.schema.types import describe

#: SQLAlchemy 2.0 gives and takes bits as text.
bits: Any = getattr(pg, "BitString", str)
KEY = uuid.UUID("12345678-1234-5678-1234-56781234567a")
DAY = dt.date(2020, 1, 31)
MOMENT = dt.datetime(2020, 1, 31, 10, 20, 30)
IN_UTC = MOMENT.replace(tzinfo=dt.UTC)
TEXTS = [
    "abc", "", "7", "007", "-3", "+3", " 7", "1.50", "1.5", "1.555", "1e5", "0.1234567890123456789",
    "99999999999", "true", "false", "yes", "1", "now", "2020-01-31", "2020-01-31 10:20:30",
    "2020-01-31T10:20", "2020-01-31 10:20:30+00", "2020-01-31 10:20:30+05", "2020-01-31 10:20:30.50", "2020-01-31 10:20:30.123456", "2020-01-31 10:20:30.5", "2020-01-31 10:20:30+02:00", "10:20:30", "10:20",
    "1 day", str(KEY), str(KEY).upper(), KEY.hex, "0" * 32, '{"a": 1}', '{"a":1}', "[1, 2]", "null", '"x"', "{x,y}",
    "{}", "10.0.0.1", "10.0.0.0/8", "[1,5)", "ä", "x   ", "happy", "\\x41", "5",
]  # fmt: skip

#: A type, and values of it.
BOTH: dict[str, tuple[Any, list[Any]]] = {
    "text": (sa.Text(), TEXTS),
    "string": (sa.String(40), TEXTS),
    "hex": (sa.CHAR(32), [KEY.hex, KEY.hex.upper(), "0" * 32]),
    "short": (sa.String(5), ["abc", "7", "1.50", "happy", "x    "]),
    "small": (sa.SmallInteger(), [0, 1, -3, 32767]),
    "integer": (sa.Integer(), [0, 1, 2, -3, 40000, 2**31 - 1]),
    "big": (sa.BigInteger(), [0, 1, 5, 2**31, 2**53 + 1, 2**62]),
    "decimal": (sa.Numeric(8, 2), [Decimal("0"), Decimal("1.50"), Decimal("1.55"), Decimal("2.00")]),
    "long": (sa.Numeric(12, 4), [Decimal("1.2345"), Decimal("1.5000"), Decimal("12345678.0000"), Decimal("1")]),
    "float": (sa.Double(), [0.0, 1.0, 1.5, 0.1 + 0.2, 1e20, 1 / 3]),
    "boolean": (sa.Boolean(), [True, False]),
    "date": (sa.Date(), [DAY]),
    "moment": (sa.DateTime(), [MOMENT, dt.datetime(2020, 1, 31), MOMENT.replace(microsecond=5)]),
    "time": (sa.Time(), [dt.time(10, 20, 30), dt.time(0), dt.time(1, 2, 3, 4)]),
    "interval": (sa.Interval(), [dt.timedelta(0), dt.timedelta(seconds=5), dt.timedelta(days=3, microseconds=7), dt.timedelta(days=-1)]),
    "json": (sa.JSON(), [{"a": 1}, [1, 2], ["x", "y"], [], 5, "5", "abc", True, 1.5, "2020-01-31"]),
    "bytes": (sa.LargeBinary(), [b"abc", b"7", b"", b"\xff\x00", KEY.bytes, b'{"a": 1}']),
    "aware": (sa.DateTime(timezone=True), [IN_UTC, IN_UTC.replace(microsecond=5)]),
    "uuid": (sa.Uuid(), [KEY, uuid.UUID(int=0)]),
    "uuid as text": (sa.Uuid(native_uuid=False), [KEY, uuid.UUID(int=0)]),
    "enum": (sa.Enum("happy", "sad", name="mood"), ["happy", "sad"]),
}  # fmt: skip
POSTGRESQL: dict[str, tuple[Any, list[Any]]] = {
    "strings by name": (pg.HSTORE(), [{}, {"a": "1", "b": None}, {'"': "\\"}]),
    "ranges": (pg.INT4MULTIRANGE(), [[], [pg.Range(1, 5)], [pg.Range(1, 5), pg.Range(7, 9)]]),
    "big ranges": (pg.INT8MULTIRANGE(), [[pg.Range(1, 2**40)]]),
    "ranges in UTC": (pg.TSTZMULTIRANGE(), [[pg.Range(IN_UTC, IN_UTC + dt.timedelta(1))]]),
    "more bits": (pg.BIT(8), [bits("10100000"), bits("10101010")]),
    "seconds": (pg.TIMESTAMP(precision=0), [MOMENT]),
    "jsonb": (pg.JSONB(), [{"a": 1}, ["x", "y"], [], [1, None], [["a"], ["b"]], 5, "5", "x"]),
    "integers": (pg.ARRAY(sa.Integer), [[], [1], [1, 2], [1, None], [[1, 2], [3, 4]]]),
    "strings": (pg.ARRAY(sa.String), [[], ["x"], ["x", "y"], ['"}{,', "a b", "NULL", ""]]),
    "decimals": (pg.ARRAY(sa.Numeric(8, 2)), [[Decimal("1.50")], [Decimal("1.55"), Decimal("2.00")]]),
    "tenths": (pg.ARRAY(sa.Numeric(8, 1)), [[Decimal("1.5")]]),
    "inet": (pg.INET(), ["10.0.0.1", "10.0.0.1/8", "10.0.0.0/8"]),
    "cidr": (pg.CIDR(), ["10.0.0.0/8", "10.0.0.1/32"]),
    "mac": (pg.MACADDR(), ["08:00:2b:01:02:03"]),
    "range": (pg.INT4RANGE(), [pg.Range(1, 5)]),
    "big range": (pg.INT8RANGE(), [pg.Range(1, 2**40)]),
    "moments": (pg.TSRANGE(), [pg.Range(MOMENT, MOMENT + dt.timedelta(1))]),
    "days": (pg.DATERANGE(), [pg.Range(DAY, DAY + dt.timedelta(1))]),
    "bits": (pg.BIT(4), [bits("1010")]),
    "fewer bits": (pg.BIT(2), [bits("10")]),
}  # fmt: skip
EVERY = {**BOTH, **POSTGRESQL}


#: What was lost in silence once.
FAULTS = [
    ("strings", "jsonb", ["x", "y"]),
    ("strings", "jsonb", ['"}{,', "a b", "NULL", ""]),
    ("integers", "json", [[1, 2], [3, 4]]),
    ("integers", "integer", [1, 2]),
    ("decimals", "tenths", [Decimal("1.55")]),
    ("inet", "cidr", "10.0.0.1/8"),
    ("moments", "days", pg.Range(MOMENT, MOMENT + dt.timedelta(1))),
    ("text", "uuid", str(KEY)),
    ("text", "uuid", "7"),
    ("text", "decimal", "1.555"),
    ("text", "integer", "007"),
    ("text", "moment", "2020-01-31 10:20:30+02:00"),
    ("text", "date", "2020-01-31 10:20:30"),
    ("text", "interval", "2020-01-31 10:20:30"),
    ("decimal", "integer", Decimal("1.50")),
    ("long", "decimal", Decimal("1.2345")),
    ("moment", "date", MOMENT),
    ("moment", "seconds", MOMENT.replace(microsecond=5)),
    ("moment", "interval", MOMENT),
    ("integer", "boolean", 2),
    ("big", "float", 2**53 + 1),
    ("float", "text", 0.1 + 0.2),
    ("json", "integer", "5"),
    ("boolean", "json", True),
    ("bytes", "short", b'{"a": 1}'),
    ("bytes", "text", b"\xff\x00"),
    ("bits", "fewer bits", bits("1010")),
]


def schema_of(type: Any) -> Schema:
    columns = (Column("id", describe(sa.Integer())), Column("x", describe(type), key="x"))
    return Schema.of([Table("t", columns, (PrimaryKey("t_pk", ("id",)),), key="t")])


def value(connection: sa.Connection, type: Any) -> Any:
    found = connection.execute(sa.select(sa.table("t", sa.column("x", type)).c.x)).scalar_one()
    return str(found) if isinstance(type, pg.INET | pg.CIDR) else found


@contextmanager
def taken_back(connection: sa.Connection) -> Iterator[None]:
    """What is done in it is taken back, whether or not it fails."""
    connection.exec_driver_sql("SAVEPOINT here")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK TO here")
        connection.exec_driver_sql("RELEASE here")


def follow(connection: sa.Connection, old: Any, new: Any, given: Any) -> str | None:
    """What was wrong about a value on its way to another type and back; None where it was right."""
    try:
        carry_out(connection, old, new)
    except (WhimbrelError, sa.exc.DBAPIError):
        return None
    value(connection, new)  # it can be read
    try:
        carry_out(connection, new, old)
    except (WhimbrelError, sa.exc.DBAPIError):
        return None
    found = value(connection, old)
    return None if is_same(new, given, found) else f"{given!r} comes back as {found!r}"


def is_same(new: Any, given: Any, found: Any) -> bool:
    """A text is the very same text; what is read as JSON is the same as JSON."""
    if isinstance(given, str) and isinstance(found, str) and isinstance(new, sa.JSON):
        return bool(given == found or json.loads(given) == json.loads(found))
    if isinstance(found, dt.datetime) and found.tzinfo is None:  # SQLite keeps no zone
        found = found.replace(tzinfo=given.tzinfo)
    return bool(found == given) and isinstance(found, bool) == isinstance(given, bool)


def put_in(connection: sa.Connection, type: Any, given: Any) -> None:
    """A table with a column of the type, and a row."""
    carry_out_from(connection, Schema(), schema_of(type))
    table = sa.table("t", sa.column("id"), sa.column("x", type))
    connection.execute(sa.insert(table), {"id": 1, "x": given})


def carry_out_from(connection: sa.Connection, old: Schema, new: Schema) -> None:
    engine = engine_for(connection.dialect.name)
    for step in engine.steps(diff(old, new), old):
        for sql in engine.settle(connection, step):
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def carry_out(connection: sa.Connection, old: Any, new: Any) -> None:
    carry_out_from(connection, schema_of(old), schema_of(new))


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    """A connection in a transaction that comes to nothing."""
    with open_engine(database_url).connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:  # a statement that is kept would not see that its column has another type
            connection.connection.driver_connection.prepare_threshold = None  # type: ignore[union-attr]
            connection.exec_driver_sql("CREATE EXTENSION hstore")
        yield connection
        connection.rollback()


def has_both(connection: sa.Connection, old: str, new: str) -> bool:
    """Whether this database has both types: ranges of ranges came with PostgreSQL 14."""
    if connection.dialect.name == "sqlite":
        return not {old, new} & POSTGRESQL.keys()
    version = connection.dialect.server_version_info or (0,)
    return version >= (14,) or not any("ranges" in each for each in (old, new))


def wrong_about(connection: sa.Connection, old: str, new: str, given: Any) -> str | None:
    if not has_both(connection, old, new):
        return None
    with taken_back(connection):
        put_in(connection, EVERY[old][0], given)
        return follow(connection, EVERY[old][0], EVERY[new][0], given)


def test_what_was_lost_once_is_carried_or_refused(connection: sa.Connection) -> None:
    found = {(old, new): wrong_about(connection, old, new, given) for old, new, given in FAULTS}
    assert {pair: what for pair, what in found.items() if what} == {}


#: What is carried, there and back: a law that only refuses would hold for everything.
CARRIED = [
    ("strings", "jsonb", ['"}{,', "a b", "NULL", ""]),
    ("integers", "json", [[1, 2], [3, 4]]),
    ("integers", "integer", [1]),
    ("cidr", "inet", "10.0.0.0/8"),
    ("range", "big range", pg.Range(1, 5)),
    ("text", "uuid", str(KEY)),
    ("text", "jsonb", '{"a": 1}'),
    ("text", "integer", "7"),
    ("text", "float", "1.5"),
    ("text", "float", "5"),
    ("text", "decimal", "1.50"),
    ("text", "boolean", "true"),
    ("text", "date", "2020-01-31"),
    ("text", "moment", "2020-01-31 10:20:30"),
    ("text", "moment", "2020-01-31 10:20:30.5"),
    ("text", "aware", "2020-01-31 10:20:30+00"),
    ("text", "time", "10:20:30"),
    ("text", "json", '{"a":1}'),
    ("hex", "uuid", KEY.hex),
    ("uuid", "hex", KEY),
    ("uuid", "uuid as text", KEY),
    ("uuid as text", "uuid", KEY),
    ("uuid as text", "text", KEY),
    ("text", "uuid as text", str(KEY)),
    ("strings", "text", []),
    ("moment", "text", MOMENT),
    ("moment", "aware", MOMENT),
    ("aware", "text", IN_UTC),
    ("decimal", "text", Decimal("1.50")),
    ("float", "text", 1.5),
    ("interval", "integer", dt.timedelta(days=3, seconds=5)),
    ("interval", "integer", dt.timedelta(seconds=-5)),
    ("json", "jsonb", {"b": [1.0, None], "a": {"b": '"b": \\'}}),
    ("jsonb", "json", {"a": 1}),
    ("strings by name", "jsonb", {"a": 'say "x=>1", \\ ä\n', "b": None, "": ""}),
    ("range", "ranges", pg.Range(1, 5)),
    ("range", "big ranges", pg.Range(1, 5)),
    ("range", "ranges", pg.Range(empty=True)),
    ("moments", "ranges in UTC", pg.Range(MOMENT, None)),
    ("bits", "more bits", bits("1010")),
    ("decimal", "integer", Decimal("2.00")),
    ("long", "decimal", Decimal("1.5000")),
    ("moment", "date", dt.datetime(2020, 1, 31)),
    ("integer", "interval", 40000),
    ("json", "boolean", True),
    ("enum", "text", "sad"),
]


@pytest.mark.parametrize(("old", "new", "value"), CARRIED)
def test_what_fits_is_carried(connection: sa.Connection, old: str, new: str, value: Any) -> None:
    if not has_both(connection, old, new):
        return
    put_in(connection, EVERY[old][0], value)
    carry_out(connection, EVERY[old][0], EVERY[new][0])
    carry_out(connection, EVERY[new][0], EVERY[old][0])


#: What the new type does not hold at all, or not whole: it is refused with its row on each database.
REFUSED = [
    ("big", "small", 70000, "SmallInteger()"),
    ("integer", "small", 40000, "SmallInteger()"),
    ("integer", "tight", 1234, "Numeric(precision=3, scale=1)"),
    ("decimal", "tight", Decimal("123.00"), "Numeric(precision=3, scale=1)"),
    ("float", "integer", 1e20, "Integer()"),
    ("text", "integer", "abc", "Integer()"),
    ("text", "decimal", "1,5", "Numeric(precision=8, scale=2)"),
    ("text", "date", "2020-02-30", "Date()"),
    ("text", "moment", "today", "DateTime()"),
    ("text", "boolean", "maybe", "Boolean()"),
    ("text", "uuid", "7", "Uuid()"),
    ("text", "json", "{", "JSON()"),
    ("text", "short", "abcdef", "String(length=5)"),
    # What could be read, and would come back in another spelling.
    ("text", "integer", "007", "Integer()"),
    ("text", "integer", "+3", "Integer()"),
    ("text", "integer", " 7", "Integer()"),
    ("text", "float", "0.10", "Double()"),
    ("text", "float", "5.0", "Double()"),
    ("text", "float", "1e5", "Double()"),
    ("text", "decimal", "1.5", "Numeric(precision=8, scale=2)"),
    ("text", "decimal", "1.555", "Numeric(precision=8, scale=2)"),
    ("text", "boolean", "1", "Boolean()"),
    ("text", "boolean", "yes", "Boolean()"),
    ("text", "boolean", "True", "Boolean()"),
    ("text", "date", "2020-01-31 10:20:30", "Date()"),
    ("text", "moment", "2020-01-31", "DateTime()"),
    ("text", "moment", "2020-01-31T10:20:30", "DateTime()"),
    ("text", "moment", "2020-01-31 10:20:30.50", "DateTime()"),
    ("text", "moment", "2020-01-31 10:20:30+02:00", "DateTime()"),
    ("text", "aware", "2020-01-31 10:20:30", "DateTime(timezone=True)"),
    ("text", "aware", "2020-01-31 10:20:30+05", "DateTime(timezone=True)"),
    ("text", "aware", "2020-01-31 10:20:30+02:00", "DateTime(timezone=True)"),
    ("text", "time", "10:20", "Time()"),
    ("text", "uuid", str(KEY).upper(), "Uuid()"),
    ("text", "uuid", KEY.hex, "Uuid()"),
    ("hex", "uuid", KEY.hex.upper(), "Uuid()"),
    ("uuid", "short", KEY, "String(length=5)"),
    ("text", "uuid as text", "7", "Uuid(native_uuid=False)"),
    ("text", "uuid as text", KEY.hex, "Uuid(native_uuid=False)"),
    ("date", "uuid as text", DAY, "Uuid(native_uuid=False)"),
    ("text", "enum", "angry", "Enum('happy', 'sad')"),
    ("enum", "one", "sad", "Enum('happy')"),
    ("json", "integer", "abc", "Integer()"),
    ("bytes", "text", b"\xff\x00", "Text()"),
]
OTHERS = {
    "tight": (sa.Numeric(3, 1), []),
    "one": (sa.Enum("happy", name="one_mood"), []),
}


@pytest.mark.parametrize(("old", "new", "value", "named"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_row_and_the_type_that_was_written(
    connection: sa.Connection, old: str, new: str, value: Any, named: str
) -> None:
    every = {**EVERY, **OTHERS}
    put_in(connection, every[old][0], value)
    before = rows_of(connection)
    with pytest.raises(LossError) as caught, taken_back(connection):
        carry_out(connection, every[old][0], every[new][0])
    assert "t.x holds" in caught.value.message
    assert f"(the row id = 1), which does not become {named} without loss" in caught.value.message
    assert "Convert such values" in str(caught.value.hint)
    assert rows_of(connection) == before


def rows_of(connection: sa.Connection) -> list[Any]:
    return list(connection.exec_driver_sql("SELECT id, x FROM t").all())


NAIVE, AWARE = sa.DateTime(), sa.DateTime(timezone=True)
#: What a value is after its column got another type, whatever zone and style the session has.
IN_EVERY_ZONE: list[tuple[Any, Any, str, str]] = [
    (NAIVE, AWARE, "2020-07-31 10:20:30", "2020-07-31 10:20:30+00"),
    (AWARE, NAIVE, "2020-07-31 10:20:30+02", "2020-07-31 08:20:30"),
    (sa.Date(), AWARE, "2020-07-31", "2020-07-31 00:00:00+00"),
    (AWARE, sa.Date(), "2020-07-31 00:00+00", "2020-07-31"),
    (sa.Time(), sa.Time(timezone=True), "10:20:30", "10:20:30+00"),
    (sa.Time(timezone=True), sa.Time(), "10:20:30+00", "10:20:30"),
    (AWARE, sa.Text(), "2020-07-31 10:20:30+02", "2020-07-31 08:20:30+00"),
    (sa.Text(), AWARE, "2020-07-31 10:20:30+00", "2020-07-31 10:20:30+00"),
    (sa.Date(), sa.Text(), "2020-07-31", "2020-07-31"),
    (NAIVE, sa.String(40), "2020-07-31 10:20:30", "2020-07-31 10:20:30"),
    (sa.Interval(), sa.Text(), "3 days 10:20:30", "3 days 10:20:30"),
    (sa.Double(), sa.Text(), "0.30000000000000004", "0.30000000000000004"),
    (sa.Integer(), NAIVE, "86400", "1970-01-02 00:00:00"),
    (pg.TSRANGE(), pg.TSTZRANGE(), "[2020-07-31 10:20,)", '["2020-07-31 10:20:00+00",)'),
    (pg.TSTZRANGE(), pg.TSRANGE(), "[2020-07-31 10:20+00,)", '["2020-07-31 10:20:00",)'),
    (pg.ARRAY(NAIVE), pg.ARRAY(AWARE), "{2020-07-31 10:20}", '{"2020-07-31 10:20:00+00"}'),
    (pg.ARRAY(AWARE), pg.ARRAY(NAIVE), "{2020-07-31 10:20+00}", '{"2020-07-31 10:20:00"}'),
    (AWARE, pg.JSONB(), "2020-07-31 10:20+00", '"2020-07-31T10:20:00+00:00"'),
]
SESSIONS = [("UTC", "ISO, MDY"), ("Europe/Berlin", "SQL, DMY"), ("Asia/Kolkata", "German")]
OTHER_SETTINGS = "SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -5"
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
@pytest.mark.parametrize("back_in", SESSIONS)
@pytest.mark.parametrize("session", SESSIONS)
def test_a_moment_is_the_same_in_every_zone(
    connection: sa.Connection, session: tuple[str, str], back_in: tuple[str, str]
) -> None:
    for old, new, value, expected in IN_EVERY_ZONE:
        with taken_back(connection):
            carry_out_from(connection, Schema(), schema_of(old))
            connection.exec_driver_sql(f"SET DateStyle = ISO; INSERT INTO t VALUES (1, '{value}')")
            before = said(connection)
            for there, then, (zone, style) in ((old, new, session), (new, old, back_in)):
                settings = f"SET TimeZone = '{zone}'; SET DateStyle = '{style}'; {OTHER_SETTINGS}"
                connection.exec_driver_sql(settings)
                set_before = settings_of(connection)
                carry_out(connection, there, then)
                assert settings_of(connection) == set_before
                if then is new:
                    assert said(connection) == expected
            assert said(connection) == before


def settings_of(connection: sa.Connection) -> Any:
    asked = ("TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits")
    told = ", ".join(f"current_setting('{name}')" for name in asked)
    return connection.exec_driver_sql(f"SELECT {told}").one()


def said(connection: sa.Connection) -> str:
    """The one value, as PostgreSQL writes it in UTC."""
    connection.exec_driver_sql(
        "SET TimeZone = UTC; SET DateStyle = ISO; SET IntervalStyle = postgres; "
        "SET extra_float_digits = 1"
    )
    return str(connection.exec_driver_sql("SELECT x::text FROM t").scalar_one())


@on_postgresql
@pytest.mark.parametrize(("old", "new"), [(NAIVE, AWARE), (AWARE, NAIVE)])
def test_moments_get_and_lose_their_zone_without_a_new_table(
    connection: sa.Connection, old: Any, new: Any
) -> None:
    put_in(connection, old, MOMENT)
    connection.exec_driver_sql("SET TimeZone = 'Europe/Berlin'")
    written = "SELECT pg_relation_filenode('t')"
    before = connection.exec_driver_sql(written).scalar()
    carry_out(connection, old, new)
    assert connection.exec_driver_sql(written).scalar() == before


#: A text of JSON, and whether JSONB holds the same: spaces, the order of keys and how a number is
#: written are not told apart; that a key is there twice is.
AS_JSON = {
    '{"b": 1,   "a": [1, 2]}': True,
    '{"price": 1.0, "small": 1e2, "none": null}': True,
    '{"a": "\\u00e4 \\n: {\\"a\\": 1}", "b": ": "}': True,
    "null": True,
    '"x"': True,
    '{"a": 1, "a": 2}': False,
    '[{"c": {"a:": 1, "a:": 1}}]': False,
    '{"a": "\\u0000"}': False,
}


@on_postgresql
@pytest.mark.parametrize("old", [sa.JSON(), sa.Text()], ids=["JSON", "text"])
@pytest.mark.parametrize(("given_text", "is_carried"), AS_JSON.items())
def test_json_is_carried_to_jsonb_where_it_is_the_same_json(
    connection: sa.Connection, old: Any, given_text: str, is_carried: bool
) -> None:
    carry_out_from(connection, Schema(), schema_of(old))
    inserted = sa.text("INSERT INTO t VALUES (1, CAST(:json AS json))")
    if isinstance(old, sa.Text):
        inserted = sa.text("INSERT INTO t VALUES (1, :json)")
    connection.execute(inserted, {"json": given_text})
    if not is_carried:
        with pytest.raises(LossError, match="the row id = 1"), taken_back(connection):
            carry_out(connection, old, pg.JSONB())
        assert connection.exec_driver_sql("SELECT x::text FROM t").scalar() == given_text
        return
    carry_out(connection, old, pg.JSONB())
    carry_out(connection, pg.JSONB(), old)
    found = connection.exec_driver_sql("SELECT x::text FROM t").scalar_one()
    assert json.loads(found) == json.loads(given_text)


#: What PostgreSQL tells apart though Python does not, in SQL, and whether a number holds it.
INTERVALS = {"3 days": True, "3 days 00:00:05": True, "-1 days +23:59:55": True, "00:00:05": True,
             "72:00:00": False, "1 mon": False, "-00:00:05": False}  # fmt: skip


@on_postgresql
@pytest.mark.parametrize("number", [sa.BigInteger(), sa.Numeric(12, 2), sa.Double()])
def test_an_interval_is_a_number_as_drivers_write_it(
    connection: sa.Connection, number: Any
) -> None:
    for interval, is_carried in INTERVALS.items():
        with taken_back(connection):
            carry_out_from(connection, Schema(), schema_of(sa.Interval()))
            connection.exec_driver_sql(f"INSERT INTO t VALUES (1, '{interval}')")
            try:
                carry_out(connection, sa.Interval(), number)
                carry_out(connection, number, sa.Interval())
                assert (said(connection), is_carried) == (interval, True)
            except LossError:
                assert not is_carried, interval


VALUES = st.one_of(
    *(st.tuples(st.just(name), st.sampled_from(of)) for name, (_, of) in EVERY.items())
)


@given(st.lists(st.tuples(VALUES, st.sampled_from(sorted(EVERY))), min_size=10, max_size=10))
@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_value_comes_back_the_same_or_the_change_is_refused(
    connection: sa.Connection, ways: list[tuple[tuple[str, Any], str]]
) -> None:
    for (old, value), new in ways:
        assert old == new or wrong_about(connection, old, new, value) is None
