"""Lookups: the conditions of ``field__lookup=value``, and the transforms that may stand between."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import QueryError, did_you_mean
from whimbrel.orm.expressions import elements
from whimbrel.orm.expressions.expression import Resolver
from whimbrel.orm.expressions.value_types import JSON, Address, AwareDateTime, is_expression

Element = sa.sql.ColumnElement[Any]


def compare(
    scope: Resolver,
    column: Element,
    rest: tuple[str, ...],
    value: Any,
    name: str,
) -> Element:
    """The condition of a lookup. ``rest``: the transforms and the lookup behind the field's name."""
    if _is_json(column):
        return _compare_json(scope, column, rest, value, name)
    lookup, transforms = ("exact", rest)
    if rest and rest[-1] in LOOKUPS:
        lookup, transforms = rest[-1], rest[:-1]
    transformed = apply_transforms(column, transforms, name)
    if value is None:
        if lookup not in ("exact", "iexact"):
            raise QueryError(
                f"{name}=None asks for nothing",
                hint=f"Ask for NULL: {name.rpartition('__')[0]}__isnull=True.",
            )
        return transformed.is_(None)
    return LOOKUPS[lookup](scope, transformed, value)


# -- transforms

_OF_DATES = ("year", "iso_year", "quarter", "month", "week", "week_day", "iso_week_day", "day")
_OF_TIMES = ("hour", "minute", "second")


def apply_transforms(column: Element, names: Iterable[str], full: str) -> Element:
    """A column with transforms applied: parts of dates, JSON's keys. Raises `QueryError`."""
    names = tuple(names)
    if names and _is_json(column):
        return elements.JsonValueAt(column, _to_path(names), type_=JSON)
    for name in names:
        known = find_transforms(column)
        if name not in known:
            there = [*LOOKUPS, *known]
            raise QueryError(
                f"there is no lookup {name!r} (in {full!r})",
                hint=did_you_mean(name, there, f"This field has: {', '.join(there)}."),
            )
        column = known[name](column)
    return column


def find_transforms(column: Element) -> Mapping[str, Callable[[Element], Element]]:
    """The transforms that a column's type has."""
    names: list[str] = []
    if isinstance(column.type, sa.Date | sa.DateTime | AwareDateTime):
        names += _OF_DATES
    if isinstance(column.type, sa.Time | sa.DateTime | AwareDateTime):
        names += _OF_TIMES
    transforms: dict[str, Callable[[Element], Element]] = {name: _date_part(name) for name in names}
    if isinstance(column.type, sa.DateTime | AwareDateTime):
        transforms["date"] = lambda of: elements.date_of(_in_utc(of), type_=sa.Date())
        transforms["time"] = lambda of: elements.time_of(_in_utc(of), type_=sa.Time())
    if isinstance(column.type, sa.String):
        transforms |= {name: getattr(sa.func, name) for name in ("length", "lower", "upper")}
    return transforms


def _date_part(name: str) -> Callable[[Element], Element]:
    return lambda of: elements.DATE_PARTS[name](_in_utc(of), type_=sa.Integer())


def _in_utc(column: Element) -> Element:
    """Parts of a moment are those that it has in UTC, whatever zone the session is in."""
    if isinstance(column.type, AwareDateTime):
        return elements.in_utc(column, type_=sa.DateTime())
    return column


# -- lookups


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[..., Element]:
    return lambda scope, column, value: compare(column, scope.resolve_value(value, column))


def _comparison_rounding_up(compare: Callable[[Any, Any], Any]) -> Callable[..., Element]:
    """A comparison of integers with a fraction, which is cut off for every other."""

    def lookup(scope: Resolver, column: Element, value: Any) -> Any:
        if isinstance(column.type, sa.Integer) and isinstance(value, float):
            value = math.ceil(value)
        return compare(column, scope.resolve_value(value, column))

    return lookup


def _text(column: Element) -> Element:
    if isinstance(column.type, Address):
        return elements.host_of(column, type_=sa.Text())
    return column if isinstance(column.type, sa.String) else sa.cast(column, sa.Text())


def _text_search(search: Callable[..., Element], folded: bool) -> Callable[..., Element]:
    """A lookup of text in text. ``folded``: small and capital letters are the same."""

    def lookup(scope: Resolver, column: Element, value: Any) -> Element:
        left = _text(column)
        right = _text(scope.resolve_value(value, left))
        if folded:
            left, right = sa.func.lower(left), sa.func.lower(right)
        return search(left, right, type_=sa.Boolean())

    return lookup


def _iexact(scope: Resolver, column: Element, value: Any) -> Element:
    left = _text(column)
    return sa.func.lower(left) == sa.func.lower(_text(scope.resolve_value(value, left)))


#: SQLite takes 32,766 parameters in a statement (limits.html, 9), PostgreSQL 65,535.
_MANY = 10_000


def _in(scope: Resolver, column: Element, value: Any) -> Element:
    if hasattr(value, "select_in"):
        return column.in_(value.select_in(scope, column))
    if isinstance(value, sa.sql.ClauseElement):
        several: Any = value
        return column.in_(several)
    given = [each for each in value if each is not None]
    if len(given) > _MANY and {*map(type, given)} in ({int}, {str}):
        return elements.is_in_array(column, given)
    values = [scope.resolve_value(each, column) for each in given]
    return column.in_(values) if values else sa.false()


def _range(scope: Resolver, column: Element, value: Any) -> Element:
    low, high = value
    return column.between(scope.resolve_value(low, column), scope.resolve_value(high, column))


def _is_null(scope: Resolver, column: Element, value: Any) -> Element:
    if not isinstance(value, bool):
        raise QueryError(f"isnull is asked with True or False, not {value!r}")
    return column.is_(None) if value else column.is_not(None)


def _regex(start: str) -> Callable[..., Element]:
    return lambda scope, column, value: _text(column).regexp_match(f"{start}{value}")


_ORDERS: dict[str, Callable[[Any, Any], Element]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
LOOKUPS: dict[str, Callable[[Any, Element, Any], Element]] = {
    "exact": _comparison(operator.eq),
    "iexact": _iexact,
    "gt": _comparison(operator.gt),
    "gte": _comparison_rounding_up(operator.ge),
    "lt": _comparison_rounding_up(operator.lt),
    "lte": _comparison(operator.le),
    "in": _in,
    "range": _range,
    "isnull": _is_null,
    "contains": _text_search(elements.contains_text, folded=False),
    "icontains": _text_search(elements.contains_text, folded=True),
    "startswith": _text_search(elements.starts_with, folded=False),
    "istartswith": _text_search(elements.starts_with, folded=True),
    "endswith": _text_search(elements.ends_with, folded=False),
    "iendswith": _text_search(elements.ends_with, folded=True),
    "regex": _regex(""),
    "iregex": _regex("(?i)"),
}
_OF_JSON = ("has_key", "has_keys", "has_any_keys")
#: Every name that may follow a field's.
NAMES = (
    *LOOKUPS,
    *_OF_JSON,
    *_OF_DATES,
    *_OF_TIMES,
    "date",
    "time",
    "length",
    "lower",
    "upper",
)


# -- JSON


def _is_json(column: Element) -> bool:
    return isinstance(column.type, sa.JSON)


def _to_path(names: Iterable[Any]) -> tuple[Any, ...]:
    """Names of digits count the items of an array."""
    return tuple(int(name) if isinstance(name, str) and name.isdigit() else name for name in names)


def _compare_json(
    scope: Resolver, column: Element, rest: tuple[str, ...], value: Any, name: str
) -> Element:
    last = rest[-1] if rest else ""
    known = last in LOOKUPS or last in _OF_JSON
    lookup, keys = (last, rest[:-1]) if known else ("exact", rest)
    path = _to_path(keys)
    value = _unwrap(value)
    if lookup in _OF_JSON:
        return _has_keys(column, path, lookup, value)
    if lookup == "isnull":
        there = elements.JsonKindAt(column, path, type_=sa.String()) if path else column
        return _is_null(scope, there, value)
    if lookup == "contains" and not isinstance(value, str):
        whole = elements.JsonValueAt(column, path, type_=JSON) if path else column
        return elements.JsonContains(whole, value)
    if lookup == "in":
        return sa.or_(
            sa.false(), *(_json_equals(scope, column, path, _unwrap(each)) for each in value)
        )
    if lookup == "exact":
        return _json_equals(scope, column, path, value)
    if lookup in ("gt", "gte", "lt", "lte") and not isinstance(value, str):
        text = sa.literal(json.dumps(value))
        there = elements.JsonComparableAt(column, path)
        return _ORDERS[lookup](there, elements.comparable_json(text))
    return LOOKUPS[lookup](scope, elements.JsonTextAt(column, path, type_=sa.Text()), value)


def _has_keys(column: Element, path: tuple[Any, ...], lookup: str, value: Any) -> Element:
    keys = [value] if lookup == "has_key" else list(value)
    met = [
        elements.JsonKindAt(column, (*path, *_to_path([key])), type_=sa.String()).is_not(None)
        for key in keys
    ]
    return sa.or_(*met) if lookup == "has_any_keys" else sa.and_(*met)


def _unwrap(value: Any) -> Any:
    """A plain value; of a `Value` what is in it. A Q makes tuples of lists."""
    if isinstance(value, tuple):
        return list(value)
    return (
        value.value if hasattr(type(value), "resolve_like") and hasattr(value, "value") else value
    )


def _json_equals(scope: Resolver, column: Element, path: tuple[Any, ...], value: Any) -> Element:
    """A condition: the JSON at a path is a value. None is JSON's null.

    Of a column that holds JSON's null for None, as SQLAlchemy's own do, it is NULL too.
    """
    if value is None:
        null = elements.JsonKindAt(column, path, type_=sa.String()) == "null"
        return null if path or column.type.none_as_null else sa.or_(column.is_(None), null)  # type: ignore[attr-defined]
    if is_expression(value):
        other = scope.resolve_expression(value)
        at = elements.JsonComparableAt(other, ()) if _is_json(other) else elements.as_json(other)
        return elements.JsonComparableAt(column, path) == at
    text = sa.literal(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return elements.JsonTruthAt(column, path, type_=sa.String()) == str(value).lower()
    if isinstance(value, dict | list):
        whole = elements.JsonValueAt(column, path) if path else column
        return elements.whole_json(whole) == elements.whole_json(text)
    return elements.JsonComparableAt(column, path) == elements.comparable_json(text)
