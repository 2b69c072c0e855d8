"""Constraints that a database has without a name: the same as equal ones with any name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lawful import normal, shown
from tables import INTEGER, schema, table
from whimbrel.schema.changes import apply_all
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Column, Constraint, ForeignKey, Name, Schema, Unique

X, Y = Column("x", INTEGER), Column("y", INTEGER)
ONE, TWO = Unique("one", ("x",)), Unique("two", ("y",))
FEW, MANY = Check("few", SQL("x < 9")), Check("many", SQL("x > 5"))
KEY = ForeignKey("key", ("x",), Name(None, "post"), ("id",))


def nameless(constraint: Constraint) -> Constraint:
    return replace(constraint, name="")


def of(*constraints: Constraint) -> Schema:
    return schema(table(X, Y, *constraints, key=None))


# What is expected, what is there, and the changes between.
CASES: list[tuple[list[Constraint], list[Constraint], list[str]]] = [
    ([ONE], [nameless(ONE)], []),
    ([ONE, TWO, FEW, MANY, KEY], [nameless(each) for each in (MANY, KEY, TWO, FEW, ONE)], []),
    ([nameless(ONE), nameless(TWO)], [nameless(TWO), nameless(ONE)], []),
    ([nameless(FEW), MANY], [nameless(MANY), FEW], []),
    ([ONE, TWO], [nameless(TWO)], ["DropConstraint post one"]),
    ([ONE], [nameless(ONE), nameless(TWO)], ["AddConstraint post"]),
    ([nameless(ONE), nameless(TWO)], [nameless(TWO)], ["DropConstraint post"]),
    ([FEW], [nameless(MANY)], ["DropConstraint post few", "AddConstraint post"]),
    (
        [replace(FEW, name="many")],
        [MANY, nameless(FEW)],
        ["DropConstraint post many", "AddConstraint post", "AddConstraint post many"],
    ),
    ([ONE], [replace(ONE, name="other")], ["RenameConstraint post one other"]),
]


@pytest.mark.parametrize(("expected", "there", "said"), CASES)
def test_a_missing_name_is_no_difference(
    expected: list[Constraint], there: list[Constraint], said: list[str]
) -> None:
    assert [shown(each).strip() for each in diff(of(*expected), of(*there))] == said


@pytest.mark.parametrize(("expected", "there", "said"), CASES)
def test_changes_of_what_has_no_name_lead_there(
    expected: list[Constraint], there: list[Constraint], said: list[str]
) -> None:
    for here, goal in ((of(*expected), of(*there)), (of(*there), of(*expected))):
        assert diff(apply_all(here, diff(here, goal)), goal) == []


def test_one_of_two_without_names_is_dropped_alone() -> None:
    here, goal = of(nameless(ONE), nameless(TWO)), of(nameless(TWO))
    assert normal(apply_all(here, diff(here, goal))) == normal(goal)
