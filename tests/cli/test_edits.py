"""Edited files: applied ones, which are refused; and edits faster than bytecode can tell."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import CREATE, Project
from whimbrel.bytecode import import_with_care

MODELS = "from whimbrel import models\n\n\nclass Post(models.Model):\n    n = models.IntegerField(default={})\n"


def whimbrel(root: Path, *arguments: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    done = subprocess.run(
        [sys.executable, "-m", "whimbrel", *arguments],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_an_edit_of_the_same_size_in_the_same_second_is_seen(tmp_path: Path) -> None:
    whimbrel(tmp_path, "init", "blog")
    models = tmp_path / "blog" / "models.py"
    second = int(time.time()) + 600  # a busy machine takes longer than it may
    for default in range(3):
        models.write_text(MODELS.format(default))
        os.utime(models, (second, second))  # as if all edits were of one second
        assert "blog/migrations/" in whimbrel(tmp_path, "makemigrations")
    assert len(list((tmp_path / "blog" / "migrations").glob("0*.py"))) == 3


def test_a_file_that_is_older_keeps_its_bytecode(tmp_path: Path) -> None:
    whimbrel(tmp_path, "init", "blog")
    models = tmp_path / "blog" / "models.py"
    models.write_text(MODELS.format(0))
    os.utime(models, (1, 1_000_000_000))
    whimbrel(tmp_path, "makemigrations")
    assert list((tmp_path / "blog" / "__pycache__").glob("models.*.pyc"))


def test_of_several_projects_in_one_process_each_is_imported_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("one", "two"):
        import_with_care(tmp_path / name)
        (tmp_path / name).mkdir()
        monkeypatch.syspath_prepend(str(tmp_path / name))
        for value in range(2):
            (tmp_path / name / f"kept_{name}.py").write_text(f"value = {value}")
            assert importlib.import_module(f"kept_{name}").value == value
            del sys.modules[f"kept_{name}"]


# -- files that were applied


@pytest.fixture
def applied(anywhere: Project) -> Project:
    """Two migrations that are applied."""
    anywhere.chain("blog", 2)
    anywhere.do("migrate")
    return anywhere


def edit(project: Project, name: str = "0001_m1", old: str = "number", new: str = "amount") -> None:
    file = project.root / f"blog/migrations/{name}.py"
    file.write_text(file.read_text().replace(old, new))


FORMS = [[], ["--check"], ["--plan"], ["--fake"], ["blog", "0001"], ["blog", "zero"], ["--no-leap"]]


@pytest.mark.parametrize("args", FORMS, ids=" ".join)
def test_an_edited_file_stops_every_form_of_migrate(applied: Project, args: list[str]) -> None:
    applied.chain("blog", 1, start=3)
    edit(applied)
    before = (applied.applied(), applied.tables())
    ended = applied.run("migrate", *args)
    assert ended.code == 4
    assert ended.err.startswith(
        "error[edited]: blog/migrations/0001_m1.py: blog.0001_m1: it is applied here, and does "
        "something else now\n"
    )
    assert "  -         ('number', models.IntegerField(default=0)),\n" in ended.err
    assert "  +         ('amount', models.IntegerField(default=0)),\n" in ended.err
    assert "git checkout COMMIT -- blog/migrations/0001_m1.py" in ended.err
    assert "whimbrel migrate blog 0001_m1 --accept-edit" in ended.err
    assert (applied.applied(), applied.tables()) == before


def test_all_edited_files_are_named_and_machines_get_the_difference(applied: Project) -> None:
    edit(applied)
    edit(applied, "0002_m2", "default=0", "default=1")
    error = applied.run("migrate", "--json").json["error"]
    assert error["code"] == "edited"
    assert [each["migration"] for each in error["edits"]] == ["blog.0001_m1", "blog.0002_m2"]
    assert error["edits"][1]["file"] == "blog/migrations/0002_m2.py"
    assert error["edits"][1]["difference"] == [
        "  migrations.CreateModel(",
        "      fields=[",
        "-         ('number', models.IntegerField(default=0)),",
        "+         ('number', models.IntegerField(default=1)),",
    ]


def test_a_file_that_is_put_back_is_no_edit(applied: Project) -> None:
    edit(applied)
    edit(applied, old="amount", new="number")
    assert applied.do("migrate").err == "Nothing to do.\n"


def test_layout_and_comments_may_change(applied: Project) -> None:
    edit(applied, old="class Migration", new="# Why.\n\n\nclass Migration")
    assert applied.do("migrate").err == "Nothing to do.\n"


def test_a_function_that_was_edited_is_shown(anywhere: Project) -> None:
    text = (
        "from whimbrel import migrations\n\n"
        "def forwards(apps, schema_editor):\n    print(1)\n\n"
        "class Migration(migrations.Migration):\n"
        "    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]\n"
    )
    anywhere.write("blog/migrations/__init__.py")
    anywhere.write("blog/migrations/0001_data.py", text)
    anywhere.do("migrate")
    anywhere.write("blog/migrations/0001_data.py", text.replace("print(1)", "print(2)"))
    shown = anywhere.run("migrate").err.splitlines()
    assert shown[1:4] == [
        "    def forwards(apps, schema_editor):",
        "  -     print(1)",
        "  +     print(2)",
    ]


def test_without_a_recorded_source_only_the_names_are_shown(applied: Project) -> None:
    applied.query("UPDATE whimbrel_migrations SET source = NULL")
    edit(applied)
    ended = applied.run("migrate")
    assert ended.code == 4
    assert "(what it did is not recorded, and cannot be compared)" in ended.err
    assert applied.run("migrate", "--json").json["error"]["edits"][0]["difference"] is None


def test_a_digest_of_another_version_says_nothing(applied: Project) -> None:
    applied.query("UPDATE whimbrel_migrations SET digest = '0:ffff'")
    assert applied.do("migrate").err == "Nothing to do.\n"


def test_an_edit_is_accepted_and_nothing_else_happens(applied: Project) -> None:
    applied.chain("blog", 1, start=3)
    edit(applied)
    edit(applied, "0002_m2")
    when = applied.query("SELECT applied FROM whimbrel_migrations ORDER BY name")
    accepted = applied.do("migrate", "blog", "0001", "--accept-edit")
    assert accepted.err == "Accepted blog.0001_m1 as its file is now\n"
    assert "blog.0002_m2: it is applied" in applied.run("migrate").err
    assert applied.do("migrate", "--accept-edit", "--json").json["accepted"] == ["blog.0002_m2"]
    assert applied.applied() == ["blog.0001_m1", "blog.0002_m2"]
    assert applied.query("SELECT applied FROM whimbrel_migrations ORDER BY name") == when
    assert applied.do("migrate", "--accept-edit").err.startswith("Nothing to accept")
    assert applied.do("migrate").err.startswith("Applied blog.0003_m3 in ")
    edit(applied, old="amount", new="number")
    assert "('amount', models" in applied.run("migrate").err  # the new source was recorded


@pytest.mark.parametrize("other", ["--fake", "--plan", "--check"])
def test_accepting_goes_with_nothing_else(applied: Project, other: str) -> None:
    assert applied.run("migrate", "--accept-edit", other).code == 2


# -- the record that has the sources


@pytest.mark.parametrize("args", [[], ["--no-leap"], ["--fake"]], ids=str)
def test_the_source_is_recorded_whatever_it_says(anywhere: Project, args: list[str]) -> None:
    anywhere.chain("blog", 2)
    spoken = CREATE.format(name="X").replace(
        "default=0", "default=0, db_comment='\u00fc \u2192 \\\\'"
    )
    anywhere.migration("blog", "0003_x", spoken, after=[("blog", "0002_m2")])
    anywhere.do("migrate", *args)
    edit(anywhere, "0003_x", "\u2192", "<-")
    edit(anywhere, "0002_m2")
    shown = anywhere.run("migrate").err
    assert "\u00fc \u2192 \\\\" in shown
    assert "('number', " in shown


def test_a_record_of_an_older_version_is_read_and_then_given_what_it_lacks(
    applied: Project,
) -> None:
    applied.query("ALTER TABLE whimbrel_migrations DROP COLUMN source")
    assert applied.do("migrate").err == "Nothing to do.\n"
    applied.do("showmigrations")
    edit(applied)
    assert "is not recorded" in applied.run("migrate").err
    with pytest.raises(Exception, match="source"):
        applied.query("SELECT source FROM whimbrel_migrations")
    edit(applied, old="amount", new="number")
    applied.chain("blog", 1, start=3)
    applied.do("migrate")
    kept = applied.query("SELECT name FROM whimbrel_migrations WHERE source IS NOT NULL")
    assert kept == [("0003_m3",)]


# -- files that were renamed


def renamed(project: Project) -> Project:
    """The second of two applied migrations has another name now, and the same text."""
    file = project.root / "blog" / "migrations" / "0002_m2.py"
    file.rename(file.with_name("0002_other.py"))
    return project


def test_a_renamed_file_is_recognised_and_one_command_records_its_name(applied: Project) -> None:
    """django-users/06: the way back by the record's source would have dropped what it made."""
    applied.query("INSERT INTO blog_m2 (number) VALUES (42)")
    renamed(applied)
    command = "whimbrel migrate blog 0002_other --accept-rename"
    for args in (
        ["migrate"], ["migrate", "--check"], ["migrate", "blog", "zero"], ["migrate", "blog", "--recorded"]
    ):  # fmt: skip
        ended = applied.run(*args)
        assert (ended.code, command in ended.err, "Traceback" in ended.err) == (4, True, False)
    found = applied.run("check", "--json").json["findings"]
    assert [
        (each["code"], command in each["hint"]) for each in found if each["code"] == "no-file"
    ] == [("no-file", True)]
    assert (
        applied.do("migrate", "--accept-rename").err == "Recorded blog.0002_m2 as blog.0002_other\n"
    )
    assert applied.do("migrate").err == "Nothing to do.\n"
    assert applied.applied() == ["blog.0001_m1", "blog.0002_other"]
    assert applied.query("SELECT number FROM blog_m2") == [(42,)]
    assert applied.do("migrate", "--accept-rename").err.startswith("Nothing to accept")
    applied.do("migrate", "blog", "0001")
    assert "blog_m2" not in applied.tables()


def test_a_file_that_does_something_else_is_not_taken_for_a_renamed_one(applied: Project) -> None:
    (applied.root / "blog" / "migrations" / "0002_m2.py").unlink()
    applied.migration("blog", "0002_m3", CREATE.format(name="M3"), after=[("blog", "0001_m1")])
    assert "0002_m2" in applied.do("migrate").err
    assert applied.applied() == ["blog.0001_m1", "blog.0002_m2", "blog.0002_m3"]


def test_a_renamed_squash_and_renamed_originals_are_recognised(applied: Project) -> None:
    applied.do("squashmigrations", "blog", "0002")
    applied.do("migrate")
    folder = applied.root / "blog" / "migrations"
    (squash,) = folder.glob("*squashed*.py")
    squash.rename(folder / "0001_all.py")
    ended = applied.run("migrate")
    assert (ended.code, f"as blog.{squash.stem}" in ended.err) == (4, True)
    applied.do("migrate", "blog", "0001_all", "--accept-rename")
    assert applied.do("migrate").err == "Nothing to do.\n"
    assert applied.applied() == ["blog.0001_all", "blog.0001_m1", "blog.0002_m2"]
