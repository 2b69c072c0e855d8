"""Squashed migrations, written by hand, on databases old and new: what runs, and what is recorded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from projects import CREATE, Project, kill

#: What each of the originals does; the squash does all of it.
ORIGINALS = [
    CREATE.format(name="M1"),
    'migrations.AddField("M1", "extra", models.IntegerField(default=0))',
    CREATE.format(name="M3"),
    'migrations.RenameField("M1", "extra", "more")',
]
NAMES = ["0001_m1", "0002_extra", "0003_m3", "0004_more"]
SQUASH = "0001_squashed_0004"
SQUASHED = [
    CREATE.format(name="M1").replace("])", '    ("more", models.IntegerField(default=0)),\n])'),
    CREATE.format(name="M3"),
]
#: What the squash brings about.
TABLES = {"blog_m1", "blog_m3", "whimbrel_migrations"}
ALL = [f"blog.{name}" for name in sorted([*NAMES, SQUASH])]


def originals(project: Project, count: int = 4) -> None:
    for number in range(count):
        after = [("blog", NAMES[number - 1])] if number else []
        project.migration("blog", NAMES[number], ORIGINALS[number], after=after)


def squash(
    project: Project,
    name: str = SQUASH,
    replaces: list[str] | None = None,
    operations: list[str] | None = None,
    **more: object,
) -> Path:
    """A squash, written by hand."""
    file = project.migration("blog", name, *(SQUASHED if operations is None else operations))
    pairs = [("blog", each) for each in (NAMES if replaces is None else replaces)]
    lines = "".join(
        f"    {key} = {value!r}\n" for key, value in {"replaces": pairs, **more}.items()
    )
    file.write_text(
        file.read_text().replace(
            "    dependencies = []\n",
            lines + ("" if "dependencies" in more else "    dependencies = []\n"),
        )
    )
    return file


def later(project: Project, after: str = NAMES[3]) -> None:
    field = 'migrations.AddField("M3", "later", models.IntegerField(default=0))'
    project.migration("blog", "0005_later", field, after=[("blog", after)])


def remove(project: Project, *names: str) -> None:
    for name in names:
        (project.root / f"blog/migrations/{name}.py").unlink()


def has_more(project: Project) -> bool:
    project.query("SELECT number, more FROM blog_m1")
    return True


@pytest.fixture
def old(anywhere: Project) -> Project:
    """The four originals, and no database yet."""
    originals(anywhere)
    return anywhere


# -- forwards ------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_files", [True, False])
def test_a_new_database_runs_the_squash_alone(old: Project, with_files: bool) -> None:
    squash(old)
    if not with_files:
        remove(old, *NAMES)
    assert old.run("migrate", "--check").out == f"blog.{SQUASH}\n"
    said = old.do("migrate").err
    assert f"Applied blog.{SQUASH} in" in said
    assert "m1" not in said.replace(SQUASH, "")
    assert old.applied() == ALL
    assert old.tables() == TABLES
    assert has_more(old)
    digests = dict(old.query("SELECT name, digest FROM whimbrel_migrations"))
    assert digests[SQUASH]
    assert [bool(digests[name]) for name in NAMES] == [with_files] * 4
    assert old.do("migrate").err == "Nothing to do.\n"


def test_an_older_checkout_goes_on_with_what_the_squash_recorded(old: Project) -> None:
    file = squash(old)
    old.do("migrate")
    file.unlink()
    assert old.run("migrate", "--check").code == 0
    later(old)
    assert "Applied blog.0005_later" in old.do("migrate").err


@pytest.mark.parametrize("applied", [1, 2, 3])
def test_a_database_that_has_some_goes_on_with_the_originals(old: Project, applied: int) -> None:
    old.do("migrate", "blog", NAMES[applied - 1])
    squash(old)
    later(old, SQUASH)
    labels = [f"blog.{name}" for name in [*NAMES[applied:], "0005_later"]]
    assert old.run("migrate", "--check").out.split() == labels
    planned = old.do("migrate", "--plan").out
    assert re.findall(r"(?:Apply|Record) (\S+)", planned) == [*labels, f"blog.{SQUASH}"]
    shown = old.do("showmigrations").out
    assert shown.count("[X]") == applied
    assert (
        f"  [-] {SQUASH}  (4 squashed migrations; not in force: the originals are, "
        "until all are applied)\n" in shown
    )
    said = old.do("migrate").err
    assert re.findall(r"(?:Applied|Recorded) (\S+)", said) == [*labels, f"blog.{SQUASH}"]
    assert old.applied() == sorted([*ALL, "blog.0005_later"])
    assert has_more(old)
    assert old.do("migrate").err == "Nothing to do.\n"
    assert f"  [X] {SQUASH}  (4 squashed migrations)\n" in old.do("showmigrations").out


def test_a_database_that_has_all_is_told_of_the_squash(old: Project) -> None:
    old.do("migrate")
    squash(old)
    assert old.run("migrate", "--check").code == 0
    assert f"Record blog.{SQUASH}" in old.do("migrate", "--plan").out
    shown = old.do("showmigrations").out
    assert shown == (
        f"blog\n  [X] {SQUASH}  (4 squashed migrations; all are applied: "
        "the next migrate records it)\n"
    )
    assert old.do("migrate").err == f"Recorded blog.{SQUASH}\n"
    assert old.applied() == ALL
    assert old.do("migrate").err == "Nothing to do.\n"


def test_a_part_of_the_way(old: Project) -> None:
    old.do("migrate", "blog", NAMES[0])
    squash(old)
    old.do("migrate", "blog", NAMES[2])
    assert old.applied() == [f"blog.{name}" for name in NAMES[:3]]
    old.do("migrate", "blog", SQUASH)
    assert old.applied() == ALL


def test_a_fake_records_it_too(old: Project) -> None:
    old.do("migrate")
    old.query("DELETE FROM whimbrel_migrations")
    squash(old)
    assert old.do("migrate", "--fake").err == f"Recorded blog.{SQUASH}\n"
    assert old.applied() == ALL


def test_two_runners_at_once(old: Project) -> None:
    old.do("migrate", "blog", NAMES[1])
    squash(old)
    both = [old.start("migrate", "--json") for _ in range(2)]
    ended = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert old.applied() == ALL


def test_two_runners_at_once_on_a_new_database(old: Project) -> None:
    squash(old)
    both = [old.start("migrate", "--json") for _ in range(2)]
    ended = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert old.applied() == ALL


# -- files that are gone ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["migrate"], ["migrate", "--plan"], ["showmigrations"]])
def test_originals_that_are_needed_and_gone(old: Project, command: list[str]) -> None:
    old.do("migrate", "blog", NAMES[1])
    squash(old)
    remove(old, NAMES[0], NAMES[3])
    refused = old.run(*command)
    assert refused.code == 4
    assert f"error[history]: blog.{SQUASH}: the database has applied some" in refused.err
    assert f"without a file: blog.{NAMES[0]}, blog.{NAMES[3]}" in refused.err
    assert f"whimbrel migrate blog {SQUASH} --fake" in refused.err


def test_what_was_done_by_hand_may_be_recorded(old: Project) -> None:
    old.do("migrate")
    old.query(f"DELETE FROM whimbrel_migrations WHERE name = '{NAMES[3]}'")
    squash(old)
    old.chain("news", 1)
    old.configured("blog", "news")
    old.migration("news", "0001_m1", CREATE.format(name="M1"), after=[("blog", NAMES[2])])
    remove(old, *NAMES)
    assert old.run("migrate").code == 4
    assert old.do("migrate", "blog", SQUASH, "--fake").err == f"Recorded blog.{SQUASH}\n"
    assert old.applied() == ALL
    old.do("migrate")


def test_originals_that_are_applied_need_no_files(old: Project) -> None:
    old.do("migrate")
    squash(old)
    remove(old, *NAMES)
    ended = old.do("migrate")
    assert ended.err == f"Recorded blog.{SQUASH}\n"
    later(old)
    assert "warning" not in old.do("migrate").err


# -- backwards -------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_files", [True, False])
def test_undoing_a_squash_forgets_what_it_replaces(old: Project, with_files: bool) -> None:
    squash(old)
    later(old)
    if not with_files:
        remove(old, *NAMES)
    old.do("migrate")
    old.do("migrate", "blog", SQUASH)
    assert old.applied() == ALL
    old.do("migrate", "blog", "zero")
    assert old.tables() == set()
    old.do("migrate")
    assert old.applied() == sorted([*ALL, "blog.0005_later"])


def test_undoing_what_originals_did(old: Project) -> None:
    old.do("migrate")
    squash(old)
    said = old.do("migrate", "blog", "zero").err
    assert f"Undone blog.{SQUASH}" in said
    assert old.tables() == set()


def test_undoing_originals_as_long_as_they_are_in_force(old: Project) -> None:
    old.do("migrate", "blog", NAMES[2])
    squash(old)
    old.do("migrate", "blog", NAMES[0])
    assert old.applied() == [f"blog.{NAMES[0]}"]
    assert old.tables() == {"blog_m1", "whimbrel_migrations"}
    old.do("migrate", "blog", "zero")
    assert old.tables() == set()
    assert f"Applied blog.{SQUASH}" in old.do("migrate").err


@pytest.mark.parametrize("name", [NAMES[1], "0003"])
def test_there_is_no_stop_inside_a_squash(old: Project, name: str) -> None:
    squash(old)
    for done in (False, True):
        if done:
            old.do("migrate")
        refused = old.run("migrate", "blog", name)
        assert refused.code == 4
        assert f"is part of the squash blog.{SQUASH}" in refused.err
        assert old.applied() == (ALL if done else [])


def test_the_last_one_in_a_squash_is_the_squash(old: Project) -> None:
    squash(old)
    later(old)
    old.do("migrate")
    old.do("migrate", "blog", NAMES[3])
    assert old.applied() == ALL
    assert f"-- blog.{SQUASH}" in old.do("sqlmigrate", "blog", NAMES[3]).out


# -- others that depend on what is replaced --------------------------------------------------------


@pytest.fixture
def two_apps(old: Project) -> Project:
    """A migration of another app on one in the middle."""
    old.configured("blog", "news")
    key = 'migrations.AddField("M1", "of", models.ForeignKey("blog.M1", on_delete=models.CASCADE, null=True))'
    old.migration("news", "0001_m1", CREATE.format(name="M1"), key, after=[("blog", NAMES[1])])
    return old


@pytest.mark.parametrize(
    ("applied", "app"), [*((number, "blog") for number in range(5)), (0, "news"), (2, "news")]
)
def test_another_app_on_one_in_the_middle(two_apps: Project, applied: int, app: str) -> None:
    if applied:
        two_apps.do("migrate", "blog", NAMES[applied - 1])
    squash(two_apps)
    two_apps.do("migrate", app)
    two_apps.do("migrate")
    assert two_apps.applied() == [*ALL, "news.0001_m1"]
    assert two_apps.tables() == {*TABLES, "news_m1"}
    said = two_apps.do("migrate", "blog", "zero").err
    assert said.index("Undone news.0001_m1") < said.index(f"Undone blog.{SQUASH}")
    assert two_apps.tables() == set()


def test_a_circle_through_a_squash_is_named(two_apps: Project) -> None:
    two_apps.migration(
        "blog", NAMES[2], ORIGINALS[2], after=[("blog", NAMES[1]), ("news", "0001_m1")]
    )
    squash(two_apps, dependencies=[("news", "0001_m1")])
    refused = two_apps.run("migrate")
    assert refused.code == 4
    assert (
        f"error[cycle]: blog/migrations/{SQUASH}.py: the squash blog.{SQUASH} makes"
        in refused.err.replace(f"{two_apps.root}{os.sep}", "")
    )
    assert "squash in two parts" in refused.err


# -- squashes of squashes --------------------------------------------------------------------------

OUTER = "0001_squashed_0005"


def outer(project: Project) -> None:
    """A squash of the squash, and of what came after it."""
    later(project)
    operations = [
        *SQUASHED[:1],
        SQUASHED[1].replace("])", '    ("later", models.IntegerField(default=0)),\n])'),
    ]
    squash(project, OUTER, [SQUASH, "0005_later"], operations)


EVERYTHING = sorted([*ALL, "blog.0005_later", f"blog.{OUTER}"])


@pytest.mark.parametrize(
    ("applied", "inner"),
    [*((number, False) for number in range(6)), (0, True), (4, True), (5, True)],
)
def test_a_squash_of_a_squash(old: Project, applied: int, inner: bool) -> None:
    later(old)
    if inner:
        squash(old)
    if applied:
        old.do("migrate", "blog", [*NAMES, "0005_later"][applied - 1])
    squash(old)
    outer(old)
    old.do("migrate")
    found = old.applied()
    assert set(EVERYTHING) - set(found) <= {f"blog.{SQUASH}"}
    assert f"blog.{OUTER}" in found
    assert old.query("SELECT later FROM blog_m3") == []
    assert old.do("migrate").err == "Nothing to do.\n"
    assert old.do("showmigrations").out == f"blog\n  [X] {OUTER}  (6 squashed migrations)\n"
    old.do("migrate", "blog", "zero")
    assert old.tables() == set()


# -- killed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_kill_on_the_way(old: Project, last: int) -> None:
    from cli.test_crashes import wait_for

    old.do("migrate", "blog", NAMES[0])
    squash(old)
    running = old.start("migrate")
    wait_for(running, f"Applied blog.{NAMES[last]}")
    kill(running)
    old.do("migrate")
    assert old.applied() == ALL
    assert has_more(old)


HALF = """migrations.RunSQL(
    ["CREATE TABLE blog_half (id integer)", "{fails}"],
    reverse_sql=["DROP TABLE blog_half", "SELECT 1"],
)"""


def test_a_squash_that_is_half_done_stays_in_force(old: Project) -> None:
    half = [*SQUASHED, HALF.format(fails="SELECT * FROM nowhere")]
    file = squash(old, operations=half)
    file.write_text(file.read_text().replace("atomic = True", "atomic = False"))
    assert old.run("migrate").code == 5
    assert f"[~] {SQUASH}  (4 squashed migrations; half done" in old.do("showmigrations").out
    file.write_text(file.read_text().replace("SELECT * FROM nowhere", "SELECT 1"))
    old.do("migrate")
    assert old.applied() == ALL


def test_originals_that_are_half_done_stay_in_force(old: Project) -> None:
    file = old.migration(
        "blog", NAMES[0], ORIGINALS[0], HALF.format(fails="SELECT * FROM nowhere"), atomic=False
    )
    assert old.run("migrate", "--no-leap").code == 5
    squash(old, operations=[*SQUASHED, HALF.format(fails="SELECT 1")])
    assert f"[~] {NAMES[0]}  (half done" in old.do("showmigrations").out
    file.write_text(file.read_text().replace("SELECT * FROM nowhere", "SELECT 1"))
    old.do("migrate")
    assert old.applied() == ALL
    assert old.tables() >= {*TABLES, "blog_half"}


# -- shown -----------------------------------------------------------------------------------------


def test_what_is_shown(old: Project) -> None:
    old.do("migrate", "blog", NAMES[2])
    squash(old)
    assert old.do("showmigrations", "--plan").out.splitlines()[2:] == [
        f"[X] blog.{NAMES[2]} <- blog.{NAMES[1]}",
        f"[ ] blog.{NAMES[3]} <- blog.{NAMES[2]}",
        f"[-] blog.{SQUASH}  (4 squashed migrations; not in force: the originals are, until all are applied)",
    ]
    shown = old.do("showmigrations", "--json").json["migrations"]
    assert [each["in_force"] for each in shown] == [True] * 4 + [False]
    assert shown[-1]["replaces"] == [f"blog.{name}" for name in NAMES]
    assert (
        old.do("showmigrations", "--offline").out
        == f"blog\n  [?] {SQUASH}  (4 squashed migrations)\n"
    )


def test_the_next_migration_has_the_next_number(old: Project) -> None:
    squash(old)
    old.models(
        "blog",
        "class M1(models.Model):\n    number = models.IntegerField(default=0)\n    more = models.IntegerField(default=0)\n    next = models.IntegerField(default=0)\n\nclass M3(models.Model):\n    number = models.IntegerField(default=0)\n",
    )
    made = old.do("makemigrations").out
    assert "blog/migrations/0005_m1_next.py" in made
    file = old.root / "blog/migrations/0005_m1_next.py"
    assert f'("blog", "{SQUASH}")' in file.read_text()


# -- pruned: rows without files --------------------------------------------------------------------


def test_ghosts_are_pruned(old: Project) -> None:
    old.chain("news", 2)
    old.configured("blog", "news")
    old.do("migrate")
    remove(old, NAMES[3], NAMES[2])
    (old.root / "news/migrations/0002_m2.py").unlink()
    assert old.do("migrate", "blog", "--prune", "--plan").err == (
        f"Would remove the row of blog.{NAMES[2]}\nWould remove the row of blog.{NAMES[3]}\n"
    )
    assert (
        old.do("migrate", "blog", "0004", "--prune").err == f"Removed the row of blog.{NAMES[3]}\n"
    )
    pruned = old.do("migrate", "blog", "--prune", "--json")
    assert pruned.json["pruned"] == [f"blog.{NAMES[2]}"]
    assert old.do("migrate", "blog", "--prune").err.startswith("Nothing to remove")
    assert old.applied() == [f"blog.{name}" for name in NAMES[:2]] + [
        "news.0001_m1",
        "news.0002_m2",
    ]
    assert "blog_m3" in old.tables()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--prune"], "--prune needs an app"),
        (["nowhere", "--prune"], "there is no app"),
        (["blog", "0001", "--prune"], "blog has none"),
        (["blog", "--prune", "--fake"], "give it alone"),
    ],
)
def test_what_is_no_pruning(old: Project, args: list[str], words: str) -> None:
    old.do("migrate")
    refused = old.run("migrate", *args)
    assert refused.code in (2, 4)
    assert words in refused.err


def test_rows_that_a_squash_replaces_are_no_ghosts(old: Project) -> None:
    old.do("migrate")
    squash(old)
    remove(old, *NAMES)
    old.do("migrate", "blog", "--prune")
    assert old.applied() == [f"blog.{name}" for name in NAMES]
    old.do("migrate")
    old.do("migrate", "blog", "--prune")
    assert old.applied() == ALL


def test_rows_of_a_squash_that_is_not_applied_stay(old: Project) -> None:
    old.do("migrate", "blog", NAMES[1])
    squash(old)
    remove(old, *NAMES)
    refused = old.run("migrate", "blog", "--prune")
    assert refused.code == 4
    assert "has applied some of what it replaces" in refused.err
    assert old.applied() == [f"blog.{name}" for name in NAMES[:2]]


def test_rows_of_an_app_that_is_gone_are_pruned(project: Project) -> None:
    project.configured("blog", "shop")
    project.chain("blog", 1)
    project.chain("shop", 1)
    project.do("migrate")
    project.configured("blog")
    assert project.do("migrate", "shop", "--prune").err == "Removed the row of shop.0001_m1\n"
    assert "there is no app 'shop'" in project.run("migrate", "shop", "--prune").err


# -- pruned: squashes that every database has ------------------------------------------------------

PRUNE = ["squashmigrations", "--prune", "--yes"]


@pytest.fixture
def squashed(two_apps: Project, tmp_path: Path) -> Project:
    """Two databases, and a squash that one of them has; another app stands on what it replaces."""
    two_apps.configured(
        "blog",
        "news",
        more=f'\n[tool.whimbrel.databases]\neu = "sqlite:///{tmp_path}/eu.sqlite3"\n',
    )
    two_apps.do("migrate")
    squash(two_apps)
    two_apps.do("migrate")
    return two_apps


def test_a_squash_is_pruned_once_every_database_has_it(squashed: Project) -> None:
    before = {file: file.read_text() for file in squashed.root.glob("*/migrations/*.py")}
    refused = squashed.run(*PRUNE)
    assert refused.code == 4
    assert f"blog.{SQUASH} is missing in eu" in refused.err
    assert "whimbrel migrate --database eu" in refused.err
    assert before == {file: file.read_text() for file in squashed.root.glob("*/migrations/*.py")}
    squashed.do("migrate", "--database", "eu")
    squashed.do(*PRUNE)
    assert_pruned(squashed)
    assert squashed.run(*PRUNE).err == "There is no squash to prune.\n"


def assert_pruned(project: Project) -> None:
    names = sorted(file.stem for file in (project.root / "blog/migrations").glob("0*.py"))
    assert names == [SQUASH]
    assert "replaces" not in (project.root / f"blog/migrations/{SQUASH}.py").read_text()
    news = (project.root / "news/migrations/0001_m1.py").read_text()
    assert f"('blog', '{SQUASH}')" in news.replace('"', "'")
    assert project.applied() == [f"blog.{SQUASH}", "news.0001_m1"]
    for alias in ("default", "eu"):
        assert project.do("migrate", "--database", alias).err == "Nothing to do.\n"
    assert project.do("showmigrations", "blog").out == f"blog\n  [X] {SQUASH}\n"
    project.do("migrate", "blog", "zero")
    project.do("migrate")
    assert project.tables() == {*TABLES, "news_m1"}


#: Steps of a pruning: dependencies, rows of two databases, four files, the squash's own file.
STEPS = [
    "rewrite_migration:1",
    "_forget:1",
    "_forget:2",
    "unlink:1",
    "unlink:3",
    "rewrite_migration:2",
]

KILLED = """
import os, pathlib, sys
from whimbrel.config import load_config, make_importable
from whimbrel.commands import prune
name, _, number = sys.argv[1].partition(":")
owner = pathlib.Path if name == "unlink" else prune
true, left = getattr(owner, name), [int(number)]

def dies_before(*args, **extra):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    return true(*args, **extra)

config = load_config(pathlib.Path.cwd())
make_importable(config)
plan = prune.plan_prune(config)
setattr(owner, name, dies_before)
prune.prune(config, plan)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_pruning_is_finished_by_the_next(squashed: Project, step: str) -> None:
    squashed.do("migrate", "--database", "eu")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, step],
        cwd=squashed.root,
        env=squashed.environment(),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 9, ended.stderr
    for alias in ("default", "eu"):
        assert squashed.do("migrate", "--database", alias).err == "Nothing to do.\n"
    squashed.do(*PRUNE)
    assert_pruned(squashed)


def test_a_squash_of_a_squash_is_pruned(old: Project) -> None:
    squash(old)
    outer(old)
    old.migration(
        "blog", "0006_last", 'migrations.DeleteModel("M3")', after=[("blog", "0005_later")]
    )
    old.do("migrate")
    old.do(*PRUNE)
    names = sorted(file.stem for file in (old.root / "blog/migrations").glob("0*.py"))
    assert names == [OUTER, "0006_last"]
    assert old.applied() == [f"blog.{OUTER}", "blog.0006_last"]
    assert old.do("migrate").err == "Nothing to do.\n"


def test_one_app_is_pruned_alone(squashed: Project) -> None:
    squashed.do("migrate", "--database", "eu")
    assert squashed.run("squashmigrations", "news", "--prune", "--yes").err == (
        "There is no squash to prune.\n"
    )
    squashed.do("squashmigrations", "blog", "--prune", "--yes")
    assert_pruned(squashed)


def test_a_file_that_cannot_be_edited_stops_it_all(squashed: Project) -> None:
    squashed.do("migrate", "--database", "eu")
    file = squashed.root / "news/migrations/0001_m1.py"
    text = file.read_text()
    file.write_text(text.replace("dependencies = [", "dependencies = [] + ["))
    refused = squashed.run(*PRUNE)
    assert refused.code == 2
    assert "error[write]: news/migrations/0001_m1.py" in refused.err
    assert len(squashed.applied()) == 6


# -- together with what else looks at the record ---------------------------------------------------


def test_an_original_in_force_that_was_edited(old: Project) -> None:
    old.do("migrate", "blog", NAMES[1])
    squash(old)
    field = ORIGINALS[1].replace("default=0", "default=1")
    old.migration("blog", NAMES[1], field, after=[("blog", NAMES[0])])
    refused = old.run("migrate")
    assert refused.code == 4
    assert f"blog.{NAMES[1]}" in refused.err
    accepted = old.do("migrate", "blog", NAMES[1], "--accept-edit")
    assert f"Accepted blog.{NAMES[1]}" in accepted.err
    old.do("migrate")
    assert old.applied() == ALL


@pytest.mark.parametrize("applied", [0, 2, 4])
def test_no_drift_at_any_point(old: Project, applied: int) -> None:
    if applied:
        old.do("migrate", "blog", NAMES[applied - 1])
    squash(old)
    if not applied:
        old.do("migrate")
    drift = old.run("drift", "--json")
    assert drift.code == 0, drift.err


def test_a_squash_of_another_branch_takes_nothing_with_it(old: Project) -> None:
    file = squash(old)
    old.do("migrate")
    file.unlink()
    for args in ([NAMES[2]], ["--recorded"]):
        assert old.run("migrate", "blog", *args).code == 4
    assert old.tables() == TABLES
    old.do("migrate", "blog", "--prune")
    old.do("migrate", "blog", NAMES[2])
    assert old.applied() == [f"blog.{name}" for name in NAMES[:3]]
    old.query("SELECT extra FROM blog_m1")


@pytest.mark.parametrize("args", [[], ["--no-leap"]])
def test_a_branch_from_inside_a_squash_says_what_mends_it(old: Project, args: list[str]) -> None:
    squash(old)
    rename = 'migrations.RenameField("M1", "extra", "other")'
    old.migration("blog", "0003_branch", rename, after=[("blog", NAMES[1])])
    ended = old.run("migrate", *args)
    assert ended.code == 4
    assert f"made on blog.{NAMES[1]}, and comes after all of blog.{SQUASH} now" in ended.err


# -- a squash of the middle ------------------------------------------------------------------------

MIDDLE = "0002_squashed_0003"


@pytest.mark.parametrize("applied", range(5))
def test_a_squash_of_the_middle(old: Project, applied: int) -> None:
    if applied:
        old.do("migrate", "blog", NAMES[applied - 1])
    squash(old, MIDDLE, NAMES[1:3], ORIGINALS[1:3], dependencies=[("blog", NAMES[0])])
    old.do("migrate")
    recorded = sorted(f"blog.{name}" for name in [*NAMES, MIDDLE])
    assert old.applied() == recorded
    assert has_more(old)
    old.do("migrate", "blog", MIDDLE)
    assert old.applied() == [each for each in recorded if not each.endswith("more")]
    old.do("migrate", "blog", NAMES[0])
    assert old.applied() == [f"blog.{NAMES[0]}"]
    assert old.tables() == {"blog_m1", "whimbrel_migrations"}
    old.do("migrate")
    assert old.applied() == recorded
