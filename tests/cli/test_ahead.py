"""A database that is ahead of the code: a branch was switched, and what is applied is unknown here."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from projects import CREATE, Project

SLUG = 'migrations.AddField("m1", "slug", models.CharField(max_length=50, default="x"))'
STARS = 'migrations.AddField("m1", "stars", models.IntegerField(default=0))'
DATA = """from whimbrel import migrations

def forwards(apps, schema_editor):
    apps.get_model("blog", "M1").objects.create(number=7)

def backwards(apps, schema_editor):
    apps.get_model("blog", "M1").objects.filter(number=7).delete()

class Migration(migrations.Migration):
    dependencies = [("blog", "0003_tag")]
    operations = [migrations.RunPython(forwards{back})]
"""


class Branches:
    """Two checkouts of one project, which share a database: ``ours``, and ``theirs``."""

    def __init__(self, ours: Project, theirs: Path) -> None:
        self.ours = ours
        ours.chain("blog", 1)
        self.theirs = Project(theirs, ours.url)
        shutil.copytree(ours.root, theirs)

    def part(self, data: str = DATA.format(back=", backwards")) -> Branches:
        """Theirs has three migrations more, all applied; ours another one, which is not."""
        self.theirs.migration("blog", "0002_slug", SLUG, after=[("blog", "0001_m1")])
        tag = CREATE.format(name="Tag")
        self.theirs.migration("blog", "0003_tag", tag, after=[("blog", "0002_slug")])
        self.theirs.write("blog/migrations/0004_data.py", data)
        self.theirs.do("migrate")
        self.ours.migration("blog", "0002_stars", STARS, after=[("blog", "0001_m1")])
        return self


@pytest.fixture
def branches(anywhere: Project, tmp_path: Path) -> Branches:
    return Branches(anywhere, tmp_path / "theirs")


WITHOUT_FILE = ["blog.0002_slug", "blog.0003_tag", "blog.0004_data"]


def test_what_is_unknown_is_said_together_with_its_time_and_the_way_back(
    branches: Branches,
) -> None:
    ended = branches.part().ours.do("migrate", "--json")
    (warning,) = ended.json["warnings"]
    named = r", ".join(
        rf"{re.escape(each)} \(\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)" for each in WITHOUT_FILE
    )
    assert re.fullmatch(f"{named} are applied and have no files here", warning["message"])
    assert warning["hint"].endswith("whimbrel migrate blog --recorded")


#: What is applied of apps besides blog; what is configured then; what is warned of.
UNKNOWN = {
    "all are there": ({"news": 1}, ["blog", "news"], []),
    "one is gone": ({"shop": 1}, ["blog"], ["1 migration of the app 'shop'"]),
    "one is renamed": ({"shop": 2}, ["blog", "store"], ["2 migrations of the app 'shop'"]),
    "two are gone": (
        {"shop": 1, "news": 2},
        ["blog"],
        ["2 migrations of the app 'news'", "1 migration of the app 'shop'"],
    ),
}


@pytest.mark.parametrize(("applied", "apps", "warned"), UNKNOWN.values(), ids=UNKNOWN)
def test_apps_that_are_not_configured_are_warned_of_before_anything_is_done(
    anywhere: Project, applied: dict[str, int], apps: list[str], warned: list[str]
) -> None:
    anywhere.configured("blog", *applied)
    for app, length in applied.items():
        anywhere.chain(app, length)
    anywhere.do("migrate")
    anywhere.configured(*apps)
    for app in apps:
        anywhere.chain(app, 1)
    said = anywhere.do("migrate").err
    lines = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert lines == [
        f"warning: the record has {each}, which is not among the apps" for each in warned
    ]
    assert said.startswith("warning: " if warned else "")
    assert ("whimbrel migrate shop --prune" in said) is ("shop" in str(warned))
    assert len(anywhere.do("migrate", "--json").json["warnings"]) == len(warned)
    for app in {*applied} - {*apps}:
        anywhere.do("migrate", app, "--prune")
    assert anywhere.do("migrate").err == "Nothing to do.\n"


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["blog"], ["0001_m1"]),
        (["blog", "0001"], ["0001_m1"]),
        (["blog", "0002_stars"], ["0001_m1"]),
        (["blog", "0002_slug"], ["0001_m1", "0002_slug"]),
        (["blog", "0003"], ["0001_m1", "0002_slug", "0003_tag"]),
        (["blog", "zero"], []),
        ([], ["0001_m1"]),
    ],
    ids=str,
)
def test_ghosts_are_undone_by_what_the_record_kept(
    branches: Branches, args: list[str], left: list[str]
) -> None:
    ours = branches.part().ours
    ours.do("migrate", *args, "--recorded")
    assert ours.applied() == [f"blog.{name}" for name in left]
    assert ("blog_tag" in ours.tables()) is ("0003_tag" in left)
    if left:
        assert ours.query("SELECT count(*) FROM blog_m1 WHERE number = 7") == [(0,)]
    ended = ours.do("migrate")
    assert "Applied" in ended.err
    assert ours.query("SELECT stars FROM blog_m1") == []


def test_ghosts_and_known_migrations_are_undone_in_their_order(branches: Branches) -> None:
    ours = branches.part().ours
    ours.do("migrate")
    undone = ours.do("migrate", "blog", "0001", "--recorded").err
    order = re.findall(r"Undone (\S+) in", undone)
    assert sorted(order) == sorted([*WITHOUT_FILE, "blog.0002_stars"])
    assert [each for each in order if each in WITHOUT_FILE] == WITHOUT_FILE[::-1]
    assert ours.applied() == ["blog.0001_m1"]


def test_another_branchs_leaf_stays_where_only_ghosts_are_undone(branches: Branches) -> None:
    ours = branches.part().ours
    ours.do("migrate")
    ours.do("migrate", "blog", "0002_stars", "--recorded")
    assert ours.applied() == ["blog.0001_m1", "blog.0002_stars"]


def test_the_plan_and_the_check_say_what_would_be_undone(branches: Branches) -> None:
    ours = branches.part().ours
    plan = ours.do("migrate", "blog", "--recorded", "--plan").out
    assert re.findall(r"^Undo (\S+)", plan, re.MULTILINE) == WITHOUT_FILE[::-1]
    found = ours.run("migrate", "blog", "--recorded", "--check")
    assert (found.code, found.out.split()) == (1, WITHOUT_FILE[::-1])
    assert ours.applied() == ["blog.0001_m1", *WITHOUT_FILE]


def test_code_from_the_database_runs_only_where_it_was_asked_for(branches: Branches) -> None:
    mark = branches.ours.root / "ran"
    data = f"open({str(mark)!r}, 'w').close()\n" + DATA.format(back=", backwards")
    ours = branches.part(data).ours
    mark.unlink()
    for args in (["migrate"], ["migrate", "blog", "0001"], ["showmigrations"], ["check"]):
        ours.run(*args)
    assert not mark.exists()
    refused = ours.run("migrate", "blog", "0001")
    assert refused.code == 4
    assert "whimbrel migrate blog 0001_m1 --recorded" in refused.err
    ours.do("migrate", "blog", "--recorded")
    assert mark.exists()


LOST = [
    pytest.param(
        "UPDATE whimbrel_migrations SET source = NULL WHERE name = '0003_tag'",
        "blog.0003_tag: its source was not recorded; blog.0004_data: it depends on blog.0003_tag, which is not there",
        id="no source",
    ),
    pytest.param(
        "UPDATE whimbrel_migrations SET source = 'import nothing.at_all' WHERE name = '0004_data'",
        "its source does not load: <recorded blog.0004_data>:1: ModuleNotFoundError: "
        "No module named 'nothing'",
        id="does not load",
    ),
    pytest.param(
        "UPDATE whimbrel_migrations SET source = 'x = 1' WHERE name = '0004_data'",
        "there is no class Migration in it",
        id="no migration",
    ),
]


@pytest.mark.parametrize(("spoilt", "said"), LOST)
@pytest.mark.parametrize("args", [["blog"], ["blog", "0001"], ["blog", "zero"], []], ids=str)
def test_what_the_record_cannot_undo_is_refused(
    branches: Branches, spoilt: str, said: str, args: list[str]
) -> None:
    ours = branches.part().ours
    ours.query(spoilt)
    before = ours.applied()
    refused = ours.run("migrate", *args, "--recorded")
    assert refused.code == 4
    assert said in refused.err
    assert ours.applied() == before


def test_a_ghost_without_a_way_back_is_refused(branches: Branches) -> None:
    ours = branches.part(DATA.format(back="")).ours
    refused = ours.run("migrate", "blog", "--recorded")
    assert refused.code == 4
    assert "error[irreversible]: blog.0004_data: Run Python function forwards" in refused.err
    assert "blog_tag" in ours.tables()


def test_without_ghosts_there_is_nothing_to_undo(branches: Branches) -> None:
    assert branches.ours.do("migrate", "--recorded").err == "Nothing to do.\n"
    branches.ours.do("migrate")
    assert branches.ours.do("migrate", "blog", "--recorded").err == "Nothing to do.\n"
    branches.ours.do("migrate", "blog", "zero", "--recorded")
    assert branches.ours.applied() == []


def test_ghosts_of_another_app_stop_nothing(branches: Branches) -> None:
    for project in (branches.ours, branches.theirs):
        project.configured("blog", "news")
        project.chain("news", 1)
    branches.theirs.chain("news", 2)
    ours = branches.part().ours
    ours.query("UPDATE whimbrel_migrations SET source = NULL WHERE app = 'news'")
    ours.do("migrate", "blog", "--recorded")
    assert ours.applied() == ["blog.0001_m1", "news.0001_m1", "news.0002_m2"]
    assert ours.run("migrate", "news", "--recorded").code == 4


def test_what_depends_on_a_ghost_in_another_app_goes_with_it(branches: Branches) -> None:
    for project in (branches.ours, branches.theirs):
        project.configured("blog", "news")
        project.chain("news", 1)
    branches.part()
    branches.theirs.migration(
        "news", "0002_x", CREATE.format(name="X"), after=[("news", "0001_m1"), ("blog", "0003_tag")]
    )
    branches.theirs.do("migrate")
    ours = branches.ours
    ours.do("migrate", "blog", "--recorded")
    assert ours.applied() == ["blog.0001_m1", "news.0001_m1"]
    assert "news_x" not in ours.tables()


def test_a_migration_of_a_directory_that_is_not_here(branches: Branches) -> None:
    ours = branches.part().ours
    shutil.rmtree(ours.root / "blog/migrations")
    ours.do("migrate", "blog", "zero", "--recorded")
    assert ours.tables() == set()


SQUASH = """from whimbrel import migrations, models

class Migration(migrations.Migration):
    replaces = [("blog", "0002_slug"), ("blog", "0003_tag"), ("blog", "0004_data")]
    dependencies = [("blog", "0001_m1")]
    operations = [
        migrations.AddField("m1", "slug", models.CharField(max_length=50, default="x")),
        {tag},
    ]
"""


def squashed(project: Project) -> None:
    """What was parted is applied as one squash."""
    project.do("migrate", "blog", "0001")
    project.write("blog/migrations/0002_squashed.py", SQUASH.format(tag=CREATE.format(name="Tag")))
    project.do("migrate")
    assert "blog.0002_squashed" in project.applied()


@pytest.mark.parametrize("pruned", [False, True], ids=["originals kept", "originals pruned"])
def test_a_squash_that_is_unknown_here_is_undone_as_one(branches: Branches, pruned: bool) -> None:
    ours, theirs = branches.part().ours, branches.theirs
    theirs.do("migrate", "blog", "0001")
    for file in theirs.root.glob("blog/migrations/000[234]*.py") if pruned else ():
        file.unlink()
    squashed(theirs)
    assert ours.applied() == ["blog.0001_m1", *sorted([*WITHOUT_FILE, "blog.0002_squashed"])]
    undone = ours.do("migrate", "blog", "--recorded").err
    assert re.findall(r"Undone (\S+) in", undone) == ["blog.0002_squashed"]
    assert ours.applied() == ["blog.0001_m1"]
    assert "blog_tag" not in ours.tables()


def test_a_squash_of_what_is_here_is_no_reason_to_undo_it(branches: Branches) -> None:
    theirs = branches.part().theirs
    third = Project(theirs.root.parent / "third", theirs.url)
    shutil.copytree(theirs.root, third.root)
    squashed(theirs)
    before = third.applied()
    refused = third.run("migrate", "blog", "--recorded")
    assert refused.code == 4
    assert "0002_squashed: it is a squash of migrations that have their files here" in refused.err
    assert third.applied() == before
