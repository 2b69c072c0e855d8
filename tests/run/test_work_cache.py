"""Work that is remembered: for the very same plan only, and never where more than files have a say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from projects import CREATE, Project
from whimbrel.commands.migrate import migrate
from whimbrel.config import DEFAULT_ALIAS, load_config
from whimbrel.engines import Engine, engine_for
from whimbrel.engines.postgresql import pipeline
from whimbrel.engines.postgresql.engine import PostgreSQLEngine
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.errors import StateError
from whimbrel.history import cache as files
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key
from whimbrel.planning import cache
from whimbrel.planning.items import DataOperation
from whimbrel.planning.plan import EVERYTHING, Target, make_plan
from whimbrel.planning.work import Work, build_work
from whimbrel.run.events import MigrationStarted
from whimbrel.state.state_pair import StatePair

pytestmark = pytest.mark.reduced

LONG = cache._WORTHWHILE + 1
DATA = "migrations.RunPython(migrations.RunPython.noop)"
SQL = 'migrations.RunSQL([("UPDATE blog_m1 SET number = %s", [1])])'


class Planner:
    """A project with a long history. ``made``: how often its work was made."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.made = 0

    def work(
        self,
        engine: Engine | None = None,
        target: Target = EVERYTHING,
        applied: int = 0,
        leap: bool = True,
    ) -> list[Work]:
        history = load(load_config(self.project.root).apps)
        there = [node.key for node in history.graph.order()[:applied]]
        plan = make_plan(history.graph, target, there, leap=leap)
        return list(cache.cached_work(history, engine or engine_for("sqlite"), plan, there))

    def file(self, number: int) -> Path:
        return self.project.root / "blog" / "migrations" / f"{number:04d}_m{number}.py"

    def kept(self) -> list[Path]:
        return list(self.project.root.rglob("*.plan-*.json"))


@pytest.fixture
def planner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    project = Project(tmp_path, "sqlite://").configured("blog")
    for number in range(1, LONG + 1):
        own = {5: DATA, 9: SQL, 12: f"{CREATE.format(name='X')}, {DATA}"}
        after = [("blog", f"{number - 1:04d}_m{number - 1}")] if number > 1 else []
        operation = own.get(number, CREATE.format(name=f"M{number}"))
        project.migration("blog", f"{number:04d}_m{number}", operation, after=after)
    planner = Planner(project)

    def counted(*arguments: object) -> object:
        planner.made += 1
        return build_work(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "build_work", counted)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return planner


def shown(works: list[Work]) -> object:
    """All that is said of work; of models, what they lower to is not asked here."""
    return [
        (
            work.stage.labels,
            work.backwards,
            work.atomic,
            work.operations,
            [
                (
                    part.title,
                    (part.id, part.boundary),
                    sorted(model.label for model in part.state),
                )
                if isinstance(part, DataOperation)
                else part
                for part in work.items
            ],
        )
        for work in works
    ]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("leap", [True, False])
@pytest.mark.parametrize("applied", [0, 3, 7])
def test_what_is_remembered_is_what_was_made(
    planner: Planner, dialect: str, leap: bool, applied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_WORTHWHILE", 5)
    first, second = (
        planner.work(engine_for(dialect), applied=applied, leap=leap) for _ in range(2)
    )
    assert shown(first) == shown(second)
    assert planner.made == 1


def edit(planner: Planner) -> None:
    path = planner.file(7)
    path.write_text(path.read_text().replace("M7", "N7"))


def truncate(planner: Planner) -> None:
    (path,) = planner.kept()
    path.write_text(path.read_text()[:-40])


def garble(planner: Planner) -> None:
    (path,) = planner.kept()
    path.write_text(path.read_text().replace('"is":"Step"', '"is":"Leap"'))


def fill_with_bytes(planner: Planner) -> None:
    (path,) = planner.kept()
    path.write_bytes(b"\xff\x00")


@pytest.mark.parametrize("spoil", [edit, truncate, garble, fill_with_bytes])
def test_what_is_another_or_broken_is_made_anew(
    planner: Planner, spoil: Callable[[Planner], None]
) -> None:
    planner.work()
    spoil(planner)
    found = planner.work()
    assert planner.made == 2
    history = load(load_config(planner.project.root).apps)
    plan = make_plan(history.graph, EVERYTHING, [])
    assert shown(found) == shown(list(build_work(history, engine_for("sqlite"), plan, [])))


OTHERS: dict[str, dict[str, object]] = {
    "another engine": {"engine": engine_for("postgresql")},
    "another server": {"engine": PostgreSQLEngine(Facts(13, "public"))},
    "another target": {"target": Target("blog", f"{LONG - 1:04d}_m{LONG - 1}")},
    "something applied": {"applied": 1},
    "no leap": {"leap": False},
}


@pytest.mark.parametrize("asked", OTHERS.values(), ids=OTHERS)
def test_another_plan_is_made_by_itself(planner: Planner, asked: dict[str, object]) -> None:
    planner.work(PostgreSQLEngine(Facts(18, "public")))
    planner.work()
    planner.work(**asked)  # type: ignore[arg-type]
    assert planner.made == 3


def test_another_version_of_whimbrel_makes_it_anew(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner.work()
    monkeypatch.setattr(files, "_STAMP", "another")
    planner.work()
    assert planner.made == 2


def test_other_code_of_whimbrel_makes_it_anew(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner.work()
    monkeypatch.setattr(cache, "_own_code", lambda: [("differ.py", 1, 2)])
    planner.work()
    assert planner.made == 2


IMPORTS = {
    "import shop": False,
    "import os, shop": False,
    "from . import shop": False,
    "from shop.helpers import NAME": False,
    "if True:\n    import shop as json": False,
    "shop = __import__('json')": False,
    "import importlib": False,
    "import json; import shop": False,
    "x = 1; import shop": False,
    "import json, \\\n    shop": False,
    "import os": False,
    "import datetime, json as j": True,
    "from collections.abc import (\n    Sequence,\n)": True,
    "from sqlalchemy.dialects import postgresql": True,
    "": True,
}


@pytest.mark.parametrize(("line", "is_steady"), IMPORTS.items(), ids=map(repr, IMPORTS))
def test_more_than_the_text_of_a_file_may_have_no_say(line: str, is_steady: bool) -> None:
    source = f"from whimbrel import migrations, models\n{line}\n"
    assert cache._is_steady(source.encode()) is is_steady


def test_a_file_that_asks_others_is_not_remembered(planner: Planner) -> None:
    path = planner.file(3)
    path.write_text(f"import os\n{path.read_text()}")
    planner.work()
    assert planner.kept() == []


def test_a_short_plan_and_the_way_back_are_not_remembered(planner: Planner) -> None:
    planner.work(applied=3)
    planner.work(target=Target("blog", "zero"), applied=LONG)
    assert planner.kept() == []


def test_nothing_is_written_where_no_bytecode_is(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    planner.work()
    assert planner.kept() == []


def test_what_fails_while_the_server_works_fails_where_it_is_asked_for(
    planner: Planner, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(load_config(planner.project.root), databases={DEFAULT_ALIAS: postgresql_url})
    migrate(config)
    engine = sa.create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    asked: list[str] = []

    def apply(self: History, key: Key, states: StatePair) -> StatePair:
        asked.append(key[1])
        if key[1] == "0007_m7":
            raise StateError("no")
        return as_it_is(self, key, states)

    as_it_is = History.apply
    monkeypatch.setattr(History, "apply", apply)
    monkeypatch.setattr(pipeline, "_MANY", 1)
    events: list[object] = []
    with pytest.raises(StateError):
        migrate(config, emit=lambda event: events.append((type(event), asked[-1:])))
    assert planner.made == 1
    assert (MigrationStarted, ["0007_m7"]) in events  # made while the first stages were at work
    with engine.connect() as connection:
        done = connection.exec_driver_sql("SELECT name FROM whimbrel_migrations ORDER BY name")
        assert [name for (name,) in done] == [f"000{n}_m{n}" for n in range(1, 6)]
    engine.dispose()
