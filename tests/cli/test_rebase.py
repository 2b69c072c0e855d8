"""Rebases through the command line: what moves, what is refused, and what a kill leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.test_merge import AFTER, altered, committed, field, files, forked, git, repository
from projects import CREATE, Project

OURS, THEIRS = "0002_stock", "0002_tags"
TEXT = """# by hand
from whimbrel import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("blog", "0001_m1"),  # where it began
    ]
    operations = [
        migrations.AddField("M1", "{name}", models.IntegerField(default=0)),
    ]
"""


def path(project: Project, name: str, app: str = "blog") -> Path:
    return project.root / app / "migrations" / f"{name}.py"


@pytest.fixture
def fork(anywhere: Project) -> Project:
    """Two branches; theirs is applied to the database, ours is two migrations."""
    anywhere.chain("blog", 1)
    anywhere.migration("blog", THEIRS, field("tags"), after=AFTER)
    anywhere.do("migrate")
    path(anywhere, OURS).write_text(TEXT.format(name="stock"))
    anywhere.migration("blog", "0003_more", field("more"), after=[("blog", OURS)])
    return anywhere


def test_the_branch_moves_that_is_named(fork: Project) -> None:
    ended = fork.do("rebase", "blog", OURS)
    assert ended.out.splitlines() == [
        "blog/migrations/0002_stock.py -> 0003_stock.py",
        "  depends on blog.0002_tags, not blog.0001_m1",
        "blog/migrations/0003_more.py -> 0004_more.py",
        "  depends on blog.0003_stock, not blog.0002_stock",
    ]
    assert "git add -A" in ended.err
    assert files(fork) == ["0001_m1", THEIRS, "0003_stock", "0004_more"]
    expected = TEXT.format(name="stock").replace("0001_m1", THEIRS)
    assert path(fork, "0003_stock").read_text() == expected
    fork.do("migrate")
    assert fork.run("drift").code == 0
    assert fork.query("SELECT tags, stock, more FROM blog_m1") == []
    assert fork.do("rebase", "blog").err == "Nothing to rebase: blog has no two leaves.\n"


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "--json"]])
def test_a_dry_run_touches_nothing(fork: Project, options: list[str]) -> None:
    before = files(fork)
    ended = fork.do("rebase", "blog", OURS, *options)
    assert files(fork) == before
    assert "0004_more" in ended.out
    assert "git add" not in ended.err


def test_json_says_file_by_file(fork: Project) -> None:
    made = fork.do("rebase", "blog", OURS, "--json").json
    assert made["decided"] is None
    assert made["onto"] == THEIRS
    assert [(edit["name"], edit["new_name"]) for edit in made["moved"]] == [
        (OURS, "0003_stock"),
        ("0003_more", "0004_more"),
    ]
    assert made["moved"][0]["dependencies"] == [{"from": "blog.0001_m1", "to": "blog.0002_tags"}]
    nothing = fork.do("rebase", "blog", "--json").json
    assert nothing["moved"] == []


@pytest.mark.parametrize("name", ["0003_more", OURS, "0002_s"])
@pytest.mark.parametrize("options", [[], ["--offline"]])
def test_a_branch_is_named_by_any_of_it(fork: Project, name: str, options: list[str]) -> None:
    fork.do("rebase", "blog", name, *options)
    assert files(fork)[-2:] == ["0003_stock", "0004_more"]


def test_data_migrations_move_as_they_are(project: Project) -> None:
    forked(project, field("a"), field("b"))
    text = (
        "from whimbrel import migrations\n\n\ndef fill(apps, editor):\n    pass\n\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('blog', '0002_stock')]\n"
        "    operations = [migrations.RunPython(fill)]\n"
    )
    path(project, "0003_fill").write_text(text)
    ended = project.do("rebase", "blog", OURS, "--offline")
    assert path(project, "0004_fill").read_text() == text.replace(OURS, "0003_stock")
    assert "Nothing can tell what these do" in ended.err
    assert "blog.0003_fill: Run Python function fill" in ended.err
    project.do("migrate")


# -- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--offline"]])
def test_which_branch_is_asked_where_nothing_tells(project: Project, options: list[str]) -> None:
    forked(project, field("a"), field("b"))
    asked = project.run("rebase", "blog", *options)
    assert asked.code == 3
    assert f"whimbrel rebase blog {OURS}\n" in asked.err
    assert f"whimbrel rebase blog {THEIRS}\n" in asked.err
    (question,) = project.run("rebase", "blog", "--json", *options).json["error"]["questions"]
    assert question["flags"] == [f"whimbrel rebase blog {name}" for name in (OURS, THEIRS)]


def test_after_which_of_several_leaves_is_asked(project: Project) -> None:
    forked(project, field("a"), field("b"))
    project.migration("blog", "0002_third", field("c"), after=AFTER)
    asked = project.run("rebase", "blog", THEIRS)
    assert asked.code == 3
    assert "--onto 0002_stock\n" in asked.err
    assert "--onto 0002_third\n" in asked.err
    project.do("rebase", "blog", THEIRS, "--onto", OURS)
    project.do("rebase", "blog", "0002_third")
    assert files(project) == ["0001_m1", OURS, "0003_tags", "0004_third"]
    project.do("migrate")
    assert project.run("rebase", "blog", OURS, "--onto", "0001_m1").code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rebase", "blog", "0001_m1"], "several branches stand on it"),
        (["rebase", "blog", OURS, "--onto", "0001_m1"], "it is no other leaf"),
        (["rebase", "blog", "0009"], "has no migration '0009'"),
    ],
)
def test_what_names_no_branch_is_refused(project: Project, args: list[str], said: str) -> None:
    forked(project, field("a"), field("b"))
    refused = project.run(*args)
    assert refused.code == 4
    assert said in refused.err


# -- what is refused -----------------------------------------------------------------------------


def test_nothing_moves_that_is_applied(fork: Project) -> None:
    before = files(fork)
    refused = fork.run("rebase", "blog", THEIRS)
    assert refused.code == 4
    assert "blog.0002_tags: it is applied to this database" in refused.err
    fork.query("INSERT INTO whimbrel_migrations (app, name, applied) "
               f"SELECT 'blog', '{OURS}', applied FROM whimbrel_migrations LIMIT 1")  # fmt: skip
    refused = fork.run("rebase", "blog", "0003_more")
    assert refused.code == 4
    assert "Move the other branch, if that one is new here" in refused.err
    assert "undo it first: whimbrel migrate blog 0001_m1; then whimbrel rebase" in refused.err
    assert fork.run("rebase", "blog").code == 3
    assert files(fork) == before


def test_a_new_name_that_the_record_has_is_refused(fork: Project) -> None:
    fork.query("INSERT INTO whimbrel_migrations (app, name, applied) "
               "SELECT 'blog', '0004_more', applied FROM whimbrel_migrations LIMIT 1")  # fmt: skip
    refused = fork.run("rebase", "blog", OURS)
    assert refused.code == 4
    assert "blog.0004_more: the database has a row of this name" in refused.err


@pytest.mark.parametrize(
    "operation", [CREATE.format(name="Tag"), field("tags"), 'migrations.RenameModel("M1", "Tag")']
)
def test_what_does_not_fit_after_the_other_is_refused(project: Project, operation: str) -> None:
    forked(project, operation, CREATE.format(name="Tag"))
    project.migration("blog", THEIRS, CREATE.format(name="Tag"), field("tags"), after=AFTER)
    before = {name: path(project, name).read_text() for name in files(project)}
    ended = project.run("rebase", "blog", OURS)
    assert ended.code == 4, ended.err
    assert "error[collision]" in ended.err
    assert "cannot be applied" in ended.err
    assert {name: path(project, name).read_text() for name in files(project)} == before


def test_the_last_one_has_the_last_word(anywhere: Project) -> None:
    forked(anywhere, altered("BigIntegerField"), altered("SmallIntegerField"))
    ended = anywhere.do("rebase", "blog", OURS)
    assert "what was moved comes later, and has the last word" in ended.err
    anywhere.do("migrate")
    assert anywhere.run("drift").code == 0
    if anywhere.url.startswith("postgresql"):
        kind = "SELECT data_type FROM information_schema.columns WHERE column_name = 'number'"
        assert anywhere.query(kind) == [("bigint",)]


def test_others_that_stand_on_it(project: Project) -> None:
    project.configured("blog", "news")
    forked(project, field("a"), field("b"))
    post = CREATE.format(name="Item")
    file = project.migration("news", "0001_item", post, after=[("blog", OURS)])
    ended = project.do("rebase", "blog", OURS)
    assert "news/migrations/0001_item.py\n  depends on blog.0003_stock, not" in ended.out
    assert "'0003_stock'" in file.read_text()
    project.do("migrate")


def test_others_that_stand_on_it_and_are_no_part_of_it(project: Project) -> None:
    project.configured("blog", "news")
    forked(project, field("a"), field("b"))
    both = [("blog", OURS), ("blog", THEIRS)]
    project.migration("news", "0001_item", CREATE.format(name="Item"), after=both)
    refused = project.run("rebase", "blog", OURS)
    assert refused.code == 4
    assert "news.0001_item stands on blog.0002_stock" in refused.err


def test_squashes_stay_where_they_are(project: Project) -> None:
    forked(project, field("a"), field("b"))
    project.migration("blog", "0003_x", field("x"), after=[("blog", OURS)])
    theirs = path(project, THEIRS)
    text = theirs.read_text()
    theirs.unlink()
    project.do("squashmigrations", "blog", OURS, "0003_x", "--yes")
    theirs.write_text(text)
    before = files(project)
    refused = project.run("rebase", "blog", "0003_x")
    assert refused.code == 4
    assert "it is a squash" in refused.err
    assert files(project) == before
    project.do("rebase", "blog", THEIRS)
    project.do("migrate")


def test_a_branch_that_is_broken_by_itself_is_named(project: Project) -> None:
    forked(project, 'migrations.DeleteModel("M1")', field("b"))
    project.migration("blog", "0003_last", field("last"), after=[("blog", OURS)])
    refused = project.run("rebase", "blog", OURS)
    assert refused.code == 4
    assert "error[state]: blog.0003_last: " in refused.err


def test_what_is_not_written_out_is_refused_before_anything_is_done(project: Project) -> None:
    forked(project, field("a"), field("b"))
    file = project.migration("blog", "0003_x", field("x"), after=[("blog", OURS)])
    file.write_text(file.read_text().replace("= [('blog',", "= [] + [('blog',"))
    refused = project.run("rebase", "blog", OURS)
    assert refused.code == 2
    assert "error[write]" in refused.err
    assert files(project) == ["0001_m1", OURS, THEIRS, "0003_x"]


# -- names ---------------------------------------------------------------------------------------


def test_no_new_name_is_one_that_another_has_still(project: Project) -> None:
    project.chain("blog", 1)
    project.migration("blog", THEIRS, field("tags"), after=AFTER)
    project.migration("blog", "0002_auto", field("a"), after=AFTER)
    project.migration("blog", "0003_auto", field("b"), after=[("blog", "0002_auto")])
    project.do("rebase", "blog", "0002_auto", "--offline")
    assert files(project) == ["0001_m1", THEIRS, "0004_auto", "0005_auto"]
    project.do("migrate")


def test_a_file_that_has_its_number_already_keeps_its_name(project: Project) -> None:
    """And no cache remembers it as it was, though it is as long as before."""
    caching = {"PYTHONDONTWRITEBYTECODE": ""}
    project.chain("blog", 1)
    project.migration("blog", "0002_m2", field("tags"), after=AFTER)
    file = project.migration("blog", "0003_m3", field("a"), after=AFTER)
    for each in file.parent.glob("*.py"):
        os.utime(each, (1e9, 1e9))
    assert project.run("showmigrations", "--plan", env=caching).code == 0
    assert list(file.parent.glob("__pycache__/whimbrel-*"))
    ended = project.run("rebase", "blog", "0003_m3", env=caching)
    assert ended.out.splitlines()[0] == "blog/migrations/0003_m3.py"
    assert "('blog', '0002_m2')" in file.read_text()
    shown = project.run("showmigrations", "--plan", env=caching).out
    assert shown.splitlines()[-1].endswith("blog.0003_m3 <- blog.0002_m2")
    assert project.run("migrate", env=caching).code == 0


# -- kills ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [1, 2])
@pytest.mark.parametrize("removed", [0, 1])
def test_a_kill_leaves_what_the_next_run_explains(
    fork: Project, written: int, removed: int
) -> None:
    """New files come in their order, then old ones go in the other."""
    if removed and written < 2:
        return
    old = {name: path(fork, name).read_text() for name in (OURS, "0003_more")}
    fork.do("rebase", "blog", OURS)
    for name, text in list(old.items())[: 2 - removed]:
        path(fork, name).write_text(text)
    if written < 2:
        path(fork, "0004_more").unlink()
    refused = fork.run("rebase", "blog")
    assert refused.code == 4
    assert "a rebase was killed half way" in refused.err
    hint = refused.err.rpartition(": rm ")[2].split()
    for name in hint:
        (fork.root / name).unlink()
    fork.do("rebase", "blog", "0003_more")
    assert files(fork) == ["0001_m1", THEIRS, "0003_stock", "0004_more"]
    fork.do("migrate")


# -- git -----------------------------------------------------------------------------------------


def test_two_branches_in_git_become_a_line(anywhere: Project) -> None:
    repository(anywhere)
    git(anywhere.root, "checkout", "-q", "-b", "ours")
    anywhere.migration("blog", OURS, field("stock"), after=AFTER)
    committed(anywhere, "ours")
    git(anywhere.root, "checkout", "-q", "main")
    anywhere.migration("blog", THEIRS, field("tags"), after=AFTER)
    anywhere.migration("blog", "0003_next", field("next"), after=[("blog", THEIRS)])
    committed(anywhere, "theirs")
    anywhere.do("migrate")
    git(anywhere.root, "checkout", "-q", "ours")
    git(anywhere.root, "merge", "-q", "--no-edit", "main")
    assert anywhere.run("migrate").code == 4
    ended = anywhere.do("rebase", "blog")
    assert ended.err.startswith(f"{OURS} is not in main.\n")
    committed(anywhere, "rebased")
    changed = git(anywhere.root, "show", "--name-status", "--format=", "-M40%", "HEAD")
    assert changed.split()[1:] == [f"blog/migrations/{OURS}.py", "blog/migrations/0004_stock.py"]
    anywhere.do("migrate")
    assert anywhere.run("drift").code == 0


def test_a_kill_before_another_app_was_put_onto_the_new_names_is_taken_back(fork: Project) -> None:
    fork.configured("blog", "shop")
    fork.migration("shop", "0001_m1", CREATE.format(name="Shop"), after=[("blog", OURS)])
    waiting = fork.root / "shop/migrations/0001_m1.py"
    old = {file: file.read_text() for file in (path(fork, OURS), path(fork, "0003_more"), waiting)}
    fork.do("rebase", "blog", "0003_more")
    for file, text in old.items():
        file.write_text(text)
    refused = fork.run("rebase", "blog", "0003_more")
    assert "Take it back, and run it again" in refused.err
    for name in refused.err.rpartition(": rm ")[2].split():
        (fork.root / name).unlink()
    fork.do("rebase", "blog", "0003_more")
    fork.do("migrate")


# -- which branch is new here, as git tells ------------------------------------------------------


def merged(project: Project, branch: str = "ours") -> None:
    """Anna's branch, with her own migrations, into which she has merged main with another's."""
    repository(project)
    git(project.root, "checkout", "-q", "-b", "theirs")
    project.migration("blog", THEIRS, field("tags"), after=AFTER)
    committed(project, "theirs")
    git(project.root, "checkout", "-q", "main")
    git(project.root, "checkout", "-q", "-b", "ours")
    project.migration("blog", OURS, field("stock"), after=AFTER)
    project.migration("blog", "0003_more", field("more"), after=[("blog", OURS)])
    committed(project, "ours")
    project.do("migrate")
    git(project.root, "branch", "-q", "-f", "main", "theirs")
    if branch != "ours":
        git(project.root, "checkout", "-q", "-B", branch)
    git(project.root, "merge", "-q", "--no-edit", "theirs")


def remote(project: Project, name: str, commit: str) -> None:
    git(project.root, "update-ref", f"refs/remotes/origin/{name}", commit)


def test_what_is_new_here_moves_though_the_database_has_it_and_main_is_not_applied(
    anywhere: Project,
) -> None:
    """The database alone would have said that main's is to move."""
    merged(anywhere)
    before = files(anywhere)
    refused = anywhere.run("rebase", "blog")
    assert refused.code == 4
    assert "blog.0002_stock, blog.0003_more: it is applied to this database" in refused.err
    assert f"{OURS}, 0003_more are not in main." in refused.err
    assert "Move the other" not in refused.err
    assert files(anywhere) == before
    commands = ["migrate blog 0001_m1", "rebase blog 0003_more", "migrate"]
    assert "; then ".join(f"whimbrel {each}" for each in commands) in refused.err
    anywhere.do(*commands[0].split())
    ended = anywhere.do("rebase", "blog")
    assert ended.err.startswith(f"{OURS}, 0003_more are not in main.\n")
    assert files(anywhere) == ["0001_m1", THEIRS, "0003_stock", "0004_more"]
    anywhere.do("migrate")
    assert anywhere.run("drift").code == 0


@pytest.mark.parametrize(
    ("remotes", "said"),
    [
        ({}, "main"),
        ({"master": "theirs"}, "origin/master"),
        ({"master": "ours", "main": "theirs"}, "origin/main"),
    ],
)
def test_the_reference_is_the_first_that_is_there(
    project: Project, remotes: dict[str, str], said: str
) -> None:
    merged(project)
    for name, commit in remotes.items():
        remote(project, name, commit)
    project.do("migrate", "blog", "0001_m1")
    made = project.do("rebase", "blog", "--json").json
    assert made["decided"] == f"{OURS}, 0003_more are not in {said}"
    assert made["onto"] == THEIRS


def test_nothing_is_new_in_what_is_pushed(project: Project) -> None:
    merged(project)
    remote(project, "main", "HEAD")
    project.do("migrate", "blog", "0001_m1")
    assert project.run("rebase", "blog").code == 3


def test_the_head_of_the_remote_is_called_by_its_branch(project: Project) -> None:
    merged(project)
    remote(project, "trunk", "theirs")
    ref = "refs/remotes/origin/"
    git(project.root, "symbolic-ref", f"{ref}HEAD", f"{ref}trunk")
    refused = project.run("rebase", "blog")
    assert f"{OURS}, 0003_more are not in origin/trunk." in refused.err


def test_what_is_not_committed_is_new(project: Project) -> None:
    repository(project)
    project.migration("blog", THEIRS, field("tags"), after=AFTER)
    committed(project, "theirs")
    git(project.root, "checkout", "-q", "-b", "ours")
    git(project.root, "commit", "-q", "--allow-empty", "-m", "more")
    project.migration("blog", OURS, field("stock"), after=AFTER)
    assert project.do("rebase", "blog").err.startswith(f"{OURS} is not in main.\n")
    assert files(project) == ["0001_m1", THEIRS, "0003_stock"]


def asked_for_each(project: Project, *leaves: str) -> str:
    """The question that names the branches; nothing is changed."""
    before = files(project)
    asked = project.run("rebase", "blog", "--json")
    assert asked.code == 3
    (question,) = asked.json["error"]["questions"]
    assert question["flags"] == [f"whimbrel rebase blog {leaf}" for leaf in leaves]
    assert files(project) == before
    return str(question["text"])


@pytest.mark.parametrize("applied", [[], ["migrate", "blog", OURS], ["migrate", "blog", THEIRS]])
def test_without_git_it_is_asked_whatever_is_applied(project: Project, applied: list[str]) -> None:
    forked(project, field("a"), field("b"))
    if applied:
        other = path(project, THEIRS if applied[-1] == OURS else OURS)
        text = other.read_text()
        other.unlink()
        project.do(*applied)
        other.write_text(text)
    asked_for_each(project, OURS, THEIRS)


def test_where_there_is_no_program_git_it_is_asked(project: Project) -> None:
    merged(project)
    assert project.run("rebase", "blog", env={"PATH": ""}).code == 3


def test_on_main_itself_nothing_tells(project: Project) -> None:
    merged(project, branch="main")
    asked_for_each(project, THEIRS, "0003_more")
    remote(project, "main", "theirs")
    refused = project.run("rebase", "blog")
    assert f"{OURS}, 0003_more are not in origin/main." in refused.err


@pytest.mark.parametrize(
    ("commit", "said"),
    [
        ("theirs~1", f"{THEIRS}, {OURS}, 0003_more are not in origin/main"),
        ("HEAD", "all of them are in origin/main"),
    ],
)
def test_where_a_reference_has_none_or_all_it_is_asked(
    project: Project, commit: str, said: str
) -> None:
    merged(project)
    remote(project, "main", commit)
    git(project.root, "commit", "-q", "--allow-empty", "-m", "more")
    text = asked_for_each(project, THEIRS, "0003_more")
    assert said in text


def test_what_others_have_in_part_is_nobodys_alone(project: Project) -> None:
    merged(project)
    git(project.root, "checkout", "-q", "-b", "both", "HEAD")
    git(project.root, "rm", "-q", "--cached", "blog/migrations/0003_more.py")
    git(project.root, "commit", "-q", "-m", "in part")
    remote(project, "main", "both")
    git(project.root, "checkout", "-q", "-f", "ours")
    assert "0003_more is not in origin/main" in asked_for_each(project, THEIRS, "0003_more")
    project.do("migrate", "blog", "0001_m1")
    project.do("rebase", "blog", "0003_more")


def test_of_several_that_are_new_those_are_asked_for(project: Project) -> None:
    merged(project)
    project.migration("blog", "0002_third", field("third"), after=AFTER)
    asked_for_each(project, "0002_third", "0003_more")
