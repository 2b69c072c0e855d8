"""Merges through the command line: what is shown, refused, asked, written and applied."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import catalog as postgresql_catalog
from catalog_sqlite import catalog as sqlite_catalog
from cli.test_makemigrations import on_terminal
from projects import CREATE, Project

AFTER = [("blog", "0001_m1")]


def field(name: str, model: str = "M1") -> str:
    return f'migrations.AddField("{model}", "{name}", models.IntegerField(default=0))'


def altered(kind: str) -> str:
    return f'migrations.AlterField("M1", "number", models.{kind}())'


def forked(project: Project, ours: str, theirs: str) -> None:
    """Two leaves, each with an operation of its own."""
    project.chain("blog", 1)
    project.migration("blog", "0002_stock", ours, after=AFTER)
    project.migration("blog", "0002_tags", theirs, after=AFTER)


def files(project: Project, app: str = "blog") -> list[str]:
    found = (project.root / app / "migrations").glob("[0-9]*.py")
    return sorted(file.stem for file in found)


@pytest.fixture
def colliding(anywhere: Project) -> Project:
    forked(anywhere, altered("BigIntegerField"), altered("SmallIntegerField"))
    return anywhere


MERGED = "0003_merge_0002_stock_0002_tags"


# -- what is shown and written -----------------------------------------------------------------


def test_each_branch_is_shown_in_words(project: Project) -> None:
    forked(project, field("a"), 'migrations.RunSQL("SELECT 1")')
    ended = project.do("makemigrations", "--merge")
    assert ended.out == f"blog/migrations/{MERGED}.py\n"
    assert ended.err.splitlines() == [
        "blog has 2 leaves.",
        "Up to 0002_stock:",
        "  0002_stock",
        "    Add field a to M1",
        "Up to 0002_tags:",
        "  0002_tags",
        "    Run SQL: SELECT 1",
        "Nothing can tell what these do; look at them yourself:",
        "  blog.0002_tags: Run SQL: SELECT 1",
        "They do not collide.",
    ]
    assert project.do("makemigrations", "--merge").err == "No changes.\n"


@pytest.mark.parametrize(
    ("options", "code", "written"),
    [([], 0, True), (["--dry-run"], 0, False), (["--check"], 1, False), (["blog"], 0, True)],
)
def test_a_merge_is_a_file_like_any_other(
    project: Project, options: list[str], code: int, written: bool
) -> None:
    forked(project, field("a"), field("b"))
    ended = project.run("makemigrations", "--merge", "--json", *options)
    assert ended.code == code
    (made,) = ended.json["migrations"]
    assert made["name"] == MERGED
    assert made["operations"] == []
    (merge,) = ended.json["merges"]
    assert [branch["leaf"] for branch in merge["branches"]] == ["0002_stock", "0002_tags"]
    assert merge["branches"][0]["migrations"][0]["operations"] == ["Add field a to M1"]
    assert (MERGED in files(project)) is written
    assert ("text" in made) is ("--dry-run" in options)


def test_other_names_and_long_ones(project: Project) -> None:
    project.chain("blog", 1)
    for letter in "abc":
        name = f"0002_{letter * 40}"
        project.migration("blog", name, field(letter), after=AFTER)
    (made,) = project.do("makemigrations", "--merge", "--dry-run", "--json").json["migrations"]
    assert made["name"] == f"0003_merge_0002_{'a' * 40}"
    assert made["text"].count("0002_") == 3
    project.do("makemigrations", "--merge", "--name", "all_of_them")
    assert "0003_all_of_them" in files(project)
    project.do("migrate")


def test_several_apps_at_once_and_one_of_them(anywhere: Project) -> None:
    anywhere.configured("blog", "shop")
    for app in ("blog", "shop"):
        anywhere.chain(app, 1)
        anywhere.migration(app, "0002_a", field("a"), after=[(app, "0001_m1")])
        anywhere.migration(app, "0002_b", field("b"), after=[(app, "0001_m1")])
    one = anywhere.do("makemigrations", "shop", "--merge", "--dry-run", "--json").json
    assert [made["app"] for made in one["migrations"]] == ["shop"]
    anywhere.do("makemigrations", "--merge")
    assert files(anywhere)[-1] == files(anywhere, "shop")[-1] == "0003_merge_0002_a_0002_b"
    anywhere.do("migrate")
    assert anywhere.query("SELECT a, b FROM shop_m1") == []


# -- collisions ----------------------------------------------------------------------------------


def test_a_collision_is_refused_with_its_reason(colliding: Project) -> None:
    refused = colliding.run("makemigrations", "--merge")
    assert refused.code == 4
    assert "error[collision]: blog.0002_stock, blog.0002_tags: it matters which" in refused.err
    assert (
        "blog.0002_stock: Alter field number of M1; blog.0002_tags: Alter field number of M1 "
        "(both: the field blog.M1.number)" in refused.err
    )
    assert "whimbrel rebase blog 0002_stock or whimbrel rebase blog 0002_tags" in refused.err
    assert "whimbrel makemigrations --merge --force-merge" in refused.err
    assert refused.err.count("(both: the field blog.M1.number)") == 1
    assert MERGED not in files(colliding)
    error = colliding.run("makemigrations", "--merge", "--json").json["error"]
    assert error["code"] == "collision"
    assert len(error["collisions"]) == 1


def test_a_collision_is_asked_about_with_force(colliding: Project) -> None:
    asked = colliding.run("makemigrations", "--force-merge")
    assert asked.code == 3
    assert "--force-merge --yes" in asked.err
    assert asked.err.count("(both: the field blog.M1.number)") == 1
    assert MERGED not in files(colliding)
    code, said = on_terminal(colliding, "n\n", "makemigrations", "--merge", "--force-merge")
    assert code == 0, said
    assert "Nothing was written." in said
    assert MERGED not in files(colliding)
    code, said = on_terminal(colliding, "y\n", "makemigrations", "--merge", "--force-merge")
    assert code == 0, said
    assert "`whimbrel drift`" in said
    text = (colliding.root / f"blog/migrations/{MERGED}.py").read_text()
    assert "# Made with --force-merge" in text
    colliding.do("migrate")


def test_drift_tells_where_a_forced_merge_was_seen_in_another_order(colliding: Project) -> None:
    stock = colliding.root / "blog/migrations/0002_stock.py"
    text = stock.read_text()
    stock.unlink()
    colliding.do("migrate")
    stock.write_text(text)
    colliding.do("makemigrations", "--force-merge", "--yes")
    colliding.do("migrate")
    assert colliding.run("drift").code == 1


@pytest.mark.parametrize("force", [[], ["--force-merge", "--yes"]])
def test_what_cannot_stand_side_by_side_is_refused_in_any_case(
    project: Project, force: list[str]
) -> None:
    forked(project, 'migrations.DeleteModel("M1")', field("a"))
    refused = project.run("makemigrations", "--merge", *force)
    assert refused.code == 4
    assert "error[collision]" in refused.err
    assert "whimbrel makemigrations --merge --force-merge" not in refused.err
    assert files(project) == ["0001_m1", "0002_stock", "0002_tags"]


def test_two_leaves_are_told_of_every_way(project: Project) -> None:
    forked(project, field("a"), field("b"))
    refused = project.run("migrate")
    assert refused.code == 4
    for command in ("makemigrations --merge", "migrate --merge", "rebase blog"):
        assert f"whimbrel {command}`" in refused.err


# -- migrate --merge -----------------------------------------------------------------------------


def test_migrate_merges_and_goes_on(anywhere: Project) -> None:
    forked(anywhere, field("a"), field("b"))
    ended = anywhere.do("migrate", "--merge")
    assert f"Wrote blog/migrations/{MERGED}.py" in ended.err
    assert anywhere.applied()[-1] == f"blog.{MERGED}"
    assert anywhere.query("SELECT a, b FROM blog_m1") == []
    assert anywhere.do("migrate", "--merge").err == "Nothing to do.\n"


def test_migrate_merges_nothing_that_collides(colliding: Project) -> None:
    refused = colliding.run("migrate", "--merge")
    assert refused.code == 4
    assert "error[collision]" in refused.err
    assert colliding.applied() == []


@pytest.mark.parametrize("other", ["--check", "--plan", "--accept-edit"])
def test_migrate_merges_only_where_it_applies(project: Project, other: str) -> None:
    forked(project, field("a"), field("b"))
    assert project.run("migrate", "--merge", other).code == 2
    assert MERGED not in files(project)


# -- two machines --------------------------------------------------------------------------------


@pytest.fixture
def two(database_url: str, tmp_path: Path, request: Any) -> Callable[[], tuple[Project, Project]]:
    """Two machines: a project each, and a database each."""

    def made() -> tuple[Project, Project]:
        urls = [database_url, _other(request, database_url, tmp_path)]
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
        one, other = (
            Project(tmp_path / name, url) for name, url in zip(("one", "other"), urls, strict=True)
        )
        return one, other

    return made


def _other(request: Any, url: str, directory: Path) -> str:
    if url.startswith("sqlite"):
        return f"sqlite:///{directory / 'other.sqlite3'}"
    server = request.getfixturevalue("postgresql_server")
    context = server.fresh_database()
    name = context.__enter__()
    request.addfinalizer(lambda: context.__exit__(None, None, None))
    return str(server.url(name))


OURS = [
    field("a"),
    CREATE.format(name="Ours"),
    'migrations.AddIndex("M1", models.Index("a"))',
    'migrations.AddField("M1", "ours", models.ManyToManyField("blog.Ours"))',
]
THEIRS = [
    'migrations.AlterField("M1", "number", models.BigIntegerField(default=1))',
    CREATE.format(name="Theirs"),
    'migrations.AddField("Theirs", "m1", models.ForeignKey("blog.M1", null=True, on_delete=models.CASCADE))',
    'migrations.AddConstraint("M1", models.CheckConstraint(models.Q(number__gt=0)))',
]


def git(root: Path, *args: str) -> str:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    ended = subprocess.run(
        ["git", *who, *args], cwd=root, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def repository(project: Project) -> Project:
    project.configured("blog").models("blog", "")
    project.write(".gitignore", "__pycache__/\n*.sqlite3\n")
    project.chain("blog", 1)
    git(project.root, "init", "-q", "-b", "main")
    committed(project, "one")
    return project


def committed(project: Project, message: str) -> None:
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", message)


def schema(project: Project) -> Any:
    """The catalog, in which the order of columns says nothing."""
    engine = sa.create_engine(project.url)
    try:
        with engine.connect() as connection:
            read = sqlite_catalog if engine.dialect.name == "sqlite" else postgresql_catalog
            found = read(connection)
    finally:
        engine.dispose()
    return _sorted(found)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, str):
        return sorted(map(_sorted, value), key=repr)
    return value


def test_two_machines_make_the_same_bytes_and_the_same_schema(
    two: Callable[[], tuple[Project, Project]],
) -> None:
    one, other = two()
    repository(one)
    git(one.root, "checkout", "-q", "-b", "theirs")
    one.migration("blog", "0002_theirs", *THEIRS, after=AFTER)
    committed(one, "theirs")
    git(one.root, "checkout", "-q", "main")
    git(one.root, "checkout", "-q", "-b", "ours")
    one.migration("blog", "0002_ours", *OURS, after=AFTER)
    committed(one, "ours")
    shutil.rmtree(other.root)
    git(one.root.parent, "clone", "-q", "one", "other")
    git(other.root, "checkout", "-q", "theirs")
    for machine, branch in ((one, "theirs"), (other, "origin/ours")):
        machine.do("migrate")
        git(machine.root, "merge", "-q", "--no-edit", branch)
        machine.do("makemigrations", "--merge")
    merged = "blog/migrations/0003_merge_0002_ours_0002_theirs.py"
    assert (one.root / merged).read_bytes() == (other.root / merged).read_bytes()
    for machine in (one, other):
        machine.do("migrate")
        assert machine.run("drift").code == 0
    assert schema(one) == schema(other)
    committed(one, "merged here")
    committed(other, "merged there")
    git(one.root, "pull", "-q", "--no-rebase", "--no-edit", str(other.root), "theirs")
    assert one.do("migrate").err == "Nothing to do.\n"
