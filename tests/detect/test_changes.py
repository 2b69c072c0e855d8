"""Models before, models after, flags, and the operations in their migrations."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from detect.declared import found, state, told
from whimbrel import models
from whimbrel.errors import ModelError
from whimbrel.operations import Backfill
from whimbrel.schema.expressions import Q
from whimbrel.state.fields.base import Field
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

CHAR = models.CharField(max_length=10)
INT = models.IntegerField(default=0)
TEXT = models.TextField(null=True)
CREATED = models.DateTimeField(auto_now_add=True)


def fk(to: str, **options: Any) -> models.ForeignKey:
    return models.ForeignKey(to, null=True, **options)


def code_of_post(field: str) -> models.ForeignKeyConstraint:
    return models.ForeignKeyConstraint(fields=["code"], to="blog.Post", to_fields=[field])


def made(text: str) -> models.GeneratedField:
    return models.GeneratedField(models.SQL(text), models.IntegerField())


CASES: dict[str, tuple[State, State, dict[str, list[str]], list[str]]] = {
    "nothing": (state(blog_Post={"a": CHAR}), state(blog_Post={"a": CHAR}), {}, []),
    "only what people see": (
        state(blog_Post={"a": models.CharField(max_length=3, choices=[("a", "A")])}),
        state(blog_Post={"a": models.CharField("Name", max_length=3, help_text="x", blank=True)}),
        {},
        [],
    ),
    "another order of fields": (
        state(blog_Post={"a": CHAR, "b": INT}),
        state(blog_Post={"b": INT, "a": CHAR}),
        {},
        [],
    ),
    "two models, the later one first": (
        state(),
        state(blog_Comment={"post": fk("Post")}, blog_Post={}),
        {},
        ["blog: Create model Post", "blog: Create model Comment"],
    ),
    "a circle in an app": (
        state(),
        state(
            blog_Post={"top": fk("Comment")},
            blog_Comment={"post": fk("Post"), "Meta": {"indexes": [models.Index(fields=["post"])]}},
        ),
        {},
        [
            "blog: Create model Post",
            "blog: Create model Comment",
            "blog: Alter field top of Post",
        ],
    ),
    "a circle between apps": (
        state(),
        state(auth_User={"best": fk("blog.Post")}, blog_Post={"author": fk("auth.User")}),
        {},
        [
            "auth: Create model User",
            "---",
            "blog: Create model Post",
            "---",
            "auth: Alter field best of User",
        ],
    ),
    "apps in a circle, models not": (
        state(),
        state(a_One={}, a_Two={"key": fk("b.One")}, b_One={}, b_Two={"key": fk("a.One")}),
        {},
        [
            "a: Create model One",
            "---",
            "b: Create model One",
            "b: Create model Two",
            "---",
            "a: Create model Two",
        ],
    ),
    "a part on a key that is cut off": (
        state(),
        state(
            blog_Post={
                "top": fk("Comment"),
                "slug": CHAR,
                "Meta": {
                    "indexes": [models.Index(fields=["top"], name="i")],
                    "unique_together": [("top", "slug")],
                    "constraints": [models.CheckConstraint(models.Q(slug="x"), name="c")],
                },
            },
            blog_Comment={"post": fk("Post"), "other": fk("Post")},
        ),
        {},
        [
            "blog: Create model Post",
            "blog: Create model Comment",
            "blog: Alter field top of Post",
        ],
    ),
    "many to many, with and without through": (
        state(),
        state(
            blog_Post={
                "tags": models.ManyToManyField("Tag", through="Tagging"),
                "also": models.ManyToManyField("Tag"),
            },
            blog_Tag={},
            blog_Tagging={"post": fk("Post"), "tag": fk("Tag")},
        ),
        {},
        [
            "blog: Create model Tag",
            "blog: Create model Post",
            "blog: Create model Tagging",
            "blog: Add field tags to Post",
        ],
    ),
    "parents first": (
        state(),
        state(
            blog_Child={
                "id": None,
                "parent_ptr": models.OneToOneField("Parent", primary_key=True, parent_link=True),
                "bases": ["blog.Parent"],
            },
            blog_Parent={},
        ),
        {},
        ["blog: Create model Parent", "blog: Create model Child"],
    ),
    "all of a circle goes": (
        state(auth_User={"best": fk("blog.Post")}, blog_Post={"author": fk("auth.User")}),
        state(),
        {},
        [
            "auth: Remove field best from User",
            "---",
            "blog: Delete model Post",
            "---",
            "auth: Delete model User",
        ],
    ),
    "what points goes before what is pointed at": (
        state(
            blog_Post={},
            blog_Comment={"post": fk("Post")},
            blog_Like={"post": fk("Post"), "n": INT},
        ),
        state(blog_Like={"n": INT}),
        {},
        [
            "blog: Remove field post from Like",
            "blog: Delete model Comment",
            "blog: Delete model Post",
        ],
    ),
    "parts go before the field, the field before the next of its name": (
        state(
            blog_Post={
                "a": CHAR,
                "b": CHAR,
                "Meta": {
                    "indexes": [models.Index(fields=["a"], name="i")],
                    "unique_together": [("a", "b")],
                    "constraints": [models.CheckConstraint(models.SQL("a > ''"), name="c")],
                },
            }
        ),
        state(blog_Post={"b": CHAR, "n": models.ManyToManyField("Post")}),
        {},
        [
            "blog: Remove index i from Post",
            "blog: Remove constraint c from Post",
            "blog: Alter unique_together of Post",
            "blog: Remove field a from Post",
            "blog: Add field n to Post",
        ],
    ),
    "groups lose one field and gain another": (
        state(blog_Post={"a": CHAR, "b": INT, "Meta": {"unique_together": [("a", "b")]}}),
        state(blog_Post={"b": INT, "c": fk("Post"), "Meta": {"unique_together": [("c", "b")]}}),
        {},
        [
            "blog: Alter unique_together of Post",
            "blog: Remove field a from Post",
            "blog: Add field c to Post",
            "blog: Alter unique_together of Post",
        ],
    ),
    "a chain of fields of other names": (
        state(blog_Post={"a": CHAR, "b": TEXT, "c": INT}),
        state(blog_Post={"b": CHAR, "c": TEXT, "d": INT}),
        {"rename": ["blog.Post.a:b", "blog.Post.b:c", "blog.Post.c:d"]},
        [
            "blog: Rename field c of Post to d",
            "blog: Rename field b of Post to c",
            "blog: Rename field a of Post to b",
        ],
    ),
    "a field of another name, and a new one of its name": (
        state(blog_Post={"a": TEXT}),
        state(blog_Post={"a": INT, "b": TEXT}),
        {"rename": ["blog.Post.a:b"]},
        ["blog: Rename field a of Post to b", "blog: Add field a to Post"],
    ),
    "a chain of models of other names": (
        state(blog_A={"x": CHAR, "of": fk("B")}, blog_B={"y": TEXT}),
        state(blog_B={"x": CHAR, "of": fk("C")}, blog_C={"y": TEXT}),
        {"rename": ["blog.B:C", "blog.A:B"]},
        ["blog: Rename model B to C", "blog: Rename model A to B"],
    ),
    "a table that is ours from now on": (
        state(blog_Post={"a": CHAR, "gone": INT, "Meta": {"managed": False}}),
        state(blog_Note={"b": CHAR, "new": INT}),
        {"rename": ["blog.Post:Note", "blog.Note.a:b"], "no_rename": ["blog.Note.gone"]},
        [
            "blog: Alter options of Post",
            "blog: Rename model Post to Note",
            "blog: Rename field a of Note to b",
            "blog: Remove field gone from Note",
            "blog: Add field new to Note",
        ],
    ),
    "a table that is somebody else's from now on": (
        state(blog_Post={"a": CHAR, "n": INT}),
        state(blog_Post={"b": CHAR, "Meta": {"managed": False, "ordering": ["b"]}}),
        {"rename": ["blog.Post.a:b"]},
        [
            "blog: Alter options of Post",
            "blog: Rename field a of Post to b",
            "blog: Remove field n from Post",
            "blog: Alter options of Post",
        ],
    ),
    "a table that is ours in another app": (
        state(blog_Post={"a": CHAR, "Meta": {"managed": False}}, blog_Tag={"post": fk("Post")}),
        state(news_Post={"a": CHAR}, blog_Tag={"post": fk("news.Post")}),
        {"move": ["blog.Post:news"]},
        [
            "blog: Alter options of Post",
            "---",
            "news: Move model Post from blog",
        ],
    ),
    "a column turns into a table between models": (
        state(blog_Post={"tag": fk("Tag")}, blog_Tag={}),
        state(blog_Post={"tag": models.ManyToManyField("Tag")}, blog_Tag={}),
        {"no_rename": ["blog.Post.tag"]},
        ["blog: Remove field tag from Post", "blog: Add field tag to Post"],
    ),
    "many to many turns to through": (
        state(blog_Post={"tags": models.ManyToManyField("Tag")}, blog_Tag={}),
        state(
            blog_Post={"tags": models.ManyToManyField("Tag", through="Tagging")},
            blog_Tag={},
            blog_Tagging={
                "post": fk("Post"),
                "tag": fk("Tag"),
                "Meta": {"db_table": "blog_post_tags"},
            },
        ),
        {"no_rename": ["blog.Post.tags"]},
        [
            "blog: Remove field tags from Post",
            "blog: Create model Tagging",
            "blog: Add field tags to Post",
        ],
    ),
    "generated, from what comes instead of what goes": (
        state(blog_Post={"a": INT, "sum": made("a + 1"), "gone": made("a + 2")}),
        state(
            blog_Post={
                "b": models.BooleanField(default=True),
                "sum": made("b + 1"),
                "new": made("b + 3"),
            }
        ),
        {"no_rename": ["blog.Post.gone", "blog.Post.a"]},
        [
            "blog: Remove field gone from Post",
            "blog: Add field b to Post",
            "blog: Add field new to Post",
            "blog: Alter field sum of Post",
            "blog: Remove field a from Post",
        ],
    ),
    "options": (
        state(blog_Post={"a": INT}),
        state(
            blog_Post={
                "a": INT,
                "Meta": {
                    "db_table": "other.posts",
                    "db_table_comment": "about",
                    "ordering": ["a"],
                    "managed": True,
                    "dialect": {"sqlite_strict": True},
                },
            }
        ),
        {},
        [
            "blog: Rename table of Post to posts in the schema other",
            "blog: Alter comment of table of Post",
            "blog: Alter options of Post",
        ],
    ),
    "indexes: another name, another content": (
        state(
            blog_Post={
                "a": INT,
                "b": INT,
                "Meta": {
                    "indexes": [
                        models.Index(fields=["a"], name="one"),
                        models.Index(fields=["b"], name="two"),
                        models.Index(fields=["a", "b"]),
                    ]
                },
            }
        ),
        state(
            blog_Post={
                "a": INT,
                "b": INT,
                "Meta": {
                    "indexes": [
                        models.Index(fields=["a"], name="uno"),
                        models.Index(fields=["-b"], name="two"),
                        models.Index(fields=["a", "b"], name="both"),
                    ]
                },
            }
        ),
        {},
        [
            "blog: Rename index one on Post to uno",
            "blog: Rename index blog_post_a_b_index on Post to both",
            "blog: Remove index two from Post",
            "blog: Create index two on Post",
        ],
    ),
    "constraints: another name, another content": (
        state(
            blog_Post={
                "a": INT,
                "Meta": {
                    "constraints": [
                        models.CheckConstraint(models.Q(a__gt=0), name="c1"),
                        models.UniqueConstraint(fields=["a"], name="u1"),
                    ]
                },
            }
        ),
        state(
            blog_Post={
                "a": INT,
                "Meta": {
                    "constraints": [
                        models.CheckConstraint(models.Q(a__gt=0), name="c2"),
                        models.UniqueConstraint(fields=["a"], name="u1", nulls_distinct=False),
                    ]
                },
            }
        ),
        {},
        [
            "blog: Rename constraint c1 on Post to c2",
            "blog: Remove constraint u1 from Post",
            "blog: Create constraint u1 on Post",
        ],
    ),
    "a key over several fields waits for what it points at": (
        state(blog_Post={"a": INT}, blog_Like={"x": INT}),
        state(
            blog_Like={
                "x": INT,
                "Meta": {
                    "constraints": [
                        models.ForeignKeyConstraint(
                            fields=["x"], to="Post", to_fields=["b"], name="fk"
                        )
                    ]
                },
            },
            blog_Post={
                "a": INT,
                "b": models.IntegerField(null=True),
                "Meta": {"constraints": [models.UniqueConstraint(fields=["b"], name="u")]},
            },
        ),
        {},
        [
            "blog: Add field b to Post",
            "blog: Create constraint u on Post",
            "blog: Create constraint fk on Like",
        ],
    ),
    "a field and its index are renamed and altered": (
        state(
            blog_Post={
                "title": CHAR,
                "Meta": {"indexes": [models.Index(fields=["title"], name="i")]},
            }
        ),
        state(
            blog_Post={
                "headline": models.CharField(max_length=20),
                "Meta": {"indexes": [models.Index(fields=["headline"], name="j")]},
            }
        ),
        {"rename": ["blog.Post.title:headline"]},
        [
            "blog: Rename field title of Post to headline",
            "blog: Rename index i on Post to j",
            "blog: Alter field headline of Post",
        ],
    ),
    "a field is not the other": (
        state(blog_Post={"title": TEXT}),
        state(blog_Post={"headline": TEXT}),
        {"no_rename": ["blog.Post.title"]},
        ["blog: Remove field title from Post", "blog: Add field headline to Post"],
    ),
    "a rename that nobody would guess": (
        state(blog_Post={"title": TEXT}),
        state(blog_Post={"xy": models.UUIDField(null=True)}),
        {"rename": ["blog.Post.title:xy"]},
        ["blog: Rename field title of Post to xy", "blog: Alter field xy of Post"],
    ),
    "a number turns into a key on the same column": (
        state(blog_Post={"author_id": models.BigIntegerField(null=True)}, blog_User={}),
        state(blog_Post={"author": fk("User")}, blog_User={}),
        {},
        [
            "blog: Alter field author_id of Post",
            "blog: Rename field author_id of Post to author",
            "blog: Alter field author of Post",
        ],
    ),
    "a field keeps its column": (
        state(blog_Post={"title": CHAR}),
        state(blog_Post={"headline": models.CharField(max_length=10, db_column="title")}),
        {},
        ["blog: Alter field title of Post", "blog: Rename field title of Post to headline"],
    ),
    "a model is renamed; what points at it follows": (
        state(blog_Post={"a": CHAR, "b": INT}, shop_Item={"post": fk("blog.Post")}),
        state(blog_Article={"a": CHAR, "c": INT}, shop_Item={"post": fk("blog.Article")}),
        {"rename": ["blog.Post:Article", "blog.Article.b:c"]},
        ["blog: Rename model Post to Article", "blog: Rename field b of Article to c"],
    ),
    "a model keeps its table": (
        state(blog_Post={"a": CHAR}),
        state(blog_Article={"a": CHAR, "Meta": {"db_table": "blog_post"}}),
        {},
        ["blog: Rename model Post to Article", "blog: Rename table of Article to blog_post"],
    ),
    "only the case of a name": (
        state(blog_POST={"a": CHAR}),
        state(blog_Post={"a": CHAR}),
        {},
        ["blog: Rename model POST to Post"],
    ),
    "a model moves, and is altered": (
        state(blog_Post={"a": CHAR, "next": fk("Post")}, blog_Comment={"post": fk("Post")}),
        state(blog_Comment={"post": fk("news.Post")}, news_Post={"a": TEXT, "next": fk("Post")}),
        {"move": ["blog.Post:news"]},
        ["news: Move model Post from blog", "news: Alter field a of Post"],
    ),
    "a model did not move": (
        state(blog_Post={"a": CHAR}),
        state(news_Post={"a": CHAR}),
        {"no_move": ["blog.Post"]},
        ["news: Create model Post", "---", "blog: Delete model Post"],
    ),
    "labels come, go and move": (
        state(blog_Post={"s": models.EnumField(["a", "b"], null=True)}),
        state(blog_Post={"s": models.EnumField(["c", "b", "a"], null=True)}),
        {},
        ["blog: Alter field s of Post"],
    ),
    "a label is renamed, for all that share the type": (
        state(
            blog_Post={"s": models.EnumField(["a", "draft"], name="kind", null=True)},
            shop_Item={"s": models.EnumField(["a", "draft"], name="kind", null=True)},
        ),
        state(
            blog_Post={"s": models.EnumField(["a", "wip"], name="kind", null=True)},
            shop_Item={"s": models.EnumField(["a", "wip"], name="kind", null=True)},
        ),
        {"rename": ["blog.Post.s.draft:wip"]},
        ["blog: Rename value draft of Post.s to wip"],
    ),
    "a shared type is altered once": (
        state(
            blog_Post={"s": models.EnumField(["a"], name="kind", null=True)},
            blog_Item={"s": models.EnumField(["a"], name="kind", null=True)},
        ),
        state(
            blog_Post={"s": models.EnumField(["a", "b"], name="kind", null=True)},
            blog_Item={"s": models.EnumField(["a", "b"], name="kind", null=True)},
        ),
        {},
        ["blog: Alter field s of Post"],
    ),
    "the name of an index is given on": (
        state(blog_Post={"a": CHAR, "Meta": {"indexes": [models.Index(fields=["a"], name="i")]}}),
        state(
            blog_Log={
                "at": models.IntegerField(),
                "Meta": {"indexes": [models.Index(fields=["at"], name="i")]},
            }
        ),
        {},
        ["blog: Delete model Post", "blog: Create model Log"],
    ),
    "a callable default is another": (
        state(blog_Post={"a": models.JSONField(default=dict)}),
        state(blog_Post={"a": models.JSONField(default=list)}),
        {},
        ["blog: Alter field a of Post"],
    ),
    "safe steps": (
        state(blog_Post={}),
        state(blog_Post={"slug": CHAR, "other": TEXT}),
        {"safe_steps": ["blog.Post.slug"]},
        [
            "blog: Add field slug to Post",
            "blog: Add field other to Post",
            "---",
            "blog: Backfill slug of Post",
            "---",
            "blog: Alter field slug of Post",
        ],
    ),
    "the time is now": (
        state(blog_Post={}),
        state(blog_Post={"created": CREATED}),
        {"one_off": ["blog.Post.created=now"]},
        ["blog: Add field created to Post"],
    ),
    "another primary key, which others point at": (
        state(blog_Post={"n": INT}, blog_Comment={"post": fk("Post")}),
        state(
            blog_Post={
                "id": None,
                "n": INT,
                "code": models.CharField(max_length=5, primary_key=True),
            },
            blog_Comment={"post": fk("Post")},
        ),
        {"one_off": ["blog.Post.code='x'"]},
        [
            "blog: Add field code to Post",
            "blog: Alter options of Post",
            "blog: Remove field id from Post",
            "blog: Alter field code of Post",
            "blog: Alter options of Post",
        ],
    ),
    "a primary key of several fields instead of one": (
        state(blog_Post={"n": INT, "m": INT}),
        state(blog_Post={"id": None, "n": INT, "m": INT, "Meta": {"primary_key": ["n", "m"]}}),
        {},
        ["blog: Alter options of Post", "blog: Remove field id from Post"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_operations(case: str) -> None:
    old, new, flags, expected = CASES[case]
    migrations = found(old, new, **flags)
    assert told(migrations) == expected
    reached = old
    for migration in migrations:
        for operation in migration.operations:
            reached = operation.apply(migration.app, reached)
            lower(reached)
    assert found(reached, new) == []


def test_values_for_rows_that_are_there() -> None:
    (migration,) = found(
        state(blog_Post={"b": TEXT}),
        state(blog_Post={"a": models.DateField(), "b": models.TextField()}),
        one_off=["blog.Post.a=datetime.date(2024, 1, 31)", "blog.Post.b=''"],
    )
    add, alter = migration.operations
    assert add.deconstruct()[2] == {"preserve_default": False}
    assert add.deconstruct()[1][2].default == datetime.date(2024, 1, 31)
    assert alter.deconstruct()[1][2].default == ""


TOKEN = models.UUIDField(default=uuid.uuid4, unique=True)


@pytest.mark.parametrize(
    ("before", "field", "flags", "value", "notes"),
    [
        ({}, CHAR, {}, ..., [0, 1, 1]),
        ({}, CHAR, {"one_off": ["blog.Post.new=''"]}, "", [0, 0, 1]),
        ({}, TOKEN, {}, uuid.uuid4, [0, 0, 1]),
        ({"new": models.IntegerField(null=True)}, models.IntegerField(), {}, ..., [1, 1]),
    ],
)
def test_safe_steps(
    before: dict[str, Field], field: Field, flags: Any, value: Any, notes: list[int]
) -> None:
    *first, second, third = migrations = found(
        state(blog_Post=before),
        state(blog_Post={"new": field}),
        safe_steps=["blog.Post.new"],
        **flags,
    )
    assert [each.operations[0].deconstruct()[1][2].null for each in first] == [True] * len(first)
    assert second.operations == (
        Backfill("Post", set={"new": value}, where=Q(new=None), reverse=Backfill.noop),
    )
    assert [each.deconstruct()[:2] for each in third.operations] == [
        ("AlterField", ["Post", "new", field])
    ]
    assert [len(each.notes) for each in migrations] == notes
    assert (second.operations[0].unfinished() is None) == (value is not ...)


def test_safe_steps_of_several_fields_share_their_migrations() -> None:
    fields = {"a": CHAR, "b": models.IntegerField(), "c": TOKEN}
    names = [f"blog.Post.{name}" for name in fields]
    migrations = found(state(blog_Post={}), state(blog_Post=fields), safe_steps=names)
    assert [len(each.operations) for each in migrations] == [3, 3, 3]


def test_dependencies_and_first_migrations() -> None:
    old = state(auth_User={}, shop_Item={"post": fk("auth.User")})
    new = state(
        auth_User={"best": fk("blog.Post")},
        shop_Item={"post": fk("auth.User")},
        blog_Post={"author": fk("auth.User")},
    )
    migrations = found(old, new)
    assert [(each.app, each.initial, each.dependencies, each.fragment) for each in migrations] == [
        ("blog", True, (("auth", "__latest__"),), "initial"),
        ("auth", False, (("blog", 0),), "user_best"),
    ]


def test_a_rename_comes_after_all_that_knows_the_old_name() -> None:
    old = state(blog_Post={"a": CHAR}, shop_Item={"post": fk("blog.Post")})
    new = state(blog_Article={"a": CHAR}, shop_Item={"post": fk("blog.Article")})
    (migration,) = found(old, new, rename=["blog.Post:Article"])
    assert migration.dependencies == (("shop", "__latest__"),)


CODE = models.CharField(max_length=10, unique=True)
POINTS_AT_CODE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "by a key": (
        {"post": fk("blog.Post", to_field="code")},
        {"post": fk("blog.Post", to_field="c")},
    ),
    "by a constraint": (
        {"code": CODE, "Meta": {"constraints": [code_of_post("code")]}},
        {"code": CODE, "Meta": {"constraints": [code_of_post("c")]}},
    ),
}


@pytest.mark.parametrize("case", POINTS_AT_CODE)
def test_a_field_is_renamed_after_all_that_points_at_it(case: str) -> None:
    before, after = POINTS_AT_CODE[case]
    old = state(blog_Post={"code": CODE}, shop_Item=before)
    new = state(blog_Post={"c": CODE}, shop_Item=after)
    (migration,) = found(old, new, rename=["blog.Post.code:c"])
    assert (migration.app, migration.dependencies) == ("blog", (("shop", "__latest__"),))


@pytest.mark.parametrize("key", [{}, {"to_field": "code"}], ids=["primary key", "to_field"])
def test_a_field_changes_after_all_that_points_at_it(key: dict[str, str]) -> None:
    name = key.get("to_field", "id")
    old = state(blog_Post={"code": CODE}, shop_Item={"post": fk("blog.Post", **key)})
    changed = models.CharField(max_length=20, unique=True, primary_key=name == "id")
    new = state(blog_Post={"code": CODE, name: changed}, shop_Item={"post": fk("blog.Post", **key)})
    (migration,) = found(old, new)
    assert (migration.app, migration.dependencies) == ("blog", (("shop", "__latest__"),))


def test_the_key_to_a_parent_follows_the_name_of_the_parent() -> None:
    key = models.OneToOneField("Animal", models.CASCADE, parent_link=True, primary_key=True)
    old = state(zoo_Animal={}, zoo_Dog={"id": None, "animal_ptr": key, "bases": ("zoo.Animal",)})
    key = models.OneToOneField("Being", models.CASCADE, parent_link=True, primary_key=True)
    new = state(zoo_Being={}, zoo_Dog={"id": None, "being_ptr": key, "bases": ("zoo.Being",)})
    assert told(found(old, new, rename=["zoo.Animal:Being"])) == [
        "zoo: Rename model Animal to Being",
        "zoo: Rename field animal_ptr of Dog to being_ptr",
    ]


@pytest.mark.parametrize(
    ("apps", "expected"),
    [
        (["shop"], ["shop: Add field n to Item"]),
        (["auth"], ["blog: Create model Post", "---", "auth: Add field best to User"]),
    ],
)
def test_some_apps_only(apps: list[str], expected: list[str]) -> None:
    old = state(auth_User={}, shop_Item={})
    new = state(auth_User={"best": fk("blog.Post")}, shop_Item={"n": INT}, blog_Post={})
    assert told(found(old, new, apps)) == expected


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (state(), state(blog_Post={"author": fk("auth.User")}), "points at auth.user"),
        (
            state(),
            state(
                blog_Post={"s": models.EnumField(["a"], name="kind")},
                shop_Item={"s": models.EnumField(["b"], name="kind")},
            ),
            "the enum type kind has the labels a in blog.Post.s, and b in shop.Item.s",
        ),
        (
            state(blog_Post={"bases": ["blog.Old"]}, blog_Old={}),
            state(blog_Post={}, blog_Old={}),
            "the parents of blog.Post are others",
        ),
    ],
)
def test_models_that_nothing_leads_to(old: State, new: State, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        found(old, new)


def test_entangled_apps_take_two_migrations_each_at_most() -> None:
    chain = {
        f"app{n % 3}_M{n}": {"next": fk(f"app{(n + 1) % 12 % 3}.M{(n + 1) % 12}")}
        for n in range(12)
    }
    migrations = found(state(), state(**chain))
    assert [each.app for each in migrations] == ["app0", "app2", "app1", "app0"]
