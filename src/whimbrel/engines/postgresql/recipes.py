"""Changes in the form that keeps nobody waiting: finer changes, made of those of the differ.

What looks at every row of a table does so under a lock that lets others read and write, in a
transaction of its own; the strong lock before and after it is held for an instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whimbrel.engines.policy import Policy
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import columns, options
from whimbrel.engines.sql import SchemaTracker
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, ForeignKey, Name, Schema
from whimbrel.state.naming import shorten

#: The first version that has NOT NULL ... NOT VALID, and foreign keys of partitioned tables so.
_NEW = 18


def refine(
    changes: Sequence[c.Change], before: Schema, policy: Policy, version: int
) -> list[c.Change]:
    """Return finer changes for a major version; see `whimbrel.engines.base.Engine.refine`."""
    if not policy.is_safe:
        return list(changes)
    recipes = _Recipes(before, policy, version)
    return [finer for change in changes for finer in recipes.of(change)]


class _Recipes:
    """The tables as they stand on the way; ``old``: those that were there before, and may be large."""

    def __init__(self, before: Schema, policy: Policy, version: int) -> None:
        self.tracker = SchemaTracker(before)
        self.policy, self.version = policy, version
        self.old = {at: at for at in before.tables}

    def of(self, change: c.Change) -> Iterator[c.Change]:
        """Yield the finer changes of one, and go on to how things stand after it."""
        match change:
            case c.AddConstraint(at, Check() | ForeignKey() as constraint):
                yield from self._constraint(change, at, constraint)
            case c.AlterColumn(at, old, new) if old.null and not new.null and self._is_large(at):
                yield from self._not_null(change)
            case c.AddIndex(at) | c.DropIndex(at) if self._is_large(at) and not self._parted(at):
                yield replace(change, concurrently=True)
            case _:
                yield change
        if isinstance(change, c.RenameTable) and change.old in self.old:
            self.old[change.new] = self.old.pop(change.old)
        elif isinstance(change, c.DropTable):
            self.old.pop(change.table.at, None)
        self.tracker.apply(change)

    def _is_large(self, at: Name) -> bool:
        return at in self.old and self.policy.is_large(self.old[at])

    def _parted(self, at: Name) -> bool:
        return "partition_by" in options.own(self.tracker.table(at).options)

    def _constraint(
        self, change: c.Change, at: Name, constraint: Check | ForeignKey
    ) -> Iterator[c.Change]:
        is_key = isinstance(constraint, ForeignKey)
        is_refused = is_key and self._parted(at) and self.version < _NEW
        if constraint.not_valid or is_refused or not constraint.name or not self._is_large(at):
            yield change
            return
        yield c.AddConstraint(at, replace(constraint, not_valid=True))
        yield c.ValidateConstraint(at, constraint)

    def _not_null(self, change: c.AlterColumn) -> Iterator[c.Change]:
        """NOT NULL last; before 18, a CHECK proves it and goes again (SET NOT NULL then reads nothing)."""
        at, old, new = change.table, change.old, change.new
        if new.generated != old.generated or new.computed is not None:
            yield change
            return
        loose = replace(new, null=True, fill=old.fill)
        if loose != old:
            yield c.AlterColumn(at, old, loose)
        if columns.fill_of(new) is not None:
            yield c.FillColumn(at, new)
        if self.version >= _NEW:
            yield c.AddNotNull(at, new)
            yield c.ValidateNotNull(at, new)
            return
        name = shorten(f"{at.name}_{new.name}_whimbrel_not_null")
        check = Check(name, SQL(f"{COMPILER.quote(new.name)} IS NOT NULL"))
        yield c.AddConstraint(at, replace(check, not_valid=True))
        yield c.ValidateConstraint(at, check)
        yield c.SetNotNull(at, new, is_proven=True)
        yield c.DropConstraint(at, check)
