"""A scope: the meaning of names, expressions and conditions in one SELECT, UPDATE or DELETE.

A condition is a `Q` with Django's meaning of NOT for what is NULL. SQL's NOT leaves what is unknown
unknown. A lookup of a field that is NULL, under an odd number of NOTs, is taken for untrue:
``NOT (x = 1 AND x IS NOT NULL)`` is met by a row without an x. A lookup of an annotation, and of what
a JSON column lacks, stays unknown. A relation to several rows, under any NOT, is a question of its
own: whether there is a row that meets the lookup.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.util import ClauseAdapter

from whimbrel.errors import QueryError
from whimbrel.orm.expressions import elements
from whimbrel.orm.expressions.lookups import apply_transforms, compare
from whimbrel.orm.expressions.value_types import is_expression, make_literal
from whimbrel.orm.hops import find_hop
from whimbrel.orm.meta import Meta
from whimbrel.orm.query.joins import JoinedTable, Joins
from whimbrel.orm.query.paths import Path, path_of
from whimbrel.schema.expressions import SQL, Combined, F, Ordered, Q
from whimbrel.sources.clauses import SQLClause

Element = sa.sql.ColumnElement[Any]


class Scope(Joins):
    """The tables of one statement, and its annotations. ``outer``: the scope around, for `OuterRef`."""

    def __init__(self, meta: Meta, outer: Scope | None = None, aliased: bool = False) -> None:
        super().__init__(meta, outer, aliased)
        self.outer = outer
        self.annotations: dict[str, Element] = {}

    @classmethod
    def without_own_table(cls, meta: Meta) -> Scope:
        """A scope for one value of a row of the statement around: of the tables of joins alone, as
        the row itself is there already."""
        scope = cls(meta, outer=cls(meta))
        scope.aliased = False
        scope.root = JoinedTable(meta, meta.table)
        scope.from_clause = sa.select(sa.literal(1).label("one")).subquery()
        scope.tables = [scope.from_clause]
        return scope

    # -- names

    def find_column(self, name: str) -> tuple[Element, tuple[str, ...], Path | None]:
        """The column of a name, the lookups and transforms behind it, and the path to it."""
        first, _, rest = name.partition("__")
        if first in self.annotations:
            return self.annotations[first], tuple(rest.split("__")) if rest else (), None
        path = path_of(self.meta, name)
        node = self.join_to(path.hops, path.trimmed)
        return self.column(node, path.field), path.rest, path

    def resolve_name(self, name: str) -> Element:
        """The value of a name as an expression: ``F("author__username")``, ``F("made__year")``."""
        column, rest, _ = self.find_column(name)
        return apply_transforms(column, rest, name)

    # -- expressions

    def resolve_value(self, value: Any, like: Any = None) -> Element:
        """An expression, or a plain value of the type of what it is compared with or put into."""
        if not is_expression(value):
            return make_literal(value, like.type if like is not None else None)
        if like is not None and hasattr(type(value), "resolve_like"):
            return value.resolve_like(self, like)  # type: ignore[no-any-return]
        return self.resolve_expression(value)

    def resolve_argument(self, value: Any) -> Element:
        """An argument of a function: text is a field's name."""
        return self.resolve_name(value) if isinstance(value, str) else self.resolve_value(value)

    def resolve_expression(self, value: Any) -> Element:
        """An expression as SQLAlchemy's."""
        match value:
            case F():
                return self.resolve_name(value.name)
            case Combined():
                return self._resolve_combined(value)
            case Q():
                # As a value, a condition that is unknown is False.
                return self.resolve_condition(value).is_(sa.true())
            case SQL():
                return SQLClause(value)
            case Ordered():
                return self.resolve_expression(value.of)
        if hasattr(type(value), "resolve"):
            return value.resolve(self)  # type: ignore[no-any-return]
        clause: Any = value.__clause_element__() if hasattr(value, "__clause_element__") else value
        if self.aliased:
            clause = ClauseAdapter(self.root.table).traverse(clause)
        return clause  # type: ignore[no-any-return]

    def _resolve_combined(self, value: Combined) -> Element:
        left = self.resolve_expression(value.left) if is_expression(value.left) else None
        if isinstance(value.right, dt.timedelta):
            by = value.right if value.operator == "+" else -value.right
            return elements.shift(self.resolve_value(value.left), by)
        right = self.resolve_expression(value.right) if is_expression(value.right) else None
        if left is None:
            left = make_literal(value.left, _operand_type(value.left, right))
        if right is None:
            right = make_literal(value.right, _operand_type(value.right, left))
        return elements.combine(left, value.operator, right)

    # -- conditions

    def resolve_condition(self, given: Any) -> Element:
        """A condition; an empty one is true."""
        condition = _resolve_signed(self, given)
        return sa.true() if condition is None else condition

    # -- order

    def resolve_order(self, given: Any) -> Element:
        """A key to order rows by: "name", "-name", "?", or an expression."""
        if isinstance(given, str):
            if given == "?":
                return sa.func.random()
            given = Ordered(F(given.lstrip("+-")), given.startswith("-"))
        if not isinstance(given, Ordered):
            return self.resolve_value(given)
        key = self.resolve_argument(given.of)
        key = key.desc() if given.descending else key.asc()
        if given.nulls == "first":
            return key.nulls_first()
        return key.nulls_last() if given.nulls == "last" else key


def _operand_type(value: Any, other: Any) -> Any:
    """The type of a plain operand: its own where it is a number, else the other side's."""
    return None if other is None or isinstance(value, int | float | Decimal) else other.type


# -- conditions


@dataclass(frozen=True)
class Sign:
    """The NOTs around a condition. ``negated``: their number is odd; ``below``: there is any."""

    negated: bool = False
    below: bool = False

    def inside(self, condition: Q) -> Sign:
        """The sign of a condition's children."""
        return Sign(self.negated ^ condition.negated, self.below or condition.negated)


def _resolve_signed(scope: Scope, given: Any, sign: Sign = Sign()) -> Element | None:
    """An element for a condition; None for an empty one, whose negation is empty too."""
    if not isinstance(given, Q):
        return _resolve_lookup(scope, given, sign)
    inside = sign.inside(given)
    resolved = (_resolve_signed(scope, child, inside) for child in given.children)
    parts = [each for each in resolved if each is not None]
    if not parts:
        return None
    joined = _join(given.connector, parts)
    return sa.not_(joined) if given.negated else joined


def _join(connector: str, parts: list[Element]) -> Element:
    """Conditions joined by AND, OR or XOR."""
    if connector == Q.XOR:
        return _is_odd(parts)
    return sa.and_(*parts) if connector == Q.AND else sa.or_(*parts)


def _is_odd(parts: list[Element]) -> Element:
    """A condition: an odd number of conditions is met. One that is unknown is not."""
    if len(parts) == 1:
        return parts[0]
    numbers = (
        sa.case((each, sa.literal_column("1")), else_=sa.literal_column("0")) for each in parts
    )
    met: Element = reduce(operator.add, numbers)
    return met % sa.literal_column("2") == sa.literal_column("1")


def _resolve_lookup(scope: Scope, child: Any, sign: Sign) -> Element:
    if not isinstance(child, tuple):
        return scope.resolve_expression(child)
    name, lookup, value = child
    full = name if lookup == "exact" else f"{name}__{lookup}"
    path = _find_path(scope, full)
    if sign.below and path is not None and path.many:
        return _resolve_exists(scope, path, full, value)
    column, rest, path = scope.find_column(full)
    met = compare(scope, column, rest, _rows_to_keys(value, path), full)
    unless = _null_guards(scope, column, rest, value, path) if sign.negated and path else ()
    return sa.and_(met, *unless)


def _null_guards(
    scope: Scope, column: Element, rest: tuple[str, ...], value: Any, path: Path
) -> Iterator[Element]:
    """Yield conditions that are false where a NULL makes a lookup unknown."""
    if value is None or rest[-1:] == ("isnull",):
        return
    if path.field.field.null or path.hops:
        yield column.is_not(None)
    if isinstance(value, F):
        other = scope.resolve_expression(value)
        if isinstance(other, sa.Column) and other.nullable:
            yield other.is_not(None)


def _rows_to_keys(value: Any, path: Path | None) -> Any:
    """Rows of historical models stand for what the field compares with."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_rows_to_keys(each, path) for each in value]
    field = path.field if path else None
    hop = find_hop(field.meta, field.name) if field is not None and field.is_relation else None
    if hop is not None and hasattr(value, "as_keys"):
        return value.as_keys(hop.target, hop.remote)
    if not hasattr(value, "_meta") or isinstance(value, type):
        return value
    key = getattr(value, hop.remote) if hop is not None else value.pk
    if key is None:
        raise QueryError(
            f"a {value._meta.label} that was never saved has no key to ask for",
            hint="Save it first.",
        )
    return key


def find_joined_columns(scope: Scope, given: Q, sign: Sign = Sign()) -> Iterator[Element]:
    """Yield the columns of other tables that a condition's lookups compare row by row."""
    inside = sign.inside(given)
    for child in given.children:
        if isinstance(child, Q):
            yield from find_joined_columns(scope, child, inside)
        elif isinstance(child, tuple):
            names = [(child[0], inside)]
            names += [(child[2].name, Sign())] if isinstance(child[2], F) else []
            for name, of in names:
                path = _find_path(scope, name)
                if path is not None and path.hops and not (of.below and path.many):
                    yield scope.find_column(name)[0]


def _find_path(scope: Scope, name: str) -> Path | None:
    return None if name.partition("__")[0] in scope.annotations else path_of(scope.meta, name)


# -- relations to several rows


def _resolve_exists(scope: Scope, path: Path, name: str, value: Any) -> Element:
    """A condition: one of the rows that a name leads to meets a lookup.

    Where the same filter() has joined them already, it is asked of the row that was joined.
    """
    inner = Scope(scope.meta, outer=scope)
    column, rest, way = inner.find_column(name)
    same = [*zip(inner.key_columns(), scope.key_columns(), strict=True)]
    other = scope.resolve_expression(value) if isinstance(value, F) else value
    met = compare(inner, column, rest, _rows_to_keys(other, way), name)
    asks_for_none = value is None and not isinstance(column.type, sa.JSON)
    if not (value if rest[-1:] == ("isnull",) else asks_for_none):
        there, here = scope.find_first_of_many(path.hops), inner.find_first_of_many(path.hops)
        if there is not None and here is not None:
            same += zip(here.key_columns(), there.key_columns(), strict=True)
    return sa.exists(inner.select([sa.literal(1)]).where(*(far == near for far, near in same), met))
