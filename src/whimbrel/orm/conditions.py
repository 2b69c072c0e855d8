"""Conditions: a `Q` in a scope, with Django's meaning of NOT for what is NULL.

SQL's NOT leaves what is unknown unknown. A lookup of a field that is NULL, under an odd number of
NOTs, is taken for untrue: ``NOT (x = 1 AND x IS NOT NULL)`` is met by a row without an x. A lookup
of an annotation, and of what a JSON column lacks, stays unknown. A relation to several rows, under
any NOT, is a question of its own: whether there is a row that meets the lookup.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from whimbrel.orm.lookups import compared
from whimbrel.orm.paths import Path, path_of
from whimbrel.schema.expressions import F, Q

if TYPE_CHECKING:
    from whimbrel.orm.relations import Hop
    from whimbrel.orm.scope import Node, Scope

Element = sa.sql.ColumnElement[Any]


@dataclass(frozen=True)
class Sign:
    """Where a condition stands. ``negated``: under an odd number of NOTs; ``below``: under any."""

    negated: bool = False
    below: bool = False

    def under(self, condition: Q) -> Sign:
        """Where its children stand."""
        return Sign(self.negated ^ condition.negated, self.below or condition.negated)


def condition(scope: Scope, given: Any, sign: Sign = Sign()) -> Element | None:
    """A condition as SQLAlchemy's; None for one that says nothing, whose negation says nothing too."""
    if not isinstance(given, Q):
        return _single(scope, given, sign)
    inside = sign.under(given)
    made = (condition(scope, child, inside) for child in given.children)
    parts = [each for each in made if each is not None]
    if not parts:
        return None
    joined = _JOINED[given.connector](parts)
    return sa.not_(joined) if given.negated else joined


def _odd(parts: list[Element]) -> Element:
    """Whether an odd number of conditions is met: what is unknown is not."""
    if len(parts) == 1:
        return parts[0]
    numbers = (
        sa.case((each, sa.literal_column("1")), else_=sa.literal_column("0")) for each in parts
    )
    met: Element = reduce(operator.add, numbers)
    return met % sa.literal_column("2") == sa.literal_column("1")


_JOINED = {Q.AND: lambda parts: sa.and_(*parts), Q.OR: lambda parts: sa.or_(*parts), Q.XOR: _odd}


def _single(scope: Scope, child: Any, sign: Sign) -> Element:
    if not isinstance(child, tuple):
        return scope.resolved(child)
    name, lookup, value = child
    full = name if lookup == "exact" else f"{name}__{lookup}"
    path = None if name.partition("__")[0] in scope.annotations else path_of(scope.meta, full)
    if sign.below and path is not None and path.many:
        return _exists(scope, path, full, value)
    column, rest, path = scope.found(full)
    met = compared(scope, column, rest, value, full, path)
    unless = _known(scope, column, rest, value, path) if sign.negated and path else ()
    return sa.and_(met, *unless)


def _known(
    scope: Scope, column: Element, rest: tuple[str, ...], value: Any, path: Path
) -> Iterator[Element]:
    """What must be there for a lookup to be true."""
    if value is None or rest[-1:] == ("isnull",):
        return
    if path.field.field.null or path.hops:
        yield column.is_not(None)
    if isinstance(value, F):
        other = scope.resolved(value)
        if isinstance(other, sa.Column) and other.nullable:
            yield other.is_not(None)


# -- of rows, and of groups of them


def split(given: Any, is_of_groups: Callable[[Any], bool], negated: bool = False) -> tuple[Q, Q]:
    """What of a condition is about single rows, and what about groups; both must be met.

    What a row may meet in place of its group stays together.
    """
    whole = Q._of((given,), Q.AND)
    if not is_of_groups(whole):
        return whole, Q()
    inside = isinstance(given, Q) and negated ^ given.negated
    if not isinstance(given, Q) or given.connector != (Q.OR if inside else Q.AND):
        return Q(), whole
    parts = [split(child, is_of_groups, inside) for child in given.children]
    of_rows, of_groups = (
        Q._of(tuple(each for each in side if each), given.connector, given.negated)
        for side in zip(*parts, strict=True)
    )
    return of_rows, of_groups


def columns_of(scope: Scope, given: Q, sign: Sign = Sign()) -> Iterator[Element]:
    """The columns of other tables that a condition's lookups speak of row by row."""
    inside = sign.under(given)
    for child in given.children:
        if isinstance(child, Q):
            yield from columns_of(scope, child, inside)
        elif isinstance(child, tuple):
            yield from _column_beyond(scope, child[0], inside)
            if isinstance(child[2], F):
                yield from _column_beyond(scope, child[2].name, Sign())


def _column_beyond(scope: Scope, name: str, sign: Sign) -> Iterator[Element]:
    """The column of a name, if it is another table's and is spoken of here."""
    if name.partition("__")[0] not in scope.annotations:
        path = path_of(scope.meta, name)
        if path.hops and not (sign.below and path.many):
            yield scope.found(name)[0]


# -- what leads to several rows


def _exists(scope: Scope, path: Path, name: str, value: Any) -> Element:
    """Whether any of the rows that a name leads to meets a lookup.

    Where the same filter() has joined them already, it is asked of the row that was joined.
    """
    inner = type(scope)(scope.meta, outer=scope)
    column, rest, way = inner.found(name)
    same = [*zip(inner.key(), scope.key(), strict=True)]
    other = scope.resolved(value) if isinstance(value, F) else value
    met = compared(inner, column, rest, other, name, way)
    asks_for_none = value is None and not isinstance(column.type, sa.JSON)
    if not (value if rest[-1:] == ("isnull",) else asks_for_none):
        same += _same_row(inner, scope, path.hops)
    return sa.exists(inner.select([sa.literal(1)]).where(*(far == near for far, near in same), met))


def _same_row(inner: Scope, outer: Scope, hops: Iterable[Hop]) -> Iterator[tuple[Element, Element]]:
    hops = tuple(hops)
    there, here = outer.first_of_many(hops), inner.first_of_many(hops)
    if there is not None and here is not None:
        yield from zip(_key_of(here), _key_of(there), strict=True)


def _key_of(node: Node) -> list[Element]:
    return [node.table.c[each.column] for each in node.meta.primary_key]
