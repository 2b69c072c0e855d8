"""Changes in the form that keeps nobody waiting: finer changes, made of those of the differ.

What looks at every row of a table does so under a lock that lets others read and write, in a
transaction of its own; the strong lock before and after it is held for an instant.
"""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql.recipes import columns, constraints, drops, indexes, types
from whimbrel.engines.postgresql.recipes.refining import Recipes, Refining
from whimbrel.schema import changes as c
from whimbrel.schema.table import Schema

#: Kinds of change that have a recipe, and the function that gives it. Any other stays as it is.
RECIPES: Recipes = {
    **columns.RECIPES,
    **types.RECIPES,
    **constraints.RECIPES,
    **drops.RECIPES,
    **indexes.RECIPES,
}


def refine(
    changes: Sequence[c.Change], before: Schema, policy: Policy, version: int
) -> list[list[c.Change]]:
    """Return for each change its finer ones; see `whimbrel.engines.base.Engine.refine`."""
    if not policy.is_safe or not policy.knows_large:
        return [[change] for change in changes]
    refining = Refining(changes, before, policy, version)
    refining.instead = types.swaps(Refining(changes, before, policy, version))
    return [refining.next(RECIPES) for _ in changes]
