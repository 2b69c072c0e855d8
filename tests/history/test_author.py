"""What the detection found, as files: names, numbers, dependencies."""

from __future__ import annotations

from pathlib import Path

import pytest

from history.projects import history, migration, write
from whimbrel import migrations, models
from whimbrel.detect.tasks import LATEST, AppMigration, Dependency
from whimbrel.errors import ConflictError, UsageError
from whimbrel.history.author import author
from whimbrel.history.names import given_name, migration_name, next_number
from whimbrel.history.writer import write_migration

POST = migrations.CreateModel("Post", [("id", models.BigAutoField(primary_key=True))])
TAG = migrations.CreateModel("Tag", [("id", models.BigAutoField(primary_key=True))])
KEY = migrations.AddField("Post", "tag", models.ForeignKey("shop.Tag", null=True))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "blog/migrations/0001_initial.py": migration(),
            "blog/migrations/0007_more.py": migration(dependencies=[("blog", "0001_initial")]),
            "news/migrations/0001_a.py": migration(),
            "news/migrations/0001_b.py": migration(),
        },
    )
    return tmp_path


def found(app: str, *after: Dependency, initial: bool = False) -> AppMigration:
    operations = {"blog": (KEY,), "shop": (TAG,), "news": (POST,)}[app]
    return AppMigration(app, operations, after, initial)


ROWS: list[tuple[list[AppMigration], list[tuple[str, list[str]]]]] = [
    ([], []),
    ([found("blog")], [("blog.0008_post_tag", ["blog.0007_more"])]),
    ([found("shop", initial=True)], [("shop.0001_initial", [])]),
    (
        [found("shop", initial=True), found("blog", ("shop", 0))],
        [
            ("shop.0001_initial", []),
            ("blog.0008_post_tag", ["blog.0007_more", "shop.0001_initial"]),
        ],
    ),
    (
        [found("shop", ("blog", LATEST), initial=True)],
        [("shop.0001_initial", ["blog.0007_more"])],
    ),
    (
        [found("shop", initial=True), found("blog", ("shop", 0)), found("shop", ("blog", 1))],
        [
            ("shop.0001_initial", []),
            ("blog.0008_post_tag", ["blog.0007_more", "shop.0001_initial"]),
            ("shop.0002_tag", ["blog.0008_post_tag", "shop.0001_initial"]),
        ],
    ),
]


@pytest.mark.parametrize(("migrations", "files"), ROWS)
def test_files_are_named_and_hung_onto_the_history(
    project: Path, migrations: list[AppMigration], files: list[tuple[str, list[str]]]
) -> None:
    graph = history(project, "blog", "shop").graph
    directories = {app: project / app / "migrations" for app in ("blog", "shop")}
    made = author(migrations, graph, directories)
    shown = [(each.label, [f"{app}.{name}" for app, name in each.dependencies]) for each in made]
    assert shown == files
    for each in made:
        assert each.path == project / each.app / "migrations" / f"{each.name}.py"
        write_migration(each.path, each.text)
    assert [node.label for node in history(project, "blog", "shop").graph.order()][2:] == [
        label for label, _ in files
    ]


def test_a_given_name_comes_after_the_number(project: Path) -> None:
    graph = history(project, "blog").graph
    (made,) = author([found("blog")], graph, {"blog": project}, name="tags")
    assert made.label == "blog.0008_tags"


def test_notes_stand_above_the_operations(project: Path) -> None:
    graph = history(project, "blog").graph
    noted = AppMigration("blog", (KEY,), notes=("Fill the tags first.",))
    (made,) = author([noted], graph, {"blog": project})
    assert "    # Fill the tags first.\n    operations = [\n" in made.text


def test_two_leaves_are_no_ground_to_build_on(project: Path) -> None:
    graph = history(project, "news").graph
    with pytest.raises(ConflictError):
        author([found("news")], graph, {"news": project})


NAMES = [
    (1, "initial", "0001_initial"),
    (2, "product_stock", "0002_product_stock"),
    (12345, "x", "12345_x"),
    (3, "", "0003_custom"),
    (3, "Titel-Größe & mehr", "0003_titel_gr_e_mehr"),
    (4, "_".join(["word"] * 30), "0004_" + "_".join(["word"] * 10)),
    (4, "x" * 80, "0004_" + "x" * 52),
]


@pytest.mark.parametrize(("number", "words", "name"), NAMES)
def test_a_name_is_a_number_and_words(number: int, words: str, name: str) -> None:
    assert migration_name(number, words) == name


@pytest.mark.parametrize(
    ("names", "number"),
    [([], 1), (["0001_a"], 2), (["0001_a", "0010_b", "0002_c"], 11), (["by_hand"], 1)],
)
def test_the_next_number_is_after_the_highest(names: list[str], number: int) -> None:
    assert next_number(names) == number


@pytest.mark.parametrize("name", ["", "a b", "../x", "ä"])
def test_a_name_that_no_file_should_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        given_name(name)
