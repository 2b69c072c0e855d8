"""Indexes and constraints in the place of others: the old one is there until the new one is.

So no query lacks an index meanwhile, and no row comes that the new constraint refuses and the old one
would have refused too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from whimbrel.engines.postgresql.recipes.refining import Refining
from whimbrel.engines.postgresql.steps.copies import temporary
from whimbrel.schema import changes as c
from whimbrel.schema.table import ForeignKey, Index, Name, PrimaryKey, Unique

Drop: TypeAlias = c.DropIndex | c.DropConstraint
Add: TypeAlias = c.AddIndex | c.AddConstraint
#: Those of which a table can have the old one and the new one at a time; of a primary key, the new
#: one's index.
Item: TypeAlias = Index | Unique | ForeignKey | PrimaryKey
T = TypeVar("T", bound=Index | Unique | ForeignKey | PrimaryKey)


def set_aside(change: Drop, refining: Refining) -> Iterator[c.Change]:
    """Yield what renames an item that another one replaces; nothing where none does."""
    old = _item(change)
    if old is None or not _is_possible(change, refining):
        return
    if _replacement([change, *refining.later]) is None:
        return
    if isinstance(old, Index):
        yield c.RenameIndex(change.table, old, _aside(old))
    else:
        yield c.RenameConstraint(change.table, old, _aside(old))


def drop_old(change: Add, refining: Refining) -> Iterator[c.Change]:
    """Yield what drops an item that was set aside for the new one."""
    if not _is_possible(change, refining):
        return
    for number, earlier in enumerate(refining.changes[: refining.position]):
        old = _item(earlier) if isinstance(earlier, Drop) else None
        if old is None or _replacement(refining.changes[number:]) is not change:
            continue
        if isinstance(old, Index):
            yield c.DropIndex(change.table, _aside(old), concurrently=True)
        else:
            is_alone = isinstance(old, ForeignKey)
            yield c.DropConstraint(change.table, _aside(old), alone=is_alone)


def _is_possible(change: Drop | Add, refining: Refining) -> bool:
    """Return True if the table is large; partitions' own would go on having their names."""
    return refining.is_large(change.table) and not refining.is_partitioned(change.table)


def _item(change: Drop | Add) -> Item | None:
    found = change.index if isinstance(change, c.DropIndex | c.AddIndex) else change.constraint
    return found if isinstance(found, Item) and found.name else None


def _aside(item: T) -> T:
    """Return an item under a temporary name, without an identity: another one is to have that."""
    return replace(item, name=temporary(item.name), key=None)


def _replacement(changes: Sequence[c.Change]) -> c.Change | None:
    """Return the later change that adds an item in the place of the one that the first drops.

    None where none does, or a change between them touches what the item is made of.
    """
    first = changes[0]
    assert isinstance(first, Drop)
    old = _item(first)
    if old is None:
        return None
    for change in changes[1:]:
        new = _item(change) if isinstance(change, Add) and change.table == first.table else None
        if new is not None and _is_one(old, new):
            return change
        if _touches(change, first.table, old):
            return None
    return None


def _is_one(old: Item, new: Item) -> bool:
    """Return True if two items are one before and after: by identity, or by name."""
    if type(old) is not type(new):
        return False
    return new.key == old.key if new.key and old.key else new.name == old.name


def _touches(change: c.Change, at: Name, item: Item) -> bool:
    target = item.target if isinstance(item, ForeignKey) else at
    match change:
        case c.RenameTable(before, after):
            return not {before, after}.isdisjoint((at, target))
        case c.AlterColumn(table, column) | c.DropColumn(table, column):
            return _is_over(table, column.name, at, item)
        case c.RenameColumn(table, name):
            return _is_over(table, name, at, item)
        case c.DropConstraint(table, PrimaryKey() | Unique()) | c.DropIndex(table):
            return isinstance(item, ForeignKey) and table == target
    return isinstance(change, c.AlterEnum | c.AlterDomain)


def _is_over(table: Name, column: str, at: Name, item: Item) -> bool:
    """Return True if an item of the table ``at`` is over a column of a table."""
    is_own = table == at and bool(item.columns_among(frozenset({column})))
    if not isinstance(item, ForeignKey):
        return is_own
    return is_own or (table == item.target and column in item.target_columns)
