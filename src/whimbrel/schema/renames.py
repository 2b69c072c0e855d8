"""Renames of constraints and indexes, in an order in which each new name is free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from whimbrel.schema.order import temporary_name
from whimbrel.schema.table import Check, Constraint, ForeignKey, Index, Name


@dataclass(frozen=True)
class ItemRename:
    """A constraint or index of a table gets another name; ``old`` and ``new`` differ in nothing else."""

    table: Name
    old: Constraint | Index
    new: Constraint | Index


def item_rename_order(renames: Iterable[ItemRename]) -> Iterator[ItemRename]:
    """The renames so that each finds its new name free; circles go over a name for a while."""
    left = list(renames)
    while left:
        held = [place for each in left for place in _places(each.table, each.old)]
        free = [each for each in left if _is_free(each, held)]
        yield from free
        left = [each for each in left if each not in free]
        if not free and left:
            first = left.pop(0)
            out = replace(first.old, name=temporary_name(first.old.name))
            yield ItemRename(first.table, first.old, out)
            left.append(ItemRename(first.table, out, first.new))


def _is_free(rename: ItemRename, held: list[tuple[str, object]]) -> bool:
    own = _places(rename.table, rename.old)
    return not any(
        place in held and place not in own for place in _places(rename.table, rename.new)
    )


def _places(table: Name, part: Constraint | Index) -> list[tuple[str, object]]:
    """The names that a part takes up: one in its table, or in its schema, or both.

    What has an index shares the names of the schema's tables (PostgreSQL 18, 5.10 and 54.11).
    """
    found: list[tuple[str, object]] = []
    if not isinstance(part, Index):
        found.append(("table", (table, part.name)))
    if not isinstance(part, Check | ForeignKey):
        found.append(("schema", (table.schema, part.name)))
    return found
