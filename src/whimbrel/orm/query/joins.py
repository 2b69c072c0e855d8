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
    """A model's table in a FROM. ``calls``: the numbers of the filter() calls that joined it."""

    meta: Meta
    table: Any
    below: dict[str, list[JoinedTable]] = field(default_factory=dict)
    calls: set[int | None] = field(default_factory=set)

    def key_columns(self) -> list[Element]:
        """The columns of the primary key."""
        return [self.table.c[each.column] for each in self.meta.primary_key]


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
        if "^" not in node.below:
            above = JoinedTable(parent, parent.table.alias())
            target = parent.target_field(link.field.to_field).column  # type: ignore[attr-defined]
            on = node.table.c[link.column] == above.table.c[target]
            self._join(above.table, on, outer=node is not self.root)
            node.below["^"] = [above]
        return node.below["^"][0]

    def key_columns(self) -> list[Element]:
        """The columns of the primary key."""
        return self.root.key_columns()

    # -- joins

    def join_to(self, hops: Iterable[Hop], trimmed: bool = False) -> JoinedTable:
        """The table that hops lead to; of a trimmed path, the table between."""
        hops = tuple(hops)
        node = self.root
        for number, hop in enumerate(hops, start=1):
            node = self._join_hop(node, hop, trimmed and number == len(hops))
        return node

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
        joined = JoinedTable(target, target.table.alias(), calls={self.call} - {None})
        node.below.setdefault(name, []).append(joined)
        far = target.fields_by_name[remote]
        if far.meta is target:
            column, outer = far.column, hop.null or node is not self.root
        else:
            # The key that is pointed at lies in the table of the target's parent.
            assert target.link is not None
            column, outer = target.link.column, True
        self._join(joined.table, near == joined.table.c[column], outer)
        return joined

    def find_first_of_many(self, hops: Iterable[Hop]) -> JoinedTable | None:
        """The first table on a way that may have several rows for one, if this call has joined it."""
        node = self.root
        for hop in hops:
            name = _name_of_hop(hop)
            there = node.below.get(f"{name}|" if hop.through else name, ())
            joined = [each for each in there if not hop.many or self._is_reusable(each)]
            if not joined or hop.many:
                return joined[0] if joined else None
            node = joined[0]
        return None

    def _is_reusable(self, node: JoinedTable) -> bool:
        return self.call is None or self.call in node.calls

    def _join(self, table: Any, on: Element, outer: bool) -> None:
        self.from_clause = self.from_clause.join(table, on, isouter=outer)
        self.tables.append(table)

    def select(self, columns: Iterable[Any]) -> Any:
        """A SELECT from these tables; other tables are those of the statements around."""
        select = sa.select(*columns).select_from(self.from_clause)
        return select.correlate_except(*self.tables) if self.correlated else select


def _name_of_hop(hop: Hop) -> str:
    return f"{hop.owner.label}.{hop.field_name}{'-' if hop.reverse else '+'}"
