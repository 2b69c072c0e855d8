"""Prefetching: the rows that relations of many rows lead to, read by a query for each relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whimbrel.errors import QueryError
from whimbrel.orm.hops import Hop, Through, find_hop
from whimbrel.orm.query.instance_state import related_cache
from whimbrel.orm.query.row_reader import take_chunks

#: The number of keys in one IN: SQLite takes 32,766 parameters, older ones 999.
KEYS_PER_QUERY = 900


class Prefetch:
    """A relation to prefetch, by a queryset of the user's own, into an attribute of its own."""

    def __init__(self, lookup: str, queryset: Any = None, to_attr: str | None = None) -> None:
        self.lookup = lookup
        self.queryset = queryset
        self.to_attr = to_attr

    def __repr__(self) -> str:
        return f"Prefetch({self.lookup!r})"


def prefetch_related_objects(instances: Sequence[Any], *lookups: Any) -> None:
    """Read the rows behind relations of these. Raises `QueryError` for a name of no relation."""
    done: set[str] = set()
    for given in lookups:
        lookup = given if isinstance(given, Prefetch) else Prefetch(given)
        here = list(instances)
        names = lookup.lookup.split("__")
        for depth, name in enumerate(names, start=1):
            if not here:
                break
            way = "__".join(names[:depth])
            last = depth == len(names)
            own = last and (lookup.queryset is not None or lookup.to_attr)
            if own or way not in done:
                _prefetch_relation(here, name, lookup if last else None)
                done.add(way)
            here = _rows_behind(here, lookup.to_attr if last and lookup.to_attr else name)


def _prefetch_relation(instances: list[Any], name: str, lookup: Prefetch | None) -> None:
    meta = instances[0]._meta
    hop = find_hop(meta, name)
    if hop is None:
        raise meta.unknown_field(name)
    queryset = lookup.queryset if lookup is not None else None
    if queryset is None:
        queryset = hop.target.model.objects.using(instances[0]._alias)
    by_key = _fetch(hop, instances, queryset)
    to_attr = lookup.to_attr if lookup is not None else None
    for instance in instances:
        rows = by_key.get(getattr(instance, hop.local), [])
        _cache_rows(instance, hop, name, rows, to_attr)


def _cache_rows(instance: Any, hop: Hop, name: str, rows: list[Any], to_attr: str | None) -> None:
    value: Any = rows if hop.many else next(iter(rows), None)
    if to_attr:
        instance.__dict__[to_attr] = value
    elif hop.many:
        related_cache(instance)[f"[{hop.name}]"] = value
    else:
        related_cache(instance)[name] = value
    if hop.reverse and hop.through is None:
        for row in rows:
            related_cache(row)[hop.field_name] = instance


def _fetch(hop: Hop, instances: list[Any], queryset: Any) -> dict[Any, list[Any]]:
    """The rows behind a hop, by the value that leads to them."""
    keys = list(dict.fromkeys(getattr(each, hop.local) for each in instances))
    by_key: dict[Any, list[Any]] = {}
    for some in take_chunks((key for key in keys if key is not None), KEYS_PER_QUERY):
        if hop.through is not None:
            pairs = _fetch_by_links(hop, hop.through, some, queryset)
        else:
            rows = queryset.filter(**{f"{hop.remote}__in": some})
            pairs = [(getattr(row, hop.remote), row) for row in rows]
        for key, row in pairs:
            by_key.setdefault(key, []).append(row)
    return by_key


def _fetch_by_links(
    hop: Hop, through: Through, keys: list[Any], queryset: Any
) -> list[tuple[Any, Any]]:
    if queryset.query.is_sliced:
        raise QueryError("a slice of a queryset cannot be prefetched")
    links = through.meta.model.objects.using(queryset.query.alias).filter(
        **{f"{through.near}__in": keys}
    )
    nears: dict[Any, list[Any]] = {}
    for near, far in links.order_by("pk").values_list(through.near, through.far):
        nears.setdefault(far, []).append(near)
    pairs = []
    for some in take_chunks(nears, KEYS_PER_QUERY):
        for row in queryset.filter(**{f"{hop.remote}__in": some}):
            pairs += [(near, row) for near in nears[getattr(row, hop.remote)]]
    return pairs


def _rows_behind(instances: list[Any], name: str) -> list[Any]:
    """The rows that a prefetched relation of these has led to, each object once."""
    by_id: dict[int, Any] = {}
    for instance in instances:
        cache = related_cache(instance)
        there = instance.__dict__.get(name, cache.get(f"[{name}]"))
        if there is None:
            hop = find_hop(instance._meta, name)
            there = cache.get(f"[{hop.name}]" if hop is not None and hop.many else name)
        rows = there if isinstance(there, list) else [there] if there is not None else []
        by_id.update({id(row): row for row in rows})
    return list(by_id.values())
