"""The law of `check`: a history in which it finds nothing applies step by step, and back."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, assume, event, given, note, settings
from sqlalchemy.pool import StaticPool

from strategies import examples
from whimbrel.commands.check.replay import first_unsound
from whimbrel.engines import engine_for
from whimbrel.history.loader import History, load
from whimbrel.history.migration import Migration
from whimbrel.history.node import Node
from whimbrel.operations import Operation
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import Work, build_work
from wild import wild_histories

pytestmark = pytest.mark.reduced


class App(NamedTuple):
    """An app without files."""

    label: str
    package: str | None = None
    migrations: Path = Path("nowhere")


def history_of(operations: list[tuple[str, Operation]]) -> History:
    """Each operation in a migration of its own, one after the other."""
    made: list[tuple[Node, Migration]] = []
    for number, (app, operation) in enumerate(operations):
        body = {
            "operations": [operation],
            "dependencies": [made[-1][0].key] if made else [],
        }
        migration = type("Migration", (Migration,), body)(app, f"{number:04d}")
        made.append((Node.of(migration, str(number)), migration))
    return load([App("one"), App("two")], made)


def carry_out(connection: sa.Connection, work: Work) -> None:
    engine = engine_for("sqlite")
    with engine.transaction(connection, work.steps):
        for step in work.steps:
            note(step.sql)
            for sql in engine.settle(connection, step):
                connection.exec_driver_sql(sql)


@given(operations=wild_histories(most=6))
@settings(
    max_examples=examples(30),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_check_calls_sound_applies_step_by_step_and_back(
    operations: list[tuple[str, Operation]],
) -> None:
    # Nobody makes the tables of others here.
    assume("'managed'" not in repr(operations))
    history = history_of(operations)
    found = first_unsound(history, ["sqlite"], None)
    event("sound" if found is None else str(found[1]))
    assume(found is None)
    engine, order = engine_for("sqlite"), history.graph.order()
    there = Plan(tuple(Stage((node,)) for node in order))
    back = Plan(there.stages[::-1], backwards=True)
    pool = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT", poolclass=StaticPool)
    with pool.connect() as connection:
        connection.exec_driver_sql("ATTACH ':memory:' AS far")
        raw = connection.connection.driver_connection
        raw.create_collation("C", lambda one, two: (one > two) - (one < two))
        for plan, applied in ((there, ()), (back, [node.key for node in order])):
            for work in build_work(history, engine, plan, applied):
                carry_out(connection, work)
        assert sa.inspect(connection).get_table_names() == []
    pool.dispose()
