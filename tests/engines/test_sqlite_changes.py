"""Each kind of change in SQLite's words, and what SQLite does not have."""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from catalog_sqlite import catalog
from sqlite_kit import (
    BIGINT,
    INTEGER,
    NEW,
    NEWEST,
    TEXT,
    column,
    enum,
    fresh,
    go,
    ident,
    rows,
    run,
    schema,
    script,
    table,
    varchar,
)
from whimbrel.engines.sqlite import tables
from whimbrel.engines.step import HazardCode
from whimbrel.errors import UnsupportedError
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.domains import PATH
from whimbrel.schema.expressions import SQL, Constant, F, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
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
from whimbrel.schema.types import Type, make_type

# What is altered in place depends on SQLite's version, and so on Python's.
pytestmark = pytest.mark.reduced

AT = Name(None, "t")
A, UNIQUE, INDEX = column("a"), Unique("u", ("a",)), Index("i", (IndexPart("a"),))
MOOD = enum("sad", "happy")
T = table("t", ident(), A, UNIQUE, INDEX, column("m", MOOD), column("x"))
B, CHECK = column("b"), Check("k", Q(a__gt=0))


def domain(name: str, **said: Any) -> Type:
    return make_type(PATH, name=name, data_type=INTEGER, **said)


# A change, and the statements that it takes; REBUILD for a rebuild.
REBUILD = "a rebuild"
CHANGES: list[tuple[c.Change, list[str]]] = [
    (c.CreateSchema("s"), []),
    (c.DropSchema("s"), []),
    (c.CreateEnum(MOOD), []),
    (c.DropEnum(MOOD), []),
    (c.AlterEnum(MOOD, enum("sad", "happier")), [REBUILD]),
    (c.CreateDomain(domain("d")), []),
    (c.DropDomain(domain("d")), []),
    (c.AlterDomain(domain("d"), domain("d", not_null=True)), []),
    (c.CreateSequence(Sequence("s")), []),
    (c.DropSequence(Sequence("s")), []),
    (c.AlterSequence(Sequence("s"), Sequence("s", start=5)), []),
    (
        c.CreateTable(table("n", Column("id", INTEGER), Index("j", (IndexPart("id"),)))),
        [
            "CREATE TABLE n (\n    id INTEGER NOT NULL,\n    CONSTRAINT n_pk PRIMARY KEY (id)\n)",
            "CREATE INDEX j ON n (id)",
        ],
    ),
    (c.DropTable(T), ["DROP TABLE t"]),
    (c.RenameTable(AT, Name(None, "u")), ["ALTER TABLE t RENAME TO u"]),
    (
        c.RenameTable(AT, Name(None, "T")),
        ["ALTER TABLE t RENAME TO t_whimbrel", 'ALTER TABLE t_whimbrel RENAME TO "T"'],
    ),
    (c.AlterTable(T, table("t", comment="about")), []),
    (c.AlterTable(T, table("t", options=(("sqlite_strict", True),))), [REBUILD]),
    (c.AddColumn(AT, B), ["ALTER TABLE t ADD COLUMN b INTEGER"]),
    (c.AddColumn(AT, column("b", null=False)), [REBUILD]),
    (c.DropColumn(AT, column("x")), ["ALTER TABLE t DROP COLUMN x"]),
    (c.RenameColumn(AT, "a", "z"), ["ALTER TABLE t RENAME COLUMN a TO z"]),
    (c.AlterColumn(AT, A, column("a", null=False)), [REBUILD]),
    (c.AlterColumn(AT, A, column("a", comment="x")), []),
    (c.FillColumn(AT, replace(A, fill=Constant(7))), ["UPDATE t SET a = 7 WHERE a IS NULL"]),
    (c.AddNotNull(AT, column("a", null=False)), [REBUILD]),
    (c.ValidateNotNull(AT, A), []),
    (c.ValidateLabels(AT, A), []),
    (c.SetNotNull(AT, column("a", null=False)), [REBUILD]),
    (c.AddConstraint(AT, CHECK), [REBUILD]),
    (c.ValidateConstraint(AT, UNIQUE), []),
    (c.DropConstraint(AT, UNIQUE), [REBUILD]),
    (c.RenameConstraint(AT, UNIQUE, Unique("v", ("a",))), [REBUILD]),
    (c.AddIndex(AT, Index("j", (IndexPart("a"),), True)), ["CREATE UNIQUE INDEX j ON t (a)"]),
    (c.DropIndex(AT, INDEX), ["DROP INDEX i"]),
    (c.RenameIndex(AT, INDEX, Index("j", (IndexPart("a"),))), ["DROP INDEX i", "CREATE INDEX j ON t (a)"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_each_change_and_its_statements(change: c.Change, expected: list[str]) -> None:
    steps = NEW.steps([change], schema(T))
    found = [REBUILD if step.has(HazardCode.REBUILDS_TABLE) else step.sql for step in steps]
    assert found == expected
    assert all(step.transactional and isinstance(step.change, c.Change) for step in steps)
    with fresh() as connection:
        go(connection, Schema(), schema(T))
        run(connection, [change], schema(T))


# A column, one that it becomes, and how SQLite 3.53 alters it; REBUILD where it cannot.
NULLABLE, FILLED = column("a"), column("a", null=False)
ALTERATIONS: dict[str, tuple[Column, Column, str]] = {
    "NOT NULL comes": (NULLABLE, FILLED, "ALTER TABLE t ALTER COLUMN a SET NOT NULL"),
    "NOT NULL goes": (FILLED, NULLABLE, "ALTER TABLE t ALTER COLUMN a DROP NOT NULL"),
    "and a fill": (NULLABLE, replace(FILLED, fill=Constant(7)), REBUILD),
    "and a default": (NULLABLE, replace(FILLED, default=Constant(7)), REBUILD),
    "with a default": (
        replace(FILLED, default=Constant(7)),
        replace(NULLABLE, default=Constant(7)),
        "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    ),
    "and a type": (NULLABLE, replace(FILLED, type=TEXT), REBUILD),
}
native = pytest.mark.skipif(
    sqlite3.sqlite_version_info < NEWEST.version, reason="ALTER COLUMN came with SQLite 3.53"
)


def altered(old: Column, new: Column) -> tuple[Schema, Schema]:
    constraints = (Unique("u", ("a",)), Check("k", Q(a__gt=0)), Index("i", (IndexPart("a"),)))
    return schema(table("t", ident(), old, *constraints)), schema(
        table("t", ident(), new, *constraints)
    )


@pytest.mark.parametrize(("old", "new", "expected"), ALTERATIONS.values(), ids=ALTERATIONS)
def test_not_null_is_altered_in_place(old: Column, new: Column, expected: str) -> None:
    before, after = altered(old, new)
    for engine, sql in ((NEWEST, expected), (NEW, REBUILD)):
        [step] = engine.steps(diff(before, after), before)
        assert (REBUILD if step.has(HazardCode.REBUILDS_TABLE) else step.sql) == sql
    may_fail = NEWEST.steps(diff(before, after), before)[0].has(HazardCode.MAY_FAIL_ON_ROWS)
    assert may_fail == ("SET NOT NULL" in expected) or expected == REBUILD


@native
@pytest.mark.parametrize(
    ("old", "new"), [each[:2] for each in ALTERATIONS.values()], ids=ALTERATIONS
)
def test_what_is_altered_in_place_is_as_rebuilt(old: Column, new: Column) -> None:
    before, after = altered(old, new)
    found = []
    for engine in (NEWEST, NEW):
        with fresh() as connection:
            go(connection, Schema(), before, engine)
            script(connection, "INSERT INTO t (a) VALUES (1), (2)")
            go(connection, before, after, engine)
            script(connection, "UPDATE t SET id = id + 10")
            columns = rows(connection, "PRAGMA table_info(t)")
            found.append((columns, rows(connection, "SELECT * FROM t"), catalog(connection)))
    assert found[0] == found[1]


@native
def test_not_null_that_rows_do_not_meet_is_refused_with_the_column() -> None:
    before, after = altered(NULLABLE, FILLED)
    [step] = NEWEST.steps(diff(before, after), before)
    with fresh() as connection:
        go(connection, Schema(), before, NEWEST)
        script(connection, "INSERT INTO t (a) VALUES (NULL)")
        with pytest.raises(sa.exc.DatabaseError) as caught:
            go(connection, before, after, NEWEST)
        assert NEWEST.explain(caught.value, step)[0].startswith("t.a has rows without a value")
        assert rows(connection, "SELECT a FROM t") == [(None,)]


@native
def test_a_check_that_is_null_for_a_row_holds() -> None:
    """Where ADD CONSTRAINT is refused, as by SQLite 3.53, a rebuild is not."""
    with fresh() as connection:
        go(connection, Schema(), schema(table("t", ident(), A)), NEWEST)
        script(connection, "INSERT INTO t (a) VALUES (NULL)")
        go(
            connection,
            schema(table("t", ident(), A)),
            schema(table("t", ident(), A, CHECK)),
            NEWEST,
        )
        assert rows(connection, "SELECT a FROM t") == [(None,)]


def test_every_kind_of_change_is_among_them() -> None:
    every = (*c.Change.__subclasses__(), *c.TableChange.__subclasses__())
    # Columns are swapped by PostgreSQL's recipes alone.
    names = {kind.__name__ for kind in every if kind.__module__ == c.__name__} - {"TableChange"}
    assert {type(change).__name__ for change, _ in CHANGES} == names


EXCLUDE = Exclude("e", (("a", "="),))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([c.CreateTable(table("n", ident(), EXCLUDE))], "n"),
        ([c.AddConstraint(AT, EXCLUDE)], "t"),
        ([c.AddColumn(AT, column("y", make_type("sqlalchemy:ARRAY", INTEGER)))], "t"),
        ([c.AddColumn(AT, column("y", make_type("sqlalchemy.dialects.postgresql:HSTORE")))], "t"),
        ([c.RenameTable(AT, Name("other", "t"))], "t"),
    ],
)
def test_what_sqlite_does_not_have(changes: list[c.Change], named: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        NEW.steps(changes, schema(T))
    assert caught.value.place == named or f"on {named}" in caught.value.message
    assert caught.value.hint


def test_what_never_is_costs_nothing() -> None:
    made = table("n", ident())
    at = made.at
    changes: list[c.Change] = [
        c.CreateTable(made),
        c.AddColumn(at, A),
        c.AddIndex(at, INDEX),
        c.RenameColumn(at, "a", "z"),
        c.DropIndex(at, INDEX),
        c.RenameTable(at, Name(None, "m")),
    ]
    [step] = NEW.steps(changes, Schema())
    assert "TABLE m" in step.sql and "z INTEGER" in step.sql
    assert NEW.steps([*changes, c.DropTable(table("m"))], Schema()) == []


def test_a_fill_holds_through_what_changes_after_it() -> None:
    old = table("t", ident(), A)
    filled = column("a", null=False, fill=Constant(4))
    changes: list[c.Change] = [
        c.AlterColumn(AT, A, filled),
        c.AlterColumn(AT, filled, column("a", null=False, comment="x")),
        c.AddColumn(AT, column("b", null=False, fill=Constant(6))),
        c.AlterColumn(AT, column("b", null=False), column("b", TEXT, null=False)),
    ]
    with fresh() as connection:
        go(connection, Schema(), schema(old))
        script(connection, "INSERT INTO t (a) VALUES (NULL)")
        run(connection, changes, schema(old))
        assert rows(connection, "SELECT a, b FROM t") == [(4, "6")]


# -- tables as create_all makes them ---------------------------------------------------------


def test_a_table_is_what_create_all_makes() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "parent",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("b", sa.BigInteger, unique=True),
    )
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("s", sa.String(10, collation="NOCASE"), nullable=False, server_default="it's"),
        sa.Column("n", sa.Numeric(8, 2), server_default=sa.text("1 + 1")),
        sa.Column("now", sa.DateTime, server_default=sa.func.now()),
        sa.Column("flag", sa.Boolean(create_constraint=True, name="tf"), nullable=False),
        sa.Column("mood", sa.Enum("sad", "happy", name="mood", create_constraint=True)),
        sa.Column("j", sa.JSON, server_default='{"a": 1}'),
        sa.Column("twice", sa.Integer, sa.Computed("n * 2", persisted=True)),
        sa.Column("half", sa.Integer, sa.Computed("n / 2", persisted=False)),
        sa.Column("pid", sa.ForeignKey("parent.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED", name="f")),
        sa.UniqueConstraint("s", "n", name="u"),
        sa.CheckConstraint("n > 0", name="k"),
        sa.Index("i", sa.text("lower(s)"), sqlite_where=sa.text("n > 1")),
        sa.Index("d", sa.desc("n"), unique=True),
        sqlite_autoincrement=True,
    )  # fmt: skip
    boolean = make_type("sqlalchemy:Boolean", create_constraint=True, name="tf")
    key = ForeignKey(
        "f", ("pid",), Name(None, "parent"), ("id",), "SET NULL", deferrable="deferred"
    )
    ours = schema(
        table("parent", Column("id", INTEGER, generated=Serial()), column("b", BIGINT),
              PrimaryKey("", ("id",)), Unique("", ("b",))),
        table("t", Column("id", INTEGER, generated=Identity()),
              column("s", varchar(10), null=False, default=Constant("it's"), collation="NOCASE"),
              column("n", make_type("sqlalchemy:Numeric", precision=8, scale=2), default=SQL("1 + 1")),
              column("now", make_type("sqlalchemy:DateTime"), default=SQL("now()", sqlite="CURRENT_TIMESTAMP")),
              column("flag", boolean, null=False), column("mood", MOOD),
              column("j", make_type("sqlalchemy:JSON"), default=Constant({"a": 1})),
              column("twice", computed=Computed(SQL("n * 2"))),
              column("half", computed=Computed(SQL("n / 2"), stored=False)),
              column("pid", INTEGER), key, PrimaryKey("", ("id",)), Unique("u", ("s", "n")), Check("k", SQL("n > 0")),
              Index("i", (IndexPart(SQL("lower(s)")),), where=SQL("n > 1")),
              Index("d", (IndexPart("n", descending=True),), unique=True)),
    )  # fmt: skip
    with fresh() as theirs, fresh() as connection:
        metadata.create_all(theirs)
        go(connection, Schema(), ours)
        assert catalog(connection) == catalog(theirs)


@pytest.mark.parametrize(
    ("column", "options", "definition", "counts"),
    [
        (Column("id", BIGINT, generated=Identity()), {}, "id INTEGER NOT NULL CONSTRAINT pk PRIMARY KEY AUTOINCREMENT", True),
        (Column("id", make_type("sqlalchemy:SmallInteger"), generated=Serial()), {}, "id INTEGER NOT NULL", True),
        (Column("id", INTEGER), {}, "id INTEGER NOT NULL", True),
        (Column("id", BIGINT), {}, "id BIGINT NOT NULL", False),
        (Column("id", BIGINT, generated=Identity()), {"sqlite_with_rowid": False}, "id BIGINT NOT NULL", False),
        (Column("id", INTEGER, generated=Serial()), {"sqlite_autoincrement": True}, "id INTEGER NOT NULL CONSTRAINT pk PRIMARY KEY AUTOINCREMENT", True),
        (Column("id", BIGINT), {"sqlite_strict": True}, "id INTEGER NOT NULL", True),
        (Column("id", varchar(3)), {"sqlite_strict": True}, "id TEXT NOT NULL", False),
    ],
)  # fmt: skip
def test_numbers_that_count(
    column: Column, options: dict[str, Any], definition: str, counts: bool
) -> None:
    made = Table("t", (column,), (PrimaryKey("pk", ("id",)),), options=tuple(options.items()))
    assert tables.definition(made).columns["id"] == definition
    with fresh() as connection:
        go(connection, Schema(), schema(made))
        if counts:
            script(connection, "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES")
            assert rows(connection, "SELECT id FROM t") == [(1,), (2,)]


CONDITIONS = [
    (Q(s__startswith="a*"), ["a*b"]),
    (Q(s__contains="["), ["x[y"]),
    (Q(s__endswith="b") & ~Q(s__startswith="a"), ["B?b"]),
    (Q(s__in=["it's", "a*b"]), ["a*b", "it's"]),
    (Q(s__in=[]), []),
    (Q(s__isnull=True) | Q(n=3), ["it's", None]),
    (Q(n__range=(2, 3)), ["B?b", "it's"]),
    (Q(n__lt=F("m")), ["a*b"]),
    (SQL("n = 1"), ["a*b"]),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_conditions_say_the_same_as_elsewhere(condition: Any, expected: list[Any]) -> None:
    made = table("t", ident(), column("s", TEXT), column("n"), column("m"))
    written = tables.COMPILER.expression(condition, made)
    with fresh() as connection:
        go(connection, Schema(), schema(made))
        script(
            connection,
            """INSERT INTO t (s, n, m) VALUES ('a*b', 1, 2), ('B?b', 2, 2), ('it''s', 3, 1),
            ('x[y', 4, 0), ('abx', 5, 5), (NULL, 6, 6)""",
        )
        found = {value for (value,) in rows(connection, f"SELECT s FROM t WHERE {written}")}
        assert found == set(expected)


LITERALS = [
    (None, None),
    (True, 1),
    (3, 3),
    (1.5, 1.5),
    (float("inf"), float("inf")),
    (float("nan"), None),
    (Decimal("1.50"), 1.5),
    ("it's %s :x", "it's %s :x"),
    (b"\x00\xff", b"\x00\xff"),
    (dt.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03.000000"),
    (dt.date(2024, 2, 29), "2024-02-29"),
]


@pytest.mark.parametrize(("value", "stored"), LITERALS)
def test_values_as_literals(value: object, stored: object) -> None:
    with fresh() as connection:
        assert rows(connection, f"SELECT {NEW.literal(value)}") == [(stored,)]


# -- attached files --------------------------------------------------------------------------


def test_a_schema_is_an_attached_file() -> None:
    key = ForeignKey("f", ("pid",), Name("aux", "p"), ("id",), key="f")
    out = ForeignKey("g", ("pid",), Name(None, "elsewhere"), ("id",), key="g")
    parent = table("p", ident(), A, schema="aux")

    def child(*parts: Any) -> Table:
        index = Index("i", (IndexPart("pid"),))
        return table("t", ident(), column("pid", BIGINT), index, key, out, *parts, schema="aux")

    old = schema(parent, child(column("a", varchar(3))))
    new = schema(parent, child(column("a", TEXT, null=False, fill=Constant("x"))))
    with fresh() as connection:
        script(connection, "ATTACH ':memory:' AS aux")
        go(connection, Schema(), old)
        script(
            connection,
            """CREATE UNIQUE INDEX aux.hand ON t (a); CREATE TABLE aux.log (n);
            CREATE TRIGGER aux.g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;
            INSERT INTO aux.p VALUES (1, 1); INSERT INTO aux.t VALUES (7, 1, NULL)""",
        )
        go(connection, old, new)
        script(connection, "INSERT INTO aux.t (a) VALUES ('y')")
        assert rows(connection, "SELECT id, a FROM aux.t") == [(7, "x"), (8, "y")]
        assert rows(connection, "SELECT * FROM aux.log") == [(None,), ("y",)]
        found = rows(
            connection, "SELECT name FROM aux.sqlite_master WHERE tbl_name = 't' ORDER BY 1"
        )
        assert [name for (name,) in found] == ["g", "hand", "i", "t"]
        assert rows(connection, "SELECT \"table\" FROM pragma_foreign_key_list('t', 'aux')") == [
            ("p",)
        ]
        assert rows(
            connection, "SELECT count(*) FROM main.sqlite_master WHERE name <> 'sqlite_sequence'"
        ) == [(0,)]
        go(connection, new, schema(parent))
        assert rows(connection, "SELECT name FROM aux.sqlite_master WHERE tbl_name = 't'") == []


def test_steps_are_the_same_each_time() -> None:
    new = schema(table("t", ident(), column("a", TEXT), column("x"), CHECK))
    found = [[step.sql for step in NEW.steps(diff(schema(T), new), schema(T))] for _ in range(2)]
    assert found[0] == found[1]
