"""A rebuild keeps everything: each trap that SQLite sets, with rows and with things made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from catalog_sqlite import catalog
from sqlite_kit import (
    BIGINT,
    NEW,
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
from whimbrel.engines.step import HazardCode
from whimbrel.errors import StepError
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from whimbrel.schema.types import make_type

A = column("a", varchar(10))
WIDE = column("a", varchar(20))
#: A table, and the same after a change that nothing but a rebuild makes.
BEFORE, AFTER = table("t", ident(), A), table("t", ident(), WIDE)
PARENT_KEY = ForeignKey("fk", ("pid",), Name(None, "t"), ("id",), "CASCADE", key="fk")
CHILD = table("child", ident(), column("pid", BIGINT), PARENT_KEY)


def sql_of(connection: Any, name: str) -> str:
    found: str = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
    ).scalar_one()
    return found


def names(connection: Any, kind: str) -> list[str]:
    return [
        name
        for (name,) in rows(
            connection, f"SELECT name FROM sqlite_master WHERE type = '{kind}' ORDER BY name"
        )
    ]


def is_rebuild(old: Schema, new: Schema) -> bool:
    return any(step.has(HazardCode.REBUILDS_TABLE) for step in NEW.steps(diff(old, new), old))


# -- what goes along -------------------------------------------------------------------------


def test_rows_and_the_counter_stay(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), schema(BEFORE))
        script(
            connection, "INSERT INTO t VALUES (5, 'x'), (100, 'y'); DELETE FROM t WHERE id = 100"
        )
        go(connection, schema(BEFORE), schema(AFTER))
        assert rows(connection, "SELECT * FROM t") == [(5, "x")]
        script(connection, "INSERT INTO t (a) VALUES ('z')")
        assert rows(connection, "SELECT max(id) FROM t") == [(101,)]
        assert rows(connection, "SELECT * FROM sqlite_sequence") == [("t", 101)]


def test_the_counter_of_an_empty_table_stays() -> None:
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE))
        script(connection, "INSERT INTO t VALUES (7, 'x'); DELETE FROM t")
        go(connection, schema(BEFORE), schema(AFTER))
        script(connection, "INSERT INTO t (a) VALUES ('z')")
        assert rows(connection, "SELECT id FROM t") == [(8,)]


def test_children_and_their_rows_stay_though_foreign_keys_are_enforced(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection:
        script(connection, "PRAGMA foreign_keys = ON")
        go(connection, Schema(), schema(BEFORE, CHILD))
        script(connection, "INSERT INTO t VALUES (1, 'x'); INSERT INTO child VALUES (1, 1)")
        go(connection, schema(BEFORE, CHILD), schema(AFTER, CHILD))
        assert rows(connection, "SELECT * FROM child") == [(1, 1)]
        assert "REFERENCES t (id)" in sql_of(connection, "child")
        assert rows(connection, "PRAGMA foreign_keys") == [(1,)]
        script(connection, "DELETE FROM t")
        assert rows(connection, "SELECT * FROM child") == []


def test_rowids_stay_where_no_column_is_one() -> None:
    key = PrimaryKey("pk", ("code",))
    old, new = (
        schema(table("t", Column("code", varchar(5)), key, each))
        for each in (A, column("a", varchar(9)))
    )
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (rowid, code) VALUES (7, 'x'), (3, 'y')")
        go(connection, old, new)
        assert rows(connection, "SELECT rowid, code FROM t ORDER BY 1") == [(3, "y"), (7, "x")]


def test_rowids_stay_where_a_column_takes_their_name() -> None:
    key = PrimaryKey("pk", ("code",))
    named = column("rowid", varchar(3))
    old, new = (
        schema(table("t", Column("code", varchar(5)), key, named, each)) for each in (A, WIDE)
    )
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (_rowid_, code, rowid) VALUES (7, 'x', 'r')")
        go(connection, old, new)
        assert rows(connection, "SELECT _rowid_, code, rowid FROM t") == [(7, "x", "r")]


def test_a_new_number_takes_the_rowid() -> None:
    old = schema(Table("t", (Column("code", varchar(5)),), key="T"))
    new = schema(
        Table("t", (ident(), Column("code", varchar(5))), (PrimaryKey("p", ("id",)),), key="T")
    )
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, "INSERT INTO t (rowid, code) VALUES (7, 'x')")
        go(connection, old, new)
        assert rows(connection, "SELECT id, code FROM t") == [(7, "x")]


def test_indexes_triggers_and_views_made_by_hand_stay() -> None:
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE, CHILD))
        script(
            connection,
            """CREATE UNIQUE INDEX "by hand" ON t (a DESC) WHERE a > 'b';
            CREATE VIEW v AS SELECT a FROM t;
            CREATE TABLE log (n);
            CREATE TRIGGER own AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;
            CREATE TRIGGER "of others" AFTER INSERT ON child BEGIN UPDATE t SET a = 'z'; END;
            CREATE TRIGGER instead INSTEAD OF DELETE ON v BEGIN DELETE FROM t; END;""",
        )
        before = {name: sql for name, sql in catalog(connection).items() if name != "table t"}
        go(connection, schema(BEFORE, CHILD), schema(AFTER, CHILD))
        assert {n: sql for n, sql in catalog(connection).items() if n != "table t"} == before
        script(connection, "INSERT INTO t VALUES (1, 'x'); INSERT INTO child VALUES (1, 1)")
        assert rows(connection, "SELECT * FROM log") == [("x",)]
        assert rows(connection, "SELECT * FROM v") == [("z",)]


def test_views_and_triggers_follow_a_rename() -> None:
    old = schema(BEFORE)
    new = schema(
        table("u", ident(), column("b", varchar(10), key="k.a"), *BEFORE.constraints, key="T.t")
    )
    with fresh() as connection:
        go(connection, Schema(), old)
        script(
            connection,
            """CREATE VIEW v AS SELECT a FROM t; CREATE TABLE log (n);
            CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;""",
        )
        go(connection, old, new)
        script(connection, "INSERT INTO u (b) VALUES ('x')")
        assert rows(connection, "SELECT * FROM v") == [("x",)]
        assert rows(connection, "SELECT * FROM log") == [("x",)]


BY_HAND = [
    ("STRICT", "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a TEXT) STRICT", "STRICT"),
    (
        "WITHOUT ROWID",
        "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a TEXT) WITHOUT ROWID",
        "WITHOUT ROWID",
    ),
    (
        "AUTOINCREMENT",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
        "AUTOINCREMENT",
    ),
    (
        "constraints",
        """CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a TEXT UNIQUE CHECK (a <> 'no'),
        CONSTRAINT "own" CHECK (id < 1000), FOREIGN KEY (id) REFERENCES other (id))""",
        "CHECK (a <> 'no') own UNIQUE FOREIGN KEY (id) REFERENCES other (id)",
    ),
    (
        "columns",
        """CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, -- a comment, with a comma
        a TEXT, extra TEXT DEFAULT ('x,' || 'y') NOT NULL, twice AS (id * 2) VIRTUAL,
        thrice INTEGER GENERATED ALWAYS AS (id >= 3) STORED)""",
        "extra twice thrice GENERATED VIRTUAL STORED 'x,'",
    ),
]


@pytest.mark.parametrize(("made", "kept"), [pytest.param(m, k, id=n) for n, m, k in BY_HAND])
def test_what_is_made_by_hand_in_the_table_stays(made: str, kept: str) -> None:
    plain = [
        schema(table("t", Column("id", make_type("sqlalchemy:Integer")), each))
        for each in (column("a", TEXT), column("a", TEXT, null=False, fill=Constant("f")))
    ]
    with fresh() as connection:
        script(connection, made + "; CREATE TABLE other (id INTEGER PRIMARY KEY)")
        script(connection, "INSERT INTO other VALUES (4); INSERT INTO t (id) VALUES (4)")
        if "extra" in made:
            script(connection, "UPDATE t SET extra = 'own'")
        before = rows(connection, "SELECT * FROM t")
        go(connection, *plain)
        for word in kept.split(" "):
            assert word in sql_of(connection, "t")
        found = rows(connection, "SELECT * FROM t")
        assert [row[2:] for row in found] == [row[2:] for row in before]
        assert found[0][:2] == (4, "f")


def test_a_constraint_that_the_state_knows_under_another_name_is_no_stranger() -> None:
    """A database that another tool made spells and names constraints in its own way."""
    unique, check = Unique("u", ("a",), key="u"), Check("k", Q(a__gt="b"), key="c")
    key = ForeignKey("f", ("pid",), Name(None, "child"), ("id",), key="f")
    old = schema(table("t", ident(), A, column("pid", BIGINT), unique, check, key), CHILD)
    new = schema(table("t", ident(), A, column("pid", BIGINT)), CHILD)
    with fresh() as connection:
        script(
            connection,
            """CREATE TABLE [t] ("id" INTEGER PRIMARY KEY, `a` VARCHAR(10) UNIQUE,
            pid BIGINT REFERENCES child, CONSTRAINT "other" CHECK ("a" > 'b'));
            CREATE TABLE child (id INTEGER PRIMARY KEY, pid BIGINT REFERENCES t)""",
        )
        go(connection, old, new)
        for word in ("UNIQUE", "CHECK", "REFERENCES"):
            assert word not in sql_of(connection, "t")


def test_dropping_a_column_takes_what_was_made_of_it_by_hand() -> None:
    old, new = schema(table("t", ident(), A, column("b"))), schema(table("t", ident(), column("b")))
    with fresh() as connection:
        go(connection, Schema(), old)
        script(
            connection,
            """CREATE INDEX one ON t (a, b); CREATE INDEX two ON t (b); CREATE INDEX a ON t (b);
            INSERT INTO t VALUES (3, 'x', 4)""",
        )
        steps = NEW.steps(diff(old, new), old)
        assert [step.has(HazardCode.LOSES_DATA) for step in steps] == [True]
        go(connection, old, new)
        assert names(connection, "index") == ["a", "two"]
        assert rows(connection, "SELECT * FROM t") == [(3, 4)]


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize(
    "user",
    [
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE VIEW v AS SELECT a FROM t;"
        "CREATE TRIGGER w INSTEAD OF DELETE ON v BEGIN DELETE FROM child; END",
        "CREATE TRIGGER v AFTER INSERT ON t BEGIN UPDATE t SET a = 'x'; END",
        "CREATE TRIGGER v AFTER UPDATE OF b ON t BEGIN SELECT new.a; END",
        "CREATE TRIGGER v AFTER INSERT ON child BEGIN DELETE FROM t WHERE a = 'x'; END",
    ],
)
def test_a_column_that_a_view_or_a_trigger_uses_does_not_go(user: str, rebuilt: bool) -> None:
    old = schema(table("t", ident(), A, column("b")), CHILD)
    new = schema(table("t", ident(), column("b", TEXT if rebuilt else A.type)), CHILD)
    old = old if rebuilt else schema(table("t", ident(), A, column("b", A.type)), CHILD)
    assert is_rebuild(old, new) is rebuilt
    with fresh() as connection:
        go(connection, Schema(), old)
        script(connection, user)
        before = catalog(connection)
        with pytest.raises(Exception, match=r"no such column|would no longer work") as caught:
            go(connection, old, new)
        assert catalog(connection) == before
        if not isinstance(caught.value, StepError):
            assert "v" in NEW.explain(caught.value, None)[0]


def test_a_table_that_a_view_reads_does_not_go() -> None:
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE))
        script(connection, "CREATE VIEW v AS SELECT a FROM t")
        with pytest.raises(StepError, match="v would no longer work"):
            go(connection, schema(BEFORE), Schema())
        script(connection, "DROP VIEW v")
        go(connection, schema(BEFORE), Schema())
        assert catalog(connection) == {}


def test_a_column_that_is_not_there_is_not_taken_for_a_string() -> None:
    """SQLite reads "a" as 'a' where there is no such column (quirks.html, 8)."""
    old, new = (schema(table("t", ident(), column("order", varchar(n)))) for n in (3, 4))
    printed = [step.sql for step in NEW.steps(diff(old, new), old)]
    with fresh() as connection:
        script(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        with pytest.raises(Exception, match="no such column"):
            script(connection, ";\n".join(printed))


def test_a_view_that_was_broken_before_is_nobodys_fault() -> None:
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE))
        script(connection, "CREATE VIEW v AS SELECT * FROM nowhere; INSERT INTO t VALUES (1, 'x')")
        go(connection, schema(BEFORE), schema(AFTER))
        assert rows(connection, "SELECT * FROM t") == [(1, "x")]


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", "the column 'a' is not in the database"),
        ("CREATE TABLE u (id INTEGER PRIMARY KEY)", "the table is not in the database"),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(10), B TEXT)",
            "has a column 'B' that no migration made",
        ),
    ],
)
def test_a_database_that_is_not_what_it_should_be_is_not_guessed_at(
    made: str, message: str
) -> None:
    with fresh() as connection:
        script(connection, made)
        before = catalog(connection)
        with pytest.raises(StepError, match=message):
            go(connection, schema(BEFORE), schema(table("t", ident(), WIDE, column("b"))))
        assert catalog(connection) == before


def test_rows_that_would_point_at_nothing_stop_the_rebuild() -> None:
    bare = table("child", ident(), column("pid", BIGINT))
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE, bare))
        script(connection, "INSERT INTO child VALUES (1, 99)")
        before = catalog(connection)
        with pytest.raises(StepError, match="1 rows of child would point at rows of t"):
            go(connection, schema(BEFORE, bare), schema(BEFORE, CHILD))
        assert catalog(connection) == before


def test_rows_that_point_at_a_table_that_goes_stop_it() -> None:
    """A child that no migration made; its name, and its parent's, in other capitals."""
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE))
        script(connection, "INSERT INTO t VALUES (1, 'x'); CREATE TABLE c (tid REFERENCES T (id))")
        go(connection, schema(BEFORE), schema(AFTER))
        script(connection, "INSERT INTO c VALUES (1)")
        before = catalog(connection)
        with pytest.raises(StepError, match="1 rows of c would point at rows of T"):
            go(connection, schema(AFTER), Schema())
        assert catalog(connection) == before


def test_rows_that_pointed_at_nothing_before_stop_nothing() -> None:
    with fresh() as connection:
        go(connection, Schema(), schema(BEFORE, CHILD))
        script(connection, "INSERT INTO child VALUES (1, 99)")
        renamed = table("u", ident(), WIDE, *BEFORE.constraints, key="T.t")
        key = ForeignKey("fk", ("pid",), Name(None, "u"), ("id",), "CASCADE", key="fk")
        after = schema(renamed, table("child", ident(), column("pid", BIGINT), key))
        go(connection, schema(BEFORE, CHILD), after)
        assert rows(connection, "SELECT * FROM child") == [(1, 99)]


# -- how many ----------------------------------------------------------------------------------


def rebuilds(changes: list[c.Change], before: Schema) -> int:
    steps = NEW.steps(changes, before)
    return sum(step.has(HazardCode.REBUILDS_TABLE) for step in steps)


def test_all_changes_of_a_table_are_one_rebuild() -> None:
    other = table("u", ident(), column("x"))
    old = schema(table("t", ident(), A, column("b"), Unique("u", ("b",))), other)
    new = schema(
        table(
            "t", ident(), WIDE, column("c", null=False), Check("k", Q(c__gt=1)), Unique("v", ("c",))
        ),
        table("u", ident(), column("x", TEXT)),
        table("w", ident()),
    )
    assert rebuilds(diff(old, new), old) == 2


def test_changes_that_undo_each_other_are_nothing() -> None:
    key = table("t", ident(), A, Unique("u", ("a",)))
    unique = key.constraints[1]
    at = Name(None, "t")
    changes: list[c.Change] = [c.DropConstraint(at, unique), c.AddConstraint(at, unique)]
    assert NEW.steps(changes, schema(key)) == []


@pytest.mark.parametrize(
    "after",
    [
        table("t", ident(), column("a", varchar(10), comment="x"), comment="y"),
        table("t", ident(), A, options=(("postgresql_tablespace", "fast"),)),
        table("t", ident(), A, column("b"), Index("i", (IndexPart("b"),), unique=True)),
        table("t", ident()),
        table(
            "t",
            ident(),
            A,
            column("pid", BIGINT),
            ForeignKey("f", ("pid",), Name(None, "t"), ("id",)),
        ),
        table("t", ident(), A, column("mood", enum("sad"))),
        table(
            "t", ident(), A, column("n", null=False, default=Constant(0)), Check("k", Q(n__gte=0))
        ),
        table("t", ident(), A, column("n", computed=Computed(SQL("id"), stored=False))),
    ],
)
def test_what_sqlite_can_do_by_itself_is_no_rebuild(after: Table) -> None:
    assert rebuilds(diff(schema(BEFORE), schema(after)), schema(BEFORE)) == 0


def test_a_change_of_a_table_that_is_not_known_is_an_error() -> None:
    with fresh() as connection, pytest.raises(Exception, match="not there"):
        run(connection, [c.AddColumn(Name(None, "t"), A)], Schema())
