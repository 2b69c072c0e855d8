"""Queries in queries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.expression import Expression, Resolver, resolve_type

Element = sa.sql.ColumnElement[Any]


class OuterRef(Expression):
    """A field of the query around: ``Comment.objects.filter(post=OuterRef("pk"))``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, scope: Resolver) -> Element:
        if scope.outer is None:
            raise QueryError(
                f"OuterRef({self.name!r}) is in no query of another",
                hint="Put the query into a Subquery or an Exists of another.",
            )
        return scope.outer.resolve_argument(self.name)


class Subquery(Expression):
    """The one value that a query gives: its only column, of its first row."""

    def __init__(self, queryset: Any, output_field: Any = None) -> None:
        self.queryset = queryset
        self.output_field = output_field

    def resolve(self, scope: Resolver) -> Element:
        value: Element = self.queryset.select_in(scope).scalar_subquery()
        type = resolve_type(self.output_field)
        return sa.type_coerce(value, type) if type is not None else value

    def select_in(self, scope: Resolver, like: Any = None) -> Any:
        """The query as the right side of IN."""
        return self.queryset.select_in(scope, like)


class Exists(Expression):
    """True if a query gives any row: ``filter(Exists(...))``, ``annotate(has=Exists(...))``."""

    def __init__(self, queryset: Any) -> None:
        self.queryset = queryset

    def resolve(self, scope: Resolver) -> Element:
        return sa.exists(self.queryset.select_in(scope, rows=True))
