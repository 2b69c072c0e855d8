"""Indexes and keys of parents of partitions, made on one partition after the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog import Catalog, catalog
from postgresql_cases import AUTHOR
from steps import carry_out
from tables import INTEGER, TEXT, column, index, schema, table
from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql import PostgreSQLEngine
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Boundary, HazardCode, Step
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import (
    Column,
    Constraint,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)


def parent(*parts: Constraint | Index, key: PrimaryKey | None = None) -> Schema:
    """A table with partitions by ``id``, and one that it may point at."""
    made = table(
        column(INTEGER, null=True),
        Column("text", TEXT, null=True, key="text"),
        *((key,) if key else ()),
        *parts,
        options=(("postgresql_partition_by", "RANGE (id)"),),
    )
    return schema(AUTHOR, made)


#: One with other numbers of columns, one that has partitions itself, a default, and rows.
PARTITIONS = """
    CREATE TABLE low (gone int, text text, x int, id int NOT NULL);
    ALTER TABLE low DROP COLUMN gone;
    ALTER TABLE post ATTACH PARTITION low FOR VALUES FROM (0) TO (10);
    CREATE TABLE high PARTITION OF post FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
    CREATE TABLE higher PARTITION OF high FOR VALUES FROM (10) TO (20);
    CREATE SCHEMA s;
    CREATE TABLE s."Highest one" PARTITION OF high FOR VALUES FROM (20) TO (30);
    CREATE TABLE rest PARTITION OF post DEFAULT;
    INSERT INTO author VALUES (1, 'a'), (2, 'b');
    INSERT INTO post (id, x, text) SELECT i, 1 + i % 2, 't' || i FROM generate_series(1, 40) i
"""

KEY = ForeignKey("post_author_fk", ("x",), Name(None, "author"), ("id",), on_delete="CASCADE")
BARE = parent()
WITHOUT = schema(AUTHOR, Table(**{**{f: getattr(BARE.tables[Name(None, "post")], f) for f in ("name", "columns", "options", "key")}}))  # fmt: skip

PARTS = {
    "index": (BARE, parent(index("x", "text", include=("id",)))),
    "expression": (
        BARE,
        parent(
            Index("i", (IndexPart(SQL("lower(text)")), IndexPart("x", descending=True)), where=SQL("x > 0"))
        ),
    ),
    "unique index": (BARE, parent(index("id", "x", unique=True))),
    "hash index": (BARE, parent(index("x", method="hash", options=(("fillfactor", 70),)))),
    "unique": (BARE, parent(Unique("u", ("id", "x"), deferrable="deferred", include=("text",)))),
    "primary key": (WITHOUT, BARE),
    "foreign key": (BARE, parent(KEY)),
}  # fmt: skip


def set_up(connection: Connection, before: Schema) -> PostgreSQLEngine:
    carry_out(connection, Schema(), before)
    for statement in PARTITIONS.split(";"):
        execute(connection, statement)
    connection.commit()
    engine = PostgreSQLEngine().with_facts(connection)
    connection.commit()
    return engine


def clear(connection: Connection) -> None:
    connection.commit()
    for name in ("post", "author"):
        execute(connection, f"DROP TABLE {name}")
    execute(connection, "DROP SCHEMA s")
    connection.commit()


def steps_of(engine: PostgreSQLEngine, before: Schema, after: Schema) -> list[Step]:
    finer = engine.refine(diff(before, after), before, Policy(is_safe=True))
    return engine.steps(list(chain.from_iterable(finer)), before)


def run(
    connection: Connection, engine: PostgreSQLEngine, step: Step, stop: int | None = None
) -> bool:
    """Execute a step, or as many statements of it; True if it came to its end."""
    opened = (
        engine.transaction(connection, [step])
        if step.transactional
        else engine.without_transaction(connection)
    )
    with opened:
        for number, statement in enumerate(engine.settle(connection, step)):
            if number == stop:
                return False
            execute(connection, statement)
    return True


def is_true(connection: Connection, probe: str | None) -> bool:
    found = probe is not None and execute(connection, probe).first() is not None
    connection.commit()
    return found


def short_form(connection: Connection, before: Schema, after: Schema) -> Catalog:
    set_up(connection, before)
    carry_out(connection, before, after)
    found = catalog(connection)
    clear(connection)
    return found


@pytest.mark.parametrize(("before", "after"), PARTS.values(), ids=PARTS)
def test_it_equals_the_short_form(before: Schema, after: Schema, connection: Connection) -> None:
    wanted = short_form(connection, before, after)
    engine = set_up(connection, before)
    for step in steps_of(engine, before, after):
        assert not any(each.code is HazardCode.SCANS_TABLE for each in step.hazards)
        assert run(connection, engine, loads(dumps(step)))
        assert is_true(connection, step.done)
        assert not is_true(connection, step.broken)
    assert catalog(connection) == wanted


@pytest.mark.parametrize(("before", "after"), PARTS.values(), ids=PARTS)
def test_what_is_shown_comes_to_the_same(
    before: Schema, after: Schema, connection: Connection
) -> None:
    wanted = short_form(connection, before, after)
    for step in steps_of(set_up(connection, before), before, after):
        with connection.begin():
            for statement in step.statements:
                execute(connection, statement)
    assert catalog(connection) == wanted


@pytest.mark.parametrize(("before", "after"), PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("back", [False, True])
def test_it_goes_on_and_back_from_every_statement(
    before: Schema, after: Schema, back: bool, connection: Connection
) -> None:
    wanted = short_form(connection, before, after)
    for stop in count():
        engine = set_up(connection, before)
        start = catalog(connection)
        steps = steps_of(engine, before, after)
        step = next((each for each in steps if each.boundary is Boundary.AUTOCOMMIT), None)
        if step is None or run(connection, engine, step, stop) or is_true(connection, step.done):
            break  # where it is done, only ANALYZE is left
        if back and is_true(connection, step.broken):
            with engine.without_transaction(connection):
                for statement in step.cleanup:
                    execute(connection, statement)
        if back:
            assert catalog(connection) == start, stop
        else:
            assert run(connection, engine, step)
            assert catalog(connection) == wanted, stop
        clear(connection)
    assert step is None or stop > 2


def test_an_index_that_a_failed_try_has_left_on_a_partition_is_built_anew(
    connection: Connection,
) -> None:
    before, after = PARTS["index"]
    engine = set_up(connection, before)
    [step] = steps_of(engine, before, after)
    assert not run(connection, engine, step, 1)  # before the first is attached
    execute(
        connection,
        "UPDATE pg_index SET indisvalid = false WHERE indrelid = 'low'::regclass AND NOT indisprimary",
    )
    connection.commit()
    assert run(connection, engine, step)
    assert is_true(connection, step.done)


@pytest.mark.parametrize("name", ["unique index", "unique"])
def test_rows_that_are_not_unique_leave_no_invalid_index(name: str, connection: Connection) -> None:
    before, after = (
        WITHOUT,
        parent(
            *(index("id", "x", unique=True),) if "index" in name else (Unique("u", ("id", "x")),)
        ),
    )
    engine = set_up(connection, before)
    execute(connection, "INSERT INTO post (id, x) VALUES (5, 2)")
    connection.commit()
    step = next(each for each in steps_of(engine, before, after) if "post_pk" not in each.sql)
    with pytest.raises(sa.exc.IntegrityError):
        run(connection, engine, step)
    query = "SELECT 1 FROM pg_index WHERE NOT indisvalid AND indrelid = 'low'::regclass"
    assert execute(connection, query).first() is None


def test_another_index_of_that_name_is_left_alone(connection: Connection) -> None:
    before, after = PARTS["index"]
    engine = set_up(connection, before)
    execute(connection, "CREATE INDEX post_idx ON ONLY post (x)")
    connection.commit()
    [step] = steps_of(engine, before, after)
    assert not is_true(connection, step.done)
    assert not is_true(connection, step.broken)
    with pytest.raises(sa.exc.ProgrammingError, match='relation "post_idx" already exists'):
        run(connection, engine, step)


def test_nobody_queues_for_long_behind_what_locks_a_partition(
    connection: Connection, postgresql_url: str
) -> None:
    before, after = PARTS["unique"]
    engine = set_up(connection, before)
    [step] = steps_of(engine, before, after)
    other, waits = sa.create_engine(postgresql_url), list[float]()
    with other.connect() as reader, other.connect() as holder, ThreadPoolExecutor(1) as threads:
        execute(holder, "SELECT 1 FROM low")
        running = threads.submit(run, connection, engine, step)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            started = time.monotonic()
            execute(reader, "SELECT 1 FROM low")
            reader.rollback()
            waits.append(time.monotonic() - started)
            time.sleep(0.02)
        assert not running.done()
        holder.rollback()
        assert running.result(30)
    other.dispose()
    assert max(waits) < 1
    assert is_true(connection, step.done)
