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

    distinct: each value once. filter: a `Q` that the rows must meet. default: the value of no rows.
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
        """The name where none is given: "price__sum"."""
        name = getattr(self.expression, "name", "expression")
        return f"{name}__{type(self).__name__.lower()}"

    def children(self) -> Iterable[Any]:
        return (self.expression, self.filter) if self.filter is not None else (self.expression,)

    def resolve(self, scope: Resolver) -> Element:
        call: Any = self.resolve_in_window(scope)
        if self.filter is not None:
            call = call.filter(scope.resolve_condition(self.filter))
        if self.default is not None:
            default = scope.resolve_value(self.default, call)
            call = sa.func.coalesce(call, default, type_=call.type)
        return self.finish(call)

    def resolve_in_window(self, scope: Resolver) -> Element:
        """The call alone, for a window."""
        operand = self.resolve_operand(scope)
        type = resolve_type(self.output_field) or resolve_type(self.output)
        return self.build_call(operand, type or operand.type)

    def resolve_operand(self, scope: Resolver) -> Element:
        """The values that one is made of."""
        return scope.resolve_value(self.expression)

    def build_call(self, operand: Element, type: Any) -> Element:
        """The call of the function."""
        argument = sa.distinct(operand) if self.distinct else operand
        call: Element = getattr(sa.func, self.function)(argument, type_=type)
        return call

    def finish(self, call: Element) -> Element:
        """The call with what is done to its value."""
        return call


class Count(Aggregate):
    """The number of values that are not NULL; ``Count("*")``: the number of rows."""

    function = "count"
    output = sa.Integer

    def resolve_operand(self, scope: Resolver) -> Element:
        is_star = self.expression == F("*")
        return sa.literal_column("*") if is_star else super().resolve_operand(scope)


class Sum(Aggregate):
    """The sum."""

    function = "sum"

    def finish(self, call: Element) -> Element:
        # PostgreSQL gives numeric for the sum of bigint.
        return sa.cast(call, sa.BigInteger()) if isinstance(call.type, sa.Integer) else call


class Min(Aggregate):
    """The least."""

    function = "min"


class Max(Aggregate):
    """The greatest."""

    function = "max"


class Avg(Aggregate):
    """The mean: a float, of decimals a decimal."""

    function = "avg"

    def build_call(self, operand: Element, type: Any) -> Element:
        is_exact = isinstance(type, sa.Numeric) and not isinstance(type, sa.Float)
        return super().build_call(operand, type if is_exact else sa.Float())
