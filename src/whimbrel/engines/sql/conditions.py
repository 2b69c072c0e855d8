"""A `Q` in SQL: columns quoted, values as literals of their columns' types."""

from __future__ import annotations

from typing import Any, Protocol

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import F, Q
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import ColumnType

_OPERATORS = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Writer(Protocol):
    """The part of a compiler that a condition needs."""

    def quote(self, name: str) -> str: ...

    def literal(self, value: object, type: ColumnType | None = None) -> str: ...

    def starts_with(self, column: str, value: str) -> str: ...

    def ends_with(self, column: str, value: str) -> str: ...

    def contains(self, column: str, value: str) -> str: ...


def compile_condition(condition: Q, table: Table, compiler: Writer) -> str:
    """The condition in SQL. Raises `ModelError` where it names a column that is not there."""
    parts = [
        compile_condition(child, table, compiler)
        if isinstance(child, Q)
        else _compared(child, table, compiler)
        for child in condition.children
    ]
    if not parts:
        raise ModelError("an empty Q() says nothing", hint="Leave the condition out.")
    joined = f" {condition.connector} ".join(parts)
    if condition.negated:
        return f"NOT ({joined})"
    return f"({joined})" if len(parts) > 1 else joined


def _column(name: str, table: Table) -> Column:
    try:
        return table.column(name)
    except KeyError:
        raise ModelError(
            f"a condition names {name!r}, which {table.at} does not have",
            hint=f"Columns: {', '.join(column.name for column in table.columns)}.",
        ) from None


def _compared(child: tuple[str, str, Any], table: Table, compiler: Writer) -> str:
    name, lookup, value = child
    column = _column(name, table)
    left = compiler.quote(name)

    def right(value: Any) -> str:
        if isinstance(value, F):
            return compiler.quote(_column(value.name, table).name)
        return compiler.literal(value, column.type)

    match lookup:
        case "isnull":
            return f"{left} IS NULL" if value else f"{left} IS NOT NULL"
        case "exact" if value is None:
            return f"{left} IS NULL"
        case "in":  # an empty list has no row, on every database
            return f"{left} IN ({', '.join(map(right, value))})" if value else "1 = 0"
        case "range":
            low, high = value
            return f"{left} BETWEEN {right(low)} AND {right(high)}"
        case "startswith":
            return compiler.starts_with(left, value)
        case "endswith":
            return compiler.ends_with(left, value)
        case "contains":
            return compiler.contains(left, value)
    return f"{left} {_OPERATORS[lookup]} {right(value)}"
