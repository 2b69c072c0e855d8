"""Any history, squashed: wherever a database is when the squash comes, it ends the same."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, note, settings
from hypothesis import strategies as st

from lawful import normal
from properties.test_histories import connected_to, directly, fresh_postgresql, rows, seen
from servers import PostgresServer
from strategies import examples, operations
from whimbrel.commands.migrate import migrate
from whimbrel.commands.squash import make_squash, write
from whimbrel.config import Config, load_config
from whimbrel.errors import UsageError, WhimbrelError
from whimbrel.history.loader import load
from whimbrel.history.squash.optimizer import Original, least
from whimbrel.history.writer import render_migration, write_migration
from whimbrel.operations import Operation
from whimbrel.operations.base import replay
from whimbrel.operations.special import RunPython
from whimbrel.planning.plan import Target
from whimbrel.schema.table import Table
from whimbrel.state.lowering import lower
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair
from wild import wild_histories

pytestmark = pytest.mark.reduced

#: A migration that puts rows in, with names that every file has.
DATA = '''\
from whimbrel import migrations

STATEMENTS = {statements!r}


def put(editor):
    for statement in STATEMENTS:
        editor.execute(statement)


def forwards(apps, schema_editor):
    """Rows of defaults."""
    put(schema_editor)


class Migration(migrations.Migration):
    dependencies = {after!r}

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
'''


@dataclass
class Written:
    """A history as text: app, name and text of each file, and the state in the end."""

    files: list[tuple[str, str, str]] = field(default_factory=list)
    state: State = field(default_factory=State)
    _known: set[str | None] = field(default_factory=set)

    def _after(self, app: str) -> list[tuple[str, str]]:
        """What comes before: the last one, and the app's own last one."""
        own = [each[:2] for each in self.files if each[0] == app]
        return sorted({self.files[-1][:2], *own[-1:]}) if self.files else []

    def _name(self) -> str:
        return f"{len(self.files) + 1:04d}_m"

    def add(self, app: str, *made: Operation) -> None:
        for operation in made:
            self.state = operation.apply(app, self.state)
        text = render_migration(app, self._name(), self._after(app), made)
        self.files.append((app, self._name(), text))

    def put_rows(self) -> None:
        """Two rows in each new table, by the app that came last."""
        tables = [each for each in lower(self.state).tables.values() if self._is_new(each)]
        self._known |= {each.key for each in tables}
        statements = [f'INSERT INTO "{each.name}" DEFAULT VALUES' for each in tables] * 2
        if self.files:
            app = self.files[-1][0]
            text = DATA.format(statements=statements, after=self._after(app))
            self.files.append((app, self._name(), text))

    def _is_new(self, table: Table) -> bool:
        return table.key not in self._known and not (table.key or "").endswith(".through")


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Files of a history of one app, or of two that take turns."""
    apps = draw(st.sampled_from([("one",), ("one", "two")]))
    made = Written()
    for _ in range(draw(st.integers(2, 9))):
        if draw(st.integers(0, 3)) == 0:
            made.put_rows()
        drawn = operations(made.state).filter(lambda found: found[0] in apps)
        made.add(*draw(drawn))
    return made


# -- databases -----------------------------------------------------------------------------------


@contextmanager
def sqlite_urls(folder: Path) -> Iterator[dict[str, str]]:
    yield {alias: f"sqlite:///{folder / alias}.db" for alias in ("long", "short", "partly")}


Urls = Callable[[Path], Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> tuple[Urls, Any]:
    """Gives context managers: of three empty databases, and of a connection to one more."""
    from properties.test_histories import fresh_sqlite

    if request.param == "sqlite":
        return sqlite_urls, fresh_sqlite
    server: PostgresServer = request.getfixturevalue("postgresql_server")

    @contextmanager
    def postgresql_urls(_: Path) -> Iterator[dict[str, str]]:
        with (
            server.fresh_database() as one,
            server.fresh_database() as two,
            server.fresh_database() as three,
        ):
            yield {
                "long": server.url(one),
                "short": server.url(two),
                "partly": server.url(three),
            }

    return postgresql_urls, lambda: fresh_postgresql(server)


def project(root: Path, history: Written, urls: dict[str, str]) -> Config:
    (root / "pyproject.toml").write_text('[tool.whimbrel]\napps = ["one", "two"]\n')
    for app, name, text in history.files:
        write_migration(root / app / "migrations" / f"{name}.py", text)
    for app in ("one", "two"):
        (root / app).mkdir(exist_ok=True)
        (root / app / "__init__.py").touch()
    return replace(load_config(root), databases=urls)


def squashed(config: Config) -> int:
    """Squash all that can be; how many files that made."""
    history = load(config.apps)
    count = 0
    for app in ("one", "two"):
        leaf = history.graph.leaf(app)
        if leaf is None:
            continue
        try:
            found = make_squash(config, app, leaf.name)
        except UsageError as error:
            note(error.message)
            continue
        for each in found.squashes:
            note(each.text)
            event(f"spans left as they were: {bool(each.unchanged)}")
        write(found)
        count += len(found.squashes)
    return count


def found_in(config: Config, alias: str, state: State) -> Any:
    """The catalog without Whimbrel's own tables, and the rows by identity."""
    with connected_to(config.databases[alias]) as connection:
        return without_ours(seen(connection)), rows(connection, state)


def without_ours(catalog: Any) -> Any:
    """A catalog is entries by their kind (PostgreSQL), or facts by their table (SQLite)."""
    return {
        what: [each for each in found if "whimbrel_" not in repr(each)]
        if isinstance(found, list)
        else found
        for what, found in catalog.items()
        if "whimbrel_" not in what
    }


slow = settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


@slow
@given(history=written(), data=st.data())
def test_schema_and_rows_are_the_same_on_every_way(
    urls: tuple[Urls, Any], history: Written, data: st.DataObject
) -> None:
    open_urls, fresh = urls
    for app, name, text in history.files:
        note(f"# {app}/{name}\n{text}")
    with tempfile.TemporaryDirectory() as folder, open_urls(Path(folder)) as found:
        config = project(Path(folder), history, found)
        state = history.state
        migrate(config, alias="long", leap=False)
        stop = history.files[data.draw(st.integers(0, len(history.files) - 1))][:2]
        migrate(config, Target(*stop), alias="partly")
        assume(squashed(config))
        migrate(config, alias="short")
        migrate(config, alias="partly")
        long = found_in(config, "long", state)
        assert found_in(config, "short", state) == long
        assert found_in(config, "partly", state) == long
        assert long[0] == without_ours(directly(fresh, state))
    for name in [each for each in sys.modules if each.startswith("whimbrel_migrations_")]:
        del sys.modules[name]


# -- without a database ----------------------------------------------------------------------------


def identified(state: State) -> Any:
    """All that a state asks of a database, with the identities of models and fields."""
    keys = {
        model.label.lower(): (model.key, {each.name: each.key for each in model.fields})
        for model in state
    }
    try:
        return keys, normal(lower(state))
    except WhimbrelError:
        return keys


def nothing(apps: Any, editor: Any) -> None:
    """A barrier."""


@settings(max_examples=examples(150), deadline=None)
@given(history=wild_histories(), barriers=st.lists(st.integers(0, 30), max_size=3))
def test_any_run_of_operations_has_a_squash_that_leads_to_the_same(
    history: list[tuple[str, Operation]], barriers: list[int]
) -> None:
    for place in barriers:
        if place < len(history):
            history.insert(place, (history[place][0], RunPython(nothing)))
    states = StatePair.empty()
    for app, run in groupby(history, key=lambda made: made[0]):
        wanted = [operation for _, operation in run]
        originals = [Original((app, "0001"), index, each) for index, each in enumerate(wanted)]
        content = least(app, originals, states)
        made = [each.operation if isinstance(each, Original) else each for each in content.members]
        after = replay(app, wanted, states)
        reached = replay(app, made, states)
        assert identified(reached.models) == identified(after.models)
        assert sum(isinstance(each, RunPython) for each in made) == sum(
            isinstance(each, RunPython) for each in wanted
        )
        assert len(made) <= len(wanted) + 1
        states = after
