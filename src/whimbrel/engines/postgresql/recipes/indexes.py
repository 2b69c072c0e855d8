"""Indexes that come and go: concurrently, so that no writer waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.recipes.refining import Recipes, Refining
from whimbrel.schema import changes as c


def change_index(change: c.AddIndex | c.DropIndex, refining: Refining) -> Iterator[c.Change]:
    is_concurrent = refining.is_large(change.table) and not refining.is_partitioned(change.table)
    yield replace(change, concurrently=True) if is_concurrent else change


RECIPES: Recipes = {c.AddIndex: change_index, c.DropIndex: change_index}
