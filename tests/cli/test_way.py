"""The whole way, as a user goes it: from models to a migrated database, and back."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from projects import BLOG, CREATE, Project
from servers import PostgresServer

LATER = """
class Author(models.Model):
    name = models.CharField(max_length=100, unique=True)

class Post(models.Model):
    headline = models.CharField(max_length=100)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    slug = models.SlugField(default="")
"""

RENAMED = "blog.Post.title:headline"


def test_from_nothing_to_a_schema_and_back(empty: Project) -> None:
    empty.do("init", "blog")
    empty.models("blog", BLOG)
    made = empty.do("makemigrations")
    assert (
        made.out == "blog/migrations/0001_initial.py\n  Create model Author\n  Create model Post\n"
    )
    assert empty.do("makemigrations").err == "No changes.\n"
    shown = empty.run("migrate", "--plan")
    assert shown.out.splitlines()[0] == "Apply blog.0001_initial"
    assert not (empty.root / "db.sqlite3").exists(), "a plan makes no database"
    assert "Applied blog.0001_initial in " in empty.do("migrate").err
    names = [
        name
        for (name,) in sqlite3.connect(empty.root / "db.sqlite3").execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'blog%'"
        )
    ]
    assert sorted(names) == ["blog_author", "blog_post"]


def test_without_apps_migrate_says_how_to_make_one(empty: Project) -> None:
    empty.configured()
    said = "There are no apps yet: whimbrel init NAME makes one.\n"
    assert empty.do("migrate").err == empty.do("makemigrations").err == said


def test_forwards_and_backwards_with_rows(anywhere: Project) -> None:
    anywhere.do("makemigrations")
    anywhere.do("migrate")
    anywhere.query("INSERT INTO blog_author (name) VALUES ('Ada')")
    anywhere.query("INSERT INTO blog_post (title, author_id) VALUES ('One', 1)")
    anywhere.models("blog", LATER)
    anywhere.do("makemigrations", "--rename", RENAMED)
    anywhere.do("migrate")
    assert anywhere.query("SELECT headline, slug, author_id FROM blog_post") == [("One", "", 1)]
    assert anywhere.do("makemigrations").err == "No changes.\n"
    assert "Undone blog.0002" in anywhere.do("migrate", "blog", "0001").err
    assert anywhere.query("SELECT title, author_id FROM blog_post") == [("One", 1)]
    assert anywhere.applied() == ["blog.0001_initial"]
    anywhere.do("migrate", "blog", "zero")
    assert anywhere.tables() == set()


@pytest.mark.parametrize("more", [[], ["--no-leap"]])
def test_a_leap_and_the_long_way_end_alike(anywhere: Project, more: list[str]) -> None:
    anywhere.do("makemigrations")
    anywhere.models("blog", LATER)
    anywhere.do("makemigrations", "--rename", RENAMED)
    result = anywhere.do("migrate", "--json", *more).json
    assert len(result["done"]) == (2 if more else 1)
    assert [label for each in result["done"] for label in each["migrations"]] == anywhere.applied()
    anywhere.query("INSERT INTO blog_author (name) VALUES ('Ada')")
    anywhere.query("INSERT INTO blog_post (headline, author_id) VALUES ('One', 1)")
    assert anywhere.query("SELECT headline, slug FROM blog_post") == [("One", "")]
    assert anywhere.run("migrate", "--check").code == 0


def test_only_what_depends_on_what_is_undone_goes(anywhere: Project) -> None:
    anywhere.configured("blog", "shop")
    anywhere.chain("blog", 3)
    anywhere.chain("shop", 1)
    anywhere.migration(
        "shop",
        "0002_x",
        CREATE.format(name="X"),
        after=[("shop", "0001_m1"), ("blog", "0002_m2")],
    )
    anywhere.do("migrate")
    anywhere.do("migrate", "blog", "0001")
    assert anywhere.applied() == ["blog.0001_m1", "shop.0001_m1"]
    assert anywhere.tables() == {"whimbrel_migrations", "blog_m1", "shop_m1"}


def test_fake_records_and_leaves_the_database_alone(anywhere: Project) -> None:
    names = anywhere.chain("blog", 2)
    planned = anywhere.do("migrate", "--fake", "--plan").out
    alone = "(the database is left as it is)"
    assert planned.splitlines() == [
        f"Record blog.{names[0]} to blog.{names[1]} (2 migrations in one leap) {alone}"
    ]
    assert "Recorded" in anywhere.do("migrate", "--fake").err
    assert anywhere.applied() == [f"blog.{name}" for name in names]
    assert anywhere.tables() == {"whimbrel_migrations"}
    planned = anywhere.do("migrate", "blog", "0001", "--fake", "--plan").out
    assert planned == f"Remove from the record blog.{names[1]} {alone}\n"
    anywhere.do("migrate", "blog", "0001", "--fake")
    assert anywhere.applied() == ["blog.0001_m1"]


def test_a_squash_that_fake_completes_is_planned_too(anywhere: Project) -> None:
    names = anywhere.chain("blog", 2)
    anywhere.do("migrate", "blog", "0001")
    anywhere.do("squashmigrations", "blog", "0002", "--yes")
    planned = anywhere.do("migrate", "--fake", "--plan", "--json").json["plan"]
    done = anywhere.do("migrate", "--fake", "--json").json["done"]
    assert [each["migrations"] for each in planned] == [each["migrations"] for each in done]
    assert done[0]["migrations"] == [f"blog.{names[1]}"]
    assert len(done) == 2


def test_check_finds_what_is_unapplied(anywhere: Project) -> None:
    anywhere.chain("blog", 2)
    found = anywhere.run("migrate", "--check")
    assert (found.code, found.out) == (1, "blog.0001_m1\nblog.0002_m2\n")
    anywhere.do("migrate", "blog", "0001")
    assert anywhere.run("migrate", "--check", "--json").json == {"unapplied": ["blog.0002_m2"]}
    anywhere.do("migrate")
    assert anywhere.run("migrate", "--check").code == 0


@pytest.mark.parametrize(
    "asked", [["migrate", "--plan"], ["migrate", "--check"], ["showmigrations"]]
)
def test_asking_creates_nothing(anywhere: Project, asked: list[str]) -> None:
    anywhere.chain("blog", 1)
    anywhere.run(*asked)
    assert anywhere.tables() == set()


def test_a_second_database(project: Project, tmp_path: Path) -> None:
    project.configured("blog", more='[tool.whimbrel.databases]\neu = "sqlite:///eu.db"\n')
    project.chain("blog", 1)
    project.do("migrate", "--database", "eu")
    assert (project.root / "eu.db").exists()
    assert project.applied() == []
    assert "[X]" in project.do("showmigrations", "--database", "eu").out


def test_every_command_works_through_manage_py(empty: Project) -> None:
    empty.do("init", "blog")
    for command in ("makemigrations", "migrate", "showmigrations"):
        ran = subprocess.run(
            [sys.executable, str(empty.root / "manage.py"), command],
            cwd="/",
            env=empty.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "blog\n  (no migrations)\n"


def test_the_printed_sql_runs(project: Project, tmp_path: Path) -> None:
    project.do("makemigrations")
    project.models("blog", LATER)
    project.do("makemigrations", "--rename", RENAMED)
    database = sqlite3.connect(tmp_path / "by_hand.db", isolation_level=None)
    for name in ("0001", "0002"):
        database.executescript(project.do("sqlmigrate", "blog", name).out)
    project.do("migrate")
    asked = "SELECT sql FROM sqlite_master WHERE name LIKE 'blog%' ORDER BY name"
    assert _plain(project.query(asked)) == _plain(database.execute(asked).fetchall())
    for name in ("0002", "0001"):
        database.executescript(project.do("sqlmigrate", "blog", name, "--backwards").out)
    assert database.execute(asked).fetchall() == []


def _plain(rows: list[tuple[str | None]]) -> list[str]:
    """Quotes and spaces aside: a leap makes what a rename leads to."""
    return [re.sub(r'["\s]', "", sql or "") for (sql,) in rows]


def test_printed_sql_for_postgresql_needs_no_server(project: Project) -> None:
    project.do("makemigrations")
    script = project.do("sqlmigrate", "blog", "0001", "--dialect", "postgresql").out
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    assert (lines[0], lines[-1]) == ("BEGIN;", "COMMIT;")
    assert "GENERATED BY DEFAULT AS IDENTITY" in script


def test_hazards_are_comments(project: Project) -> None:
    project.do("makemigrations")
    script = project.do("sqlmigrate", "blog", "0001", "--backwards", "--dialect", "postgresql").out
    hazard = "-- hazard: LOSES_DATA: blog_post: what was stored here is gone for good\n"
    assert hazard in script[script.index("BEGIN") : script.index("DROP TABLE")]
    found = project.do("sqlmigrate", "blog", "0001", "--backwards", "--json").json
    assert {
        "code": "LOSES_DATA",
        "subject": "blog_post",
        "message": "what was stored here is gone for good",
    } in [hazard for each in found["statements"] for hazard in each["hazards"]]


def test_the_printed_sql_knows_what_others_took_away(project: Project, tmp_path: Path) -> None:
    """A table that pointed at another one's key, and was deleted before that key changed."""
    project.configured("blog", "shop")
    key = '("id", models.AutoField(primary_key=True))'
    project.migration("shop", "0001", f'migrations.CreateModel("S", fields=[{key}])')
    to = 'models.ForeignKey("shop.S", on_delete=models.CASCADE)'
    project.migration(
        "blog",
        "0001",
        f'migrations.CreateModel("B", fields=[{key}, ("to", {to})])',
        after=[("shop", "0001")],
    )
    project.migration("blog", "0002", 'migrations.DeleteModel("B")', after=[("blog", "0001")])
    project.migration(
        "shop",
        "0002",
        'migrations.AlterField("S", "id", models.BigAutoField(primary_key=True))',
        'migrations.AddField("S", "n", models.IntegerField(null=True))',
        after=[("shop", "0001"), ("blog", "0001")],
    )
    for dialect in ("sqlite", "postgresql"):
        for more in ([], ["--backwards"]):
            script = project.do("sqlmigrate", "shop", "0002", "--dialect", dialect, *more).out
            assert "shop_s" in script
            assert "blog_b" not in script
    with sqlite3.connect(tmp_path / "by_hand.db") as database:
        for label in ("shop 0001", "blog 0001", "blog 0002", "shop 0002"):
            database.executescript(project.do("sqlmigrate", *label.split()).out)
        database.executescript(project.do("sqlmigrate", "shop", "0002", "--backwards").out)
        (columns,) = database.execute("SELECT group_concat(name) FROM pragma_table_info('shop_s')")
    assert columns == ("id",)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_printed_sql_runs_in_psql(anywhere: Project, postgresql_server: PostgresServer) -> None:
    psql = postgresql_server.binaries / "psql"
    if not psql.exists():
        pytest.skip("this server comes without psql")
    database = re.sub(r".*@/(\w+)\?.*", r"\1", anywhere.url)
    command = [str(psql), "-h", str(postgresql_server.directory), "-U", "postgres", "-d", database]

    def run(*args: str) -> None:
        script = anywhere.do("sqlmigrate", "blog", *args).out
        subprocess.run(
            [*command, "-v", "ON_ERROR_STOP=1", "-q"], input=script, text=True, check=True
        )

    anywhere.do("makemigrations")
    anywhere.models("blog", LATER)
    anywhere.do("makemigrations", "--rename", RENAMED)
    run("0001")
    run("0002")
    anywhere.query("INSERT INTO blog_author (name) VALUES ('Ada')")
    anywhere.query("INSERT INTO blog_post (headline, author_id) VALUES ('One', 1)")
    run("0002", "--backwards")
    assert anywhere.query("SELECT title FROM blog_post") == [("One",)]
    run("0001", "--backwards")
    assert anywhere.tables() == set()


def test_a_plan_as_json_says_what_is_known_of_each_step(anywhere: Project) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    anywhere.migration(
        "blog",
        "0002_more",
        'migrations.AddField("M1", "more", models.IntegerField(null=True))',
        "migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop)",
        'migrations.RemoveField("M1", "more")',
        after=[("blog", "0001_m1")],
    )
    (stage,) = anywhere.do("migrate", "--plan", "--json").json["plan"]
    by_id = {step["id"]: step for step in stage["steps"]}
    text = (anywhere.root / "blog/migrations/0002_more.py").read_text().splitlines()
    for number, said in (("1", "AddField"), ("2", "RunPython"), ("3", "RemoveField")):
        file, _, line = by_id[f"{number}.1"]["place"].partition(":")
        assert file == "blog/migrations/0002_more.py"
        assert said in text[int(line) - 1]
    assert by_id["1.1"]["operation"] == "Add field more to M1"
    assert by_id["2.1"]["sql"] is None
    (dropped,) = [step for step in by_id.values() if "DROP COLUMN" in (step["sql"] or "")]
    assert dropped["boundary"] == "SHARED"
    assert "LOSES_DATA" in {hazard["code"] for hazard in dropped["hazards"]}
    if anywhere.url.startswith("postgresql"):
        assert dropped["locks"] == [{"table": "blog_m1", "lock": "ACCESS EXCLUSIVE"}]


@pytest.mark.parametrize("how", [(), ("--fake",)], ids=["done", "fake"])
def test_a_result_says_of_each_stage_which_way_it_went(
    anywhere: Project, how: tuple[str, ...]
) -> None:
    anywhere.chain("blog", 1)
    for target, backwards in (("0001", False), ("zero", True)):
        result = anywhere.do("migrate", "blog", target, *how, "--json").json
        assert [each["backwards"] for each in result["done"]] == [backwards]


def test_a_column_leaves_the_models_a_release_before_the_database(anywhere: Project) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    anywhere.query("INSERT INTO blog_m1 (number) VALUES (3)")
    anywhere.models("blog", "class M1(models.Model):\n    pass\n")
    gone = "migrations.RemoveField('M1', 'number')"
    models = f"migrations.SeparateDatabaseAndState(state_operations=[{gone}])"
    database = f"migrations.SeparateDatabaseAndState(database_operations=[{gone}])"
    anywhere.migration("blog", "0002_models", models, after=[("blog", "0001_m1")])
    anywhere.do("migrate")
    assert anywhere.query("SELECT number FROM blog_m1") == [(3,)]
    anywhere.migration("blog", "0003_database", database, after=[("blog", "0002_models")])
    for command in ("migrate", "drift", "check", "makemigrations --check"):
        anywhere.do(*command.split())
    assert anywhere.query("SELECT * FROM blog_m1") == [(1,)]
    anywhere.do("migrate", "blog", "0002")
    assert anywhere.query("SELECT id, number FROM blog_m1") == [(1, 0)]
    anywhere.do("migrate", "blog", "0001")
    anywhere.do("migrate", "blog", "zero")
    anywhere.do("migrate")
    assert anywhere.query("SELECT * FROM blog_m1") == []
