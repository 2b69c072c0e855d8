"""Constraints that come and go: what looks at all rows does so while others read and write.

Checks and foreign keys come NOT VALID, in an instant, and are validated then. Unique and primary
keys are made of an index that is built concurrently. What is left, such as an exclusion, has one form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whimbrel.engines.postgresql.recipes import replacing
from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.engines.postgresql.steps import constraints
from whimbrel.schema import changes as c
from whimbrel.schema.table import Check, ForeignKey, Name, PrimaryKey, Unique


def add_constraint(change: c.AddConstraint, refining: Refining) -> Iterator[c.Change]:
    at, constraint = change.table, change.constraint
    match constraint:
        case Check() | ForeignKey() if was_not_valid(change, refining):
            yield c.ValidateConstraint(at, constraint)
            return
        case ForeignKey():
            yield from add_foreign_key(at, constraint, refining)
        case Check() if can_be_validated(at, constraint, refining):
            yield c.AddConstraint(at, replace(constraint, not_valid=True))
            yield c.ValidateConstraint(at, constraint)
        case PrimaryKey() | Unique() if can_use_index(at, constraint, refining):
            yield from add_key(change, constraint, refining)
        case PrimaryKey():
            yield from replacing.drop_old(change, refining)
            yield change
        case _:
            yield change
    if not isinstance(constraint, PrimaryKey):
        yield from replacing.drop_old(change, refining)


# -- checks and foreign keys ---------------------------------------------------------------------


def can_be_validated(at: Name, constraint: Check | ForeignKey, refining: Refining) -> bool:
    """Return True if a constraint can come NOT VALID, and is to: its table is large."""
    return bool(constraint.name) and not constraint.not_valid and refining.is_large(at)


def add_foreign_key(at: Name, key: ForeignKey, refining: Refining) -> Iterator[c.Change]:
    """One in a transaction, since writers of both its ends wait for it."""
    is_refused = refining.is_partitioned(at) and refining.version < NOT_VALID_EVERYWHERE
    if can_be_validated(at, key, refining) and is_refused:
        yield c.AddConstraint(at, key, by_partition=True)
    elif can_be_validated(at, key, refining):
        yield c.AddConstraint(at, replace(key, not_valid=True), alone=True)
        yield c.ValidateConstraint(at, key)
    else:
        yield c.AddConstraint(at, key, alone=locks_large_table(at, key, refining))


def locks_large_table(at: Name, key: ForeignKey, refining: Refining) -> bool:
    """Return True if one end of a foreign key is a large table, of which others want something."""
    return refining.is_large(at) or refining.is_large(key.target)


def drop_constraint(change: c.DropConstraint, refining: Refining) -> Iterator[c.Change]:
    """One that was NOT VALID, and only turns valid, stays where it is."""
    if refining.is_large(change.table) and turns_valid([change, *refining.later]) is not None:
        return
    aside = list(replacing.set_aside(change, refining))
    key = change.constraint
    is_alone = isinstance(key, ForeignKey) and locks_large_table(change.table, key, refining)
    yield from aside or [replace(change, alone=True) if is_alone else change]


def turns_valid(changes: Sequence[c.Change]) -> c.AddConstraint | None:
    """Return the later change that adds the constraint that the first drops, which was NOT VALID."""
    first = changes[0]
    assert isinstance(first, c.DropConstraint)
    at, old = first.table, first.constraint
    if not isinstance(old, Check | ForeignKey) or not old.not_valid:
        return None
    valid = replace(old, not_valid=False)
    for change in changes[1:]:
        is_of_columns = isinstance(change, c.AlterColumn | c.RenameColumn | c.DropColumn)
        if isinstance(change, c.RenameTable | c.AlterEnum | c.AlterDomain) or is_of_columns:
            return None
        if isinstance(change, c.AddConstraint) and (change.table, change.constraint) == (at, valid):
            return change
    return None


def was_not_valid(change: c.AddConstraint, refining: Refining) -> bool:
    """Return True if the constraint is there already, NOT VALID."""
    if not refining.is_large(change.table):
        return False
    return any(
        isinstance(earlier, c.DropConstraint) and turns_valid(refining.changes[number:]) is change
        for number, earlier in enumerate(refining.changes[: refining.position])
    )


# -- unique and primary keys ---------------------------------------------------------------------


def can_use_index(at: Name, key: PrimaryKey | Unique, refining: Refining) -> bool:
    """Return True if a key of a large table can be made of an index.

    Not over columns that a primary key would have to turn NOT NULL.
    """
    null = {column.name for column in refining.table(at).columns if column.null}
    is_proven = isinstance(key, Unique) or null.isdisjoint(key.columns)
    return bool(key.name) and is_proven and refining.is_large(at)


def add_key(
    change: c.AddConstraint, key: PrimaryKey | Unique, refining: Refining
) -> Iterator[c.Change]:
    at = change.table
    if refining.is_partitioned(at):
        yield c.AddConstraint(at, key, by_partition=True)
        return
    index = constraints.index_of(key)
    yield c.AddIndex(at, index, concurrently=True)
    if isinstance(key, PrimaryKey):  # of which there is one at a time
        yield from replacing.drop_old(change, refining)
    yield c.AddConstraint(at, key, using_index=index)


RECIPES: Recipes = {c.AddConstraint: add_constraint, c.DropConstraint: drop_constraint}
