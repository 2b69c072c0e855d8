"""Window functions: a value of each row that looks at its neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from whimbrel.orm.expressions.aggregates import Aggregate
from whimbrel.orm.expressions.expression import Expression, Func, Resolver, define_function
from whimbrel.schema.expressions import F

Element = sa.sql.ColumnElement[Any]


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


class Window(Expression):
    """``Window(RowNumber(), partition_by="author", order_by=F("made").desc())``."""

    def __init__(
        self, expression: Any, partition_by: Any = None, order_by: Any = None, **_: Any
    ) -> None:
        self.expression = expression
        self.partition_by = _as_list(partition_by)
        self.order_by = _as_list(order_by)

    def children(self) -> Iterable[Any]:
        return (*self.partition_by, *self.order_by)

    def resolve(self, scope: Resolver) -> Element:
        if isinstance(self.expression, Aggregate):
            call: Any = self.expression.resolve_in_window(scope)
        else:
            call = scope.resolve_expression(self.expression)
        over: Element = call.over(
            partition_by=[scope.resolve_argument(each) for each in self.partition_by] or None,
            order_by=[scope.resolve_order(each) for each in self.order_by] or None,
        )
        return over


RowNumber = define_function(
    "RowNumber",
    "The number of a row among its neighbours, from 1.",
    function="row_number",
    arity=0,
    output=sa.Integer,
)
Rank = define_function(
    "Rank",
    "The same for rows that are equal, with gaps after them.",
    function="rank",
    arity=0,
    output=sa.Integer,
)
DenseRank = define_function(
    "DenseRank",
    "The same for equal rows, without gaps.",
    function="dense_rank",
    arity=0,
    output=sa.Integer,
)


class _Neighbour(Func):
    """The value of a row that is ``offset`` rows away, or ``default``."""

    def __init__(self, expression: Any, offset: int = 1, default: Any = None) -> None:
        super().__init__(F(expression) if isinstance(expression, str) else expression)
        self.offset = offset
        self.default = default

    def arguments(self, scope: Resolver) -> list[Element]:
        (value,) = super().arguments(scope)
        more = [] if self.default is None else [scope.resolve_value(self.default, value)]
        return [value, sa.literal(self.offset), *more]


Lag = define_function("Lag", "The value of an earlier row.", _Neighbour, function="lag")
Lead = define_function("Lead", "The value of a later row.", _Neighbour, function="lead")
FirstValue = define_function(
    "FirstValue", "The value of the first row.", function="first_value", arity=1
)
LastValue = define_function(
    "LastValue", "The value of the last row.", function="last_value", arity=1
)
