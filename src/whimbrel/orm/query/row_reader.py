"""From rows of a SELECT to instances, dictionaries, tuples or single values."""

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
    """Return the results of a query, all of them read at once."""
    if query.empty:
        return iter(())
    compiled = compile_query(query)
    reader = _make_reader(query, compiled)
    return iter([reader(row) for row in connection.execute(compiled.select)])


def stream_rows(connection: Connection, query: Query, size: int) -> Iterator[list[Any]]:
    """Yield the results of a query, ``size`` of them at a time, from a cursor on the server."""
    if query.empty:
        return
    compiled = compile_query(query)
    reader = _make_reader(query, compiled)
    for some in fetch_chunks(connection, compiled.select, size):
        yield [reader(row) for row in some]


def take_chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Values, so many at a time."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _make_reader(query: Query, compiled: CompiledQuery) -> Callable[[Any], Any]:
    if compiled.part is not None:
        return _instance_reader(query, compiled.part, compiled)
    labels, count = compiled.labels, len(compiled.labels)
    match query.shape:
        case "flat":
            return lambda row: row[0]
        case "tuples":
            return lambda row: tuple(row[:count])
        case "named":
            kind = namedtuple("Row", labels)  # type: ignore[misc]
            return lambda row: kind(*row[:count])
    return lambda row: dict(zip(labels, row, strict=False))


def _instance_reader(query: Query, part: RowPart, compiled: CompiledQuery) -> Callable[[Any], Any]:
    reader = _part_reader(part)
    annotations = compiled.annotations
    names = list(enumerate(annotations, start=len(compiled.labels) - len(annotations)))
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
    """Return a function from a row to the instance of a part; to None where its key is NULL."""
    names = [each.attname for each in part.fields]
    start, end = part.start, part.start + len(names)
    top = part.meta.lineage[0].primary_key
    key_at = [start + part.fields.index(each) for each in top]
    model, missing = part.meta.model, part.missing
    below = [(each, _part_reader(each)) for each in part.below]
    mutable = [each.attname for each in part.fields if is_mutable(each.table_column.type)]

    def read(row: Any) -> Any:
        key = tuple(row[at] for at in key_at)
        if None in key:
            return None
        values = dict(zip(names, row[start:end], strict=True))
        instance = make_instance(model, values, key, missing)
        if mutable:
            take_snapshot(instance, mutable)
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
