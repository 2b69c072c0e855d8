"""Elements of SQLAlchemy's for SQL that differs between databases.

Each has a template for a dialect, in which ``{0}`` is the first argument and ``{all}`` all of them;
the default one is PostgreSQL's. SQLite's facts are of its documentation: lang_corefunc.html,
lang_datefunc.html, json1.html.
"""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal

Element = sa.sql.ColumnElement[Any]


class DialectElement(FunctionElement[Any]):
    """An expression with a template for each dialect."""

    inherit_cache = True
    name = "element"
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
    arguments = [compiler.process(each, **options) for each in element.clauses]
    return template.format(*arguments, all=", ".join(arguments))


def define_element(default: str, **dialects: str) -> Callable[..., Element]:
    """Return the class of an element of these templates: it takes arguments, and ``type_``."""
    templates = {"default": default, **dialects}
    return type(
        "DialectElement", (DialectElement,), {"templates": templates, "inherit_cache": True}
    )


# -- text

contains_text = define_element("(strpos({0}, {1}) > 0)", sqlite="(instr({0}, {1}) > 0)")
starts_with = define_element("starts_with({0}, {1})", sqlite="(substr({0}, 1, length({1})) = {1})")
ends_with = define_element(
    "(right({0}, length({1})) = {1})",
    sqlite="(length({1}) = 0 OR substr({0}, -length({1})) = {1})",
)
host_of = define_element("host({0})", sqlite="{0}")
position_of = define_element("strpos({0}, {1})", sqlite="instr({0}, {1})")
left_of = define_element("left({0}, {1})", sqlite="substr({0}, 1, {1})")
right_of = define_element(
    "right({0}, {1})", sqlite="(CASE WHEN {1} > 0 THEN substr({0}, -({1})) ELSE '' END)"
)
greatest = define_element("greatest({all})", sqlite="max({all})")
least = define_element("least({all})", sqlite="min({all})")


# -- many values

_in_array = define_element("({0} = ANY({1}))", sqlite="({0} IN (SELECT value FROM json_each({2})))")


def is_in_array(column: Element, values: list[Any]) -> Element:
    """A condition: a column has one of very many numbers, or texts, which are one parameter."""
    several = sa.literal(values, sa.ARRAY(column.type))
    return _in_array(column, several, sa.literal(json.dumps(values)), type_=sa.Boolean())


# -- moments


def _date_part(word: str, sqlite: str) -> Callable[..., Element]:
    default = f"CAST(floor(EXTRACT({word} FROM {{0}})) AS INTEGER)"
    return define_element(default, sqlite=f"CAST({sqlite} AS INTEGER)")


_THURSDAY = "date({0}, '-3 days', 'weekday 4')"
#: Parts of dates and times; weeks are those of ISO 8601, week_day counts from Sunday, which is 1.
DATE_PARTS: dict[str, Callable[..., Element]] = {
    "year": _date_part("YEAR", "strftime('%Y', {0})"),
    "month": _date_part("MONTH", "strftime('%m', {0})"),
    "day": _date_part("DAY", "strftime('%d', {0})"),
    "hour": _date_part("HOUR", "strftime('%H', {0})"),
    "minute": _date_part("MINUTE", "strftime('%M', {0})"),
    "second": _date_part("SECOND", "strftime('%S', {0})"),
    "quarter": _date_part("QUARTER", "((strftime('%m', {0}) + 2) / 3)"),
    "week": _date_part("WEEK", f"((strftime('%j', {_THURSDAY}) - 1) / 7 + 1)"),
    "iso_year": _date_part("ISOYEAR", f"strftime('%Y', {_THURSDAY})"),
    "iso_week_day": _date_part("ISODOW", "((strftime('%w', {0}) + 6) % 7 + 1)"),
    "week_day": define_element(
        "CAST(EXTRACT(DOW FROM {0}) + 1 AS INTEGER)",
        sqlite="CAST(strftime('%w', {0}) + 1 AS INTEGER)",
    ),
}
date_of = define_element("CAST({0} AS DATE)", sqlite="date({0})")
time_of = define_element("CAST({0} AS TIME)", sqlite="strftime('%H:%M:%f000', {0})")
in_utc = define_element("timezone('UTC', {0})", sqlite="{0}")
now = define_element("statement_timestamp()", sqlite="strftime('%Y-%m-%d %H:%M:%f000', 'now')")

_FORMATS = {
    "year": "%Y-01-01 00:00:00.000000",
    "month": "%Y-%m-01 00:00:00.000000",
    "day": "%Y-%m-%d 00:00:00.000000",
    "hour": "%Y-%m-%d %H:00:00.000000",
    "minute": "%Y-%m-%d %H:%M:00.000000",
    "second": "%Y-%m-%d %H:%M:%S.000000",
}
#: Moments, and dates, truncated.
TRUNCATIONS: dict[str, Callable[..., Element]] = {
    name: define_element(
        f"timezone('UTC', date_trunc('{name}', timezone('UTC', {{0}})))",
        sqlite=f"strftime('{form}', {{0}})",
    )
    for name, form in _FORMATS.items()
}
DATE_TRUNCATIONS: dict[str, Callable[..., Element]] = {
    name: define_element(
        f"CAST(date_trunc('{name}', {{0}}) AS DATE)",
        sqlite=f"strftime('{_FORMATS[name].partition(' ')[0]}', {{0}})",
    )
    for name in ("year", "month", "day")
}

_later = define_element("({0} + {1})", sqlite="strftime('%Y-%m-%d %H:%M:%f000', {0}, {2})")
_later_date = define_element("CAST({0} + {1} AS DATE)", sqlite="date({0}, {2})")


def shift(moment: Element, by: dt.timedelta) -> Element:
    """A moment, or a date, so much later."""
    later = _later_date if isinstance(moment.type, sa.Date) else _later
    seconds = sa.literal(f"{by.total_seconds():+f} seconds")
    return later(moment, sa.literal(by, sa.Interval()), seconds, type_=moment.type)


# -- numbers


_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod}


def combine(left: Element, sign: str, right: Element) -> Element:
    """Two operands and an operator; whole numbers are divided as the database divides them."""
    if sign in _OPERATORS:
        return _OPERATORS[sign](left, right)  # type: ignore[no-any-return]
    return left.op(sign, return_type=left.type)(right)


# -- JSON

#: SQLite's functions give 1, 0 and NULL for these, as they do for what is something else.
_WORDS = "('true', 'false', 'null')"
as_json = define_element("to_jsonb({0})", sqlite="{0}")
json_type = define_element("jsonb_typeof({0})", sqlite="json_type({0})")


class JsonAt(DialectElement):
    """An element of a JSON column and a path in it: ``{1}`` is the path, or its keys as an array."""

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
    column, path, *keys = (partial(compiler.process, each, **options) for each in element.clauses)
    template = element.templates.get(compiler.dialect.name)
    if template is not None:
        return template.format(column(), path())
    names = f"VARIADIC CAST(ARRAY[{', '.join(key() for key in keys)}] AS TEXT[])"
    return element.templates["default"].format(column(), names)


class JsonValueAt(JsonAt):
    """The JSON there; nothing where the path leads nowhere."""

    inherit_cache = True
    templates = {
        "default": "jsonb_extract_path(CAST({0} AS JSONB), {1})",
        "sqlite": f"(CASE WHEN json_type({{0}}, {{1}}) IN {_WORDS} THEN json_type({{0}}, {{1}}) "
        "WHEN json_type({0}, {1}) IS NOT NULL THEN json_quote(json_extract({0}, {1})) END)",
    }


class JsonComparableAt(JsonAt):
    """The same, to be compared with `comparable_json`."""

    inherit_cache = True
    templates = {
        "default": JsonValueAt.templates["default"],
        "sqlite": f"(CASE WHEN json_type({{0}}, {{1}}) IN {_WORDS} "
        "THEN CAST(json_type({0}, {1}) AS BLOB) ELSE json_extract({0}, {1}) END)",
    }


class JsonTextAt(JsonAt):
    """The text there, without quotes."""

    inherit_cache = True
    templates = {
        "default": "jsonb_extract_path_text(CAST({0} AS JSONB), {1})",
        "sqlite": "(CASE WHEN json_type({0}, {1}) IN ('true', 'false') "
        "THEN json_type({0}, {1}) ELSE CAST(json_extract({0}, {1}) AS TEXT) END)",
    }


class JsonKindAt(JsonAt):
    """The kind of what is there ("null" for JSON's null); NULL where the path leads nowhere."""

    inherit_cache = True
    templates = {
        "default": "jsonb_typeof(jsonb_extract_path(CAST({0} AS JSONB), {1}))",
        "sqlite": "json_type({0}, {1})",
    }


class JsonTruthAt(JsonAt):
    """Gives "true", "false", or anything else."""

    inherit_cache = True
    templates = {
        "default": "CAST(jsonb_extract_path(CAST({0} AS JSONB), {1}) AS TEXT)",
        "sqlite": "json_type({0}, {1})",
    }


comparable_json = define_element("CAST({0} AS JSONB)", sqlite="json_extract({0}, '$')")
whole_json = define_element("CAST({0} AS JSONB)", sqlite="json({0})")
_json_item_equals = define_element(
    "",
    sqlite="EXISTS (SELECT 1 FROM json_each({0}) AS item WHERE item.value = json_extract({1}, '$'))",
)


class JsonContains(DialectElement):
    """A condition: a JSON column holds all of a JSON value (PostgreSQL's ``@>``)."""

    inherit_cache = False
    templates = {"default": "(CAST({0} AS JSONB) @> CAST({1} AS JSONB))"}

    def __init__(self, column: Any, value: Any) -> None:
        super().__init__(column, sa.literal(json.dumps(value)), type_=sa.Boolean())
        self.value = value


@compiles(JsonContains, "sqlite")
def _compile_contains(element: JsonContains, compiler: Any, **options: Any) -> str:
    options.pop("add_to_result_map", None)
    column, _ = element.clauses
    condition = _contains(column, (), element.value).self_group()
    return str(compiler.process(condition, **options))


def _contains(column: Any, path: tuple[Any, ...], value: Any) -> Element:
    """The same condition piece by piece, where there is no operator for it."""
    if isinstance(value, dict):
        kind = JsonKindAt(column, path, type_=sa.String()) == "object"
        return sa.and_(
            kind, *(_contains(column, (*path, key), each) for key, each in value.items())
        )
    there = JsonValueAt(column, path, type_=sa.String())
    if isinstance(value, list):
        kind = JsonKindAt(column, path, type_=sa.String()) == "array"
        items = (_json_item_equals(there, sa.literal(json.dumps(each))) for each in value)
        return sa.and_(kind, *items)
    text = sa.literal(json.dumps(value))
    same_kind = JsonKindAt(column, path, type_=sa.String()) == json_type(text, type_=sa.String())
    if value is None or isinstance(value, bool):
        return same_kind
    return JsonComparableAt(column, path) == comparable_json(text)
