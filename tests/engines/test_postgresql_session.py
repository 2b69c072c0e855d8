"""Transactions, the one runner's lock, those who stand in the way, and what errors mean."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from steps import carry_out
from tables import INTEGER, TEXT, column, enum, index, schema, table
from whimbrel.engines import Step
from whimbrel.engines.postgresql import ENGINE, PostgreSQLEngine
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Lock
from whimbrel.errors import ModelError, UnsupportedError
from whimbrel.schema.changes import AlterColumn, Change
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL, Constant, Q
from whimbrel.schema.table import (
    Check,
    Computed,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Serial,
    Unique,
)

pytestmark = pytest.mark.reduced

POST = Name(None, "post")
VIRTUAL = column(INTEGER, null=True, computed=Computed(SQL("1"), stored=False))
NO_TWO_NULLS = Unique("u", ("x",), nulls_not_distinct=True)


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def other(engine: sa.Engine) -> Iterator[Connection]:
    """Somebody else at work on the same database."""
    with engine.connect() as connection:
        yield connection


def steps(before: Schema, after: Schema) -> list[Step]:
    return ENGINE.steps(diff(before, after), before)


def fails(connection: Connection, before: Schema, after: Schema) -> tuple[BaseException, Step]:
    """Carry out steps of which one fails; that error and that step."""
    made = steps(before, after)
    at_work = made[0]
    with pytest.raises(sa.exc.DBAPIError) as caught, ENGINE.transaction(connection, made):
        for at_work in made:
            execute(connection, at_work.sql)
    return caught.value, at_work


# -- transactions ------------------------------------------------------------------------------


def test_a_transaction_commits_at_its_end(connection: Connection, other: Connection) -> None:
    with ENGINE.transaction(connection, []):
        execute(connection, "CREATE TABLE here (x int)")
    assert execute(other, "SELECT count(*) FROM here").scalar() == 0


def test_a_transaction_rolls_back_on_an_error(connection: Connection, other: Connection) -> None:
    with pytest.raises(ZeroDivisionError), ENGINE.transaction(connection, []):
        execute(connection, "CREATE TABLE here (x int)")
        raise ZeroDivisionError
    assert execute(other, "SELECT to_regclass('here')").scalar() is None


def test_a_transaction_begins_though_something_was_read_before(connection: Connection) -> None:
    execute(connection, "SELECT 1")
    with ENGINE.transaction(connection, []):
        execute(connection, "SELECT 1")


def test_a_statement_waits_for_a_lock_no_longer_than_it_may(
    connection: Connection, other: Connection
) -> None:
    carry_out(connection, Schema(), schema(table()))
    execute(other, "SELECT * FROM post")
    with pytest.raises(sa.exc.OperationalError) as caught, ENGINE.transaction(connection, [], 0.01):
        execute(connection, "ALTER TABLE post ADD COLUMN x int")
    assert ENGINE.is_lock_timeout(caught.value)
    assert not ENGINE.is_disconnect(caught.value)
    assert execute(connection, "SHOW lock_timeout").scalar() == "0"


def terminate(other: Connection, process: int) -> None:
    """End a backend, and wait until it is gone (the function itself waits since PostgreSQL 14)."""
    execute(other, f"SELECT pg_terminate_backend({process})")
    left = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {process}"
    for _ in range(500):
        other.rollback()  # what a transaction has seen of the activity stays as it was
        if execute(other, left).scalar() == 0:
            return
        time.sleep(0.01)
    raise AssertionError(f"the backend {process} is still there")


def test_a_lost_connection_is_told_from_an_error(connection: Connection, other: Connection) -> None:
    process = execute(connection, "SELECT pg_backend_pid()").scalar()
    terminate(other, process)
    with pytest.raises(sa.exc.DBAPIError) as caught:
        execute(connection, "SELECT 1")
    assert ENGINE.is_disconnect(caught.value)
    assert not ENGINE.is_lock_timeout(caught.value)


def test_what_is_printed_around_steps_is_a_transaction() -> None:
    made = steps(Schema(), schema(table()))
    assert (ENGINE.opening(made), ENGINE.closing(made)) == (["BEGIN"], ["COMMIT"])


# -- one runner --------------------------------------------------------------------------------


def test_there_is_one_runner_until_it_lets_go(connection: Connection, other: Connection) -> None:
    release = ENGINE.runner_lock(connection, "whimbrel_migrations")
    assert release is not None
    assert not connection.in_transaction()
    assert not ENGINE.runner_lock(other, "whimbrel_migrations")
    assert ENGINE.runner_lock(other, "another.whimbrel_migrations")
    release()
    assert ENGINE.runner_lock(other, "whimbrel_migrations")


def test_a_runner_that_dies_lets_go(engine: sa.Engine, other: Connection) -> None:
    with engine.connect() as dying:
        assert ENGINE.runner_lock(dying, "whimbrel_migrations")
        process = execute(dying, "SELECT pg_backend_pid()").scalar()
        terminate(other, process)
        assert ENGINE.runner_lock(other, "whimbrel_migrations")
        dying.invalidate()


def test_the_lock_stays_through_transactions(connection: Connection, other: Connection) -> None:
    assert ENGINE.runner_lock(connection, "x")
    with ENGINE.transaction(connection, []):
        execute(connection, "SELECT 1")
    assert not ENGINE.runner_lock(other, "x")


def test_whether_a_pooler_gives_each_transaction_another_session(
    connection: Connection, pooled_url: str, session_pooled_url: str
) -> None:
    assert not ENGINE.shares_sessions(connection)
    for url, shares in ((pooled_url, True), (session_pooled_url, False)):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as first, engine.connect() as second:
            execute(second, "SELECT 1")
            assert ENGINE.shares_sessions(first) is shares
        engine.dispose()


# -- blockers ----------------------------------------------------------------------------------


def test_those_who_hold_a_lock_that_is_needed_are_named(
    connection: Connection, other: Connection
) -> None:
    carry_out(connection, Schema(), schema(table()))
    execute(other, "SET application_name = 'report'")
    execute(other, "SELECT 'a long\n  one'  FROM post")
    (blocker,) = ENGINE.blockers(connection, [Step((), tables=((POST, Lock.ACCESS_EXCLUSIVE),))])
    process = execute(other, "SELECT pg_backend_pid()").scalar()
    assert f"process {process} (report) with AccessShareLock on post" in str(blocker)
    assert "idle in transaction" in str(blocker)
    assert "SELECT" not in str(blocker)
    assert blocker.query == "SELECT 'a long one' FROM post"
    assert not connection.in_transaction()


def test_those_who_do_not_stand_in_the_way_are_not_named(
    connection: Connection, other: Connection
) -> None:
    carry_out(connection, Schema(), schema(table()))
    execute(other, "SELECT * FROM post")
    assert ENGINE.blockers(connection, [Step((), tables=((POST, Lock.SHARE),))]) == []
    missing = Step((), tables=((Name("no", "such"), Lock.ACCESS_EXCLUSIVE),))
    assert ENGINE.blockers(connection, [missing]) == []


# -- what errors mean --------------------------------------------------------------------------

PLAIN = schema(table(column(TEXT, null=True)))
ROWS = "INSERT INTO post VALUES (1, 'a'), (2, 'a'), (3, NULL)"
AWAY = schema(
    table(column(TEXT, null=True), PrimaryKey("away_pk", ("id",)), name="away", key="post")
)


@pytest.mark.parametrize(
    ("after", "said", "hint"),
    [
        (schema(table(column(TEXT))), "contains null values", "default"),
        (schema(table(*PLAIN.tables[POST].columns, column(TEXT, name="y", key="y"))), "null", "post.y"),
        (schema(table(column(TEXT, null=True), Unique("u", ("x",)))), "(x)=(a)", "differ"),
        (schema(table(column(TEXT, null=True), Check("c", Q(x="b")))), "violated", "check"),
        (schema(table(column(INTEGER, null=True))), 'integer: "a"', "do not fit"),
        (
            schema(table(column(TEXT, null=True), ForeignKey("f", ("x",), Name(None, "no"), ("a",)))),
            'relation "no" does not exist',
            "Bring it back",
        ),
        (schema(table(column(TEXT, null=True), Check("c", SQL("nothing(x)")))), "nothing", "extension"),
    ],
    ids=["null", "added", "unique", "check", "type", "table", "function"],
)  # fmt: skip
def test_an_error_is_explained(after: Schema, said: str, hint: str, connection: Connection) -> None:
    carry_out(connection, Schema(), PLAIN)
    execute(connection, ROWS)
    connection.commit()
    message, advice = ENGINE.explain(*fails(connection, PLAIN, after))
    assert said in message
    assert advice is not None
    assert hint in advice


def test_a_view_in_the_way_is_explained(connection: Connection) -> None:
    carry_out(connection, Schema(), PLAIN)
    execute(connection, "CREATE VIEW seen AS SELECT * FROM post")
    connection.commit()
    message, advice = ENGINE.explain(*fails(connection, PLAIN, schema()))
    assert "view seen depends on table post" in message
    assert "view" in str(advice)


def test_an_error_of_no_known_kind_says_what_it_said() -> None:
    assert ENGINE.explain(ValueError("so it is"), None) == ("so it is", None)


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "kind", "said"),
    [
        (schema(table(column(TEXT, generated=Serial()))), UnsupportedError, "its type is TEXT"),
        (schema(table(column(INTEGER), name="x" * 64)), ModelError, "longer than 63"),
        (schema(table(column(TEXT, default=Constant(object())))), ModelError, "no literal"),
        (schema(table(column(TEXT, default=Constant("\0")))), ModelError, "NUL"),
        (schema(table(column(TEXT), Check("c", Q(y=1)))), ModelError, "names 'y'"),
        (schema(table(column(TEXT), Index("i", ()))), ModelError, "no columns"),
    ],
    ids=["serial", "name", "object", "nul", "column", "index"],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_happens(
    after: Schema, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        steps(Schema(), after)


def test_a_schema_that_holds_what_others_made_stays(connection: Connection) -> None:
    ours = schema(table(schema="ours"))
    carry_out(connection, Schema(), ours)
    execute(connection, "CREATE TABLE ours.theirs (x int)")
    connection.commit()
    carry_out(connection, ours, Schema())
    assert execute(connection, "SELECT to_regclass('ours.theirs')").scalar() is not None


def test_a_deferred_constraint_does_not_keep_a_filled_column_from_being_required(
    connection: Connection,
) -> None:
    key = ForeignKey("f", ("x",), POST, ("id",), deferrable="deferred", key="f")
    before = schema(table(column(INTEGER, null=True), key))
    after = schema(table(column(INTEGER, fill=Constant(1)), key))
    carry_out(connection, Schema(), before)
    execute(connection, "INSERT INTO post VALUES (1, NULL)")
    connection.commit()
    carry_out(connection, before, after)
    assert execute(connection, "SELECT x FROM post").scalar() == 1


def test_a_new_label_that_the_same_batch_uses_is_ready_for_it(connection: Connection) -> None:
    before = schema(table(column(enum(("a", "1")), default=Constant("a"))))
    wider = enum(("a", "1"), ("b", "2"))
    after = schema(table(column(wider, default=Constant("b")), index("id", where=Q(x="b"))))
    assert not any("ADD VALUE" in step.sql for step in steps(before, after))
    carry_out(connection, Schema(), before)
    carry_out(connection, before, after)
    assert execute(connection, "INSERT INTO post VALUES (1) RETURNING x").scalar() == "b"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (schema(table(VIRTUAL)), "the virtual column 'x' needs PostgreSQL 18"),
        (schema(table(column(INTEGER), NO_TWO_NULLS)), "NULLS NOT DISTINCT of 'u' needs PostgreSQL 15"),
    ],
    ids=["virtual", "nulls"],
)  # fmt: skip
@pytest.mark.parametrize("before", [Schema(), schema(table())], ids=["created", "added"])
def test_an_old_server_says_what_it_does_not_have(before: Schema, after: Schema, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        PostgreSQLEngine(Facts(version=13)).steps(diff(before, after), before)


def test_computed_columns_do_not_change_in_place() -> None:
    old = column(INTEGER, computed=Computed(SQL("1")))
    change: Change = AlterColumn(POST, old, column(INTEGER, computed=Computed(SQL("2"))))
    with pytest.raises(UnsupportedError, match="computed"):
        ENGINE.steps([change], schema(table(old)))


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "NULL"), ("it's", "'it''s'"), (3, "3"), (1.5, "1.5"), (True, "true")],
)
def test_values_for_the_record_are_literals(value: object, written: str) -> None:
    assert ENGINE.literal(value) == written
