"""Orders: tables by their foreign keys, renames so that no name is taken when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from whimbrel.schema.table import Column, ForeignKey, Name, Table

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
    return list(order.values()), _late(order)


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


def _late(order: Mapping[Name, Table]) -> list[tuple[Table, ForeignKey]]:
    place = {at: position for position, at in enumerate(order)}
    return [
        (table, key)
        for table in order.values()
        for key in table.foreign_keys
        if place.get(key.target, -1) > place[table.at]
    ]


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
        ready = [column for column in left if not _computed_from(column, names - {column.name})]
        found += ready or left
        left = [column for column in left if column not in found]
    return found


def _computed_from(column: Column, names: frozenset[str]) -> frozenset[str]:
    return column.computed.expression.columns(names) if column.computed else frozenset()
