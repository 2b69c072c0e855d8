"""The tables that one SELECT, UPDATE or DELETE reads: the model's own, and those that hops lead to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from whimbrel.orm.hops import Hop
from whimbrel.orm.meta import BoundField, Meta

Element = sa.sql.ColumnElement[Any]


@dataclass(eq=False)
class JoinedTable:
    """A model's table in a FROM. ``calls``: the numbers of the filter() calls that spoke of it."""

    meta: Meta
    table: Any
    below: dict[str, list[JoinedTable]] = field(default_factory=dict)
    calls: set[int] = field(default_factory=set)


class Joins:
    """The tables of one statement. ``outer``: those of the statement around."""

    def __init__(self, meta: Meta, outer: Joins | None = None, aliased: bool = False) -> None:
        self.meta = meta
        self.aliased = aliased or outer is not None
        self.correlated = outer is not None
        self.root = JoinedTable(meta, meta.table.alias() if self.aliased else meta.table)
        self.from_clause: Any = self.root.table
        self.tables: list[Any] = [self.root.table]
        self.call: int | None = None

    @property
    def has_joins(self) -> bool:
        """True if there are more tables than the model's own."""
        return len(self.tables) > 1

    # -- columns

    def column(self, node: JoinedTable, field: BoundField) -> Element:
        """The column of a field; that of a parent's table brings the table in."""
        while field.meta is not node.meta:
            node = self._join_parent(node)
        column: Element = node.table.c[field.column]
        return column

    def _join_parent(self, node: JoinedTable) -> JoinedTable:
        link, parent = node.meta.link, node.meta.parent
        assert link is not None and parent is not None
        there = node.below.get("^")
        if there:
            return there[0]
        table = parent.table.alias()
        target = parent.target_field(link.field.to_field).column  # type: ignore[attr-defined]
        self._join(table, node.table.c[link.column] == table.c[target], outer=node is not self.root)
        above = JoinedTable(parent, table)
        node.below["^"] = [above]
        return above

    def key_columns(self) -> list[Element]:
        """The columns of the primary key."""
        return [self.root.table.c[each.column] for each in self.meta.primary_key]

    # -- joins

    def join_to(self, hops: Iterable[Hop], trimmed: bool = False) -> JoinedTable:
        """The table that hops lead to; of a trimmed path, the table between."""
        here = self.root
        *way, last = hops if (hops := tuple(hops)) else (None,)
        for hop in (*way, last):
            if hop is not None:
                here = self._join_hop(here, hop, trimmed and hop is last)
        return here

    def _join_hop(self, node: JoinedTable, hop: Hop, trimmed: bool) -> JoinedTable:
        name = _name_of_hop(hop)
        if hop.through is None:
            return self._join_target(node, name, hop.local, hop.target, hop.remote, hop)
        through = hop.through
        middle = self._join_target(node, f"{name}|", hop.local, through.meta, through.near, hop)
        if trimmed:
            return middle
        return self._join_target(middle, name, through.far, hop.target, hop.remote, hop)

    def _join_target(
        self, node: JoinedTable, name: str, local: str, target: Meta, remote: str, hop: Hop
    ) -> JoinedTable:
        for there in node.below.get(name, ()):
            if not hop.many or self._is_reusable(there):
                return there
        near = self.column(node, node.meta.fields_by_name[local])
        made = JoinedTable(target, target.table.alias(), calls={self.call} if self.call else set())
        node.below.setdefault(name, []).append(made)
        far = target.fields_by_name[remote]
        if far.meta is target:
            self._join(made.table, near == made.table.c[far.column], self._may_miss(node, hop))
        else:
            self._join_target_parent(made, near, far)
        return made

    def _join_target_parent(self, made: JoinedTable, near: Element, far: BoundField) -> None:
        """The key that is pointed at lies in the table of the target's parent."""
        link = made.meta.link
        assert link is not None
        self._join(made.table, near == made.table.c[link.column], outer=True)

    def find_first_of_many(self, hops: Iterable[Hop]) -> JoinedTable | None:
        """The first table on a way that may have several rows for one, if this call has joined it."""
        node = self.root
        for hop in hops:
            there = node.below.get(
                f"{_name_of_hop(hop)}|" if hop.through else _name_of_hop(hop), ()
            )
            joined = [each for each in there if not hop.many or self._is_reusable(each)]
            if not joined or hop.many:
                return joined[0] if joined else None
            node = joined[0]
        return None

    def _is_reusable(self, node: JoinedTable) -> bool:
        return self.call is None or self.call in node.calls

    def _may_miss(self, node: JoinedTable, hop: Hop) -> bool:
        return hop.null or node is not self.root

    def _join(self, table: Any, on: Element, outer: bool) -> None:
        self.from_clause = self.from_clause.join(table, on, isouter=outer)
        self.tables.append(table)

    def select(self, columns: Iterable[Any]) -> Any:
        """A SELECT of these tables; of what it does not have itself, the scopes around it have."""
        made = sa.select(*columns).select_from(self.from_clause)
        return made.correlate_except(*self.tables) if self.correlated else made


def _name_of_hop(hop: Hop) -> str:
    return f"{hop.owner.label}.{hop.field_name}{'-' if hop.reverse else '+'}"
