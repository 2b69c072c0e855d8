"""Constraints and indexes of tables and of models: what they mention, and how that is renamed."""

from __future__ import annotations

from typing import Any

import pytest

from whimbrel import models
from whimbrel.schema import table as t
from whimbrel.schema.expressions import SQL, Q

AT = t.Name(None, "other")

#: An item, what it mentions of a, b, c and d, and the same one where a is called x.
ITEMS: list[tuple[Any, str, Any]] = [
    (t.PrimaryKey("k", ("a", "b")), "ab", t.PrimaryKey("k", ("x", "b"))),
    (t.Unique("k", ("b",), include=("a",)), "ab", t.Unique("k", ("b",), include=("x",))),
    (t.Check("k", SQL("a > lower(b)")), "ab", t.Check("k", SQL("x > lower(b)"))),
    (t.Check("k", Q(a__gt=models.F("c"))), "ac", t.Check("k", Q(x__gt=models.F("c")))),
    (
        t.ForeignKey("k", ("a",), AT, ("a",)),
        "a",
        t.ForeignKey("k", ("x",), AT, ("a",)),
    ),
    (
        t.Exclude("k", (("a", "="), (SQL("b + a"), "&&")), where=Q(c=1)),
        "abc",
        t.Exclude("k", (("x", "="), (SQL("b + x"), "&&")), where=Q(c=1)),
    ),
    (
        t.Index("k", (t.IndexPart("a", True), t.IndexPart(SQL("b")))),
        "ab",
        t.Index("k", (t.IndexPart("x", True), t.IndexPart(SQL("b")))),
    ),
    (
        t.Index("k", (t.IndexPart("b"),), include=("c",), where=SQL("a = 'd'")),
        "abc",
        t.Index("k", (t.IndexPart("b"),), include=("c",), where=SQL("x = 'd'")),
    ),
    (
        models.Index("-a", SQL("lower(b)"), include=["c"], condition=Q(a=1)),
        "abc",
        models.Index("-x", SQL("lower(b)"), include=["c"], condition=Q(x=1)),
    ),
    (
        models.UniqueConstraint(fields=["a"], include=["b"], condition=~Q(c=None)),
        "abc",
        models.UniqueConstraint(fields=["x"], include=["b"], condition=~Q(c=None)),
    ),
    (models.CheckConstraint(SQL("a <> 1")), "a", models.CheckConstraint(SQL("x <> 1"))),
    (
        models.ForeignKeyConstraint(fields=["a", "b"], to="app.Other", to_fields=["a", "c"]),
        "ab",
        models.ForeignKeyConstraint(fields=["x", "b"], to="app.Other", to_fields=["a", "c"]),
    ),
    (
        models.ExclusionConstraint(expressions=[("a", "="), (SQL("b"), "&&")], condition=Q(d=1)),
        "abd",
        models.ExclusionConstraint(expressions=[("x", "="), (SQL("b"), "&&")], condition=Q(d=1)),
    ),
    (
        models.PrimaryKeyConstraint(fields=["b", "a"]),
        "ab",
        models.PrimaryKeyConstraint(fields=["b", "x"]),
    ),
]


@pytest.mark.parametrize(("item", "mentioned", "renamed"), ITEMS, ids=[repr(i[0]) for i in ITEMS])
def test_an_item_follows_what_it_mentions(item: Any, mentioned: str, renamed: Any) -> None:
    assert item.columns_among(frozenset("abcd")) == set(mentioned)
    assert item.rename({"a": "x"}) == renamed
    assert item.rename({}) == item


def test_in_a_models_item_sql_speaks_of_columns_and_a_q_of_fields() -> None:
    index = models.Index(SQL("a + b"), fields=["a"], condition=Q(a=1))
    assert index.names() == {"a"}
    renamed = index.rename({"a": "x"}, in_sql={"b": "y"})
    assert renamed == models.Index(SQL("a + y"), fields=["x"], condition=Q(x=1))


def test_a_foreign_key_follows_its_target() -> None:
    key = t.ForeignKey("k", ("a",), AT, ("a", "b"))
    elsewhere = t.Name("s", "there")
    followed = t.ForeignKey("k", ("a",), elsewhere, ("x", "b"))
    assert key.follow_target({AT: elsewhere}, {AT: {"a": "x"}}) == followed
    assert key.follow_target({elsewhere: AT}, {elsewhere: {"a": "x"}}) is key


def test_an_item_takes_no_attribute_that_it_does_not_have() -> None:
    with pytest.raises(TypeError, match="Check has no attribute columns"):
        t.Check("k", SQL("a")).replace(columns=("a",))
