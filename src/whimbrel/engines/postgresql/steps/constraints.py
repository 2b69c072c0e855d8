"""Steps for constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.base import Boundary, HazardCode, Lock, Step
from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.steps.builder import Builder, Locks, Makers, target_lock
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, Constraint, ForeignKey, Name, Table


def add(at: Name, constraint: Constraint, builder: Builder, table: Table | None = None) -> Step:
    """ADD CONSTRAINT: the rows that are there are looked at, unless it is NOT VALID."""
    written = COMPILER.constraint(constraint, table or builder.table(at))
    unseen = isinstance(constraint, Check | ForeignKey) and constraint.not_valid
    step = builder.step(
        f"ALTER TABLE {COMPILER.at(at)} ADD {written}{' NOT VALID' if unseen else ''}",
        *_locks(at, constraint),
        scans=not unseen,
        hazards=() if unseen else (HazardCode.SCANS_TABLE, HazardCode.MAY_FAIL_ON_ROWS),
        subject=f"{at}.{constraint.name}",
        done=probes.has_constraint(at, constraint.name, is_valid=not unseen),
    )
    builder.facts.require(versions.of_part(constraint))
    return step


def _locks(at: Name, constraint: Constraint) -> Locks:
    """A foreign key stops the writers of both ends; any other, everybody."""
    if not isinstance(constraint, ForeignKey):
        return ((at, Lock.ACCESS_EXCLUSIVE),)
    lock = Lock.SHARE_ROW_EXCLUSIVE
    return ((at, lock), *target_lock(constraint, at, lock))


def drop(at: Name, constraint: Constraint, builder: Builder) -> Step:
    """DROP CONSTRAINT; that of a foreign key locks its target just as strongly."""
    target: Locks = ()
    if isinstance(constraint, ForeignKey):
        target = target_lock(constraint, at, Lock.ACCESS_EXCLUSIVE)
    return builder.step(
        f"ALTER TABLE {COMPILER.at(at)} DROP CONSTRAINT {COMPILER.quote(constraint.name)}",
        (at, Lock.ACCESS_EXCLUSIVE),
        *target,
        done=probes.is_false(probes.has_constraint(at, constraint.name, is_valid=False)),
    )


def validate_constraint(change: c.ValidateConstraint, builder: Builder) -> Iterator[Step]:
    """Every row is looked at while others read and write, so in a transaction of its own."""
    constraint = change.constraint
    target: Locks = ()
    if isinstance(constraint, ForeignKey):
        target = target_lock(constraint, change.table, Lock.ROW_SHARE)
    yield validate(change, constraint.name, builder, *target)


def validate(change: c.TableChange, name: str, builder: Builder, *more: tuple[Name, Lock]) -> Step:
    """VALIDATE CONSTRAINT. more: locks on other tables."""
    at = change.table
    step = builder.step(
        f"ALTER TABLE {COMPILER.at(at)} VALIDATE CONSTRAINT {COMPILER.quote(name)}",
        (at, Lock.SHARE_UPDATE_EXCLUSIVE),
        *more,
        scans=True,
        hazards=(HazardCode.MAY_FAIL_ON_ROWS,),
        done=probes.has_constraint(at, name),
    )
    return replace(step, boundary=Boundary.OWN)


def rename_constraint(change: c.RenameConstraint, builder: Builder) -> Iterator[Step]:
    at = change.table
    old, new = change.old.name, change.new.name
    yield builder.alter(
        at,
        f"RENAME CONSTRAINT {COMPILER.quote(old)} TO {COMPILER.quote(new)}",
        done=probes.has_constraint(at, new),
    )


STEPS: Makers = {
    c.AddConstraint: lambda change, builder: [add(change.table, change.constraint, builder)],
    c.DropConstraint: lambda change, builder: [drop(change.table, change.constraint, builder)],
    c.RenameConstraint: rename_constraint,
    c.ValidateConstraint: validate_constraint,
}
