"""What create_all makes, migrate makes: one MetaData brought into two databases, and compared.

Compared is the whole catalog, with the order of columns. The name of a constraint counts where
SQLAlchemy gives one (the MetaData's own, or its convention's); what nobody named is called by the
database in one case and by Whimbrel in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from hypothesis import note, reject
from hypothesis.errors import InvalidArgument
from sqlalchemy.engine import Connection

import catalog
import catalog_sqlite
from created import create_all
from servers import PostgresServer
from whimbrel.commands.comparison import compare
from whimbrel.commands.drift import is_of_names
from whimbrel.detect import detect
from whimbrel.engines import Engine, Step, engine_for
from whimbrel.engines.sql import execute
from whimbrel.history.writer import render_migration
from whimbrel.operations import Operation
from whimbrel.planning.diffs import merge_diffs
from whimbrel.sources.checks import check_state
from whimbrel.sources.sqlalchemy import read
from whimbrel.state.state import State

APP = "core"


@dataclass(frozen=True)
class Databases:
    """Databases of one kind. ``fresh``: a context manager of a connection to an empty one.

    ``version`` is PostgreSQL's.
    """

    dialect: str
    fresh: Callable[[], AbstractContextManager[Connection]]
    version: int = 0


@contextmanager
def fresh_sqlite() -> Iterator[Connection]:
    with _connected("sqlite://") as connection:
        yield connection


@contextmanager
def fresh_postgresql(server: PostgresServer) -> Iterator[Connection]:
    with server.fresh_database() as name, _connected(server.url(name)) as connection:
        yield connection


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    # psycopg prepares what it runs often; a plan for a table as it was would fail.
    options = {"prepare_threshold": None} if url.startswith("postgresql") else {}
    engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, connect_args=options)
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")
    engine.dispose()


# -- the law ---------------------------------------------------------------------------------


def assert_like_create_all(metadata: sa.MetaData, databases: Databases) -> None:
    """Raise AssertionError where migrate and create_all differ in anything that can be seen."""
    points = list(history(metadata, databases.dialect))
    named = given_names(metadata)
    with databases.fresh() as connection:
        nothing = seen(connection, named)
        try:
            create_all(metadata, connection)
        except sa.exc.DBAPIError:
            reject()  # no database has it: a key of text to an enum type, for one
        expected = seen(connection, named)
        # A database that create_all made fits, but for the names that it thought out.
        found = differing(connection, points[-1])
        assert [each for each in found if not is_of_names(each)] == []
    for way in ([points[0], points[-1]], points):
        with databases.fresh() as connection:
            for old, new in pairwise(way):
                go(connection, old, new)
            assert seen(connection, named) == expected
            assert differing(connection, points[-1]) == []
            for new, old in pairwise(reversed(way)):
                go(connection, new, old)
            assert seen(connection, named) == nothing


def assert_becomes(old: sa.MetaData, new: sa.MetaData, databases: Databases) -> None:
    """Raise AssertionError where a database with history and rows gets other than create_all's tables.

    Forwards and back, operation by operation and in a leap. The tables have ids that count.
    """
    before, after = read(old, APP), read(new, APP)
    points = [before]
    for operation in (each for made in detect(before, after) for each in made.operations):
        said(operation.describe())
        points.append(operation.apply(APP, points[-1]))
    assert detect(points[-1], after) == []
    with databases.fresh() as connection:
        create_all(old, connection)
        there = seen(connection, given_names(old))
    with databases.fresh() as connection:
        create_all(new, connection)
        wanted = seen(connection, given_names(new))
    for way in (points, [points[0], points[-1]]):
        with databases.fresh() as connection:
            go(connection, State(), before)
            rows = [(table, [_put(connection, table)]) for table in old.sorted_tables]
            for one, other in pairwise(way):
                go(connection, one, other)
            assert seen(connection, given_names(new)) == wanted
            assert differing(connection, points[-1]) == []
            assert rows == [(table, _ids(connection, table)) for table, _ in rows]
            for one, other in pairwise(reversed(way)):
                go(connection, one, other)
            assert seen(connection, given_names(old)) == there
            assert rows == [(table, _ids(connection, table)) for table, _ in rows]


def _put(connection: Connection, table: sa.Table) -> int:
    """The id of a new row, every other number in which is 1."""
    numbers = {each.name: 1 for each in table.columns if not each.primary_key}
    made = connection.execute(table.insert().values(numbers))
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def _ids(connection: Connection, table: sa.Table) -> list[int]:
    return [row[0] for row in connection.exec_driver_sql(f"SELECT id FROM {table.name}")]


def history(metadata: sa.MetaData, dialect: str) -> Iterator[State]:
    """The states that a migration of this metadata leads through, read back from its file.

    Nothing is left to be detected after it.
    """
    live = read(metadata, APP)
    check_state(live, [dialect])
    state = State()
    yield state
    for operation in written(live):
        state = operation.apply(APP, state)
        yield state
    assert detect(state, read(metadata, APP)) == []


def written(live: State) -> list[Operation]:
    """The operations that make models, from the text of the files that say so."""
    found: list[Operation] = []
    for migration in detect(State(), live):
        text = render_migration(APP, "0001_initial", (), migration.operations)
        said(text)
        space: dict[str, Any] = {}
        exec(compile(text, "0001_initial.py", "exec"), space)
        found += space["Migration"].operations
    return found


def go(connection: Connection, old: State, new: State) -> list[Step]:
    """The steps that bring a database from what one state asks of it to what another does."""
    engine = engine_for(connection.dialect.name)
    changes, _, schema = merge_diffs(engine, [(old, new)])
    steps = engine.steps(changes, schema)
    with engine.transaction(connection, steps):
        for step in steps:
            for statement in engine.settle(connection, step):
                said(statement)
                execute(connection, statement)
    return steps


def said(text: str) -> None:
    """Show a text where a property fails."""
    with suppress(InvalidArgument):
        note(text)


def differing(connection: Connection, state: State) -> list[Any]:
    """What drift would find."""
    engine: Engine = engine_for(connection.dialect.name)
    return compare(engine, connection, state, lambda at: True).changes


# -- what is compared ------------------------------------------------------------------------


def given_names(metadata: sa.MetaData) -> set[str]:
    """The names of constraints that the metadata gives."""
    dialect = sa.dialects.postgresql.dialect()  # type: ignore[no-untyped-call]
    format_name = dialect.identifier_preparer.format_constraint
    constraints = [each for table in metadata.tables.values() for each in table.constraints]
    constraints += [
        each
        for table in metadata.tables.values()
        for column in table.columns
        for each in column.constraints
    ]
    names = {format_name(each, _alembic_quote=False) for each in constraints if each.name}
    return {str(each) for each in names if each is not None}


def seen(connection: Connection, named: set[str]) -> dict[str, Any]:
    """The catalog of a database, without the names that nobody gave."""
    sqlite = connection.dialect.name == "sqlite"
    found = catalog_sqlite.catalog(connection) if sqlite else catalog.catalog(connection)
    without = _sqlite_without_names if sqlite else _postgresql_without_names
    inspector = sa.inspect(connection)
    order = {
        name: [column["name"] for column in inspector.get_columns(name)]
        for name in inspector.get_table_names()
    }
    return {**without(found, named), "order": order}


def _postgresql_without_names(found: dict[str, Any], named: set[str]) -> dict[str, Any]:
    backing = {(row[0], row[2]) for row in found["constraints"]}
    return {
        **found,
        # Keys that create_all adds by themselves to tables that it has just made, it leaves NOT
        # VALID where that is asked for; there is no row that would not hold.
        "constraints": sorted(
            (row[0], row[1], row[2] if row[2] in named else "", row[3].removesuffix(" NOT VALID"))
            for row in found["constraints"]
        ),
        "indexes": [row for row in found["indexes"] if (row[0], row[2]) not in backing],
    }


def _sqlite_without_names(found: dict[str, Any], named: set[str]) -> dict[str, Any]:
    lowered = {each.lower() for each in named}

    def known(name: str) -> str:
        return name if name in lowered else ""

    def table(of: dict[str, Any]) -> dict[str, Any]:
        return {
            **of,
            "keys": sorted((known(key[0]), *key[1:]) for key in of["keys"]),
            "checks": sorted((known(name), body) for name, body in of["checks"]),
            "uniques": sorted({(known(name), body) for name, body in of["uniques"]}),
            "primary": [known(name) for name in of["primary"] if known(name)],
        }

    return {
        name: table(value) if name.startswith("table ") else value for name, value in found.items()
    }
