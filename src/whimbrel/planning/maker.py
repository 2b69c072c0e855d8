"""Steps of differences, one after the other, in the form that the policy of the moment asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, TypeAlias

from whimbrel.engines import Engine
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.engines.step import Boundary, Hazard, HazardCode, Step
from whimbrel.planning.diffs import merge_diffs
from whimbrel.planning.items import PlanItem
from whimbrel.schema.changes import AlterColumn, Change
from whimbrel.schema.table import Name, Schema
from whimbrel.state.state_pair import StatePair


class StateRange(NamedTuple):
    """The states around operations. number: of the first of them in its migration, from 1."""

    before: StatePair
    after: StatePair
    number: int = 0


#: An item, the number of its operation from 1, and what `Step.covers`.
Numbered: TypeAlias = tuple[PlanItem, int, tuple[Change, ...]]

#: What keeps others waiting for as long as a look at the whole table takes.
_LONG = (HazardCode.REWRITES_TABLE, HazardCode.SCANS_TABLE, HazardCode.BLOCKS_WRITES)


@dataclass
class StepMaker:
    """Makes steps. policy: for the tables as they stand after all steps that were made."""

    engine: Engine
    policy: Policy = SHORT

    def steps(
        self, ranges: Sequence[StateRange], *, backwards: bool = False, online: bool = True
    ) -> list[Numbered]:
        """Return the steps of neighbouring ranges, each with the number of the operation that it comes from.

        online: False for the short form, whatever the policy says.
        """
        changes, origins, schema = merge_diffs(
            self.engine, ((range_.before.database, range_.after.database) for range_ in ranges)
        )
        if backwards:
            changes = [without_lossy(each) for each in changes]
        steps, origins_of = self.of_changes(changes, schema, online=online)
        last = len(steps) - 1
        return [
            (
                step,
                ranges[origins[origins_of.get(id(step.change), 0)]].number,
                tuple(changes) if position == last else (),
            )
            for position, step in enumerate(steps)
        ]

    def of_changes(
        self, changes: Sequence[Change], schema: Schema, *, online: bool = True
    ) -> tuple[list[Step], Mapping[int, int]]:
        """Return the steps of changes to a schema; and by ``id(step.change)`` the place of its change."""
        before = self.policy if online else SHORT
        finer = self.engine.refine(changes, schema, before)
        steps = self.engine.steps(list(chain.from_iterable(finer)), schema)
        self.policy = self.policy.after(changes)
        after = self.policy if online else SHORT
        origins = {id(change): place for place, made in enumerate(finer) for change in made}
        if before.is_safe and before.knows_large:
            steps = [_on_large_tables(step, before, after) for step in steps]
        return steps, origins


def _on_large_tables(step: Step, before: Policy, after: Policy) -> Step:
    """A step as what it is where a table that it locks is large, under either name.

    Then it is brief; where it is not, there is no safe form of it.
    """

    def is_large(at: Name) -> bool:
        return before.is_large(at) or after.is_large(at)

    large = [at for at, _ in step.tables if is_large(at)]
    if not large:
        return step
    subjects = [each.subject for each in step.hazards if each.code in _LONG]
    stopped = [of for of in subjects for at in large if of == str(at) or of.startswith(f"{at}.")]
    if stopped:
        hazard = Hazard(HazardCode.NO_SAFE_FORM, stopped[0])
        step = replace(step, hazards=(hazard, *step.hazards))
    if step.boundary is not Boundary.SHARED:
        return step
    is_felt = any(lock.is_strong and at in large for at, lock in step.tables)
    return replace(step, boundary=Boundary.BRIEF) if is_felt else step


def without_lossy(change: Change) -> Change:
    """A change on the way back: that values may be cut was said of the way there."""
    if isinstance(change, AlterColumn) and change.new.lossy:
        return replace(change, new=replace(change.new, lossy=False))
    return change
