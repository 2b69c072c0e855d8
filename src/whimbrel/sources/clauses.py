"""From expressions as values to SQLAlchemy's clauses."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from whimbrel.schema.expressions import SQL, Expression, F, Q


class SQLClause(sa.sql.expression.ColumnElement[Any]):
    """SQL's own words in a clause, as each dialect spells them."""

    inherit_cache = False

    def __init__(self, words: SQL) -> None:
        self.words = words
        self.type = sa.types.NullType()


@compiles(SQLClause)
def _compile_words(element: SQLClause, compiler: Any, **_: Any) -> str:
    text: str = compiler.post_process_text(element.words.on(compiler.dialect.name))
    return text


def clause(expression: Expression, columns: Mapping[str, Any]) -> Any:
    """The clause of an expression whose names are keys of ``columns``."""
    if isinstance(expression, SQL):
        return SQLClause(expression)
    parts = [
        clause(child, columns) if isinstance(child, Q) else _comparison(child, columns)
        for child in expression.children
    ]
    joined = sa.and_(sa.true(), *parts) if expression.connector == Q.AND else sa.or_(*parts)
    return sa.not_(joined) if expression.negated else joined


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": lambda column, value: column.is_(None) if value is None else column == value,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda column, value: column.in_(list(value)),
    "isnull": lambda column, value: column.is_(None) if value else column.is_not(None),
    "range": lambda column, value: column.between(*value),
    "startswith": lambda column, value: column.startswith(value, autoescape=True),
    "endswith": lambda column, value: column.endswith(value, autoescape=True),
    "contains": lambda column, value: column.contains(value, autoescape=True),
}


def _comparison(child: tuple[str, str, Any], columns: Mapping[str, Any]) -> Any:
    name, lookup, value = child
    other = columns[value.name] if isinstance(value, F) else value
    return _COMPARISONS[lookup](columns[name], other)
