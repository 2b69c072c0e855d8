"""A scope: the tables that one SELECT, UPDATE or DELETE speaks of, and what names mean in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.util import ClauseAdapter

from whimbrel.orm import spelling
from whimbrel.orm.conditions import condition
from whimbrel.orm.lookups import transformed
from whimbrel.orm.paths import Path, path_of
from whimbrel.orm.types import is_expression, prepared
from whimbrel.schema.expressions import SQL, Combined, F, Ordered, Q
from whimbrel.sources.clauses import Words

if TYPE_CHECKING:
    from whimbrel.orm.meta import BoundField, Meta
    from whimbrel.orm.relations import Hop

Element = sa.sql.ColumnElement[Any]


@dataclass(eq=False)
class Node:
    """A model's table in a FROM. ``calls``: the numbers of the filter() calls that spoke of it."""

    meta: Meta
    table: Any
    below: dict[str, list[Node]] = field(default_factory=dict)
    calls: set[int] = field(default_factory=set)


class Scope:
    """The tables of one statement. ``outer``: the scope around it, for `OuterRef`."""

    def __init__(self, meta: Meta, outer: Scope | None = None, aliased: bool = False) -> None:
        self.meta = meta
        self.outer = outer
        self.aliased = aliased or outer is not None
        self.root = Node(meta, meta.table.alias() if self.aliased else meta.table)
        self.from_clause: Any = self.root.table
        self.tables: list[Any] = [self.root.table]
        self.annotations: dict[str, Element] = {}
        self.call: int | None = None

    @classmethod
    def beside(cls, meta: Meta) -> Scope:
        """A scope for one value of a row of the statement around: what joins bring, and nothing
        of the row itself, which is there already."""
        made = cls(meta, outer=cls(meta))
        made.aliased = False
        made.root = Node(meta, meta.table)
        made.from_clause = sa.select(sa.literal(1).label("one")).subquery()
        made.tables = [made.from_clause]
        return made

    @property
    def has_joins(self) -> bool:
        """Whether more tables than its model's own have a say."""
        return len(self.tables) > 1

    # -- columns

    def column(self, node: Node, field: BoundField) -> Element:
        """The column of a field; that of a parent's table brings the table in."""
        while field.meta is not node.meta:
            node = self._part_above(node)
        column: Element = node.table.c[field.column]
        return column

    def _part_above(self, node: Node) -> Node:
        link, parent = node.meta.link, node.meta.parent
        assert link is not None and parent is not None
        there = node.below.get("^")
        if there:
            return there[0]
        table = parent.table.alias()
        target = parent.pointed_at(link.field.to_field).column  # type: ignore[attr-defined]
        self._join(table, node.table.c[link.column] == table.c[target], outer=node is not self.root)
        above = Node(parent, table)
        node.below["^"] = [above]
        return above

    def key(self) -> list[Element]:
        """The columns of the primary key."""
        return [self.root.table.c[each.column] for each in self.meta.primary_key]

    # -- joins

    def node(self, hops: Iterable[Hop], trimmed: bool = False) -> Node:
        """The table that hops lead to; of a trimmed path, the table between."""
        here = self.root
        *way, last = hops if (hops := tuple(hops)) else (None,)
        for hop in (*way, last):
            if hop is not None:
                here = self._along(here, hop, trimmed and hop is last)
        return here

    def _along(self, node: Node, hop: Hop, trimmed: bool) -> Node:
        name = _name_of(hop)
        if hop.between is None:
            return self._reached(node, name, hop.local, hop.target, hop.remote, hop)
        between = hop.between
        middle = self._reached(node, f"{name}|", hop.local, between.meta, between.near, hop)
        if trimmed:
            return middle
        return self._reached(middle, name, between.far, hop.target, hop.remote, hop)

    def _reached(
        self, node: Node, name: str, local: str, target: Meta, remote: str, hop: Hop
    ) -> Node:
        for there in node.below.get(name, ()):
            if not hop.many or self._is_reused(there):
                return there
        near = self.column(node, node.meta.by_name[local])
        made = Node(target, target.table.alias(), calls={self.call} if self.call else set())
        node.below.setdefault(name, []).append(made)
        far = target.by_name[remote]
        if far.meta is target:
            self._join(made.table, near == made.table.c[far.column], self._may_miss(node, hop))
        else:
            self._join_above(made, near, far)
        return made

    def _join_above(self, made: Node, near: Element, far: BoundField) -> None:
        """The key that is pointed at lies in the table of the target's parent."""
        link = made.meta.link
        assert link is not None
        self._join(made.table, near == made.table.c[link.column], outer=True)

    def first_of_many(self, hops: Iterable[Hop]) -> Node | None:
        """The first table on a way that may have several rows for one, if this call has joined it."""
        node = self.root
        for hop in hops:
            there = node.below.get(f"{_name_of(hop)}|" if hop.between else _name_of(hop), ())
            joined = [each for each in there if not hop.many or self._is_reused(each)]
            if not joined or hop.many:
                return joined[0] if joined else None
            node = joined[0]
        return None

    def _is_reused(self, node: Node) -> bool:
        return self.call is None or self.call in node.calls

    def _may_miss(self, node: Node, hop: Hop) -> bool:
        return hop.null or node is not self.root

    def _join(self, table: Any, on: Element, outer: bool) -> None:
        self.from_clause = self.from_clause.join(table, on, isouter=outer)
        self.tables.append(table)

    # -- names

    def found(self, name: str) -> tuple[Element, tuple[str, ...], Path | None]:
        """The column that a name means, what of the name is left, and the way to it."""
        first, _, rest = name.partition("__")
        if first in self.annotations:
            return self.annotations[first], tuple(rest.split("__")) if rest else (), None
        path = path_of(self.meta, name)
        node = self.node(path.hops, path.trimmed)
        return self.column(node, path.field), path.rest, path

    def named(self, name: str) -> Element:
        """The value of a name as an expression: ``F("author__username")``, ``F("made__year")``."""
        column, rest, _ = self.found(name)
        return transformed(column, rest, name)

    # -- expressions

    def value(self, value: Any, like: Any = None) -> Element:
        """An expression, or a plain value of the type of what it is compared with or put into."""
        if not is_expression(value):
            type = like.type if like is not None else None
            return plain_value(value, type)
        if like is not None and hasattr(builtin_type(value), "resolve_like"):
            made: Element = value.resolve_like(self, like)
            return made
        return self.resolved(value)

    def source(self, value: Any) -> Element:
        """An argument of a function: text is a field's name."""
        return self.named(value) if isinstance(value, str) else self.value(value)

    def resolved(self, value: Any) -> Element:
        """An expression as SQLAlchemy's."""
        match value:
            case F():
                return self.named(value.name)
            case Combined():
                return self._combined(value)
            case Q():
                # As a value, what a condition says nothing of is False.
                return self.condition(value).is_(sa.true())
            case SQL():
                return Words(value)
            case Ordered():
                return self.resolved(value.of)
        if hasattr(type(value), "resolve"):
            made: Element = value.resolve(self)
            return made
        return self._of_sqlalchemy(value)

    def _of_sqlalchemy(self, value: Any) -> Element:
        clause: Any = value.__clause_element__() if hasattr(value, "__clause_element__") else value
        if self.aliased:
            clause = ClauseAdapter(self.root.table).traverse(clause)
        return clause  # type: ignore[no-any-return]

    def _combined(self, value: Combined) -> Element:
        left, right = value.left, value.right
        if isinstance(right, dt.timedelta):
            return spelling.shifted(self.value(left), right if value.operator == "+" else -right)
        if not is_expression(left):
            second = self.resolved(right)
            return spelling.reckoned(
                plain_value(left, _number(left, second)), value.operator, second
            )
        first = self.resolved(left)
        if is_expression(right):
            return spelling.reckoned(first, value.operator, self.resolved(right))
        return spelling.reckoned(first, value.operator, plain_value(right, _number(right, first)))

    # -- conditions

    def condition(self, given: Any) -> Element:
        """A condition; one that says nothing is true."""
        made = condition(self, given)
        return sa.true() if made is None else made

    def select(self, columns: Iterable[Any]) -> Any:
        """A SELECT of these tables; of what it does not have itself, the scopes around it have."""
        made = sa.select(*columns).select_from(self.from_clause)
        return made.correlate_except(*self.tables) if self.outer is not None else made

    # -- order

    def order(self, given: Any) -> Element:
        """What rows are put in order by: "name", "-name", "?", or an expression."""
        if isinstance(given, str):
            return self._named_order(given)
        if not isinstance(given, Ordered):
            return self.value(given)
        made = self.source(given.of)
        made = made.desc() if given.descending else made.asc()
        if given.nulls == "first":
            return made.nulls_first()
        return made.nulls_last() if given.nulls == "last" else made

    def _named_order(self, name: str) -> Element:
        if name == "?":
            return sa.func.random()
        plain = name.lstrip("+-")
        made = self.named(plain)
        return made.desc() if name.startswith("-") else made.asc()


def _name_of(hop: Hop) -> str:
    return f"{hop.owner.label}.{hop.field_name}{'-' if hop.reverse else '+'}"


def plain_value(value: Any, type: Any = None) -> Element:
    """A Python value as a parameter. A historical row stands for its key."""
    if hasattr(value, "_meta") and not isinstance(value, builtin_type):
        value = value.pk
    if type is None or isinstance(type, sa.types.NullType):
        return sa.literal(value) if value is not None else sa.null()
    return sa.literal(prepared(value, type), type)


builtin_type = type


def _number(value: Any, other: Element) -> Any:
    """The type of a plain operand: its own where it is a number, else the other side's."""
    return None if isinstance(value, int | float) or _is_decimal(value) else other.type


def _is_decimal(value: Any) -> bool:
    return type(value).__name__ == "Decimal"
