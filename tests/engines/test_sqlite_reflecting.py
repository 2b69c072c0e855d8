"""What a live database has, read as values; and how it would keep a schema, read the same way."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lawful import normal, shown
from sqlite_cases import CASES
from sqlite_kit import NEW, OLD, TEXT, fresh, go, rows, script
from sqlite_strategies import schemas as any_schemas
from strategies import examples, histories
from strategies import states as any_states
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    ForeignKey,
    Identity,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Serial,
    Table,
    Unique,
)
from whimbrel.schema.types import describe, make_type
from whimbrel.sources.sqlalchemy import read
from whimbrel.sources.types import DatabaseType
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


def known(name: str, **arguments: Any) -> Any:
    return make_type(f"sqlalchemy:{name}", **arguments)


def word(spelled: str) -> Any:
    return describe(DatabaseType(spelled))


INT = known("INTEGER")
STRING = known("TEXT")


def c(name: str, type: Any = INT, **more: Any) -> Column:
    """A column, NULL if nothing else is said."""
    return Column(name, type, **{"null": True, **more})


def t(*parts: Any, name: str = "t", **more: Any) -> Table:
    return Table(
        name,
        tuple(part for part in parts if isinstance(part, Column)),
        tuple(part for part in parts if not isinstance(part, Column | Index)),
        tuple(part for part in parts if isinstance(part, Index)),
        **more,
    )


def i(*parts: Any, name: str = "i", **more: Any) -> Index:
    of = (part if isinstance(part, IndexPart) else IndexPart(part) for part in parts)
    return Index(name, tuple(of), **more)


def to(*columns: str, own: tuple[str, ...] = ("a",), name: str = "", **more: Any) -> ForeignKey:
    return ForeignKey(name, own, Name(None, "p"), columns, **more)


A = c("a")
P = "CREATE TABLE p (x INTEGER PRIMARY KEY, y INT, z INT, UNIQUE (y, z));"
NUMBER = Column("id", INT, generated=Serial())
COUNTER = Column("id", INT, generated=Identity())
ID = PrimaryKey("", ("id",))

# Statements, and the table "t" that they make.
TABLES: list[tuple[str, str, Table]] = [
    # -- types
    ("types", "CREATE TABLE t (a INTEGER, b varchar(100), c NUMERIC(8,2), d DATETIME, e Blob, f real, g bool, h json)",
     t(A, c("b", known("VARCHAR", length=100)), c("c", known("NUMERIC", precision=8, scale=2)), c("d", known("DATETIME")),
       c("e", known("BLOB")), c("f", known("REAL")), c("g", known("BOOLEAN")), c("h", known("JSON")))),
    ("words", 'CREATE TABLE t (a integer unsigned, b, c FLOAT(24), d "my type", e double  precision, f INT, g DATE_CHAR)',
     t(c("a", word("integer unsigned")), c("b", word("")), c("c", word("FLOAT(24)")), c("d", word('"my type"')),
       c("e", known("DOUBLE_PRECISION")), c("f"), c("g", word("DATE_CHAR")))),
    # -- columns
    ("null", "CREATE TABLE t (a INTEGER NOT NULL, b TEXT NULL, c TEXT CONSTRAINT n NOT NULL ON CONFLICT FAIL)",
     t(c("a", null=False), c("b", STRING), c("c", STRING, null=False))),
    ("defaults", "CREATE TABLE t (a DEFAULT 0, b DEFAULT 'it''s', c DEFAULT (1+1), d DEFAULT current_timestamp, e DEFAULT NULL,"
     ' f DEFAULT -1.5, g DEFAULT (NULL), h DEFAULT "x" NOT NULL, i DEFAULT (CURRENT_TIMESTAMP), j DEFAULT x\'ab\', k DEFAULT word)',
     t(*(c(name, word(""), default=SQL(text) if text else None, null=name != "h") for name, text in [
         ("a", "0"), ("b", "'it''s'"), ("c", "1 + 1"), ("d", "CURRENT_TIMESTAMP"), ("e", ""), ("f", "-1.5"), ("g", ""),
         ("h", "'x'"), ("i", "CURRENT_TIMESTAMP"), ("j", "x'ab'"), ("k", "'word'")]))),
    ("true and false", "CREATE TABLE t (a DEFAULT true, b DEFAULT (FALSE))", t(c("a", word(""), default=SQL("1")), c("b", word(""), default=SQL("0")))),
    ("strict types", "CREATE TABLE t (a any, b Text) STRICT", t(c("a", word("ANY")), c("b", STRING), options=(("sqlite_strict", True),))),
    ("collations", "CREATE TABLE t (a TEXT COLLATE nocase, b TEXT COLLATE BINARY NOT NULL, c TEXT COLLATE \"rtrim\" DEFAULT 'x')",
     t(c("a", STRING, collation="NOCASE"), c("b", STRING, null=False), c("c", STRING, collation="RTRIM", default=SQL("'x'")))),
    ("generated", "CREATE TABLE t (a INTEGER, b INT GENERATED ALWAYS AS (A+1) STORED, c AS (a * 2), d TEXT AS (upper(\"a\")) VIRTUAL NOT NULL)",
     t(A, c("b", computed=Computed(SQL("a + 1"))), c("c", word(""), computed=Computed(SQL("a * 2"), False)),
       c("d", STRING, null=False, computed=Computed(SQL("upper(a)"), False)))),
    # -- primary keys
    ("rowid", "CREATE TABLE t (id INTEGER PRIMARY KEY)", t(NUMBER, ID)),
    ("rowid by the table", "CREATE TABLE t (id integer, CONSTRAINT k PRIMARY KEY (ID))", t(NUMBER, PrimaryKey("k", ("id",)))),
    ("autoincrement", "CREATE TABLE t (id INTEGER CONSTRAINT k NOT NULL CONSTRAINT kk PRIMARY KEY AUTOINCREMENT)", t(COUNTER, PrimaryKey("kk", ("id",)))),
    ("autoincrement by the table", 'CREATE TABLE "t" ("id" INTEGER, PRIMARY KEY("id" AUTOINCREMENT))', t(COUNTER, ID)),
    ("no rowid since it descends", "CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", t(Column("id", word("INT")), ID)),
    ("no rowid since it is no INTEGER", "CREATE TABLE t (id int PRIMARY KEY, a BIGINT)", t(Column("id", word("INT")), c("a", known("BIGINT")), ID)),
    ("key of text", "CREATE TABLE t (id TEXT PRIMARY KEY)", t(Column("id", STRING), ID)),
    ("key of two", "CREATE TABLE t (a INTEGER, b INTEGER NOT NULL, PRIMARY KEY (b DESC, A))",
     t(c("a", null=False), c("b", null=False), PrimaryKey("", ("b", "a")))),
    # -- unique and check
    ("unique", "CREATE TABLE t (a INTEGER UNIQUE, b INTEGER CONSTRAINT u UNIQUE ON CONFLICT IGNORE, UNIQUE (b, a), CONSTRAINT v UNIQUE (B))",
     t(A, c("b"), Unique("", ("b", "a")), Unique("v", ("b",)), Unique("", ("a",)), Unique("u", ("b",)))),
    ("checks", "CREATE TABLE t (a INTEGER CHECK (a>0), b TEXT CONSTRAINT k CHECK (([b] IN('x', \"a\"))), CHECK ((a) < 5), CONSTRAINT l CHECK (T.a is not null))",
     t(A, c("b", STRING), Check("", SQL("(a) < 5")), Check("l", SQL("a IS NOT NULL")), Check("", SQL("a > 0")), Check("k", SQL("b IN ('x', a)")))),
    ("no commas between", "CREATE TABLE t (a INTEGER, b INTEGER, UNIQUE (a) CONSTRAINT k CHECK (b > a) FOREIGN KEY (a) REFERENCES p (x) ON DELETE SET NULL CHECK (a))",
     t(A, c("b"), Unique("", ("a",)), Check("k", SQL("b > a")), to("x", on_delete="SET NULL"), Check("", SQL("a")))),
    # -- foreign keys
    ("key of a column", f"{P} CREATE TABLE t (a INTEGER REFERENCES P(X))", t(A, to("x"))),
    ("key to the primary key", f"{P} CREATE TABLE t (a INTEGER CONSTRAINT k REFERENCES p)", t(A, to("x", name="k"))),
    ("key to nothing", "CREATE TABLE t (a INTEGER REFERENCES p)", t(A, to())),
    ("key of two", f"{P} CREATE TABLE t (a INTEGER, b INTEGER, CONSTRAINT k FOREIGN KEY (B, a) REFERENCES p (y, z) MATCH FULL ON UPDATE SET DEFAULT ON DELETE RESTRICT)",
     t(A, c("b"), to("y", "z", own=("b", "a"), name="k", on_update="SET DEFAULT", on_delete="RESTRICT", match="FULL"))),
    ("key that waits", f"{P} CREATE TABLE t (a INTEGER NOT NULL REFERENCES p ON DELETE cascade DEFERRABLE INITIALLY DEFERRED UNIQUE)",
     t(c("a", null=False), to("x", on_delete="CASCADE", deferrable="deferred"), Unique("", ("a",)))),
    ("keys that do not", f"{P} CREATE TABLE t (a INTEGER REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED CHECK (a > 1), b INT REFERENCES p DEFERRABLE,"
     " c INT REFERENCES p ON DELETE NO ACTION MATCH SIMPLE NOT NULL)",
     t(A, c("b"), c("c", null=False), to("x"), Check("", SQL("a > 1")), to("x", own=("b",), deferrable="immediate"), to("x", own=("c",)))),
    ("key to itself", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER REFERENCES T ON UPDATE CASCADE)",
     t(NUMBER, A, ID, ForeignKey("", ("a",), Name(None, "t"), ("id",), on_update="CASCADE"))),
    # -- indexes
    ("indexes", "CREATE TABLE t (a INTEGER, b TEXT COLLATE NOCASE); CREATE INDEX i ON t (A, \"b\" DESC); CREATE UNIQUE INDEX IF NOT EXISTS [a b] ON t (a asc) WHERE B is not null",
     t(A, c("b", STRING, collation="NOCASE"), i("a", IndexPart("b", True)), i("a", name="a b", unique=True, where=SQL("b IS NOT NULL")))),
    ("indexes of expressions", "CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX i ON t (LOWER(b) COLLATE nocase DESC, (a+1), a || 'x', (a || b) COLLATE NOCASE)",
     t(A, c("b", STRING), i(IndexPart(SQL("lower(b)"), True, collation="NOCASE"), SQL("a + 1"), SQL("a || 'x'"), IndexPart(SQL("(a || b)"), collation="NOCASE")))),
    ("indexes with collations", "CREATE TABLE t (a TEXT, b TEXT COLLATE NOCASE); CREATE INDEX i ON t (a COLLATE BINARY, b COLLATE nocase); CREATE INDEX j ON t (a COLLATE RTRIM, b COLLATE BINARY)",
     t(c("a", STRING), c("b", STRING, collation="NOCASE"), i("a", "b"), i(IndexPart("a", collation="RTRIM"), IndexPart("b", collation="BINARY"), name="j"))),
    ("no indexes but the constraint's", "CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER UNIQUE)",
     t(Column("a", STRING), c("b"), PrimaryKey("", ("a",)), Unique("", ("b",)))),
    # -- the table
    ("strict", "CREATE TABLE t (a INT, b ANY, id INTEGER PRIMARY KEY) STRICT", t(A, c("b", word("ANY")), NUMBER, ID, options=(("sqlite_strict", True),))),
    ("without rowid", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER) without rowid , strict",
     t(Column("id", INT), A, ID, options=(("sqlite_strict", True), ("sqlite_with_rowid", False)))),
    ("comments and quotes", "CREATE TABLE `t` (-- the first, with a parenthesis (\n [a] INTEGER /* NOT NULL, */, \"b,( c\" 'TEXT' CHECK (\"b,( c\" <> '--'))",
     t(A, c("b,( c", word("'TEXT'")), Check("", SQL("\"b,( c\" <> '--'")))),
    ("names", 'CREATE TABLE t (a$1 INTEGER, é INTEGER, "say ""x""" INTEGER CONSTRAINT "k""" UNIQUE, "Order" INTEGER, É INTEGER, CHECK (A$1 > É AND "order" > [é]))',
     t(c("a$1"), c("é"), c('say "x"'), c("Order"), c("É"), Check("", SQL('a$1 > "É" AND "Order" > "é"')), Unique('k"', ('say "x"',)))),
    ("as select", "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b", t(c("a", word("")), c("b", word("")))),
    ("as Django writes it", 'CREATE TABLE "p" ("x" integer NOT NULL PRIMARY KEY AUTOINCREMENT);'
     'CREATE TABLE "t" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE, "on" bool NOT NULL,'
     ' "at" datetime NULL, "data" text NOT NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)), "n" integer unsigned NOT NULL CHECK ("n" >= 0),'
     ' "a" integer NULL REFERENCES "p" ("x") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "k" CHECK (("n" > 5 AND NOT ("t"."name" = \'x\'))));'
     'CREATE UNIQUE INDEX "i" ON "t" ("n", "a"); CREATE INDEX "j" ON "t" ("name" DESC) WHERE ("n" IS NOT NULL AND NOT ("n" = 1))',
     t(COUNTER, c("name", known("VARCHAR", length=150), null=False), c("on", known("BOOLEAN"), null=False), c("at", known("DATETIME")),
       c("data", STRING, null=False), c("n", word("integer unsigned"), null=False), A, Check("k", SQL("n > 5 AND NOT (name = 'x')")), ID,
       Unique("", ("name",)), Check("", SQL("json_valid(data) OR data IS NULL")), Check("", SQL("n >= 0")), to("x", deferrable="deferred"),
       i("n", "a", unique=True), i(IndexPart("name", True), name="j", where=SQL("n IS NOT NULL AND NOT (n = 1)")))),
    # -- what was altered
    ("columns added", "CREATE TABLE t (a INTEGER); ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 5 CHECK (b > 1); ALTER TABLE t ADD \"c\" TEXT REFERENCES p",
     t(A, c("b", default=SQL("5")), c("c", STRING), Check("", SQL("b > 1")), to(own=("c",)))),
    ("renamed", f"{P.replace(' p ', ' q ')} CREATE TABLE s (b INTEGER REFERENCES q, CHECK (b+1 > 0)); CREATE INDEX i ON s (b) WHERE s.b > 0;"
     "ALTER TABLE s RENAME TO t; ALTER TABLE t RENAME b TO a; ALTER TABLE q RENAME TO p; ALTER TABLE p RENAME COLUMN x TO \"X\"",
     t(A, Check("", SQL("a + 1 > 0")), to("X"), i("a", where=SQL("a > 0")))),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "said"), [pytest.param(s, w, id=n) for n, s, w in TABLES])
def test_a_table_is_read_as_it_was_made(sql: str, said: Table) -> None:
    with fresh() as connection:
        script(connection, sql)
        assert NEW.reflect(connection).tables[Name(None, "t")] == said


@pytest.mark.parametrize("sql", [pytest.param(s, id=n) for n, s, _ in TABLES])
def test_a_table_made_of_what_was_read_is_read_the_same(sql: str) -> None:
    with fresh() as connection:
        script(connection, sql)
        found = NEW.reflect(connection)
    with fresh() as connection:
        go(connection, Schema(), found)
        assert normal(NEW.reflect(connection)) == normal(found)
        assert normal(NEW.canonical(connection, found)) == normal(found)


# -- what is looked at, and what is not


def reflected(connection: sa.Connection, *schemas: str | None) -> set[str]:
    return {str(at) for at in NEW.reflect(connection, schemas or (None,)).tables}


def test_what_is_no_table_of_a_user_is_left_out() -> None:
    with fresh() as connection:
        script(
            connection,
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE); CREATE INDEX i ON t (x); ANALYZE;"
            "CREATE VIEW v AS SELECT x FROM t; CREATE TEMP TABLE passing (x);"
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;"
            "CREATE /* no table */ VIRTUAL TABLE words USING fts5(text); CREATE VIRTUAL TABLE Boxes USING rtree(id, a, b);"
            "CREATE TABLE words_of_mine (x); CREATE TABLE boxes2 (x)",
        )
        there = rows(connection, "SELECT name FROM sqlite_master WHERE name LIKE 'words_data'")
        assert there == [("words_data",)]
        assert reflected(connection) == {"t", "words_of_mine", "boxes2"}


def test_shadow_tables_are_known_to_old_libraries_by_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fresh() as connection:
        script(connection, "CREATE VIRTUAL TABLE words USING fts4(text); CREATE TABLE t (x)")
        monkeypatch.setattr(connection.dialect, "server_version_info", (3, 36, 0))
        assert reflected(connection) == {"t"}


def test_attached_files_are_schemas(tmp_path: Path) -> None:
    with fresh() as connection:
        script(
            connection,
            f"ATTACH '{tmp_path}/other.db' AS other; CREATE TABLE t (a INTEGER REFERENCES p); CREATE TABLE p (x INTEGER PRIMARY KEY);"
            "CREATE TABLE other.p (y TEXT PRIMARY KEY); CREATE TABLE other.t (a INTEGER REFERENCES p);"
            "CREATE INDEX other.i ON t (a)",
        )
        assert reflected(connection) == {"t", "p"}
        found = NEW.reflect(connection, (None, "other", "nobody"))
        assert set(found.tables) == {Name(s, n) for s in (None, "other") for n in "tp"}
        assert found.schemas == {"other"}
        there = found.tables[Name("other", "t")]
        assert there.foreign_keys[0].target == Name("other", "p")
        assert there.foreign_keys[0].target_columns == ("y",)
        assert there.indexes == (i("a"),)
        assert diff(NEW.canonical(connection, found), found) == []


#: Statements, and the same with other capitals.
CAPITALS: list[tuple[str, str, str]] = [
    ("tables", "CREATE TABLE t (a)", "CREATE TABLE T (a)"),
    (
        "columns",
        "CREATE TABLE t (a, bc INT UNIQUE, PRIMARY KEY (a, bc))",
        "CREATE TABLE t (A, Bc INT UNIQUE, PRIMARY KEY (A, bC))",
    ),
    (
        "keys",
        f"{P} CREATE TABLE t (a REFERENCES p, b INT REFERENCES t (a))",
        f"{P.upper()} CREATE TABLE T (A REFERENCES P, B INT REFERENCES t (a))",
    ),
    (
        "expressions",
        "CREATE TABLE t (a, b AS (a + 1), CONSTRAINT k CHECK (a > 1 AND t.a <> 'A'))",
        "CREATE TABLE t (A, B AS (A + 1), CONSTRAINT K CHECK (A > 1 AND T.\"A\" <> 'A'))",
    ),
    (
        "indexes",
        "CREATE TABLE t (a); CREATE INDEX i ON t (a, lower(a)) WHERE a > 1",
        "CREATE TABLE T (A); CREATE INDEX I ON T (A, lower(A)) WHERE A > 1",
    ),
]


@pytest.mark.parametrize(("one", "other"), [pytest.param(o, n, id=name) for name, o, n in CAPITALS])
def test_capitals_say_nothing(one: str, other: str) -> None:
    with fresh() as connection, fresh() as second:
        script(connection, one)
        script(second, other)
        here, there = NEW.reflect(connection), NEW.reflect(second)
        assert diff(here, there) != []
        assert diff(here, NEW.match_identifier_case(there, here)) == []
        assert diff(there, NEW.match_identifier_case(here, there)) == []
        assert NEW.match_identifier_case(here, Schema()) == here


def test_tables_can_be_asked_for_by_name() -> None:
    with fresh() as connection:
        script(connection, f"{P} CREATE TABLE t (a INTEGER REFERENCES p); CREATE TABLE u (x)")
        found = NEW.reflect(
            connection, names=[Name(None, "T"), Name(None, "gone"), Name("no", "t")]
        )
        assert dict(found.tables) == {Name(None, "t"): t(A, to("x"))}


# -- the law


def differences(connection: sa.Connection, wanted: Schema, engine: SQLiteEngine = NEW) -> list[str]:
    """What is wanted and not there, both ways."""
    wanted, live = engine.canonical(connection, wanted), engine.reflect(connection)
    return [shown(each) for each in (*diff(wanted, live), *diff(live, wanted))]


@pytest.mark.parametrize("engine", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_what_steps_made_differs_in_nothing(
    engine: SQLiteEngine, old: list[Table], new: list[Table]
) -> None:
    before, after = Schema.of(tuple(old)), Schema.of(tuple(new))
    with fresh() as connection:
        for here, there in ((Schema(), before), (before, after), (after, before)):
            go(connection, here, there, engine)
            assert differences(connection, there) == []


@pytest.mark.parametrize("engine", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_steps_find_constraints_that_have_no_names(
    engine: SQLiteEngine, old: list[Table], new: list[Table]
) -> None:
    for here, there in ((old, new), (new, old)):
        before, after = Schema.of(tuple(here)), Schema.of(tuple(there))
        with fresh() as connection:
            for step in NEW.steps(diff(Schema(), before), Schema()):
                script(connection, re.sub(r"CONSTRAINT \w+ (?=\w)", "", step.sql))
            assert differences(connection, before) == []
            go(connection, before, after, engine)
            assert differences(connection, after) == []


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=any_schemas(), new=any_schemas(), engine=st.sampled_from([NEW, OLD]))
def test_any_tables_differ_in_nothing(old: Schema, new: Schema, engine: SQLiteEngine) -> None:
    with fresh() as connection:
        go(connection, Schema(), old)
        assert differences(connection, old) == []
        go(connection, old, new, engine)
        assert differences(connection, new) == []
        live = NEW.reflect(connection)
    with fresh() as connection:  # what was read says everything
        go(connection, Schema(), live)
        assert normal(NEW.reflect(connection)) == normal(live)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=any_states())
def test_any_models_differ_in_nothing(state: State) -> None:
    wanted = lower(state)
    with fresh() as connection:
        go(connection, Schema(), wanted)
        assert differences(connection, wanted) == []


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_any_history_differs_in_nothing(history: list[Any]) -> None:
    state, schema = State(), Schema()
    with fresh() as connection:
        for app, operation in history:
            state = operation.apply(app, state)
            after = lower(state)
            go(connection, schema, after)
            schema = after
        assert differences(connection, schema) == []


def test_nothing_is_made_to_learn_how_a_schema_would_be_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with fresh(url) as connection:
        script(connection, "CREATE TABLE t (a INTEGER, CHECK (a > 1))")
    (tmp_path / "a.db").chmod(0o444)
    with fresh(f"sqlite:///file:{tmp_path}/a.db?mode=ro&uri=true") as connection:
        wanted = Schema.of((t(Column("a", known("Integer"), null=True), Check("", Q(a__gt=1))),))
        assert differences(connection, wanted) == []
        assert rows(connection, "SELECT count(*) FROM sqlite_temp_master") == [(0,)]


def test_a_table_that_sqlite_cannot_have_stays_as_it_is() -> None:
    of = make_type("sqlalchemy:ARRAY", item_type=make_type("sqlalchemy:Integer"))
    wanted = Schema.of(
        (t(Column("a", of), comment="c"), t(Column("b", TEXT), name="u", comment="c"))
    )
    with fresh() as connection:
        found = NEW.canonical(connection, wanted).tables
    assert found[Name(None, "t")] == wanted.tables[Name(None, "t")]
    assert found[Name(None, "u")].comment is None


def test_identities_names_and_fills_are_those_that_were_given() -> None:
    case = {name: new for name, _, new in CASES}
    wanted = Schema.of(tuple(case["add foreign key"]))
    with fresh() as connection:
        found = NEW.canonical(connection, wanted)
    for at, table in wanted.tables.items():
        there = found.tables[at]
        assert there.key == table.key
        assert [(x.name, x.key) for x in there.columns] == [(x.name, x.key) for x in table.columns]
        named = {(x.name, x.key) for x in table.constraints}
        assert {(x.name, x.key) for x in there.constraints} == named


# -- a change by hand

BASE = f"""{P}
CREATE TABLE t (
    id INTEGER NOT NULL PRIMARY KEY,
    a INTEGER NOT NULL DEFAULT 5,
    b VARCHAR(10) COLLATE NOCASE,
    g INTEGER GENERATED ALWAYS AS (a + 1) STORED,
    UNIQUE (a),
    CHECK (a > 1),
    CONSTRAINT k FOREIGN KEY (a) REFERENCES p (x) ON DELETE CASCADE
);
CREATE INDEX i ON t (b) WHERE a > 3;
CREATE INDEX j ON t (a);"""

# What stands there, what is put in its place, and the changes that bring it about.
BY_HAND: list[tuple[str, str, list[str]]] = [
    ("a INTEGER NOT NULL DEFAULT 5", "a INTEGER  not  null /* ! */ default (5)", []),
    ("VARCHAR(10) COLLATE NOCASE", "varchar (10) collate nocase", []),
    ("CHECK (a > 1)", 'CHECK ((("A">1)))', []),
    ("CHECK (a > 1)", "CONSTRAINT named CHECK (a > 1)", []),
    ("UNIQUE (a),", "CONSTRAINT named UNIQUE (A),", []),
    ("ON DELETE CASCADE", "ON DELETE CASCADE ON UPDATE NO ACTION", []),
    ("p (x)", "p", []),
    ("CREATE INDEX j ON t (a)", "create index j on T(A asc)", []),
    ("WHERE a > 3", "WHERE (t.a > 3)", []),
    ("DEFAULT 5", "DEFAULT 6", ["AlterColumn t a"]),
    ("NOT NULL DEFAULT", "DEFAULT", ["AlterColumn t a"]),
    ("VARCHAR(10)", "VARCHAR(20)", ["AlterColumn t b"]),
    ("COLLATE NOCASE", "COLLATE RTRIM", ["AlterColumn t b"]),
    ("STORED", "VIRTUAL", ["DropColumn t g", "AddColumn t g"]),
    ("a + 1", "a + 2", ["DropColumn t g", "AddColumn t g"]),
    ("NULL PRIMARY KEY", "NULL PRIMARY KEY AUTOINCREMENT", ["AlterColumn t id"]),
    ("    CHECK (a > 1),", "", ["DropConstraint t"]),
    ("CHECK (a > 1)", "CHECK (a > 2)", ["DropConstraint t", "AddConstraint t"]),
    ("UNIQUE (a),", "", ["DropConstraint t"]),
    ("UNIQUE (a),", "UNIQUE (a), UNIQUE (b),", ["AddConstraint t"]),
    ("CASCADE", "SET NULL", ["DropConstraint t k", "AddConstraint t k"]),
    ("CONSTRAINT k", "CONSTRAINT kk", ["RenameConstraint t k kk"]),
    ("REFERENCES p (x)", "REFERENCES t (id)", ["DropConstraint t k", "AddConstraint t k"]),
    ("CREATE INDEX j ON t (a);", "", ["DropIndex t j"]),
    ("INDEX j", "UNIQUE INDEX j", ["DropIndex t j", "AddIndex t j"]),
    ("ON t (b)", "ON t (b DESC)", ["DropIndex t i", "AddIndex t i"]),
    ("a > 3", "a > 4", ["DropIndex t i", "AddIndex t i"]),
    ("INDEX j", "INDEX jj", ["RenameIndex t j jj"]),
    (");\nCREATE INDEX i", ") STRICT;\nCREATE INDEX i", ["AlterTable t", "AlterColumn t b"]),
    ("    UNIQUE (a)", "    more TEXT, UNIQUE (a)", ["AddColumn t more"]),
]


@pytest.mark.parametrize(("there", "instead", "said"), BY_HAND)
def test_a_change_by_hand_is_what_differs(there: str, instead: str, said: list[str]) -> None:
    assert there in BASE
    with fresh() as connection:
        script(connection, BASE)
        wanted = NEW.canonical(connection, NEW.reflect(connection))
    changed = BASE.replace(there, instead, 1)
    if "STRICT" in instead:
        changed = changed.replace("VARCHAR(10)", "TEXT")
    with fresh() as connection:
        script(connection, changed)
        live = NEW.reflect(connection)
        assert [shown(each).rstrip() for each in diff(wanted, live)] == said
        go(connection, live, wanted)  # and the way back
        assert differences(connection, wanted) == []


# -- models of others, made by their own code


@pytest.mark.parametrize(
    "models", ["jupyterhub.orm:Base", "optuna.storages._rdb.models:BaseModel", "everything:Base"]
)
def test_what_create_all_makes_differs_in_nothing(
    models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "real"))
    module, attribute = models.split(":")
    metadata = getattr(importlib.import_module(module), attribute).metadata
    with fresh() as connection:
        metadata.create_all(connection)
        assert len(NEW.reflect(connection).tables) == len(metadata.tables)
        assert differences(connection, lower(read(metadata, "theirs"))) == []


def test_what_a_type_asks_for_may_be_called_anything() -> None:
    case = {name: new for name, _, new in CASES}
    wanted = Schema.of(tuple(case["boolean's check"]))
    with fresh() as connection:
        script(
            connection,
            "CREATE TABLE t (id INTEGER NOT NULL CONSTRAINT t_pk PRIMARY KEY AUTOINCREMENT, m BOOLEAN NOT NULL DEFAULT 1 CONSTRAINT other CHECK (m IN (0, 1)))",
        )
        assert differences(connection, wanted) == []
