"""What each database spells its own way, as elements of SQLAlchemy's.

A spelling is a template in which ``{0}`` is the first argument and ``{all}`` all of them; the
default one is PostgreSQL's. SQLite's facts are of its documentation: lang_corefunc.html,
lang_datefunc.html, json1.html.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal

Element = sa.sql.ColumnElement[Any]


class DialectElement(FunctionElement[Any]):
    """An expression of several spellings, by dialect."""

    inherit_cache = True
    templates: ClassVar[dict[str, str]] = {}
    _traverse_internals = [
        *FunctionElement._traverse_internals,
        ("type", InternalTraversal.dp_type),
    ]

    def __init__(self, *arguments: Any, type_: Any = None) -> None:
        super().__init__(*arguments)
        self.type = sa.types.to_instance(type_) if type_ is not None else sa.types.NullType()


@compiles(DialectElement)
def _compile_element(element: DialectElement, compiler: Any, **options: Any) -> str:
    templates = element.templates
    template = templates.get(compiler.dialect.name, templates["default"])
    options.pop("add_to_result_map", None)
    spelled = [compiler.process(each, **options) for each in element.clauses]
    return template.format(*spelled, all=", ".join(spelled))


def define_element(name: str, default: str, **dialects: str) -> Callable[..., Element]:
    """What makes an element of these templates: called with arguments, and ``type_``."""
    templates = {"default": default, **dialects}
    return type(
        name, (DialectElement,), {"templates": templates, "inherit_cache": True, "name": name}
    )


# -- text

contains_text = define_element(
    "contains_text", "(strpos({0}, {1}) > 0)", sqlite="(instr({0}, {1}) > 0)"
)
starts_with = define_element(
    "starts_with", "starts_with({0}, {1})", sqlite="(substr({0}, 1, length({1})) = {1})"
)
ends_with = define_element(
    "ends_with",
    "(right({0}, length({1})) = {1})",
    sqlite="(length({1}) = 0 OR substr({0}, -length({1})) = {1})",
)
host_of = define_element("host_of", "host({0})", sqlite="{0}")
position_of = define_element("position_of", "strpos({0}, {1})", sqlite="instr({0}, {1})")
left_of = define_element("left_of", "left({0}, {1})", sqlite="substr({0}, 1, {1})")
right_of = define_element(
    "right_of", "right({0}, {1})", sqlite="(CASE WHEN {1} > 0 THEN substr({0}, -({1})) ELSE '' END)"
)
greatest = define_element("greatest", "greatest({all})", sqlite="max({all})")
least = define_element("least", "least({all})", sqlite="min({all})")


# -- many values

_in_array = define_element(
    "is_among", "({0} = ANY({1}))", sqlite="({0} IN (SELECT value FROM json_each({2})))"
)


def is_in_array(column: Element, values: list[Any]) -> Element:
    """Whether a column has one of very many numbers, or texts: they are one parameter."""
    several = sa.literal(values, sa.ARRAY(column.type))
    return _in_array(column, several, sa.literal(json.dumps(values)), type_=sa.Boolean())


# -- moments


def _date_part(name: str, word: str, sqlite: str) -> Callable[..., Element]:
    default = f"CAST(floor(EXTRACT({word} FROM {{0}})) AS INTEGER)"
    return define_element(f"{name}_of", default, sqlite=f"CAST({sqlite} AS INTEGER)")


_THURSDAY = "date({0}, '-3 days', 'weekday 4')"
#: Parts of dates and times; weeks are those of ISO 8601, week_day counts from Sunday, which is 1.
DATE_PARTS: dict[str, Callable[..., Element]] = {
    "year": _date_part("year", "YEAR", "strftime('%Y', {0})"),
    "month": _date_part("month", "MONTH", "strftime('%m', {0})"),
    "day": _date_part("day", "DAY", "strftime('%d', {0})"),
    "hour": _date_part("hour", "HOUR", "strftime('%H', {0})"),
    "minute": _date_part("minute", "MINUTE", "strftime('%M', {0})"),
    "second": _date_part("second", "SECOND", "strftime('%S', {0})"),
    "quarter": _date_part("quarter", "QUARTER", "((strftime('%m', {0}) + 2) / 3)"),
    "week": _date_part("week", "WEEK", f"((strftime('%j', {_THURSDAY}) - 1) / 7 + 1)"),
    "iso_year": _date_part("iso_year", "ISOYEAR", f"strftime('%Y', {_THURSDAY})"),
    "iso_week_day": _date_part("iso_week_day", "ISODOW", "((strftime('%w', {0}) + 6) % 7 + 1)"),
    "week_day": define_element(
        "week_day_of",
        "CAST(EXTRACT(DOW FROM {0}) + 1 AS INTEGER)",
        sqlite="CAST(strftime('%w', {0}) + 1 AS INTEGER)",
    ),
}
date_of = define_element("date_of", "CAST({0} AS DATE)", sqlite="date({0})")
time_of = define_element("time_of", "CAST({0} AS TIME)", sqlite="strftime('%H:%M:%f000', {0})")
in_utc = define_element("in_utc", "timezone('UTC', {0})", sqlite="{0}")
now = define_element(
    "now", "statement_timestamp()", sqlite="strftime('%Y-%m-%d %H:%M:%f000', 'now')"
)

_FORMATS = {
    "year": "%Y-01-01 00:00:00.000000",
    "month": "%Y-%m-01 00:00:00.000000",
    "day": "%Y-%m-%d 00:00:00.000000",
    "hour": "%Y-%m-%d %H:00:00.000000",
    "minute": "%Y-%m-%d %H:%M:00.000000",
    "second": "%Y-%m-%d %H:%M:%S.000000",
}
#: Moments, and dates, cut off.
TRUNCATIONS: dict[str, Callable[..., Element]] = {
    name: define_element(
        f"truncated_to_{name}",
        f"timezone('UTC', date_trunc('{name}', timezone('UTC', {{0}})))",
        sqlite=f"strftime('{form}', {{0}})",
    )
    for name, form in _FORMATS.items()
}
DATE_TRUNCATIONS: dict[str, Callable[..., Element]] = {
    name: define_element(
        f"date_truncated_to_{name}",
        f"CAST(date_trunc('{name}', {{0}}) AS DATE)",
        sqlite=f"strftime('{_FORMATS[name].partition(' ')[0]}', {{0}})",
    )
    for name in ("year", "month", "day")
}

_later = define_element("later", "({0} + {1})", sqlite="strftime('%Y-%m-%d %H:%M:%f000', {0}, {2})")
_later_date = define_element("later_date", "CAST({0} + {1} AS DATE)", sqlite="date({0}, {2})")


def shift(moment: Element, by: dt.timedelta) -> Element:
    """A moment, or a date, so much later."""
    spell = _later_date if isinstance(moment.type, sa.Date) else _later
    seconds = sa.literal(f"{by.total_seconds():+f} seconds")
    return spell(moment, sa.literal(by, sa.Interval()), seconds, type_=moment.type)


# -- numbers


def combine(left: Element, operator: str, right: Element) -> Element:
    """Two operands and an operator, as the database does it: whole numbers are divided so."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "%":
            return left % right
    return left.op(operator, return_type=left.type)(right)


# -- JSON

#: SQLite's functions give 1, 0 and NULL for these, as they do for what is something else.
_WORDS = "('true', 'false', 'null')"
as_json = define_element("as_json", "to_jsonb({0})", sqlite="{0}")
json_type = define_element("json_type", "jsonb_typeof({0})", sqlite="json_type({0})")


class JsonAt(DialectElement):
    """What stands at a path of a JSON column: as JSON, as text, or to be compared."""

    inherit_cache = True

    def __init__(self, column: Any, keys: tuple[Any, ...], **options: Any) -> None:
        path = "$" + "".join(
            f"[{key}]" if isinstance(key, int) else f".{json.dumps(key, ensure_ascii=False)}"
            for key in keys
        )
        super().__init__(
            column, sa.literal(path), *(sa.literal(str(key)) for key in keys), **options
        )


@compiles(JsonAt)
def _compile_json_at(element: JsonAt, compiler: Any, **options: Any) -> str:
    options.pop("add_to_result_map", None)
    column, path, *keys = element.clauses
    spelled = compiler.process(column, **options)
    template = element.templates.get(compiler.dialect.name, element.templates["default"])
    if compiler.dialect.name in element.templates:
        return template.format(spelled, compiler.process(path, **options))
    names = ", ".join(compiler.process(key, **options) for key in keys)
    return template.format(spelled, names)


class JsonValueAt(JsonAt):
    """The JSON there; nothing where the path leads nowhere."""

    inherit_cache = True
    templates = {
        "default": "jsonb_extract_path(CAST({0} AS JSONB), VARIADIC CAST(ARRAY[{1}] AS TEXT[]))",
        "sqlite": f"(CASE WHEN json_type({{0}}, {{1}}) IN {_WORDS} THEN json_type({{0}}, {{1}}) "
        "WHEN json_type({0}, {1}) IS NOT NULL THEN json_quote(json_extract({0}, {1})) END)",
    }


class JsonComparableAt(JsonAt):
    """The same, to be compared with `compared_json`."""

    inherit_cache = True
    templates = {
        "default": "jsonb_extract_path(CAST({0} AS JSONB), VARIADIC CAST(ARRAY[{1}] AS TEXT[]))",
        "sqlite": f"(CASE WHEN json_type({{0}}, {{1}}) IN {_WORDS} "
        "THEN CAST(json_type({0}, {1}) AS BLOB) ELSE json_extract({0}, {1}) END)",
    }


class JsonTextAt(JsonAt):
    """The text there, without quotes."""

    inherit_cache = True
    templates = {
        "default": "jsonb_extract_path_text(CAST({0} AS JSONB), VARIADIC CAST(ARRAY[{1}] AS TEXT[]))",
        "sqlite": "(CASE WHEN json_type({0}, {1}) IN ('true', 'false') "
        "THEN json_type({0}, {1}) ELSE CAST(json_extract({0}, {1}) AS TEXT) END)",
    }


class JsonKindAt(JsonAt):
    """The kind of what is there ("null" for JSON's null); NULL where the path leads nowhere."""

    inherit_cache = True
    templates = {
        "default": "jsonb_typeof(jsonb_extract_path(CAST({0} AS JSONB), VARIADIC CAST(ARRAY[{1}] AS TEXT[])))",
        "sqlite": "json_type({0}, {1})",
    }


class JsonTruthAt(JsonAt):
    """Gives "true", "false", or anything else."""

    inherit_cache = True
    templates = {
        "default": "CAST(jsonb_extract_path(CAST({0} AS JSONB), VARIADIC CAST(ARRAY[{1}] AS TEXT[])) AS TEXT)",
        "sqlite": "json_type({0}, {1})",
    }


comparable_json = define_element(
    "comparable_json", "CAST({0} AS JSONB)", sqlite="json_extract({0}, '$')"
)
whole_json = define_element("whole_json", "CAST({0} AS JSONB)", sqlite="json({0})")
json_contains = define_element("json_contains", "(CAST({0} AS JSONB) @> CAST({1} AS JSONB))")
_json_item_equals = define_element(
    "json_item_equals",
    "",
    sqlite="EXISTS (SELECT 1 FROM json_each({0}) AS item WHERE item.value = json_extract({1}, '$'))",
)


class JsonContains(DialectElement):
    """Whether a JSON column holds all of a JSON value (PostgreSQL's ``@>``)."""

    inherit_cache = False

    def __init__(self, column: Any, value: Any) -> None:
        super().__init__(column, type_=sa.Boolean())
        self.value = value


@compiles(JsonContains)
def _compile_contains(element: JsonContains, compiler: Any, **options: Any) -> str:
    options.pop("add_to_result_map", None)
    (column,) = element.clauses
    made = json_contains(column, sa.literal(json.dumps(element.value)))
    spelled: str = compiler.process(made, **options)
    return spelled


@compiles(JsonContains, "sqlite")
def _compile_contains_on_sqlite(element: JsonContains, compiler: Any, **options: Any) -> str:
    options.pop("add_to_result_map", None)
    (column,) = element.clauses
    spelled: str = compiler.process(
        _json_contains_parts(column, (), element.value).self_group(), **options
    )
    return spelled


def _json_contains_parts(column: Any, path: tuple[Any, ...], value: Any) -> Element:
    """The same condition piece by piece, where there is no operator for it."""
    if isinstance(value, dict):
        kind = JsonKindAt(column, path, type_=sa.String()) == "object"
        return sa.and_(
            kind, *(_json_contains_parts(column, (*path, key), each) for key, each in value.items())
        )
    there = JsonValueAt(column, path, type_=sa.String())
    if isinstance(value, list):
        kind = JsonKindAt(column, path, type_=sa.String()) == "array"
        return sa.and_(
            kind, *(_json_item_equals(there, sa.literal(json.dumps(each))) for each in value)
        )
    text = sa.literal(json.dumps(value))
    same_kind = JsonKindAt(column, path, type_=sa.String()) == json_type(text, type_=sa.String())
    if value is None or isinstance(value, bool):
        return same_kind
    return JsonComparableAt(column, path) == comparable_json(text)
