"""Adversarial differences, one row a case: the changes, in their order, and where they lead.

Every row goes forwards and backwards, operation by operation and in one leap, over parts of
schemas and over whole ones; each change is carried out as strictly as PostgreSQL takes it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from lawful import assert_lawful, replayed, shown
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.state.difference import changes_between
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

Q, SQL, F = models.Q, models.SQL, models.F
FK, Int, Text = models.ForeignKey, models.IntegerField, models.TextField
ID = ("id", models.BigAutoField(primary_key=True))


def made(name: str, *fields: tuple[str, Any], **options: Any) -> m.CreateModel:
    """A model with an id."""
    return m.CreateModel(name, [ID, *fields], options or None)


def bare(name: str, *fields: tuple[str, Any], **options: Any) -> m.CreateModel:
    """A model without one."""
    return m.CreateModel(name, list(fields), options or None)


def chars(**options: Any) -> models.CharField:
    return models.CharField(max_length=20, **options)


CASES: dict[str, tuple[list[Any], list[Any], list[str]]] = {
    # -- keys
    "the primary key is another field": (
        [made("A", ("code", chars(unique=True))), made("B", ("a", FK("a.A", to_field="code")))],
        [m.AlterModelOptions("A", {"primary_key": ["code"]})],
        ["DropConstraint a_b a_b_a_fk", "DropConstraint a_a a_a_code_uniq", "DropConstraint a_a a_a_pk", "AddConstraint a_a a_a_pk", "AddConstraint a_b a_b_a_fk"]),
    "a composite key gets another field": (
        [made("A", ("x", Int()), ("y", Int(null=True)), primary_key=["id", "x"])],
        [m.AlterModelOptions("A", {"primary_key": ["x", "y"]})],
        ["DropConstraint a_a a_a_pk", "AlterColumn a_a y", "AddConstraint a_a a_a_pk"]),
    "the primary key is removed and added": (
        [made("A")],
        [m.RemoveField("A", "id"), m.AddField("A", "id", models.UUIDField(primary_key=True))],
        ["DropConstraint a_a a_a_pk", "DropColumn a_a id", "AddColumn a_a id", "AddConstraint a_a a_a_pk"]),
    "a primary key that others point at is removed and added": (
        [made("A"), made("B", ("a", FK("a.A")))],
        [m.RemoveField("B", "a"), m.RemoveField("A", "id"), m.AddField("A", "id", models.UUIDField(primary_key=True)), m.AddField("B", "a", FK("a.A", null=True))],
        ["DropConstraint a_b a_b_a_fk", "DropConstraint a_a a_a_pk", "DropIndex a_b a_b_a_idx", "DropColumn a_a id", "DropColumn a_b a_id", "AddColumn a_a id", "AddColumn a_b a_id", "AddConstraint a_a a_a_pk", "AddIndex a_b a_b_a_2_idx_2146b840", "AddConstraint a_b a_b_a_2_fk_50764b18"]),
    "a named primary key is renamed": (
        [made("A", constraints=[models.PrimaryKeyConstraint(fields=["id"], name="one")])],
        [m.RenameConstraint("A", "one", "swap")],
        ["RenameConstraint a_a one swap"]),
    "a named primary key loses its name": (
        [made("A", constraints=[models.PrimaryKeyConstraint(fields=["id"], name="one")])],
        [m.RemoveConstraint("A", "one")],
        ["RenameConstraint a_a one a_a_pk"]),
    "a new type of a key reaches chains of keys": (
        [made("A"), bare("B", ("a", models.OneToOneField("a.A", primary_key=True))), bare("C", ("b", models.OneToOneField("a.B", primary_key=True))), made("D", ("c", FK("a.C")), ("many", models.ManyToManyField("a.C")))],
        [m.AlterField("A", "id", models.UUIDField(primary_key=True))],
        ["DropConstraint a_b a_b_a_fk", "DropConstraint a_c a_c_b_fk", "DropConstraint a_d a_d_c_fk", "DropConstraint a_d_many a_d_many_through_to_fk", "AlterColumn a_a id", "AlterColumn a_b a_id", "AlterColumn a_c b_id", "AlterColumn a_d c_id", "AlterColumn a_d_many c_id", "AddConstraint a_b a_b_a_fk", "AddConstraint a_c a_c_b_fk", "AddConstraint a_d a_d_c_fk", "AddConstraint a_d_many a_d_many_through_to_fk"]),
    "a key to a unique field, which is retyped": (
        [made("A", ("code", chars(unique=True))), made("B", ("a", FK("a.A", to_field="code")))],
        [m.AlterField("A", "code", Int(unique=True))],
        ["DropConstraint a_b a_b_a_fk", "AlterColumn a_a code", "AlterColumn a_b a_id", "AddConstraint a_b a_b_a_fk"]),
    "a key to a unique field, whose uniqueness is another's": (
        [made("A", ("code", chars(unique=True))), made("B", ("a", FK("a.A", to_field="code")))],
        [m.AddConstraint("A", models.UniqueConstraint(fields=["code"], name="one")), m.AlterField("A", "code", chars())],
        ["DropConstraint a_b a_b_a_fk", "DropConstraint a_a a_a_code_uniq", "AddConstraint a_a one", "AddConstraint a_b a_b_a_fk"]),
    "a key to a unique index": (
        [made("A", ("code", chars()), indexes=[models.Index(fields=["code"], unique=True, name="ix")]), made("B", ("a", FK("a.A", to_field="code")))],
        [m.AddIndex("A", models.Index(fields=["code"], unique=True, name="iy")), m.RemoveIndex("A", "ix")],
        ["DropConstraint a_b a_b_a_fk", "DropIndex a_a ix", "AddIndex a_a iy", "AddConstraint a_b a_b_a_fk"]),
    "a composite foreign key follows renames": (
        [bare("A", ("x", Int()), ("y", Int()), primary_key=["x", "y"]), made("B", ("ax", Int()), ("ay", Int()), constraints=[models.ForeignKeyConstraint(fields=["ax", "ay"], to="A", to_fields=["x", "y"])])],
        [m.RenameField("A", "x", "z"), m.RenameField("B", "ay", "az"), m.RenameModel("A", "AA")],
        ["RenameTable a_a a_aa", "RenameColumn a_aa x z", "RenameColumn a_b ay az"]),
    "a composite foreign key over retyped fields": (
        [bare("A", ("x", Int()), ("y", Int()), primary_key=["x", "y"]), made("B", ("ax", Int()), ("ay", Int()), constraints=[models.ForeignKeyConstraint(fields=["ax", "ay"], to="A", to_fields=["x", "y"])])],
        [m.AlterField("A", "x", models.BigIntegerField()), m.AlterField("B", "ax", models.BigIntegerField())],
        ["DropConstraint a_b a_b_ax_ay_ref", "AlterColumn a_a x", "AlterColumn a_b ax", "AddConstraint a_b a_b_ax_ay_ref"]),
    "a composite foreign key to itself": (
        [made("A", ("x", Int()), ("y", Int(null=True)), unique_together=[("id", "x")], constraints=[models.ForeignKeyConstraint(fields=["y", "x"], to="self", to_fields=["id", "x"])])],
        [m.RenameField("A", "x", "z"), m.AlterField("A", "id", models.AutoField(primary_key=True)), m.AlterField("A", "y", models.SmallIntegerField(null=True))],
        ["DropConstraint a_a a_a_y_x_ref", "RenameColumn a_a x z", "AlterColumn a_a id", "AlterColumn a_a y", "AddConstraint a_a a_a_y_x_ref"]),
    "a key to itself": (
        [made("A", ("up", FK("self", null=True)))],
        [m.RenameField("A", "up", "above"), m.RenameModel("A", "B"), m.AlterField("B", "id", models.UUIDField(primary_key=True))],
        ["DropConstraint a_a a_a_up_fk", "RenameTable a_a a_b", "RenameColumn a_b up_id above_id", "AlterColumn a_b id", "AlterColumn a_b above_id", "AddConstraint a_b a_a_up_fk"]),
    "a key to a field of itself that is renamed": (
        [made("A", ("code", chars(unique=True)), ("up", FK("self", null=True, to_field="code")))],
        [m.RenameField("A", "code", "slug")],
        ["RenameColumn a_a code slug"]),
    "a circle of two is made": (
        [],
        [made("A"), made("B", ("a", FK("a.A"))), m.AddField("A", "b", FK("a.B", null=True))],
        ["CreateTable a_b", "CreateTable a_a", "AddConstraint a_b a_b_a_fk"]),
    "a circle of three is made": (
        [],
        [made("A"), made("B", ("a", FK("a.A"))), made("C", ("b", FK("a.B"))), m.AddField("A", "c", FK("a.C", null=True))],
        ["CreateTable a_b", "CreateTable a_c", "CreateTable a_a", "AddConstraint a_b a_b_a_fk"]),
    "a circle goes while another table points in": (
        [made("A"), made("B", ("a", FK("a.A"))), m.AddField("A", "b", FK("a.B", null=True)), made("C", ("b", FK("a.B")))],
        [m.RemoveField("C", "b"), m.RemoveField("A", "b"), m.DeleteModel("B"), m.DeleteModel("A")],
        ["DropConstraint a_b a_b_a_fk", "DropConstraint a_c a_c_b_fk", "DropTable a_a", "DropTable a_b", "DropIndex a_c a_c_b_idx", "DropColumn a_c b_id"]),
    "a table goes that points at a key which goes": (
        [made("A", ("code", chars(unique=True))), made("B", ("a", FK("a.A", to_field="code")))],
        [m.DeleteModel("B"), m.AlterField("A", "code", chars())],
        ["DropTable a_b", "DropConstraint a_a a_a_code_uniq"]),
    "a key gets another target": (
        [made("A"), made("B"), made("C", ("to", FK("a.A")))],
        [m.AlterField("C", "to", FK("a.B"))],
        ["DropConstraint a_c a_c_to_fk", "AddConstraint a_c a_c_to_fk"]),
    "a key turns plain": (
        [made("A"), made("C", ("to", FK("a.A")))],
        [m.AlterField("C", "to", models.BigIntegerField())],
        ["DropConstraint a_c a_c_to_fk", "DropIndex a_c a_c_to_idx", "RenameColumn a_c to_id to"]),
    "a plain field turns a key": (
        [made("A"), made("C", ("to", models.BigIntegerField()))],
        [m.AlterField("C", "to", FK("a.A"))],
        ["RenameColumn a_c to to_id", "AddIndex a_c a_c_to_idx", "AddConstraint a_c a_c_to_fk"]),
    "a key's constraint is let go of": (
        [made("A"), made("C", ("to", FK("a.A")))],
        [m.AlterField("C", "to", FK("a.A", db_constraint=False))],
        ["DropConstraint a_c a_c_to_fk"]),
    "a held key has another name": (
        [made("A"), made("C", ("to", FK("a.A", db_constraint="one")))],
        [m.AlterField("C", "to", FK("a.A", db_constraint="swap")), m.AlterField("A", "id", models.UUIDField(primary_key=True))],
        ["DropConstraint a_c one", "AlterColumn a_a id", "AlterColumn a_c to_id", "AddConstraint a_c swap"]),
    "a key to a table that moves to another schema": (
        [made("A"), made("C", ("to", FK("a.A")))],
        [m.AlterModelTable("A", "things", "other")],
        ["CreateSchema other", "RenameTable a_a other.things"]),
    "a key to a model that moves to another app": (
        [made("A"), made("C", ("to", FK("a.A")), ("many", models.ManyToManyField("a.A")))],
        [("b", m.MoveModel("A", "a"))],
        ["RenameTable a_a b_a"]),
    # -- names
    "two models swap names": (
        [made("A", ("x", Int(db_index=True))), made("B", ("a", FK("a.A")))],
        [m.RenameModel("A", "T"), m.RenameModel("B", "A"), m.RenameModel("T", "B")],
        ["RenameTable a_a a_a_whimbrel", "RenameTable a_b a_a", "RenameTable a_a_whimbrel a_b"]),
    "two models with tables between them swap names": (
        [made("A", ("many", models.ManyToManyField("a.B"))), made("B", ("many", models.ManyToManyField("a.A")))],
        [m.RenameModel("A", "T"), m.RenameModel("B", "A"), m.RenameModel("T", "B")],
        ["RenameTable a_a a_a_whimbrel", "RenameTable a_b a_a", "RenameTable a_a_whimbrel a_b", "RenameTable a_a_many a_a_many_whimbrel", "RenameTable a_b_many a_a_many", "RenameTable a_a_many_whimbrel a_b_many", "RenameColumn a_b_many a_id a_id_whimbrel", "RenameColumn a_b_many b_id a_id", "RenameColumn a_b_many a_id_whimbrel b_id", "RenameColumn a_a_many b_id b_id_whimbrel", "RenameColumn a_a_many a_id b_id", "RenameColumn a_a_many b_id_whimbrel a_id"]),
    "a model gets other capitals": (
        [made("Post", ("many", models.ManyToManyField("self"))), made("C", ("to", FK("a.Post")))],
        [m.RenameModel("Post", "POST")],
        []),
    "two fields swap names": (
        [made("A", ("x", Int(db_index=True)), ("y", Text()), indexes=[models.Index(fields=["x", "y"])])],
        [m.RenameField("A", "x", "t"), m.RenameField("A", "y", "x"), m.RenameField("A", "t", "y")],
        ["RenameColumn a_a x x_whimbrel", "RenameColumn a_a y x", "RenameColumn a_a x_whimbrel y"]),
    "two columns swap names": (
        [made("A", ("x", Int(db_column="one")), ("y", Int(db_column="two")), constraints=[models.CheckConstraint(SQL("one < two"))])],
        [m.AlterField("A", "x", Int(db_column="t")), m.AlterField("A", "y", Int(db_column="one")), m.AlterField("A", "x", Int(db_column="two"))],
        ["RenameColumn a_a one one_whimbrel", "RenameColumn a_a two one", "RenameColumn a_a one_whimbrel two"]),
    "three fields pass their names on": (
        [made("A", ("x", Int()), ("y", Int()), ("z", Int()))],
        [m.RenameField("A", "x", "t"), m.RenameField("A", "z", "x"), m.RenameField("A", "y", "z"), m.RenameField("A", "t", "y")],
        ["RenameColumn a_a x x_whimbrel", "RenameColumn a_a z x", "RenameColumn a_a y z", "RenameColumn a_a x_whimbrel y"]),
    "two indexes swap names": (
        [made("A", ("x", Int()), ("y", Int()), indexes=[models.Index(fields=["x"], name="ix"), models.Index(fields=["y"], name="iy")])],
        [m.RenameIndex("A", "ix", "t"), m.RenameIndex("A", "iy", "ix"), m.RenameIndex("A", "t", "iy")],
        ["RenameIndex a_a ix ix_whimbrel", "RenameIndex a_a iy ix", "RenameIndex a_a ix_whimbrel iy"]),
    "two tables' indexes swap names": (
        [made("A", ("x", Int()), indexes=[models.Index(fields=["x"], name="ix")]), made("B", ("y", Int()), indexes=[models.Index(fields=["y"], name="iy")])],
        [m.RenameIndex("A", "ix", "t"), m.RenameIndex("B", "iy", "ix"), m.RenameIndex("A", "t", "iy")],
        ["RenameIndex a_a ix ix_whimbrel", "RenameIndex a_b iy ix", "RenameIndex a_a ix_whimbrel iy"]),
    "an index's name passes to another table": (
        [made("A", ("x", Int()), indexes=[models.Index(fields=["x"], name="ix")]), made("B", ("y", Int()))],
        [m.RenameIndex("A", "ix", "iy"), m.AddIndex("B", models.Index(fields=["y"], name="ix"))],
        ["RenameIndex a_a ix iy", "AddIndex a_b ix"]),
    "two constraints of two kinds swap names": (
        [made("A", ("x", Int()), constraints=[models.CheckConstraint(Q(x__gt=0), name="one"), models.UniqueConstraint(fields=["x"], name="swap")])],
        [m.RenameConstraint("A", "one", "t"), m.RenameConstraint("A", "swap", "one"), m.RenameConstraint("A", "t", "swap")],
        ["RenameConstraint a_a one one_whimbrel", "RenameConstraint a_a swap one", "RenameConstraint a_a one_whimbrel swap"]),
    "a field gets the name of one that goes": (
        [made("A", ("x", Int(db_index=True)), ("y", Text()))],
        [m.RemoveField("A", "x"), m.RenameField("A", "y", "x")],
        ["DropIndex a_a a_a_x_idx", "DropColumn a_a x", "RenameColumn a_a y x"]),
    "a model gets the name of one that goes": (
        [made("A", ("x", Int(db_index=True))), made("B", ("x", Int(db_index=True)))],
        [m.DeleteModel("A"), m.RenameModel("B", "A")],
        ["DropTable a_a", "RenameTable a_b a_a"]),
    "a field is removed and added": (
        [made("A", ("x", Int(db_index=True, unique=False)))],
        [m.RemoveField("A", "x"), m.AddField("A", "x", Int(db_index=True, default=0))],
        ["DropIndex a_a a_a_x_idx", "DropColumn a_a x", "AddColumn a_a x", "AddIndex a_a a_a_x_2_idx_3a15cb84"]),
    "a model is deleted and created": (
        [made("A", ("x", Int(db_index=True)), ("kind", models.EnumField(["u", "v"])))],
        [m.DeleteModel("A"), made("A", ("x", Int(db_index=True)), ("kind", models.EnumField(["u", "v"])))],
        ["DropTable a_a", "CreateEnum a_a_2_kind_enum_a9e91978(u v)", "CreateTable a_a", "DropEnum a_a_kind_enum(u v)"]),
    "a unique field is removed and added, and its group with it": (
        [made("A", ("x", Int()), ("y", Int()), unique_together=[("x", "y")])],
        [m.AlterUniqueTogether("A", []), m.RemoveField("A", "x"), m.AddField("A", "x", Int(default=0)), m.AlterUniqueTogether("A", [("x", "y")])],
        ["DropConstraint a_a a_a_x_y_together", "DropColumn a_a x", "AddColumn a_a x", "AddConstraint a_a a_a_x_2_y_together_74382f30"]),
    "a name passes from an enum to a table": (
        [made("A", ("x", models.EnumField(["u"])), ("y", models.ManyToManyField("self")))],
        [m.RemoveField("A", "x"), m.RenameField("A", "y", "x")],
        ["DropColumn a_a x", "RenameTable a_a_y a_a_x", "DropEnum a_a_x_enum(u)"]),
    "an enum comes under the name of a table that stays": (
        [made("A", ("x", models.ManyToManyField("self")))],
        [m.RenameField("A", "x", "y"), m.AddField("A", "x", models.EnumField(["u"], null=True))],
        ["CreateEnum a_a_x_2_enum_11fc3b15(u)", "RenameTable a_a_x a_a_y", "AddColumn a_a x"]),
    "a table gets the name of another's tables between models": (
        [made("A", ("x", models.ManyToManyField("self"))), made("B")],
        [m.RemoveField("A", "x"), m.AlterModelTable("B", "a_a_x")],
        ["DropTable a_a_x", "RenameTable a_b a_a_x"]),
    # -- parts
    "parts over a renamed field": (
        [made("A", ("x", Int()), ("y", Int(db_column="why")), indexes=[models.Index(SQL("lower(x)"), name="ix"), models.Index(fields=["-y"], include=["x"], condition=Q(x__gt=F("y")))], constraints=[models.UniqueConstraint(fields=["x"], condition=SQL("why > 0")), models.UniqueConstraint(fields=["y", "x"], nulls_distinct=False), models.CheckConstraint(Q(x__range=(F("y"), 9)) | ~Q(y=1))])],
        [m.RenameField("A", "x", "z"), m.RenameField("A", "y", "v"), m.AlterField("A", "v", Int())],
        ["RenameColumn a_a x z", "RenameColumn a_a why v"]),
    "parts over a retyped field": (
        [made("A", ("x", Int()), indexes=[models.Index(fields=["x"], condition=Q(x__gt=0))], constraints=[models.CheckConstraint(Q(x__gt=0))])],
        [m.AlterField("A", "x", models.BigIntegerField())],
        ["AlterColumn a_a x"]),
    "parts over a field that goes": (
        [made("A", ("x", Int()), ("y", Int()), indexes=[models.Index(fields=["y"], condition=Q(x__gt=0), name="ix")], constraints=[models.CheckConstraint(Q(x__gt=0), name="one")])],
        [m.RemoveIndex("A", "ix"), m.RemoveConstraint("A", "one"), m.RemoveField("A", "x")],
        ["DropIndex a_a ix", "DropConstraint a_a one", "DropColumn a_a x"]),
    "unnamed parts have second births": (
        [made("A", ("x", Int()), indexes=[models.Index(fields=["x"])])],
        [m.AddIndex("A", models.Index(fields=["x"])), m.RemoveIndex("A", "a_a_x_index"), m.AddIndex("A", models.Index(fields=["x"]))],
        ["DropIndex a_a a_a_x_index", "AddIndex a_a a_a_x_index2", "AddIndex a_a a_a_x_index3"]),
    "a unique constraint turns an index": (
        [made("A", ("x", Int()), constraints=[models.UniqueConstraint(fields=["x"], name="one")])],
        [m.RemoveConstraint("A", "one"), m.AddConstraint("A", models.UniqueConstraint(fields=["x"], condition=Q(x__gt=0), name="one"))],
        ["DropConstraint a_a one", "AddIndex a_a one"]),
    "fields whose names run together": (
        [made("A", ("b_c", Int(db_index=True)), ("d", Int()), ("b", Int()), ("c_d", Int()))],
        [m.AlterUniqueTogether("A", [("b_c", "d"), ("b", "c_d")]), m.AddIndex("A", models.Index(fields=["b_c", "d"])), m.AddIndex("A", models.Index(fields=["b", "c_d"]))],
        ["AddConstraint a_a a_a_b_c_d_together_178bf1e8", "AddConstraint a_a a_a_b_c_d_together_d6805bf9", "AddIndex a_a a_a_b_c_d_index_3c56d7aa", "AddIndex a_a a_a_b_c_d_index_1dc8f19f"]),
    "models whose names run together": (
        [],
        [made("B_C", ("d", Int(db_index=True))), made("B", ("c_d", Int(db_index=True)))],
        ["CreateTable a_b_c", "CreateTable a_b"]),
    "comments and options": (
        [made("A", ("x", Int()))],
        [m.AlterModelTableComment("A", "about"), m.AlterField("A", "x", Int(db_comment="it's")), m.AlterModelOptions("A", {"dialect": {"sqlite_strict": True}})],
        ["AlterTable a_a", "AlterColumn a_a x"]),
    "conditions over a field of another kind": (
        [made("A", ("x", Int()), indexes=[models.Index(fields=["id"], condition=Q(x__gt=0)), models.Index(fields=["x"])], constraints=[models.CheckConstraint(Q(x__in=[1, 2])), models.CheckConstraint(SQL("x <> id"), name="one")])],
        [m.AlterField("A", "x", chars())],
        ["DropIndex a_a a_a_id_index", "DropConstraint a_a a_a_check", "AlterColumn a_a x", "AddConstraint a_a a_a_check", "AddIndex a_a a_a_id_index"]),
    # -- computed columns
    "the source of a computed column is renamed": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int())))],
        [m.RenameField("A", "x", "y")],
        ["RenameColumn a_a x y"]),
    "the source of a computed column is retyped": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int(), db_index=True)))],
        [m.AlterField("A", "x", models.BigIntegerField())],
        ["DropIndex a_a a_a_g_idx", "DropColumn a_a g", "AlterColumn a_a x", "AddColumn a_a g", "AddIndex a_a a_a_g_idx"]),
    "a computed column goes with its source": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int(), db_index=True)))],
        [m.RemoveField("A", "g"), m.RemoveField("A", "x")],
        ["DropIndex a_a a_a_g_idx", "DropColumn a_a g", "DropColumn a_a x"]),
    "a computed column gets another source": (
        [made("A", ("x", Int()), ("y", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int(), unique=True)))],
        [m.AlterField("A", "g", models.GeneratedField(SQL("y + 1"), Int(), unique=True)), m.RemoveField("A", "x")],
        ["DropConstraint a_a a_a_g_uniq", "DropColumn a_a g", "DropColumn a_a x", "AddColumn a_a g", "AddConstraint a_a a_a_g_uniq"]),
    "a computed column turns plain": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int())))],
        [m.AlterField("A", "g", Int(null=True))],
        ["AlterColumn a_a g"]),
    "a plain column turns computed": (
        [made("A", ("x", Int()), ("g", Int(db_index=True)))],
        [m.AlterField("A", "g", models.GeneratedField(SQL("x + 1"), Int(), db_index=True))],
        ["DropIndex a_a a_a_g_idx", "DropColumn a_a g", "AddColumn a_a g", "AddIndex a_a a_a_g_idx"]),
    "a chain of computed columns over a retyped one": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int())), ("h", models.GeneratedField(SQL("g + 1"), Int())))],
        [m.AlterField("A", "x", models.BigIntegerField())],
        ["DropColumn a_a h", "DropColumn a_a g", "AlterColumn a_a x", "AddColumn a_a g", "AddColumn a_a h"]),
    "a chain of computed columns, of which one is computed otherwise": (
        [made("A", ("x", Int()), ("h", models.GeneratedField(SQL("g + 1"), Int())), ("g", models.GeneratedField(SQL("x + 1"), Int())))],
        [m.AlterField("A", "g", models.GeneratedField(SQL("x + 2"), Int())), m.RenameField("A", "g", "k")],
        ["DropColumn a_a h", "DropColumn a_a g", "AddColumn a_a k", "AddColumn a_a h"]),
    "a source is removed and added under a computed column": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int())))],
        [m.RemoveField("A", "g"), m.RemoveField("A", "x"), m.AddField("A", "x", Int(default=0)), m.AddField("A", "g", models.GeneratedField(SQL("x + 1"), Int()))],
        ["DropColumn a_a g", "DropColumn a_a x", "AddColumn a_a x", "AddColumn a_a g"]),
    "a computed column over an enum with other labels": (
        [made("A", ("kind", models.EnumField(["u", "v"])), ("g", models.GeneratedField(SQL("kind = 'u'"), models.BooleanField())))],
        [m.AlterField("A", "kind", models.EnumField(["v", "u"]))],
        ["DropColumn a_a g", "AlterEnum a_a_kind_enum(u v) a_a_kind_enum(v u)", "AddColumn a_a g"]),
    "a computed column turns plain and its source goes": (
        [made("A", ("x", Int()), ("g", models.GeneratedField(SQL("x + 1"), Int(), db_index=True)))],
        [m.AlterField("A", "g", Int(default=1)), m.RenameField("A", "g", "h"), m.RemoveField("A", "x")],
        ["DropIndex a_a a_a_g_idx", "AlterColumn a_a g", "DropColumn a_a x", "RenameColumn a_a g h", "AlterColumn a_a h"]),
    # -- enums
    "an enum shared by two models": (
        [made("A", ("kind", models.EnumField(["u", "v"], name="kind", default="u"))), made("B", ("kind", models.EnumField(["u", "v"], name="kind", default="u")))],
        [m.RenameEnumValue("A", "kind", "u", "w")],
        ["AlterEnum kind(u v) kind(w v)", "AlterColumn a_a kind", "AlterColumn a_b kind"]),
    "an enum shared by two models gets another order": (
        [made("A", ("kind", models.EnumField(["u", "v"], name="kind"))), made("B", ("kind", models.EnumField(["u", "v"], name="kind")))],
        [m.AlterField("B", "kind", models.EnumField(["v", "u"], name="kind"))],
        ["AlterEnum kind(u v) kind(v u)"]),
    "an enum gets a label from a new model": (
        [made("A", ("kind", models.EnumField(["u", "v"], name="kind")))],
        [m.RenameEnumValue("A", "kind", "u", "w"), made("B", ("kind", models.EnumField(["w", "v", "x"], name="kind")))],
        ["AlterEnum kind(u v) kind(w v x)", "CreateTable a_b"]),
    "labels swap names": (
        [made("A", ("kind", models.EnumField(["u", "v"])))],
        [m.RenameEnumValue("A", "kind", "u", "t"), m.RenameEnumValue("A", "kind", "v", "u"), m.RenameEnumValue("A", "kind", "t", "v")],
        ["AlterEnum a_a_kind_enum(u v) a_a_kind_enum(v u)"]),
    "labels swap names and places": (
        [made("A", ("kind", models.EnumField(["u", "v"])))],
        [m.RenameEnumValue("A", "kind", "u", "t"), m.RenameEnumValue("A", "kind", "v", "u"), m.RenameEnumValue("A", "kind", "t", "v"), m.AlterField("A", "kind", models.EnumField(["u", "v"]))],
        ["AlterEnum a_a_kind_enum(u v) a_a_kind_enum(u v)"]),
    "a label is renamed and its old name comes back": (
        [made("A", ("kind", models.EnumField(["u", "v"])))],
        [m.RenameEnumValue("A", "kind", "u", "w"), m.AlterField("A", "kind", models.EnumField(["w", "v", "u"]))],
        ["AlterEnum a_a_kind_enum(u v) a_a_kind_enum(w v u)"]),
    "an enum field is renamed": (
        [made("A", ("kind", models.EnumField(["u", "v"])))],
        [m.RenameField("A", "kind", "sort"), m.AlterField("A", "sort", models.EnumField(["u"]))],
        ["AlterEnum a_a_kind_enum(u v) a_a_kind_enum(u)", "RenameColumn a_a kind sort"]),
    "an array of an enum": (
        [made("A", ("kinds", models.ArrayField(models.EnumField(["u", "v"], name="kind"))))],
        [m.RenameEnumValue("A", "kinds", "u", "w"), m.AlterField("A", "kinds", models.ArrayField(models.EnumField(["w", "v", "x"], name="kind")))],
        ["AlterEnum kind(u v) kind(w v x)"]),
    "an enum moves to another schema": (
        [made("A", ("kind", models.EnumField(["u"], name="kind", schema="one")))],
        [m.AlterField("A", "kind", models.EnumField(["u"], name="kind", schema="two"))],
        ["CreateSchema two", "AlterEnum one.kind(u) two.kind(u)", "DropSchema one"]),
    "an enum is renamed for one of two": (
        [made("A", ("kind", models.EnumField(["u"], name="kind"))), made("B", ("kind", models.EnumField(["u"], name="kind")))],
        [m.AlterField("B", "kind", models.EnumField(["u"], name="sort"))],
        ["CreateEnum sort(u)", "AlterColumn a_b kind"]),
    "two enums swap names": (
        [made("A", ("x", models.EnumField(["u"], name="one")), ("y", models.EnumField(["u"], name="two")))],
        [m.AlterField("A", "x", models.EnumField(["u"], name="t")), m.AlterField("A", "y", models.EnumField(["u"], name="one")), m.AlterField("A", "x", models.EnumField(["u"], name="two"))],
        ["AlterColumn a_a x", "AlterColumn a_a y"]),
    "the last user of an enum goes": (
        [made("A", ("kind", models.EnumField(["u"], name="kind"))), made("B", ("kind", models.EnumField(["u"], name="kind")))],
        [m.RemoveField("A", "kind"), m.DeleteModel("B")],
        ["DropTable a_b", "DropColumn a_a kind", "DropEnum kind(u)"]),
    "an enum turns text": (
        [made("A", ("kind", models.EnumField(["u"])))],
        [m.AlterField("A", "kind", chars())],
        ["AlterColumn a_a kind", "DropEnum a_a_kind_enum(u)"]),
    "a field with other labels takes an enum's name over": (
        [made("A", ("x", models.EnumField(["u"], name="kind")))],
        [m.RemoveField("A", "x"), m.AddField("A", "y", models.EnumField(["w"], name="kind", null=True))],
        ["DropColumn a_a x", "AlterEnum kind(u) kind(w)", "AddColumn a_a y"]),
    "a key to an enum field": (
        [made("A", ("kind", models.EnumField(["u", "v"], unique=True))), made("B", ("a", FK("a.A", to_field="kind")))],
        [m.AlterField("A", "kind", models.EnumField(["v", "u"], unique=True))],
        ["AlterEnum a_a_kind_enum(u v) a_a_kind_enum(v u)"]),
    # -- schemas, sequences, other people's tables
    "a schema comes with its first table and goes with its last": (
        [made("A")],
        [m.AlterModelTable("A", None, "one"), made("B", db_table="one.b"), m.DeleteModel("A"), m.AlterModelTable("B", "b")],
        ["DropTable a_a", "CreateTable b"]),
    "a table leaves a schema in which another stays": (
        [made("A", db_table="one.a"), made("B", db_table="one.b")],
        [m.AlterModelTable("A", "a")],
        ["RenameTable one.a a"]),
    "an enum leaves a schema in which another stays": (
        [made("A", ("x", models.EnumField(["u"], schema="one", name="x"))), made("B", ("x", models.EnumField(["u"], schema="one", name="y")))],
        [m.RemoveField("A", "x")],
        ["DropColumn a_a x", "DropEnum x(u)"]),
    "a sequence goes while another stays": (
        [made("A", ("n", Int(sequence=models.Sequence("sa")))), made("B", ("n", Int(sequence=models.Sequence("sb", start=5))))],
        [m.AlterField("B", "n", Int(sequence=models.Sequence("sb", start=7))), m.RemoveField("A", "n")],
        ["DropColumn a_a n", "AlterSequence sb sb", "DropSequence sa"]),
    "a key to somebody else's table": (
        [made("A", managed=False), made("B", ("a", FK("a.A")))],
        [m.DeleteModel("B")],
        ["DropTable a_b"]),
    "a model turns managed": (
        [made("A", ("x", Int()), managed=False), made("B", ("a", FK("a.A")))],
        [m.AlterModelOptions("A", {})],
        []),
    "a model turns unmanaged while another follows it": (
        [made("A", ("x", Int()), ("kind", models.EnumField(["u"])), ("many", models.ManyToManyField("self"))), made("B", ("a", FK("a.A")))],
        [m.AlterModelOptions("A", {"managed": False})],
        []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "operations", "expected"), CASES.values(), ids=list(CASES))
def test_a_leap(before: list[Any], operations: list[Any], expected: list[str]) -> None:
    start = replayed(State(), before)[-1]
    points = replayed(start, operations)
    assert [shown(change) for change in changes_between(start, points[-1])] == expected
    for old, new in [
        *pairwise(points),
        (start, points[-1]),
        (State(), start),
        (State(), points[-1]),
    ]:
        assert_lawful(old, new)
        assert_lawful(new, old)
    assert_names_are_unique(points[-1])


def assert_names_are_unique(state: State) -> None:
    schema = lower(state)
    indexes = [
        (table.schema, part.name)
        for table in schema.tables.values()
        for part in (*table.constraints, *table.indexes)
        if part.name not in ("ix", "iy", "swap", "one")
    ]
    assert len(set(indexes)) == len(indexes)
