"""What a live PostgreSQL database has: every kind of thing is read back as it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from postgresql_cases import AUTHOR
from postgresql_live import assert_lawful, has_extension, own, spelled
from steps import carry_out
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
    kind,
    numeric,
    schema,
    table,
    varchar,
)
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.sql import execute
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL
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
from whimbrel.schema.types import make_type

# -- every kind of thing, as it is read ------------------------------------------------------------


POSINT = own(
    "DOMAIN",
    name="posint",
    data_type=INTEGER,
    check=make_type("sqlalchemy:text", "VALUE > 0"),
)
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
    "posint": POSINT,
    "posint[]": array(POSINT),
    "s.short": own("DOMAIN", name="short", data_type=varchar(20), schema="s"),
    "whole": own(
        "DOMAIN",
        name="whole",
        data_type=varchar(9),
        check=make_type(
            "sqlalchemy:text", "((VALUE)::text <> ''::text) AND (length((VALUE)::text) > 1)"
        ),
        collation="C",
        default=make_type("sqlalchemy:text", "'ab'::character varying"),
        not_null=True,
    ),
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
    "CREATE DOMAIN whole AS varchar(9) COLLATE \"C\" DEFAULT 'ab' NOT NULL CHECK (VALUE <> '') CHECK (length(VALUE) > 1)",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE TYPE \"Odd one\" AS ENUM ('a', 'it''s')",
    "CREATE TYPE s.mood AS ENUM ('sad')",
    "CREATE TYPE empty AS ENUM ()",
)
EXTENSIONS = {"vector.citext": "citext SCHEMA vector", "hstore": "hstore", "ltree": "ltree"}


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
    "CREATE UNLOGGED TABLE t (a int)": (("postgresql_unlogged", True),),
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
