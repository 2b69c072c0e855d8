"""Recipes that are killed before each of their statements: what is begun goes on, or back, and nothing is left over."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fire
import forks
from catalog import catalog
from projects import Project
from servers import PostgresServer
from whimbrel.run.events import Event, MigrationDone, MigrationStarted

FIRST = [
    """migrations.CreateModel("Owner", fields=[
        ("id", models.AutoField(primary_key=True)),
        ("text", models.TextField(null=True)),
    ])""",
    """migrations.CreateModel("Entry", fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("number", models.IntegerField(default=7, db_index=True)),
        ("text", models.TextField(null=True)),
        ("owner", models.ForeignKey("blog.Owner", on_delete=models.CASCADE, null=True)),
    ], options={"indexes": [models.Index(fields=["text"], name="entry_text")]})""",
]
#: Those of many statements, of which a way back has many too.
LONG = [
    "a volatile default",
    "NOT NULL",
    "another index",
    "a key on partitions",
    "another type",
    "a bigger key",
]

PARTITIONED = [
    """migrations.CreateModel("Part", fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("number", models.IntegerField(default=0)),
    ], options={"dialect": {"postgresql_partition_by": "RANGE (id)"}})""",
    """migrations.RunSQL(
        "CREATE TABLE blog_low PARTITION OF blog_part FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE blog_high PARTITION OF blog_part DEFAULT;"
        "INSERT INTO blog_part (number) SELECT i FROM generate_series(1, 20) i", migrations.RunSQL.noop)""",
]
ROWS = (
    "INSERT INTO blog_owner (text) VALUES ('a'), (NULL)",
    "INSERT INTO blog_entry (number, text, owner_id) VALUES (1, NULL, 1), (2, 'b', 2), (3, NULL, NULL)",
)

#: What the second migration does.
RECIPES = {
    "a volatile default": [
        'migrations.AddField("entry", "token", models.UUIDField(db_default=models.SQL("gen_random_uuid()")))'
    ],
    "NOT NULL": ['migrations.AlterField("entry", "text", models.TextField(default="none"))'],
    "a check": [
        'migrations.AddConstraint("entry", models.CheckConstraint(condition=models.Q(number__gte=0), name="c"))'
    ],
    "a foreign key": [
        'migrations.AddField("entry", "other", models.ForeignKey("blog.Owner", on_delete=models.CASCADE, null=True, related_name="+"))'
    ],
    "a unique key": [
        'migrations.AddConstraint("entry", models.UniqueConstraint(fields=["number"], name="u"))'
    ],
    "an index": ['migrations.AddIndex("entry", models.Index(fields=["number", "text"], name="i"))'],
    "another index": [
        'migrations.RemoveIndex("entry", "entry_text")',
        'migrations.AddIndex("entry", models.Index(fields=["text", "number"], name="entry_text"))',
    ],
    "a column goes": ['migrations.RemoveField("entry", "number")'],
    "a key's column goes": ['migrations.RemoveField("entry", "owner")'],
    "a table goes": ['migrations.DeleteModel("entry")'],
    "a new table with a key": [
        """migrations.CreateModel("Note", fields=[
            ("id", models.BigAutoField(primary_key=True)),
            ("entry", models.ForeignKey("blog.Entry", on_delete=models.CASCADE)),
        ])"""
    ],
    "another type": ['migrations.AlterField("entry", "number", models.BigIntegerField(default=7, db_index=True))'],
    "an index on partitions": [
        'migrations.AddIndex("part", models.Index(fields=["number"], name="part_number"))'
    ],
    "a key on partitions": [
        'migrations.AddConstraint("part", models.UniqueConstraint(fields=["id", "number"], name="part_u"))'
    ],
    "an identity": ['migrations.AddField("entry", "serial", models.BigIntegerField(identity=models.Identity()))'],
    "a bigger key": ['migrations.AlterField("owner", "id", models.BigAutoField(primary_key=True))'],
}  # fmt: skip

#: By night each statement is one to be killed before; by day some are.
IS_NIGHT = os.environ.get("WHIMBREL_TEST_EVERY_KILL", "0") != "0"

#: What the catalog of tables says nothing of.
MORE = {
    "triggers": "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
}

Rows = Mapping[str, list[dict[str, Any]]]


@dataclass
class Killer:
    """Kills its own process before it sends its statement of that number; those that read are not counted."""

    at: int = 0
    number: int = 0
    is_started: bool = False

    def hear(self, event: Event) -> None:
        self.is_started |= isinstance(event, MigrationStarted)
        if isinstance(event, MigrationDone):
            Path("statements").write_text(str(self.number))

    def prepare(self) -> None:
        sa.event.listen(sa.Engine, "before_cursor_execute", self.count)

    def count(self, connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        if self.is_started and not re.match(r"\s*(SELECT|SET|SHOW|SAVEPOINT|RELEASE)\b", statement):
            self.number += 1
            if self.number == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


class Site:
    """A project on copies of a database with its first migration, and on one with the second."""

    def __init__(self, server: PostgresServer, root: Path, recipe: str) -> None:
        self.server, self.root = server, root
        self.project = Project(root, "").configured("blog", more='large_table = "0B"')
        self.config = (root / "pyproject.toml").read_text()
        first = [*FIRST, *(PARTITIONED if "partitions" in recipe else ())]
        self.project.migration("blog", "0001_first", *first)
        server.execute("CREATE DATABASE at_0001")
        before = self.on("at_0001")
        migrate(before)
        for row in ROWS:
            before.query(row)
        self.project.migration(
            "blog", "0002_second", *RECIPES[recipe], after=[("blog", "0001_first")]
        )
        after = self.copy("at_0002", "at_0001")
        migrate(after)
        self.seen = {"0001": seen(before), "0002": seen(after)}

    def on(self, name: str) -> Project:
        """The project on a database."""
        made = Project(self.root, self.server.url(name))
        (self.root / "pyproject.toml").write_text(self.config.replace("${DATABASE_URL}", made.url))
        return made

    def copy(self, name: str, of: str) -> Project:
        self.drop(name)
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE {of}")
        return self.on(name)

    def drop(self, name: str) -> None:
        self.server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def killed(self, of: str, target: str, at: int) -> bool:
        """Migrate a copy, and kill the run before a statement; False where there is none of that number."""
        project, killer = self.copy("killed", of), Killer(at)
        runner = fire.start(project, target, killer.prepare, emit=killer.hear)
        code = fire.code_of(runner)
        assert code in (0, -signal.SIGKILL), fire.said(project, runner)
        return code != 0

    def refuse_leftovers(self, target: str, at: int) -> None:
        """Bring a copy of what was killed to a migration, and refuse anything but what that is."""
        project = self.copy("ended", "killed")
        migrate(project, target)
        found, expected = seen(project), self.seen[target]
        assert found[0] == expected[0], (at, target)
        # Of rows only what both migrations know can be compared.
        known = self.seen["0001"][1], self.seen["0002"][1]
        assert common(found[1], *known) == common(expected[1], *known), (at, target)
        assert project.applied()[-1].startswith(f"blog.{target}")


def migrate(project: Project, target: str | None = None) -> None:
    fire.wait(project, fire.start(project, target))


def seen(project: Project) -> tuple[Any, Rows]:
    """The catalog without tables of our own, in which nothing is left, and the rows."""
    engine = sa.create_engine(project.url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        found = catalog(connection)
        for what, query in MORE.items():
            found[what] = sorted(map(tuple, connection.exec_driver_sql(query)))
        names = [row[1] for row in found["tables"]]
        rows = {
            name: list(map(dict, connection.exec_driver_sql(f"TABLE {name}").mappings()))
            for name in names
        }
    engine.dispose()
    assert not rows.get("whimbrel_journal") and not rows.get("whimbrel_backfill")
    ours = {
        what: [row for row in of if not str(row[1:2]).startswith("('whimbrel_")]
        for what, of in found.items()
    }
    return ours, {name: of for name, of in rows.items() if name.startswith("blog_")}


def common(rows: Rows, *others: Rows) -> Rows:
    """The values of columns that all have, in order of id; NULL is as what replaces it."""
    found = {}
    for name in set(rows).intersection(*others):
        columns = set(rows[name][0]).intersection(*(other[name][0] for other in others))
        made = [{key: row[key] or "none" for key in columns} for row in rows[name]]
        found[name] = sorted(made, key=lambda row: int(row["id"]))
    return found


@pytest.fixture
def site(
    request: pytest.FixtureRequest, postgresql_server: PostgresServer, project_root: Path
) -> Iterator[Site]:
    import_all()
    names = ("killed", "ended", "half", "at_0002", "at_0001")
    try:
        yield Site(postgresql_server, project_root, request.param)
    finally:
        for name in names:
            postgresql_server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@cache
def import_all() -> None:
    """So that no runner that is forked has to."""
    forks.import_all()


def kill_and_end(site: Site, of: str, target: str) -> None:
    """Kill runs to a migration before their statements, and end each at one of both migrations, or by night at each."""
    ends = ("0001", "0002")
    step = 1 if IS_NIGHT else 4
    for number, at in enumerate(count(1, step)):
        if not site.killed(of, target, at):
            break
        for end in ends if IS_NIGHT else [ends[number % 2]]:
            site.refuse_leftovers(end, at)


@pytest.mark.parametrize("site", RECIPES, indirect=True)
@pytest.mark.parametrize(("of", "target"), [("0001", "0002"), ("0002", "0001")])
def test_what_is_killed_goes_on_and_back(site: Site, of: str, target: str) -> None:
    kill_and_end(site, f"at_{of}", target)


@pytest.mark.parametrize("site", LONG, indirect=True)
def test_what_is_killed_on_its_way_back_from_half_way_goes_on_and_back(site: Site) -> None:
    assert not site.killed("at_0001", "0002", 0)
    half = int((site.root / "statements").read_text()) * 2 // 3
    assert site.killed("at_0001", "0002", half)
    site.copy("half", "killed")
    kill_and_end(site, "half", "0001")
