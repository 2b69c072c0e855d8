"""The small values: SQL text, conditions, types, names."""

from __future__ import annotations

import copy
import enum
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from whimbrel import models
from whimbrel.errors import ModelError
from whimbrel.schema.expressions import Constant, rename_words
from whimbrel.schema.order import rename_order
from whimbrel.schema.types import (
    EnumType,
    EnumValue,
    Type,
    describe,
    describe_call,
    make_type,
    names_classes,
)
from whimbrel.state.naming import identity, item_name, shorten, type_name

pytestmark = pytest.mark.reduced

RENAMES = [
    ("price >= 0", "cost >= 0"),
    ("lower(price)", "lower(cost)"),
    ("price(price)", "price(cost)"),
    ("x = 'price' and price = 1", "x = 'price' and cost = 1"),
    ('"price" > 1', '"cost" > 1'),
    ("prices + price_2", "prices + price_2"),
    ("note::price", "note::price"),
    ("$$price$$ || price", "$$price$$ || cost"),
]


@pytest.mark.parametrize(("before", "after"), RENAMES)
def test_a_column_in_text_is_renamed_and_nothing_else(before: str, after: str) -> None:
    assert rename_words(before, {"price": "cost"}) == after


def test_swapped_names_in_text_are_swapped() -> None:
    assert rename_words("a - b", {"a": "b", "b": "a"}) == "b - a"


Q = models.Q
CONDITIONS = [
    (Q(a=1) & Q(b=2), Q(a=1, b=2), True),
    (Q(a=1) | Q(b=2), Q(b=2) | Q(a=1), False),
    (~~Q(a=1), Q(a=1), True),
    (Q(a=1), Q(a=True), False),
    (Q(a__in=[1, 2]), Q(a__in=(1, 2)), True),
    (Q(a__gt=models.F("b")).rename({"b": "c"}), Q(a__gt=models.F("c")), True),
]


@pytest.mark.parametrize(("left", "right", "same"), CONDITIONS)
def test_conditions_are_values(left: Any, right: Any, same: bool) -> None:
    assert (left == right) is same


def test_a_lookup_that_there_is_not_is_named() -> None:
    with pytest.raises(ModelError, match="unknown lookup 'like'"):
        models.CheckConstraint(Q(name__like="x"))


SPACES = [
    ("a>0", "a  >\n 0", True),
    ("lower( name )", "lower(name)", True),
    ("a::int", "a :: int", True),
    ("a -- why\n> 0", "a -- why\n  > 0", True),
    ("a = 'x  y'", "a = 'x y'", False),
    ("a = 'it''s  x'", "a = 'it''s x'", False),
    ("e'a\\'  b'", "e'a\\' b'", False),
    ("E 'x'", "E'x'", False),
    ("U& 'x'", "U&'x'", False),
    ("$$a  b$$", "$$a b$$", False),
    ("$q$a  b$q$", "$q$a b$q$", False),
    ('"a  b"', '"a b"', False),
    ("`a  b`", "`a b`", False),
    ("-- a \n b", "-- a b", False),
    ("a - -1", "a --1", False),
    ("a > = 1", "a >= 1", False),
    ("is null", "isnull", False),
    ("1 2", "12", False),
]


@pytest.mark.parametrize(("left", "right", "same"), SPACES)
def test_white_space_between_words_says_nothing(left: str, right: str, same: bool) -> None:
    """In strings, quoted names and comments it does."""
    one, other = models.SQL(left, sqlite=left), models.SQL(right, sqlite=right)
    assert (one == other) is same
    assert not same or hash(one) == hash(other)


@pytest.mark.parametrize(
    "value", [float("nan"), Decimal("NaN"), [float("nan")], {"a": Decimal("NaN")}]
)
def test_what_is_no_number_is_equal_to_itself(value: Any) -> None:
    assert Constant(value) == Constant(copy.deepcopy(value))
    assert Constant(value) != Constant(1.0)


def test_constants_of_two_types_are_two_constants() -> None:
    assert Constant(0) != Constant(False)
    assert Constant(1) != Constant(1.0)


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Money(sa.types.TypeDecorator[Any]):
    impl = sa.Numeric
    cache_ok = True

    def __init__(self, currency: str, scale: int = 2) -> None:
        super().__init__(12, scale)
        self.currency, self.scale = currency, scale


class Bag(sa.types.TypeDecorator[Any]):
    impl = sa.Text
    cache_ok = True


HERE = __name__
TYPES: list[tuple[Any, Any]] = [
    (sa.String(100), make_type("sqlalchemy:String", length=100)),
    (sa.Text, make_type("sqlalchemy:Text")),
    (sa.Numeric(10, 2), make_type("sqlalchemy:Numeric", precision=10, scale=2)),
    (sa.DateTime(timezone=True), make_type("sqlalchemy:DateTime", timezone=True)),
    (postgresql.JSONB(), make_type("sqlalchemy.dialects.postgresql:JSONB")),
    (
        postgresql.ARRAY(sa.Integer),
        make_type(
            "sqlalchemy.dialects.postgresql:ARRAY", item_type=make_type("sqlalchemy:Integer")
        ),
    ),
    (
        sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
        make_type(
            "sqlalchemy:JSON",
            variants={"postgresql": make_type("sqlalchemy.dialects.postgresql:JSONB")},
        ),
    ),
    (sa.Enum(Mood), EnumType("mood", (EnumValue("GOOD"), EnumValue("BAD")), check=False)),
]
CALLS: list[tuple[Any, Any]] = [
    *TYPES,
    (Money("EUR"), Type(f"{HERE}:Money", (), (("currency", "EUR"),))),
    (Money("EUR", scale=3), Type(f"{HERE}:Money", (), (("currency", "EUR"), ("scale", 3)))),
    (Bag(), Type(f"{HERE}:Bag")),
]


@pytest.mark.parametrize(("given", "described"), TYPES, ids=[repr(given) for given, _ in TYPES])
def test_a_type_of_sqlalchemy_is_told_by_its_call(given: Any, described: Any) -> None:
    assert describe(given) == described
    assert not names_classes(given)


@pytest.mark.parametrize(("given", "described"), CALLS, ids=[repr(given) for given, _ in CALLS])
def test_any_type_can_be_told_by_its_call(given: Any, described: Any) -> None:
    assert describe_call(given) == described


def test_the_call_of_a_type_that_forgets_its_argument_is_not_told() -> None:
    class Forgetful(sa.types.UserDefinedType[Any]):
        def __init__(self, size: int) -> None:
            pass

    Forgetful.__qualname__ = "Forgetful"
    with pytest.raises(ModelError, match="does not keep its argument 'size'"):
        describe_call(Forgetful(3))


def test_two_fields_are_equal_when_they_lower_to_the_same_column() -> None:
    assert models.Field(sa.String(20)) == models.CharField("Name", max_length=20, help_text="?")
    assert models.Field(sa.String(20)) != models.CharField(max_length=21)
    assert models.ForeignKey("a.B", models.PROTECT) == models.ForeignKey("a.b", models.RESTRICT)


FACES: list[tuple[Any, Any, bool]] = [
    (models.JSONField(default={"a": [1]}), models.JSONField(default={"a": [1]}), True),
    (models.JSONField(default={"a": [1]}), models.JSONField(default={"a": [True]}), False),
    (models.DecimalField(default=Decimal("1.5")), models.DecimalField(default=Decimal("1.50")), True),
    (models.ForeignKey("a.B", unique=True), models.OneToOneField("a.B"), True),
    (models.IntegerField(default=partial(int, "1")), models.IntegerField(default=partial(int, "1")), True),
    (models.IntegerField(default=partial(int, "1")), models.IntegerField(default=partial(int, "2")), False),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "same"), FACES)
def test_fields_are_values_whatever_their_defaults(left: Any, right: Any, same: bool) -> None:
    assert (left == right) is same
    assert not same or hash(left) == hash(right)


CONDITIONS_WRITTEN = [
    Q(),
    ~Q(),
    Q(Q(a=1), b=2),
    Q(Q(Q(a=1))),
    Q(Q(a=1) | Q(b=2), c=3),
    ~Q(Q(~Q(a=1)), b=2),
    Q(a=1) | Q() | ~(Q(b=2) & Q(c__in=[1, 2])),
    Q(a__range=(models.F("b"), 3)) | Q(b__in={2, 1}),
]


@pytest.mark.parametrize("condition", CONDITIONS_WRITTEN, ids=repr)
def test_a_condition_is_what_its_repr_says(condition: Any) -> None:
    assert eval(repr(condition), {"Q": Q, "F": models.F}) == condition


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Constant(Decimal("1.5")), Constant(Decimal("1.50"))),
        (Constant({"a": 1, "b": 2}), Constant({"b": 2, "a": 1})),
    ],
)
def test_equal_constants_have_one_hash(left: Constant, right: Constant) -> None:
    assert left == right
    assert hash(left) == hash(right)


NAMES = [
    (item_name("blog.Post", ["blog.Post.title"], "idx"), "blog_post_title_idx"),
    (item_name("blog.Post", [], "pk"), "blog_post_pk"),
    (item_name("blog.Post", ["blog.Post.a", "blog.Post.b"], "uniq", 2), "blog_post_a_b_uniq2"),
    (type_name("blog.Post.kind"), "blog_post_kind_enum"),
    (identity("blog.Post", 1), "blog.Post"),
    (identity("blog.Post", 2), "blog.Post#2"),
    (shorten("x" * 63), "x" * 63),
]


@pytest.mark.parametrize(("made", "name"), NAMES)
def test_names_come_from_identities(made: str, name: str) -> None:
    assert made == name


def test_a_second_birth_has_names_of_its_own() -> None:
    first = item_name("blog.Post", ["blog.Post.title"], "idx")
    assert item_name("blog.Post#2", ["blog.Post#2.title"], "idx") != first
    assert item_name("blog.Post", ["blog.Post.title#2"], "idx") != first


@pytest.mark.parametrize("name", ["x" * 64, "é" * 40, "名" * 30])
def test_a_long_name_is_cut_to_what_postgresql_takes(name: str) -> None:
    assert len(shorten(name).encode()) <= 63
    assert shorten(name) != shorten(name + "y")


RENAME_ORDERS = [
    ({"a": "b", "b": "c"}, [("b", "c"), ("a", "b")]),
    ({"a": "b", "b": "a"}, [("a", "a_"), ("b", "a"), ("a_", "b")]),
    ({"a": "a"}, []),
]


@pytest.mark.parametrize(("renames", "order"), RENAME_ORDERS)
def test_renames_come_in_an_order_in_which_each_name_is_free(
    renames: dict[str, str], order: list[tuple[str, str]]
) -> None:
    assert list(rename_order(renames, lambda name: f"{name}_")) == order


def test_the_default_of_an_enum_of_members_is_one_of_its_labels() -> None:
    field = models.Field(sa.Enum(Mood), default=Mood.BAD)
    assert field.column_default() == Constant("BAD")
    assert field.deconstruct()[2]["default"] == "BAD"


@pytest.mark.parametrize("expression", ["x + 1", None, models.F("x") + 1])
def test_a_generated_field_is_computed_by_sql(expression: object) -> None:
    with pytest.raises(ModelError, match="computed by SQL"):
        models.GeneratedField(expression, models.IntegerField())  # type: ignore[arg-type]
