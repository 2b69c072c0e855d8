"""The database's functions by the names that Django's users know."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import sqlalchemy as sa

from whimbrel.orm.expressions import elements, lookups
from whimbrel.orm.expressions.expression import Expression, Func, Resolver, Value, define_function
from whimbrel.orm.expressions.value_types import JSON, AwareDateTime
from whimbrel.schema.expressions import Combinable

Element = sa.sql.ColumnElement[Any]


def _as_values(*given: Any) -> tuple[Any, ...]:
    """Arguments in which text is text, not a field's name."""
    return tuple(
        each if isinstance(each, Combinable | sa.sql.ClauseElement) else Value(each)
        for each in given
    )


class _Alike(Func):
    """A function whose plain arguments have the type of the first that is none."""

    def arguments(self, scope: Resolver) -> list[Element]:
        resolved = [
            None if isinstance(each, Value) else scope.resolve_argument(each)
            for each in self.expressions
        ]
        like = next((each for each in resolved if each is not None), None)
        return [
            element if element is not None else scope.resolve_value(value.value, like)
            for element, value in zip(resolved, self.expressions, strict=True)
        ]


Coalesce = define_function(
    "Coalesce", "The first value that is not NULL.", _Alike, function="coalesce"
)
Greatest = define_function(
    "Greatest", "The greatest; on SQLite NULL where one is.", _Alike, element=elements.greatest
)
Least = define_function(
    "Least", "The least; on SQLite NULL where one is.", _Alike, element=elements.least
)
NullIf = define_function(
    "NullIf", "NULL where two are equal, else the first.", _Alike, function="nullif", arity=2
)


# -- text

Lower = define_function("Lower", "Text in lowercase.", function="lower", arity=1)
Upper = define_function("Upper", "Text in capital letters.", function="upper", arity=1)
Trim = define_function("Trim", "Text without spaces at its ends.", function="trim", arity=1)
LTrim = define_function("LTrim", "Text without spaces at its start.", function="ltrim", arity=1)
RTrim = define_function("RTrim", "Text without spaces at its end.", function="rtrim", arity=1)
Length = define_function(
    "Length", "The number of characters.", function="length", arity=1, output=sa.Integer
)


class Concat(Func):
    """Text after text; NULL counts as none."""

    output = sa.Text

    def build(self, arguments: list[Element], type: Any) -> Element:
        first, *others = (sa.func.coalesce(sa.cast(each, sa.Text()), "") for each in arguments)
        return sa.type_coerce(reduce(operator.add, others, first), type)


class Replace(Func):
    """Text with a piece of it exchanged wherever it stands."""

    function = "replace"

    def __init__(self, expression: Any, text: Any, replacement: Any = "", **options: Any) -> None:
        super().__init__(expression, *_as_values(text, replacement), **options)


class Substr(Func):
    """A piece of a text, from a position that counts from 1."""

    function = "substr"

    def __init__(self, expression: Any, pos: Any, length: Any = None, **options: Any) -> None:
        more = (pos,) if length is None else (pos, length)
        super().__init__(expression, *_as_values(*more), **options)


class Left(Func):
    """The first characters of a text."""

    element = elements.left_of

    def __init__(self, expression: Any, length: Any, **options: Any) -> None:
        super().__init__(expression, *_as_values(length), **options)


class Right(Left):
    """The last characters of a text."""

    element = elements.right_of


class StrIndex(Func):
    """The place of a text in another, from 1; 0 where it is not there."""

    element = elements.position_of
    output = sa.Integer

    def __init__(self, expression: Any, text: Any, **options: Any) -> None:
        super().__init__(expression, *_as_values(text), **options)


# -- numbers

Abs = define_function("Abs", "A number without its sign.", function="abs", arity=1)
Ceil = define_function("Ceil", "The least integer that is not less.", function="ceil", arity=1)
Floor = define_function("Floor", "The greatest integer not greater.", function="floor", arity=1)


class Mod(Func):
    """The rest of a division."""

    arity = 2

    def build(self, arguments: list[Element], type: Any) -> Element:
        return arguments[0] % arguments[1]


class Round(Func):
    """A number rounded, to ``precision`` digits."""

    function = "round"

    def __init__(self, expression: Any, precision: Any = 0, **options: Any) -> None:
        super().__init__(expression, *_as_values(precision), **options)


class Cast(Func):
    """An expression as another type: ``Cast("number", models.TextField())``."""

    def __init__(self, expression: Any, output_field: Any) -> None:
        super().__init__(expression, output_field=output_field)

    def build(self, arguments: list[Element], type: Any) -> Element:
        if isinstance(type, sa.Date):
            return elements.date_of(*arguments, type_=type)
        return sa.cast(arguments[0], type)


class Now(Expression):
    """This moment."""

    def resolve(self, scope: Resolver) -> Element:
        return elements.now(type_=AwareDateTime())


# -- parts of dates


class Extract(Func):
    """A part of a date or a moment, in UTC: ``Extract("made", "year")``."""

    part = ""
    output = sa.Integer

    def __init__(self, expression: Any, lookup_name: str | None = None, **options: Any) -> None:
        self.lookup = lookup_name or self.part
        super().__init__(expression, **options)

    def build(self, arguments: list[Element], type: Any) -> Element:
        return lookups.apply_transforms(arguments[0], (self.lookup,), self.lookup)


ExtractYear = define_function("ExtractYear", "The year of a moment, in UTC.", Extract, part="year")
ExtractQuarter = define_function(
    "ExtractQuarter", "The quarter of a moment, in UTC.", Extract, part="quarter"
)
ExtractMonth = define_function(
    "ExtractMonth", "The month of a moment, in UTC.", Extract, part="month"
)
ExtractWeek = define_function("ExtractWeek", "The week of a moment, in UTC.", Extract, part="week")
ExtractWeekDay = define_function(
    "ExtractWeekDay", "The week day of a moment, in UTC.", Extract, part="week_day"
)
ExtractDay = define_function("ExtractDay", "The day of a moment, in UTC.", Extract, part="day")
ExtractHour = define_function("ExtractHour", "The hour of a moment, in UTC.", Extract, part="hour")
ExtractMinute = define_function(
    "ExtractMinute", "The minute of a moment, in UTC.", Extract, part="minute"
)
ExtractSecond = define_function(
    "ExtractSecond", "The second of a moment, in UTC.", Extract, part="second"
)
TruncDate = define_function("TruncDate", "The date of a moment, in UTC.", Extract, part="date")
TruncTime = define_function("TruncTime", "The time of a moment, in UTC.", Extract, part="time")


class Trunc(Func):
    """A moment, or a date, truncated in UTC: ``Trunc("made", "month")``."""

    kind = ""

    def __init__(self, expression: Any, kind: str | None = None, **options: Any) -> None:
        self.unit = kind or self.kind
        super().__init__(expression, **options)

    def build(self, arguments: list[Element], type: Any) -> Element:
        is_date = isinstance(arguments[0].type, sa.Date)
        truncations = elements.DATE_TRUNCATIONS if is_date else elements.TRUNCATIONS
        return truncations[self.unit](arguments[0], type_=type)


TruncYear = define_function("TruncYear", "A moment truncated to its year.", Trunc, kind="year")
TruncMonth = define_function("TruncMonth", "A moment truncated to its month.", Trunc, kind="month")
TruncDay = define_function("TruncDay", "A moment truncated to its day.", Trunc, kind="day")
TruncHour = define_function("TruncHour", "A moment truncated to its hour.", Trunc, kind="hour")


# -- JSON


class KeyTransform(Expression):
    """The JSON under a key of a JSON field."""

    def __init__(self, key: Any, expression: Any) -> None:
        self.key = key
        self.expression = expression

    def resolve(self, scope: Resolver) -> Element:
        column = scope.resolve_argument(self.expression)
        return elements.JsonValueAt(column, (self.key,), type_=JSON)


class KeyTextTransform(KeyTransform):
    """The text under a key of a JSON field."""

    def resolve(self, scope: Resolver) -> Element:
        column = scope.resolve_argument(self.expression)
        return elements.JsonTextAt(column, (self.key,), type_=sa.Text())
