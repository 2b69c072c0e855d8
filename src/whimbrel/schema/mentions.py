"""Which columns the parts of a table are made of, and those parts after columns were renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    Constraint,
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    PrimaryKey,
    Table,
    Unique,
)


def mentioned(part: Constraint | Index, columns: frozenset[str]) -> frozenset[str]:
    """Which of these columns a constraint or an index is made of, in expressions too."""
    match part:
        case PrimaryKey() | ForeignKey():
            return columns.intersection(part.columns)
        case Unique():
            return columns.intersection((*part.columns, *part.include))
        case Check():
            return part.expression.columns(columns)
        case Exclude():
            inside = _in_elements((of for of, _ in part.elements), columns)
            return inside | _in_condition(part.where, columns)
        case Index():
            inside = _in_elements((each.of for each in part.parts), columns)
            carried = columns.intersection(part.include)
            return inside | carried | _in_condition(part.where, columns)


def _in_elements(elements: Iterable[str | SQL], columns: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    for of in elements:
        found |= of.columns(columns) if isinstance(of, SQL) else columns.intersection((of,))
    return frozenset(found)


def _in_condition(where: Expression | None, columns: frozenset[str]) -> frozenset[str]:
    return where.columns(columns) if where is not None else frozenset()


def rename_columns(table: Table, names: Mapping[str, str]) -> Table:
    """The table after columns were renamed, with all that is made of them."""
    return replace(
        table,
        columns=tuple(rename_column(column, names) for column in table.columns),
        constraints=tuple(rename_in_constraint(each, names) for each in table.constraints),
        indexes=tuple(rename_in_index(each, names) for each in table.indexes),
    )


def rename_column(column: Column, names: Mapping[str, str]) -> Column:
    """The column under its new name, its computed expression with the new names in it."""
    computed = column.computed
    if computed is not None:
        computed = Computed(computed.expression.rename(names), computed.stored)
    return replace(column, name=names.get(column.name, column.name), computed=computed)


def rename_in_constraint(constraint: Constraint, names: Mapping[str, str]) -> Constraint:
    """The constraint of a table whose columns were renamed (a foreign key's own columns)."""
    match constraint:
        case PrimaryKey() | ForeignKey():
            return replace(constraint, columns=_all(constraint.columns, names))
        case Unique():
            return replace(
                constraint,
                columns=_all(constraint.columns, names),
                include=_all(constraint.include, names),
            )
        case Check():
            return replace(constraint, expression=constraint.expression.rename(names))
        case Exclude():
            elements = tuple(
                (_element(of, names), operator) for of, operator in constraint.elements
            )
            where = constraint.where.rename(names) if constraint.where is not None else None
            return replace(constraint, elements=elements, where=where)


def rename_in_index(index: Index, names: Mapping[str, str]) -> Index:
    """The index of a table whose columns were renamed."""
    return replace(
        index,
        parts=tuple(_part(part, names) for part in index.parts),
        include=_all(index.include, names),
        where=index.where.rename(names) if index.where is not None else None,
    )


def _all(columns: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(column, column) for column in columns)


def _part(part: IndexPart, names: Mapping[str, str]) -> IndexPart:
    return replace(part, of=_element(part.of, names))


def _element(of: str | SQL, names: Mapping[str, str]) -> str | SQL:
    return of.rename(names) if isinstance(of, SQL) else names.get(of, of)
