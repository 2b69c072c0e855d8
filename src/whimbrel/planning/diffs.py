"""Many small differences as one row of changes, for an engine to make steps of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from whimbrel.engines import Engine
from whimbrel.schema.changes import Change, apply_all
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Name, Schema
from whimbrel.state.difference import schemas_of
from whimbrel.state.state import State

T = TypeVar("T")


def merge_diffs(
    engine: Engine, pairs: Iterable[tuple[State, State]]
) -> tuple[list[Change], list[int], Schema]:
    """Return the changes of neighbouring differences as one row.

    With them, of each the number of its pair, from 0; and the part of the schema before all of them
    that they touch. Given together to an engine, neighbouring changes to a table can be one rebuild of it.
    """
    changes: list[Change] = []
    origins: list[int] = []
    found: list[Change] = []
    first = now = Schema()
    for number, (before, after) in enumerate(pairs):
        if before is after:
            continue
        # Only now that there is one more is read what the one before made: a leap is only one.
        now = apply_all(now, found)
        old, new = map(engine.effective, schemas_of(before, after))
        found = diff(old, new)
        first, now = _with_what_is_new(first, now, old), _with_what_is_new(now, now, old)
        changes += found
        origins += [number] * len(found)
    return changes, origins, first


def _with_what_is_new(schema: Schema, now: Schema, part: Schema) -> Schema:
    """A schema with those things of a part of it that no difference has touched yet."""
    return Schema(
        tables={**schema.tables, **_unseen(part.tables, now.tables)},
        enums={**schema.enums, **_unseen(part.enums, now.enums)},
        sequences={**schema.sequences, **_unseen(part.sequences, now.sequences)},
        schemas=schema.schemas | (part.schemas - now.schemas),
    )


def _unseen(part: Mapping[Name, T], now: Mapping[Name, T]) -> dict[Name, T]:
    return {name: value for name, value in part.items() if name not in now}
