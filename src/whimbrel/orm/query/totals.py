"""What all rows of a query come to: whether there are any, how many, sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.orm.query.compiler import Compiler, compiled
from whimbrel.orm.query.query import Query
from whimbrel.orm.query.scope import Scope


def _is_whole(query: Query) -> bool:
    """Whether the rows must be there as they are before they can be counted."""
    return bool(
        query.is_sliced
        or query.distinct
        or query.is_picked
        or query.combined is not None
        or query.is_grouped
    )


def bare(query: Query, outer: Scope | None = None) -> Any:
    """A SELECT that gives a row for each row, and nothing of it."""
    if query.combined is not None or query.distinct:
        return compiled(query, outer).select
    compiler = Compiler(query.but(order=query.order if query.is_sliced else ()), outer)
    return compiler.select([sa.literal(1).label("one")])


def exists(connection: Connection, query: Query) -> bool:
    """Whether there is a row."""
    query = query.but(lock=None)
    if query.empty:
        return False
    rows = bare(query).limit(1) if not query.is_sliced else bare(query)
    return connection.execute(rows).first() is not None


def count(connection: Connection, query: Query) -> int:
    """How many rows there are."""
    query = query.but(lock=None, related=())
    if query.empty:
        return 0
    if _is_whole(query):
        select = sa.select(sa.func.count()).select_from(bare(query).subquery())
    else:
        select = Compiler(query.but(order=())).select([sa.func.count().label("number")])
    return int(connection.execute(select).scalar_one())


class _Whole(Scope):
    """The rows of a query as they are, as what aggregates speak of."""

    def __init__(self, query: Query) -> None:
        super().__init__(query.meta)
        self.inside = Compiler(query)
        self.taken: dict[str, Any] = {}

    def named(self, name: str) -> Any:
        label = f"value_{len(self.taken)}"
        element = self.inside.scope.named(name)
        self.taken[label] = element.label(label)
        return sa.column(label, element.type)

    def found(self, name: str) -> tuple[Any, tuple[str, ...], None]:
        return self.named(name), (), None


def aggregate(connection: Connection, query: Query, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each name."""
    query = query.but(lock=None, related=())
    if query.empty:
        query = query.but(empty=False, steps=(), low=0, high=0, combined=None)
    if _is_whole(query):
        select = _of_whole(query, given)
    else:
        compiler = Compiler(query.but(order=()))
        columns = []
        for name, expression in given.items():
            element = compiler.scope.value(expression)
            compiler.scope.annotations[name] = element
            columns.append(element.label(name))
        select = compiler.select(columns)
    return dict(connection.execute(select).mappings().one())


def _of_whole(query: Query, given: Mapping[str, Any]) -> Any:
    scope = _Whole(query)
    columns = [scope.value(each).label(name) for name, each in given.items()]
    if query.distinct:
        if query.fields is None:
            scope.inside.with_instances()
        else:
            scope.inside.with_values()
        distinct = [
            element.label(f"own_{at}") for at, (_, element) in enumerate(scope.inside.columns)
        ]
        inside = scope.inside.select([*distinct, *scope.taken.values()])
    else:
        inside = scope.inside.select([*scope.taken.values(), sa.literal(1).label("one")])
    return sa.select(*columns).select_from(inside.subquery())
