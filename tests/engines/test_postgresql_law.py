"""The law of the engine: any schema made of any other is the one that a direct creation gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from catalog import catalog
from postgresql_cases import CASES, Case
from steps import carry_out
from strategies import examples, histories, states
from whimbrel.operations import Operation
from whimbrel.schema.table import Schema
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

# A database is fresh for a test, and left empty by each of its examples.
FEW = settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def cleared(connection: Connection) -> Iterator[None]:
    """An example that fails leaves nothing behind for the next one."""
    try:
        yield
    except BaseException:
        connection.rollback()
        for name in catalog(connection)["schemas"]:
            connection.exec_driver_sql(f'DROP SCHEMA "{name[0]}" CASCADE')
        connection.exec_driver_sql("CREATE SCHEMA public")
        connection.commit()
        raise


def made_directly(connection: Connection, schema: Schema) -> object:
    """The catalog of a schema that was created from nothing; nothing is left behind."""
    carry_out(connection, Schema(), schema)
    found = catalog(connection)
    carry_out(connection, schema, Schema())
    assert not catalog(connection)["tables"]
    assert not catalog(connection)["enums"]
    return found


@given(states(), states())
@FEW
def test_any_set_of_models_is_made_of_any_other(
    connection: Connection, old: State, new: State
) -> None:
    before, after = lower(old), lower(new)
    with cleared(connection):
        expected = made_directly(connection, after)
        carry_out(connection, Schema(), before)
        carry_out(connection, before, after)
        found = catalog(connection)
        carry_out(connection, after, Schema())
        assert found == expected


# A table that is partitioned, or inherits, is not made of one that is not.
PAIRED = [case for case in CASES if case.name not in ("partitioned", "inherited")]


SIDES = st.sampled_from(["before", "after"])


@given(st.sampled_from(PAIRED), SIDES, st.sampled_from(PAIRED), SIDES)
@FEW
def test_any_schema_of_the_cases_is_made_of_any_other(
    connection: Connection, one: Case, one_side: str, other: Case, other_side: str
) -> None:
    assume(one.fits(connection) and other.fits(connection))
    before: Schema = getattr(one, one_side)
    after: Schema = getattr(other, other_side)
    with cleared(connection):
        expected = made_directly(connection, after)
        carry_out(connection, Schema(), before)
        carry_out(connection, before, after)
        found = catalog(connection)
        carry_out(connection, after, Schema())
        assert found == expected


@given(histories())
@FEW
def test_a_history_goes_forwards_and_back(
    connection: Connection, history: list[tuple[str, Operation]]
) -> None:
    path = [State()]
    for app, operation in history:
        path.append(operation.apply(app, path[-1]))
    schemas = [lower(state) for state in path]
    with cleared(connection):
        expected = [made_directly(connection, schema) for schema in schemas]
        for number in range(1, len(schemas)):
            carry_out(connection, schemas[number - 1], schemas[number])
            assert catalog(connection) == expected[number]
        for number in range(len(schemas) - 1, 0, -1):
            carry_out(connection, schemas[number], schemas[number - 1])
            assert catalog(connection) == expected[number - 1]
