"""From a table of SQLAlchemy's to what a state is told of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import ModelError
from whimbrel.schema.foreign import DIALECTS
from whimbrel.schema.types import enum_types
from whimbrel.sources.column_reader import (
    Tables,
    deferrable,
    field_of,
    is_in_order,
    key_options,
    name_of,
    target_of,
    type_of,
)
from whimbrel.sources.expressions import dialects_of, dialects_of_constraint, sql_of
from whimbrel.sources.index_reader import expression_of, index_of
from whimbrel.sources.managed import managed_option
from whimbrel.sources.names import NamedTable
from whimbrel.sources.unsupported import is_not_valid, is_unlogged, refuse_unsaid
from whimbrel.state.fields.base import Field
from whimbrel.state.options import (
    CheckConstraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    ModelConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
    schema_beside,
)


def declaration(
    named: NamedTable, tables: Tables
) -> tuple[tuple[tuple[str, Field], ...], dict[str, Any]]:
    """Return the fields and the options of a table's model (see `State.with_new_model`).

    Raises `ModelError`, with the place of its class or its table.
    """
    try:
        refuse_unsaid(named.table)
        return tuple(_fields(named, tables)), dict(_options(named, tables))
    except ModelError as error:
        if error.place:
            raise
        raise named.error(error.message, error.hint) from error


def _fields(named: NamedTable, tables: Tables) -> Iterator[tuple[str, Field]]:
    keys = _field_keys(named.table)
    uniques = _field_uniques(named)
    for column in named.table.columns:
        if column.system:
            continue  # the database has it by itself: xmin, for one
        field = field_of(named, column, keys.get(column), column in uniques, tables)
        yield named.field(column), field


def _options(named: NamedTable, tables: Tables) -> Iterator[tuple[str, Any]]:
    table = named.table
    yield "db_table", str(table.name)
    schema = schema_beside(str(table.name), table.schema and str(table.schema))
    if schema is not None:
        yield "schema", schema
    if managed_option(table) is False:
        yield "managed", False
    if table.comment:
        yield "db_table_comment", table.comment
    dialect = {name: value for name, value in table.dialect_kwargs.items() if value is not None}
    if is_unlogged(table):
        dialect["postgresql_unlogged"] = True
    if dialect:
        yield "dialect", dialect
    indexes = [
        index_of(named, index)
        for index in sorted(table.indexes, key=lambda each: (str(each.name), str(each.expressions)))
    ]
    if indexes:
        yield "indexes", indexes
    constraints = list(_constraints(named, tables))
    if constraints:
        yield "constraints", constraints


def _constraints_in_order(table: sa.Table) -> list[Any]:
    """In the order in which they were made: SQLAlchemy keeps them in a set.

    A check that was given to a column is the column's alone. Of unique constraints that say the
    same under one name, as a naming convention may give it, there is one.
    """
    of_columns = [each for column in table.columns for each in column.constraints]
    found = sorted([*table.constraints, *of_columns], key=lambda each: each._creation_order)
    return list({_sort_key(each): each for each in reversed(found)}.values())[::-1]


def _sort_key(constraint: Any) -> object:
    if not isinstance(constraint, sa.UniqueConstraint) or constraint.name is None:
        return constraint
    return constraint.name, tuple(constraint.columns), repr(dict(constraint.dialect_kwargs))


# -- what fields say of themselves


def _field_keys(table: sa.Table) -> dict[sa.Column[Any], sa.ForeignKeyConstraint]:
    """The first foreign key of each column alone, but for what no field could say of one."""
    found: dict[sa.Column[Any], sa.ForeignKeyConstraint] = {}
    for each in _constraints_in_order(table):
        if isinstance(each, sa.ForeignKeyConstraint) and len(each.elements) == 1:
            column = each.elements[0].parent
            plain = column.computed is None and not dialects_of(each) and not is_not_valid(each)
            if plain and not _sets_what_cannot_be(each, column):
                found.setdefault(column, each)
    return found


def _sets_what_cannot_be(key: sa.ForeignKeyConstraint, column: sa.Column[Any]) -> bool:
    """True if a key sets NULL, or a default, where there is none: databases mind that late."""
    words = (key.ondelete or "").upper()
    if words == "SET NULL":
        return not column.nullable or column.primary_key
    return words == "SET DEFAULT" and column.server_default is None


def _field_uniques(named: NamedTable) -> dict[sa.Column[Any], sa.UniqueConstraint]:
    """By column, the unique constraint that ``unique=True`` says in full.

    Of a field that is the primary key by itself that would say nothing.
    """
    found: dict[sa.Column[Any], sa.UniqueConstraint] = {}
    for each in _constraints_in_order(named.table):
        if isinstance(each, sa.UniqueConstraint) and _is_plain(named, each):
            (column,) = each.columns
            if [column] != list(named.table.primary_key.columns):
                found.setdefault(column, each)
    return found


def _is_plain(named: NamedTable, unique: sa.UniqueConstraint) -> bool:
    special = deferrable(unique) or dialects_of(unique) or _unique_options(named, unique)
    return len(unique.columns) == 1 and name_of(named, unique) is None and not special


# -- constraints


def _constraints(named: NamedTable, tables: Tables) -> Iterator[ModelConstraint]:
    by_fields = {*_field_keys(named.table).values(), *_field_uniques(named).values()}
    for each in _constraints_in_order(named.table):
        if each in by_fields:
            continue
        if isinstance(each, sa.PrimaryKeyConstraint):
            yield from _primary_key(named, each)
        elif isinstance(each, sa.ForeignKeyConstraint):
            yield _foreign_key(named, each, tables)
        elif isinstance(each, sa.UniqueConstraint):
            yield _unique(named, each)
        elif isinstance(each, sa.CheckConstraint):
            yield from _check(named, each)
        elif each.__visit_name__ == "exclude_constraint":
            yield _exclude(named, each)


def _primary_key(named: NamedTable, key: sa.PrimaryKeyConstraint) -> Iterator[PrimaryKeyConstraint]:
    columns = list(key.columns)
    name = name_of(named, key)
    dialects = dialects_of(key)
    if columns and (name is not None or dialects or not is_in_order(key)):
        fields = [named.field(each) for each in columns]
        yield PrimaryKeyConstraint(fields=fields, name=name, dialects=dialects)


def _unique(named: NamedTable, constraint: sa.UniqueConstraint) -> UniqueConstraint:
    return UniqueConstraint(
        fields=[named.field(column) for column in constraint.columns],
        name=name_of(named, constraint),
        deferrable=deferrable(constraint),
        dialects=dialects_of(constraint),
        **_unique_options(named, constraint),
    )


def _unique_options(named: NamedTable, constraint: sa.UniqueConstraint) -> dict[str, Any]:
    said = constraint.dialect_options["postgresql"]
    found: dict[str, Any] = {}
    if said.get("include"):
        found["include"] = [named.field(each) for each in said["include"]]
    if said.get("nulls_not_distinct"):
        found["nulls_distinct"] = False
    return found


def _check(named: NamedTable, constraint: sa.CheckConstraint) -> Iterator[CheckConstraint]:
    """A check; that of an Enum is its type's to make, where it has the type's name.

    One that a type brings is made where SQLAlchemy makes it: that of a Boolean is nothing to
    PostgreSQL.
    """
    dialects = dialects_of(constraint)
    if constraint._type_bound:
        made = [
            name for name in dialects_of_constraint(constraint) if not dialects or name in dialects
        ]
        enums = [enum for each in constraint.columns for enum in enum_types(type_of(named, each))]
        if not made or any(enum.check for enum in enums):
            return
        dialects = tuple(made) if len(made) < len(DIALECTS) else dialects
    condition = sql_of(constraint.sqltext)
    yield CheckConstraint(
        condition,
        name=name_of(named, constraint),
        dialects=dialects,
        not_valid=is_not_valid(constraint),
    )


def _foreign_key(
    named: NamedTable, key: sa.ForeignKeyConstraint, tables: Tables
) -> ForeignKeyConstraint:
    there = target_of(named, key, tables)
    options = key_options(named, key)
    return ForeignKeyConstraint(
        fields=[named.field(each.parent) for each in key.elements],
        to=there.label,
        to_fields=[there.field(each.column) for each in key.elements],
        name=options.pop("db_constraint", None),
        dialects=dialects_of(key),
        not_valid=is_not_valid(key),
        **options,
    )


def _exclude(named: NamedTable, constraint: Any) -> ExclusionConstraint:
    elements = [
        (expression_of(named, each, constraint.ops), operator)
        for each, _, operator in constraint._render_exprs
    ]
    where = constraint.where
    return ExclusionConstraint(
        expressions=elements,
        name=name_of(named, constraint),
        method=constraint.using.lower(),
        condition=sql_of(where) if where is not None else None,
        deferrable=deferrable(constraint),
        dialects=dialects_of(constraint),
    )
