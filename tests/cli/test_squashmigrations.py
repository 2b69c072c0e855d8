"""squashmigrations: what it writes, and what databases at any point of the old way come to."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import catalog
import catalog_sqlite
from projects import Project

MODELS = """
class Writer(models.Model):
    full_name = models.CharField(max_length=100, unique=True)

class Article(models.Model):
    headline = models.CharField(max_length=100, db_index=True)
    slug = models.TextField(default="")
    writer = models.ForeignKey(Writer, on_delete=models.CASCADE)
"""

DATA = """
NAMES = ["ada", "bob"]


def shout(text):
    return text.upper()


def forwards(apps, schema_editor):
    Author, Post = apps.get_model("blog", "Author"), apps.get_model("blog", "Post")
    for name in NAMES:
        author = Author.objects.create(name=shout(name))
        Post.objects.create(title=f"by {name}", author=author)


def backwards(apps, schema_editor):
    apps.get_model("blog", "Author").objects.all().delete()
"""

SLUGS = """
def forwards(apps, schema_editor):
    for article in apps.get_model("blog", "Article").objects.all():
        article.slug = article.headline.replace(" ", "-")
        article.save()
"""

ID = '("id", models.BigAutoField(primary_key=True))'
FILES = {
    "0001_initial": [
        f'migrations.CreateModel("Author", fields=[{ID}, ("name", models.CharField(max_length=50))])',
        f'migrations.CreateModel("Post", fields=[{ID}, ("title", models.CharField(max_length=100)), '
        '("author", models.ForeignKey("Author", on_delete=models.CASCADE))])',
        'migrations.AddField("post", "junk", models.IntegerField(default=3))',
    ],
    "0002_names": [
        'migrations.AlterField("author", "name", models.CharField(max_length=100, unique=True))',
        'migrations.AlterField("post", "title", models.CharField(max_length=100, db_index=True))',
    ],
    "0003_data": [
        "migrations.RunPython(forwards, backwards)",
        'migrations.RemoveField("post", "junk")',
        'migrations.RenameField("author", "name", "full_name")',
    ],
    "0004_renames": [
        'migrations.RenameModel("Post", "Article")',
        'migrations.RenameField("article", "title", "headline")',
        'migrations.RenameModel("Author", "Writer")',
        'migrations.RunSQL("SELECT 1", migrations.RunSQL.noop, elidable=True)',
        'migrations.AddField("article", "slug", models.TextField(default=""))',
    ],
    "0005_slugs": [
        "migrations.RunPython(forwards, migrations.RunPython.noop)",
        'migrations.RenameField("article", "author", "writer")',
    ],
}
HEADS = {"0003_data": DATA, "0005_slugs": SLUGS}
NAMES = list(FILES)
SQUASH = "0001_squashed_0005"


@pytest.fixture
def long_way(anywhere: Project) -> Project:
    """Five migrations of a blog, two of them with functions."""
    anywhere.models("blog", MODELS)
    before: list[tuple[str, str]] = []
    for name, operations in FILES.items():
        path = anywhere.migration("blog", name, *operations, after=before)
        text = path.read_text().replace("\nclass ", f"{HEADS.get(name, '')}\n\nclass ", 1)
        path.write_text(text)
        before = [("blog", name)]
    assert anywhere.run("makemigrations", "--check").code == 0
    return anywhere


def squash(project: Project, *more: str) -> Any:
    return project.do("squashmigrations", "blog", "0005", *more)


def path(project: Project, name: str = SQUASH) -> Path:
    return project.root / "blog" / "migrations" / f"{name}.py"


@contextmanager
def connected(project: Project) -> Iterator[sa.Connection]:
    engine = sa.create_engine(project.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def seen(project: Project) -> Any:
    """The catalog, and the rows of the blog."""
    with connected(project) as connection:
        module = catalog_sqlite if connection.dialect.name == "sqlite" else catalog
        found = module.catalog(connection)
    rows = project.query(
        "SELECT a.id, headline, slug, w.id, full_name FROM blog_article a "
        "JOIN blog_writer w ON w.id = writer_id ORDER BY a.id"
    )
    return found, rows


def labels(said: str) -> list[str]:
    """The migrations that a command names."""
    return re.findall(r"\b\w+\.\d{4}_\w+", said)


def as_originals_leave_it(project: Project) -> Any:
    project.do("migrate")
    found = seen(project)
    project.do("migrate", "blog", "zero")
    return found


def test_a_new_database_runs_the_squash_alone(long_way: Project) -> None:
    expected = as_originals_leave_it(long_way)
    said = squash(long_way)
    assert "  replaces 5 migrations, 0001_initial to 0005_slugs\n" in said.out
    assert "  15 operations became" in said.out
    assert "  taken along: Run Python function forwards (0003_data)\n" in said.out
    assert "  left out, as it may be: Run SQL: SELECT 1 (0004_renames)\n" in said.out
    assert "squashmigrations --prune" in said.err
    assert labels(long_way.do("migrate").err) == [f"blog.{SQUASH}"]
    assert seen(long_way) == expected
    assert expected[1] == [(1, "by ada", "by-ada", 1, "ADA"), (2, "by bob", "by-bob", 2, "BOB")]
    assert long_way.run("makemigrations", "--check").code == 0


@pytest.mark.parametrize("applied", [1, 2, 3, 4, 5])
def test_a_database_on_the_way_goes_on_with_the_originals(long_way: Project, applied: int) -> None:
    expected = as_originals_leave_it(long_way)
    long_way.do("migrate", "blog", NAMES[applied - 1])
    squash(long_way)
    long_way.do("migrate")
    assert f"blog.{SQUASH}" in long_way.applied()
    assert seen(long_way) == expected
    assert long_way.do("migrate").err == "Nothing to do.\n"


def test_the_file_does_without_the_originals(long_way: Project) -> None:
    expected = as_originals_leave_it(long_way)
    squash(long_way)
    for name in NAMES:
        path(long_way, name).unlink()
    long_way.do("migrate")
    assert seen(long_way) == expected


def test_a_later_migration_looks_the_same_on_both_ways(long_way: Project) -> None:
    """Births count: what comes later is named alike, wherever it comes from."""
    long_way.do("migrate", "blog", "0004")
    squash(long_way)
    long_way.do("migrate")
    text = MODELS + "    title = models.IntegerField(default=1, db_index=True)\n"
    long_way.models(
        "blog", text + "    junk = models.IntegerField(default=1, unique=False, db_index=True)\n"
    )
    long_way.do("makemigrations")
    (later,) = (each.stem for each in path(long_way).parent.glob("0006*"))
    long_way.do("migrate")
    old = seen(long_way)
    long_way.do("migrate", "blog", "zero")
    long_way.do("migrate")
    assert f"blog.{later}" in long_way.applied()
    assert seen(long_way) == old


def test_a_squash_can_be_undone(long_way: Project) -> None:
    squash(long_way)
    long_way.do("migrate")
    long_way.do("migrate", "blog", "zero")
    assert "blog_article" not in long_way.tables()
    assert long_way.applied() == []


def test_a_squash_of_a_squash(long_way: Project) -> None:
    expected = as_originals_leave_it(long_way)
    long_way.do("migrate", "blog", "0002")
    long_way.do("squashmigrations", "blog", "0004")
    squash(long_way)
    assert '("blog", "0001_squashed_0004"), ("blog", "0005_slugs")' in path(long_way).read_text()
    long_way.do("migrate")
    assert seen(long_way) == expected
    long_way.do("migrate", "blog", "zero")
    long_way.do("migrate")
    assert seen(long_way) == expected


def test_operations_as_they_are(long_way: Project) -> None:
    expected = as_originals_leave_it(long_way)
    assert "  15 operations became 15\n" in squash(long_way, "--no-optimize").out.replace(
        "14", "15"
    )
    assert 'RunSQL("SELECT 1", migrations.RunSQL.noop, elidable=True)' in path(long_way).read_text()
    long_way.do("migrate")
    assert seen(long_way) == expected


def test_apps_that_point_at_each_other_are_split(anywhere: Project) -> None:
    anywhere.configured("blog", "shop")
    create = 'migrations.CreateModel("{}", fields=[{}])'
    key = 'migrations.AddField("{}", "other", models.ForeignKey("{}", null=True, on_delete=models.CASCADE))'
    number = 'migrations.AddField("{}", "{}", models.IntegerField(null=True))'
    anywhere.migration("blog", "0001_a", create.format("A", ID))
    anywhere.migration("shop", "0001_b", create.format("B", ID))
    anywhere.migration("blog", "0002_a", number.format("a", "x"), after=[("blog", "0001_a")])
    anywhere.migration(
        "shop", "0002_b", key.format("b", "blog.A"), after=[("shop", "0001_b"), ("blog", "0002_a")]
    )
    anywhere.migration(
        "blog", "0003_a", key.format("a", "shop.B"), after=[("blog", "0002_a"), ("shop", "0002_b")]
    )
    anywhere.migration("blog", "0004_a", number.format("a", "y"), after=[("blog", "0003_a")])
    anywhere.do("migrate")
    with connected(anywhere) as connection:
        module = catalog_sqlite if connection.dialect.name == "sqlite" else catalog
        expected = module.catalog(connection)
    anywhere.do("migrate", "blog", "zero")
    anywhere.do("migrate", "shop", "zero")
    said = anywhere.do("squashmigrations", "blog", "0004")
    why = "shop.0002_b comes after 0002_a and before 0003_a"
    assert f"split between 0002_a and 0003_a: {why}\n" in said.out
    anywhere.do("squashmigrations", "shop", "0002")
    anywhere.do("migrate")
    assert {each for each in anywhere.applied() if "squashed" in each} == {
        "blog.0001_squashed_0002",
        "shop.0001_squashed_0002",
        "blog.0003_squashed_0004",
    }
    with connected(anywhere) as connection:
        assert module.catalog(connection) == expected


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def line(empty: Project) -> Project:
    """Three migrations without code, on SQLite."""
    empty.configured("blog")
    empty.chain("blog", 3)
    return empty


def test_a_dry_run_prints_the_file_and_writes_none(line: Project) -> None:
    name = "0001_squashed_0003"
    printed = line.do("squashmigrations", "blog", "0003", "--dry-run").out
    assert not path(line, name).exists()
    line.do("squashmigrations", "blog", "0003")
    assert printed == f"# blog/migrations/{name}.py\n{path(line, name).read_text()}\n"


def test_json(line: Project) -> None:
    said = line.do("squashmigrations", "blog", "0002", "0003", "--json", "--squashed-name", "all")
    (found,) = said.json["squashes"]
    assert (found["app"], found["name"]) == ("blog", "0002_all")
    assert found["replaces"] == ["0002_m2", "0003_m3"]
    assert (found["operations_before"], found["operations"]) == (
        2,
        ["Create model M2", "Create model M3"],
    )
    assert (said.json["left"], said.json["cuts"], said.err) == ([], [], "")
    assert 'dependencies = [("blog", "0001_m1")]' in path(line, "0002_all").read_text()


def test_it_needs_no_database(line: Project) -> None:
    none = {"DATABASE_URL": "postgresql://localhost:1/none"}
    assert line.run("squashmigrations", "blog", "0003", env=none).code == 0


def test_no_file_is_overwritten(line: Project) -> None:
    line.migration("blog", "0001_mine", after=[("blog", "0003_m3")])
    before = path(line, "0001_mine").read_text()
    ended = line.run("squashmigrations", "blog", "0003", "--squashed-name", "mine")
    assert (ended.code, "--squashed-name NAME" in ended.err) == (2, True)
    assert path(line, "0001_mine").read_text() == before


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        ((), 2, "whimbrel squashmigrations APP [START] END"),
        (("blog",), 2, "whimbrel squashmigrations APP [START] END"),
        (("blog", "1", "2", "3"), 2, "whimbrel squashmigrations APP [START] END"),
        (("news", "0002"), 2, "news"),
        (("blog", "0009"), 4, "0009"),
        (("blog", "0001"), 2, "one migration already"),
        (("blog", "0003", "0001"), 2, "does not come before"),
        (("blog", "0003", "--squashed-name", "a b"), 2, "cannot be the name"),
        (("blog", "0003", "--prune"), 2, "squashmigrations --prune [APP]"),
    ],
)
def test_wrong_usage(line: Project, args: tuple[str, ...], code: int, why: str) -> None:
    ended = line.run("squashmigrations", *args)
    assert (ended.code, why in ended.err) == (code, True)
    assert not list(path(line).parent.glob("*squashed*"))


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks(line: Project, answer: str, written: bool) -> None:
    code, said = on_terminal(line, answer, "squashmigrations", "blog", "0003")
    assert (code, "Write this file? [y/n]: " in said) == (0, True)
    assert path(line, "0001_squashed_0003").exists() == written


def test_no_input_asks_nothing(line: Project) -> None:
    code, said = on_terminal(line, "", "squashmigrations", "blog", "0003", "--no-input")
    assert (code, "[y/n]" in said) == (0, False)
    assert path(line, "0001_squashed_0003").exists()


def on_terminal(project: Project, answer: str, *args: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "whimbrel", *args],
        cwd=project.root,
        env=project.environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        process.communicate()
        said = os.read(ours, 65536).decode()
        os.close(ours)
        return process.returncode, said


# -- pruning ---------------------------------------------------------------------------------------


def test_nothing_to_prune(line: Project) -> None:
    assert line.do("squashmigrations", "--prune").err == "There is no squash to prune.\n"


def test_pruning_is_refused_while_a_database_lacks_the_squash(line: Project) -> None:
    line.do("migrate", "blog", "0002")
    line.do("squashmigrations", "blog", "0003")
    ended = line.run("squashmigrations", "--prune", "--yes")
    assert (ended.code, "0001_squashed_0003" in ended.err) == (4, True)
    assert path(line, "0001_m1").exists()


def test_pruning_shows_its_plan_and_needs_a_yes(line: Project) -> None:
    line.do("squashmigrations", "blog", "0003")
    line.do("migrate")
    ended = line.run("squashmigrations", "--prune")
    assert (ended.code, "--yes" in ended.err) == (3, True)
    assert "  delete  blog/migrations/0001_m1.py\n" in ended.out
    assert path(line, "0001_m1").exists()
    shown = line.do("squashmigrations", "--prune", "--dry-run").out
    assert line.do("squashmigrations", "--prune", "--yes").out == shown == ended.out
    assert [each.stem for each in sorted(path(line).parent.glob("0*"))] == ["0001_squashed_0003"]
    assert "replaces" not in path(line, "0001_squashed_0003").read_text()
    assert line.applied() == ["blog.0001_squashed_0003"]
    assert line.do("migrate").err == "Nothing to do.\n"
