"""Every function of queries against rows, on every database: a row a case."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blog import moment
from whimbrel import models as m
from whimbrel.models import F
from whimbrel.orm.apps import Apps

#: A function as Django's users write it, and what it gives for the posts by their keys: First
#: (10.00, 5 views, 2020-01-05 10:30:15), second (2.25, 7, 2021-06-30 23:59:59),
#: Third (1.50, 0, 2021-12-31 00:00:00), and one without a title (3.00, 1, None).
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "Abs": (m.Abs(F("views") - 5), [0, 2, 5, 4]),
    "Ceil": (m.Ceil("price"), [10, 3, 2, 3]),
    "Floor": (m.Floor("price"), [10, 2, 1, 3]),
    "Mod": (m.Mod("views", m.Value(4)), [1, 3, 0, 1]),
    "Round": (m.Round("price"), [10, 2, 2, 3]),
    "Round to digits": (m.Round("price", precision=1), [Decimal("10.0"), Decimal("2.3"), Decimal("1.5"), Decimal("3.0")]),
    "Left": (m.Left("title", 2), ["Fi", "se", "Th", ""]),
    "Right": (m.Right("title", 2), ["st", "nd", "rd", ""]),
    "LTrim": (m.LTrim(m.Value("  x ")), ["x "] * 4),
    "RTrim": (m.RTrim(m.Value("  x ")), ["  x"] * 4),
    "StrIndex": (m.StrIndex("title", m.Value("ir")), [2, 0, 3, 0]),
    "ExpressionWrapper": (m.ExpressionWrapper(F("views") + 1, output_field=m.FloatField()), [6.0, 8.0, 1.0, 2.0]),
    "Extract": (m.Extract("made", "iso_year"), [2020, 2021, 2021, None]),
    "ExtractYear": (m.ExtractYear("made"), [2020, 2021, 2021, None]),
    "ExtractQuarter": (m.ExtractQuarter("made"), [1, 2, 4, None]),
    "ExtractMonth": (m.ExtractMonth("made"), [1, 6, 12, None]),
    "ExtractWeek": (m.ExtractWeek("made"), [1, 26, 52, None]),
    "ExtractWeekDay": (m.ExtractWeekDay("made"), [1, 4, 6, None]),
    "ExtractDay": (m.ExtractDay("made"), [5, 30, 31, None]),
    "ExtractHour": (m.ExtractHour("made"), [10, 23, 0, None]),
    "ExtractMinute": (m.ExtractMinute("made"), [30, 59, 0, None]),
    "ExtractSecond": (m.ExtractSecond("made"), [15, 59, 0, None]),
    "Extract of a date": (m.ExtractYear("author__born"), [1980, 1980, 1990, None]),
    "Trunc": (m.Trunc("made", "minute"), [moment(2020, 1, 5, 10, 30), moment(2021, 6, 30, 23, 59), moment(2021, 12, 31), None]),
    "Trunc to seconds": (m.Trunc("made", kind="second"), [moment(2020, 1, 5, 10, 30, 15), moment(2021, 6, 30, 23, 59, 59), moment(2021, 12, 31), None]),
    "TruncYear": (m.TruncYear("made"), [moment(2020, 1, 1), moment(2021, 1, 1), moment(2021, 1, 1), None]),
    "TruncMonth": (m.TruncMonth("made"), [moment(2020, 1, 1), moment(2021, 6, 1), moment(2021, 12, 1), None]),
    "TruncDay": (m.TruncDay("made"), [moment(2020, 1, 5), moment(2021, 6, 30), moment(2021, 12, 31), None]),
    "TruncHour": (m.TruncHour("made"), [moment(2020, 1, 5, 10), moment(2021, 6, 30, 23), moment(2021, 12, 31), None]),
    "TruncDate": (m.TruncDate("made"), [dt.date(2020, 1, 5), dt.date(2021, 6, 30), dt.date(2021, 12, 31), None]),
    "TruncTime": (m.TruncTime("made"), [dt.time(10, 30, 15), dt.time(23, 59, 59), dt.time(0, 0), None]),
    "TruncYear of a date": (m.TruncYear("author__born"), [dt.date(1980, 1, 1), dt.date(1980, 1, 1), dt.date(1990, 1, 1), None]),
    "KeyTransform": (m.KeyTransform("a", "data"), [{"b": [1, 2]}, "x", None, None]),
    "KeyTextTransform": (m.KeyTextTransform("n", "data"), ["5", "7", None, None]),
    "bitand": (F("views").bitand(5), [5, 5, 0, 1]),
    "bitor": (F("views").bitor(2), [7, 7, 2, 3]),
    "Rank": (m.Window(m.Rank(), order_by=m.Coalesce("author", m.Value(9))), [1, 1, 3, 4]),
    "DenseRank": (m.Window(m.DenseRank(), order_by=m.Coalesce("author", m.Value(9))), [1, 1, 2, 3]),
    "Lag": (m.Window(m.Lag("views"), order_by="pk"), [None, 5, 7, 0]),
    "Lag by two": (m.Window(m.Lag("views", 2, default=-1), order_by="pk"), [-1, -1, 5, 7]),
    "Lead": (m.Window(m.Lead("views", default=9), order_by="pk"), [7, 0, 1, 9]),
    "FirstValue": (m.Window(m.FirstValue("title"), order_by="pk"), ["First"] * 4),
    "LastValue": (m.Window(m.LastValue("views"), partition_by=F("mood"), order_by="pk"), [5, 7, 0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(apps: Apps, name: str) -> None:
    function, expected = FUNCTIONS[name]
    posts = apps.get_model("blog", "Post").objects.order_by("pk")
    assert list(posts.annotate(value=function).values_list("value", flat=True)) == expected


def test_every_function_is_on_its_page() -> None:
    page = Path(__file__, "../../../docs/historical-models.md").resolve().read_text()
    names = {*dir(m)} - {*m.__all__, "Model", "DatabaseType"}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", page)] == []
