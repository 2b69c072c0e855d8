"""Live schemas to models: the laws, over random schemas, and tables of what becomes what."""

from __future__ import annotations

from hypothesis import given, settings

from live import as_seen
from strategies import histories, states
from whimbrel.operations import Operation
from whimbrel.schema.differ import diff
from whimbrel.sources.live import models_of, patched
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


def _state(history: list[tuple[str, Operation]]) -> State:
    state = State()
    for app, operation in history:
        state = operation.apply(app, state)
    return state


@given(histories())
@settings(max_examples=200, deadline=None)
def test_models_of_a_schema_lower_to_it(history: list[tuple[str, Operation]]) -> None:
    live = as_seen(lower(_state(history)), keys=False)
    for app in ("one", "fresh"):
        made = models_of(live, app, dialect="postgresql")
        assert diff(as_seen(lower(made), keys=False), live) == []


@given(histories())
@settings(max_examples=200, deadline=None)
def test_what_is_equal_stays_untouched(history: list[tuple[str, Operation]]) -> None:
    state = _state(history)
    schema = lower(state)
    same = patched(
        state, as_seen(schema, keys=True), as_seen(schema, keys=False), dialect="postgresql"
    )
    assert same is state


@given(histories(), states())
@settings(max_examples=300, deadline=None)
def test_what_differs_is_taken_from_the_database(
    history: list[tuple[str, Operation]], other: State
) -> None:
    state = _state(history)
    live = as_seen(lower(other), keys=False)
    made = patched(state, as_seen(lower(state), keys=True), live, dialect="postgresql")
    assert diff(as_seen(lower(made), keys=False), live) == []
