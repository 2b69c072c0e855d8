"""Digests: what changes one, what does not, and that they are the same everywhere."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import os
import re
import subprocess
import sys
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from history import samples
from history import samples_sqlalchemy as acme
from titles import title
from whimbrel import migrations, models
from whimbrel.history.digest import comparable, digest
from whimbrel.operations import Operation

pytestmark = pytest.mark.reduced


def of(value: Any) -> str:
    """The digest of a migration that holds a value."""
    if isinstance(value, models.Field):
        return digest([migrations.AddField("Post", "x", value)])
    if isinstance(value, Operation):
        return digest([value])
    return digest([migrations.AddField("Post", "x", models.JSONField(default=value))])


def created(**options: Any) -> Operation:
    return migrations.CreateModel("Post", [], options)


SAME: list[tuple[Any, Any]] = [
    (models.CharField(max_length=9), models.CharField(max_length=9, help_text="x")),
    (models.CharField(max_length=9), models.Field(sa.String(9))),
    (models.CharField(max_length=9, null=True), models.CharField("A title", null=True, max_length=9)),
    (models.SlugField(), models.CharField(max_length=50, db_index=True)),
    (models.CharField(default=samples.Word.HELLO), models.CharField(default="hello")),
    (models.Field(sa.JSON()), models.Field(sa.JSON)),
    (migrations.AddField("P", "x", models.TextField()), migrations.AddField(
        model_name="P", name="x", field=models.TextField(), preserve_default=True
    )),
    (created(ordering=["a"]), created(ordering=("a",))),
    (created(dialect={"b": 1, "a": 2}), created(dialect=(("a", 2), ("b", 1)))),
    (created(unique_together=[("a", "b")]), created(unique_together=("a", "b"))),
    (created(db_table="s.t"), created(db_table="t", schema="s")),
    (created(indexes=[models.Index(fields=["a"])]), created(indexes=(models.Index("a"),))),
    (migrations.CreateModel("Post", [("a", models.TextField())]),
     migrations.CreateModel(name="Post", fields=(("a", models.TextField()),))),
    (migrations.AlterUniqueTogether("P", {("a", "b")}),
     migrations.AlterUniqueTogether("P", [["a", "b"]])),
    ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    (migrations.AddConstraint("P", models.CheckConstraint(models.Q(a=1, b=2), name="c")),
     migrations.AddConstraint("P", models.CheckConstraint(models.Q(b=2, a=1), name="c"))),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME, ids=title)
def test_another_spelling_has_the_same_digest(one: Any, other: Any) -> None:
    assert of(one) == of(other)


def constrained(condition: Any) -> Operation:
    return migrations.AddConstraint("P", models.CheckConstraint(condition))


OTHER: list[tuple[Any, Any]] = [
    (models.CharField(max_length=9), models.CharField(max_length=8)),
    (models.CharField(max_length=9), models.CharField(max_length=9, null=True)),
    (models.IntegerField(default=0), models.IntegerField(default=1)),
    (models.IntegerField(default=0), models.Field(sa.Integer(), default=False)),
    (models.IntegerField(default=1), models.FloatField(default=1.0)),
    (models.IntegerField(default=samples.shout), models.IntegerField(default=int)),
    (models.IntegerField(default=samples.shout), models.IntegerField()),
    (models.IntegerField(), models.IntegerField(null=True)),
    (models.ForeignKey("blog.Post"), models.ForeignKey("blog.Tag")),
    (models.ForeignKey("blog.Post"), models.ForeignKey("blog.Post", models.CASCADE)),
    (models.ManyToManyField("blog.Post"), models.ForeignKey("blog.Post")),
    (models.DateTimeField(), models.DateTimeField(auto_now=True)),
    (models.Field(acme.Money(2)), models.Field(acme.Money(3))),
    (models.Field(sa.JSON()), models.Field(sa.JSON().with_variant(postgresql.JSONB(), "sqlite"))),
    (models.EnumField(["a", "b"]), models.EnumField(["b", "a"])),
    (models.GeneratedField(models.SQL("a"), models.IntegerField()),
     models.GeneratedField(models.SQL("b"), models.IntegerField())),
    (migrations.RemoveField("P", "a"), migrations.RemoveField("P", "b")),
    (migrations.RenameField("P", "a", "b"), migrations.RenameField("P", "b", "a")),
    (migrations.AddField("P", "a", models.TextField(default="")),
     migrations.AddField("P", "a", models.TextField(default=""), preserve_default=False)),
    (migrations.CreateModel("P", [("a", models.TextField()), ("b", models.TextField())]),
     migrations.CreateModel("P", [("b", models.TextField()), ("a", models.TextField())])),
    (created(ordering=["a"]), created(ordering=["-a"])),
    (created(indexes=[models.Index("a")]), created(indexes=[models.Index("-a")])),
    (constrained(models.Q(a=1)), constrained(~models.Q(a=1))),
    (constrained(models.Q(a=1) | models.Q(b=1)), constrained(models.Q(a=1) & models.Q(b=1))),
    (constrained(models.SQL("a")), constrained(models.SQL("a", sqlite="b"))),
    (constrained(models.Q(a=models.F("b"))), constrained(models.Q(a="b"))),
    (["a"], ["a", "b"]),
    ("1", 1),
    (b"a", "a"),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    ({1, 2}, [1, 2]),
    (datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)),
    (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2024, 1, 1)),
    (datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
     datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))),
    (datetime.timedelta(1), datetime.timedelta(2)),
    (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    (Path("a"), "a"),
    ([samples.Colour.RED], [samples.Colour.BLUE]),
    ([samples.Access(1)], [samples.Access(3)]),
    (re.compile("a"), re.compile("a", re.I)),
    ([functools.partial(samples.shout, "a")], [functools.partial(samples.shout, "b")]),
    ([samples.Money(1)], [samples.Money(2)]),
    (samples.Slugger(1), samples.Slugger(2)),
    ([samples.Outer.Inner], [samples.Outer]),
    ([samples.Outer.Inner.make], [samples.Outer.Inner.still]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), OTHER, ids=title)
def test_another_deed_has_another_digest(one: Any, other: Any) -> None:
    assert of(one) != of(other)


def test_the_order_of_operations_counts() -> None:
    one, other = migrations.DeleteModel("A"), migrations.DeleteModel("B")
    assert digest([one, other]) != digest([other, one])


def test_an_object_without_a_form_of_its_own_has_a_digest_that_stays() -> None:
    assert of([samples.Opaque()]) == of([samples.Opaque()])
    assert of([samples.Opaque()]) != of([object()])


class Own(Operation):
    """An operation that says itself what it does."""

    def __init__(self, *does: object) -> None:
        object.__setattr__(self, "does", does)

    def digest_form(self) -> Any:
        return self.__dict__["does"]

    def apply(self, app: str, state: Any) -> Any:
        return state

    def describe(self) -> str:
        return "Own"

    @property
    def fragment(self) -> str:
        return "own"


def test_an_operation_may_say_itself_what_it_does() -> None:
    assert digest([Own(1)]) == digest([Own(1)]) != digest([Own(2)])


def test_only_digests_of_one_version_are_compared() -> None:
    made = digest([])
    assert re.fullmatch(r"1:[0-9a-f]{64}", made)
    assert comparable(made, digest([Own(1)]))
    assert not comparable(made, "2:" + made[2:])


#: What this was when it was written: a change of it would call every applied migration edited,
#: so it must come with a new VERSION.
KNOWN = [
    migrations.CreateModel(
        "Post",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("title", models.CharField(max_length=100, default="it's")),
            ("price", models.DecimalField(max_digits=8, decimal_places=2, null=True)),
            ("kind", models.EnumField(["a", "b"], name="kind")),
            ("blog", models.ForeignKey("blog.Blog", models.CASCADE, to_field="slug")),
            ("tags", models.ManyToManyField("Tag")),
            ("twice", models.GeneratedField(models.SQL("price * 2"), models.FloatField())),
            ("made", models.DateTimeField(db_default=models.SQL("now()"))),
        ],
        {
            "indexes": [models.Index(fields=["-title"], condition=models.Q(price__gt=0))],
            "constraints": [models.UniqueConstraint(fields=["title"], name="u")],
            "ordering": ["-title"],
            "dialect": {"sqlite_strict": True},
        },
    ),
    migrations.AddIndex("Post", models.Index(models.SQL("lower(title)"), name="i")),
    migrations.AlterField("Post", "title", models.TextField(default=samples.shout)),
    migrations.AddField(
        "Post", "data", models.JSONField(default={"a": [1.5, None, {1, 2}, samples.Colour.RED]})
    ),
]


def test_a_digest_stays_what_it_was() -> None:
    assert digest(KNOWN) == ("1:5bc19ea9b58d0ce1d5c56f4e2a6d5a4e77d74c45e15808f1a96713e1793e9cbe")


def test_a_digest_is_the_same_under_any_hash_seed() -> None:
    script = "from history.test_digest import *; print(digest(KNOWN))"
    tests = str(Path(__file__).parent.parent)
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join([tests, *sys.path]),
            },
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }
    assert found == {digest(KNOWN)}


class Kind(enum.Enum):
    """An enum beside the operations: its place counts, wherever the module is found."""

    A = 1


@pytest.mark.parametrize(("module", "same"), [(__name__, True), ("elsewhere.0001", False)])
def test_what_stands_beside_a_migration_is_known_by_its_place_there(
    module: str, same: bool
) -> None:
    operations = [migrations.AddField("P", "x", models.JSONField(default=[Kind.A]))]
    moved = digest(operations, module)
    assert (moved != digest(operations)) is same


def test_types_of_others_count_as_the_call_that_files_were_written_with() -> None:
    """Records have digests of files from before types were frozen."""
    fields = [
        models.Field(acme.Money(3), default=5),
        models.ArrayField(models.Field(acme.Shortened(3))),
        models.Field(sa.ARRAY(acme.Point(1)), null=True),
        models.Field(acme.Money().with_variant(sa.Integer(), "sqlite")),
        models.Field(postgresql.ENUM("a", name="x", create_type=False)),
        models.ForeignKey("a.B", models.CASCADE, type=acme.Money()),
        models.GeneratedField(models.SQL("1"), models.Field(acme.Money())),
        models.Field(sa.Numeric(3, 1), default=5),
    ]
    made = digest([migrations.AddField("A", "b", each) for each in fields])
    assert made == "1:99889a4b63a122d22b9170eaa4f4523e51123c38e2104c173cc27d2ed65db163"
