"""Any models to any others in the safe form: catalog and rows are those of the short form, there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from properties.test_histories import fresh_postgresql, put_rows
from properties.test_unfinished import Run, history_of, seen
from servers import PostgresServer
from strategies import examples, histories
from whimbrel.engines.policy import SAFE, SHORT, Policy
from whimbrel.engines.step import Boundary
from whimbrel.operations import Operation
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import build_work
from whimbrel.run import journal
from whimbrel.state.lowering import lower


@pytest.mark.parametrize(
    "policy", [SAFE, replace(SAFE, version=13)], ids=["as the server", "as 13"]
)
@given(operations=histories(most=10))
@settings(max_examples=examples(12), deadline=None, suppress_health_check=list(HealthCheck))
def test_the_safe_form_comes_to_what_the_short_one_does(
    postgresql_server: PostgresServer, policy: Policy, operations: list[tuple[str, Operation]]
) -> None:
    history = history_of(operations)
    nodes = list(history.graph.order())
    half = len(nodes) // 2
    keys = [node.key for node in nodes]
    states = [history.states_of(keys[:some]).database for some in range(len(keys) + 1)]

    def both_ways(form: Policy) -> list[Any]:
        """What is seen after each migration of the second half, and of the way back; there are rows."""
        with fresh_postgresql(postgresql_server) as connection:
            run = Run(connection, history)
            run.go(nodes[:half], [])
            put_rows(connection, list(lower(states[half]).tables.values()))
            found = []
            there = [(at, keys[:at], False) for at in range(half, len(nodes))]
            back = [(at, keys[: at + 1], True) for at in reversed(range(half, len(nodes)))]
            for at, applied, is_back in (*there, *back):
                plan = Plan((Stage((nodes[at],)),), is_back)
                (work,) = build_work(history, run.executor.engine, plan, applied, form)
                if form.is_safe:
                    event(f"walks: {any(each.boundary is Boundary.BATCHED for each in work.items)}")
                run.executor.execute(work)
                assert journal.unfinished(connection) == []
                found.append(seen(connection, states[at + (not is_back)]))
            return found

    assert both_ways(policy) == both_ways(SHORT)
