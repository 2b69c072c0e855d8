"""Steps as JSON and back: nothing of them is lost, also what takes no part in equality."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.sql.elements import quoted_name

from postgresql_cases import CASES as POSTGRESQL
from sqlite_cases import CASES as SQLITE
from whimbrel.engines import engine_for
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.step import Boundary, Phase, Step, UserStep
from whimbrel.errors import HistoryError
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Schema

pytestmark = pytest.mark.reduced

VALUES = [
    None,
    True,
    3,
    "it's",
    (1, ("a", None)),
    [1, (2,)],
    {"a": 1, (1, 2): [3]},
    float("inf"),
    Decimal("1.50"),
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6),
    timedelta(days=-1, microseconds=5),
    UUID(int=7),
    b"\x00\xff",
    bytearray(b"\x00"),
    Range(1, None, bounds="(]"),
    frozenset({1, 2}),
    quoted_name("k", quote=True),
    Boundary.OWN,
    UserStep(("SELECT %s",), boundary=Boundary.AUTOCOMMIT, parameters=[1, {"x": None}]),
    Step(("a", "b"), phase=Phase.CONTRACT, broken="c", cleanup=("d",), id="2.1", operation="e"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values(value: object) -> None:
    found = loads(dumps(value))
    assert found == value
    assert repr(found) == repr(value)


class Number(int):
    """A user's own."""


@pytest.mark.parametrize(
    "value", [OrderedDict(a=[1]), Number(3), memoryview(b"a")], ids=lambda it: type(it).__name__
)
def test_values_of_other_classes_are_written_as_what_they_are_equal_to(value: object) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("case", POSTGRESQL, ids=lambda case: case.name)
def test_steps_of_postgresql(case: object) -> None:
    _refuse_difference("postgresql", case.before, case.after)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "before", "after"), SQLITE, ids=lambda case: str(case)[:40])
def test_steps_of_sqlite(name: str, before: list, after: list) -> None:  # type: ignore[type-arg]
    _refuse_difference("sqlite", Schema.of(before), Schema.of(after))


def _refuse_difference(dialect: str, before: Schema, after: Schema) -> None:
    for step in engine_for(dialect).steps(diff(before, after), before):
        found = loads(dumps(step))
        assert found == step
        assert repr(found) == repr(step)  # fields that equality passes over, too


def test_a_field_of_a_later_version_is_passed_over() -> None:
    assert loads('{"is":"Step","statements":["a"],"pace":1}') == Step(("a",))


@pytest.mark.parametrize(
    "text", ['{"is":"Nothing"}', '{"is":"Path","of":"/"}', "{", '{"of":1}', '{"is":"Step"}']
)
def test_what_nobody_knows(text: str) -> None:
    with pytest.raises(HistoryError):
        loads(text)


def test_a_class_that_cannot_be_read_is_not_written() -> None:
    with pytest.raises(TypeError, match="object"):
        dumps(replace(Step(()), settling=object()))
