"""What the tests of the SQLite engine share: short ways to say a table, and to run its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from catalog_sqlite import catalog
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Column, Identity, Index, PrimaryKey, Schema, Table
from whimbrel.schema.types import EnumType, EnumValue, make_type

NEWEST = SQLiteEngine((3, 53, 0))
NEW = SQLiteEngine((3, 40, 1))
OLD = SQLiteEngine((3, 26, 0))

INTEGER, BIGINT = make_type("sqlalchemy:Integer"), make_type("sqlalchemy:BigInteger")
TEXT, DATE = make_type("sqlalchemy:Text"), make_type("sqlalchemy:Date")
BOOLEAN = make_type("sqlalchemy:Boolean")


def varchar(length: int) -> Any:
    return make_type("sqlalchemy:String", length=length)


def ident(name: str = "id") -> Column:
    """A native model's primary key."""
    return Column(name, BIGINT, generated=Identity(), key=f"k.{name}")


def column(name: str, type: Any = INTEGER, **more: Any) -> Column:
    """A column whose identity is its name, NULL if nothing else is said."""
    more.setdefault("key", f"k.{name}")
    more.setdefault("null", True)
    return Column(name, type, **more)


def table(name: str, *parts: Any, **more: Any) -> Table:
    """A table of columns, constraints and indexes; its key is ``id`` if nothing else is said."""
    columns = tuple(part for part in parts if isinstance(part, Column))
    indexes = tuple(part for part in parts if isinstance(part, Index))
    constraints = tuple(part for part in parts if not isinstance(part, Column | Index))
    if not any(isinstance(part, PrimaryKey) for part in constraints):
        constraints = (PrimaryKey(f"{name}_pk", ("id",), key=f"{name}:pk"), *constraints)
    more.setdefault("key", f"T.{name}")
    return Table(name, columns, constraints, indexes, **more)


def enum(*labels: str) -> EnumType:
    """An enum whose values have their first letter for identity."""
    return EnumType("mood", tuple(EnumValue(label, key=label[0]) for label in labels))


@contextmanager
def fresh(url: str = "sqlite://") -> Iterator[sa.Connection]:
    """A connection to a database; one in memory if nothing else is said."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.StaticPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def run(
    connection: sa.Connection,
    changes: Sequence[c.Change],
    before: Schema,
    engine: SQLiteEngine = NEW,
) -> None:
    """Carry out changes as run/ does."""
    steps = engine.steps(changes, before)
    with engine.transaction(connection, steps):
        for step in steps:
            for statement in engine.settle(connection, step):
                connection.exec_driver_sql(statement)


def go(connection: sa.Connection, old: Schema, new: Schema, engine: SQLiteEngine = NEW) -> None:
    """Bring a database from one schema to another."""
    run(connection, diff(old, new), old, engine)


def schema(*tables: Table) -> Schema:
    return Schema.of(tables)


def directly(wanted: Schema) -> Any:
    """The catalog of a database in which a schema was made at once."""
    with fresh() as connection:
        go(connection, Schema(), wanted)
        return catalog(connection)


def script(connection: sa.Connection, sql: str) -> None:
    """Do by hand what no migration did."""
    connection.connection.driver_connection.executescript(sql)  # type: ignore[union-attr]


def rows(connection: sa.Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(sql).all()]
