"""Aggregates: one value of many rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import sqlalchemy as sa

from whimbrel.orm.expressions.expression import Expression, Resolver, resolve_type
from whimbrel.schema.expressions import F

Element = sa.sql.ColumnElement[Any]


class Aggregate(Expression):
    """One value of the rows of a group. Text names a field.

    distinct: each value once. filter: a `Q` that the rows must meet. default: what no rows give.
    """

    function: ClassVar[str] = ""
    output: ClassVar[Any] = None

    def __init__(
        self,
        expression: Any,
        *,
        distinct: bool = False,
        filter: Any = None,
        default: Any = None,
        output_field: Any = None,
    ) -> None:
        self.expression = F(expression) if isinstance(expression, str) else expression
        self.distinct = distinct
        self.filter = filter
        self.default = default
        self.output_field = output_field

    @property
    def default_alias(self) -> str:
        """What it is called where it has no name: "price__sum"."""
        name = getattr(self.expression, "name", "expression")
        return f"{name}__{type(self).__name__.lower()}"

    def children(self) -> Iterable[Any]:
        return (self.expression, self.filter) if self.filter is not None else (self.expression,)

    def resolve(self, scope: Resolver) -> Element:
        of = self.resolve_operand(scope)
        type = resolve_type(self.output_field) or resolve_type(self.output) or of.type
        made: Any = self.build_call(of, type)
        if self.filter is not None:
            made = made.filter(scope.resolve_condition(self.filter))
        if self.default is not None:
            made = sa.func.coalesce(made, scope.resolve_value(self.default, made), type_=type)
        return self.finish(made, type)

    def resolve_in_window(self, scope: Resolver) -> Element:
        """The call alone, for a window."""
        of = self.resolve_operand(scope)
        return self.build_call(
            of, resolve_type(self.output_field) or resolve_type(self.output) or of.type
        )

    def resolve_operand(self, scope: Resolver) -> Element:
        """What it is taken of."""
        return scope.resolve_value(self.expression)

    def build_call(self, of: Element, type: Any) -> Element:
        """The call."""
        found: Element = getattr(sa.func, self.function)(
            sa.distinct(of) if self.distinct else of, type_=type
        )
        return found

    def finish(self, made: Element, type: Any) -> Element:
        """What it is in the end."""
        return made


class Count(Aggregate):
    """How many values are not NULL; ``Count("*")``: how many rows."""

    function = "count"
    output = sa.Integer

    def resolve_operand(self, scope: Resolver) -> Element:
        if self.expression == F("*"):
            return sa.literal_column("*")
        return super().resolve_operand(scope)


class Sum(Aggregate):
    """The sum."""

    function = "sum"

    def finish(self, made: Element, type: Any) -> Element:
        # PostgreSQL gives numeric for the sum of bigint.
        whole = isinstance(type, sa.Integer)
        return sa.cast(made, sa.BigInteger()) if whole else made


class Min(Aggregate):
    """The least."""

    function = "min"


class Max(Aggregate):
    """The greatest."""

    function = "max"


class Avg(Aggregate):
    """The mean: a float, of decimals a decimal."""

    function = "avg"

    def build_call(self, of: Element, type: Any) -> Element:
        exact = isinstance(type, sa.Numeric) and not isinstance(type, sa.Float)
        return super().build_call(of, type if exact else sa.Float())
