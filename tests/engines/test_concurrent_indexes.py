"""Indexes that are built concurrently: what a try that failed leaves, and indexes of others."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engines.test_recipes import carry_out_finely, engine_of, nullable, refine, safe
from steps import carry_out
from tables import index, schema, table
from whimbrel.engines.postgresql import PostgreSQLEngine
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.engines.sql import execute
from whimbrel.engines.step import HazardCode, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Index, IndexPart, Schema, Unique


def half_built(connection: Connection, part: Index) -> tuple[PostgreSQLEngine, Step]:
    """A step whose unique index rows refuse, after another has tried to build it."""
    before, after = schema(table(nullable())), schema(table(nullable(), part))
    carry_out(connection, Schema(), before)
    execute(connection, "INSERT INTO post VALUES (1, 5), (2, 5)")
    connection.commit()
    engine = engine_of(connection)
    [step] = engine.steps(refine(engine, diff(before, after), before, safe()), before)
    with engine.without_transaction(connection), pytest.raises(sa.exc.IntegrityError):
        execute(connection, step.sql)
    return engine, step


def settle(connection: Connection, engine: PostgreSQLEngine, step: Step) -> None:
    for statement in engine.settle(connection, step):
        execute(connection, statement)


def invalid_indexes(connection: Connection) -> list[str]:
    query = (
        "SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE NOT indisvalid"
    )
    return list(execute(connection, query).scalars())


def test_an_index_that_was_left_half_built_is_broken_and_taken_away(connection: Connection) -> None:
    engine, step = half_built(connection, index("x", unique=True))
    assert step.tables == ((table().at, Lock.SHARE_UPDATE_EXCLUSIVE),)
    assert [each.code for each in step.hazards] == [HazardCode.MAY_FAIL_ON_ROWS]
    assert step.broken is not None and step.done is not None
    with engine.without_transaction(connection):
        assert execute(connection, step.broken).first() is not None
        assert execute(connection, step.done).first() is None
        for statement in step.cleanup:
            execute(connection, statement)
        assert execute(connection, step.broken).first() is None
    assert not invalid_indexes(connection)


def test_what_a_failed_try_has_left_is_dropped_and_the_index_built(connection: Connection) -> None:
    engine, step = half_built(connection, index("x", unique=True))
    with engine.without_transaction(connection):
        with pytest.raises(sa.exc.IntegrityError):
            settle(connection, engine, step)
        assert not invalid_indexes(connection)
        execute(connection, "DELETE FROM post WHERE id = 2")
        for _ in "built", "there":
            settle(connection, engine, step)
        assert execute(connection, step.done or "").first() is not None


OTHERS = {
    "other columns": "CREATE INDEX post_idx ON post (id)",
    "another order": "CREATE INDEX post_idx ON post (x DESC)",
    "unique": "CREATE UNIQUE INDEX post_idx ON post (x)",
    "a condition": "CREATE INDEX post_idx ON post (x) WHERE x > 0",
    "another method": "CREATE INDEX post_idx ON post USING hash (x)",
    "more in it": "CREATE INDEX post_idx ON post (x) INCLUDE (id)",
    "another table": "CREATE TABLE other (x int); CREATE INDEX post_idx ON other (x)",
}


@pytest.mark.parametrize("sql", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("is_valid", [True, False])
def test_another_index_of_that_name_is_left_alone(
    sql: str, is_valid: bool, connection: Connection
) -> None:
    before, after = schema(table(nullable())), schema(table(nullable(), index("x")))
    carry_out(connection, Schema(), before)
    execute(connection, sql)
    if not is_valid:
        execute(
            connection,
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'post_idx'::regclass",
        )
    connection.commit()
    engine = engine_of(connection)
    [step] = engine.steps(refine(engine, diff(before, after), before, safe()), before)
    with engine.without_transaction(connection):
        for probe in (step.done, step.broken):
            assert execute(connection, probe or "").first() is None
        with pytest.raises(sa.exc.ProgrammingError, match='relation "post_idx" already exists'):
            settle(connection, engine, step)
    assert invalid_indexes(connection) == ([] if is_valid else ["post_idx"])


def test_an_index_over_an_expression_gets_statistics(connection: Connection) -> None:
    made = Index("i", (IndexPart(SQL("x + 1")),))
    carry_out(connection, Schema(), schema(table(nullable())))
    execute(connection, "INSERT INTO post SELECT i, i FROM generate_series(1, 100) i")
    connection.commit()
    carry_out_finely(connection, schema(table(nullable())), schema(table(nullable(), made)))
    assert execute(connection, "SELECT 1 FROM pg_stats WHERE tablename = 'i'").first() is not None


def test_no_index_is_built_concurrently_where_it_may_miss_rows(connection: Connection) -> None:
    assert not engine_of(connection).facts.loses_rows
    engine = PostgreSQLEngine(Facts(14, "public", loses_rows=True))
    before = schema(table(nullable()))
    for part in (index("x"), Unique("u", ("x",))):
        after = schema(table(nullable(), part))
        finer = refine(engine, diff(before, after), before, safe())
        with pytest.raises(UnsupportedError, match=r"14\.0 to 14\.3"):
            engine.steps(finer, before)
        assert engine.steps(diff(before, after), before)
