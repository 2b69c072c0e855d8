"""A migration that stops before any of its steps goes on to where it would have come, and goes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import (
    HealthCheck,
    assume,
    currently_in_test_context,
    event,
    given,
    note,
    settings,
)
from hypothesis import strategies as st

import catalog
from properties.test_check import App
from properties.test_histories import fresh_postgresql, put_rows, rows, surviving
from servers import PostgresServer
from strategies import examples, histories
from whimbrel.engines import engine_for
from whimbrel.engines.policy import SAFE, SHORT, Policy
from whimbrel.history.loader import History, load
from whimbrel.history.migration import Migration
from whimbrel.history.node import Key, Node
from whimbrel.operations import Operation
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.unfinished import WayOut, work_out
from whimbrel.planning.work import build_work
from whimbrel.run import journal
from whimbrel.run.data import checkpoint
from whimbrel.run.events import Event, StepStarted
from whimbrel.run.executor import Executor
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


class Stopped(BaseException):
    """As a kill, but that the test goes on."""


def history_of(operations: list[tuple[str, Operation]]) -> History:
    """A migration of its own for each operation; the last has all of its app's at the end, in no transaction."""
    last = len(operations)
    while last and operations[last - 1][0] == operations[-1][0]:
        last -= 1
    parts = [[each] for each in operations[:last]] + [operations[last:]]
    made: list[tuple[Node, Migration]] = []
    for number, part in enumerate(parts):
        body = {
            "operations": [operation for _, operation in part],
            "dependencies": [made[-1][0].key] if made else [],
            "atomic": number < len(parts) - 1,
        }
        migration = type("Migration", (Migration,), body)(part[0][0], f"{number:04d}")
        made.append((Node.of(migration, str(number)), migration))
    return load([App("one"), App("two")], made)


class Run:
    """Migrations on a database."""

    def __init__(self, connection: sa.Connection, history: History) -> None:
        self.connection, self.history = connection, history
        engine = engine_for("postgresql").with_facts(connection)
        connection.commit()
        self.executor = Executor(engine, connection, history=history)
        self.executor.prepare()
        journal.prepare(connection)
        checkpoint.prepare(connection)  # or it would come with the first walk
        self.stop: int | None = None
        self.executor.emit = self.executor.attempts.emit = self.listen

    def listen(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            if currently_in_test_context():
                note(event.sql)
            if event.number == self.stop:
                raise Stopped

    def go(
        self,
        nodes: list[Node],
        applied: list[Key],
        *,
        backwards: bool = False,
        policy: Policy = SHORT,
    ) -> int:
        """Carry migrations out. Gives how many steps the last one has."""
        plan = Plan(tuple(Stage((node,)) for node in nodes), backwards)
        steps = 0
        for work in build_work(self.history, self.executor.engine, plan, applied, policy):
            steps = len(work.items)
            self.executor.execute(work)
        return steps


@pytest.mark.parametrize(
    "policy", [SHORT, SAFE, replace(SAFE, version=13)], ids=["short", "safe", "safe, 13"]
)
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@given(data=st.data(), operations=histories(most=8))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_stops_at_any_step_goes_on_and_back(
    postgresql_server: PostgresServer,
    backwards: bool,
    policy: Policy,
    data: st.DataObject,
    operations: list[tuple[str, Operation]],
) -> None:
    history = history_of(operations)
    *before, last = history.graph.order()
    keys = [node.key for node in before]
    states = history.states_of(keys).database, history.states_of([*keys, last.key]).database
    start, end = states[::-1] if backwards else states

    def prepared(run: Run) -> None:
        run.go(before, [])
        put_rows(run.connection, list(lower(states[0]).tables.values()))
        if backwards:
            run.go([last], keys)

    applied = [*keys, last.key] if backwards else keys
    with fresh_postgresql(postgresql_server) as connection:
        run = Run(connection, history)
        prepared(run)
        steps = run.go([last], applied, backwards=backwards, policy=policy)
        whole = seen(connection, end)
    assume(steps > 1)
    with fresh_postgresql(postgresql_server) as connection:
        run = Run(connection, history)
        prepared(run)
        at_first = seen(connection, start)
        run.stop = data.draw(st.integers(1, steps), label="stop")
        with pytest.raises(Stopped):
            run.go([last], applied, backwards=backwards, policy=policy)
        run.stop = None
        found = journal.unfinished(connection)
        event("stopped" if found else "whole")
        if not found:
            return  # one transaction
        back = data.draw(st.booleans(), label="back")
        if back:
            run.executor.check_begun(found[0])
            found = journal.unfinished(connection)
        way = WayOut(found[0], back)
        run.executor.execute(work_out(history, run.executor.engine, applied, way, policy))
        assert journal.unfinished(connection) == []
        if back:
            now, then = seen(connection, start), at_first
            # Rows of tables between two models are not among those that were seen.
            kept = [key for key in surviving(*states) if key in then[1]]
            assert now[0] == then[0]
            assert {key: now[1][key] for key in kept} == {key: then[1][key] for key in kept}
        else:
            assert seen(connection, end) == whole


def seen(connection: sa.Connection, state: State) -> tuple[Any, dict[Any, Any]]:
    """The catalog, and the rows."""
    return catalog.catalog(connection), rows(connection, state)
