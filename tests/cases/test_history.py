"""Files, squashes and questions: what real use ran into, each case with what must happen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inside import Inside
from projects import CREATE, Project

KEY = '("id", models.BigAutoField(primary_key=True))'


@pytest.fixture
def blog(project_root: Path, database_url: str) -> Project:
    """A project with an empty app, once on each database."""
    return Inside(project_root, database_url).configured("blog")


# -- django-users/03 -------------------------------------------------------------------------

TAGGED = (
    f'migrations.CreateModel("Tag", fields=[{KEY}])',
    f'migrations.CreateModel("Key", fields=[{KEY}])',
    f'migrations.CreateModel("Post", fields=[{KEY}, ("words", models.TextField(default="")),'
    ' ("tags", models.ManyToManyField("blog.Tag"))])',
)
LINK = (
    f'migrations.CreateModel("Link", fields=[{KEY},'
    ' ("post", models.ForeignKey("blog.Post", on_delete=models.CASCADE)),'
    ' ("tag", models.ForeignKey("blog.Tag", on_delete=models.CASCADE, db_index=False))],'
    ' options={"db_table": "blog_post_tags"})'
)
THROUGH = (
    'migrations.AlterField("Post", "tags", models.ManyToManyField("blog.Tag", through="blog.Link"))'
)


def tagged(blog: Project) -> None:
    """One post with one tag."""
    blog.migration("blog", "0001_initial", *TAGGED)
    blog.do("migrate")
    for each in ("blog_tag (id) VALUES (1)", "blog_post (id, words) VALUES (1, 'a')"):
        blog.query(f"INSERT INTO {each}")
    blog.query("INSERT INTO blog_post_tags (post_id, tag_id) VALUES (1, 1)")


def test_a_table_that_a_through_model_takes_over_keeps_its_rows(blog: Project) -> None:
    """django-users/03: the recipe that the refusal gives, forwards and back."""
    tagged(blog)
    state = f"migrations.SeparateDatabaseAndState(state_operations=[{LINK}, {THROUGH}])"
    first = ("blog", "0001_initial")
    refused = blog.migration(
        "blog", "0002_t", THROUGH.replace("blog.Link", "blog.Key"), after=[first]
    )
    ended = blog.run("migrate")
    assert (ended.code, "SeparateDatabaseAndState" in ended.err) == (4, True)
    refused.unlink()
    blog.migration("blog", "0002_link", state, after=[first])
    more = 'migrations.AddField("Link", "note", models.IntegerField(default=7))'
    blog.migration("blog", "0003_note", more, after=[("blog", "0002_link")])
    blog.do("migrate")
    assert blog.query("SELECT post_id, tag_id, note FROM blog_post_tags") == [(1, 1, 7)]
    # The table is asked for once: what differs are the names that Whimbrel gives.
    drift = blog.run("drift")
    assert (drift.code, drift.err.startswith("error")) == (1, False)
    blog.do("migrate", "blog", "0001")
    assert blog.query("SELECT post_id, tag_id FROM blog_post_tags") == [(1, 1)]
    assert blog.do("drift").out == ""


# -- django-users/05 -------------------------------------------------------------------------

BEFORE = """
class T(models.Model):
    a = models.CharField(max_length=10, null=True)
    b = models.CharField(max_length=50, null=True)
    p = models.CharField(max_length=10, null=True, unique=True)
    q = models.IntegerField(null=True, db_index=True)
    e = models.EnumField(["x", "y"], null=True)
    g = models.EnumField(["go", "stay", "come"], null=True)

class M(models.Model):
    text = models.CharField(max_length=10)

class N(models.Model):
    number = models.IntegerField()
    t = models.ForeignKey(T, models.CASCADE)
"""
AFTER = """
class T(models.Model):
    a = models.CharField(max_length=50, null=True)
    p = models.IntegerField(null=True, db_index=True)
    q = models.CharField(max_length=10, null=True, unique=True)
    e = models.EnumField(["x", "y"], null=True)
    g = models.EnumField(["stay", "go"], null=True)

class N(models.Model):
    text = models.CharField(max_length=10)

class M(models.Model):
    number = models.IntegerField()
    t = models.ForeignKey(T, models.CASCADE)
"""
ASKED = ("T.b:a", "T.p:q", "T.q:p", "T.g.come:go", "M:N", "N:M")


def test_a_name_that_something_else_takes_is_asked_for_and_rows_follow(blog: Project) -> None:
    """django-users/05: one goes and another gets its name; two swap. Fields, labels, models."""
    blog.models("blog", BEFORE)
    blog.do("makemigrations")
    blog.do("migrate")
    blog.query(
        "INSERT INTO blog_t (id, a, b, p, q, e, g) VALUES (1, 'a', 'b', 'p', 7, 'x', 'come')"
    )
    blog.query("INSERT INTO blog_m (id, text) VALUES (1, 'm')")
    blog.query("INSERT INTO blog_n (id, number, t_id) VALUES (1, 5, 1)")
    blog.models("blog", AFTER)
    asked = blog.run("makemigrations", "--json")
    said = [each for question in asked.json["error"]["questions"] for each in question["flags"]]
    flags = [f"--rename=blog.{each}" for each in ASKED]
    assert {each.replace("--rename ", "--rename=") for each in said} >= set(flags)
    # A swap of labels is no other set of labels: it can only be said.
    more = ["--rename=blog.T.e.x:y", "--rename=blog.T.e.y:x", "--no-rename=blog.T.a"]
    blog.do("makemigrations", *flags, *more)
    blog.do("migrate")
    assert blog.query("SELECT a, p, q, e, g FROM blog_t") == [("b", 7, "p", "y", "go")]
    assert blog.query("SELECT * FROM blog_n") == [(1, "m")]
    assert blog.query("SELECT * FROM blog_m") == [(1, 5, 1)]
    assert blog.do("drift").out == blog.do("makemigrations").out == ""
    blog.do("migrate", "blog", "0001")
    assert blog.query("SELECT a, b, p, q, e, g FROM blog_t") == [(None, "b", "p", 7, "x", "come")]
    assert blog.query("SELECT * FROM blog_m") == [(1, "m")]
    assert blog.do("drift").out == ""


# -- new-users/04 ----------------------------------------------------------------------------


def test_a_many_to_many_field_has_the_table_of_a_model_that_stood_for_it(blog: Project) -> None:
    """new-users/04: what inspectdb leads to, with the rows kept by what the page says."""
    models = (
        f'migrations.CreateModel("Tag", fields=[{KEY}])',
        (f'migrations.CreateModel("Post", fields=[{KEY}])'),
    )
    blog.migration("blog", "0001_initial", *models, LINK.replace(", db_index=False", ""))
    gone = 'migrations.DeleteModel("Link")'
    come = 'migrations.AddField("Post", "tags", models.ManyToManyField("blog.Tag"))'
    state = f"migrations.SeparateDatabaseAndState(state_operations=[{gone}, {come}])"
    blog.do("migrate")
    blog.query("INSERT INTO blog_tag (id) VALUES (1)")
    blog.query("INSERT INTO blog_post (id) VALUES (1)")
    blog.query("INSERT INTO blog_post_tags (post_id, tag_id) VALUES (1, 1)")
    blog.migration("blog", "0002_tags", state, after=[("blog", "0001_initial")])
    post = "class Tag(models.Model):\n    pass\n\nclass Post(models.Model):\n"
    blog.models("blog", f"{post}    tags = models.ManyToManyField(Tag)\n")
    assert blog.do("makemigrations").err == "No changes.\n"
    renamed = 'migrations.RenameField("Post", "tags", "labels")'
    blog.migration("blog", "0003_labels", renamed, after=[("blog", "0002_tags")])
    blog.do("migrate")
    assert blog.tables() >= {"blog_post_labels"}
    assert not blog.tables() & {"blog_post_tags"}
    assert blog.query("SELECT post_id, tag_id FROM blog_post_labels") == [(1, 1)]
    blog.do("migrate", "blog", "0001")
    assert blog.query("SELECT post_id, tag_id FROM blog_post_tags") == [(1, 1)]


# -- django-users/07 -------------------------------------------------------------------------


def test_a_plan_warns_as_the_run_does_and_marks_what_has_no_way_back(blog: Project) -> None:
    """django-users/07: an app that was renamed; and `migrate zero --fake` in its own words."""
    blog.migration("blog", "0001_initial", CREATE.format(name="Post"))
    blog.do("migrate")
    blog.configured("news")
    blog.migration(
        "news", "0001_initial", CREATE.format(name="Post"), 'migrations.RunSQL("SELECT 1")'
    )
    warned = "warning: the record has 1 migration of the app 'blog', which is not among the apps"
    plan = blog.do("migrate", "--plan")
    assert (warned in plan.err, "\n  irreversible: Run SQL: SELECT 1\n" in plan.out) == (True, True)
    checked = blog.run("migrate", "--check")
    assert (checked.code, checked.out, warned in checked.err) == (1, "news.0001_initial\n", True)
    machine = blog.do("migrate", "--plan", "--json").json
    assert machine["plan"][0]["irreversible"] == ["Run SQL: SELECT 1"]
    assert machine["warnings"][0]["message"] == warned.removeprefix("warning: ")
    assert warned in blog.do("migrate", "--fake").err
    faked = blog.do("migrate", "news", "zero", "--fake").err
    assert "Removed from the record, the database left as it is: news.0001_initial" in faked


# -- code that ends the program, prints, or changes ------------------------------------------


ENDINGS = (
    "import sys; sys.exit(0)",
    "raise GeneratorExit",
    "raise SystemExit",
    "raise BaseException",
    "raise ValueError",
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_code_that_ends_the_program_is_an_error_with_its_place(tmp_path: Path, ending: str) -> None:
    """In models, at the level of a migration, in its functions: never exit 0 with nothing said."""
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    called = "import sys; from whimbrel import migrations\n\ndef f(apps, schema_editor):\n    "
    project.migration("blog", "0001_initial", "migrations.RunPython(f)")
    file = project.root / "blog" / "migrations" / "0001_initial.py"
    text = file.read_text()
    file.write_text(f"{called}{ending}\n\n{text}")
    ended = project.run("migrate")
    assert (ended.code, "blog/migrations/0001_initial.py:4" in ended.err) == (5, True), ended.err
    assert project.applied() == []
    file.write_text(f"{text}\n\n{ending}\n")
    ended = project.run("migrate")
    assert (ended.code, "error[load]: blog/migrations/0001_initial.py:" in ended.err) == (4, True)
    file.unlink()
    project.write("blog/models.py", f"x = 1\n{ending}\n")
    ended = project.run("makemigrations")
    assert (ended.code, "blog/models.py:2: blog.models does not import" in ended.err) == (2, True)
    for more in ([], ["--offline"]):  # though nothing else is found
        ended = project.run("check", *more)
        assert (ended.code, "blog/models.py:2: model: blog.models" in ended.out) == (1, True)
    project.write("blog/__init__.py", f"print('hello')\n{ending}\n")
    ended = project.run("check", "--json")
    assert (ended.code, '"blog/__init__.py' in ended.out) == (1, True), ended
    assert "blog.models does not import" in ended.json["findings"][0]["message"]


def test_what_modules_print_is_no_data(tmp_path: Path) -> None:
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.migration("blog", "0001_initial", CREATE.format(name="M"))
    file = project.root / "blog" / "migrations" / "0001_initial.py"
    file.write_text(f"print('hello of a migration')\n{file.read_text()}")
    project.write("blog/models.py", "print('hello of models')\n")
    for args in (["migrate", "--json"], ["check", "--json"]):
        assert project.run(*args).json


def test_the_digest_of_what_was_executed_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A constant that a cached migration imports is another when it is applied."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.write("blog/constants.py", "SIZE = 10\n")
    project.migration(
        "blog",
        "0001_initial",
        f'migrations.CreateModel("M", [{KEY}, ("n", models.CharField(max_length=SIZE))])',
    )
    file = project.root / "blog" / "migrations" / "0001_initial.py"
    file.write_text(f"from blog.constants import SIZE\n{file.read_text()}")
    os.utime(file, (1_000_000_000, 1_000_000_000))  # the cache trusts a file that is old enough
    project.do("showmigrations")
    (cache,) = file.parent.glob("__pycache__/whimbrel-*.json")
    project.write("blog/constants.py", "SIZE = 200\n")
    project.do("migrate")
    ((recorded,),) = project.query("SELECT digest FROM whimbrel_migrations")
    cache.unlink()
    found = project.run("check", "--json").json["findings"]
    assert [each for each in found if each["code"] == "edited"] == []
    assert recorded
    cache.unlink()
    project.write("blog/constants.py", "SIZE = 30\n")
    ended = project.run("migrate")
    assert (ended.code, "Put what it imports back as it was" in ended.err) == (4, True), ended
    assert "git checkout" not in ended.err  # the file is as it was


# -- words, and what others wrote ------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("X'00FF', 'x', '2024-01-01 00:00:00.000000'", "is not the name"),
        ("'blog', X'00FF', '2024-01-01 00:00:00.000000'", "is not the name"),
        ("'blog', 'x', 'yesterday'", "yesterday"),
        ("'blog', 'x', 5", "a row that no run has written"),
    ],
)
def test_a_row_that_no_run_has_written_is_an_error(tmp_path: Path, row: str, said: str) -> None:
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.migration("blog", "0001_initial", CREATE.format(name="M"))
    project.do("migrate")
    project.query(f"INSERT INTO whimbrel_migrations (app, name, applied) VALUES ({row})")
    for command in ("migrate", "showmigrations", "check"):
        ended = project.run(command)
        assert ended.code == 5, ended.err
        assert all(each in ended.err for each in ("whimbrel_migrations: it has a row", said))


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_file_of_django_is_answered_with_what_to_write(
    tmp_path: Path, is_installed: bool
) -> None:
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    file = project.migration("blog", "0001_initial")
    head = "from django.db import migrations, models"
    if is_installed:
        project.write("django/__init__.py")
        project.write("django/db/__init__.py", "from django.db import migrations, models\n")
        project.write("django/db/models.py")
        project.write("django/db/migrations.py", "class Migration:\n    pass\n")
    file.write_text(file.read_text().replace("from whimbrel import migrations, models", head))
    ended = project.run("migrate")
    assert (ended.code, f"in place of `{head}`" in ended.err) == (4, True)


# -- new-users/02 ----------------------------------------------------------------------------

HERO = """
import sqlalchemy as sa
from sqlalchemy import orm

class Base(orm.DeclarativeBase):
    pass

class Hero(Base):
    __tablename__ = "hero"
    id = sa.Column(sa.Integer, primary_key=True)
"""


def test_models_that_nobody_would_look_at_are_errors(tmp_path: Path) -> None:
    """new-users/02: a package of models, a file beside it, tables of SQLAlchemy unnamed."""
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3")
    project.write("app/__init__.py")
    project.write("app/models/__init__.py", HERO)
    refused = project.run("init", "app")
    assert (refused.code, "the directory exists" in refused.err) == (2, True)
    assert not (tmp_path / "app" / "models.py").exists()
    project.configured("app")
    beside = project.write("app/models.py")
    for command, code in (("makemigrations", 2), ("check", 1)):
        ended = project.run(command)
        assert ended.code == code
        assert "models.py: " in ended.out + ended.err
        assert "imports the package models/ beside it" in ended.out + ended.err
    beside.unlink()
    said = '[tool.whimbrel.app.app] models = "app.models:Base"'
    for command, code in (("makemigrations", 2), ("check", 1)):
        ended = project.run(command)
        assert (ended.code, said in ended.out + ended.err) == (code, True)


def test_a_forgotten_import_is_asked_about(tmp_path: Path) -> None:
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog", "news")
    post = "from whimbrel import models\n\nclass {}(models.Model):\n    pass\n"
    project.write("blog/posts.py", post.format("Post"))
    imported = "import blog.posts\n"
    project.write("blog/models.py", imported + post.format("Tag"))
    project.write("news/models.py", post.format("Item"))
    project.do("makemigrations")
    project.write("blog/models.py", post.format("Tag"))
    asked = project.run("makemigrations")
    assert (asked.code, "--no-rename blog.Post" in asked.err) == (3, True)
    assert "blog/posts.py:3 has a class of that name, and is not imported" in asked.err
    (found,) = project.run("check", "--json").json["findings"]
    assert (found["code"], "blog/posts.py:3" in found["message"]) == ("unmigrated", True)
    project.do("makemigrations", "--no-rename", "blog.Post", "--dry-run")
    project.write("blog/models.py", imported + post.format("Tag"))
    project.write("news/models.py")
    asked = project.run("makemigrations")
    assert (asked.code, "--no-rename news\n" in f"{asked.err}\n") == (3, True)
    assert "no model is found in news.models" in asked.err
    # A model that has moved is not gone.
    project.write(
        "blog/models.py", imported + post.format("Tag") + "class Item(models.Model):\n    pass\n"
    )
    assert "Move" in project.do("makemigrations", "--move", "news.Item:blog").out


# -- check replays what it calls sound -------------------------------------------------------

OWNER = (
    f'migrations.CreateModel("Owner", fields=[{KEY}, ("name", models.TextField(default=""))])',
    f'migrations.CreateModel("Pet", fields=[{KEY}, ("owner", models.ForeignKey("blog.Owner"))])',
)
NEW_KEY = ('migrations.RemoveField("Owner", "id")',
           'migrations.AddField("Owner", "number", models.IntegerField(primary_key=True, default=0))')  # fmt: skip


def test_check_finds_what_applies_only_in_one_leap(blog: Project) -> None:
    """alembic-users/F01: a state along the way that no database can have, and `check` was green."""
    blog.write("blog/models.py")
    blog.migration("blog", "0001_initial", *OWNER)
    first = [("blog", "0001_initial")]
    bad = blog.migration("blog", "0002_key", *NEW_KEY, after=first)
    found = blog.run("check", "--offline", "--json").json["findings"]
    (state,) = [each for each in found if each["code"] == "state"]
    assert (state["subject"], state["file"]) == ("blog.0002_key", "blog/migrations/0002_key.py")
    assert "whose primary key has 0 fields" in state["message"]
    blog.do("migrate", "blog", "0001")
    assert "whose primary key has 0 fields" in blog.run("migrate").err
    bad.unlink()
    blog.migration(
        "blog",
        "0002_note",
        'migrations.AlterField("Owner", "name", models.CharField(max_length=9))',
        after=first,
    )
    for _ in range(2):
        found = blog.run("check", "--json").json["findings"]
        assert [each for each in found if each["code"] == "state"] == []
    blog.do("migrate")
    blog.do("migrate", "blog", "zero")


INTERRUPTED = """
import sys

class Interrupts:
    def find_spec(self, name, *rest):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
from whimbrel.cli import main
main(["makemigrations"])
"""


@pytest.mark.parametrize("module", ["whimbrel.cli.group", "whimbrel.commands.make", "blog.models"])
def test_ctrl_c_while_modules_load_is_no_traceback(tmp_path: Path, module: str) -> None:
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.write("blog/models.py")
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module],
        cwd=tmp_path,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "Interrupted. Nothing was done." in ended.stderr) == (130, True)
    assert "Traceback" not in ended.stderr


def test_check_replays_the_originals_that_go_on_in_a_database(tmp_path: Path) -> None:
    """A squash takes the way in one leap; a database that has begun goes step by step."""
    project = Inside(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.write("blog/models.py")
    project.migration("blog", "0001_initial", *OWNER)
    project.do("migrate")
    project.migration("blog", "0002_key", *NEW_KEY, after=[("blog", "0001_initial")])
    made = (
        'migrations.CreateModel("Owner", fields=[("name", models.TextField(default="")), '
        '("number", models.IntegerField(primary_key=True, default=0))])',
        OWNER[1],
    )
    file = project.migration("blog", "0001_squashed", *made)
    replaces = '    replaces = [("blog", "0001_initial"), ("blog", "0002_key")]\n    operations'
    file.write_text(file.read_text().replace("    operations", replaces))
    for args, expected in ((["--offline"], []), ([], ["blog.0002_key"])):
        found = project.run("check", "--json", *args).json["findings"]
        assert [each["subject"] for each in found if each["code"] == "state"] == expected
