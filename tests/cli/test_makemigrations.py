"""makemigrations: its options, its questions, and what stands in the files."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from projects import BLOG, CREATE, Project

WITH_SLUG = BLOG + "    slug = models.SlugField()\n"
RENAMED = BLOG.replace("title =", "headline =")


@pytest.fixture
def made(project: Project) -> Project:
    """A project whose models have their first migration."""
    project.do("makemigrations")
    return project


def files(project: Project) -> list[str]:
    return sorted(path.stem for path in (project.root / "blog/migrations").glob("0*.py"))


def test_a_dry_run_prints_the_files_and_writes_none(project: Project) -> None:
    printed = project.do("makemigrations", "--dry-run").out
    assert files(project) == []
    project.do("makemigrations")
    text = (project.root / "blog/migrations/0001_initial.py").read_text()
    assert printed == f"# blog/migrations/0001_initial.py\n{text}\n"


def test_check_writes_nothing_and_ends_with_one(project: Project) -> None:
    found = project.run("makemigrations", "--check")
    assert (found.code, files(project)) == (1, [])
    assert found.out.startswith("blog/migrations/0001_initial.py\n")
    project.do("makemigrations")
    assert project.run("makemigrations", "--check").code == 0


def test_check_with_an_open_question(made: Project) -> None:
    made.models("blog", WITH_SLUG)
    found = made.run("makemigrations", "--check")
    assert found.code == 1
    assert "--one-off blog.Post.slug" in found.err


def test_it_needs_no_database(project: Project) -> None:
    ended = project.run("makemigrations", env={"DATABASE_URL": "postgresql://localhost:1/none"})
    assert ended.code == 0


def test_json(project: Project) -> None:
    (found,) = project.do("makemigrations", "--json").json["migrations"]
    assert (found["app"], found["name"]) == ("blog", "0001_initial")
    assert found["operations"] == ["Create model Author", "Create model Post"]
    assert project.do("makemigrations", "--json").json == {"migrations": []}


def test_a_name_of_ones_own(project: Project) -> None:
    project.do("makemigrations", "--name", "people")
    assert files(project) == ["0001_people"]


def test_an_empty_one_follows_the_leaf(made: Project) -> None:
    made.do("makemigrations", "blog", "--empty", "--name", "by_hand")
    assert files(made) == ["0001_initial", "0002_by_hand"]
    made.do("migrate")
    assert made.applied() == ["blog.0001_initial", "blog.0002_by_hand"]


def test_an_update_goes_into_the_last_one(made: Project) -> None:
    made.models("blog", WITH_SLUG.replace("SlugField()", 'SlugField(default="")'))
    made.do("makemigrations", "--update")
    assert files(made) == ["0001_initial"]
    made.do("migrate")
    assert made.do("makemigrations").err == "No changes.\n"
    made.query("INSERT INTO blog_author (name) VALUES ('Ada')")
    made.query("INSERT INTO blog_post (title, author_id) VALUES ('One', 1)")
    assert made.query("SELECT slug FROM blog_post") == [("",)]


def test_an_update_of_a_squash_or_of_what_is_applied_is_refused(anywhere: Project) -> None:
    """django-users/01: a database that has the originals would never get the new operations."""
    anywhere.do("makemigrations")
    anywhere.models("blog", BLOG + "    views = models.IntegerField(default=0)\n")
    anywhere.do("makemigrations")
    anywhere.models("blog", BLOG + "    views = models.BigIntegerField(default=0)\n")
    anywhere.do("migrate")
    refused = anywhere.run("makemigrations", "--update")
    assert (refused.code, "blog.0002_post_views: it is applied in" in refused.err) == (2, True)
    anywhere.do("squashmigrations", "blog", "0002")
    refused = anywhere.run("makemigrations", "--update")
    assert (refused.code, "it is a squash" in refused.err) == (2, True)
    anywhere.do("makemigrations")
    anywhere.write(
        "pyproject.toml",
        anywhere.root.joinpath("pyproject.toml")
        .read_text()
        .replace("${DATABASE_URL}", "sqlite:///elsewhere.sqlite3"),
    )
    anywhere.models("blog", BLOG + "    views = models.TextField(default='')\n")
    anywhere.do("makemigrations", "--update")


def test_an_update_of_a_file_with_functions_is_refused(made: Project) -> None:
    made.do("makemigrations", "blog", "--empty", "--name", "by_hand")
    path = made.root / "blog" / "migrations" / "0002_by_hand.py"
    before = path.read_text()
    made.models("blog", BLOG.replace("100", "101"))
    ended = made.run("makemigrations", "--update")
    assert (ended.code, "code of its own" in ended.err) == (2, True)
    assert path.read_text() == before


def test_an_update_of_what_others_wait_for_is_refused(made: Project) -> None:
    made.configured("blog", "shop")
    made.migration("shop", "0001_x", CREATE.format(name="X"), after=[("blog", "0001_initial")])
    made.models("shop", "")
    made.models("blog", BLOG.replace("100", "101"))
    refused = made.run("makemigrations", "blog", "--update")
    assert refused.code == 2
    assert "shop.0001_x" in refused.err


@pytest.mark.parametrize(
    ("models", "flags", "operation"),
    [
        (RENAMED, ["--rename", "blog.Post.title:headline"], "Rename field title of Post"),
        (WITH_SLUG, ["--one-off", "blog.Post.slug=''"], "Add field slug to Post"),
        (BLOG.replace("Post", "Entry"), ["--rename", "blog.Post:Entry"], "Rename model Post"),
    ],
)
def test_flags_answer_questions(
    made: Project, models: str, flags: list[str], operation: str
) -> None:
    made.models("blog", models)
    open_ones = made.run("makemigrations")
    assert open_ones.code == 3
    assert flags[0] in open_ones.err
    assert operation in made.do("makemigrations", *flags).out
    assert made.do("makemigrations").err == "No changes.\n"
    made.do("migrate")


def test_a_rename_that_is_none_may_be_denied(made: Project) -> None:
    made.models("blog", RENAMED)
    flags = ["--no-rename", "blog.Post.title", "--one-off", "blog.Post.headline=''"]
    out = made.do("makemigrations", *flags).out
    assert "Remove field title from Post" in out
    assert "Add field headline to Post" in out


def test_safe_steps(made: Project) -> None:
    made.models("blog", WITH_SLUG)
    made.do("makemigrations", "--safe-steps", "blog.Post.slug")
    *_, backfill, _last = files(made)
    assert backfill == "0003_backfill_post_slug"
    ended = made.run("migrate")
    assert ended.code == 4
    assert "Say in place of the dots what each row of Post gets for slug" in ended.err
    assert made.applied() == []
    file = made.root / f"blog/migrations/{backfill}.py"
    file.write_text(file.read_text().replace("...", '"none"'))
    made.do("migrate")
    assert made.do("makemigrations").err == "No changes.\n"


# -- on a terminal -------------------------------------------------------------------------------


def on_terminal(project: Project, answers: str, *args: str) -> tuple[int, str]:
    """A command whose stdin, stdout and stderr are a terminal, where somebody types."""
    mine, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "whimbrel", *args],
        cwd=project.root,
        env=project.environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(mine, answers.encode())
    said = b""
    while chunk := _read(mine):
        said += chunk
    os.close(mine)
    return running.wait(), said.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(
    ("models", "answers", "operations"),
    [
        (RENAMED, "y\n", ["Rename field title of Post to headline"]),
        (RENAMED, "n\n1\n'x'\n", ["Add field headline to Post", "Remove field title from Post"]),
        (WITH_SLUG, "1\n''\n", ["Add field slug to Post"]),
        (WITH_SLUG, "1\nnonsense(\n''\n", ["Add field slug to Post"]),
    ],
)
def test_questions_are_asked_on_a_terminal(
    made: Project, models: str, answers: str, operations: list[str]
) -> None:
    made.models("blog", models)
    code, said = on_terminal(made, answers, "makemigrations")
    assert code == 0, said
    assert all(operation in said for operation in operations)
    assert len(files(made)) == 2


def test_whoever_quits_writes_nothing(made: Project) -> None:
    made.models("blog", WITH_SLUG)
    code, said = on_terminal(made, "3\n", "makemigrations")
    assert code == 130, said
    assert files(made) == ["0001_initial"]


def test_whoever_leaves_a_question_gets_a_line_of_its_own(made: Project) -> None:
    made.models("blog", WITH_SLUG)
    code, said = on_terminal(made, "\x04", "makemigrations")
    assert code == 130, said
    question, last = said.splitlines()[-2:]
    assert question.startswith("Which")
    assert last == "Interrupted. Nothing was done."


def test_nothing_is_asked_where_no_input_is_wanted(made: Project) -> None:
    made.models("blog", WITH_SLUG)
    code, said = on_terminal(made, "1\n''\n", "makemigrations", "--no-input")
    assert code == 3
    assert "--one-off blog.Post.slug=VALUE" in said


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_shows_progress_in_colour_unless_told_not_to(
    made: Project, env: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    code, said = on_terminal(made, "", "migrate")
    assert code == 0
    assert "Applied blog.0001_initial" in said
    assert ("\x1b[32m" in said) == coloured


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_an_error_is_in_colour_on_a_terminal_unless_told_not_to(
    made: Project, env: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    code, said = on_terminal(made, "", "migrate", "nowhere")
    assert code == 2
    assert ("\x1b[31m" in said) == coloured


#: What the app "blog" has, that "shop" points at and then no longer does; and what becomes of it.
TAKEN = {
    "deleted": (
        "class Tag(models.Model):\n    name = models.CharField(max_length=9)\n",
        "",
        ["--no-rename", "blog"],
    ),
    "renamed": (
        "class Tag(models.Model):\n    name = models.CharField(max_length=9)\n",
        "class Label(models.Model):\n    name = models.CharField(max_length=9)\n",
        ["--rename", "blog.Tag:Label"],
    ),
    "without a field": (
        "class Tag(models.Model):\n    code = models.CharField(max_length=9, unique=True)\n",
        "class Tag(models.Model):\n    pass\n",
        [],
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_away_comes_after_all_that_once_pointed_at_it(
    project: Project, case: str
) -> None:
    before, after, flags = TAKEN[case]
    project.configured("blog", "shop").models("blog", before)
    key = "models.ForeignKey('blog.Tag', on_delete=models.CASCADE{})"
    key = key.format(", to_field='code'" if "code" in before else "")
    project.models("shop", f"class Item(models.Model):\n    tag = {key}\n")
    project.do("makemigrations")
    project.models("shop", "class Item(models.Model):\n    pass\n")
    project.do("makemigrations")
    project.models("blog", after)
    project.do("makemigrations", *flags)
    assert '("shop", "0002' in next((project.root / "blog/migrations").glob("0002*")).read_text()
    # In the order of the apps alone, what is taken away would go before shop points at it.
    project.do("migrate")
    assert project.run("makemigrations", "--check").code == 0
