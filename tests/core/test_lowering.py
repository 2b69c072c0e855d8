"""What lowering refuses, what operations refuse for its sake, and the columns that come of it."""

from __future__ import annotations

from typing import Any

import pytest

from lawful import replayed
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.errors import ModelError, StateError
from whimbrel.schema.expressions import Constant
from whimbrel.schema.table import Column, Name, Table
from whimbrel.schema.types import enum_types, make_type
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

Q, SQL, FK, Int = models.Q, models.SQL, models.ForeignKey, models.IntegerField
ID = ("id", models.BigAutoField(primary_key=True))
KIND = models.EnumField(["u", "v"], name="kind", default="u")
ARRAY = models.ArrayField(models.EnumField(["u", "v"], name="kind"), default=["u"])


def after(*operations: Any) -> State:
    return replayed(State(), operations)[-1]


def table(state: State, name: str = "a_a") -> Table:
    return lower(state).tables[Name(None, name)]


def made(*fields: Any, name: str = "A", **options: Any) -> m.CreateModel:
    return m.CreateModel(name, list(fields), options)


REFUSED: dict[str, tuple[list[Any], str]] = {
    "two tables": (
        [made(ID, db_table="t"), made(ID, name="B", db_table="t")],
        "the table t is asked for 2 times: by a.A and by a.B",
    ),
    "a table between models has the name of another": (
        [made(ID, ("x", models.ManyToManyField("self"))), made(ID, name="B", db_table="a_a_x")],
        "the table a_a_x is asked for 2 times",
    ),
    "two columns": (
        [made(ID, ("x", Int(db_column="y")), ("y", Int()))],
        "a.A: x and y both have the column y",
    ),
    "a circle of keys": (
        [
            m.CreateModel("A", [("id", models.OneToOneField("a.B", primary_key=True))]),
            m.CreateModel("B", [("id", models.OneToOneField("a.A", primary_key=True))]),
        ],
        "has the type of what it points at, and that is itself",
    ),
    "a key to itself as a key": (
        [m.CreateModel("A", [("id", models.OneToOneField("self", primary_key=True))])],
        "has the type of what it points at, and that is itself",
    ),
    "a key to a field without a column": (
        [made(ID, ("x", models.ManyToManyField("self")), ("y", FK("self", to_field="x")))],
        "points at a.A.x, which has no column",
    ),
}


@pytest.mark.parametrize(("operations", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_no_database_could_hold_is_refused(operations: list[Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        lower(after(*operations))
    assert said in str(caught.value)


USED: dict[str, tuple[list[Any], str]] = {
    "check": ([made(ID, ("x", Int()), constraints=[models.CheckConstraint(Q(x=1))])], "a_a_check"),
    "condition": (
        [made(ID, ("x", Int()), indexes=[models.Index(fields=["id"], condition=Q(x=1), name="ix")])],
        "ix",
    ),
    "computed": ([made(ID, ("x", Int()), ("g", models.GeneratedField(Q(x=1), Int())))], "g"),
    "primary key": ([made(ID, ("x", Int()), primary_key=["x"])], "primary_key"),
    "group": ([made(ID, ("x", Int()), unique_together=[("id", "x")])], "unique_together"),
    "target": (
        [made(ID, ("x", Int(unique=True))), made(ID, ("a", FK("a.A", to_field="x")), name="B")],
        "a.B.a",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("operations", "user"), USED.values(), ids=list(USED))
def test_a_field_that_something_is_made_of_stays(operations: list[Any], user: str) -> None:
    with pytest.raises(StateError, match=f"cannot be removed while {user} is made of it"):
        after(*operations, m.RemoveField("A", "x"))


def test_a_new_name_is_not_taken() -> None:
    indexes = [models.Index(fields=["id"], name="ix"), models.Index(fields=["id"], name="iy")]
    with pytest.raises(StateError, match="has the index 'iy' already"):
        after(made(ID, indexes=indexes), m.RenameIndex("A", "ix", "iy"))


def test_a_renamed_label_is_renamed_wherever_it_stands() -> None:
    state = after(
        made(ID, ("kind", KIND), constraints=[models.CheckConstraint(Q(kind__in=["u", "v"]))]),
        made(ID, ("kinds", ARRAY), name="B"),
        m.RenameEnumValue("A", "kind", "u", "w"),
    )
    one, other = table(state), table(state, "a_b")
    assert one.column("kind").default == Constant("w")
    assert other.column("kinds").default == Constant(["w"])
    assert enum_types(other.column("kinds").type) == [*one.enums]
    assert one.enums[0].labels == ("w", "v")
    assert Q(kind__in=["w", "v"]) in [getattr(each, "expression", None) for each in one.constraints]


def test_a_new_user_of_an_enum_takes_no_label_away() -> None:
    few = models.EnumField(["v", "x"], name="kind")
    state = after(made(ID, ("kind", KIND)), made(ID, ("kind", few), name="B"))
    assert table(state).enums[0].labels == table(state, "a_b").enums[0].labels == ("u", "v", "x")


FILLS: list[tuple[list[Any], Any, Any]] = [
    ([m.AddField("A", "x", Int(default=3))], Constant(3), Constant(3)),
    ([m.AddField("A", "x", Int(default=3), preserve_default=False)], None, Constant(3)),
    ([m.AddField("A", "x", Int(default=int), preserve_default=False)], None, Constant(0)),
    ([m.AddField("A", "x", Int(null=True)), m.AlterField("A", "x", Int(default=SQL("1 + 1")), False)], None, SQL("1 + 1")),
    ([m.AddField("A", "x", Int(null=True)), m.AlterField("A", "x", Int(db_default=2))], Constant(2), Constant(2)),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "default", "fill"), FILLS)
def test_rows_that_are_there_are_filled(operations: list[Any], default: Any, fill: Any) -> None:
    column: Column = table(after(made(ID), *operations)).column("x")
    assert (column.default, column.fill) == (default, fill)


@pytest.mark.parametrize("long", ["x" * 80, "é" * 50, "名" * 40])
def test_names_that_lowering_makes_fit_postgresql(long: str) -> None:
    fields = [ID, (long, Int(unique=True)), ("many", models.ManyToManyField("self"))]
    kind = (f"{long}k", models.EnumField(["u"], db_index=True))
    schema = lower(after(made(*fields, kind, name=f"M{long}")))
    names = [
        part.name for each in schema.tables.values() for part in (*each.constraints, *each.indexes)
    ]
    names += [at.name for at in (*schema.tables, *schema.enums)]
    assert max(len(name.encode()) for name in names) <= 63
    assert len(set(names)) == len(names)


def test_a_chain_of_keys_has_one_type() -> None:
    state = after(
        m.CreateModel("A", [("id", models.UUIDField(primary_key=True))]),
        m.CreateModel("B", [("a", models.OneToOneField("a.A", primary_key=True))]),
        made(ID, ("b", FK("a.B")), ("many", models.ManyToManyField("a.B")), name="C"),
    )
    uuid = make_type("sqlalchemy:Uuid")
    assert table(state, "a_b").column("a_id").type == uuid
    assert table(state, "a_c").column("b_id").type == uuid
    assert table(state, "a_c_many").column("b_id").type == uuid
