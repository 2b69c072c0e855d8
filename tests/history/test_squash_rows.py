"""Squashes over rows that are there before: what is left out must have changed nothing in them."""

from __future__ import annotations

import pytest

from whimbrel import migrations, models
from whimbrel.history.squash.optimizer import Original, least
from whimbrel.operations import Operation
from whimbrel.operations.base import replay
from whimbrel.state.state_pair import StatePair

pytestmark = pytest.mark.reduced

START = migrations.CreateModel(
    "Row",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("text", models.CharField(max_length=20)),
        ("count", models.IntegerField()),
    ],
)


def alter(name: str, field: models.Field) -> Operation:
    return migrations.AlterField("Row", name, field)


@pytest.mark.parametrize(
    ("operations", "left"),
    [
        ([alter("count", models.TextField()), alter("count", models.IntegerField())], 2),
        ([alter("text", models.IntegerField()), alter("text", models.CharField(max_length=20))], 2),
        ([alter("count", models.BigIntegerField()), alter("count", models.IntegerField())], 0),
        ([alter("text", models.TextField()), alter("text", models.CharField(max_length=20))], 0),
        ([alter("text", models.TextField()), alter("text", models.CharField(max_length=9))], 1),
    ],
)
@pytest.mark.parametrize("rows", [True, False])
def test_types_that_change_and_change_back(
    operations: list[Operation], left: int, rows: bool
) -> None:
    before = replay("blog", [START], StatePair.empty()) if rows else StatePair.empty()
    wanted = operations if rows else [START, *operations]
    originals = [Original(("blog", "0002"), index, each) for index, each in enumerate(wanted)]
    assert len(least("blog", originals, before).members) == (left if rows else 1)
