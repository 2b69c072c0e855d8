"""Branches of a history: what collides, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from history.projects import HEAD, history, migration, write
from whimbrel.history.branches import Fork, fork_of

KEY = '("id", models.BigAutoField(primary_key=True))'
BASE = [
    f'migrations.CreateModel("Tag", fields=[{KEY}])',
    f"""migrations.CreateModel("Post", fields=[
        {KEY},
        ("title", models.CharField(max_length=100)),
        ("number", models.IntegerField(default=0)),
        ("state", models.EnumField(["new", "old"], default="new")),
    ], options={{"indexes": [models.Index("number", name="numbers")]}})""",
]


def add(name: str, model: str = "Post", kind: str = "IntegerField(null=True)") -> str:
    return f'migrations.AddField("{model}", "{name}", models.{kind})'


def alter(name: str, kind: str = "TextField()") -> str:
    return f'migrations.AlterField("Post", "{name}", models.{kind})'


def remove(name: str) -> str:
    return f'migrations.RemoveField("Post", "{name}")'


def rename(name: str, new: str) -> str:
    return f'migrations.RenameField("Post", "{name}", "{new}")'


def create(name: str, more: str = "", options: str = "{}") -> str:
    return f'migrations.CreateModel("{name}", fields=[{KEY}, {more}], options={options})'


def key(to: str) -> str:
    return f'("to", models.ForeignKey("{to}", on_delete=models.CASCADE))'


DELETE_TAG = 'migrations.DeleteModel("Tag")'
RENAME_TAG = 'migrations.RenameModel("Tag", "Label")'
INDEX = 'migrations.AddIndex("Post", models.Index("title", name="{}"))'
UNIQUE = 'migrations.AddConstraint("{}", models.UniqueConstraint(fields=["{}"], name="{}"))'
TOGETHER = 'migrations.AlterUniqueTogether("Post", {{("title", "{}")}})'
TABLE = 'migrations.AlterModelTable("{}", "{}")'
RUN_SQL = 'migrations.RunSQL("SELECT 1")'


def forked(root: Path, ours: Sequence[str], theirs: Sequence[str]) -> Fork:
    """Two branches of an app, with these operations."""
    after = [("blog", "0001_initial")]
    write(
        root,
        {
            "blog/migrations/0001_initial.py": migration(*BASE),
            "blog/migrations/0002_ours.py": migration(*ours, dependencies=after),
            "blog/migrations/0002_theirs.py": migration(*theirs, dependencies=after),
        },
    )
    return fork(root, "blog")


def fork(root: Path, *apps: str) -> Fork:
    made = history(root, *apps)
    return fork_of(made, made.graph.leaves("blog"))


@pytest.mark.parametrize(
    ("ours", "theirs", "about"),
    [
        ([add("x")], [add("x")], "the field blog.Post.x"),
        ([add("x")], [add("X", kind="TextField(null=True)")], "the name x in blog.Post"),
        ([alter("title")], [alter("title", "CharField(max_length=9)")], "field blog.Post.title"),
        ([alter("title")], [remove("title")], "the field blog.Post.title"),
        ([alter("title")], [rename("title", "name")], "the field blog.Post.title"),
        ([remove("title")], [remove("title")], "the field blog.Post.title"),
        ([rename("title", "a")], [rename("title", "b")], "the field blog.Post.title"),
        ([rename("title", "x")], [add("x")], "the name x in blog.Post"),
        ([rename("title", "x"), rename("x", "y")], [alter("title")], "field blog.Post.title"),
        ([add("x", kind='IntegerField(null=True, db_column="c")')],
         [add("y", kind='IntegerField(null=True, db_column="c")')], "the column c of blog_post"),
        ([create("New")], [create("New")], "the model blog.New"),
        ([RENAME_TAG], [create("Label")], "the name blog.Label"),
        ([RENAME_TAG], ['migrations.RenameModel("Tag", "Name")'], "the model blog.Tag"),
        ([DELETE_TAG], [DELETE_TAG], "the model blog.Tag"),
        ([DELETE_TAG], [RENAME_TAG], "the model blog.Tag"),
        ([DELETE_TAG], [add("x", "Tag")], "the model blog.Tag"),
        ([DELETE_TAG], [create("New", key("blog.Tag"))], "the model blog.Tag"),
        ([DELETE_TAG], [add("tag", kind='ForeignKey("blog.Tag", null=True, on_delete=models.CASCADE)')],
         "the model blog.Tag"),
        ([DELETE_TAG], [add("tags", kind='ManyToManyField("blog.Tag")')], "the model blog.Tag"),
        ([RENAME_TAG], [add("tags", kind='ManyToManyField("blog.Tag")')], "the model blog.Tag"),
        ([add("tags", kind='ManyToManyField("blog.Tag")')],
         [add("tags", kind='ManyToManyField("blog.Tag")')], "the field blog.Post.tags"),
        ([add("a", kind='ManyToManyField("blog.Tag", db_table="links")')],
         [add("b", kind='ManyToManyField("blog.Tag", db_table="links")')], "table name links"),
        ([TABLE.format("Post", "a")], [TABLE.format("Post", "b")], "option db_table of blog.Post"),
        ([TABLE.format("Post", "a")], [TABLE.format("Tag", "a")], "the table name a"),
        ([TABLE.format("Post", "a")], [create("New", options='{"db_table": "a"}')], "table name a"),
        ([TOGETHER.format("number")], [TOGETHER.format("state")], "option unique_together"),
        ([TOGETHER.format("state")], [remove("state")], "the field blog.Post.state"),
        (['migrations.AlterModelOptions("Post", {"ordering": ["title"]})'],
         ['migrations.AlterModelOptions("Post", {"ordering": ["number"]})'], "option"),
        (['migrations.AlterModelTableComment("Post", "a")'],
         ['migrations.AlterModelTableComment("Post", "b")'], "option db_table_comment"),
        ([INDEX.format("i")], [INDEX.format("i")], "the index name i"),
        ([INDEX.format("i")], [rename("title", "name")], "the field blog.Post.title"),
        ([INDEX.format("i")], [remove("title")], "the field blog.Post.title"),
        ([INDEX.format("i")], [UNIQUE.format("Tag", "id", "i")], "name i"),
        (['migrations.RemoveIndex("Post", "numbers")'],
         ['migrations.RenameIndex("Post", "numbers", "n")'], "the index numbers of blog.Post"),
        ([UNIQUE.format("Post", "title", "u")], [UNIQUE.format("Post", "number", "u")], "name u"),
        (['migrations.Backfill("Post", set={"title": "x"})'], [remove("title")],
         "the field blog.Post.title"),
        (['migrations.Backfill("Post", set={"title": "x"})'], ['migrations.DeleteModel("Post")'], "the model blog.Post"),
        (['migrations.RenameEnumValue("Post", "state", "new", "fresh")'],
         ['migrations.RenameEnumValue("Post", "state", "new", "young")'], "field blog.Post.state"),
        ([f"migrations.RunSQL('SELECT 1', state_operations=[{alter('title')}])"],
         [remove("title")], "the field blog.Post.title"),
        ([f"migrations.SeparateDatabaseAndState(database_operations=[{add('x')}])"],
         [add("x")], "the field blog.Post.x"),
    ],
)  # fmt: skip
def test_what_collides(
    tmp_path: Path, ours: Sequence[str], theirs: Sequence[str], about: str
) -> None:
    found = forked(tmp_path, ours, theirs)
    assert len(found.collisions) >= 1
    assert about in found.collisions[0]
    assert "blog.0002_ours: " in found.collisions[0]
    assert "; blog.0002_theirs: " in found.collisions[0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([add("x")], [add("y")]),
        ([add("x")], [alter("title")]),
        ([add("x")], [rename("title", "name")]),
        ([add("x")], [remove("title")]),
        ([add("x")], [TABLE.format("Post", "posts")]),
        ([add("x"), remove("x")], [add("y")]),
        ([rename("number", "no")], ['migrations.RemoveIndex("Post", "numbers")']),
        ([create("New", key("blog.Tag"))], [add("x", "Tag")]),
        ([create("New", key("blog.Tag"))], [create("Other", key("blog.Tag"))]),
        ([create("New", key("blog.Tag"))],
         ['migrations.AlterField("Tag", "id", models.IntegerField(primary_key=True))']),
        ([add("tags", kind='ManyToManyField("blog.Tag")')], [add("x", "Tag")]),
        ([DELETE_TAG], [create("New", key("blog.Post"))]),
        ([RENAME_TAG], [add("x")]),
        ([INDEX.format("i")], [INDEX.format("j")]),
        ([INDEX.format("i")], [alter("title")]),
        ([TABLE.format("Post", "a")], [TABLE.format("Tag", "b")]),
        ([add("a", kind='EnumField(["x", "y"], name="xy", null=True)')],
         [add("b", kind='EnumField(["x", "y"], name="xy", null=True)')]),
        ([RUN_SQL], [alter("title")]),
        ([], []),
    ],
)  # fmt: skip
def test_what_does_not_collide(tmp_path: Path, ours: Sequence[str], theirs: Sequence[str]) -> None:
    found = forked(tmp_path, ours, theirs)
    assert found.collisions == ()
    assert found.impossible is None


def test_what_only_the_states_tell_is_found_too(tmp_path: Path) -> None:
    """Two fields share an enum type, whose labels are what the last one said."""
    one = add("a", kind='EnumField(["x", "y"], name="xy", null=True)')
    other = add("b", kind='EnumField(["y", "z"], name="xy", null=True)')
    (found,) = forked(tmp_path, [one], [other]).collisions
    assert found.startswith("what they lead to depends on which comes first: blog.Post.a")


def test_the_words_of_each_branch(tmp_path: Path) -> None:
    found = forked(tmp_path, [add("x"), add("y")], [RUN_SQL])
    assert [leaf.name for leaf in found.leaves] == ["0002_ours", "0002_theirs"]
    assert [branch.does for branch in found.branches] == [
        (("Add field x to Post", "Add field y to Post"),),
        (("Run SQL: SELECT 1",),),
    ]
    assert found.notes == ("blog.0002_theirs: Run SQL: SELECT 1",)


@pytest.mark.parametrize(
    "code",
    [
        "migrations.RunPython(fill)",
        'migrations.Backfill("Post", fill)',
        "migrations.SeparateDatabaseAndState(database_operations=[migrations.RunPython(fill)])",
    ],
)
def test_code_is_noted_and_collides_with_nothing(tmp_path: Path, code: str) -> None:
    after = [("blog", "0001_initial")]
    text = migration(code, dependencies=after).replace(
        HEAD, f"{HEAD}\n\ndef fill(*given):\n    pass\n"
    )
    write(
        tmp_path,
        {
            "blog/migrations/0001_initial.py": migration(*BASE),
            "blog/migrations/0002_ours.py": text,
            "blog/migrations/0002_theirs.py": migration(add("x"), dependencies=after),
        },
    )
    found = fork(tmp_path, "blog")
    assert found.collisions == ()
    assert len(found.notes) == 1


def written(root: Path, files: Mapping[str, tuple[list[tuple[str, str]], list[str]]]) -> None:
    write(
        root,
        {
            f"{label.replace('.', '/migrations/')}.py": migration(*does, dependencies=after)
            for label, (after, does) in files.items()
        },
    )


FIRST, OURS = ("blog", "0001_initial"), ("blog", "0002_ours")


@pytest.mark.parametrize(
    ("files", "collides"),
    [
        # an app that only one branch has, and that points at what the other deletes
        (
            {
                "blog.0002_ours": ([FIRST], [add("x")]),
                "news.0001_item": ([OURS], [create("Item", key("blog.Tag"))]),
                "blog.0002_theirs": ([FIRST], [DELETE_TAG]),
            },
            "blog.0002_theirs: Delete model Tag; news.0001_item: Create model Item",
        ),
        # an app between two migrations of one branch
        (
            {
                "blog.0002_ours": ([FIRST], [add("x")]),
                "news.0001_item": ([OURS], [create("Item", key("blog.Post"))]),
                "blog.0003_more": ([("news", "0001_item")], [alter("title")]),
                "blog.0002_theirs": ([FIRST], [remove("title")]),
            },
            "blog.0002_theirs: Remove field title from Post; "
            "blog.0003_more: Alter field title of Post",
        ),
        # a model that leaves the app beside the branches
        (
            {
                "blog.0002_ours": ([FIRST], [add("x", "Tag")]),
                "blog.0002_theirs": ([FIRST], [add("y")]),
                "news.0001_move": ([FIRST], ['migrations.MoveModel("Tag", "blog")']),
            },
            "blog.0002_ours: Add field x to Tag; news.0001_move: Move model Tag from blog",
        ),
        # a model that comes in, and is altered where it was
        (
            {
                "news.0001_item": ([], [create("Item")]),
                "news.0002_x": ([("news", "0001_item")], [add("x", "Item")]),
                "blog.0002_ours": (
                    [FIRST, ("news", "0001_item")],
                    ['migrations.MoveModel("Item", "news")'],
                ),
                "blog.0002_theirs": ([FIRST], [add("y")]),
            },
            "news.0002_x cannot be applied after ",
        ),
        # one that waits for a branch
        (
            {
                "blog.0002_ours": ([FIRST], [add("x", "Tag")]),
                "blog.0002_theirs": ([FIRST], [add("y")]),
                "news.0001_move": ([OURS], ['migrations.MoveModel("Tag", "blog")']),
            },
            None,
        ),
        # three leaves, two of which share a part
        (
            {
                "blog.0002_ours": ([FIRST], [add("x")]),
                "blog.0003_a": ([OURS], [alter("x")]),
                "blog.0003_b": ([OURS], [add("z")]),
                "blog.0002_theirs": ([FIRST], [add("y")]),
            },
            None,
        ),
        (
            {
                "blog.0002_ours": ([FIRST], [add("x")]),
                "blog.0003_a": ([OURS], [add("z")]),
                "blog.0003_b": ([OURS], [add("w")]),
                "blog.0002_theirs": ([FIRST], [add("x")]),
            },
            "blog.0002_ours: Add field x to Post; blog.0002_theirs: Add field x to Post",
        ),
    ],
)
def test_branches_through_other_apps_and_of_many_leaves(
    tmp_path: Path,
    files: Mapping[str, tuple[list[tuple[str, str]], list[str]]],
    collides: str | None,
) -> None:
    written(tmp_path, {"blog.0001_initial": ([], BASE), **files})
    apps = dict.fromkeys(label.partition(".")[0] for label in files)
    found = fork(tmp_path, *apps)
    assert bool(found.collisions) is bool(collides), found.collisions
    if collides:
        assert found.collisions[0].startswith(collides)


def test_what_cannot_stand_side_by_side_is_told(tmp_path: Path) -> None:
    found = forked(tmp_path, [DELETE_TAG], [add("x", "Tag")])
    assert found.impossible is not None
    assert found.impossible.startswith("blog.0002_theirs cannot be applied: there is no model")
