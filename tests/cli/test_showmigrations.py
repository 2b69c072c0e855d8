"""What showmigrations shows, and migrate says, of a history that is not as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from projects import CREATE, Project


@pytest.fixture
def three(anywhere: Project) -> Project:
    """Three migrations, of which two are applied."""
    anywhere.chain("blog", 3)
    anywhere.do("migrate", "blog", "0002")
    return anywhere


def test_applied_and_not(three: Project) -> None:
    shown = "blog\n  [X] 0001_m1\n  [X] 0002_m2\n  [ ] 0003_m3\n"
    assert three.do("showmigrations").out == shown
    assert three.do("showmigrations", "--list", "blog").out == shown


def test_the_plan_says_what_waits_for_what(three: Project) -> None:
    assert three.do("showmigrations", "--plan").out.splitlines()[1:] == [
        "[X] blog.0002_m2 <- blog.0001_m1",
        "[ ] blog.0003_m3 <- blog.0002_m2",
    ]


def test_offline_nothing_is_known_and_no_database_asked(three: Project) -> None:
    offline = three.run(
        "showmigrations", "--offline", env={"DATABASE_URL": "postgresql://localhost:1/none"}
    )
    assert offline.out == "blog\n  [?] 0001_m1\n  [?] 0002_m2\n  [?] 0003_m3\n"


def test_a_ghost_is_shown(three: Project) -> None:
    for name in ("0002_m2", "0003_m3"):
        (three.root / f"blog/migrations/{name}.py").unlink()
    shown = three.do("showmigrations").out
    assert "[X] 0002_m2  (applied, and its file is gone; its source is kept)" in shown
    said = three.do("migrate").err
    assert re.search(r"warning: blog.0002_m2 \(.* UTC\) is applied and has no file here\n", said)


@pytest.mark.parametrize("args", [["blog", "zero"], ["blog", "0001"], ["news", "0001"]])
def test_no_way_back_goes_under_a_ghost(three: Project, args: list[str]) -> None:
    three.configured("blog", "news")
    three.chain("news", 2)
    three.migration("blog", "0003_m3", after=[("blog", "0002_m2"), ("news", "0002_m2")])
    three.do("migrate")
    three.migration("blog", "0004_x", CREATE.format(name="X"), after=[("blog", "0003_m3")])
    three.do("migrate")
    (three.root / "blog/migrations/0004_x.py").unlink()
    before = (three.applied(), three.tables())
    for more in ([], ["--plan"], ["--check"]):
        refused = three.run("migrate", *args, *more)
        assert refused.code == 4
        assert "error[history]: blog.0004_x: applied here, without a file" in refused.err
        assert "Switch to the branch or commit that has blog/0004_x.py" in refused.err
    assert (three.applied(), three.tables()) == before


def test_a_ghost_of_another_app_and_a_faked_way_back_stop_nothing(three: Project) -> None:
    three.configured("blog", "news")
    three.chain("news", 2)
    three.do("migrate")
    (three.root / "blog/migrations/0003_m3.py").unlink()
    three.do("migrate", "news", "zero")
    assert "warning: blog.0003_m3 (" in three.do("migrate", "news").err
    three.do("migrate", "blog", "0001", "--fake")
    assert three.applied() == ["blog.0001_m1", "blog.0003_m3", "news.0001_m1", "news.0002_m2"]


def test_a_way_back_with_nothing_but_a_ghost_is_refused(three: Project) -> None:
    for file in (three.root / "blog/migrations").glob("0*.py"):
        file.unlink()
    assert three.run("migrate", "blog", "zero").code == 4
    assert three.run("migrate", "blog").code == 0


def test_an_edited_file_is_shown(three: Project) -> None:
    three.migration("blog", "0001_m1", CREATE.format(name="M1").replace("number", "numbers"))
    assert "[X] 0001_m1  (edited since it was applied)" in three.do("showmigrations").out


def test_layout_and_comments_are_no_edit(three: Project) -> None:
    file = three.root / "blog/migrations/0001_m1.py"
    file.write_text("# A comment.\n\n" + file.read_text().replace("    ]\n", "    ]  # End.\n"))
    assert "edited" not in three.do("showmigrations").out


def test_json(three: Project) -> None:
    found = three.do("showmigrations", "--json").json
    assert [each["mark"] for each in found["migrations"]] == ["applied", "applied", "unapplied"]
    assert found["migrations"][0]["at"].endswith("+00:00")
    assert found["migrations"][2]["dependencies"] == ["blog.0002_m2"]
    offline = three.do("showmigrations", "--json", "--offline").json
    assert offline["database"] is None
    assert [each["applied"] for each in offline["migrations"]] == [None, None, None]


def test_leaves_that_conflict_are_shown(three: Project) -> None:
    three.migration("blog", "0003_x", CREATE.format(name="X"), after=[("blog", "0002_m2")])
    assert "conflict: 2 leaves: 0003_m3, 0003_x" in three.do("showmigrations").out


def test_offline_loads_no_sqlalchemy(three: Project) -> None:
    program = (
        "import sys\nfrom whimbrel.cli import whimbrel\n"
        "try:\n    whimbrel.main(['showmigrations', '--offline'])\n"
        "except SystemExit:\n    print([name for name in ('sqlalchemy', 'rich') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=three.root,
        env=three.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_migrate_with_nothing_to_do_imports_no_migration(three: Project) -> None:
    for file in (three.root / "blog/migrations").glob("0*.py"):
        # A file that was only just written could change again unseen, and is not remembered.
        os.utime(file, (1e9, 1e9))
    writing = {"PYTHONDONTWRITEBYTECODE": ""}
    three.run("migrate", env=writing)
    ended = three.run("migrate", env={**writing, "PYTHONVERBOSE": "1"})
    assert ended.code == 0
    assert "0001_m1" not in ended.err


def test_the_way_back_that_stopped_in_the_middle_is_told_from_the_way_there(
    anywhere: Project,
) -> None:
    """migrate alone is refused then; the same command goes on."""
    anywhere.migration("blog", "0001_post", CREATE)
    fails = (
        "migrations.RunSQL('SELECT 1', 'SELECT nothing'),\n"
        "        migrations.RunSQL('SELECT 1', 'SELECT 1')"
    )
    anywhere.migration("blog", "0002_more", fails, after=[("blog", "0001_post")], atomic=False)
    anywhere.do("migrate")
    assert anywhere.run("migrate", "blog", "0001").code == 5
    noted = "[~] 0002_more  (half undone: run migrate APP NAME again, as before)"
    assert noted in anywhere.do("showmigrations").out
    assert (
        "half undone\nFinish it first: run the same whimbrel migrate" in anywhere.run("drift").err
    )
