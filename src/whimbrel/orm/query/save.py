"""INSERT and UPDATE of instances: of one, or of many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.orm.expressions.value_types import convert, convert_for_column
from whimbrel.orm.meta import BoundField, Meta
from whimbrel.orm.query.instance_state import has_original_key, is_changed, mark_saved
from whimbrel.orm.query.row_reader import take_chunks
from whimbrel.orm.query.scope import Scope
from whimbrel.schema.expressions import Combinable
from whimbrel.sources.mapping import now_of
from whimbrel.state.fields.base import Field


def connection_of(instance: Any) -> Connection:
    """The connection of the database that an instance belongs to."""
    apps = instance._meta.apps
    connection: Connection = apps.connections[instance._alias or apps.alias]
    return connection


# -- one


def insert(instance: Any) -> None:
    """Insert its row; of a model that extends another, first the other's part."""
    set_auto_now(instance, instance._meta.fields, new=True)
    missing: list[str] = []
    for part in instance._meta.lineage:
        if part.link is not None and part.parent is not None:
            target = part.parent.target_field(part.link.field.to_field)
            instance.__dict__[part.link.attname] = getattr(instance, target.attname)
        missing += _insert_part(instance, part)
    mark_saved(instance, missing)


def _insert_part(instance: Any, part: Meta) -> list[str]:
    """Insert one table's row. Return the attributes whose values only the database knows."""
    connection = connection_of(instance)
    given = [each for each in part.own_fields if _is_given(instance, each)]
    others = [each for each in part.own_fields if each not in given]
    statement = sa.insert(part.table).values(
        {each.column: _column_value(instance, each) for each in given}
    )
    expressions = [each.attname for each in given if _is_expression(instance, each)]
    if not connection.dialect.insert_returning:
        result = connection.execute(statement)
        for each, value in zip(part.primary_key, result.inserted_primary_key or (), strict=True):
            instance.__dict__[each.attname] = value
        keys = {each.attname for each in part.primary_key}
        return [*expressions, *(each.attname for each in others if each.attname not in keys)]
    if others:
        row = connection.execute(statement.returning(*(each.table_column for each in others))).one()
        instance.__dict__.update({each.attname: row[at] for at, each in enumerate(others)})
    else:
        connection.execute(statement)
    return expressions


def _is_given(instance: Any, each: BoundField) -> bool:
    """True if an instance has a value of its own for a column that takes one."""
    if each.attname not in instance.__dict__ or each.field.computed() is not None:
        return False
    is_generated = each.field.generated() is not None or each.field.sequence is not None
    return not (is_generated and instance.__dict__[each.attname] is None)


def _is_expression(instance: Any, each: BoundField) -> bool:
    value = instance.__dict__.get(each.attname)
    return isinstance(value, Combinable | sa.sql.ClauseElement)


def _has_expression(instance: Any, fields: Iterable[BoundField]) -> bool:
    return any(_is_expression(instance, each) for each in fields)


def _column_value(instance: Any, each: BoundField) -> Any:
    value = instance.__dict__[each.attname]
    if _is_expression(instance, each):
        return Scope(each.meta).resolve_value(value, each.table_column)
    return convert_for_column(value, each.table_column.type, f"{each.meta.label}.{each.name}")


def update(instance: Any, fields: Iterable[BoundField], *, by_name: bool) -> bool:
    """Write an instance's fields to its row. Return True if there is one.

    by_name: they were named one by one. Else fields that did not change since they were read are
    left as the database has them.
    """
    chosen = [each for each in fields if each.field.computed() is None]
    set_auto_now(instance, chosen, new=False)
    if not by_name and has_original_key(instance):
        chosen = [
            each
            for each in chosen
            if is_changed(instance, each.attname) or has_auto_now(each.field, new=False)
        ]
    for part in instance._meta.lineage:
        if not _update_part(instance, part, [each for each in chosen if each.meta is part]):
            return False
    missing = [each.attname for each in chosen if _is_expression(instance, each)]
    mark_saved(instance, missing, [each.attname for each in chosen])
    return True


def _update_part(instance: Any, part: Meta, fields: list[BoundField]) -> bool:
    connection = connection_of(instance)
    values = {
        each.column: _column_value(instance, each)
        for each in fields
        if each.attname in instance.__dict__
        and each not in part.primary_key
        and not _is_ambiguous_null(instance, each)
    }
    where = [
        each.table_column == convert(getattr(instance, each.attname), each.table_column.type)
        for each in part.primary_key
    ]
    if not values:
        select = sa.select(sa.literal(1)).select_from(part.table).where(*where)
        return connection.execute(select).first() is not None
    return bool(connection.execute(sa.update(part.table).where(*where).values(values)).rowcount)


def _is_ambiguous_null(instance: Any, each: BoundField) -> bool:
    """True if None was read for what may be NULL, or JSON's null: it is not known which to write."""
    type = each.table_column.type
    return (
        instance.__dict__[each.attname] is None
        and isinstance(type, sa.JSON | sa.types.TypeDecorator)
        and has_original_key(instance)
        and not is_changed(instance, each.attname)
    )


def set_auto_now(instance: Any, fields: Iterable[BoundField], new: bool) -> None:
    """Set the fields with ``auto_now``, of new rows those with ``auto_now_add`` too."""
    for each in fields:
        if has_auto_now(each.field, new):
            instance.__dict__[each.attname] = now_of(each.field)()


def has_auto_now(field: Field, new: bool) -> bool:
    """True if saving sets a field to the moment."""
    add = new and getattr(field, "auto_now_add", False)
    return bool(add or getattr(field, "auto_now", False))


# -- many


def insert_all(
    connection: Connection,
    meta: Meta,
    instances: Sequence[Any],
    batch_size: int,
    conflict: Any = None,
) -> None:
    """Insert many rows, in as few statements as there are batches of the same columns.

    conflict: gives an INSERT its ON CONFLICT; then no instance learns its key.
    """
    if meta.parent is not None:
        for instance in instances:
            insert(instance)
        return
    groups: dict[tuple[BoundField, ...], list[Any]] = {}
    for instance in instances:
        set_auto_now(instance, meta.fields, new=True)
        given = tuple(each for each in meta.own_fields if _is_given(instance, each))
        groups.setdefault(given, []).append(instance)
    for given, group in groups.items():
        for batch in take_chunks(group, batch_size):
            _insert_batch(connection, meta, given, batch, conflict)


def _insert_batch(
    connection: Connection,
    meta: Meta,
    given: tuple[BoundField, ...],
    batch: list[Any],
    conflict: Any,
) -> None:
    if conflict is None and (not given or any(_has_expression(each, given) for each in batch)):
        for instance in batch:
            _insert_part(instance, meta)
            mark_saved(instance)
        return
    rows = [{each.column: _column_value(instance, each) for each in given} for instance in batch]
    if conflict is not None:
        connection.execute(conflict(rows))
        return
    statement = sa.insert(meta.table)
    wanted = [each for each in meta.primary_key if each not in given]
    if not wanted:
        connection.execute(statement, rows)
    elif connection.dialect.insert_executemany_returning_sort_by_parameter_order:
        columns = [each.table_column for each in wanted]
        keys = connection.execute(statement.returning(*columns, sort_by_parameter_order=True), rows)
        for instance, key in zip(batch, keys, strict=True):
            instance.__dict__.update({each.attname: key[at] for at, each in enumerate(wanted)})
    else:
        connection.execute(statement, rows)
        return
    others = [each.attname for each in meta.own_fields if each not in (*given, *wanted)]
    for instance in batch:
        mark_saved(instance, others)


def update_all(
    connection: Connection,
    meta: Meta,
    instances: Sequence[Any],
    fields: Sequence[BoundField],
    batch_size: int,
) -> int:
    """Write these fields of many rows, a statement a batch. Return how many rows were there."""
    number = 0
    for batch in take_chunks(instances, batch_size):
        for part in meta.lineage:
            own = [each for each in fields if each.meta is part]
            if own:
                number += _update_batch(connection, part, batch, own)
    return number


def _update_batch(
    connection: Connection, part: Meta, batch: Sequence[Any], fields: Sequence[BoundField]
) -> int:
    """One statement for all rows; a row that is not to be written like the others has its own."""
    number = 0
    plain: list[Any] = []
    for instance in batch:
        for field in fields:
            getattr(instance, field.attname)  # deferred ones are read now
        is_null = any(_is_ambiguous_null(instance, field) for field in fields)
        if is_null or _has_expression(instance, fields):
            number += _update_part(instance, part, list(fields))
        else:
            plain.append(instance)
    return number + (_update_plainly(connection, part, plain, fields) if plain else 0)


def _update_plainly(
    connection: Connection, part: Meta, batch: Sequence[Any], fields: Sequence[BoundField]
) -> int:
    where = [
        each.table_column == sa.bindparam(f"key_{at}", type_=each.table_column.type)
        for at, each in enumerate(part.primary_key)
    ]
    values = {
        each.column: sa.bindparam(f"value_{at}", type_=each.table_column.type)
        for at, each in enumerate(fields)
    }
    rows = [
        {
            **{f"key_{at}": _column_value(row, each) for at, each in enumerate(part.primary_key)},
            **{f"value_{at}": _column_value(row, each) for at, each in enumerate(fields)},
        }
        for row in batch
    ]
    result = connection.execute(sa.update(part.table).where(*where).values(values), rows)
    return result.rowcount if result.rowcount >= 0 else len(batch)
