"""Functions of RunPython: which queries go through a whole table, and which models are not of history."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from lint.test_rules import findings, folder
from whimbrel.lint.rule import migration

__all__ = ["folder"]

POST = 'Post = apps.get_model("blog", "Post")'

#: The body of a function; the beginning of each finding of walks-table after the title.
WALKS: dict[str, tuple[str, list[str]]] = {
    "update": (f"{POST}\nPost.objects.update(rating=0)", ["Post.objects.update(rating=0)"]),
    "delete": (
        f"{POST}\nPost.objects.filter(rating=None).delete()",
        ["Post.objects.filter(rating=None).delete()"],
    ),
    "a loop": (f"{POST}\nfor post in Post.objects.all():\n    post.save()", ["Post.objects.all()"]),
    "an iterator": (
        f"{POST}\nfor post in Post.objects.order_by('pk').iterator():\n    post.save()",
        ["Post.objects.order_by('pk').iterator()"],
    ),
    "a list": (f"{POST}\nlist(Post.objects.values_list('id'))", ["Post.objects.values_list('id')"]),
    "a comprehension": (f"{POST}\n[p.id for p in Post.objects.all()]", ["Post.objects.all()"]),
    "a name": (
        f"{POST}\nold = Post.objects.filter(rating__lt=3)\nold = old.exclude(title='')\nold.update(rating=3)",
        ["old.update(rating=3)"],
    ),
    "named arguments": (
        'apps.get_model(app_label="blog", model_name="Tag").objects.update(rating=1)',
        [],
    ),
    "no names": ('apps.get_model("blog.Post").objects.update(rating=1)', ["apps.get_model("]),
    "another manager": (
        f"{POST}\nPost._default_manager.update(rating=1)",
        ["Post._default_manager"],
    ),
    "a model that nobody knows": (
        "for name in ['Post']:\n    M = apps.get_model('blog', name)\n    M.objects.update(rating=1)",
        ["M.objects.update(rating=1)"],
    ),
    "in a function that it calls": (
        f"{POST}\nhelper(Post)\nmore(apps)",
        ["Post.objects.update(rating=7)"],
    ),
    "one row": (f"{POST}\nPost.objects.get(title='x').save()", []),
    "by its key": (f"{POST}\nPost.objects.filter(pk=3).update(rating=1)", []),
    "by several keys": (f"{POST}\nPost.objects.filter(id__in=[3, 4]).update(rating=1)", []),
    "a slice": (f"{POST}\nfor post in Post.objects.all()[:10]:\n    post.save()", []),
    "the first": (f"{POST}\nPost.objects.order_by('id').first().delete()", []),
    "new rows": (f"{POST}\nPost.objects.create(title='x')\nPost.objects.bulk_create([])", []),
    "numbers": (f"{POST}\nassert Post.objects.filter(rating=None).count() == 0", []),
    "not a model": ("for each in [1, 2]:\n    print(each)\n{}.update(a=1)", []),
    "a new table": ('apps.get_model("blog", "Tag").objects.update(rating=1)', []),
    "a name that is another thing by now": (f"{POST}\nPost = {{}}\nPost.update(a=1)", []),
}

HELPERS = """\
def helper(Model):
    print(Model)


def more(apps):
    Post = apps.get_model("blog", "Post")
    Post.objects.update(rating=7)


def forwards(apps, schema_editor):
"""

TAG = (
    'migrations.CreateModel("Tag", [("id", models.BigAutoField(primary_key=True)), '
    '("rating", models.IntegerField(null=True))])'
)
RUN = "migrations.RunPython(forwards, migrations.RunPython.noop{})"


def found_by(folder: Path, body: str, code: str, *, more: str = "", members: str = "") -> list[str]:
    above = HELPERS + textwrap.indent(body, "    ")
    text = migration(TAG, RUN.format(more), above=above, members=members)
    return [
        each.message.removeprefix("Run Python function forwards: ")
        for each in findings(folder, text)
        if each.code == code
    ]


@pytest.mark.parametrize(("body", "expected"), WALKS.values(), ids=WALKS)
def test_what_goes_through_a_table(folder: Path, body: str, expected: list[str]) -> None:
    found = found_by(folder, body, "walks-table")
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


def test_outside_of_a_transaction_rows_may_be_gone_through(folder: Path) -> None:
    body = (
        f"{POST}\nfor post in Post.objects.all():\n    post.save()\nPost.objects.update(rating=1)"
    )
    assert len(found_by(folder, body, "walks-table")) == 2
    for options in ({"more": ", atomic=False"}, {"members": "atomic = False"}):
        (only,) = found_by(folder, body, "walks-table", **options)
        assert only.startswith("Post.objects.update")


SENDS = """\
def forwards(apps, schema_editor):
    schema_editor.execute("CREATE INDEX ON blog_post (title); UPDATE blog_post SET rating = 1")
    schema_editor.execute("UPDATE blog_post SET rating = %s WHERE id = %s", [1, 2])
    schema_editor.execute("CREATE TABLE mine (a int); CREATE INDEX ON mine (a)")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE blog_post DROP COLUMN body")
        cursor.execute("DO $$ BEGIN END $$")
        cursor.execute(f"DROP TABLE {apps}")
"""


def test_sql_that_a_function_sends_is_read_too(folder: Path) -> None:
    found = findings(folder, migration(RUN.format(""), above=SENDS))
    codes = ["scans-table", "dropped", "loses-data", "walks-table", "unread-sql"]
    assert [each.code for each in found] == codes


OWN = """\
@dataclass(frozen=True)
class Fill(migrations.Operation):
    def describe(self):
        return "Fill"

    def execute(self, context):
        from blog.models import Author

        context.get_model("Post").objects.update(rating=1)
        context.get_model("Tag").objects.update(rating=1)
        context.get_model("Post").objects.filter(id=1).update(rating=Author.x)

    def undo(self, context):
        pass
"""


def test_an_operation_of_ones_own_is_read_too(folder: Path) -> None:
    text = migration(TAG, "Fill()", above=OWN, more="from dataclasses import dataclass\n")
    assert [(each.code, each.message) for each in findings(folder, text)] == [
        (
            "walks-table",
            "Fill: context.get_model('Post').objects.update(rating=1) is about all rows of blog_post "
            "in one transaction",
        ),
        ("live-models", "Fill: it uses Author of the models as they are today"),
    ]


def test_the_short_form_of_a_migration_is_judged_as_it_is(folder: Path) -> None:
    index = 'migrations.AddIndex("Post", models.Index(fields=["title"], name="post_title"))'
    assert [each.code for each in findings(folder, migration(index))] == []
    short = migration(index, members="online = False")
    assert [each.code for each in findings(folder, short)] == ["scans-table"]


def test_a_simple_update_is_shown_as_a_backfill_with_its_line(folder: Path) -> None:
    above = f"""\
def forwards(apps, schema_editor):
    {POST}
    Post.objects.filter(rating=None, title="x").update(rating=0, body="")
"""
    (found,) = findings(folder, migration(RUN.format(""), above=above))
    fix = 'migrations.Backfill("post", set={"rating": 0, "body": \'\'}, where=models.Q(rating=None, title=\'x\'))'
    assert found.hint is not None and found.hint.splitlines()[-1] == fix
    text = (folder / "0002_next.py").read_text().splitlines()
    assert found.line and "Post.objects.filter" in text[found.line - 1]


#: The body of a function; the names of live models that are found in it.
LIVE: dict[str, tuple[str, list[str]]] = {
    "an import": ("from blog.models import Post, Author\nPost.objects.all()", ["Post", "Author"]),
    "a module": ("from blog import models as them\nthem.Post.objects.all()", ["them"]),
    "by its path": ("import blog.models\nblog.models.Post.objects.all()", ["blog.models"]),
    "under a name": ("import blog.models as m\nm.Post.objects.all()", ["m"]),
    "a library's": ("import whimbrel.models\nwhimbrel.models.Q(a=1)", []),
    "beside it": ("from ..models import Post\nPost.objects.all()", ["Post"]),
    "of history": (POST, []),
    "ours": ("from whimbrel.models import Q\nfrom whimbrel import models\nQ(a=1)", []),
    "another module": ("from blog.texts import shorten\nshorten('x')", []),
}


@pytest.mark.parametrize(("body", "expected"), LIVE.values(), ids=LIVE)
def test_models_of_today(folder: Path, body: str, expected: list[str]) -> None:
    found = found_by(folder, body, "live-models")
    assert found == [f"it uses {name} of the models as they are today" for name in expected]
