"""How commands end: each mishap with its exit code, its code, its place and its hint."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import whimbrel as package
from projects import BLOG, CREATE, Project, command
from whimbrel.cli import whimbrel
from whimbrel.cli.group import COMMANDS

Setup = Callable[[Project], object]


def no_configuration(project: Project) -> None:
    (project.root / "pyproject.toml").unlink()


def broken_file(project: Project) -> None:
    project.migration("blog", "0001_x", "migrations.NoSuch()")


def syntax_error(project: Project) -> None:
    project.write("blog/migrations/__init__.py")
    project.write("blog/migrations/0001_x.py", "x = 1\n)\n")


def two_leaves(project: Project) -> None:
    project.chain("blog", 1)
    for name in ("0002_a", "0002_b"):
        project.migration(
            "blog", name, CREATE.format(name=name[-1].upper()), after=[("blog", "0001_m1")]
        )


def cycle(project: Project) -> None:
    project.migration("blog", "0001_a", after=[("blog", "0002_b")])
    project.migration("blog", "0002_b", after=[("blog", "0001_a")])


def missing_dependency(project: Project) -> None:
    project.migration("blog", "0001_a", after=[("blog", "0000_gone")])


def unfit_operation(project: Project) -> None:
    project.migration("blog", "0001_a", 'migrations.RemoveField("nobody", "name")')


def inconsistent(project: Project) -> None:
    project.chain("blog", 2)
    project.do("migrate")
    project.query("DELETE FROM whimbrel_migrations WHERE name = '0001_m1'")


def clash(project: Project) -> None:
    project.chain("blog", 2)
    project.query("CREATE TABLE blog_m2 (id INTEGER)")


def broken_models(project: Project) -> None:
    project.write("blog/models.py", "1 / 0\n")


def field_without_default(project: Project) -> None:
    project.do("makemigrations")
    project.models("blog", BLOG + "    slug = models.SlugField()\n")


def initial(project: Project) -> None:
    project.do("makemigrations")


def backup_there(project: Project) -> None:
    project.chain("blog", 1)
    project.write("copy.db", "mine")


def file_in_the_way(project: Project) -> None:
    """A file where a directory is to be."""
    project.write("shop", "")


def no_database(project: Project) -> None:
    project.chain("blog", 1)
    Path(project.url.removeprefix("sqlite:///")).write_text("this is no database " * 100)


@pytest.mark.parametrize(
    ("setup", "args", "code", "says"),
    [
        (None, ["migrat"], 2, ["no command 'migrat'", "Did you mean 'migrate'?"]),
        (None, ["migrate", "--colour"], 2, ["--colour"]),
        (None, ["migrate", "a", "b", "c"], 2, ["unexpected extra argument"]),
        (no_configuration, ["migrate"], 2, ["error[config]", "whimbrel init"]),
        (None, ["migrate", "bolg"], 2, ["error[config]", "no app 'bolg'", "Did you mean 'blog'?"]),
        (None, ["makemigrations", "bolg"], 2, ["no app 'bolg'", "'blog'"]),
        (None, ["showmigrations", "bolg"], 2, ["no app 'bolg'", "'blog'"]),
        (None, ["sqlmigrate", "bolg", "1"], 2, ["no app 'bolg'", "'blog'"]),
        (None, ["migrate", "--database", "eu"], 2, ["error[config]", "no database 'eu'"]),
        (broken_models, ["makemigrations"], 2, ["blog/models.py", "division by zero"]),
        (None, ["makemigrations", "--name", "a b"], 2, ["error[usage]", "cannot be the name"]),
        (None, ["makemigrations", "--empty"], 2, ["error[usage]", "APP --empty"]),
        (
            None,
            ["makemigrations", "blog", "--empty", "--update"],
            2,
            ["--empty and --update do not"],
        ),
        (None, ["makemigrations", "--merge", "--update"], 2, ["--merge and --update do not go"]),
        (None, ["makemigrations", "--rename", "x"], 2, ["error[usage]", "blog.Post.title"]),
        (initial, ["makemigrations", "--rename", "a.B.c:d"], 2, ["answers no question"]),
        (backup_there, ["migrate", "--backup", "copy.db"], 2, ["copy.db", "overwrites nothing"]),
        (initial, ["migrate", "--backup", "no/where"], 2, ["no/where", "does not exist"]),
        (field_without_default, ["makemigrations"], 3, ["error[question]", "--one-off blog.Post"]),
        (broken_file, ["migrate"], 4, ["error[load]", "0001_x.py", "NoSuch"]),
        (syntax_error, ["showmigrations"], 4, ["error[load]", "0001_x.py:2"]),
        (initial, ["migrate", "blog", "0002"], 4, ["error[node]", "0001_initial"]),
        (initial, ["sqlmigrate", "blog", "0002"], 4, ["error[node]", "0001_initial"]),
        (two_leaves, ["migrate"], 4, ["error[conflict]", "0002_a, 0002_b", "--merge"]),
        (two_leaves, ["makemigrations"], 4, ["error[conflict]", "0002_a, 0002_b"]),
        (two_leaves, ["migrate", "blog", "0002"], 4, ["error[node]", "0002_a, 0002_b"]),
        (cycle, ["migrate"], 4, ["error[cycle]", "blog.0001_a", "blog.0002_b"]),
        (
            missing_dependency,
            ["migrate"],
            4,
            ["error[node]: blog/migrations/0001_a.py: blog.0001_a wants blog.0000_gone"],
        ),
        (unfit_operation, ["migrate"], 4, ["error[state]", "blog.0001_a", "nobody"]),
        (unfit_operation, ["sqlmigrate", "blog", "0001"], 4, ["error[state]", "blog.0001_a"]),
        (
            inconsistent,
            ["migrate"],
            4,
            [
                "error[history]",
                "blog.0002_m2",
                "blog.0001_m1",
                "--fake",
                "If it is not: let the file",
            ],
        ),
        (file_in_the_way, ["init", "shop"], 2, ["error[usage]", "shop", "the system refuses it"]),
        (no_database, ["migrate"], 5, ["error[database]", "no SQLite database"]),
        (no_database, ["showmigrations"], 5, ["error[database]", "no SQLite database"]),
        (clash, ["migrate", "--no-leap"], 5, ["error[step]", "blog.0002_m2", "CREATE TABLE"]),
        (
            initial,
            ["sqlmigrate", "blog", "1", "--dialect", "mysql"],
            2,
            ["error[usage]", "'mysql'"],
        ),
    ],
)
def test_every_mishap_ends_with_its_code(
    project: Project, setup: Setup | None, args: list[str], code: int, says: list[str]
) -> None:
    if setup is not None:
        setup(project)
    ended = project.run(*args)
    assert ended.code == code, ended.err
    for words in says:
        assert words in ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err


def test_a_long_statement_stands_below_what_is_wrong_with_it(project: Project) -> None:
    clash(project)
    ended = project.run("migrate", "--no-leap")
    first, second, *_ = ended.err.splitlines()[1:]
    assert first.startswith("error[step]: ") and "CREATE TABLE" not in first
    assert second.startswith("  at blog.0002_m2: CREATE TABLE")


def test_what_stays_is_said(project: Project) -> None:
    clash(project)
    ended = project.run("migrate", "--no-leap")
    assert "Done before it, and kept: blog.0001_m1." in ended.err
    assert project.applied() == ["blog.0001_m1"]


def test_a_leap_happens_whole_or_not_at_all(anywhere: Project) -> None:
    anywhere.chain("blog", 3)
    anywhere.query("CREATE TABLE blog_m3 (id INTEGER)")
    assert anywhere.run("migrate").code == 5
    assert anywhere.tables() == {"blog_m3", "whimbrel_migrations"}
    assert anywhere.applied() == []


def test_errors_are_told_to_machines_too(project: Project) -> None:
    two_leaves(project)
    ended = project.run("migrate", "--json")
    assert ended.code == 4
    assert ended.json["error"]["code"] == "conflict"
    assert "--merge" in ended.json["error"]["hint"]


def test_a_traceback_is_shown_to_who_asks(project: Project) -> None:
    two_leaves(project)
    assert "Traceback" in project.run("--traceback", "migrate").err
    assert "Traceback" in project.run("migrate", env={"WHIMBREL_TRACEBACK": "1"}).err


def test_what_nobody_foresaw_asks_for_a_report(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.delattr("whimbrel.commands.show.show_migrations")
    ended = CliRunner().invoke(whimbrel, ["showmigrations"])
    assert ended.exit_code == 1
    assert "please report it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.reduced
@pytest.mark.parametrize(
    "command", ["", "init", "makemigrations", "migrate", "showmigrations", "sqlmigrate"]
)
def test_every_command_has_help(command: str) -> None:
    ended = CliRunner().invoke(whimbrel, [*([command] if command else []), "--help"])
    assert ended.exit_code == 0
    assert ended.stdout.startswith("Usage: ")


def test_a_database_without_an_engine_needs_no_driver_to_say_so(project: Project) -> None:
    for url in ("oracle://me:s3cret@h/d", "mssql+pyodbc://me:s3cret@h/d"):
        ended = project.run("migrate", env={"DATABASE_URL": url})
        assert ended.code == 5
        assert "error[unsupported]" in ended.err
        assert "there is no engine for" in ended.err
        assert "pip install" not in ended.err


def test_a_password_is_in_no_output(project: Project) -> None:
    ended = project.run(
        "--traceback", "migrate", env={"DATABASE_URL": "postgresql://me:s3cret@localhost:1/d"}
    )
    assert ended.code == 5
    assert "s3cret" not in ended.out + ended.err
    assert "me:***@localhost" in ended.err


def test_a_url_that_cannot_be_parsed_is_not_shown(project: Project) -> None:
    ended = project.run("--traceback", "migrate", env={"DATABASE_URL": "me:s3cret"})
    assert ended.code == 2
    assert "s3cret" not in ended.err


def test_a_url_where_a_name_belongs_is_not_shown(project: Project) -> None:
    url = "postgresql://me:s3cret@localhost:1/d"
    project.chain("blog", 1)
    ended = [
        project.run("--traceback", command, "--database", url)
        for command in ("migrate", "drift", "check", "showmigrations", "inspectdb")
    ]
    for line in (f'"{url}" = 1', f'[tool.whimbrel.databases]\n"{url}" = "eu"'):
        project.write("pyproject.toml", f"[tool.whimbrel]\n{line}\n")
        ended.append(project.run("--traceback", "migrate"))
    assert [each.code for each in ended] == [2] * 7
    assert all("a URL, which is not shown" in each.err for each in ended)
    assert not [each for each in ended if "s3cret" in each.out + each.err]


def test_a_reader_that_goes_is_no_bug(project: Project, tmp_path: Path) -> None:
    project.chain("blog", 1)
    reading = project.start("showmigrations", "--offline")
    assert reading.stdout is not None
    reading.stdout.close()
    assert reading.stderr is not None
    assert "report" not in reading.stderr.read()
    reading.wait()


@pytest.mark.parametrize(
    "args",
    [
        ["migrate", "--json", "--nope"],
        ["--nope", "migrate", "--json"],
        ["migrate", "--lock-timeout", "soon", "--json"],
        ["migrat", "--json"],
        ["check", "--nope", "--format", "json"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told_to_machines_too(args: list[str]) -> None:
    ended = CliRunner().invoke(whimbrel, args)
    assert ended.exit_code == 2
    assert json.loads(ended.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_what_cannot_be_said_stops_nothing(project: Project, closing: str) -> None:
    project.chain("blog", 1)
    assert in_shell(project, "migrate", closing).returncode == 0
    assert project.applied() == ["blog.0001_m1"]


def in_shell(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    line = f"{shlex.join(command(words[:1]))} {' '.join(words[1:])}"
    environment = project.environment()
    return subprocess.run(
        line,
        shell=True,
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_result_that_cannot_be_printed_is_no_bug(project: Project) -> None:
    project.chain("blog", 1)
    ended = in_shell(project, "migrate", "--json", ">/dev/full")
    assert ended.returncode == 2
    assert "error[write]: stdout cannot be written: No space left" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert project.applied() == ["blog.0001_m1"]


def test_a_current_directory_that_is_gone(project: Project) -> None:
    (project.root / "gone").mkdir()
    line = f"cd gone && rmdir ../gone && {shlex.join(command(['showmigrations']))}"
    ended = subprocess.run(
        line,
        shell=True,
        check=False,
        cwd=project.root,
        env=project.environment(PYTHONPATH=str(Path(package.__file__).parents[1])),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "the current directory has been removed" in ended.stderr


def test_what_mends_an_error_is_a_command_that_there_is() -> None:
    files = Path(package.__file__).parent.rglob("*.py")
    named = {name for file in files for name in re.findall(r"`whimbrel (\w+)", file.read_text())}
    assert {"makemigrations"} <= named <= set(COMMANDS)
