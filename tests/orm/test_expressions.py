"""Expressions as values: what a migration file holds of them, and its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whimbrel import models
from whimbrel.errors import ModelError
from whimbrel.history.digest import digest
from whimbrel.history.writer import source_of
from whimbrel.migrations import Backfill
from whimbrel.models import F, Q

WRITTEN: dict[str, Callable[[], Any]] = {
    'models.F("a") + 1': lambda: F("a") + 1,
    '(models.F("a") + 1) * models.F("b")': lambda: (F("a") + 1) * F("b"),
    'models.Q(author__name="x") | models.Q(b__gte=1)': lambda: Q(author__name="x") | Q(b__gte=1),
    'models.Q(a__contains__exact="x")': lambda: Q(a__contains__exact="x"),
    'models.Q(models.Lower("a"), b=1)': lambda: Q(models.Lower("a"), b=1),
    'models.Case(models.When(a=1, then=models.Value("x")), default=models.F("b"))': lambda: (
        models.Case(models.When(a=1, then=models.Value("x")), default=F("b"))
    ),
    'models.Func("a", function="lower", output_field=models.TextField())': lambda: models.Func(
        "a", function="lower", output_field=models.TextField()
    ),
}


@pytest.mark.parametrize("source", WRITTEN)
def test_an_expression_is_written_and_read_again(source: str) -> None:
    written, _ = source_of(WRITTEN[source]())
    assert written == source
    assert eval(written, {"models": models}) == WRITTEN[source]()


ALIKE: list[Callable[[int], Any]] = [
    lambda n: F("a") + n,
    lambda n: models.Value({"a": n}),
    lambda n: models.Coalesce("a", models.Value(n)),
    lambda n: models.Case(models.When(a=n, then=1)),
    lambda n: models.Cast("a", models.CharField(max_length=n)),
    lambda n: Q(models.Length("a", output_field=models.CharField(max_length=n))),
]


@pytest.mark.parametrize("make", ALIKE)
def test_the_digest_tells_expressions_apart(make: Callable[[int], Any]) -> None:
    def of(n: int) -> str:
        return digest([Backfill("post", set={"t": make(n)})])

    assert make(1) == make(1)
    assert make(1) != make(2)
    assert of(1) == of(1)
    assert of(1) != of(2)


REFUSED: dict[str, Any] = {
    "unknown lookup 'like'": lambda: Q(a__like="x"),
    "unknown lookup 'name'": lambda: ~Q(b=1) & Q(author__name="x"),
    "is arithmetic": lambda: Q(a=F("b") * 2),
    "cannot have the condition": lambda: Q(models.Lower("a")),
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_constraint_takes_plain_conditions_alone(words: str) -> None:
    condition = REFUSED[words]()
    for make in (
        lambda: models.CheckConstraint(condition),
        lambda: models.UniqueConstraint(fields=["a"], condition=condition),
        lambda: models.Index(fields=["a"], condition=condition),
        lambda: models.GeneratedField(condition, models.BooleanField()),
    ):
        with pytest.raises(ModelError, match=words):
            make()
