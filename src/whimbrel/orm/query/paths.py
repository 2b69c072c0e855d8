"""Paths: ``author__username__icontains`` as hops from model to model, a field, and the rest."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.lookups import NAMES
from whimbrel.orm.hops import Hop, find_hop
from whimbrel.orm.meta import BoundField, Meta


@dataclass(frozen=True, eq=False)
class Path:
    """The way of a name: ``hops``, the ``field`` behind them, and ``rest``, its lookups and keys.

    trimmed: the last hop is a table between, whose own key says all that is asked.
    """

    hops: tuple[Hop, ...]
    field: BoundField
    rest: tuple[str, ...] = ()
    trimmed: bool = False

    @property
    def many(self) -> bool:
        """True if one row may lead to several."""
        return any(hop.many for hop in self.hops)


def path_of(meta: Meta, name: str) -> Path:
    """Return the path of a name from a model. Raises `QueryError` for what is not there."""
    hops: list[Hop] = []
    parts = name.split("__")
    while True:
        part = parts.pop(0)
        field = meta.fields_by_name.get(part)
        hop = find_hop(meta, part) or (field and _hop_of(field, parts))
        if not hop:
            if field is None:
                raise _unknown_error(meta, part, name, bool(hops))
            return Path(tuple(hops), field, tuple(parts))
        if not (parts and _has_name(hop.target, parts[0])):
            if parts and parts[0] not in NAMES:
                raise _unknown_error(hop.target, parts[0], name, True)
            return _end_path(hops, hop, tuple(parts))
        if _is_key(hop, parts[0]) and not _goes_on(hop.target, parts):
            return _end_path(hops, hop, tuple(parts[1:]))
        hops.append(hop)
        meta = hop.target


def _hop_of(field: BoundField, parts: list[str]) -> Hop | None:
    """A key by the name of its column ("author_id") leads on where more is asked than its value."""
    if field.is_relation and parts and parts[0] not in NAMES:
        return find_hop(field.meta, field.name)
    return None


def _has_name(meta: Meta, name: str) -> bool:
    return name in meta.fields_by_name or find_hop(meta, name) is not None


def _is_key(hop: Hop, name: str) -> bool:
    """True if a name behind a hop is the field that the hop itself compares with."""
    field = hop.target.fields_by_name.get(name)
    by_key = not hop.reverse or hop.through is not None
    return by_key and field is not None and field.attname == hop.remote


def _goes_on(meta: Meta, parts: list[str]) -> bool:
    """True if a key behind a hop is a key itself, which is followed further."""
    hop = find_hop(meta, parts[0])
    return hop is not None and len(parts) > 1 and _has_name(hop.target, parts[1])


def _end_path(hops: list[Hop], hop: Hop, rest: tuple[str, ...]) -> Path:
    """The relation itself is asked for: its key, or that of the rows that it leads to."""
    if hop.through is not None:
        field = hop.through.meta.fields_by_name[hop.through.far]
        return Path((*hops, hop), field, rest, trimmed=True)
    if hop.reverse:
        return Path((*hops, hop), hop.target.pk, rest)
    return Path(tuple(hops), hop.source.fields_by_name[hop.local], rest)


def _unknown_error(meta: Meta, part: str, name: str, behind: bool) -> QueryError:
    error = meta.unknown_field(part)
    if behind or name != part:
        near = difflib.get_close_matches(part, NAMES, n=1) if behind else []
        error.message += f" (in {name!r})"
        if near and error.hint and not error.hint.startswith("Did you mean"):
            error.hint = f"Did you mean the lookup {near[0]!r}? {error.hint}"
    return error
