"""Any history of any models, on real databases: there, back, in one leap and step by step.

What is believed is the catalog, and the rows that were put in along the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

import catalog
import catalog_sqlite
from servers import PostgresServer
from strategies import examples, histories, states
from whimbrel.engines import engine_for
from whimbrel.operations import Operation
from whimbrel.schema.table import Column, Table
from whimbrel.state.difference import changes_between, schemas_of
from whimbrel.state.lowering import lower
from whimbrel.state.provenance import LeapSplitter
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

Fresh = Callable[[], Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """Gives a context manager of a connection to a database that is empty."""
    if request.param == "sqlite":
        return fresh_sqlite
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    return lambda: fresh_postgresql(server)


@contextmanager
def fresh_sqlite() -> Iterator[sa.Connection]:
    with connected_to("sqlite://") as connection:
        yield connection


@contextmanager
def fresh_postgresql(server: PostgresServer) -> Iterator[sa.Connection]:
    with server.fresh_database() as name, connected_to(server.url(name)) as connection:
        yield connection


@contextmanager
def connected_to(url: str) -> Iterator[sa.Connection]:
    # psycopg prepares what it runs often; a plan for a table as it was would fail.
    options = {"prepare_threshold": None} if url.startswith("postgresql") else {}
    engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, connect_args=options)
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")
    engine.dispose()


def go(connection: sa.Connection, old: State, new: State) -> None:
    """Bring a database from what one state asks of it to what another does."""
    engine = engine_for(connection.dialect.name)
    steps = engine.steps(changes_between(old, new), schemas_of(old, new)[0])
    for step in steps:
        note(step.sql)
    with engine.transaction(connection, steps):
        for step in steps:
            for statement in engine.settle(connection, step):
                connection.exec_driver_sql(statement)


def seen(connection: sa.Connection) -> Any:
    """What the catalog tells of the database."""
    module = catalog_sqlite if connection.dialect.name == "sqlite" else catalog
    return module.catalog(connection)


def directly(fresh: Fresh, state: State) -> Any:
    """The catalog of a database in which a state was made at once."""
    with fresh() as connection:
        go(connection, State(), state)
        return seen(connection)


# -- rows ------------------------------------------------------------------------------------


def put_rows(connection: sa.Connection, tables: list[Table]) -> None:
    """Two rows in each table that takes a row of defaults."""
    for table in tables:
        if not (table.key or "").endswith(".through"):
            for _ in range(2):
                connection.exec_driver_sql(f'INSERT INTO "{table.name}" DEFAULT VALUES')


def rows(connection: sa.Connection, state: State) -> dict[tuple[str, str], list[Any]]:
    """The values of each column, by the identities of its table and its own, in order of id."""
    found = {}
    for table in lower(state).tables.values():
        if (table.key or "").endswith(".through"):
            continue
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        taken = connection.exec_driver_sql(f'SELECT {names} FROM "{table.name}" ORDER BY id').all()
        for position, column in enumerate(table.columns):
            found[table.key or "", column.key or ""] = [row[position] for row in taken]
    return found


def columns(state: State) -> dict[tuple[str, str], Column]:
    """The columns by identity."""
    return {
        (table.key or "", column.key or ""): column
        for table in lower(state).tables.values()
        for column in table.columns
    }


def surviving(old: State, new: State) -> list[tuple[str, str]]:
    """The columns whose values nothing on the way from one state to the other may change."""
    before, after = columns(old), columns(new)
    return [
        key
        for key in before.keys() & after.keys()
        if before[key].type == after[key].type
        and before[key].computed == after[key].computed
        and before[key].null <= after[key].null
    ]


def assert_rows_survive(
    old: State, new: State, before: dict[Any, Any], after: dict[Any, Any]
) -> None:
    kept = {key[0] for key in before} & {key[0] for key in after}
    for table in kept:
        counts = {
            len(values) for key, values in (*before.items(), *after.items()) if key[0] == table
        }
        assert len(counts) == 1, f"rows of {table} came or went"
    for key in surviving(old, new):
        if key in before and key in after:
            assert before[key] == after[key], key


def replayed(history: list[tuple[str, Operation]]) -> list[State]:
    found = [State()]
    for app, operation in history:
        note(f"{app}: {operation}")
        found.append(operation.apply(app, found[-1]))
    return found


slow = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(history=histories())
def test_a_history_goes_there_and_back_with_its_rows(
    fresh: Fresh, history: list[tuple[str, Operation]]
) -> None:
    points = replayed(history)
    way = list(pairwise(points))
    with fresh() as connection:
        nothing = seen(connection)
        known: dict[str, Table] = {}
        for old, new in way:
            before = rows(connection, old)
            go(connection, old, new)
            assert_rows_survive(old, new, before, rows(connection, new))
            tables = {table.key or "": table for table in lower(new).tables.values()}
            put_rows(connection, [table for key, table in tables.items() if key not in known])
            known = tables
        assert seen(connection) == directly(fresh, points[-1])
        for new, old in reversed(way):
            before = rows(connection, old)
            go(connection, old, new)
            assert_rows_survive(old, new, before, rows(connection, new))
        assert seen(connection) == nothing


@slow
@given(history=histories(), data=st.data())
def test_a_span_of_a_history_can_be_taken_in_one_leap(
    fresh: Fresh, history: list[tuple[str, Operation]], data: st.DataObject
) -> None:
    points = replayed(history)
    middle = data.draw(st.integers(0, len(points) - 1))
    with fresh() as connection:
        go(connection, State(), points[middle])
        go(connection, points[middle], points[-1])
        assert seen(connection) == directly(fresh, points[-1])


def in_pieces(points: list[State], filled: State) -> list[State]:
    """The points of a way at which a leap over it must stop, where these models have rows."""
    splitter = LeapSplitter({model.key for model in filled})
    stops = [old for old, new in pairwise(points) if splitter.is_needed_before(old, new)]
    return [*stops, points[-1]]


@slow
@given(history=histories(most=12), data=st.data())
def test_a_leap_gives_rows_what_the_long_way_gives_them(
    fresh: Fresh, history: list[tuple[str, Operation]], data: st.DataObject
) -> None:
    points = replayed(history)
    places = data.draw(st.sets(st.integers(1, len(points) - 1), min_size=1, max_size=3))
    stages = [0, *sorted(places), len(points) - 1]
    event(f"leaps: {sum(len(each) - 1 for each in leaps(points, stages))}")
    long = [points[one : other + 1] for one, other in pairwise(stages)]
    with fresh() as connection:
        one_by_one = ended(connection, long)
    with fresh() as connection:
        assert ended(connection, leaps(points, stages)) == one_by_one


def leaps(points: list[State], stages: list[int]) -> list[list[State]]:
    """The points that each leap from stage to stage touches; there are no rows before the first."""
    filled = [State(), *(points[each] for each in stages[1:-1])]
    return [
        [points[one], *in_pieces(points[one : other + 1], rows_in)]
        for (one, other), rows_in in zip(pairwise(stages), filled, strict=True)
    ]


def ended(connection: sa.Connection, ways: list[list[State]]) -> Any:
    """Catalog and rows after some ways, between which each new table gets rows."""
    known: set[str | None] = set()
    for way in ways:
        for old, new in pairwise(way):
            go(connection, old, new)
        tables = lower(way[-1]).tables.values()
        put_rows(connection, [table for table in tables if table.key not in known])
        known |= {table.key for table in tables}
    return seen(connection), rows(connection, ways[-1][-1])


@slow
@given(old=states(), new=states())
def test_any_models_become_any_others_and_back(fresh: Fresh, old: State, new: State) -> None:
    with fresh() as connection:
        go(connection, State(), old)
        there = seen(connection)
        go(connection, old, new)
        assert seen(connection) == directly(fresh, new)
        go(connection, new, old)
        assert seen(connection) == there
