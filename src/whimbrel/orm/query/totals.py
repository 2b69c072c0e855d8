"""EXISTS, COUNT and aggregates of all rows of a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.orm.query.compiler import QueryCompiler, compile_query
from whimbrel.orm.query.query import Query
from whimbrel.orm.query.scope import Scope


def _needs_subquery(query: Query) -> bool:
    """True if the rows can be counted only when they have been selected as they are."""
    is_plain = not (query.is_sliced or query.distinct or query.is_picked or query.is_grouped)
    return not is_plain or query.combined is not None


def select_rows(query: Query, outer: Scope | None = None) -> Any:
    """A SELECT that has a row for each row of the query, and none of its columns."""
    if query.combined is not None or query.distinct:
        return compile_query(query, outer).select
    compiler = QueryCompiler(query.replace(order=query.order if query.is_sliced else ()), outer)
    return compiler.select([sa.literal(1).label("one")])


def exists(connection: Connection, query: Query) -> bool:
    """True if there is a row."""
    query = query.replace(lock=None)
    if query.empty:
        return False
    rows = select_rows(query).limit(1) if not query.is_sliced else select_rows(query)
    return connection.execute(rows).first() is not None


def count(connection: Connection, query: Query) -> int:
    """The number of rows."""
    query = query.replace(lock=None, related=())
    if query.empty:
        return 0
    if _needs_subquery(query):
        select = sa.select(sa.func.count()).select_from(select_rows(query).subquery())
    else:
        select = QueryCompiler(query.replace(order=())).select([sa.func.count().label("number")])
    return int(connection.execute(select).scalar_one())


class _SubqueryScope(Scope):
    """The scope of aggregates over a subquery: names in it become columns of the subquery."""

    def __init__(self, query: Query) -> None:
        super().__init__(query.meta)
        self.inside = QueryCompiler(query)
        self.taken: dict[str, Any] = {}

    def resolve_name(self, name: str) -> Any:
        label = f"value_{len(self.taken)}"
        element = self.inside.scope.resolve_name(name)
        self.taken[label] = element.label(label)
        return sa.column(label, element.type)

    def find_column(self, name: str) -> tuple[Any, tuple[str, ...], None]:
        return self.resolve_name(name), (), None


def aggregate(connection: Connection, query: Query, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each name."""
    query = query.replace(lock=None, related=())
    if query.empty:
        query = query.replace(empty=False, steps=(), low=0, high=0, combined=None)
    if _needs_subquery(query):
        select = _select_from_subquery(query, given)
    else:
        compiler = QueryCompiler(query.replace(order=()))
        columns = []
        for name, expression in given.items():
            element = compiler.scope.resolve_value(expression)
            compiler.scope.annotations[name] = element
            columns.append(element.label(name))
        select = compiler.select(columns)
    return dict(connection.execute(select).mappings().one())


def _select_from_subquery(query: Query, given: Mapping[str, Any]) -> Any:
    scope = _SubqueryScope(query)
    columns = [scope.resolve_value(each).label(name) for name, each in given.items()]
    if query.distinct:
        scope.inside.add_columns()
        distinct = [
            element.label(f"own_{at}") for at, (_, element) in enumerate(scope.inside.columns)
        ]
        inside = scope.inside.select([*distinct, *scope.taken.values()])
    else:
        inside = scope.inside.select([*scope.taken.values(), sa.literal(1).label("one")])
    return sa.select(*columns).select_from(inside.subquery())
