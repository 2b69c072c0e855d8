"""A schema as PostgreSQL would spell it.

The law: whatever is created, `canonical` of what was wanted is what `reflect` finds; and after
any one change by hand the difference is just that change.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.engine import Connection

from created import create_all
from lawful import shown
from postgresql_cases import AUTHOR, CASES, linked
from postgresql_live import MOOD, WANTED, assert_lawful, differences, own, places, wanted_beside
from servers import PostgresServer
from steps import carry_out
from strategies import examples, states
from tables import (
    BIG,
    INTEGER,
    JSONB,
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
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    Schema,
    Sequence,
    Serial,
    Unique,
)
from whimbrel.sources import sqlalchemy as sources
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

# -- the law ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_created_is_what_is_found(case: Any, connection: Connection) -> None:
    for wanted in (case.before, case.after):
        if wanted is case.before or case.fits(connection):
            carry_out(connection, Schema(), wanted)
            assert_lawful(connection, wanted)
            carry_out(connection, wanted, Schema())


@given(states())
@settings(
    max_examples=examples(15),
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


# -- what names mean ----------------------------------------------------------------------------


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


# -- one change by hand ----------------------------------------------------------------------------

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
        create_all(metadata, connection)
    connection.commit()
    wanted = lower(sources.read(metadata, "theirs"))
    left = [each for each in differences(connection, wanted) if not each.startswith("Rename")]
    assert left == []
    live = ENGINE.reflect(connection)
    assert diff(ENGINE.canonical(connection, live), live) == []
