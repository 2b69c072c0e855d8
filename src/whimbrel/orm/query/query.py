"""A query as a value: it never changes, each method of a queryset makes another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from whimbrel.orm.expressions.aggregates import Aggregate
from whimbrel.orm.expressions.expression import walk
from whimbrel.orm.expressions.windows import Window
from whimbrel.orm.meta import Meta
from whimbrel.schema.expressions import F, Ordered, Q


@dataclass(frozen=True, eq=False)
class Filter:
    """A condition that rows must meet: that of one filter() call, whose lookups share their joins."""

    condition: Q


@dataclass(frozen=True, eq=False)
class Annotation:
    """A name for an expression. ``hidden``: it may be used in the query, and is in no row."""

    name: str
    expression: Any
    hidden: bool = False


@dataclass(frozen=True, eq=False)
class Query:
    """A query of a model's rows.

    steps: filters and annotations in the order of their calls. order: None for the model's own.
    low, high: the slice. fields: the names and expressions of values(), None for instances.
    group: what values() named before the first aggregate. combined: ("union", the queries).
    """

    meta: Meta
    alias: str | None = None
    steps: tuple[Filter | Annotation, ...] = ()
    order: tuple[Any, ...] | None = None
    backwards: bool = False
    low: int = 0
    high: int | None = None
    distinct: bool = False
    distinct_on: tuple[str, ...] = ()
    fields: tuple[tuple[str, Any], ...] | None = None
    shape: str = "instances"
    group: tuple[Any, ...] | None = None
    only: frozenset[str] | None = None
    defer: frozenset[str] = frozenset()
    related: tuple[str, ...] = ()
    prefetches: tuple[Any, ...] = ()
    lock: tuple[tuple[str, Any], ...] | None = None
    combined: tuple[str, tuple[Query, ...]] | None = None
    empty: bool = False
    #: Rows that are known already: the relation that leads to one, its attribute and value, the row.
    known: tuple[tuple[str, str, Any, Any], ...] = ()

    def replace(self, **changed: Any) -> Query:
        """The query with other values of some attributes."""
        return replace(self, **changed)

    @property
    def is_sliced(self) -> bool:
        """True if it has a LIMIT or an OFFSET."""
        return self.low > 0 or self.high is not None

    @property
    def annotations(self) -> dict[str, Annotation]:
        """The annotations by name."""
        return {each.name: each for each in self.steps if isinstance(each, Annotation)}

    @property
    def visible(self) -> list[str]:
        """The names of the annotations that rows have."""
        return [name for name, each in self.annotations.items() if not each.hidden]

    @property
    def is_grouped(self) -> bool:
        """True if an annotation is an aggregate."""
        return any(self.has(Aggregate, each.expression) for each in self.annotations.values())

    @property
    def is_picked(self) -> bool:
        """True if rows are picked by a window's value, which no WHERE can see."""
        return bool(self.distinct_on) or any(
            self.has(Window, each.condition) for each in self.steps if isinstance(each, Filter)
        )

    def has(self, kind: type[Any], expression: Any) -> bool:
        """True if an aggregate, or a window, is in an expression, or in an annotation that it names."""
        return any(isinstance(part, kind) or self._names(kind, part) for part in walk(expression))

    def _names(self, kind: type[Any], part: Any) -> bool:
        name = part.name if isinstance(part, F) else part if isinstance(part, str) else ""
        annotation = self.annotations.get(name.partition("__")[0])
        return annotation is not None and self.has(kind, annotation.expression)

    @property
    def ordering(self) -> tuple[Any, ...]:
        """The keys that order the rows, reversed where it goes backwards."""
        own = () if self.is_grouped and self.group is not None else self.meta.ordering
        given = own if self.order is None else self.order
        return tuple(map(reverse_order, given)) if self.backwards else given

    def with_filter(self, condition: Q) -> Query:
        """The query with one more filter."""
        return self.replace(steps=(*self.steps, Filter(condition)))

    def conditions(self) -> Q:
        """All its filters as one condition."""
        return Q(*(each.condition for each in self.steps if isinstance(each, Filter)))


def reverse_order(order: Any) -> Any:
    """The opposite of a key of an order: "name" for "-name"."""
    if isinstance(order, str):
        if order == "?":
            return order
        return order[1:] if order.startswith("-") else f"-{order.lstrip('+')}"
    if isinstance(order, Ordered):
        nulls = {"first": "last", "last": "first"}.get(order.nulls or "")
        return Ordered(order.of, not order.descending, nulls)
    return Ordered(order, True)
