"""Indexes that come and go: concurrently, so that no writer waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.recipes import replacing
from whimbrel.engines.postgresql.recipes.refining import Recipes, Refining
from whimbrel.schema import changes as c


def add_index(change: c.AddIndex, refining: Refining) -> Iterator[c.Change]:
    """On a parent of partitions: on one after the other."""
    yield replace(change, concurrently=True) if refining.is_large(change.table) else change
    yield from replacing.drop_old(change, refining)


def drop_index(change: c.DropIndex, refining: Refining) -> Iterator[c.Change]:
    """That of a parent of partitions goes in an instant, and has no other form."""
    aside = list(replacing.set_aside(change, refining))
    is_concurrent = refining.is_large(change.table) and not refining.is_partitioned(change.table)
    yield from aside or [replace(change, concurrently=True) if is_concurrent else change]


RECIPES: Recipes = {c.AddIndex: add_index, c.DropIndex: drop_index}
