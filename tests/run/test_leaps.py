"""A leap over rows: it gives them what they would get step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import catalog
import catalog_sqlite
from projects import Project
from properties.test_squashes import without_ours
from whimbrel.commands.migrate import migrate
from whimbrel.config import Config, load_config
from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import load
from whimbrel.planning.plan import EVERYTHING, make_plan
from whimbrel.state.provenance import LeapSplitter

pytestmark = pytest.mark.reduced

START = """migrations.CreateModel("Row", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("text", models.CharField(max_length=20, default="7")),
    ("empty", models.CharField(max_length=20, null=True)),
    ("price", models.DecimalField(max_digits=8, decimal_places=2, default=1.25)),
    ("kind", models.EnumField(["draft", "live"], default="draft")),
    ("count", models.IntegerField(default=1)),
    ("first", models.IntegerField(default=1)),
    ("sum", models.GeneratedField(models.SQL("first + 1"), models.IntegerField())),
    ("friends", models.ManyToManyField("self")),
])"""

DATA = """migrations.RunSQL([
    "INSERT INTO blog_row (id) VALUES (1)",
    "INSERT INTO blog_row (id, text) VALUES (2, '12')",
    "INSERT INTO blog_row_friends (from_row_id, to_row_id) VALUES (1, 2)",
], migrations.RunSQL.noop)"""


def add(name: str, field: str, more: str = "") -> str:
    return f'migrations.AddField("Row", "{name}", models.{field}{more})'


def alter(name: str, field: str, more: str = "") -> str:
    return f'migrations.AlterField("Row", "{name}", models.{field}{more})'


def remove(name: str) -> str:
    return f'migrations.RemoveField("Row", "{name}")'


ONCE = ", preserve_default=False"
OTHER = """migrations.CreateModel("Other", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("x", models.CharField(max_length=9, default="a")),
])"""
OTHERS_X = 'migrations.AlterField("Other", "x", models.IntegerField(default=5))'

#: What comes after the rows, one operation a migration; how many differences that takes at least.
CASES: dict[str, tuple[list[str], int]] = {
    "added with one default, altered to another": (
        [add("x", 'TextField(default="a")'), alter("x", 'TextField(default="b")')],
        2,
    ),
    "added without a value, then a default": (
        [add("x", "TextField(null=True)"), alter("x", 'TextField(null=True, default="b")')],
        2,
    ),
    "added without a value, filled later": (
        [add("x", "TextField(null=True)"), alter("x", 'TextField(default="b")')],
        1,
    ),
    "filled once, and then with something else": (
        [
            add("x", "TextField(null=True)"),
            alter("x", 'TextField(default="a")', ONCE),
            alter("x", "TextField(null=True)"),
            alter("x", 'TextField(default="b")', ONCE),
        ],
        2,
    ),
    "altered to NOT NULL by one one-off, said again with another": (
        [
            alter("empty", 'CharField(max_length=20, default="a")', ONCE),
            alter("empty", 'CharField(max_length=20, default="b")', ONCE),
        ],
        2,
    ),
    "the same default all along": (
        [
            add("x", 'CharField(max_length=5, default="a")'),
            alter("x", 'TextField(default="a")'),
            alter("x", 'TextField(default="a", null=True)'),
        ],
        1,
    ),
    "removed, and another under its name": (
        [remove("text"), add("text", 'TextField(default="new")')],
        1,
    ),
    "removed, and two others under its name": (
        [remove("text"), add("text", 'TextField(default="a")'), alter("text", "TextField()")],
        2,
    ),
    "text to a number and back": (
        [alter("text", "IntegerField(default=0)"), alter("text", "TextField()")],
        2,
    ),
    "a number to text and back": (
        [alter("count", "TextField()"), alter("count", "IntegerField()")],
        2,
    ),
    "digits cut off and come back": (
        [
            alter("price", "DecimalField(max_digits=8, decimal_places=1)", ", lossy=True"),
            alter("price", "DecimalField(max_digits=8, decimal_places=2)"),
        ],
        2,
    ),
    "narrowed, and widened": (
        [alter("text", "CharField(max_length=5)"), alter("text", "TextField()")],
        1,
    ),
    "deleted, and another model under its name": (
        [
            'migrations.DeleteModel("Row")',
            START.replace('"7"', '"8"'),
            alter("text", "TextField()"),
        ],
        1,
    ),
    "a label renamed, and then text": (
        [
            'migrations.RenameEnumValue("Row", "kind", "draft", "sketch")',
            alter("kind", "TextField()"),
        ],
        2,
    ),
    "a label renamed twice": (
        [
            'migrations.RenameEnumValue("Row", "kind", "draft", "sketch")',
            'migrations.RenameEnumValue("Row", "kind", "sketch", "idea")',
        ],
        1,
    ),
    "computed, and then plain": (
        [
            add("more", 'GeneratedField(models.SQL("first + 5"), models.IntegerField())'),
            alter("more", "IntegerField(null=True)"),
        ],
        2,
    ),
    "of what was filled, computed and then plain": (
        [
            add("x", "IntegerField(default=5)"),
            add("more", 'GeneratedField(models.SQL("x + 5"), models.IntegerField())'),
            alter("more", "IntegerField(null=True)"),
            remove("x"),
        ],
        2,
    ),
    "a model that has no rows yet": ([OTHER, OTHERS_X], 1),
    "renamed on the way": (
        [
            add("x", 'TextField(default="a")'),
            'migrations.RenameField("Row", "x", "y")',
            'migrations.RenameModel("Row", "Line")',
            'migrations.AlterField("Line", "y", models.TextField(default="b"))',
        ],
        2,
    ),
    "fields that have nothing to do with each other": (
        [
            add("x", 'TextField(default="a")'),
            alter("text", "TextField()"),
            add("y", "IntegerField(default=1)"),
            add("z", "IntegerField(null=True)"),
        ],
        1,
    ),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Project, Config]]:
    """A project with rows in its second migration, and two databases: "leap" and "long"."""
    made = Project(tmp_path, "").configured("blog")
    made.migration("blog", "0001", START)
    made.migration("blog", "0002", DATA, after=[("blog", "0001")])
    config = load_config(tmp_path)
    if request.param == "sqlite":
        urls = {alias: f"sqlite:///{tmp_path / alias}.db" for alias in ("leap", "long")}
        yield made, replace(config, databases=urls)
        return
    server = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as leap, server.fresh_database() as long:
        yield made, replace(config, databases={"leap": server.url(leap), "long": server.url(long)})


def write(project: Project, operations: list[str], *, together: bool = False) -> None:
    """The operations as migrations of their own, after those that there are; or as one."""
    parts = [operations] if together else [[each] for each in operations]
    for number, part in enumerate(parts, start=3):
        project.migration("blog", f"{number:04d}", *part, after=[("blog", f"{number - 1:04d}")])


def there(config: Config, alias: str) -> tuple[Any, Any]:
    """The rows of every table but our own, and the catalog."""
    engine = sa.create_engine(config.databases[alias])
    with engine.connect() as connection:
        names = sorted(
            name for name in sa.inspect(connection).get_table_names() if "whimbrel" not in name
        )
        rows = {name: values(connection, name) for name in names}
        module = catalog_sqlite if connection.dialect.name == "sqlite" else catalog
        found = without_ours(module.catalog(connection))
    engine.dispose()
    return rows, found


def values(connection: sa.Connection, table: str) -> list[list[tuple[str, Any]]]:
    found = connection.execute(sa.text(f'SELECT * FROM "{table}" ORDER BY id')).mappings()
    return [sorted(dict(row).items()) for row in found]


@pytest.mark.parametrize("case", CASES)
def test_rows_and_schema_are_those_of_the_long_way(
    project: tuple[Project, Config], case: str
) -> None:
    files, config = project
    write(files, CASES[case][0])
    migrate(config, alias="leap")
    migrate(config, alias="long", leap=False)
    assert there(config, "leap") == there(config, "long")


@pytest.mark.parametrize("case", CASES)
def test_operations_of_one_migration_do_what_they_do_apart(
    project: tuple[Project, Config], case: str
) -> None:
    files, config = project
    write(files, CASES[case][0])
    migrate(config, alias="long", leap=False)
    for file in sorted((files.root / "blog/migrations").glob("000[3-9].py")):
        file.unlink()
    write(files, CASES[case][0], together=True)
    migrate(config, alias="leap", leap=False)
    assert there(config, "leap") == there(config, "long")


def test_what_is_unique_for_a_while_stops_the_long_way_alone(
    project: tuple[Project, Config],
) -> None:
    files, config = project
    unique = 'models.UniqueConstraint(fields=["count"], name="lone")'
    write(
        files,
        [
            f'migrations.AddConstraint("Row", {unique})',
            'migrations.RemoveConstraint("Row", "lone")',
        ],
    )
    migrate(config, alias="leap")
    with pytest.raises(WhimbrelError):
        migrate(config, alias="long", leap=False)


@pytest.mark.parametrize("managed", [True, False])
def test_a_table_that_is_handed_over_stays_as_it_is(
    project: tuple[Project, Config], managed: bool
) -> None:
    """There is no table for a leap to make of a model that was somebody else's, and is ours in the end."""
    files, config = project
    for file in (files.root / "blog/migrations").glob("000*.py"):
        file.unlink()
    made = OTHER[:-1] + f', options={{"managed": {not managed}}})'
    options = f'migrations.AlterModelOptions("Other", {{"managed": {managed}}})'
    files.migration("blog", "0001", START)
    files.migration("blog", "0002", made, after=[("blog", "0001")])
    write(files, [options])
    migrate(config, alias="leap")
    migrate(config, alias="long", leap=False)
    assert there(config, "leap") == there(config, "long")
    assert ("blog_other" in there(config, "leap")[0]) is not managed


@pytest.mark.parametrize("case", CASES)
def test_a_leap_is_cut_where_it_must_be_and_nowhere_else(tmp_path: Path, case: str) -> None:
    operations, least = CASES[case]
    made = Project(tmp_path, "").configured("blog")
    made.migration("blog", "0001", START)
    made.migration("blog", "0002", DATA, after=[("blog", "0001")])
    write(made, operations)
    history = load(load_config(tmp_path).apps)
    states = [
        history.state_after(("blog", f"{n:04d}")).database for n in range(2, len(operations) + 3)
    ]
    splitter = LeapSplitter({model.key for model in states[0]})
    assert 1 + sum(splitter.is_needed_before(*pair) for pair in pairwise(states)) == least
    plan = make_plan(history.graph, EVERYTHING, ())
    assert [len(stage.nodes) for stage in plan.stages] == [1, 1, len(operations)]
