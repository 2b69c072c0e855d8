"""What a live PostgreSQL database has: every kind of thing is read back as it was made.

The law: whatever is created, `canonical` of what was wanted is what `reflect` finds; and after
any one change by hand the difference is just that change.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.engine import Connection

from catalog import catalog
from lawful import shown
from postgresql_cases import AUTHOR, CASES, linked
from servers import PostgresServer
from steps import carry_out
from strategies import states
from tables import (
    BIG,
    BOOLEAN,
    DATE,
    INTEGER,
    JSONB,
    MOMENT,
    SMALL,
    TEXT,
    array,
    column,
    enum,
    index,
    kind,
    numeric,
    schema,
    table,
    varchar,
)
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.sql import execute
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
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
from whimbrel.schema.types import ColumnType, describe, make_type
from whimbrel.sources import sqlalchemy as sources
from whimbrel.sources.words import DatabaseType
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


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


# -- the law ---------------------------------------------------------------------------------------

VIRTUAL = "virtual"


def can_be_made(connection: Connection, name: str) -> bool:
    """Whether the server at hand is new enough."""
    return name != VIRTUAL or int((connection.dialect.server_version_info or (0,))[0]) >= 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_created_is_what_is_found(case: Any, connection: Connection) -> None:
    for wanted in (case.before, case.after):
        if wanted is case.before or can_be_made(connection, case.name):
            carry_out(connection, Schema(), wanted)
            assert_lawful(connection, wanted)
            carry_out(connection, wanted, Schema())


@given(states())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_set_of_models_is_found_as_it_was_created(connection: Connection, state: State) -> None:
    wanted = lower(state)
    carry_out(connection, Schema(), wanted)
    try:
        assert_lawful(connection, wanted)
    finally:
        carry_out(connection, wanted, Schema())


# -- every kind of thing, as it is read ------------------------------------------------------------


def own(kind: str, **arguments: Any) -> ColumnType:
    return make_type(f"sqlalchemy.dialects.postgresql:{kind}", **arguments)


def spelled(sql: str) -> ColumnType:
    return describe(DatabaseType(sql))


TYPES = {
    "smallint": SMALL,
    "integer": INTEGER,
    "bigint": BIG,
    "boolean": BOOLEAN,
    "text": TEXT,
    "varchar": kind("String"),
    "varchar(7)": varchar(7),
    "char": kind("CHAR", length=1),
    "char(5)": kind("CHAR", length=5),
    "bpchar": spelled("bpchar"),
    "numeric": kind("Numeric"),
    "numeric(8)": numeric(8, 0),
    "numeric(8,2)": numeric(8, 2),
    "real": kind("REAL"),
    "float": kind("Double"),
    "date": DATE,
    "timestamp": MOMENT,
    "timestamptz": kind("DateTime", timezone=True),
    "timestamp(3)": own("TIMESTAMP", precision=3),
    "timestamptz(0)": own("TIMESTAMP", precision=0, timezone=True),
    "time": kind("Time"),
    "timetz": kind("Time", timezone=True),
    "timetz(2)": own("TIME", precision=2, timezone=True),
    "interval": kind("Interval"),
    "interval(4)": own("INTERVAL", precision=4),
    "interval year to month": own("INTERVAL", fields="year to month"),
    "interval second(2)": own("INTERVAL", fields="second", precision=2),
    "bit": own("BIT"),
    "bit(5)": own("BIT", length=5),
    "varbit": own("BIT", varying=True),
    "varbit(9)": own("BIT", length=9, varying=True),
    "bytea": kind("LargeBinary"),
    "uuid": kind("Uuid"),
    "json": kind("JSON"),
    "jsonb": JSONB,
    "inet": own("INET"),
    "money": own("MONEY"),
    "tsvector": own("TSVECTOR"),
    "int4range": own("INT4RANGE"),
    "xml": spelled("xml"),
    '"char"': spelled('"char"'),
    "point": spelled("point"),
    "box[]": array(spelled("box")),
    "pair": spelled("pair"),
    "varchar(3)[]": array(varchar(3)),
    "integer[][]": array(INTEGER),
    "timestamp(3)[]": array(own("TIMESTAMP", precision=3)),
    "posint": own("DOMAIN", name="posint", data_type=INTEGER),
    "posint[]": array(own("DOMAIN", name="posint", data_type=INTEGER)),
    "s.short": own("DOMAIN", name="short", data_type=varchar(20), schema="s"),
    '"Odd one"': enum("a", "it's", name="Odd one"),
    "s.mood[]": array(enum("sad", schema="s")),
    "empty": enum(name="empty"),
    "vector.citext": spelled("vector.citext"),
    "hstore": own("HSTORE"),
    "ltree": spelled("ltree"),
}

THEIR_TYPES = (
    "CREATE SCHEMA s",
    "CREATE SCHEMA vector",
    "CREATE DOMAIN posint AS integer CHECK (VALUE > 0)",
    "CREATE DOMAIN s.short AS varchar(20)",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE TYPE \"Odd one\" AS ENUM ('a', 'it''s')",
    "CREATE TYPE s.mood AS ENUM ('sad')",
    "CREATE TYPE empty AS ENUM ()",
)
EXTENSIONS = {"vector.citext": "citext SCHEMA vector", "hstore": "hstore", "ltree": "ltree"}


def has_extension(connection: Connection, name: str) -> bool:
    asked = f"SELECT 1 FROM pg_available_extensions WHERE '{name} ' LIKE name || ' %'"
    return execute(connection, asked).first() is not None


@pytest.mark.reduced
def test_every_type_is_read_and_can_be_created_again(connection: Connection) -> None:
    for statement in THEIR_TYPES:
        execute(connection, statement)
    known = {t: e for t, e in EXTENSIONS.items() if has_extension(connection, e)}
    for extension in known.values():
        execute(connection, f"CREATE EXTENSION {extension}")
    types = {t: of for t, of in TYPES.items() if t in known or t not in EXTENSIONS}
    made = ", ".join(f"c{n} {written}" for n, written in enumerate(types))
    execute(connection, f"CREATE TABLE kinds ({made})")
    connection.commit()
    live = ENGINE.reflect(connection)
    found = [each.type for each in live.tables[Name(None, "kinds")].columns]
    assert dict(zip(types, found, strict=True)) == types
    assert diff(ENGINE.canonical(connection, live), live) == []
    execute(connection, "DROP TABLE kinds")
    connection.commit()
    carry_out(connection, replace(live, tables={}), live)
    assert diff(live, ENGINE.reflect(connection)) == []


#: What is said, and what it is read as: (definitions, the parts of the table ``t``).
PARTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "numbers": (
        "CREATE TABLE t (a serial, b bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2 "
        "MINVALUE 3 MAXVALUE 900 CYCLE CACHE 2), c smallint GENERATED BY DEFAULT AS IDENTITY "
        "(INCREMENT -1))",
        (
            Column("a", INTEGER, generated=Serial()),
            Column("b", BIG, generated=Identity(True, 5, 2, 3, 900, True, 2)),
            Column("c", SMALL, generated=Identity(increment=-1)),
        ),
    ),
    "a sequence that is not owned": (
        "CREATE SEQUENCE q; CREATE TABLE t (a integer DEFAULT nextval('q'))",
        (Column("a", INTEGER, True, SQL("nextval('q'::regclass)")),),
    ),
    "columns": (
        "CREATE TABLE t (a varchar(5) NOT NULL DEFAULT 'it''s', b text COLLATE \"C\" DEFAULT 'x' || 'y',"
        " c integer GENERATED ALWAYS AS (length(b) + 1) STORED);"
        "COMMENT ON COLUMN t.a IS '100% :x'",
        (
            Column("a", varchar(5), False, SQL("'it''s'::character varying"), comment="100% :x"),
            Column("b", TEXT, True, SQL("('x'::text || 'y'::text)"), collation="C"),
            Column("c", INTEGER, True, computed=Computed(SQL("length(b) + 1"))),
        ),
    ),
    "keys": (
        "CREATE TABLE t (a integer, b integer, CONSTRAINT k PRIMARY KEY (b, a),"
        " CONSTRAINT u1 UNIQUE (a) INCLUDE (b) DEFERRABLE,"
        " CONSTRAINT u2 UNIQUE (b) DEFERRABLE INITIALLY DEFERRED)",
        (
            Column("a", INTEGER),
            Column("b", INTEGER),
            PrimaryKey("k", ("b", "a")),
            Unique("u1", ("a",), "immediate", include=("b",)),
            Unique("u2", ("b",), "deferred"),
        ),
    ),
    "checks": (
        "CREATE TABLE t (v varchar, CONSTRAINT a CHECK (v IN ('a', 'b''c')), CONSTRAINT b CHECK"
        " (v LIKE '\\%x%' AND (length(v) > 2 OR v = ')')))",
        (
            Column("v", kind("String"), True),
            Check(
                "a",
                SQL(
                    "(v)::text = ANY (ARRAY[('a'::character varying)::text,"
                    " ('b''c'::character varying)::text])"
                ),
            ),
            Check(
                "b",
                SQL(
                    "((v)::text ~~ '\\%x%'::text) AND"
                    " ((length((v)::text) > 2) OR ((v)::text = ')'::text))"
                ),
            ),
        ),
    ),
    "foreign keys": (
        "CREATE SCHEMA s; CREATE TABLE s.o (x integer, y integer, PRIMARY KEY (x, y));"
        "CREATE TABLE t (a integer PRIMARY KEY, b integer,"
        " CONSTRAINT f1 FOREIGN KEY (a, b) REFERENCES s.o MATCH FULL ON DELETE CASCADE,"
        " CONSTRAINT f2 FOREIGN KEY (b) REFERENCES t ON DELETE RESTRICT ON UPDATE SET DEFAULT,"
        " CONSTRAINT f3 FOREIGN KEY (b) REFERENCES t ON UPDATE SET NULL DEFERRABLE,"
        " CONSTRAINT f4 FOREIGN KEY (b) REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
        (
            Column("a", INTEGER),
            Column("b", INTEGER, True),
            PrimaryKey("t_pkey", ("a",)),
            ForeignKey(
                "f1", ("a", "b"), Name("s", "o"), ("x", "y"), on_delete="CASCADE", match="FULL"
            ),
            ForeignKey("f2", ("b",), Name(None, "t"), ("a",), "RESTRICT", "SET DEFAULT"),
            ForeignKey("f3", ("b",), Name(None, "t"), ("a",), None, "SET NULL", "immediate"),
            ForeignKey("f4", ("b",), Name(None, "t"), ("a",), deferrable="deferred"),
        ),
    ),
    "exclusion": (
        "CREATE TABLE t (a integer, r int4range, CONSTRAINT e1 EXCLUDE USING gist (r WITH &&)"
        " WHERE (a > 3), CONSTRAINT e2 EXCLUDE (abs(a) WITH =) DEFERRABLE)",
        (
            Column("a", INTEGER, True),
            Column("r", own("INT4RANGE"), True),
            Exclude("e1", (("r", "&&"),), where=SQL("a > 3")),
            Exclude("e2", ((SQL("abs(a)"), "="),), "btree", deferrable="immediate"),
        ),
    ),
    "indexes": (
        'CREATE TABLE t (a integer, t text, u text COLLATE "C", j jsonb);'
        "CREATE UNIQUE INDEX i1 ON t (a DESC, t NULLS FIRST, u DESC NULLS LAST) INCLUDE (j)"
        " WITH (fillfactor = 70, deduplicate_items = off) WHERE a > 5 AND t = 'x';"
        "CREATE INDEX i2 ON t USING gin (j jsonb_path_ops) WITH (fastupdate = off);"
        'CREATE INDEX i3 ON t (t COLLATE "C" text_pattern_ops, (a + 1), lower(u), u);'
        "CREATE INDEX i4 ON t USING hash (t);"
        "CREATE INDEX i5 ON t USING gist (to_tsvector('english', t) tsvector_ops (siglen = 32))",
        (
            Column("a", INTEGER, True),
            Column("t", TEXT, True),
            Column("u", TEXT, True, collation="C"),
            Column("j", JSONB, True),
            Index(
                "i1",
                (
                    IndexPart("a", descending=True),
                    IndexPart("t", nulls="first"),
                    IndexPart("u", descending=True, nulls="last"),
                ),
                unique=True,
                include=("j",),
                where=SQL("(a > 5) AND (t = 'x'::text)"),
                options=(("deduplicate_items", False), ("fillfactor", 70)),
            ),
            Index(
                "i2",
                (IndexPart("j", opclass="jsonb_path_ops"),),
                method="gin",
                options=(("fastupdate", False),),
            ),
            Index(
                "i3",
                (
                    IndexPart("t", opclass="text_pattern_ops", collation="C"),
                    IndexPart(SQL("a + 1")),
                    IndexPart(SQL("lower(u)"), collation="C"),
                    IndexPart("u"),
                ),
            ),
            Index("i4", (IndexPart("t"),), method="hash"),
            Index(
                "i5",
                (
                    IndexPart(
                        SQL("to_tsvector('english'::regconfig, t)"),
                        opclass="tsvector_ops (siglen=32)",
                    ),
                ),
                method="gist",
            ),
        ),
    ),
    "what does not hold for every row is not there": (
        "CREATE TABLE t (a integer); INSERT INTO t VALUES (-1);"
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        (Column("a", INTEGER, True),),
    ),
}


@pytest.mark.parametrize("name", ["C.utf8", "s.of ours", "pg_catalog.C"])
def test_a_collation_may_have_a_dot_or_a_schema(name: str, connection: Connection) -> None:
    if execute(connection, "SELECT 1 FROM pg_collation WHERE collname = 'C.utf8'").first() is None:
        pytest.skip("this machine has no locale of that name")
    execute(connection, "CREATE SCHEMA s")
    execute(connection, 'CREATE COLLATION s."of ours" FROM "C.utf8"')
    wanted = schema(
        table(
            column(TEXT, collation=name), Index("i", (IndexPart("x", collation=name),)), schema="s"
        )
    )
    connection.commit()
    carry_out(connection, Schema(schemas=frozenset({"s"})), wanted)
    assert_lawful(connection, wanted)


def read_parts(of: Table) -> tuple[Any, ...]:
    return (*of.columns, *of.constraints, *of.indexes)


@pytest.mark.reduced
@pytest.mark.parametrize("name", PARTS)
def test_parts_of_tables_are_read_in_one_form(name: str, connection: Connection) -> None:
    statements, parts = PARTS[name]
    for statement in statements.split(";"):
        execute(connection, statement)
    connection.commit()
    live = ENGINE.reflect(connection, (None, "s"))
    assert read_parts(live.tables[Name(None, "t")]) == parts
    assert_lawful(connection, live)


OPTIONS = {
    "CREATE TABLE t (a int) WITH (fillfactor = 50, autovacuum_enabled = false)": (
        ("postgresql_with", {"fillfactor": 50, "autovacuum_enabled": False}),
    ),
    "CREATE TABLE t (a text) WITH (toast.autovacuum_enabled = off)": (
        ("postgresql_with", {"toast.autovacuum_enabled": False}),
    ),
    "CREATE TABLE t (a int) PARTITION BY RANGE (a)": (("postgresql_partition_by", "RANGE (a)"),),
    "CREATE TABLE o (a int); CREATE TABLE t (b int) INHERITS (o)": (("postgresql_inherits", "o"),),
    "CREATE TABLE o (a int); CREATE TABLE p (b int); CREATE TABLE t (c int) INHERITS (p, o)": (
        ("postgresql_inherits", ("p", "o")),
    ),
    "CREATE UNLOGGED TABLE t (a int)": (),
}


@pytest.mark.parametrize("statements", OPTIONS)
def test_options_of_tables_are_read_by_their_names(statements: str, connection: Connection) -> None:
    for statement in statements.split(";"):
        execute(connection, statement)
    connection.commit()
    live = ENGINE.reflect(connection)
    assert live.tables[Name(None, "t")].options == OPTIONS[statements]
    assert_lawful(connection, live)


# -- what is left out ------------------------------------------------------------------------------

OTHERS = (
    "CREATE TABLE ours (at date) PARTITION BY RANGE (at)",
    "CREATE TABLE a_part PARTITION OF ours FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
    "CREATE VIEW a_view AS SELECT 1 AS x",
    "CREATE TEMPORARY TABLE for_a_while (x integer)",
    "CREATE SCHEMA s",
    "CREATE TABLE s.elsewhere (x integer)",
    "CREATE TYPE s.mood AS ENUM ('sad')",
    "CREATE SEQUENCE s.counter START 7",
    "CREATE SEQUENCE counter",
    "CREATE TABLE theirs (id serial, other integer)",
    "CREATE TYPE mood AS ENUM ('ok')",
    "CREATE EXTENSION btree_gist",
    "ALTER EXTENSION btree_gist ADD TABLE theirs",
    "ALTER EXTENSION btree_gist ADD TYPE mood",
)


@pytest.mark.reduced
def test_what_is_not_a_schemas_is_left_out(connection: Connection) -> None:
    if not has_extension(connection, "btree_gist"):
        pytest.skip("this server has no extension to take things over")
    for statement in OTHERS:
        execute(connection, statement)
    connection.commit()
    here = ENGINE.reflect(connection)
    assert (set(here.tables), set(here.enums), set(here.sequences), here.schemas) == (
        {Name(None, "ours")},
        set(),
        {Name(None, "counter")},
        frozenset(),
    )
    there = ENGINE.reflect(connection, ("s", "nowhere"))
    assert (set(there.tables), set(there.enums), there.schemas) == (
        {Name("s", "elsewhere")},
        {Name("s", "mood")},
        frozenset({"s"}),
    )
    assert there.sequences == {Name("s", "counter"): Sequence("counter", "s", start=7)}


@pytest.mark.parametrize(
    "names, found",
    [
        ([Name(None, "author")], [Name(None, "author")]),
        ([Name("s", "post"), Name(None, "nothing")], [Name("s", "post")]),
        ([Name("public", "author")], [Name("public", "author")]),
        ([], []),
    ],
)
def test_tables_are_found_by_name(
    names: list[Name], found: list[Name], connection: Connection
) -> None:
    carry_out(connection, Schema(), schema(AUTHOR, table(schema="s")))
    assert list(ENGINE.reflect(connection, names=names).tables) == found


@pytest.mark.parametrize("asked", [("public",), (None, "public")])
def test_the_default_schema_may_be_called_by_its_name(
    asked: tuple[str | None, ...], connection: Connection
) -> None:
    """Some say its name, and some say none: both are one."""
    named = replace(linked(), target=Name("public", "author"))
    wanted = schema(
        replace(AUTHOR, schema="public"),
        table(
            column(INTEGER), Column("mood", MOOD, default=Constant("ok")), named, schema="public"
        ),
        table(column(array(MOOD)), replace(named, columns=("id",)), name="more"),
        sequences=(Sequence("counter"),),
    )
    carry_out(connection, Schema(schemas=frozenset({"public"})), wanted)
    live = ENGINE.reflect(connection, asked)
    expected = ENGINE.canonical(connection, wanted)
    assert diff(live, expected) == []
    assert {each.schema for each in (*live.tables, *live.enums, *live.sequences)} == {"public"}
    assert (expected.enums, expected.sequences) == (live.enums, live.sequences)


PATHS = {"public, s": "s", "s, public": "public", "nowhere, s": "public", "s, pg_temp": "public"}


@pytest.mark.parametrize("path", PATHS)
def test_whatever_is_searched_the_law_holds(path: str, connection: Connection) -> None:
    execute(connection, "CREATE SCHEMA s")
    execute(connection, f"SET search_path = {path}")
    connection.commit()
    wanted = wanted_beside(PATHS[path])
    carry_out(connection, Schema(schemas=frozenset({"s", "public"})), wanted)
    assert_lawful(connection, wanted)


def test_the_catalog_is_asked_as_often_whatever_there_is(connection: Connection) -> None:
    def asked() -> int:
        statements: list[str] = []

        def heard(*arguments: Any) -> None:
            statements.append(arguments[2])

        sa.event.listen(connection, "before_cursor_execute", heard)
        ENGINE.reflect(connection)
        sa.event.remove(connection, "before_cursor_execute", heard)
        return len(statements)

    before = asked()
    carry_out(connection, Schema(), schema(*(table(column(TEXT), name=f"t{n}") for n in range(9))))
    assert asked() == before


# -- one change by hand ----------------------------------------------------------------------------

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

BY_HAND = {
    "ALTER TABLE post ALTER x DROP DEFAULT": ["AlterColumn post x"],
    "ALTER TABLE post ALTER x SET DEFAULT 2": ["AlterColumn post x"],
    "ALTER TABLE post ADD CHECK (x > 0) NOT VALID": [],
    "ALTER TABLE post ALTER mood SET DEFAULT 'sad'": ["AlterColumn post mood"],
    "ALTER TABLE post ALTER mood DROP NOT NULL": ["AlterColumn post mood"],
    "ALTER TABLE post ALTER word TYPE varchar(21)": ["AlterColumn post word"],
    "ALTER TABLE post ALTER count SET GENERATED ALWAYS": ["AlterColumn post count"],
    "ALTER TABLE post ALTER count SET INCREMENT 2": ["AlterColumn post count"],
    "COMMENT ON COLUMN post.word IS 'heard'": ["AlterColumn post word"],
    "COMMENT ON TABLE post IS NULL": ["AlterTable post"],
    "ALTER TABLE post SET (fillfactor = 50)": ["AlterTable post"],
    "ALTER TABLE post ADD COLUMN y integer": ["DropColumn post y"],
    "ALTER TABLE post DROP COLUMN count": ["AddColumn post count"],
    "ALTER TABLE post RENAME CONSTRAINT post_word TO words": [
        "RenameConstraint post words post_word"
    ],
    "ALTER INDEX post_mood RENAME TO moods": ["RenameIndex post moods post_mood"],
    "DROP INDEX post_mood": ["AddIndex post post_mood"],
    "CREATE INDEX more ON post (x DESC)": ["DropIndex post more"],
    "ALTER TABLE post DROP CONSTRAINT word_check": ["AddConstraint post word_check"],
    "ALTER TABLE post DROP CONSTRAINT post_author_fk": ["AddConstraint post post_author_fk"],
    "ALTER TABLE post DROP CONSTRAINT word_check, ADD CONSTRAINT word_check CHECK (word = 'a')": [
        "DropConstraint post word_check",
        "AddConstraint post word_check",
    ],
    "ALTER TABLE post DROP COLUMN twice, ADD twice integer GENERATED ALWAYS AS (x * 3) STORED": [
        "DropColumn post twice",
        "AddColumn post twice",
    ],
    "ALTER TYPE mood ADD VALUE 'mad'": ["AlterEnum mood(sad ok mad) mood(sad ok)"],
    "ALTER TYPE mood RENAME TO feeling": [
        "DropIndex post post_mood",
        "CreateEnum mood(sad ok)",
        "AlterColumn post mood",
        "AddIndex post post_mood",
        "DropEnum feeling(sad ok)",
    ],
    "ALTER TYPE s.\"Other\" ADD VALUE 'c' BEFORE 'a'": ["AlterEnum s.Other(c a b) s.Other(a b)"],
    "ALTER SEQUENCE s.counter INCREMENT 5": ["AlterSequence counter counter"],
    "ALTER SEQUENCE s.counter SET SCHEMA public": [
        "CreateSequence counter",
        "AlterColumn counted x",
        "DropSequence counter",
    ],
    "CREATE TABLE more (x integer)": ["DropTable more"],
    "CREATE TYPE more AS ENUM ('x')": ["DropEnum more(x)"],
    "CREATE SEQUENCE more": ["DropSequence more"],
    "DROP TABLE counted": ["CreateTable counted"],
    "DROP TABLE counted; DROP SEQUENCE s.counter": [
        "CreateSequence counter",
        "CreateTable counted",
    ],
}


@pytest.mark.reduced
@pytest.mark.parametrize("statement", BY_HAND)
def test_a_change_by_hand_is_the_one_difference(statement: str, connection: Connection) -> None:
    carry_out(connection, Schema(), WANTED)
    assert differences(connection, WANTED) == []
    for each in statement.split(";"):
        execute(connection, each)
    connection.commit()
    assert differences(connection, WANTED) == BY_HAND[statement]


# -- whatever the connection, and whoever asks -----------------------------------------------------


@pytest.mark.parametrize("committing", ["none open", "one open", "by itself", "by itself always"])
def test_a_transaction_of_the_callers_goes_on(committing: str, postgresql_url: str) -> None:
    always = {"isolation_level": "AUTOCOMMIT"} if committing == "by itself always" else {}
    engine = sa.create_engine(postgresql_url, **always)
    with engine.connect() as connection:
        if not always:
            carry_out(connection, Schema(), WANTED)
        if committing == "by itself":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        if committing == "one open":
            execute(connection, "CREATE TABLE mine (x integer)")
        before = execute(connection, "SELECT pg_backend_pid(), current_schemas(true)").one()
        if committing == "none open":
            connection.rollback()
        expected = ENGINE.canonical(connection, WANTED)
        live = ENGINE.reflect(connection, places(WANTED))
        assert connection.in_transaction() == (committing == "one open")
        if always:
            assert expected.tables.keys() == WANTED.tables.keys()
        else:
            gone = ["DropTable mine"] if committing == "one open" else []
            assert [shown(each) for each in diff(live, expected)] == gone
        after = execute(connection, "SELECT pg_backend_pid(), current_schemas(true)").one()
        assert after == before
        for setting, value in (("lock_timeout", "0"), ("statement_timeout", "0")):
            assert execute(connection, f"SHOW {setting}").scalar() == value
        left = "SELECT 1 FROM pg_class WHERE relpersistence = 't'"
        assert execute(connection, left).first() is None
        if committing == "one open":
            connection.commit()
    with engine.connect() as connection:
        found = ENGINE.reflect(connection)
        assert (Name(None, "mine") in found.tables) == (committing == "one open")
    engine.dispose()


PLAIN = schema(
    table(
        column(varchar(9), null=True, default=Constant("it's")),
        Column("y", numeric(8, 2), True, Constant(Decimal("1.50"))),
        Column("z", array(INTEGER), True),
        Column("n", INTEGER, True, Constant(-5)),
        Column("m", MOOD, True, Constant("ok")),
        Column("j", JSONB, True, Constant({"a": 1})),
        Column("c", kind("CHAR"), True),
        Column("s", BIG, generated=Serial()),
        Unique("u", ("x",)),
        index("y"),
    )
)


@pytest.mark.parametrize("how", ["read only", "no right to temporary tables"])
def test_where_nothing_can_be_made_what_is_given_is_told(how: str, postgresql_url: str) -> None:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        carry_out(connection, Schema(), PLAIN)
        if how == "read only":
            execute(connection, "SET default_transaction_read_only = on")
            connection.commit()
        else:
            name = connection.engine.url.database
            execute(connection, f"REVOKE TEMPORARY ON DATABASE {name} FROM public")
            execute(connection, f"CREATE ROLE {name}_reader")
            execute(connection, f"SET ROLE {name}_reader")
            connection.commit()
        try:
            assert differences(connection, PLAIN) == []
        finally:
            connection.rollback()
            execute(connection, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
            connection.commit()
            execute(connection, "RESET ROLE")
            execute(connection, f"DROP ROLE IF EXISTS {engine.url.database}_reader")
            connection.commit()
    engine.dispose()


def test_a_reader_without_rights_sees_what_everybody_sees(
    postgresql_server: PostgresServer, connection: Connection
) -> None:
    name = f"{connection.engine.url.database}_somebody"
    carry_out(connection, Schema(), WANTED)
    expected = ENGINE.reflect(connection, places(WANTED))
    execute(connection, f"CREATE ROLE {name}")
    execute(connection, f"GRANT USAGE ON SCHEMA s TO {name}")
    execute(connection, f"GRANT USAGE ON SEQUENCE s.counter TO {name}")
    execute(connection, f"SET ROLE {name}")
    connection.commit()
    try:
        assert ENGINE.reflect(connection, places(WANTED)) == expected
        assert differences(connection, WANTED) == []
    finally:
        connection.rollback()
        execute(connection, "RESET ROLE")
        execute(connection, f"DROP OWNED BY {name}")
        execute(connection, f"DROP ROLE {name}")
        connection.commit()


def test_nobody_waits_for_canonical_nor_it_for_anybody(
    postgresql_url: str, connection: Connection
) -> None:
    """A writer who holds everything is in nobody's way."""
    carry_out(connection, Schema(), WANTED)
    execute(connection, "LOCK TABLE post, author, counted IN ACCESS EXCLUSIVE MODE")
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as other:
        expected = ENGINE.canonical(other, WANTED)
    engine.dispose()
    connection.rollback()
    assert diff(ENGINE.reflect(connection, places(WANTED)), expected) == []


PART_BY_PART = schema(
    table(
        column(varchar(9), null=True, default=Constant("a")),
        Check("good", Q(x__in=["a", "b"])),
        Check("bad", SQL("nowhere(x) > 0")),
        Exclude("worse", (("x", "="),), "nothing"),
        index("x", name="fine", where=Q(x="a")),
        Index("wrong", (IndexPart("x", opclass="no_ops"),)),
    ),
    table(column(own("DOMAIN", name="unknown", data_type=INTEGER)), name="odd"),
)


def test_what_cannot_be_made_is_told_as_given_and_all_else_as_found(
    connection: Connection,
) -> None:
    expected = ENGINE.canonical(connection, PART_BY_PART)
    post, odd = expected.tables.values()
    parts = {each.name: each for each in (*post.constraints, *post.indexes)}
    given = {
        each.name: each
        for of in PART_BY_PART.tables.values()
        for each in (*of.constraints, *of.indexes)
    }
    assert {name for name, each in parts.items() if given[name] == each} == {
        *("post_pk", "bad", "worse", "wrong"),
    }
    assert parts["fine"] == Index("fine", (IndexPart("x"),), where=SQL("(x)::text = 'a'::text"))
    assert post.columns[1].default == SQL("'a'::character varying")
    assert odd.columns == PART_BY_PART.tables[Name(None, "odd")].columns


def test_identities_and_long_names_are_those_that_were_given(connection: Connection) -> None:
    long = "é" * 40
    wanted = schema(
        table(
            column(enum(("sad", "1"), key="e"), fill=Constant("sad")),
            Check(long, Q(x="sad"), key="c"),
            ForeignKey("f", ("id",), Name(None, "post"), (), "no action", "cascade", key="f"),
        ),
        sequences=(Sequence("q", start=1, increment=1, cache=1, key="q"),),
    )
    made = ENGINE.canonical(connection, wanted)
    post = made.tables[Name(None, "post")]
    found = post.column("x")
    assert (post.key, found.key, found.fill) == ("post", "x", Constant("sad"))
    assert [(each.key, each.values[0].key) for each in post.enums] == [("e", "1")]
    assert [(each.key, each.values[0].key) for each in made.enums.values()] == [("e", "1")]
    assert made.sequences == {Name(None, "q"): Sequence("q")}
    assert [(each.name, each.key) for each in post.constraints] == [
        ("post_pk", None),
        ("é" * 31, "c"),
        ("f", "f"),
    ]
    assert post.foreign_keys == (
        ForeignKey("f", ("id",), Name(None, "post"), ("id",), None, "CASCADE"),
    )


# -- the schemas of others -------------------------------------------------------------------------

MODELS = {
    "jupyterhub": "jupyterhub.orm:Base",
    "optuna": "optuna.storages._rdb.models:BaseModel",
    "everything": "everything:Base",
}


@pytest.mark.reduced
@pytest.mark.parametrize("name", MODELS)
def test_what_create_all_makes_is_what_the_models_say(
    name: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the names of constraints that the models do not name: those are each one's own."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "real"))
    metadata = sources.load(MODELS[name], Path.cwd(), name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metadata.create_all(connection)
    connection.commit()
    wanted = lower(sources.read(metadata, "theirs"))
    left = [each for each in differences(connection, wanted) if not each.startswith("Rename")]
    assert left == []
    live = ENGINE.reflect(connection)
    assert diff(ENGINE.canonical(connection, live), live) == []
