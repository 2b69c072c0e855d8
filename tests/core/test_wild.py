"""The laws of the core over operations of every class, in any order that fits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lawful import assert_lawful, replayed
from strategies import examples
from whimbrel.operations import Operation
from whimbrel.state.state import State
from wild import wild_histories

pytestmark = pytest.mark.reduced

History = list[tuple[str, Operation]]


@given(history=wild_histories(), data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_difference_along_a_history_is_lawful(history: History, data: st.DataObject) -> None:
    points = replayed(State(), history)
    old, new = data.draw(st.sampled_from(points)), data.draw(st.sampled_from(points))
    for before, after in [*pairwise(points), (old, new), (State(), points[-1])]:
        assert_lawful(before, after)
        assert_lawful(after, before)
