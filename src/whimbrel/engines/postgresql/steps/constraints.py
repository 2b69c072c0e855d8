"""Steps for constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import indexes, partitions, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers, target_locks
from whimbrel.engines.sql import execute
from whimbrel.engines.step import Boundary, HazardCode, Lock, Step
from whimbrel.schema import changes as c
from whimbrel.schema.table import (
    Check,
    Constraint,
    ForeignKey,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Table,
    Unique,
)


def add(at: Name, constraint: Constraint, builder: Builder, table: Table | None = None) -> Step:
    """ADD CONSTRAINT: the rows that are there are looked at, unless it is NOT VALID."""
    written = COMPILER.constraint(constraint, table or builder.table(at))
    unseen = isinstance(constraint, Check | ForeignKey) and constraint.not_valid
    # A foreign key stops the writers of both ends; any other, everybody.
    is_key = isinstance(constraint, ForeignKey)
    lock = Lock.SHARE_ROW_EXCLUSIVE if is_key else Lock.ACCESS_EXCLUSIVE
    step = builder.step(
        f"ALTER TABLE {COMPILER.at(at)} ADD {written}{' NOT VALID' if unseen else ''}",
        (at, lock),
        *target_locks(at, [constraint], lock),
        scans=not unseen,
        hazards=() if unseen else (HazardCode.SCANS_TABLE, HazardCode.MAY_FAIL_ON_ROWS),
        subject=f"{at}.{constraint.name}",
        done=probes.has_constraint(at, constraint.name, is_valid=not unseen),
    )
    builder.facts.require(versions.of_part(constraint))
    return step


def add_using(change: c.AddConstraint, index: Index, builder: Builder) -> Step:
    """ADD CONSTRAINT ... USING INDEX: no row is looked at, and the index gets the constraint's name."""
    at, constraint = change.table, change.constraint
    kind = "PRIMARY KEY" if isinstance(constraint, PrimaryKey) else "UNIQUE"
    deferrable = COMPILER.deferrable(getattr(constraint, "deferrable", None))
    return builder.alter(
        at,
        f"ADD {COMPILER.named(constraint.name)}{kind} "
        f"USING INDEX {COMPILER.quote(index.name)}{deferrable}",
        done=probes.has_constraint(at, constraint.name),
    )


def drop(at: Name, constraint: Constraint, builder: Builder) -> Step:
    """DROP CONSTRAINT; that of a foreign key locks its target just as strongly."""
    return builder.step(
        f"ALTER TABLE {COMPILER.at(at)} DROP CONSTRAINT {COMPILER.quote(constraint.name)}",
        (at, Lock.ACCESS_EXCLUSIVE),
        *target_locks(at, [constraint], Lock.ACCESS_EXCLUSIVE),
        done=probes.is_false(probes.has_constraint(at, constraint.name, is_valid=False)),
    )


def validate_constraint(change: c.ValidateConstraint, builder: Builder) -> Iterator[Step]:
    """Every row is looked at while others read and write, so in a transaction of its own."""
    targets = target_locks(change.table, [change.constraint], Lock.ROW_SHARE)
    yield validate(change, change.constraint.name, builder, *targets)


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


def add_constraint(change: c.AddConstraint, builder: Builder) -> Iterator[Step]:
    """Alone, a foreign key locks its target first: so do those who write there and then here."""
    if change.using_index is not None:
        yield add_using(change, change.using_index, builder)
        return
    step = add(change.table, change.constraint, builder)
    if change.by_partition:
        yield by_partition(step, change, builder)
        return
    if change.alone:
        step = replace(step, boundary=Boundary.OWN)
        for at, lock in target_locks(change.table, [change.constraint], Lock.SHARE_ROW_EXCLUSIVE):
            first = LockedFirst(at, lock, step.statements)
            step = replace(step, statements=first.all, settling=first)
    yield step


@dataclass(frozen=True)
class LockedFirst:
    """Statements before which another table is locked, where the role may do that.

    Who may only point at a table (REFERENCES) may not lock it.
    """

    at: Name
    lock: Lock
    rest: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (f"LOCK TABLE {COMPILER.at(self.at)} IN {self.lock.value} MODE", *self.rest)

    def statements(self, connection: Connection) -> Iterator[str]:
        may = execute(connection, f"SELECT {probes.may_lock(self.at)}").scalar()
        yield from self.all if may else self.rest


def by_partition(step: Step, change: c.AddConstraint, builder: Builder) -> Step:
    """Return a step that adds a key as one that adds it to one partition after the other."""
    at, key = change.table, change.constraint
    table = builder.table(at)
    add = COMPILER.constraint(key, table)
    if isinstance(key, ForeignKey):
        target = None if key.target == at else key.target
        locks = target_locks(at, [key], Lock.ACCESS_EXCLUSIVE)
        step = replace(step, tables=(*step.tables[:1], *locks))
        return partitions.step_of(step, partitions.PartitionedForeignKey(at, key.name, add, target))
    assert isinstance(key, PrimaryKey | Unique)
    builder.facts.refuse_concurrent_build(key.name)
    index = index_of(key)
    made = partitions.PartitionedKey(
        at,
        add,
        index,
        indexes.body(table, index),
        isinstance(key, PrimaryKey),
        COMPILER.deferrable(getattr(key, "deferrable", None)),
    )
    return partitions.step_of(step, made)


def index_of(key: PrimaryKey | Unique) -> Index:
    """Return the index that a key of that name can be made of."""
    parts = tuple(map(IndexPart, key.columns))
    if isinstance(key, PrimaryKey):
        return Index(key.name, parts, unique=True)
    return Index(
        key.name,
        parts,
        unique=True,
        include=key.include,
        nulls_not_distinct=key.nulls_not_distinct,
    )


def drop_constraint(change: c.DropConstraint, builder: Builder) -> Iterator[Step]:
    step = drop(change.table, change.constraint, builder)
    yield replace(step, boundary=Boundary.OWN) if change.alone else step


STEPS: Makers = {
    c.AddConstraint: add_constraint,
    c.DropConstraint: drop_constraint,
    c.RenameConstraint: rename_constraint,
    c.ValidateConstraint: validate_constraint,
}
