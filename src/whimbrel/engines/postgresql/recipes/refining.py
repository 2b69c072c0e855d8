"""Changes on their way to finer ones: the tables as they stand, and which of them may be large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql.steps import options
from whimbrel.engines.sql import SchemaTracker
from whimbrel.schema import changes as c
from whimbrel.schema.table import Name, Schema, Table

#: The first version that has NOT NULL ... NOT VALID, and foreign keys of partitioned tables so.
NOT_VALID_EVERYWHERE = 18

#: Kind of change to its recipe: ``recipe(change, refining)``.
Recipes = dict[type[c.Change], Callable[[Any, "Refining"], Iterable[c.Change]]]


class Refining:
    """A row of changes, of which one after the other is refined.

    policy: for the tables as they stand. version: the server's major one, or the oldest that it may be.
    """

    def __init__(
        self, changes: Sequence[c.Change], before: Schema, policy: Policy, version: int
    ) -> None:
        self.changes, self.policy, self.version = changes, policy, version
        self.position = -1
        #: By position, what stands in the place of a change; last, the change that is left of it.
        self.instead: Mapping[int, tuple[Sequence[c.Change], c.Change | None]] = {}
        self._tracker = SchemaTracker(before)

    @property
    def later(self) -> Sequence[c.Change]:
        """The changes after the one at hand."""
        return self.changes[self.position + 1 :]

    def table(self, at: Name) -> Table:
        """The table as it stands before the change at hand."""
        return self._tracker.table(at)

    def tables(self) -> Iterable[Table]:
        """All tables as they stand before the change at hand."""
        return self._tracker.tables()

    def is_large(self, at: Name) -> bool:
        """True if the table was there before all changes, and others would wait for a look at all of it."""
        return self.policy.is_large(at)

    def is_partitioned(self, at: Name) -> bool:
        """True if the table is the parent of partitions."""
        return "partition_by" in options.own(self.table(at).options)

    def next(self, recipes: Recipes) -> list[c.Change]:
        """Return the finer changes of the next change, and go on to how things stand after it."""
        self.position += 1
        change = self.changes[self.position]
        made, left = self.instead.get(self.position, ((), change))
        recipe = recipes.get(type(left)) if left is not None else None
        finer = [*made, *(recipe(left, self) if recipe is not None else [left] if left else [])]
        self.policy = self.policy.after([change])
        self._tracker.apply(change)
        return finer
