"""A small library of posts, made by operations on a real database, for the tests of queries."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from whimbrel import migrations as m
from whimbrel import models
from whimbrel.engines import engine_for
from whimbrel.operations import Operation
from whimbrel.orm import apps_at
from whimbrel.orm.apps import Apps
from whimbrel.state.difference import changes_between, schemas_of
from whimbrel.state.state import State

UTC = dt.UTC

BLOG: list[Operation] = [
    m.CreateModel("City", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]),
    m.CreateModel(
        "Author",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("username", models.CharField(max_length=30, unique=True)),
            ("city", models.ForeignKey("City", models.SET_NULL, null=True)),
            ("born", models.DateField(null=True)),
        ],
    ),
    m.CreateModel(
        "Tag",
        [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=20, unique=True))],
    ),
    m.CreateModel(
        "Post",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("author", models.ForeignKey("Author", models.CASCADE, null=True)),
            ("title", models.CharField(max_length=50)),
            ("text", models.TextField(null=True)),
            ("price", models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("1.50"))),
            ("views", models.IntegerField(default=0)),
            ("is_awesome", models.BooleanField(null=True)),
            ("made", models.DateTimeField(null=True)),
            ("added", models.DateTimeField(auto_now_add=True)),
            ("changed", models.DateTimeField(auto_now=True)),
            ("token", models.UUIDField(default=uuid.uuid4)),
            ("data", models.JSONField(null=True)),
            ("mood", models.EnumField(["good", "bad"], default="good")),
            ("tags", models.ManyToManyField("Tag", related_name="posts")),
        ],
    ),
    m.CreateModel(
        "Comment",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("post", models.ForeignKey("Post", models.CASCADE, related_name="comments")),
            ("author", models.ForeignKey("Author", models.SET_NULL, null=True, related_name="+")),
            ("text", models.TextField()),
            ("stars", models.IntegerField(null=True)),
        ],
    ),
    m.CreateModel(
        "Review",
        [
            ("post_ptr", models.OneToOneField("Post", models.CASCADE, primary_key=True, parent_link=True)),
            ("grade", models.IntegerField(default=3)),
        ],
        bases=["Post"],
    ),
    m.CreateModel(
        "Profile",
        [
            ("author", models.OneToOneField("Author", models.CASCADE, primary_key=True)),
            ("motto", models.TextField(default="none")),
        ],
    ),
    m.CreateModel(
        "Seat",
        [
            ("row", models.IntegerField()),
            ("number", models.IntegerField()),
            ("taken", models.BooleanField(default=False)),
        ],
        options={"primary_key": ["row", "number"]},
    ),
]  # fmt: skip


def state_of(operations: list[Operation], app: str = "blog") -> State:
    """The state that operations lead to."""
    state = State()
    for operation in operations:
        state = operation.apply(app, state)
    return state


def make(connection: sa.Connection, state: State) -> None:
    """Make the tables of a state in an empty database, as a migration does."""
    engine = engine_for(connection.dialect.name)
    steps = engine.steps(changes_between(State(), state), schemas_of(State(), state)[0])
    with engine.transaction(connection, steps):
        for step in steps:
            for statement in engine.settle(connection, step):
                connection.exec_driver_sql(statement)


def open_engine(url: str) -> sa.Engine:
    """An engine whose connections are as those of a migration."""
    level = {"isolation_level": "AUTOCOMMIT"} if url.startswith("sqlite") else {}
    return sa.create_engine(url, poolclass=sa.pool.NullPool, **level)


def moment(*parts: int) -> dt.datetime:
    """A moment in UTC."""
    return dt.datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def make_blog(connection: sa.Connection) -> Apps:
    """The blog with its rows: four posts of three authors, and one of nobody."""
    state = state_of(BLOG)
    make(connection, state)
    apps = apps_at(state, connection)
    fill(apps)
    return apps


def fill(apps: Apps) -> None:
    """Put in the rows."""
    model: Any = apps.get_model
    oslo, lima = (model("blog", "City").objects.create(name=name) for name in ("Oslo", "Lima"))
    authors = model("blog", "Author").objects
    greg = authors.create(username="Greg", city=oslo, born=dt.date(1980, 5, 17))
    anna = authors.create(username="Anna", city=lima, born=dt.date(1990, 12, 31))
    authors.create(username="Zoë_%", city=None)
    model("blog", "Profile").objects.create(author=greg, motto="onwards")
    posts = model("blog", "Post").objects
    first = posts.create(
        author=greg, title="First", text="Hello World", price=Decimal("10.00"), views=5,
        is_awesome=False, made=moment(2020, 1, 5, 10, 30, 15), data={"a": {"b": [1, 2]}, "n": 5, "t": True},
    )  # fmt: skip
    second = posts.create(
        author=greg, title="second", text="50% off_now", price=Decimal("2.25"), views=7,
        is_awesome=True, made=moment(2021, 6, 30, 23, 59, 59), data={"a": "x", "n": 7, "t": False},
    )  # fmt: skip
    third = posts.create(
        author=anna, title="Third", text=None, views=0, made=moment(2021, 12, 31, 0, 0, 0),
        data=["k", "l"], mood="bad",
    )  # fmt: skip
    posts.create(author=None, title="", text="lost", price=Decimal("3.00"), views=1)
    red, blue = (model("blog", "Tag").objects.create(name=name) for name in ("red", "blue"))
    first.tags.add(red, blue)
    second.tags.add(red)
    comments = model("blog", "Comment").objects
    comments.create(post=first, author=anna, text="nice", stars=5)
    comments.create(post=first, author=None, text="hm", stars=1)
    comments.create(post=third, author=greg, text="nice", stars=None)
