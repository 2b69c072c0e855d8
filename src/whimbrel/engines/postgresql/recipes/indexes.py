"""Indexes that come and go: concurrently, so that no writer waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whimbrel.engines.postgresql.recipes.refining import Recipes, Refining
from whimbrel.schema import changes as c
from whimbrel.schema.order import temporary_name
from whimbrel.schema.table import Index, Name


def add_index(change: c.AddIndex, refining: Refining) -> Iterator[c.Change]:
    """The one that it replaces is there until it is built; on partitions, one after the other."""
    yield replace(change, concurrently=True) if refining.is_large(change.table) else change
    if not goes_concurrently(change.table, refining):
        return
    for number, earlier in enumerate(refining.changes[: refining.position]):
        if isinstance(earlier, c.DropIndex) and replacement(refining.changes[number:]) is change:
            yield c.DropIndex(change.table, set_aside(earlier.index), concurrently=True)


def drop_index(change: c.DropIndex, refining: Refining) -> Iterator[c.Change]:
    if not goes_concurrently(change.table, refining):
        yield change
    elif replacement([change, *refining.later]) is not None:
        yield c.RenameIndex(change.table, change.index, set_aside(change.index))
    else:
        yield replace(change, concurrently=True)


def goes_concurrently(at: Name, refining: Refining) -> bool:
    """Return True if the table is large, and no parent of partitions, whose indexes go in an instant."""
    return refining.is_large(at) and not refining.is_partitioned(at)


def set_aside(index: Index) -> Index:
    """Return an index under a temporary name, without an identity: another one is to have that."""
    return replace(index, name=temporary_name(index.name), key=None)


def replacement(changes: Sequence[c.Change]) -> c.AddIndex | None:
    """Return the later change that adds an index in the place of the one that the first drops.

    None where none does, or a change between them touches what the index is made of.
    """
    first = changes[0]
    assert isinstance(first, c.DropIndex)
    at, old = first.table, first.index
    for change in changes[1:]:
        if (
            isinstance(change, c.AddIndex)
            and change.table == at
            and is_one_index(old, change.index)
        ):
            return change
        if _touches(change, at, old):
            return None
    return None


def _touches(change: c.Change, at: Name, index: Index) -> bool:
    match change:
        case c.RenameTable(before, after):
            return at in (before, after)
        case c.AlterColumn(table, column) | c.DropColumn(table, column):
            return table == at and bool(index.columns_among(frozenset({column.name})))
        case c.RenameColumn(table, name):
            return table == at and bool(index.columns_among(frozenset({name})))
    return isinstance(change, c.AlterEnum | c.AlterDomain)


def is_one_index(old: Index, new: Index) -> bool:
    """Return True if two indexes are one before and after: by identity, or by name."""
    return new.key == old.key if new.key and old.key else new.name == old.name


RECIPES: Recipes = {c.AddIndex: add_index, c.DropIndex: drop_index}
