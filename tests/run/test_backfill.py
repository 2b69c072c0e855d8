"""Backfills: values for every row, batch by batch, once each."""

from __future__ import annotations

import datetime as dt
import random
import time
import uuid
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from projects import Project, kill
from whimbrel.config import load_config
from whimbrel.errors import ModelError, UnsupportedError
from whimbrel.migrations import Backfill
from whimbrel.models import F
from whimbrel.run import keytext
from whimbrel.run.connect import connected, database_of
from whimbrel.run.events import BackfillMoved, BackfillWaiting, Event
from whimbrel.run.keys import Keys, Span
from whimbrel.run.migrate import migrate
from whimbrel.run.pace import AIM, FIRST, LARGEST, SMALLEST, Pace
from whimbrel.run.plan import EVERYTHING, Target

CREATE = (
    """migrations.CreateModel("Author", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("username", models.CharField(max_length=50)),
])""",
    """migrations.CreateModel("Post", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("title", models.CharField(max_length=50)),
    ("author", models.ForeignKey("Author", models.CASCADE)),
    ("counter", models.IntegerField(default=0)),
    ("slug", models.CharField(max_length=50, null=True)),
    ("token", models.UUIDField(null=True)),
    ("is_awesome", models.BooleanField(null=True)),
])""",
)


@pytest.fixture
def blog(tmp_path: Path, database_url: str) -> Project:
    """A project with two authors, and ten posts whose keys have gaps."""
    project = Project(tmp_path, database_url).configured("blog")
    project.migration("blog", "0001_initial", *CREATE)
    project.do("migrate")
    project.query("INSERT INTO blog_author (id, username) VALUES (1, 'Greg'), (2, 'Ann')")
    rows = ", ".join(f"({number * 7}, 'T{number}', {number % 2 + 1}, 0)" for number in range(10))
    project.query(f"INSERT INTO blog_post (id, title, author_id, counter) VALUES {rows}")
    return project


def add(project: Project, *operations: str, before: str = "") -> None:
    """A second migration. ``before``: code above its class."""
    file = project.migration("blog", "0002_data", *operations, after=[("blog", "0001_initial")])
    file.write_text(file.read_text().replace("\nclass ", f"\nimport uuid\n\n{before}\n\nclass "))


def run(project: Project, target: Target = EVERYTHING, **wishes: Any) -> list[Event]:
    """Migrate in this process; gives what was told."""
    events: list[Event] = []
    config = replace(load_config(project.root), databases={"default": project.url})
    migrate(config, target, tell=events.append, **wishes)
    return events


def column(project: Project, name: str) -> list[Any]:
    """The values of a column, in the order of the keys."""
    return [row[0] for row in project.query(f"SELECT {name} FROM blog_post ORDER BY id")]


GREG = [number % 2 == 0 for number in range(10)]
FUNCTION = """
def fill(posts):
    for post in posts.order_by("id"):
        post.slug = post.title.lower()
        post.save()
"""
REMOTE = """
async def fill(posts):
    posts.update(slug="later")
"""


@pytest.mark.parametrize(
    ("arguments", "before", "name", "expected"),
    [
        ("set={'counter': 7}", "", "counter", [7] * 10),
        ("set={'counter': models.F('id') + 1}", "", "counter", list(range(1, 71, 7))),
        ("set={'slug': models.SQL('lower(title)')}", "", "slug", [f"t{n}" for n in range(10)]),
        (
            "set={'counter': models.F('counter') + 1}, where=models.Q(author__username='Greg')",
            "",
            "counter",
            [int(each) for each in GREG],
        ),
        ("set={'is_awesome': models.Q(author__username='Greg')}", "", "is_awesome", GREG),
        (
            "set={'counter': 1}, where=models.SQL('id > 40')",
            "",
            "counter",
            [0] * 6 + [1] * 4,
        ),
        ("fill", FUNCTION, "slug", [f"t{n}" for n in range(10)]),
        (
            "fill, where=models.Q(id__gt=40)",
            FUNCTION,
            "slug",
            [None] * 6 + ["t6", "t7", "t8", "t9"],
        ),
        ("fill", REMOTE, "slug", ["later"] * 10),
    ],
)
def test_values(blog: Project, arguments: str, before: str, name: str, expected: list[Any]) -> None:
    add(blog, f"migrations.Backfill('post', {arguments})", before=before)
    events = run(blog)
    assert column(blog, name) == expected
    assert [event.rows for event in events if isinstance(event, BackfillMoved)] == [10]
    assert blog.query("SELECT * FROM whimbrel_backfill") == []


def test_a_function_in_set_is_called_for_each_row(blog: Project) -> None:
    add(blog, "migrations.Backfill('post', set={'token': uuid.uuid4, 'slug': 'x'})")
    run(blog)
    assert len(set(column(blog, "token"))) == 10
    assert column(blog, "slug") == ["x"] * 10
