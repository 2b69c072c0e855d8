"""Cases for PostgreSQL: columns that come and change, with the rows that survive it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Connection

from tables import (
    BIG,
    BOOLEAN,
    BYTES,
    DATE,
    FLOAT,
    INTEGER,
    INTERVAL,
    JSON,
    JSONB,
    MOMENT,
    SMALL,
    TEXT,
    UUID_TYPE,
    ZONED,
    array,
    column,
    enum,
    kind,
    numeric,
    schema,
    table,
    varchar,
)
from whimbrel.schema.expressions import SQL, Constant
from whimbrel.schema.table import Column, Computed, Identity, Schema, Serial, Unique
from whimbrel.schema.types import ColumnType


@dataclass(frozen=True)
class Case:
    """``rows`` go in before; ``query`` afterwards gives ``found``. ``back``: whether there is a way.

    ``since`` is the first version of PostgreSQL that has what the case is about.
    """

    name: str
    before: Schema
    after: Schema
    rows: tuple[str, ...] = ()
    query: str = "SELECT x FROM post ORDER BY id"
    found: Any = None
    back: bool = True
    since: int = 0

    def fits(self, connection: Connection) -> bool:
        """Return whether the server is new enough."""
        return (connection.dialect.server_version_info or (0,)) >= (self.since,)


def changed(
    name: str, old: Column, new: Column, given: tuple[str, ...] = (), found: Any = None, **more: Any
) -> Case:
    """One column changes; ``given`` are its values in SQL, ``found`` in Python."""
    rows = tuple(
        f"INSERT INTO post (id, x) VALUES ({number}, {value})"
        for number, value in enumerate(given, 1)
    )
    before, after = schema(table(old)), schema(table(new))
    return Case(name, before, after, rows, found=found, **more)


def indexed(of: ColumnType) -> Schema:
    """The table with an index on its column of a type."""
    return schema(table(column(of), Unique("u", ("x",))))


MOODS = enum("sad", "ok", "happy")

COLUMNS = [
    changed("wider text", column(varchar(5)), column(varchar(50)), ("'a%'",), ["a%"]),
    changed("text to integer", column(TEXT), column(INTEGER), ("'12'", "'-3'"), [12, -3]),
    changed("integer to text", column(INTEGER), column(varchar(9)), ("12",), ["12"]),
    changed("integer to bigint", column(INTEGER), column(BIG), ("12",), [12]),
    changed("integer to boolean", column(INTEGER), column(BOOLEAN), ("1", "0"), [True, False]),
    changed("bigint to boolean", column(BIG), column(BOOLEAN), ("1", "0"), [True, False]),
    changed("boolean to bigint", column(BOOLEAN), column(BIG), ("true", "false"), [1, 0]),
    changed(
        "boolean to numeric", column(BOOLEAN), column(numeric(5, 1)), ("true",), [Decimal("1.0")]
    ),
    changed("boolean to text", column(BOOLEAN), column(TEXT), ("true",), ["true"]),
    changed("numeric to integer", column(numeric(8, 2)), column(INTEGER), ("2.00",), [2]),
    changed(
        "more digits", column(numeric(8, 2)), column(numeric(10, 2)), ("1.50",), [Decimal("1.50")]
    ),
    changed("text to numeric", column(TEXT), column(numeric(8, 2)), ("'1.50'",), [Decimal("1.50")]),
    changed("float to integer", column(FLOAT), column(INTEGER), ("1.0",), [1]),
    changed("text to date", column(TEXT), column(DATE), ("'2020-02-29'",), [dt.date(2020, 2, 29)]),
    changed(
        "moment to date",
        column(MOMENT),
        column(DATE),
        ("'2020-02-29 00:00'",),
        [dt.date(2020, 2, 29)],
    ),
    changed(
        "date to moment",
        column(DATE),
        column(MOMENT),
        ("'2020-02-29'",),
        [dt.datetime(2020, 2, 29)],
    ),
    changed("zone given", column(MOMENT), column(ZONED)),
    Case("zone given, indexed", indexed(MOMENT), indexed(ZONED)),
    Case("zone taken, indexed", indexed(ZONED), indexed(MOMENT)),
    changed("moment to integer", column(ZONED), column(BIG), ("'1970-01-02 00:00Z'",), [86400]),
    changed(
        "seconds to duration",
        column(INTEGER),
        column(INTERVAL),
        ("90",),
        [dt.timedelta(seconds=90)],
    ),
    changed("text to uuid", column(TEXT), column(UUID_TYPE), (f"'{UUID(int=7)}'",), [UUID(int=7)]),
    changed(
        "uuid to bytes",
        column(UUID_TYPE),
        column(BYTES),
        (f"'{UUID(int=7)}'",),
        [UUID(int=7).bytes],
    ),
    changed("text to bytes", column(TEXT), column(BYTES), ("'é'",), ["é".encode()]),
    changed("integer to bytes", column(INTEGER), column(BYTES), ("12",), [b"12"]),
    changed("text to jsonb", column(TEXT), column(JSONB), ("'[1]'",), [[1]]),
    changed("integer to json", column(INTEGER), column(JSON), ("12",), [12]),
    changed("json to jsonb", column(JSON), column(JSONB), ("'[1]'",), [[1]]),
    changed("jsonb to integer", column(JSONB), column(INTEGER), ("'12'",), [12]),
    changed("text to enum", column(TEXT), column(MOODS), ("'sad'",), ["sad"]),
    changed("enum to text", column(MOODS), column(varchar(9)), ("'sad'",), ["sad"]),
    changed(
        "enum to another",
        column(MOODS),
        column(enum("sad", "mad", name="other")),
        ("'sad'",),
        ["sad"],
    ),
    changed("array of text", column(array(TEXT)), column(array(INTEGER)), ("'{1,2}'",), [[1, 2]]),
    changed("text to array", column(TEXT), column(array(INTEGER)), ("'{1,2}'",), [[1, 2]]),
    changed(
        "one to array",
        column(INTEGER, null=True),
        column(array(TEXT), null=True),
        ("1", "NULL"),
        [["1"], None],
        back=False,
    ),
    changed(
        "type and default",
        column(TEXT, default=Constant("1")),
        column(INTEGER, default=Constant(1)),
        ("DEFAULT",),
        [1],
    ),
    changed("default comes", column(TEXT), column(TEXT, default=SQL("'a' || 'b'"))),
    changed(
        "default differs",
        column(TEXT, default=Constant("a")),
        column(TEXT, default=Constant("100%s :b")),
    ),
    changed("null comes", column(TEXT), column(TEXT, null=True)),
    changed(
        "null goes",
        column(TEXT, null=True),
        column(TEXT, fill=Constant("it's")),
        ("NULL", "'a'"),
        ["it's", "a"],
    ),
    changed(
        "null goes, by other columns",
        column(INTEGER, null=True),
        column(INTEGER, fill=SQL("id + 1")),
        ("NULL", "7"),
        [2, 7],
    ),
    changed("collation", column(TEXT), column(TEXT, collation="C"), ("'a'",), ["a"]),
    changed(
        "collation in the type", column(TEXT), column(varchar(9, collation="C")), ("'a'",), ["a"]
    ),
    changed("comment", column(TEXT), column(TEXT, comment="it's 100%")),
    changed("comment differs", column(TEXT, comment="a"), column(TEXT, comment="b")),
    changed("check follows a new type", column(TEXT), column(MOODS)),
]


def counted(
    name: str, old: Any, new: Any, *, after: ColumnType = INTEGER, next_id: int = 6
) -> Case:
    """The key counts in another way; the next number comes after those that are there."""
    before = table(Column("id", INTEGER, generated=old, key="id"), column(TEXT))
    now = table(Column("id", after, generated=new, key="id"), column(TEXT))
    rows = ("INSERT INTO post (id, x) VALUES (4, 'a'), (5, 'b')",)
    query = "INSERT INTO post (x) VALUES ('c') RETURNING id" if new else "SELECT max(id) FROM post"
    return Case(name, schema(before), schema(now), rows, query, [next_id if new else 5])


STRICT = Identity(
    always=True, start=10, increment=5, minvalue=10, maxvalue=900, cycle=True, cache=3
)
COUNTING = [
    counted("identity comes", None, Identity()),
    counted("serial comes", None, Serial()),
    counted("serial to identity", Serial(), Identity()),
    counted("identity to serial", Identity(), Serial()),
    counted("identity goes", Identity(), None),
    counted("serial goes", Serial(), None),
    counted("serial to big identity", Serial(), Identity(), after=BIG),
    counted("identity comes late", None, Identity(start=100), next_id=100),
    counted("backwards", None, Identity(increment=-1), next_id=-1),
]
COUNTED_ANEW = [
    Case(
        "identity differs",
        schema(table(Column("id", INTEGER, generated=Identity(), key="id"))),
        schema(table(Column("id", INTEGER, generated=STRICT, key="id"))),
    ),
    Case(
        "identity turns round",
        schema(table(Column("id", INTEGER, generated=Identity(increment=-2), key="id"))),
        schema(table(Column("id", INTEGER, generated=Identity(increment=3), key="id"))),
        ("INSERT INTO post DEFAULT VALUES",),
        "INSERT INTO post DEFAULT VALUES RETURNING id",
        [1],
    ),
    Case(
        "a bigger serial",
        schema(table(Column("id", INTEGER, generated=Serial(), key="id"))),
        schema(table(Column("id", BIG, generated=Serial(), key="id"))),
    ),
    Case(
        "a bigger identity",
        schema(table(Column("id", INTEGER, generated=Identity(), key="id"))),
        schema(table(Column("id", BIG, generated=Identity(), key="id"))),
    ),
]

ROWS = ("INSERT INTO post (id) VALUES (1), (2)",)


def added(name: str, new: Column, found: Any = None, **more: Any) -> Case:
    return Case(name, schema(table()), schema(table(new)), ROWS, found=found, **more)


ADDED = [
    added("nullable", column(TEXT, null=True), [None, None]),
    added("with a default", column(TEXT, default=Constant("a")), ["a", "a"]),
    added("filled by a constant", column(TEXT, fill=Constant("a")), ["a", "a"]),
    added("filled otherwise", column(TEXT, default=Constant("b"), fill=Constant("a")), ["a", "a"]),
    added("filled, nullable", column(TEXT, null=True, fill=Constant("a")), ["a", "a"]),
    added("filled by other columns", column(INTEGER, fill=SQL("id * 10")), [10, 20]),
    added("filled by a query", column(INTEGER, fill=SQL("(SELECT 7)")), [7, 7]),
    added("counts", column(BIG, generated=Identity()), [1, 2]),
    added("serial", column(SMALL, generated=Serial()), [1, 2]),
    added("computed", column(INTEGER, null=True, computed=Computed(SQL("id + 1"))), [2, 3]),
    added(
        "virtual",
        column(INTEGER, null=True, computed=Computed(SQL("id + 1"), stored=False)),
        [2, 3],
        since=18,
    ),
    added("an enum", column(MOODS, default=Constant("ok")), ["ok", "ok"]),
    added("an array", column(array(MOODS), default=Constant(["ok", "sad"])), None),
    added("commented", column(TEXT, null=True, comment="it's", collation="C"), [None, None]),
    added(
        "labels without a type",
        column(enum("a", "b", native=False), default=Constant("a")),
        ["a", "a"],
    ),
]

LITERALS: list[tuple[ColumnType, Any]] = [
    (TEXT, 'it\'s 100% \\ "x" :y é'),
    (INTEGER, -5),
    (BIG, 2**40),
    (BOOLEAN, True),
    (numeric(20, 10), Decimal("-1234567890.0000000001")),
    (FLOAT, 1e300),
    (FLOAT, float("inf")),
    (BYTES, b"\x00'%\xff"),
    (DATE, dt.date(1, 2, 3)),
    (kind("Time"), dt.time(1, 2, 3, 4)),
    (MOMENT, dt.datetime(2020, 1, 2, 3, 4, 5, 6)),
    (ZONED, dt.datetime(2020, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))),
    (INTERVAL, dt.timedelta(days=-3, seconds=7, microseconds=9)),
    (UUID_TYPE, UUID(int=9)),
    (JSON, {"a": [1, None, "it's %"]}),
    (JSONB, ["x", {"y": 1.5}]),
    (JSONB, "text"),
    (array(TEXT), ["a", "it's", "{x}"]),
    (array(INTEGER), []),
    (array(kind("Numeric")), [Decimal("1.5"), None]),
    (MOODS, "sad"),
]

LITERAL_CASES = [
    added(
        f"default of {type!r:.40} {value!r:.20}",
        column(type, default=Constant(value)),
        [value, value],
    )
    for type, value in LITERALS
]


CASES = [*COLUMNS, *COUNTING, *COUNTED_ANEW, *ADDED, *LITERAL_CASES]
