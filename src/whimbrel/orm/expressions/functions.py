"""The database's functions by the names that Django's users know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from whimbrel.orm.expressions import elements, lookups
from whimbrel.orm.expressions.expression import Expression, Func, Resolver, Value
from whimbrel.orm.expressions.value_types import JSON, AwareDateTime
from whimbrel.schema.expressions import Combinable

Element = sa.sql.ColumnElement[Any]


def _as_values(*given: Any) -> tuple[Any, ...]:
    """Arguments in which text is text, not a field's name."""
    return tuple(
        each if isinstance(each, Combinable | sa.sql.ClauseElement) else Value(each)
        for each in given
    )


def _resolve_alike(scope: Resolver, given: tuple[Any, ...]) -> list[Element]:
    """Arguments, plain values among them of the type of the first that has one."""
    made = [None if isinstance(each, Value) else scope.resolve_argument(each) for each in given]
    like = next((each for each in made if each is not None), None)
    return [
        element if element is not None else scope.resolve_value(value.value, like)
        for element, value in zip(made, given, strict=True)
    ]


class Coalesce(Func):
    """The first that is not NULL."""

    function = "coalesce"

    def arguments(self, scope: Resolver) -> list[Element]:
        return _resolve_alike(scope, self.expressions)


class Greatest(Func):
    """The greatest of several; on SQLite NULL where one of them is."""

    def arguments(self, scope: Resolver) -> list[Element]:
        return _resolve_alike(scope, self.expressions)

    def build(self, arguments: list[Element], type: Any) -> Element:
        return elements.greatest(*arguments, type_=type)


class Least(Greatest):
    """The least of several; on SQLite NULL where one of them is."""

    def build(self, arguments: list[Element], type: Any) -> Element:
        return elements.least(*arguments, type_=type)


class NullIf(Func):
    """NULL where two are equal, else the first."""

    function = "nullif"
    arity = 2

    def arguments(self, scope: Resolver) -> list[Element]:
        return _resolve_alike(scope, self.expressions)


class Concat(Func):
    """Text after text; NULL counts as none."""

    output = sa.Text

    def build(self, arguments: list[Element], type: Any) -> Element:
        texts = [sa.func.coalesce(sa.cast(each, sa.Text()), "") for each in arguments]
        joined: Any = texts[0]
        for each in texts[1:]:
            joined = joined.concat(each)
        return sa.type_coerce(joined, type)


class Lower(Func):
    """Text in small letters."""

    function = "lower"
    arity = 1


class Upper(Func):
    """Text in capital letters."""

    function = "upper"
    arity = 1


class Trim(Func):
    """Text without spaces at its ends."""

    function = "trim"
    arity = 1


class LTrim(Func):
    """Text without spaces at its start."""

    function = "ltrim"
    arity = 1


class RTrim(Func):
    """Text without spaces at its end."""

    function = "rtrim"
    arity = 1


class Length(Func):
    """The number of characters."""

    function = "length"
    arity = 1
    output = sa.Integer


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

    def __init__(self, expression: Any, length: Any, **options: Any) -> None:
        super().__init__(expression, *_as_values(length), **options)

    def build(self, arguments: list[Element], type: Any) -> Element:
        return elements.left_of(*arguments, type_=type)


class Right(Left):
    """The last characters of a text."""

    def build(self, arguments: list[Element], type: Any) -> Element:
        return elements.right_of(*arguments, type_=type)


class StrIndex(Func):
    """Where a text stands in another, from 1; 0 for nowhere."""

    output = sa.Integer

    def __init__(self, expression: Any, text: Any, **options: Any) -> None:
        super().__init__(expression, *_as_values(text), **options)

    def build(self, arguments: list[Element], type: Any) -> Element:
        return elements.position_of(*arguments, type_=type)


class Abs(Func):
    """A number without its sign."""

    function = "abs"
    arity = 1


class Ceil(Func):
    """The least whole number that is not less."""

    function = "ceil"
    arity = 1


class Floor(Func):
    """The greatest whole number that is not greater."""

    function = "floor"
    arity = 1


class Round(Func):
    """A number rounded, to ``precision`` digits."""

    function = "round"

    def __init__(self, expression: Any, precision: Any = 0, **options: Any) -> None:
        super().__init__(expression, *_as_values(precision), **options)


class Mod(Func):
    """What is left of a division."""

    arity = 2

    def build(self, arguments: list[Element], type: Any) -> Element:
        return arguments[0] % arguments[1]


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


def _make_extract(name: str, part: str) -> type[Extract]:
    return type(name, (Extract,), {"part": part, "__doc__": f"The {part} of a moment, in UTC."})


ExtractYear = _make_extract("ExtractYear", "year")
ExtractMonth = _make_extract("ExtractMonth", "month")
ExtractDay = _make_extract("ExtractDay", "day")
ExtractHour = _make_extract("ExtractHour", "hour")
ExtractMinute = _make_extract("ExtractMinute", "minute")
ExtractSecond = _make_extract("ExtractSecond", "second")
ExtractWeek = _make_extract("ExtractWeek", "week")
ExtractWeekDay = _make_extract("ExtractWeekDay", "week_day")
ExtractQuarter = _make_extract("ExtractQuarter", "quarter")
TruncDate = _make_extract("TruncDate", "date")
TruncTime = _make_extract("TruncTime", "time")


class Trunc(Func):
    """A moment, or a date, cut off in UTC: ``Trunc("made", "month")``."""

    kind = ""

    def __init__(self, expression: Any, kind: str | None = None, **options: Any) -> None:
        self.cut = kind or self.kind
        super().__init__(expression, **options)

    def build(self, arguments: list[Element], type: Any) -> Element:
        dates = isinstance(arguments[0].type, sa.Date)
        spellings: dict[str, Callable[..., Element]] = (
            elements.DATE_TRUNCATIONS if dates else elements.TRUNCATIONS
        )
        return spellings[self.cut](arguments[0], type_=type)


def _make_trunc(name: str, kind: str) -> type[Trunc]:
    return type(name, (Trunc,), {"kind": kind, "__doc__": f"A moment cut off to its {kind}."})


TruncYear = _make_trunc("TruncYear", "year")
TruncMonth = _make_trunc("TruncMonth", "month")
TruncDay = _make_trunc("TruncDay", "day")
TruncHour = _make_trunc("TruncHour", "hour")


# -- JSON


class KeyTransform(Expression):
    """What stands under a key of a JSON field."""

    def __init__(self, key: Any, expression: Any) -> None:
        self.key = key
        self.expression = expression

    def resolve(self, scope: Resolver) -> Element:
        return elements.JsonValueAt(
            scope.resolve_argument(self.expression), (self.key,), type_=JSON
        )


class KeyTextTransform(KeyTransform):
    """The text that stands under a key of a JSON field."""

    def resolve(self, scope: Resolver) -> Element:
        return elements.JsonTextAt(
            scope.resolve_argument(self.expression), (self.key,), type_=sa.Text()
        )
