"""What check finds: one row a thing that is wrong, and that nothing hides anything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from projects import Project
from whimbrel.commands.check.codes import CODES, OF_HISTORY

M1 = """
class M1(models.Model):
    number = models.IntegerField(default=0)
"""
RUN = "migrations.RunPython(print)"
ATTENTION = "migrations.Backfill('M1', set={'number': None})"


def findings(project: Project, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project.run("check", "--json", *args).json["findings"]
    return found


def codes(project: Project, *args: str) -> list[str]:
    return [each["code"] for each in findings(project, *args)]


@pytest.fixture
def sound(anywhere: Project) -> Project:
    """A project with which nothing is wrong."""
    anywhere.chain("blog", 1)
    anywhere.models("blog", M1)
    anywhere.do("migrate")
    return anywhere


def add(project: Project, name: str, *operations: str, after: str = "0001_m1") -> None:
    project.migration("blog", name, *operations, after=[("blog", after)])


def without_file(project: Project) -> None:
    add(project, "0002_x", "migrations.RunSQL('SELECT 1', 'SELECT 1')")
    project.do("migrate")
    (project.root / "blog/migrations/0002_x.py").unlink()


def of_a_class(project: Project) -> None:
    project.write(
        "blog/kinds.py",
        "from whimbrel import models\n\nclass Number(models.IntegerField):\n    pass\n",
    )
    add(project, "0002_x", "migrations.AlterField('m1', 'number', Number(default=0))")
    file = project.root / "blog/migrations/0002_x.py"
    file.write_text(f"from blog.kinds import Number\n{file.read_text()}")


def unknown_app(project: Project) -> None:
    project.configured("blog", "shop")
    project.chain("shop", 2)
    project.do("migrate")
    project.configured("blog")


def replaced(project: Project, old: str, new: str) -> None:
    file = project.root / "blog/migrations/0001_m1.py"
    file.write_text(file.read_text().replace(old, new))


def half_done(project: Project) -> None:
    add(
        project,
        "0002_x",
        "migrations.RunSQL('CREATE TABLE made (id INTEGER)', 'DROP TABLE made')",
        "migrations.RunSQL('SELECT nothing FROM nowhere', 'SELECT 1')",
    )
    file = project.root / "blog/migrations/0002_x.py"
    file.write_text(file.read_text().replace("atomic = True", "atomic = False"))
    assert project.run("migrate").code == 5


def inconsistent(project: Project) -> None:
    add(project, "0002_x", "migrations.RunSQL('SELECT 1', 'SELECT 1')")
    add(project, "0003_y", "migrations.RunSQL('SELECT 1', 'SELECT 1')", after="0002_x")
    project.do("migrate")
    project.query("DELETE FROM whimbrel_migrations WHERE name = '0002_x'")


def squashes(project: Project) -> None:
    add(project, "0002_x", "migrations.RunSQL('SELECT 1', 'SELECT 1')")
    for name in ("0001_one", "0001_other"):
        text = (project.root / "blog/migrations/0001_m1.py").read_text()
        more = text.replace("dependencies = []", "replaces = [('blog', '0001_m1')]")
        project.write(f"blog/migrations/{name}.py", more)


#: What is done to a sound project; the codes, and the place of the first, with what it says.
Row = tuple[Callable[[Project], object], list[str], str, str]
ROWS: dict[str, Row] = {
    "a changed model": (
        lambda project: project.models("blog", M1 + "    title = models.TextField(null=True)\n"),
        ["unmigrated"],
        "blog/models.py:4",
        "blog has changes without a migration: Add field title to M1",
    ),
    "a question": (
        lambda project: project.models("blog", M1 + "    title = models.TextField()\n"),
        ["unmigrated"],
        "blog/models.py:4",
        "the models have changes, and only a person can say which:",
    ),
    "two leaves": (
        lambda project: [
            add(project, name, "migrations.RunSQL('SELECT 1', 'SELECT 1')")
            for name in ("0002_x", "0002_y")
        ],
        ["conflict"],
        "blog/migrations/0002_y.py:None",
        "blog has 2 leaves: 0002_x, 0002_y",
    ),
    "an edit": (
        lambda project: replaced(project, "default=0", "default=1"),
        ["edited", "unmigrated"],
        "blog/migrations/0001_m1.py:None",
        "it is applied, and does something else now\n    migrations.CreateModel(",
    ),
    "a gap": (
        inconsistent,
        ["inconsistent"],
        "blog/migrations/0003_y.py:None",
        "it is applied, and blog.0002_x, which it depends on, is not",
    ),
    "no file": (without_file, ["no-file"], "None:None", "it was applied at "),
    "an app that is not configured": (
        unknown_app,
        ["no-file"],
        "None:None",
        "the record has 2 migrations of the app 'shop', which is not among the apps",
    ),
    "a killed run": (
        half_done,
        ["half-done"],
        "blog/migrations/0002_x.py:None",
        "it is half applied",
    ),
    "a broken file": (
        lambda project: project.write("blog/migrations/0002_x.py", "import os\n)\n"),
        ["load"],
        "blog/migrations/0002_x.py:2",
        "SyntaxError: unmatched ')'",
    ),
    "models that do not import": (
        lambda project: project.models("blog", "import nothing\n"),
        ["model"],
        "blog/models.py:3",
        "blog.models does not import: ModuleNotFoundError: No module named 'nothing'",
    ),
    "a model that cannot be": (
        lambda project: project.models("blog", M1 + "    m = models.ForeignKey('X', 'CASCADE')\n"),
        ["model"],
        "blog/models.py:4",
        "",
    ),
    "no way back": (
        lambda project: add(project, "0002_x", "migrations.RunSQL('SELECT 1', '')", RUN),
        ["irreversible"],
        "blog/migrations/0002_x.py:8",
        "Run Python function print: it cannot be undone",
    ),
    "the class of a field": (
        of_a_class,
        ["class"],
        "blog/migrations/0002_x.py:8",
        "it names the class Number: what it does changes with the class",
    ),
    "a dependency on nothing": (
        lambda project: add(project, "0002_x", after="0001_gone"),
        ["node"],
        "blog/migrations/0002_x.py:None",
        "it depends on blog.0001_gone, which is not there",
    ),
    "a circle": (
        lambda project: [
            add(project, "0002_x", after="0003_y"),
            add(project, "0003_y", after="0002_x"),
        ],
        ["cycle"],
        "",
        "migrations wait for each other: ",
    ),
    "two squashes of one": (squashes, ["squash"], "", "two squashes replace it"),
    "an operation that does not fit": (
        lambda project: add(project, "0002_x", "migrations.RemoveField('m1', 'nothing')"),
        ["state"],
        "blog/migrations/0002_x.py:None",
        "Remove field nothing from m1: blog.M1 has no field 'nothing'",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_is_wrong_is_found(sound: Project, row: Row) -> None:
    spoil, expected, place, said = row
    assert sound.do("check").out == ""
    spoil(sound)
    ended = sound.run("check", "--json")
    found = ended.json["findings"]
    assert [each["code"] for each in found] == expected
    if place:
        assert f"{found[0]['file']}:{found[0]['line']}" == place
    assert found[0]["message"].startswith(said)
    assert found[0]["hint"]
    assert ended.code == (4 if expected[0] in OF_HISTORY else 1)


def test_unfinished_operations_are_found(sound: Project) -> None:
    sound.models("blog", M1 + "    title = models.TextField()\n")
    sound.do("makemigrations", "--safe-steps", "blog.M1.title")
    assert "unfinished" in codes(sound)


def test_every_code_is_tried() -> None:
    tried = {code for _, expected, _, _ in ROWS.values() for code in expected}
    assert tried | {"unfinished", "label"} == set(CODES)


def test_nothing_hides_anything_else(sound: Project) -> None:
    sound.configured("blog", "news", "shop")
    sound.chain("news", 1)
    sound.models("news", "class M1(models.Model):\n    number = models.CharField()\n")
    without_file(sound)
    replaced(sound, "default=0", "default=1")
    sound.write("shop/models.py", "import nothing\n")
    sound.write("blog/migrations/0002_broken.py", "(\n")
    sound.write("news/migrations/0002_broken.py", "import nothing\n")
    sound.migration("news", "0003_run", RUN, after=[("news", "0002_broken"), ("blog", "0009_x")])
    assert codes(sound) == ["load", "load", "node", "edited", "no-file", "model", "irreversible"]
    ended = sound.run("check")
    assert ended.code == 4
    assert "not asked: state: the migration files are inconsistent" in ended.err
    assert "not asked: unmigrated: models do not import" in ended.err


def test_a_file_that_the_cache_knows_is_loaded_all_the_same(sound: Project) -> None:
    sound.write("blog/helper.py", "")
    sound.write(
        "blog/migrations/0002_x.py",
        "from blog import helper\nfrom whimbrel import migrations\n\n"
        "class Migration(migrations.Migration):\n    dependencies = [('blog', '0001_m1')]\n",
    )
    sound.do("migrate")
    sound.write("blog/helper.py", "import nothing\n")
    (found,) = findings(sound)
    assert (found["code"], found["file"], found["line"]) == ("load", "blog/migrations/0002_x.py", 1)


# -- what is asked, and of whom


def test_only_what_is_an_apps_own(sound: Project) -> None:
    sound.configured("blog", "news")
    sound.migration("news", "0001_a", RUN)
    add(sound, "0002_x", RUN)
    assert codes(sound) == ["irreversible", "irreversible"]
    assert [each["app"] for each in findings(sound, "news")] == ["news"]
    assert sound.run("check", "nwes").code == 2


def test_ignored_codes(sound: Project) -> None:
    add(sound, "0002_x", RUN)
    assert codes(sound, "--ignore", "irreversible") == []
    ended = sound.run("check", "--ignore", "irreversible", "--ignore", "no-file")
    assert (ended.code, ended.err) == (0, "Nothing found, and 1 ignored.\n")
    sound.configured("blog", more='[tool.whimbrel.check]\nignore = ["irreversible"]\n')
    assert sound.do("check", "--json").json["ignored"] == 1


def test_who_shares_a_database_hears_nothing_of_the_others(sound: Project) -> None:
    unknown_app(sound)
    (found,) = findings(sound)
    assert (found["app"], found["subject"]) == ("shop", None)
    assert found["hint"].endswith("whimbrel migrate shop --prune")
    assert codes(sound, "blog") == codes(sound, "--ignore", "no-file") == []
    sound.do("migrate", "shop", "--prune")
    assert codes(sound) == []


@pytest.mark.parametrize("more", [["--ignore", "irreversibel"], []], ids=str)
def test_a_code_that_there_is_not(sound: Project, more: list[str]) -> None:
    if not more:
        sound.configured("blog", more='[tool.whimbrel.check]\nignore = ["irreversibel"]\n')
    ended = sound.run("check", *more)
    assert ended.code == 2
    assert "Did you mean 'irreversible'?" in ended.err


UNREACHABLE = ["sqlite:////nowhere/at/all.db", "postgresql://localhost:1/none", "nonsense", ""]


@pytest.mark.parametrize("url", UNREACHABLE)
def test_what_a_database_would_have_told_is_said_to_be_unasked(sound: Project, url: str) -> None:
    add(sound, "0002_x", RUN)
    ended = sound.run("check", "--json", env={"DATABASE_URL": url})
    if url.startswith("sqlite"):  # a file that is not there is an empty database
        assert ended.code == 1
        return
    assert ended.code == 5
    assert [each["code"] for each in ended.json["findings"]] == ["irreversible"]
    (unasked,) = ended.json["unasked"]
    assert unasked["codes"] == ["edited", "inconsistent", "no-file", "half-done"]
    assert unasked["why"]
    offline = sound.run("check", "--offline", env={"DATABASE_URL": url})
    assert offline.code == 1
    assert "not asked" not in offline.err


def test_an_alias_that_there_is_not(sound: Project) -> None:
    assert sound.run("check", "--database", "nope").code == 2


def test_nothing_is_made_in_a_database(anywhere: Project) -> None:
    anywhere.chain("blog", 1)
    anywhere.run("check")
    assert anywhere.tables() == set()


# -- how it is printed


def test_text(sound: Project) -> None:
    add(sound, "0002_x", RUN)
    ended = sound.run("check")
    assert ended.out == (
        "blog/migrations/0002_x.py:7: irreversible: blog.0002_x: Run Python function print: it "
        "cannot be undone\n"
        "  Give RunPython(print) a second function, which undoes it: RunPython(print, backwards); "
        "or RunPython.noop, where nothing is to be undone.\n"
    )
    assert ended.err == "1 finding.\n"


def test_json_by_either_option(sound: Project) -> None:
    add(sound, "0002_x", RUN)
    plain = sound.run("check", "--format", "json")
    assert plain.json == sound.run("check", "--json").json
    assert sound.run("check", "nope", "--format", "json").json["error"]["code"] == "config"


def test_github_shows_findings_at_their_lines(sound: Project) -> None:
    (sound.root.parent / ".git").mkdir()
    add(sound, "0002_x", "migrations.RunSQL('SELECT 100%', 'SELECT 1')", RUN)
    replaced(sound, "default=0", "default=1")
    sound.models("blog", M1.replace("0", "1"))
    edited, irreversible = sound.run("check", "--format", "github").out.splitlines()
    assert edited.startswith(
        "::error file=project/blog/migrations/0001_m1.py,title=whimbrel%3A edited::blog.0001_m1: "
        "it is applied, and does something else now%0A"
    )
    assert irreversible.startswith(
        "::warning file=project/blog/migrations/0002_x.py,line=8,title=whimbrel%3A irreversible::"
    )


def test_github_shows_an_open_question_at_its_model(sound: Project) -> None:
    (sound.root / ".git").mkdir()
    sound.models("blog", M1.replace("number", "count"))
    (line,) = sound.run("check", "--format", "github").out.splitlines()
    assert line.startswith("::error file=blog/models.py,line=4,title=whimbrel%3A unmigrated::")
    sound.models("blog", M1.replace("M1", "Other"))
    (line,) = sound.run("check", "--format", "github").out.splitlines()
    assert line.startswith("::error file=blog/models.py,line=4,title=whimbrel%3A unmigrated::")


@pytest.mark.parametrize(
    ("git", "workspace", "shown"),
    [
        (None, None, "blog/models.py"),
        ("..", None, "project/blog/models.py"),
        (".", None, "blog/models.py"),
        (None, "..", "project/blog/models.py"),
        (".", "..", "project/blog/models.py"),
        ("..", ".", "blog/models.py"),
        ("..", "blog", "models.py"),
        ("..", "shop", "project/blog/models.py"),
        ("..", "", "project/blog/models.py"),
    ],
)
def test_github_names_files_from_the_root_of_the_repository(
    sound: Project, git: str | None, workspace: str | None, shown: str
) -> None:
    if git is not None:
        sound.write(f"{git}/.git", "gitdir: elsewhere\n")  # as in a worktree
    sound.models("blog", M1 + "    title = models.TextField(null=True)\n")
    told = str(sound.root / workspace) if workspace else ""
    ended = sound.run("check", "--format", "github", env={"GITHUB_WORKSPACE": told})
    assert ended.out.startswith(f"::error file={shown},line=4,")


def test_github_reads_what_is_escaped_as_it_was(sound: Project) -> None:
    text = "migrations.RunSQL('SELECT 100%, \\r')"
    add(sound, "0002_x", text)
    (line,) = sound.run("check", "--format", "github").out.splitlines()
    said = re.fullmatch(r"::warning [^:]*::(.*)", line)
    assert said is not None
    assert "SELECT 100%25," in said[1]
    assert "%0AGive RunSQL(" in said[1]
