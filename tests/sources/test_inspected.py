"""What live databases have, written as models and read again: the same to those databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.engine import Connection

from lawful import shown
from postgresql_cases import CASES
from sqlite_cases import CASES as SQLITE_CASES
from sqlite_kit import NEW, fresh, go
from sqlite_strategies import schemas
from steps import carry_out
from strategies import examples
from whimbrel.engines.base import Engine
from whimbrel.engines.postgresql import ENGINE
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Schema, Table
from whimbrel.sources.live import models_of
from whimbrel.sources.live.declarative import declarative_source
from whimbrel.sources.live.native import native_source
from whimbrel.state.lowering import lower
from written import read_declarative, read_native


def differences(engine: Engine, connection: Connection, made: Schema) -> list[str]:
    """What differs, in words, between a live database and the models that are written of it."""
    live = engine.reflect(connection, {None, *made.schemas})
    native = native_source(models_of(live, "one", dialect=engine.dialect), "one")
    declarative = declarative_source(live, "one", dialect=engine.dialect)
    found = []
    for read in (read_native(native, "one"), read_declarative(declarative, "one")):
        expected = engine.canonical(connection, lower(read))
        found += [shown(each) for each in diff(expected, live)]
    return found


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schemas())
def test_any_tables_of_sqlite(made: Schema) -> None:
    with fresh() as connection:
        go(connection, Schema(), made)
        assert differences(NEW, connection, made) == []


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param(old, new, id=name) for name, old, new in SQLITE_CASES]
)
def test_tables_of_sqlite(old: list[Table], new: list[Table]) -> None:
    for tables in (old, new):
        made = Schema.of(tuple(tables))
        with fresh() as connection:
            go(connection, Schema(), made)
            assert differences(NEW, connection, made) == []


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


#: Sequences that stand by themselves are nobody's; SQLAlchemy cannot say SERIAL but of a key.
UNSAID = {"sequences", "a named sequence behind a column", "serial"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(each.before, each.after, id=each.name)
        for each in CASES
        if each.name not in UNSAID
    ],
)
def test_tables_of_postgresql(connection: Connection, before: Schema, after: Schema) -> None:
    for made in (before, after):
        carry_out(connection, Schema(), made)
        connection.rollback()
        assert differences(ENGINE, connection, made) == []
        connection.rollback()
        carry_out(connection, made, Schema())
