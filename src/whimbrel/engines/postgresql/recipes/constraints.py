"""Constraints that come: NOT VALID in an instant, then validated while others read and write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, ForeignKey


def add_constraint(change: c.AddConstraint, refining: Refining) -> Iterator[c.Change]:
    at, constraint = change.table, change.constraint
    if not isinstance(constraint, Check | ForeignKey):
        yield change
        return
    is_refused = (
        isinstance(constraint, ForeignKey)
        and refining.is_partitioned(at)
        and refining.version < NOT_VALID_EVERYWHERE
    )
    if constraint.not_valid or is_refused or not constraint.name or not refining.is_large(at):
        yield change
        return
    is_key = isinstance(constraint, ForeignKey)
    yield c.AddConstraint(at, replace(constraint, not_valid=True), alone=is_key)
    yield c.ValidateConstraint(at, constraint)


RECIPES: Recipes = {c.AddConstraint: add_constraint}
