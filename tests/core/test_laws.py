"""The laws of the core, over random models and histories. No database takes part."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lawful import normal, replayed
from strategies import examples, histories, states
from whimbrel.operations import Operation
from whimbrel.schema.changes import apply_all
from whimbrel.schema.differ import diff
from whimbrel.state.difference import changes_between, schemas_of
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced


@given(states(), states())
@settings(max_examples=examples(200), deadline=None)
def test_the_difference_of_two_schemas_leads_from_one_to_the_other(old: State, new: State) -> None:
    before, after = lower(old), lower(new)
    assert normal(apply_all(before, diff(before, after))) == normal(after)


@given(states())
def test_a_schema_does_not_differ_from_itself(state: State) -> None:
    assert diff(lower(state), lower(state)) == []


@given(histories(), st.data())
@settings(max_examples=examples(200), deadline=None)
def test_any_two_points_of_a_history_differ_by_what_leads_from_one_to_the_other(
    history: list[tuple[str, Operation]], data: st.DataObject
) -> None:
    points = replayed(State(), history)
    old, new = data.draw(st.sampled_from(points)), data.draw(st.sampled_from(points))
    before, after = schemas_of(old, new)
    assert normal(apply_all(before, diff(before, after))) == normal(after)
    whole = apply_all(lower(old), diff(lower(old), lower(new)))
    assert normal(whole) == normal(lower(new))


@given(histories())
@settings(max_examples=examples(200), deadline=None)
def test_the_changes_of_neighbours_are_those_of_their_whole_schemas(
    history: list[tuple[str, Operation]],
) -> None:
    points = replayed(State(), history)
    for old, new in itertools.pairwise(points):
        for before, after in ((old, new), (new, old)):
            assert set(map(repr, changes_between(before, after))) == set(
                map(repr, diff(lower(before), lower(after)))
            )


@given(histories())
@settings(deadline=None)
def test_names_that_the_user_did_not_give_stay_through_renames(
    history: list[tuple[str, Operation]],
) -> None:
    """Between neighbours that only rename, no constraint and no index is touched."""
    points = replayed(State(), history)
    for (_, operation), old, new in zip(history, points, points[1:], strict=False):
        if operation.describe().startswith("Rename"):
            kinds = {type(change).__name__ for change in changes_between(old, new)}
            assert kinds <= {"RenameTable", "RenameColumn"}
