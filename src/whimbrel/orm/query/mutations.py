"""UPDATE and DELETE of all rows of a query, and INSERT where rows are there already."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.value_types import convert_for_column, is_expression
from whimbrel.orm.hops import find_hop
from whimbrel.orm.meta import BoundField, Meta
from whimbrel.orm.query.cascade import cascade, does_cascade
from whimbrel.orm.query.compiler import QueryCompiler
from whimbrel.orm.query.query import Annotation, Query
from whimbrel.orm.query.row_reader import take_chunks
from whimbrel.orm.query.scope import Scope

Element = sa.sql.ColumnElement[Any]


# -- the rows


def _own_conditions(query: Query) -> list[Element] | None:
    """The conditions of a query of its own table alone; None for any other."""
    if query.is_sliced or query.distinct or query.is_picked or query.combined or query.is_grouped:
        return None
    compiler = QueryCompiler(query.replace(order=()))
    if compiler.scope.has_joins or compiler.having:
        return None
    return [*compiler.where, *([sa.false()] if query.empty else [])]


def _select_keys(query: Query) -> Any:
    """A SELECT of the keys of a query's rows."""
    plain = query.replace(lock=None, related=(), fields=None, shape="instances")
    if query.combined is not None:
        raise QueryError(
            f"a {query.combined[0]} of querysets takes neither update() nor delete()",
            hint="Use | instead, or filter(pk__in=...).",
        )
    if not plain.is_sliced:
        plain = plain.replace(distinct=False, order=plain.order if plain.distinct_on else ())
    compiler = QueryCompiler(plain, aliased=True)
    return compiler.select(compiler.scope.key_columns())


def _conditions(query: Query) -> list[Element]:
    """The conditions for an UPDATE or a DELETE of the model's own table."""
    own = _own_conditions(query)
    if own is not None:
        return own
    columns = [each.table_column for each in query.meta.primary_key]
    key = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
    return [key.in_(_select_keys(query))]


# -- UPDATE


def update(connection: Connection, query: Query, values: Mapping[str, Any]) -> int:
    """Write values to the rows. Return how many there were."""
    fields = {_writable_field(query.meta, name): value for name, value in values.items()}
    if query.empty or not fields:
        return 0
    if {field.meta for field in fields} != {query.meta}:
        return _update_parts(connection, query, fields)
    new = {field.column: _new_value(query, field, value) for field, value in fields.items()}
    statement = sa.update(query.meta.table).where(*_conditions(query)).values(new)
    return connection.execute(statement).rowcount


def _writable_field(meta: Meta, name: str) -> BoundField:
    field = meta.fields_by_name.get(name)
    if field is None:
        raise meta.unknown_field(name)
    if field.field.computed() is not None:
        raise QueryError(f"{meta.label}.{name} is computed by the database, and cannot be written")
    return field


def _new_value(query: Query, field: BoundField, value: Any) -> Element:
    """A value in an UPDATE; one that other tables take part in is a SELECT of its own."""
    column = field.table_column
    if not is_expression(value):
        hop = find_hop(query.meta, field.name) if field.is_relation else None
        if hop is not None and hasattr(value, "_meta"):
            value = getattr(value, hop.remote)
        value = convert_for_column(value, column.type, f"{query.meta.label}.{field.name}")
        return Scope(query.meta).resolve_value(value, column)
    annotations = tuple(each for each in query.steps if isinstance(each, Annotation))
    plain = QueryCompiler(Query(query.meta, query.alias, steps=annotations, order=()))
    element = plain.scope.resolve_value(value, column)
    if plain.query.is_grouped:
        return _value_of_group(query.meta, plain.query, value, column)
    if not plain.scope.has_joins:
        return element
    beside = QueryCompiler(plain.query, scope=Scope.without_own_table(query.meta))
    element = beside.scope.resolve_value(value, column)
    return beside.select([element]).limit(1).scalar_subquery()  # type: ignore[no-any-return]


def _value_of_group(meta: Meta, query: Query, value: Any, column: Any) -> Element:
    """A value of aggregates: a SELECT of the row with the rows that they are taken of."""
    outer = Scope(meta)
    inner = QueryCompiler(query, outer)
    element = inner.scope.resolve_value(value, column)
    same = [
        far == near
        for far, near in zip(inner.scope.key_columns(), outer.key_columns(), strict=True)
    ]
    return inner.select([element]).where(*same).limit(1).scalar_subquery()  # type: ignore[no-any-return]


def _update_parts(connection: Connection, query: Query, values: Mapping[BoundField, Any]) -> int:
    """Write to rows of several tables: their keys are read first, then each table is written."""
    keys = [row[0] for row in connection.execute(_select_keys(query))]
    for part in query.meta.lineage:
        own = {field.name: value for field, value in values.items() if field.meta is part}
        if own:
            part.model.objects.using(query.alias).filter(pk__in=keys).update(**own)
    return len(keys)


# -- DELETE


def delete(connection: Connection, query: Query) -> tuple[int, dict[str, int]]:
    """Delete the rows. Return how many there were, and the same by model."""
    if query.empty:
        return 0, {}
    if query.meta.parent is not None:
        return _delete_with_parent(connection, query, query.meta.parent)
    if not does_cascade(connection):
        rows = connection.execute(_select_keys(query)).all()
        cascade(connection, query.meta, [tuple(row) for row in rows])
    statement = sa.delete(query.meta.table).where(*_conditions(query))
    number = connection.execute(statement).rowcount
    return number, {query.meta.label: number} if number else {}


def _delete_with_parent(
    connection: Connection, query: Query, parent: Meta
) -> tuple[int, dict[str, int]]:
    """Delete rows of several tables: first their own part, then that in the parent's table."""
    meta = query.meta
    keys = [row[0] for row in connection.execute(_select_keys(query))]
    for some in take_chunks(keys, 900):
        if not does_cascade(connection):
            cascade(connection, meta, [(key,) for key in some])
        connection.execute(sa.delete(meta.table).where(meta.pk.table_column.in_(some)))
        parent.model.objects.using(query.alias).filter(pk__in=some).delete()
    return len(keys), {meta.label: len(keys)} if keys else {}


# -- conflicts


def make_upsert(
    connection: Connection,
    meta: Meta,
    ignore: bool,
    update_fields: Iterable[str],
    unique_fields: Iterable[str],
) -> Callable[[Any], Any]:
    """Return a function from rows to an INSERT that leaves those that are there, or updates them."""
    insert = _find_insert(connection)
    targets = [meta.get_field(name).column for name in unique_fields]
    written = [meta.get_field(name).column for name in update_fields]
    if not ignore and not (targets and written):
        raise QueryError(
            "update_conflicts needs the fields to update, and those that conflict",
            hint="bulk_create(..., update_conflicts=True, update_fields=[...], unique_fields=[...])",
        )

    def upsert(rows: Any) -> Any:
        statement = insert(meta.table).values(rows)
        if ignore:
            return statement.on_conflict_do_nothing(index_elements=targets or None)
        return statement.on_conflict_do_update(
            index_elements=targets, set_={name: statement.excluded[name] for name in written}
        )

    return upsert


def _find_insert(connection: Connection) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    module = importlib.import_module(type(connection.dialect).__module__.rpartition(".")[0])
    insert = getattr(module, "insert", None)
    if insert is None or not hasattr(insert(sa.table("x")), "on_conflict_do_nothing"):
        raise QueryError(f"{connection.dialect.name} has no ON CONFLICT")
    return insert
