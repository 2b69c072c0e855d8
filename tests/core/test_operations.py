"""Operations as functions: what a state looks like after each, and what each refuses."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from whimbrel import migrations, models
from whimbrel.errors import StateError
from whimbrel.operations import Operation, replay
from whimbrel.schema.changes import Change, CreateSchema
from whimbrel.schema.expressions import Constant
from whimbrel.schema.table import Name
from whimbrel.state.difference import changes_between
from whimbrel.state.lowering import lower
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

pytestmark = pytest.mark.reduced

AUTHOR = migrations.CreateModel(
    "Author",
    [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=40))],
)
POST = migrations.CreateModel(
    "Post",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=80)),
        ("stock", models.IntegerField(default=0)),
        ("author", models.ForeignKey("blog.Author", models.CASCADE)),
        ("readers", models.ManyToManyField("blog.Author")),
        ("kind", models.EnumField(["draft", "live"], default="draft")),
    ],
    {
        "indexes": [
            models.Index(fields=["-stock"]),
            models.Index(models.SQL("lower(title)"), name="low"),
        ],
        "constraints": [models.CheckConstraint(models.Q(stock__gte=0), name="positive")],
        "unique_together": [("title", "author")],
    },
)


def blog() -> State:
    return replay("blog", [AUTHOR, POST], StatePair.empty()).models


def shown(changes: list[Change]) -> list[str]:
    """Changes by kind and what they are about."""
    found = []
    for change in changes:
        about = [getattr(change, name) for name in ("table", "old", "new") if hasattr(change, name)]
        names = [
            str(each if isinstance(each, Name) else getattr(each, "name", each)) for each in about
        ]
        names += [change.name] if isinstance(change, CreateSchema) else []
        for name in ("column", "constraint", "index", "enum"):
            names += [getattr(change, name).name] if hasattr(change, name) else []
        found.append(" ".join([type(change).__name__, *names]))
    return found


CASES: list[tuple[Operation, list[str]]] = [
    (migrations.AddField("post", "slug", models.SlugField(default="")), ["AddColumn blog_post slug", "AddIndex blog_post blog_post_slug_idx"]),
    (migrations.AddField("post", "editor", models.ForeignKey("blog.Author", null=True)), ["AddColumn blog_post editor_id", "AddIndex blog_post blog_post_editor_idx", "AddConstraint blog_post blog_post_editor_fk"]),
    (migrations.AlterField("post", "stock", models.BigIntegerField(default=0)), ["AlterColumn blog_post stock stock"]),
    (migrations.AlterField("post", "stock", models.IntegerField(default=0, help_text="how many")), []),
    (migrations.RenameField("post", "title", "headline"), ["RenameColumn blog_post title headline"]),
    (migrations.RenameModel("Author", "Person"), ["RenameTable blog_author blog_person", "RenameColumn blog_post_readers author_id person_id"]),
    (migrations.RenameModel("Post", "Article"), ["RenameTable blog_post blog_article", "RenameTable blog_post_readers blog_article_readers", "RenameColumn blog_article_readers post_id article_id"]),
    (migrations.AlterModelTable("post", "archive.posts"), ["CreateSchema archive", "RenameTable blog_post archive.posts", "RenameTable blog_post_readers archive.posts_readers"]),
    (migrations.AlterModelTableComment("post", "texts"), ["AlterTable blog_post blog_post"]),
    (migrations.AlterUniqueTogether("post", []), ["DropConstraint blog_post blog_post_title_author_together"]),
    (migrations.AlterModelOptions("post", {"ordering": ["-stock"]}), []),
    (migrations.AddIndex("post", models.Index(fields=["title"])), ["AddIndex blog_post blog_post_title_index"]),
    (migrations.RemoveIndex("post", "blog_post_stock_index"), ["DropIndex blog_post blog_post_stock_index"]),
    (migrations.RenameIndex("post", "low", "lower_title"), ["RenameIndex blog_post low lower_title"]),
    (migrations.RemoveConstraint("post", "positive"), ["DropConstraint blog_post positive"]),
    (migrations.RenameConstraint("post", "positive", "not_negative"), ["RenameConstraint blog_post positive not_negative"]),
    (migrations.RenameEnumValue("post", "kind", "draft", "wip"), ["AlterEnum blog_post_kind_enum blog_post_kind_enum", "AlterColumn blog_post kind kind"]),
    (migrations.AlterField("post", "kind", models.EnumField(["draft", "live", "gone"], default="draft")), ["AlterEnum blog_post_kind_enum blog_post_kind_enum"]),
    (migrations.RemoveField("post", "readers"), ["DropTable blog_post_readers"]),
    (migrations.DeleteModel("Post"), ["DropTable blog_post_readers", "DropTable blog_post", "DropEnum blog_post_kind_enum"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "expected"), CASES, ids=[operation.describe() for operation, _ in CASES]
)
def test_an_operation_makes_these_changes(operation: Operation, expected: list[str]) -> None:
    before = blog()
    after = operation.apply("blog", before)
    found = shown(changes_between(before, after))
    assert [_short(line) for line in found] == [_short(line) for line in expected]


def _short(line: str) -> str:
    """Without the values of tables, where an `AlterTable` or a drop shows more than a name."""
    kind, *names = line.split(" ")
    return kind if kind in ("AlterTable", "DropTable") else " ".join([kind, *names])


REFUSED: list[tuple[Operation, str]] = [
    (AUTHOR, "there is a model blog.Author already"),
    (migrations.DeleteModel("Author"), "cannot be deleted while blog.Post points at it"),
    (migrations.DeleteModel("Pots"), "there is no model blog.Pots"),
    (migrations.AddField("post", "title", models.TextField()), "has a field 'title' already"),
    (migrations.AlterField("post", "titel", models.TextField()), "has no field 'titel'"),
    (migrations.RenameField("post", "title", "stock"), "has a field 'stock' already"),
    (migrations.RemoveField("post", "stock"), "cannot be removed while"),
    (migrations.RemoveIndex("post", "no"), "has no index 'no'"),
    (migrations.RenameEnumValue("post", "kind", "dead", "wip"), "the labels of blog.Post.kind are draft, live"),
    (migrations.AlterModelOptions("post", {"db_table": "x"}), "does not set db_table"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_an_operation_that_does_not_fit_says_why(operation: Operation, said: str) -> None:
    with pytest.raises(StateError) as caught:
        operation.apply("blog", blog())
    assert said in str(caught.value)


#: Alterations that would drop rows, or let them point at others: from what, to what.
READERS = models.ManyToManyField("blog.Author")
LINKED = models.ManyToManyField("blog.Author", through="blog.Post")
LOSSES: dict[str, tuple[models.Field, models.Field]] = {
    "own table to through": (READERS, LINKED),
    "through to own table": (LINKED, READERS),
    "another target": (READERS, models.ManyToManyField("blog.Post")),
    "column to table": (models.TextField(default=""), READERS),
    "table to column": (READERS, models.TextField(default="")),
    "column to through": (models.ForeignKey("blog.Author"), LINKED),
    "through to column": (LINKED, models.IntegerField(null=True)),
}


@pytest.mark.parametrize(("old", "new"), LOSSES.values(), ids=LOSSES)
def test_a_field_is_not_altered_to_what_cannot_keep_its_rows(
    old: models.Field, new: models.Field
) -> None:
    """Refused in what the database does; taken as said where something else does it."""
    before = replay(
        "blog", [AUTHOR, POST, migrations.AddField("Post", "x", old)], StatePair.empty()
    )
    altered = migrations.AlterField("Post", "x", new)
    for refused in (altered, migrations.SeparateDatabaseAndState(database_operations=[altered])):
        with pytest.raises(StateError, match="cannot be altered to"):
            replay("blog", [refused], before)
    assert replay("blog", [migrations.AlterField("Post", "x", old)], before)
    for said in (
        migrations.SeparateDatabaseAndState(state_operations=[altered]),
        migrations.RunSQL("SELECT 1", state_operations=[altered]),
    ):
        after = replay("blog", [said], before).models
        assert after.model("blog.Post").field("x").field == new


def test_a_name_near_the_one_asked_for_is_suggested() -> None:
    with pytest.raises(StateError, match=r"Did you mean blog\.Post\?"):
        blog().model("blog.Pots")


def test_what_speaks_of_a_field_follows_its_new_name() -> None:
    state = blog()
    for operation in (
        migrations.RenameField("post", "stock", "amount"),
        migrations.RenameField("post", "title", "headline"),
    ):
        state = operation.apply("blog", state)
    table = lower(state).tables[None, "blog_post"]  # type: ignore[index]
    parts = [part.of for index in table.indexes for part in index.parts]
    assert parts == ["author_id", "amount", models.SQL("lower(headline)")]
    assert models.Q(amount__gte=0) in [
        getattr(each, "expression", None) for each in table.constraints
    ]
    assert ("headline", "author_id") in [
        getattr(each, "columns", None) for each in table.constraints
    ]


def test_remove_and_add_is_never_taken_for_nothing() -> None:
    before = blog()
    after = migrations.RemoveField("post", "kind").apply("blog", before)
    after = migrations.AddField(
        "post", "kind", models.EnumField(["draft", "live"], default="draft")
    ).apply("blog", after)
    kinds = [type(change).__name__ for change in changes_between(before, after)]
    assert "DropColumn" in kinds and "AddColumn" in kinds


def test_a_new_type_of_a_primary_key_reaches_every_column_that_points_at_it() -> None:
    before = blog()
    after = migrations.AlterField("author", "id", models.UUIDField(primary_key=True)).apply(
        "blog", before
    )
    altered = [
        line for line in shown(changes_between(before, after)) if line.startswith("AlterColumn")
    ]
    assert [line.split(" ")[1:3] for line in altered] == [
        ["blog_author", "id"],
        ["blog_post", "author_id"],
        ["blog_post_readers", "author_id"],
    ]


def test_a_model_keeps_its_identity_when_it_moves_to_another_app() -> None:
    before = blog()
    after = migrations.MoveModel("Author", "blog").apply("people", before)
    assert after.model("people.Author").key == "blog.Author"
    assert after.model("blog.Post").field("author").field.relation == "people.Author"
    assert [line.split(" ")[0] for line in shown(changes_between(before, after))] == ["RenameTable"]


ONE_OFFS: list[tuple[Any, Any]] = [
    (models.CharField(max_length=5, default="x"), Constant("x")),
    (models.IntegerField(default=int), Constant(0)),
    (models.DateField(default=datetime.date.today), Constant(datetime.date.today())),
]


@pytest.mark.parametrize(("field", "fill"), ONE_OFFS, ids=["constant", "callable", "today"])
def test_a_one_off_default_fills_rows_and_does_not_stay(field: Any, fill: Constant) -> None:
    state = migrations.AddField("post", "new", field, preserve_default=False).apply("blog", blog())
    column = lower(state).tables[None, "blog_post"].column("new")  # type: ignore[index]
    assert (column.default, column.fill) == (None, fill)
