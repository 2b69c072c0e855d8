"""From rows to what a queryset gives: instances, dictionaries, tuples, single values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy.engine import Connection

from whimbrel.orm.expressions.value_types import may_change
from whimbrel.orm.query.compiler import Compiled, Part, compiled
from whimbrel.orm.query.cursors import chunks_of
from whimbrel.orm.query.instance_state import kept, loaded, remember
from whimbrel.orm.query.query import Query

Row = tuple[Any, ...]


def rows(connection: Connection, query: Query) -> Iterator[Any]:
    """What a query gives, all of it read at once."""
    if query.empty:
        return iter(())
    made = compiled(query)
    reader = _reader(query, made)
    return iter([reader(row) for row in connection.execute(made.select)])


def streamed(connection: Connection, query: Query, size: int) -> Iterator[list[Any]]:
    """What a query gives, ``size`` rows at a time, from a cursor on the server."""
    if query.empty:
        return
    made = compiled(query)
    reader = _reader(query, made)
    for some in chunks_of(connection, made.select, size):
        yield [reader(row) for row in some]


def chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Values, so many at a time."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _reader(query: Query, made: Compiled) -> Callable[[Any], Any]:
    if made.part is not None:
        return _of_instances(query, made.part, made)
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


def _of_instances(query: Query, part: Part, made: Compiled) -> Callable[[Any], Any]:
    reader = _of_part(part)
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
                kept(instance).setdefault(relation, parent)
        return instance

    return read


def _of_part(part: Part) -> Callable[[Any], Any]:
    """What makes an instance of the columns of a part; None where its key is NULL."""
    names = [each.attname for each in part.fields]
    start, end = part.start, part.start + len(names)
    top = part.meta.lineage[0].primary_key
    key_at = [start + part.fields.index(each) for each in top]
    model, missing = part.meta.model, part.missing
    below = [(each, _of_part(each)) for each in part.below]
    changing = [each.attname for each in part.fields if may_change(each.table_column.type)]

    def read(row: Any) -> Any:
        key = tuple(row[at] for at in key_at)
        if None in key:
            return None
        values = dict(zip(names, row[start:end], strict=True))
        instance = loaded(model, values, key, missing)
        if changing:
            remember(instance, changing)
        for each, inner in below:
            _keep(instance, each, inner(row))
        return instance

    return read


def _keep(instance: Any, part: Part, related: Any) -> None:
    hop = part.hop
    assert hop is not None
    if related is not None or not hop.reverse:
        kept(instance)[part.name] = related
    if related is not None and hop.reverse:
        kept(related)[hop.field_name] = instance
