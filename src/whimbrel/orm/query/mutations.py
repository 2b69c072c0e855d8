"""UPDATE and DELETE of all rows of a query, and INSERT where rows are there already."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from whimbrel.orm.query.scope import Scope

Element = sa.sql.ColumnElement[Any]


# -- which rows


def _own_conditions(query: Query) -> list[Element] | None:
    """The conditions of a query that speaks of its own table alone; None for any other."""
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
    if not (plain.is_sliced or plain.distinct_on):
        plain = plain.replace(order=())
    if not plain.is_sliced:
        plain = plain.replace(distinct=False)
    compiler = QueryCompiler(plain, aliased=True)
    return compiler.select(compiler.scope.key_columns())


def _among(columns: Sequence[Element], keys: Any) -> Element:
    return columns[0].in_(keys) if len(columns) == 1 else sa.tuple_(*columns).in_(keys)


def _conditions(query: Query) -> list[Element]:
    """The conditions for an UPDATE or a DELETE of the model's own table."""
    own = _own_conditions(query)
    if own is not None:
        return own
    return [_among([each.table_column for each in query.meta.primary_key], _select_keys(query))]


# -- UPDATE


def update(connection: Connection, query: Query, values: Mapping[str, Any]) -> int:
    """Write values to the rows; gives how many there were."""
    fields = {name: _writable_field(query.meta, name) for name in values}
    parts = {field.meta for field in fields.values()}
    if query.empty or not fields:
        return 0
    where = _conditions(query)
    if parts == {query.meta}:
        given = {
            field.column: _new_value(query, field, values[name]) for name, field in fields.items()
        }
        statement = sa.update(query.meta.table).where(*where).values(given)
        return connection.execute(statement).rowcount
    return _update_parts(connection, query, {field: values[name] for name, field in fields.items()})


def _writable_field(meta: Meta, name: str) -> BoundField:
    field = meta.fields_by_name.get(name)
    if field is None or field.field.computed() is not None:
        if field is None:
            raise meta.unknown_field(name)
        raise QueryError(f"{meta.label}.{name} is computed by the database, and cannot be written")
    return field


def _new_value(query: Query, field: BoundField, value: Any) -> Element:
    """A value in an UPDATE; one that other tables have a say in is a SELECT of its own."""
    column = field.table_column
    if not is_expression(value):
        hop = find_hop(query.meta, field.name) if field.is_relation else None
        if hop is not None and hasattr(value, "_meta"):
            value = getattr(value, hop.remote)
        value = convert_for_column(value, column.type, f"{query.meta.label}.{field.name}")
        return Scope(query.meta).resolve_value(value, column)
    annotations = tuple(each for each in query.steps if isinstance(each, Annotation))
    plain = QueryCompiler(Query(query.meta, query.alias, steps=annotations, order=()))
    made = plain.scope.resolve_value(value, column)
    if not plain.scope.has_joins and not plain.query.is_grouped:
        return made
    if plain.query.is_grouped:
        return _value_of_group(query.meta, plain.query, value, column)
    beside = QueryCompiler(plain.query, scope=Scope.without_own_table(query.meta))
    element = beside.scope.resolve_value(value, column)
    return beside.select([element]).limit(1).scalar_subquery()  # type: ignore[no-any-return]


def _value_of_group(meta: Meta, query: Query, value: Any, column: Any) -> Element:
    """A value of aggregates: the row is joined to what they are taken of."""
    outer = Scope(meta)
    inner = QueryCompiler(query, outer)
    element = inner.scope.resolve_value(value, column)
    same = [
        far == near
        for far, near in zip(inner.scope.key_columns(), outer.key_columns(), strict=True)
    ]
    return inner.select([element]).where(*same).limit(1).scalar_subquery()  # type: ignore[no-any-return]


def _update_parts(connection: Connection, query: Query, values: Mapping[BoundField, Any]) -> int:
    """The rows lie in several tables: their keys are read first, each table is written then."""
    rows = connection.execute(_select_keys(query)).all()
    found = len(rows)
    for part in query.meta.lineage:
        own = {field.name: value for field, value in values.items() if field.meta is part}
        if own:
            link = [row[0] for row in rows]
            part.model.objects.using(query.alias).filter(pk__in=link).update(**own)
    return found


# -- DELETE


def delete(connection: Connection, query: Query) -> tuple[int, dict[str, int]]:
    """Delete the rows; gives how many there were, and the same by model."""
    if query.empty:
        return 0, {}
    if query.meta.parent is not None:
        return _delete_with_parents(connection, query)
    if not does_cascade(connection):
        rows = connection.execute(_select_keys(query)).all()
        cascade(connection, query.meta, [tuple(row) for row in rows])
    statement = sa.delete(query.meta.table).where(*_conditions(query))
    number = connection.execute(statement).rowcount
    return number, {query.meta.label: number} if number else {}


def _delete_with_parents(connection: Connection, query: Query) -> tuple[int, dict[str, int]]:
    """A row in several tables: its own part goes first, then that in its parent's table."""
    meta = query.meta
    keys = [row[0] for row in connection.execute(_select_keys(query))]
    own = Query(meta, query.alias)
    for some in (keys[at : at + 900] for at in range(0, len(keys), 900)):
        column = meta.pk.table_column
        if not does_cascade(connection):
            cascade(connection, meta, [(key,) for key in some])
        connection.execute(sa.delete(meta.table).where(column.in_(some)))
        assert own.meta.parent is not None
        own.meta.parent.model.objects.using(own.alias).filter(pk__in=some).delete()
    return len(keys), {meta.label: len(keys)} if keys else {}


# -- conflicts


def make_upsert(
    connection: Connection,
    meta: Meta,
    ignore: bool,
    update_fields: Iterable[str],
    unique_fields: Iterable[str],
) -> Callable[[Any], Any]:
    """What makes an INSERT of rows that lets those be that are there, or updates them."""
    insert = _find_insert(connection)
    targets = [meta.get_field(name).column for name in unique_fields]
    written = [meta.get_field(name).column for name in update_fields]
    if not ignore and not (targets and written):
        raise QueryError(
            "update_conflicts needs the fields to update, and those that conflict",
            hint="bulk_create(..., update_conflicts=True, update_fields=[...], unique_fields=[...])",
        )

    def made(rows: Any) -> Any:
        statement = insert(meta.table).values(rows)
        if ignore:
            return statement.on_conflict_do_nothing(index_elements=targets or None)
        return statement.on_conflict_do_update(
            index_elements=targets, set_={name: statement.excluded[name] for name in written}
        )

    return made


def _find_insert(connection: Connection) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    module = importlib.import_module(type(connection.dialect).__module__.rpartition(".")[0])
    found = getattr(module, "insert", None)
    if found is None or not hasattr(found(sa.table("x")), "on_conflict_do_nothing"):
        raise QueryError(f"{connection.dialect.name} has no ON CONFLICT")
    return found
