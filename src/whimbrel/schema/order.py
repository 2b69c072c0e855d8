"""Orders: tables by their foreign keys, renames so that no name is taken when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from whimbrel.schema.table import Check, Column, Constraint, ForeignKey, Index, Name, Table

H = TypeVar("H", bound=Hashable)


def by_dependency(tables: Iterable[Table]) -> tuple[list[Table], list[tuple[Table, ForeignKey]]]:
    """The tables, each after those that it points at, else in the order given.

    Second: the foreign keys that point at a table later in that order, since tables point
    at each other in a circle.
    """
    known = {table.at: table for table in tables}
    order: dict[Name, Table] = {}
    for table in known.values():
        for each in _depth_first(table, known, order):
            order[each.at] = each
    place = {at: position for position, at in enumerate(order)}
    late = [
        (table, key)
        for table in order.values()
        for key in table.foreign_keys
        if place.get(key.target, -1) > place[table.at]
    ]
    return list(order.values()), late


def _depth_first(
    start: Table, known: Mapping[Name, Table], done: Mapping[Name, Table]
) -> Iterator[Table]:
    """Tables behind ``start`` that are not done, deepest first. A stack, since chains are long."""
    if start.at in done:
        return
    entered = {start.at}
    stack = [(start, iter(start.foreign_keys))]
    while stack:
        table, keys = stack[-1]
        for key in keys:
            if key.target in known and key.target not in done and key.target not in entered:
                entered.add(key.target)
                target = known[key.target]
                stack.append((target, iter(target.foreign_keys)))
                break
        else:
            stack.pop()
            yield table


def rename_order(renames: Mapping[H, H], temporary: Callable[[H], H]) -> Iterator[tuple[H, H]]:
    """Renames in an order in which each new name is free; circles go over a temporary name."""
    left = {old: new for old, new in renames.items() if old != new}
    while left:
        free = [old for old, new in left.items() if new not in left]
        for old in free:
            yield old, left.pop(old)
        if not free and left:
            old, new = next(iter(left.items()))
            stopover = temporary(old)
            yield old, stopover
            del left[old]
            left[stopover] = new


def temporary_name(name: str) -> str:
    """A name for a while, of at most 63 bytes: PostgreSQL would cut it to the name itself."""
    return f"{name.encode()[:54].decode(errors='ignore')}_whimbrel"


def sort_columns(columns: Iterable[Column]) -> list[Column]:
    """The columns, each after those that it is computed from, else plain ones first."""
    left = sorted(columns, key=lambda column: column.computed is not None)
    if len(left) < 2 or left[-2].computed is None:
        return left
    found: list[Column] = []
    while left:
        names = frozenset(column.name for column in left)
        ready = [column for column in left if not column.computed_from(names - {column.name})]
        found += ready or left
        left = [column for column in left if column not in found]
    return found


# -- constraints and indexes that are renamed --------------------------------------------------


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
