"""Completion of native models' tables before SQLAlchemy creates them.

Mapping a class needs its columns and its foreign keys alone. Names, checks, unique
constraints and indexes come from lowering, as they do for a migration, when
`MetaData.create_all` wants them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.table import (
    Check,
    Constraint,
    Exclude,
    ForeignKey,
    Index,
    IndexPart,
    PrimaryKey,
    Schema,
    Unique,
)
from whimbrel.sources.clauses import SQLClause, clause
from whimbrel.sources.expressions import WITH_PARTIAL_INDEXES


def complete(metadata: sa.MetaData, schema: Schema) -> None:
    """Give the tables of a metadata all that their counterparts in a schema have."""
    for value in schema.tables.values():
        table = metadata.tables.get(str(value.at))
        if table is not None and not table.info.get("whimbrel_complete"):
            # Of keys that are said twice PostgreSQL keeps the first: that is to be the one with a name.
            for constraint in sorted(value.constraints, key=_is_unnamed):
                _limit_to(constraint.dialects, _constraint(table, constraint))
            for index in value.indexes:
                _limit_to(index.dialects, _index(table, index))
            table.info["whimbrel_complete"] = True


def _is_unnamed(constraint: Constraint) -> bool:
    return isinstance(constraint, Unique) and not constraint.named


def _limit_to(dialects: tuple[str, ...], made: Any) -> None:
    if dialects:
        made.ddl_if(dialect=dialects)


def _constraint(table: sa.Table, constraint: Constraint) -> Any:
    """The constraint of the table, made or completed."""
    match constraint:
        case PrimaryKey():
            table.primary_key.name = constraint.name
            return table.primary_key
        case ForeignKey():
            return _foreign_key(table, constraint)
        case Unique():
            made: Any = _unique(constraint)
        case Check():
            condition = _clause(table, constraint.expression)
            made = sa.CheckConstraint(
                condition, name=constraint.name, postgresql_not_valid=constraint.not_valid
            )
        case Exclude():
            made = _exclude(table, constraint)
    table.append_constraint(made)
    return made


def _clause(table: sa.Table, expression: Expression) -> Any:
    return clause(expression, {str(column.name): column for column in table.columns})


def _times(deferrable: str | None) -> dict[str, Any]:
    return {"deferrable": True, "initially": deferrable.upper()} if deferrable else {}


def _foreign_key(table: sa.Table, key: ForeignKey) -> sa.ForeignKeyConstraint:
    """Name the key that the mapping has made, or make one of several columns."""
    for made in table.foreign_key_constraints:
        if tuple(made.column_keys) == key.columns and made.name is None:
            made.name = key.name
            return made
    target = table.metadata.tables[str(key.target)]
    new = sa.ForeignKeyConstraint(
        list(key.columns),
        [target.columns[name] for name in key.target_columns],
        name=key.name,
        ondelete=key.on_delete,
        onupdate=key.on_update,
        match=key.match,
        postgresql_not_valid=key.not_valid,
        **_times(key.deferrable),
    )
    table.append_constraint(new)
    return new


def _unique(value: Unique) -> sa.UniqueConstraint:
    options: dict[str, Any] = {}
    if value.nulls_not_distinct:
        options["postgresql_nulls_not_distinct"] = True
    if value.include:
        options["postgresql_include"] = list(value.include)
    return sa.UniqueConstraint(
        *value.columns, name=value.name, **_times(value.deferrable), **options
    )


def _exclude(table: sa.Table, value: Exclude) -> Any:
    from sqlalchemy.dialects.postgresql import ExcludeConstraint

    elements = [
        (SQLClause(of) if isinstance(of, SQL) else table.columns[of], operator)
        for of, operator in value.elements
    ]
    where = _clause(table, value.where) if value.where is not None else None
    return ExcludeConstraint(
        *elements, name=value.name, using=value.method, where=where, **_times(value.deferrable)
    )


def _index(table: sa.Table, value: Index) -> sa.Index:
    return sa.Index(
        value.name,
        *(_part(table, part) for part in value.parts),
        unique=value.unique,
        _table=table,
        **dict(_index_options(table, value)),
    )


def _index_options(table: sa.Table, value: Index) -> Iterator[tuple[str, Any]]:
    if value.where is not None:
        where = _clause(table, value.where)
        for dialect in WITH_PARTIAL_INDEXES:
            if not isinstance(value.where, SQL) or value.where.on(dialect):
                yield f"{dialect}_where", where
    if value.method:
        yield "postgresql_using", value.method
    if value.include:
        yield "postgresql_include", list(value.include)
    if value.nulls_not_distinct:
        yield "postgresql_nulls_not_distinct", True
    if value.options:
        yield "postgresql_with", dict(value.options)
    opclasses = {part.of: part.opclass for part in value.parts if part.opclass}
    if opclasses:
        yield "postgresql_ops", opclasses


def _part(table: sa.Table, part: IndexPart) -> Any:
    made: Any = SQLClause(part.of) if isinstance(part.of, SQL) else table.columns[part.of]
    if part.collation:
        made = sa.collate(made, part.collation)
    if part.descending:
        made = made.desc()
    if part.nulls:
        made = made.nulls_first() if part.nulls == "first" else made.nulls_last()
    return made
