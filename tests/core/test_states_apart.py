"""Two states that a SeparateDatabaseAndState parts, and what operations find in each."""

from __future__ import annotations

from typing import Any

import pytest

from whimbrel import migrations as m
from whimbrel import models
from whimbrel.errors import StateError, UsageError
from whimbrel.operations import Operation, replay
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

pytestmark = pytest.mark.reduced


def noop(apps: Any, schema_editor: Any) -> None:
    """Nothing."""


def create(name: str, *fields: tuple[str, models.Field]) -> Operation:
    key = ("id", models.BigAutoField(primary_key=True))
    return m.CreateModel(name, fields=[key, *fields])


def add(model: str, name: str) -> Operation:
    return m.AddField(model, name, models.IntegerField(null=True))


def told(*operations: Operation) -> Operation:
    """Only said of the models."""
    return m.SeparateDatabaseAndState(state_operations=operations)


def done(*operations: Operation) -> Operation:
    """Only done in the database."""
    return m.SeparateDatabaseAndState(database_operations=operations)


def shown(state: State) -> list[str]:
    return [f"{model.name}({' '.join(each.name for each in model.fields)})" for model in state]


A, B = create("A"), create("B", ("a", models.ForeignKey("A", models.CASCADE)))

#: Operations; what the models and the database look like afterwards; whether they are one value.
CASES: list[tuple[list[Operation], list[str], list[str], bool]] = [
    ([A, m.RunPython(noop), m.RunSQL("x")], ["A(id)"], ["A(id)"], True),
    ([A, m.RunSQL("x", state_operations=[add("A", "x")])], ["A(id x)"], ["A(id x)"], True),
    ([told(A)], ["A(id)"], [], False),
    ([done(A)], [], ["A(id)"], False),
    ([A, told(add("A", "x"))], ["A(id x)"], ["A(id)"], False),
    # What was there all along is found there.
    ([told(A), add("A", "x")], ["A(id x)"], ["A(id x)"], False),
    ([told(A), m.DeleteModel("A")], [], [], True),
    ([told(A), m.RenameModel("A", "C")], ["C(id)"], ["C(id)"], False),
    ([A, told(add("A", "x")), m.RemoveField("A", "x")], ["A(id)"], ["A(id)"], False),
    ([A, told(add("A", "x")), m.RenameField("A", "x", "y")], ["A(id y)"], ["A(id y)"], False),
    ([told(A), told(B), add("B", "x")], ["A(id)", "B(id a x)"], ["B(id a x)", "A(id)"], False),
    # What only the database has is taken away from it alone: a release after the models have left it.
    (
        [A, add("A", "x"), told(m.RemoveField("A", "x")), done(m.RemoveField("A", "x"))],
        ["A(id)"],
        ["A(id)"],
        False,
    ),
    ([A, told(m.DeleteModel("A")), done(m.DeleteModel("A"))], [], [], True),
    (
        [
            A,
            add("A", "x"),
            told(m.RemoveField("A", "x")),
            done(m.AlterField("A", "x", models.TextField())),
        ],
        ["A(id)"],
        ["A(id x)"],
        False,
    ),
    # What stays in the database is in nobody's way.
    ([A, told(m.DeleteModel("A")), B.__class__("B", [])], ["B()"], ["A(id)", "B()"], False),
    ([A, told(m.DeleteModel("A")), A], ["A(id)"], ["A(id)"], False),
    # Where only SQL tells what is done in the database, it does what the models say.
    (
        [A, m.SeparateDatabaseAndState([m.RunSQL("x")], [m.RenameModel("A", "C")])],
        ["C(id)"],
        ["C(id)"],
        True,
    ),
    (
        [A, m.SeparateDatabaseAndState([m.RunPython(noop), m.RunSQL("x")], [add("A", "x")])],
        ["A(id x)"],
        ["A(id x)"],
        True,
    ),
    (
        [A, m.SeparateDatabaseAndState([add("A", "y"), m.RunSQL("x")], [add("A", "x")])],
        ["A(id x)"],
        ["A(id y)"],
        False,
    ),
]


@pytest.mark.parametrize(("operations", "models_", "database", "is_one"), CASES)
def test_what_each_looks_like(
    operations: list[Operation], models_: list[str], database: list[str], is_one: bool
) -> None:
    after = replay("app", operations, StatePair.empty())
    assert (shown(after.models), shown(after.database)) == (models_, database)
    assert (after.models is after.database) == is_one


@pytest.mark.parametrize(("operations", "models_", "database", "is_one"), CASES)
def test_passages_lead_the_same_way(
    operations: list[Operation], models_: list[str], database: list[str], is_one: bool
) -> None:
    states = StatePair.empty()
    for operation in operations:
        *_, last = operation.transitions("app", states)
        states = last.after
    assert (shown(states.models), shown(states.database)) == (models_, database)


def test_a_table_that_moved_to_another_app_is_found_once() -> None:
    """The way of those who have no MoveModel: gone from one app, there in the other."""
    taken = m.CreateModel(
        "A", [("id", models.BigAutoField(primary_key=True))], {"db_table": "old_a"}
    )
    states = replay("old", [A], StatePair.empty())
    states = replay("old", [told(m.DeleteModel("A"))], states)
    states = replay("new", [told(taken), add("A", "x")], states)
    assert [model.label for model in states.database] == ["new.A"]


def test_what_fits_neither_is_told() -> None:
    with pytest.raises(StateError):
        replay("app", [told(A), add("B", "x")], StatePair.empty())


@pytest.mark.parametrize("given", [(None,), ("x",), (noop, "x"), (noop, 1)])
def test_what_is_no_function_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="takes functions"):
        m.RunPython(*given)
