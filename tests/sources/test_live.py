"""Live schemas to models: the laws, over random schemas, and tables of what becomes what."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from live import as_seen
from strategies import examples, histories, states
from whimbrel.detect import FlagQuestioner, detect
from whimbrel.operations import Operation
from whimbrel.schema.differ import diff
from whimbrel.schema.table import ForeignKey, Name, Schema
from whimbrel.sources.live import models_of, patched
from whimbrel.sources.live.declarative import declarative_source
from whimbrel.sources.live.native import native_source
from whimbrel.state.lowering import lower
from whimbrel.state.state import State
from wild import wild_histories
from written import read_declarative, read_native


def _state(history: list[tuple[str, Operation]]) -> State:
    state = State()
    for app, operation in history:
        state = operation.apply(app, state)
    return state


@given(histories())
@settings(max_examples=examples(75), deadline=None)
def test_models_of_a_schema_lower_to_it(history: list[tuple[str, Operation]]) -> None:
    live = as_seen(lower(_state(history)), keys=False)
    for app in ("one", "fresh"):
        made = models_of(live, app, dialect="postgresql")
        assert diff(as_seen(lower(made), keys=False), live) == []


@given(histories())
@settings(max_examples=examples(75), deadline=None)
def test_what_is_equal_stays_untouched(history: list[tuple[str, Operation]]) -> None:
    state = _state(history)
    schema = lower(state)
    same = patched(
        state, as_seen(schema, keys=True), as_seen(schema, keys=False), dialect="postgresql"
    )
    assert same is state


@given(histories(), states())
@settings(max_examples=examples(150), deadline=None)
def test_what_differs_is_taken_from_the_database(
    history: list[tuple[str, Operation]], other: State
) -> None:
    state = _state(history)
    live = as_seen(lower(other), keys=False)
    made = patched(state, as_seen(lower(state), keys=True), live, dialect="postgresql")
    assert diff(as_seen(lower(made), keys=False), live) == []


@given(wild_histories())
@settings(max_examples=examples(75), deadline=None)
def test_native_source_reads_as_the_models(history: list[tuple[str, Operation]]) -> None:
    state = _state(history)
    live = _of_models(as_seen(lower(state), keys=False), state)
    for app in ("one", "fresh"):
        made = models_of(live, app, dialect="postgresql")
        read = read_native(native_source(made, app), app)
        assert diff(lower(read), lower(made)) == []
        assert list(detect(read, made, FlagQuestioner())) == []


@given(wild_histories())
@settings(max_examples=examples(75), deadline=None)
def test_declarative_source_reads_as_the_schema(history: list[tuple[str, Operation]]) -> None:
    state = _state(history)
    live = _of_models(as_seen(lower(state), keys=False), state)
    read = read_declarative(declarative_source(live, "one", dialect="postgresql"), "one")
    assert diff(as_seen(lower(read).on("postgresql"), keys=False), live) == []


def _of_models(schema: Schema, *states: State) -> Schema:
    """Without tables of others or without columns, other dialects' options, and sequences that no column tells of."""
    left = {
        Name(model.options.schema, model.db_table)
        for state in states
        for model in state
        if not model.options.managed
    }
    tables = [
        replace(
            table,
            options=(),
            constraints=tuple(
                each
                for each in table.constraints
                if not isinstance(each, ForeignKey) or each.target not in left
            ),
        )
        for at, table in schema.tables.items()
        if at not in left and table.columns
    ]
    return replace(Schema.of(tuple(tables)), schemas=frozenset())


@given(wild_histories())
@settings(max_examples=examples(75), deadline=None)
def test_models_of_a_wild_schema_lower_to_it(history: list[tuple[str, Operation]]) -> None:
    state = _state(history)
    live = _of_models(as_seen(lower(state), keys=False), state)
    made = models_of(live, "one", dialect="postgresql")
    assert diff(as_seen(lower(made), keys=False), live) == []


@given(wild_histories(), wild_histories())
@settings(max_examples=examples(75), deadline=None)
def test_wild_differences_are_taken_from_the_database(
    history: list[tuple[str, Operation]], others: list[tuple[str, Operation]]
) -> None:
    state, other = _state(history), _state(others)
    expected = as_seen(lower(state), keys=True)
    assert (
        patched(state, expected, as_seen(lower(state), keys=False), dialect="postgresql") is state
    )
    live = _of_models(as_seen(lower(other), keys=False), state, other)
    made = patched(state, expected, live, dialect="postgresql")
    assert diff(_of_models(as_seen(lower(made), keys=False)), live) == []
