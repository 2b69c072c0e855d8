"""From rows to what a queryset gives: instances, dictionaries, tuples, single values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy.engine import Connection

from whimbrel.orm.expressions.value_types import is_mutable
from whimbrel.orm.query.compiler import CompiledQuery, RowPart, compile_query
from whimbrel.orm.query.cursors import fetch_chunks
from whimbrel.orm.query.instance_state import make_instance, related_cache, take_snapshot
from whimbrel.orm.query.query import Query

Row = tuple[Any, ...]


def read_rows(connection: Connection, query: Query) -> Iterator[Any]:
    """What a query gives, all of it read at once."""
    if query.empty:
        return iter(())
    made = compile_query(query)
    reader = _make_reader(query, made)
    return iter([reader(row) for row in connection.execute(made.select)])


def stream_rows(connection: Connection, query: Query, size: int) -> Iterator[list[Any]]:
    """What a query gives, ``size`` rows at a time, from a cursor on the server."""
    if query.empty:
        return
    made = compile_query(query)
    reader = _make_reader(query, made)
    for some in fetch_chunks(connection, made.select, size):
        yield [reader(row) for row in some]


def take_chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Values, so many at a time."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _make_reader(query: Query, made: CompiledQuery) -> Callable[[Any], Any]:
    if made.part is not None:
        return _instance_reader(query, made.part, made)
    labels, count = made.labels, len(made.labels)
    match query.shape:
        case "flat":
            return lambda row: row[0]
        case "tuples":
            return lambda row: tuple(row[:count])
        case "named":
            kind = namedtuple("Row", labels)  # type: ignore[misc]
            return lambda row: kind(*row[:count])
    return lambda row: dict(zip(labels, row, strict=False))


def _instance_reader(query: Query, part: RowPart, made: CompiledQuery) -> Callable[[Any], Any]:
    reader = _part_reader(part)
    names = list(enumerate(made.annotations, start=len(made.labels) - len(made.annotations)))
    alias = query.alias

    def read(row: Any) -> Any:
        instance = reader(row)
        for at, name in names:
            instance.__dict__[name] = row[at]
        if alias is not None:
            instance.__dict__["_alias"] = alias
        for relation, attribute, value, parent in query.known:
            if instance.__dict__.get(attribute) == value:
                related_cache(instance).setdefault(relation, parent)
        return instance

    return read


def _part_reader(part: RowPart) -> Callable[[Any], Any]:
    """What makes an instance of the columns of a part; None where its key is NULL."""
    names = [each.attname for each in part.fields]
    start, end = part.start, part.start + len(names)
    top = part.meta.lineage[0].primary_key
    key_at = [start + part.fields.index(each) for each in top]
    model, missing = part.meta.model, part.missing
    below = [(each, _part_reader(each)) for each in part.below]
    changing = [each.attname for each in part.fields if is_mutable(each.table_column.type)]

    def read(row: Any) -> Any:
        key = tuple(row[at] for at in key_at)
        if None in key:
            return None
        values = dict(zip(names, row[start:end], strict=True))
        instance = make_instance(model, values, key, missing)
        if changing:
            take_snapshot(instance, changing)
        for each, inner in below:
            _cache_related(instance, each, inner(row))
        return instance

    return read


def _cache_related(instance: Any, part: RowPart, related: Any) -> None:
    hop = part.hop
    assert hop is not None
    if related is not None or not hop.reverse:
        related_cache(instance)[part.name] = related
    if related is not None and hop.reverse:
        related_cache(related)[hop.field_name] = instance
