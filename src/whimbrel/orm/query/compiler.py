"""The compiler: from a query to a SELECT of SQLAlchemy's, with a description of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import UnaryExpression

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.aggregates import Aggregate
from whimbrel.orm.expressions.windows import Window
from whimbrel.orm.hops import Hop, find_hop
from whimbrel.orm.meta import BoundField, Meta
from whimbrel.orm.query.query import Filter, Query
from whimbrel.orm.query.scope import Scope, find_joined_columns
from whimbrel.schema.expressions import Q

Element = sa.sql.ColumnElement[Any]


@dataclass
class RowPart:
    """The columns of one model in a row: where they start, and the parts behind its relations."""

    meta: Meta
    fields: tuple[BoundField, ...]
    missing: tuple[str, ...]
    start: int
    hop: Hop | None = None
    name: str = ""
    below: list[RowPart] = field(default_factory=list)


@dataclass
class CompiledQuery:
    """A SELECT, with the labels of its columns. ``part``: that of instances; None for values."""

    select: Any
    labels: list[str]
    part: RowPart | None
    annotations: list[str]


class QueryCompiler:
    """Compiles one query. ``outer``: the scope of the query around."""

    def __init__(
        self,
        query: Query,
        outer: Scope | None = None,
        aliased: bool = False,
        scope: Scope | None = None,
    ) -> None:
        self.query = query
        self.scope = scope if scope is not None else Scope(query.meta, outer, aliased)
        self.where: list[Element] = []
        self.having: list[Element] = []
        self.after: list[Element] = []
        #: Columns of other tables in conditions on groups.
        self.grouping: list[Element] = []
        self.columns: list[tuple[str, Element]] = []
        for number, step in enumerate(self.query.steps, start=1):
            if isinstance(step, Filter):
                self.scope.call = number
                self._filter(step.condition)
                self.scope.call = None
            else:
                self.scope.annotations[step.name] = self.scope.resolve_value(step.expression)

    def _filter(self, condition: Q) -> None:
        if self.query.has(Window, condition):
            self.after.append(self.scope.resolve_condition(condition))
            return
        of_rows, of_groups = _split(condition, partial(self.query.has, Aggregate))
        if of_rows:
            self.where.append(self.scope.resolve_condition(of_rows))
        if of_groups:
            self.having.append(self.scope.resolve_condition(of_groups))
            self.grouping += find_joined_columns(self.scope, of_groups)

    # -- columns

    def _add_instance_columns(self) -> RowPart:
        """Add the columns of whole rows, of related ones too, and of the annotations."""
        part = self._add_part(self.query.meta, (), self._choose_fields())
        for name in self.query.related:
            self._add_related(part, name.split("__"), ())
        for name in self.query.visible:
            self.columns.append((name, self.scope.annotations[name]))
        return part

    def _choose_fields(self) -> list[BoundField]:
        """The fields that are read at once: the key always."""
        meta, query = self.query.meta, self.query
        wanted = meta.fields
        if query.only is not None:
            wanted = tuple(each for each in wanted if {each.name, each.attname} & query.only)
        chosen = [each for each in wanted if not {each.name, each.attname} & query.defer]
        keys = [key for each in meta.lineage for key in each.primary_key]
        return [*keys, *(each for each in chosen if each not in keys)]

    def _add_part(
        self, meta: Meta, hops: tuple[Hop, ...], fields: Iterable[BoundField], name: str = ""
    ) -> RowPart:
        fields = tuple(fields)
        missing = tuple(each.attname for each in meta.fields if each not in fields)
        part = RowPart(meta, fields, missing, len(self.columns), hops[-1] if hops else None, name)
        node = self.scope.join_to(hops)
        prefix = "".join(f"{hop.name}__" for hop in hops)
        for each in fields:
            self.columns.append((f"{prefix}{each.attname}", self.scope.column(node, each)))
        return part

    def _add_related(self, part: RowPart, names: list[str], hops: tuple[Hop, ...]) -> None:
        if not names:
            return
        hop = find_hop(part.meta, names[0])
        if hop is None:
            raise part.meta.unknown_field(names[0])
        if hop.many:
            raise QueryError(
                f"select_related({names[0]!r}): {part.meta.label}.{names[0]} leads to several rows",
                hint=f"Use prefetch_related({names[0]!r}).",
            )
        there = next((each for each in part.below if each.name == names[0]), None)
        if there is None:
            there = self._add_part(hop.target, (*hops, hop), hop.target.fields, names[0])
            part.below.append(there)
        self._add_related(there, names[1:], (*hops, hop))

    def add_columns(self) -> RowPart | None:
        """Add the columns that values() names, or those of whole rows, whose part is given back."""
        if self.query.fields is None:
            return self._add_instance_columns()
        for label, expression in self.query.fields:
            self.columns.append((label, self.scope.resolve_argument(expression)))
        return None

    # -- the statement

    def select(self, columns: Iterable[Element] | None = None) -> Any:
        """The SELECT of the columns that were taken, or of others."""
        orders = [self.scope.resolve_order(each) for each in self.query.ordering]
        labelled = (element.label(label) for label, element in self.columns)
        chosen: list[Any] = list(columns if columns is not None else labelled)
        if self.query.is_picked:
            return apply_slice(self._select_picked(chosen, orders), self.query)
        if self.query.distinct and columns is None:
            chosen += self._order_columns(orders)
        select = self._plain_select(chosen, orders)
        select = select.distinct() if self.query.distinct else select
        select = select.order_by(*orders)
        if self.query.lock is not None:
            select = select.with_for_update(**dict(self.query.lock))
        return apply_slice(select, self.query)

    def _plain_select(self, columns: list[Any], orders: list[Element]) -> Any:
        select = self.scope.select(columns).where(*self.where)
        select = select.group_by(*self._group_columns(orders)).having(*self.having)
        return select.where(sa.false()) if self.query.empty else select

    def _select_picked(self, columns: list[Any], orders: list[Any]) -> Any:
        """A SELECT of the rows that conditions on windows pick, from one with the windows' values.

        DISTINCT ON is one of them: a row is picked that is the first of its like.
        """
        conditions = list(self.after)
        if self.query.distinct_on:
            alike = [self.scope.resolve_name(name) for name in self.query.distinct_on]
            first = sa.func.row_number().over(
                partition_by=alike, order_by=[*orders, *self.scope.key_columns()]
            )
            conditions.append(first == 1)
        named = [
            each if isinstance(each, sa.Label) else each.label(f"column_{at}")
            for at, each in enumerate(columns)
        ]
        picks = [each.label(f"picked_{at}") for at, each in enumerate(conditions)]
        by = [_unwrap_order(each).label(f"order_{at}") for at, each in enumerate(orders)]
        rows = self._plain_select([*named, *picks, *by], orders).subquery()
        select = sa.select(*(rows.c[each.name] for each in named))
        select = select.where(*(rows.c[each.name].is_(sa.true()) for each in picks))
        select = select.distinct() if self.query.distinct else select
        return select.order_by(
            *(_wrap_like(order, rows.c[each.name]) for order, each in zip(orders, by, strict=True))
        )

    def _order_columns(self, orders: list[Any]) -> list[Any]:
        """The columns that DISTINCT needs to order its rows by; they come along, unread."""
        taken = [element for _, element in self.columns]
        plain = [_unwrap_order(each) for each in orders]
        return [
            each.label(f"order_{at}")
            for at, each in enumerate(plain)
            if not any(each is other or each.compare(other) for other in taken)
        ]

    def _group_columns(self, orders: list[Any]) -> list[Element]:
        if not self.query.is_grouped:
            return []
        if self.query.group is not None:
            return [self.scope.resolve_argument(each) for each in self.query.group]
        own = [
            self.scope.annotations[name]
            for name, each in self.query.annotations.items()
            if not self.query.has(Aggregate, each.expression)
            and not self.query.has(Window, each.expression)
        ]
        keys = self.scope.key_columns()
        if self.query.related:
            keys = [key for each in self.scope.tables for key in each.primary_key]
        return [*keys, *own, *self.grouping, *self._ungrouped_orders(orders)]

    def _ungrouped_orders(self, orders: list[Any]) -> list[Element]:
        """The keys of the order, other than aggregates."""
        return [
            _unwrap_order(element)
            for element, given in zip(orders, self.query.ordering, strict=True)
            if not self.query.has(
                Aggregate, given.lstrip("-+") if isinstance(given, str) else given
            )
        ]


def _split(given: Any, is_of_groups: Callable[[Any], bool], negated: bool = False) -> tuple[Q, Q]:
    """Return a condition on single rows and one on groups of them; both must be met.

    Alternatives of which one is about groups stay together.
    """
    whole = Q._of((given,), Q.AND)
    if not is_of_groups(whole):
        return whole, Q()
    inside = isinstance(given, Q) and negated ^ given.negated
    if not isinstance(given, Q) or given.connector != (Q.OR if inside else Q.AND):
        return Q(), whole
    parts = [_split(child, is_of_groups, inside) for child in given.children]
    of_rows, of_groups = (
        Q._of(tuple(each for each in side if each), given.connector, given.negated)
        for side in zip(*parts, strict=True)
    )
    return of_rows, of_groups


def _unwrap_order(order: Any) -> Any:
    """A key of an order without DESC and NULLS LAST."""
    while getattr(order, "modifier", None) is not None:
        order = order.element
    return order


def _wrap_like(order: Any, column: Any) -> Any:
    """Another column with the same DESC and NULLS LAST."""
    if getattr(order, "modifier", None) is None:
        return column
    return UnaryExpression(_wrap_like(order.element, column), modifier=order.modifier)


def apply_slice(select: Any, query: Query) -> Any:
    """A statement with LIMIT and OFFSET."""
    if query.high is not None:
        select = select.limit(query.high - query.low)
    return select.offset(query.low) if query.low else select


def compile_query(query: Query, outer: Scope | None = None) -> CompiledQuery:
    """The SELECT of a query's rows, instances or values."""
    if query.combined is not None:
        return _compile_compound(query, outer)
    compiler = QueryCompiler(query, outer)
    part = compiler.add_columns()
    labels = [label for label, _ in compiler.columns]
    return CompiledQuery(compiler.select(), labels, part, query.visible)


_COMPOUNDS = {
    "union": sa.union,
    "union_all": sa.union_all,
    "intersection": sa.intersect,
    "difference": sa.except_,
}


def _compile_compound(query: Query, outer: Scope | None) -> CompiledQuery:
    assert query.combined is not None
    kind, queries = query.combined
    inside = [each if each.is_sliced else each.replace(order=()) for each in queries]
    parts = [compile_query(each, outer) for each in inside]
    first = parts[0]
    rows = _COMPOUNDS[kind](*map(_enclose, parts, queries)).subquery()
    order = query.ordering if query.order is not None else ()
    orders = [_compound_order(rows, given, first.labels) for given in order]
    select = sa.select(*(rows.c[label] for label in first.labels)).order_by(*orders)
    return CompiledQuery(apply_slice(select, query), first.labels, first.part, first.annotations)


def _enclose(part: CompiledQuery, query: Query) -> Any:
    """A slice of a compound stands in a SELECT of its own: SQLite takes no parentheses."""
    if not query.is_sliced:
        return part.select
    rows = part.select.subquery()
    return sa.select(*(rows.c[label] for label in part.labels))


def _compound_order(rows: Any, given: Any, labels: list[str]) -> Any:
    if not isinstance(given, str):
        raise QueryError("rows of several queries are put in order by names alone")
    name = given.lstrip("-+")
    label = next((each for each in (name, f"{name}_id") if each in labels), None)
    if label is None:
        raise QueryError(
            f"there is no column {name!r} to put the rows in order by",
            hint=f"There are: {', '.join(labels)}.",
        )
    return rows.c[label].desc() if given.startswith("-") else rows.c[label].asc()
