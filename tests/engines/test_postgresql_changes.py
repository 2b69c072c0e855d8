"""From one schema to another on a real server: the catalog, and the rows that survive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog import catalog
from steps import carry_out
from whimbrel.engines.sql import execute
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    Constraint,
    Exclude,
    ForeignKey,
    Identity,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Serial,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType, EnumValue, make_type


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


# -- words for the tables below ------------------------------------------------------------------


def kind(name: str, **arguments: Any) -> ColumnType:
    return make_type(f"sqlalchemy:{name}", **arguments)


INTEGER, BIG, SMALL, TEXT = kind("Integer"), kind("BigInteger"), kind("SmallInteger"), kind("Text")
BOOLEAN, DATE, MOMENT = kind("Boolean"), kind("Date"), kind("DateTime")
ZONED, JSON, UUID_TYPE, BYTES = (
    kind("DateTime", timezone=True),
    kind("JSON"),
    kind("Uuid"),
    kind("LargeBinary"),
)
JSONB = make_type("sqlalchemy.dialects.postgresql:JSONB")
INTERVAL, FLOAT = kind("Interval"), kind("Float")


def varchar(length: int, **more: Any) -> ColumnType:
    return kind("String", length=length, **more)


def numeric(precision: int, scale: int) -> ColumnType:
    return kind("Numeric", precision=precision, scale=scale)


def array(of: ColumnType) -> ColumnType:
    return kind("ARRAY", item_type=of)


def enum(*labels: str | tuple[str, str], name: str = "mood", **more: Any) -> EnumType:
    """An enum; a pair is a label and its identity."""
    values = (EnumValue(each) if isinstance(each, str) else EnumValue(*each) for each in labels)
    return EnumType(name, tuple(values), **more)


def table(*parts: Column | Constraint | Index, name: str = "post", **more: Any) -> Table:
    """A table with a key of its own: ``id``, unless a column of that name is given."""
    columns = [part for part in parts if isinstance(part, Column)]
    if not any(column.name == "id" for column in columns):
        columns.insert(0, Column("id", INTEGER))
    constraints = [part for part in parts if not isinstance(part, Column | Index)]
    if not any(isinstance(each, PrimaryKey) for each in constraints):
        constraints.insert(0, PrimaryKey(f"{name}_pk", ("id",)))
    indexes = [part for part in parts if isinstance(part, Index)]
    more = {"key": name, **more}
    return Table(name, tuple(columns), tuple(constraints), tuple(indexes), **more)


def index(*columns: str, name: str = "post_idx", **more: Any) -> Index:
    return Index(name, tuple(IndexPart(column) for column in columns), **more)


def schema(*tables: Table, sequences: tuple[Sequence, ...] = ()) -> Schema:
    return Schema.of(tables, sequences)


def column(type: ColumnType, **more: Any) -> Column:
    """The column that a case is about, the same one before and after."""
    return Column(**{"name": "x", "type": type, "key": "x", **more})


@dataclass(frozen=True)
class Case:
    """``rows`` go in before; ``query`` afterwards gives ``found``. ``back``: whether there is a way."""

    name: str
    before: Schema
    after: Schema
    rows: tuple[str, ...] = ()
    query: str = "SELECT x FROM post ORDER BY id"
    found: Any = None
    back: bool = True


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


MOODS = enum("sad", "ok", "happy")

COLUMNS = [
    changed("wider text", column(varchar(5)), column(varchar(50)), ("'a%'",), ["a%"]),
    changed("text to integer", column(TEXT), column(INTEGER), ("'12'", "'-3'"), [12, -3]),
    changed("integer to text", column(INTEGER), column(varchar(9)), ("12",), ["12"]),
    changed("integer to bigint", column(INTEGER), column(BIG), ("12",), [12]),
    changed("integer to boolean", column(INTEGER), column(BOOLEAN), ("1", "0"), [True, False]),
    changed("bigint to boolean", column(BIG), column(BOOLEAN), ("7", "0"), [True, False]),
    changed("boolean to bigint", column(BOOLEAN), column(BIG), ("true", "false"), [1, 0]),
    changed(
        "boolean to numeric", column(BOOLEAN), column(numeric(5, 1)), ("true",), [Decimal("1.0")]
    ),
    changed("boolean to text", column(BOOLEAN), column(TEXT), ("true",), ["true"]),
    changed("numeric to integer", column(numeric(8, 2)), column(INTEGER), ("1.50",), [2]),
    changed(
        "more digits", column(numeric(8, 2)), column(numeric(10, 2)), ("1.50",), [Decimal("1.50")]
    ),
    changed("text to numeric", column(TEXT), column(numeric(8, 2)), ("'1.5'",), [Decimal("1.50")]),
    changed("float to integer", column(FLOAT), column(INTEGER), ("1.4",), [1]),
    changed("text to date", column(TEXT), column(DATE), ("'2020-02-29'",), [dt.date(2020, 2, 29)]),
    changed(
        "moment to date",
        column(MOMENT),
        column(DATE),
        ("'2020-02-29 10:00'",),
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

AUTHOR = table(Column("name", TEXT, key="name"), name="author")


def linked(**more: Any) -> ForeignKey:
    key = ForeignKey("post_author_fk", ("x",), Name(None, "author"), ("id",), key="fk")
    return replace(key, **more)


def constrained(
    name: str,
    *parts: Constraint | Index,
    old: tuple[Constraint | Index, ...] = (),
    type: ColumnType = INTEGER,
) -> Case:
    mine = column(type, null=True)
    before, after = schema(AUTHOR, table(mine, *old)), schema(AUTHOR, table(mine, *parts))
    return Case(name, before, after, ROWS, found=[None, None])


CONSTRAINTS = [
    constrained("unique", Unique("u", ("x",), deferrable="deferred")),
    constrained("nulls count", Unique("u", ("x", "id"), nulls_not_distinct=True, include=("x",))),
    constrained("check", Check("c", Q(x__gte=0) | Q(x__isnull=True) & ~Q(x__in=[5, 6]))),
    constrained("check in words", Check("c", SQL("x % 2 = 0"))),
    constrained("foreign key", linked(on_delete="CASCADE", on_update="SET NULL")),
    constrained("deferrable key", linked(deferrable="deferred", match="FULL")),
    constrained("other key", linked(on_delete="SET NULL"), old=(linked(on_delete="CASCADE"),)),
    constrained(
        "renamed", Check("d", Q(x__gte=0), key="c"), old=(Check("c", Q(x__gte=0), key="c"),)
    ),
    constrained(
        "names swapped",
        Unique("a", ("x",), key="1"),
        Unique("b", ("x", "id"), key="2"),
        old=(Unique("b", ("x",), key="1"), Unique("a", ("x", "id"), key="2")),
    ),
    constrained(
        "index names swapped",
        index("x", name="a", key="1"),
        index("id", name="b", key="2"),
        old=(index("x", name="b", key="1"), index("id", name="a", key="2")),
    ),
    constrained("excluded", Exclude("e", (("x", "="),), "btree", Q(x__gt=3), "deferred")),
    constrained("index", index("x", "id")),
    constrained(
        "unique index", index("x", "id", unique=True, nulls_not_distinct=True, include=("x",))
    ),
    constrained("partial index", index("x", where=Q(x__gt=5))),
    constrained("hash index", index("x", method="hash", options=(("fillfactor", 70),))),
    constrained(
        "expression", Index("i", (IndexPart(SQL("x + 1"), descending=True, nulls="last"),))
    ),
    constrained(
        "pattern",
        Index("i", (IndexPart("x", opclass="text_pattern_ops", collation="C"),)),
        type=TEXT,
    ),
    constrained(
        "text lookups",
        Check("c", Q(x__startswith="50%_\\") & Q(x__endswith="'") & Q(x__contains="é")),
        type=TEXT,
    ),
    constrained("json index", index("x", method="gin"), type=JSONB),
]

MOVED = [
    Case(
        "table renamed",
        schema(table(column(TEXT))),
        schema(replace(table(column(TEXT)), name="entry")),
        ("INSERT INTO post VALUES (1, 'a')",),
        "SELECT x FROM entry",
        ["a"],
    ),
    Case(
        "table moved and renamed",
        schema(table(column(MOODS, default=Constant("ok")), Unique("u", ("x",)), index("x"))),
        schema(
            replace(
                table(column(MOODS, default=Constant("ok")), Unique("u", ("x",)), index("x")),
                name="Entry",
                schema="Odd one",
            )
        ),
        ("INSERT INTO post VALUES (1, DEFAULT)",),
        'SELECT x FROM "Odd one"."Entry"',
        ["ok"],
    ),
    Case(
        "moved where its name is taken",
        schema(
            table(column(TEXT)), table(PrimaryKey("other_pk", ("id",)), key="other", schema="s")
        ),
        schema(
            replace(table(column(TEXT)), name="entry", schema="s"),
            table(PrimaryKey("other_pk", ("id",)), key="other", schema="s"),
        ),
        ("INSERT INTO post VALUES (1, 'a')",),
        "SELECT x FROM s.entry",
        ["a"],
    ),
    Case(
        "column renamed, with all that is made of it",
        schema(
            table(
                column(INTEGER),
                Check("c", Q(x__gt=0)),
                index("x", where=SQL("x > 5")),
                Unique("u", ("x",)),
            )
        ),
        schema(
            table(
                column(INTEGER, name="Y z"),
                Check("c", Q(**{"Y z__gt": 0})),
                index("Y z", where=SQL('"Y z" > 5')),
                Unique("u", ("Y z",)),
            )
        ),
        ("INSERT INTO post VALUES (1, 7)",),
        'SELECT "Y z" FROM post',
        [7],
    ),
    Case(
        "columns swapped",
        schema(table(column(INTEGER, name="a", key="1"), column(INTEGER, name="b", key="2"))),
        schema(table(column(INTEGER, name="b", key="1"), column(INTEGER, name="a", key="2"))),
        ("INSERT INTO post (id, a, b) VALUES (1, 10, 20)",),
        "SELECT b FROM post",
        [10],
    ),
    Case(
        "a check of labels follows its column",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b", native=False), name="y"))),
    ),
    Case(
        "key and what points at it",
        schema(AUTHOR, table(column(INTEGER), linked())),
        schema(
            replace(AUTHOR, columns=(replace(AUTHOR.columns[0], type=BIG), *AUTHOR.columns[1:])),
            table(column(BIG), linked()),
        ),
        ("INSERT INTO author VALUES (1, 'a')", "INSERT INTO post VALUES (1, 1)"),
        found=[1],
    ),
    Case(
        "options",
        schema(
            table(
                column(TEXT),
                comment="a",
                options=(("postgresql_with", {"fillfactor": 70}), ("sqlite_strict", True)),
            )
        ),
        schema(
            table(
                column(TEXT),
                comment="b",
                options=(("postgresql_with", {"autovacuum_enabled": False}),),
            )
        ),
    ),
    Case(
        "partitioned",
        schema(),
        schema(
            table(
                column(DATE),
                PrimaryKey("pk", ("id", "x")),
                options=(("postgresql_partition_by", "RANGE (x)"),),
            )
        ),
    ),
    Case(
        "inherited",
        schema(AUTHOR, table(Column("name", TEXT))),
        schema(AUTHOR, table(Column("name", TEXT), options=(("postgresql_inherits", "author"),))),
        back=False,
    ),
    Case(
        "tables in a circle",
        schema(),
        schema(
            table(
                column(INTEGER, null=True),
                ForeignKey("a_fk", ("x",), Name(None, "b"), ("id",)),
                name="a",
            ),
            table(
                column(INTEGER, null=True),
                ForeignKey("b_fk", ("x",), Name(None, "a"), ("id",)),
                name="b",
            ),
        ),
    ),
    Case(
        "sequences",
        schema(
            sequences=(Sequence("one", start=5, increment=5, cycle=True, key="1"), Sequence("two"))
        ),
        schema(
            sequences=(
                Sequence("uno", schema="s", minvalue=-9, cache=7, maxvalue=99, key="1"),
                Sequence("three"),
            )
        ),
    ),
    Case(
        "a named sequence behind a column",
        schema(table(column(INTEGER))),
        schema(
            table(column(INTEGER, default=SQL("nextval('counter')"))),
            sequences=(Sequence("counter", start=7),),
        ),
        ("INSERT INTO post VALUES (1, 1)",),
        "INSERT INTO post (id) VALUES (2) RETURNING x",
        [7],
    ),
]


def enumerated(
    name: str, old: EnumType, new: EnumType, *parts: Any, found: Any = None, **more: Any
) -> Case:
    """An enum changes, behind a column, an array, a check, an index and a default."""

    def made(of: EnumType, default: str) -> Schema:
        return schema(
            table(
                column(of, default=Constant(default)),
                column(array(of), name="many", key="many", null=True),
                index("x", "id", where=Q(many__isnull=True), key="i"),
                *(part(of) for part in parts),
            )
        )

    before = made(old, old.labels[0])
    after = made(new, new.labels[0])
    rows = (f"INSERT INTO post VALUES (1, '{old.labels[0]}', ARRAY['{old.labels[0]}']::mood[])",)
    return Case(name, before, after, rows, "SELECT x::text || many::text FROM post", found, **more)


SAD, OK, HAPPY, MAD = ("sad", "1"), ("ok", "2"), ("happy", "3"), ("mad", "4")


def first_label(of: EnumType) -> Check:
    return Check("c", Q(x=of.labels[0]) | Q(x=of.labels[-1]))


ENUMS = [
    enumerated("labels added", enum(SAD, OK), enum(SAD, MAD, OK, HAPPY), found=["sad{sad}"]),
    enumerated(
        "a first label added", enum(SAD, OK), enum(SAD, OK, HAPPY), first_label, found=["sad{sad}"]
    ),
    enumerated("label renamed", enum(SAD, OK), enum(("blue", "1"), OK), found=["blue{blue}"]),
    enumerated("labels swapped", enum(SAD, OK), enum(("ok", "1"), ("sad", "2")), found=["ok{ok}"]),
    enumerated("label removed", enum(SAD, OK, MAD), enum(SAD, OK), found=["sad{sad}"]),
    enumerated("reordered", enum(SAD, OK, MAD), enum(MAD, OK, SAD), found=["sad{sad}"]),
    enumerated(
        "all at once",
        enum(SAD, OK, MAD),
        enum(HAPPY, ("sad", "2"), ("mad", "1"), name="mood"),
        first_label,
        found=["mad{mad}"],
    ),
    enumerated("without identity", enum("a", "b"), enum("c", "a"), first_label, found=["a{a}"]),
    enumerated(
        "renamed",
        enum(SAD, key="e"),
        enum(SAD, OK, name="Feeling", schema="s", key="e"),
        found=["sad{sad}"],
    ),
    enumerated(
        "renamed and reordered",
        enum(SAD, OK, key="e"),
        enum(OK, SAD, name="Feeling", key="e"),
        found=["sad{sad}"],
    ),
    Case(
        "labels without a type",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b", "longer", native=False), null=True))),
        ("INSERT INTO post VALUES (1, 'a')",),
        found=["a"],
    ),
    Case(
        "labels get a type",
        schema(table(column(enum("a", "b", native=False)))),
        schema(table(column(enum("a", "b")))),
        ("INSERT INTO post VALUES (1, 'a')",),
        found=["a"],
    ),
    Case(
        "enum columns that point at each other",
        schema(
            table(Column("id", enum(SAD, OK)), name="author"),
            table(column(enum(SAD, OK)), linked()),
        ),
        schema(
            table(Column("id", enum(OK, SAD)), name="author"),
            table(column(enum(OK, SAD)), linked()),
        ),
        ("INSERT INTO author VALUES ('sad')", "INSERT INTO post VALUES (1, 'sad')"),
        found=["sad"],
    ),
]

CASES = [
    *COLUMNS, *COUNTING, *COUNTED_ANEW, *ADDED, *LITERAL_CASES, *CONSTRAINTS, *MOVED, *ENUMS,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_leads_to_what_a_direct_creation_gives(case: Case, connection: Connection) -> None:
    nothing = catalog(connection)
    directly = {}
    for target in (case.after, case.before):
        carry_out(connection, Schema(), target)
        directly[id(target)] = catalog(connection)
        carry_out(connection, target, Schema())
        assert catalog(connection) == nothing

    carry_out(connection, Schema(), case.before)
    for row in case.rows:
        execute(connection, row)
    connection.commit()
    carry_out(connection, case.before, case.after)
    assert catalog(connection) == directly[id(case.after)]
    if case.found is not None:
        assert list(connection.execute(sa.text(case.query)).scalars()) == case.found
    if case.back:
        carry_out(connection, case.after, case.before)
        assert catalog(connection) == directly[id(case.before)]
