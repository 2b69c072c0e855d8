"""Steps for constraints."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.base import Hazard, Lock, Step
from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import SPELLING
from whimbrel.engines.postgresql.steps import builder as w
from whimbrel.engines.postgresql.steps.builder import Makers, Work
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, Constraint, ForeignKey, Name, Table


def add_constraint(change: c.AddConstraint, work: Work) -> Iterator[Step]:
    yield added(change.table, change.constraint, change, work)


def added(
    at: Name, constraint: Constraint, change: c.Change, work: Work, table: Table | None = None
) -> Step:
    """ADD CONSTRAINT: the rows that are there are looked at, unless it is NOT VALID."""
    written = SPELLING.constraint(constraint, table or work.table(at))
    unseen = isinstance(constraint, Check | ForeignKey) and constraint.not_valid
    step = work.step(
        f"ALTER TABLE {SPELLING.at(at)} ADD {written}{' NOT VALID' if unseen else ''}",
        change,
        *_locks(at, constraint),
        scans=not unseen,
        hazards=() if unseen else (Hazard.SCANS_TABLE, Hazard.MAY_FAIL_ON_ROWS),
        done=w.has_constraint(at, constraint.name),
    )
    work.facts.require(versions.of_part(constraint))
    return step


def _locks(at: Name, constraint: Constraint) -> w.Locks:
    """A foreign key stops the writers of both ends; any other, everybody."""
    if not isinstance(constraint, ForeignKey):
        return ((at, Lock.ACCESS_EXCLUSIVE),)
    lock = Lock.SHARE_ROW_EXCLUSIVE
    return ((at, lock), *w.target_lock(constraint, at, lock))


def drop_constraint(change: c.DropConstraint, work: Work) -> Iterator[Step]:
    yield dropped(change.table, change.constraint, change, work)


def dropped(at: Name, constraint: Constraint, change: c.Change | None, work: Work) -> Step:
    """DROP CONSTRAINT; that of a foreign key locks its target just as strongly."""
    target: w.Locks = ()
    if isinstance(constraint, ForeignKey):
        target = w.target_lock(constraint, at, Lock.ACCESS_EXCLUSIVE)
    return work.step(
        f"ALTER TABLE {SPELLING.at(at)} DROP CONSTRAINT {SPELLING.quote(constraint.name)}",
        change,
        (at, Lock.ACCESS_EXCLUSIVE),
        *target,
        done=w.has_no_constraint(at, constraint.name),
    )


def rename_constraint(change: c.RenameConstraint, work: Work) -> Iterator[Step]:
    at = change.table
    old, new = change.old.name, change.new.name
    yield work.alter(
        at,
        f"RENAME CONSTRAINT {SPELLING.quote(old)} TO {SPELLING.quote(new)}",
        change,
        done=w.has_constraint(at, new),
    )


STEPS: Makers = {
    c.AddConstraint: add_constraint,
    c.DropConstraint: drop_constraint,
    c.RenameConstraint: rename_constraint,
}
