"""The order of tasks: what waits for what, and what is given up where they wait for each other."""

from __future__ import annotations

import pytest

from whimbrel import migrations
from whimbrel.detect.ordering import sort_tasks
from whimbrel.detect.tasks import CREATE, DELETE, Task, Token
from whimbrel.errors import StateError

X, Y, Z = (frozenset[Token]({(name,)}) for name in "xyz")


def task(name: str, phase: int = CREATE, **tokens: frozenset[Token]) -> Task:
    return Task("blog", migrations.DeleteModel(name), phase, **tokens)


def order(*tasks: Task) -> list[str]:
    return [str(each.operation.name) for each in sort_tasks(list(tasks))]  # type: ignore[attr-defined]


def test_a_circle_costs_no_preference_outside_of_it() -> None:
    """An enum type that goes and comes again, beside tables that wait for each other."""
    circle = task("One", provides=X, preferences=Y), task("Two", provides=Y, needs=X)
    assert order(*circle, task("Comes", preferences=Z), task("Goes", DELETE, provides=Z)) == [
        "One",
        "Two",
        "Goes",
        "Comes",
    ]


def test_what_must_wait_for_each_other_is_refused() -> None:
    circle = task("One", provides=X, needs=Y), task("Two", provides=Y, needs=X)
    with pytest.raises(StateError, match="wait for each other: Delete model"):
        order(*circle, task("Comes", preferences=Z), task("Goes", DELETE, provides=Z))
