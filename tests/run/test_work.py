"""Work: stages as steps, made offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import CREATE, Project
from whimbrel.config import load_config
from whimbrel.engines import engine_for
from whimbrel.history.loader import History, load
from whimbrel.planning.plan import EVERYTHING, Target, make_plan
from whimbrel.planning.work import Work, build_work

pytestmark = pytest.mark.reduced


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, "sqlite://").configured("blog")


def history_of(project: Project) -> History:
    return load(load_config(project.root).apps)


def works(
    project: Project,
    target: Target = EVERYTHING,
    applied: int = 0,
    leap: bool = True,
    dialect: str = "sqlite",
) -> list[Work]:
    history = history_of(project)
    there = [node.key for node in history.graph.order()[:applied]]
    plan = make_plan(history.graph, target, there, leap=leap)
    return list(build_work(history, engine_for(dialect), plan, there))


def test_a_leap_makes_what_is_left_in_the_end(project: Project) -> None:
    project.migration("blog", "0001_a", CREATE.format(name="A"), CREATE.format(name="B"))
    project.migration("blog", "0002_b", 'migrations.DeleteModel("A")', after=[("blog", "0001_a")])
    (leap,) = works(project)
    assert [step.sql.split("(")[0].strip() for step in leap.steps] == ["CREATE TABLE blog_b"]
    assert leap.operations == ("Create model A", "Create model B", "Delete model A")
    one_by_one = works(project, leap=False)
    assert [len(work.steps) for work in one_by_one] == [2, 1]


WIDEST = engine_for("postgresql").capabilities.max_tables_in_transaction or 0


@pytest.mark.parametrize(
    ("dialect", "pieces", "steps"),
    [
        ("postgresql", [("blog.0001", "blog.0002"), ("blog.0003",)], [WIDEST, WIDEST // 2]),
        ("sqlite", [("blog.0001", "blog.0002", "blog.0003")], [WIDEST // 2 * 3]),
    ],
)
def test_a_leap_that_is_too_wide_for_the_database_is_taken_in_pieces(
    project: Project, dialect: str, pieces: list[tuple[str, ...]], steps: list[int]
) -> None:
    names = [f"{number:04d}" for number in (1, 2, 3)]
    for index, name in enumerate(names):
        creates = [CREATE.format(name=f"M{name}x{n}") for n in range(WIDEST // 2)]
        after = [("blog", names[index - 1])] if index else []
        project.migration("blog", name, *creates, after=after)
    found = works(project, dialect=dialect)
    assert [work.stage.labels for work in found] == pieces
    assert [len(work.steps) for work in found] == steps


def test_the_way_back_reads_the_difference_the_other_way(project: Project) -> None:
    project.chain("blog", 2)
    found = works(project, Target("blog", "zero"), applied=2)
    assert [work.stage.labels for work in found] == [("blog.0002_m2",), ("blog.0001_m1",)]
    assert ["DROP TABLE" in work.steps[-1].sql for work in found] == [True, True]


def test_neighbouring_changes_to_a_table_are_one_rebuild(project: Project) -> None:
    project.chain("blog", 1)
    alter = 'migrations.AlterField("M1", "number", models.{}())'
    add = 'migrations.AddField("M1", "{}", models.IntegerField(unique=True, null=True))'
    project.migration(
        "blog",
        "0002_x",
        alter.format("BigIntegerField"),
        add.format("a"),
        add.format("b"),
        after=[("blog", "0001_m1")],
    )
    (work,) = works(project, applied=1)
    assert sum("CREATE TABLE" in step.sql for step in work.steps) == 1
