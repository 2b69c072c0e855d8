"""Backfills: values for every row, batch by batch, once each."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import sqlalchemy as sa

from kills import counters, prepare, walk_with_kills
from projects import Project
from whimbrel import models
from whimbrel.commands.migrate import migrate
from whimbrel.config import Config, load_config
from whimbrel.errors import (
    DataError,
    IrreversibleError,
    LockError,
    ModelError,
    StepError,
    UnsupportedError,
    WhimbrelError,
)
from whimbrel.migrations import Backfill
from whimbrel.planning.plan import EVERYTHING, Target
from whimbrel.report.migrate import progress_text
from whimbrel.run.connect import database_of, open_connection
from whimbrel.run.data import checkpoint
from whimbrel.run.data.keys import Keys, Span
from whimbrel.run.data.throttle import AIM, FIRST, LARGEST, SMALLEST, BatchSize
from whimbrel.run.events import BackfillMoved, BackfillWaiting, Event
from whimbrel.schema.table import Name

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


def run(project: Project, target: Target = EVERYTHING, **options: Any) -> list[Event]:
    """Migrate in this process; gives what was told."""
    events: list[Event] = []
    config = replace(load_config(project.root), databases={"default": project.url})
    migrate(config, target, emit=events.append, **options)
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
        ("set={'slug': models.Lower('title')}", "", "slug", [f"t{n}" for n in range(10)]),
        (
            "set={'slug': models.Case(models.When(id__gt=40, then=models.Value('new')), "
            "default=models.F('author__username'))}",
            "",
            "slug",
            ["Greg", "Ann"] * 3 + ["new"] * 4,
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


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("lambda row: f'{row.title}-{row.id}'", [f"T{n}-{n * 7}" for n in range(10)]),
        ("lambda row=None: str(row)", ["None"] * 10),
        ("lambda *rows, **more: str(len(rows))", ["0"] * 10),
        ("str", [""] * 10),
    ],
)
def test_a_function_in_set_may_ask_for_the_row(
    blog: Project, function: str, expected: list[str]
) -> None:
    add(blog, f"migrations.Backfill('post', set={{'slug': {function}}})")
    run(blog)
    assert column(blog, "slug") == expected


# -- once each -----------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [1, 3])
def test_killed_again_and_again(tmp_path: Path, database_url: str, parallel: int) -> None:
    project = Project(tmp_path, database_url)
    prepare(project, 200_000, parallel)
    assert walk_with_kills(project, 6, random.Random(parallel)) > 0
    project.do("migrate")
    assert counters(project) == {1: 200_000}
    assert project.query("SELECT * FROM whimbrel_backfill") == []
    assert project.query("SELECT * FROM whimbrel_journal") == []


def test_several_runners_at_once(tmp_path: Path, database_url: str) -> None:
    project = Project(tmp_path, database_url)
    prepare(project, 20_000)
    for runner in [project.start("migrate") for _ in range(3)]:
        _, said = runner.communicate()
        assert runner.returncode == 0, said
    assert counters(project) == {1: 20_000}
    assert project.query("SELECT * FROM whimbrel_journal") == []
    assert project.query("SELECT * FROM whimbrel_backfill") == []


def test_it_goes_on_where_it_was(blog: Project) -> None:
    stop = """
def fill(posts):
    posts.update(counter=models.F("counter") + 1)
    if posts.filter(id=42).exists() and not STOP.exists():
        STOP.touch()
        raise ValueError("stopped")

import pathlib
STOP = pathlib.Path(__file__).parent / "stop"
"""
    add(blog, "migrations.Backfill('post', fill)", before=stop)
    with pytest.raises(DataError, match="stopped") as caught:
        run(blog)
    assert "0002_data.py" in str(caught.value.place)
    assert column(blog, "counter") == [0] * 10
    run(blog)
    assert column(blog, "counter") == [1] * 10


def test_what_is_half_done_goes_back(blog: Project) -> None:
    add(
        blog,
        "migrations.Backfill('post', set={'counter': models.F('counter') + 1}, "
        "reverse={'counter': models.F('counter') - 1})",
        "migrations.RunSQL('NONSENSE')",
    )
    with pytest.raises(StepError):
        run(blog)
    assert column(blog, "counter") == [1] * 10
    run(blog, Target("blog", "0001_initial"))
    assert column(blog, "counter") == [0] * 10
    assert blog.query("SELECT * FROM whimbrel_backfill") == []


def test_ddl_and_backfills_in_one_migration_are_parts_of_it(blog: Project) -> None:
    add(
        blog,
        "migrations.AddField('post', 'views', models.IntegerField(null=True))",
        "migrations.Backfill('post', set={'views': 1}, reverse=migrations.Backfill.noop)",
        "migrations.Backfill('post', set={'views': models.F('views') + 1},"
        " reverse={'views': models.F('views') - 1})",
        "migrations.AlterField('post', 'views', models.IntegerField())",
    )
    run(blog)
    assert column(blog, "views") == [2] * 10
    assert blog.applied() == ["blog.0001_initial", "blog.0002_data"]
    run(blog, Target("blog", "0001_initial"))
    assert blog.applied() == ["blog.0001_initial"]
    run(blog)
    assert column(blog, "views") == [2] * 10
    assert blog.query("SELECT * FROM whimbrel_backfill") == []


# -- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "there", "back"),
    [
        ("set={'counter': 5}, reverse={'counter': 2}", [5] * 10, [2] * 10),
        ("set={'counter': 5}, reverse=migrations.Backfill.noop", [5] * 10, [5] * 10),
        ("set={'counter': 5}, reverse=fill", [5] * 10, [6] * 10),
        (
            "set={'counter': models.F('counter') + 1}, where=models.Q(id__gt=40), "
            "reverse={'counter': models.F('counter') - 1}",
            [0] * 6 + [1] * 4,
            [0] * 10,
        ),
        (
            "set={'counter': 5}, where=models.Q(counter=0), reverse={'counter': 0}",
            [5] * 10,
            [0] * 10,
        ),
    ],
)
def test_there_and_back(blog: Project, arguments: str, there: list[int], back: list[int]) -> None:
    fill = "def fill(posts):\n    posts.update(counter=models.F('counter') + 1)\n"
    add(blog, f"migrations.Backfill('post', {arguments})", before=fill)
    run(blog)
    assert column(blog, "counter") == there
    run(blog, Target("blog", "0001_initial"))
    assert column(blog, "counter") == back


def test_no_way_back(blog: Project) -> None:
    add(blog, "migrations.Backfill('post', set={'counter': 5})")
    run(blog)
    with pytest.raises(IrreversibleError) as caught:
        run(blog, Target("blog", "0001_initial"))
    assert "reverse=migrations.Backfill.noop" in str(caught.value.hint)
    assert column(blog, "counter") == [5] * 10


# -- the proof -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ("set={'slug': None}, where=models.Q(slug=None)", "10 rows are left"),
        ("set={'slug': models.F('slug')}, where=models.Q(slug__isnull=True)", "10 rows are left"),
        ("set={'slug': models.SQL(\"CASE WHEN id > 60 THEN NULL ELSE 'x' END\")}, "
         "where=models.Q(slug=None)", "1 row is left"),
        ("fill, where=models.Q(slug=None)", "9 rows are left"),
        ("set={'counter': models.F('counter') + 1}, where=models.Q(counter__lt=5)", None),
        ("set={'counter': 1}, where=models.Q(counter=0)", None),
        ("set={'slug': 'x'}, where=models.Q(slug=None)", None),
    ],
)  # fmt: skip
def test_what_is_left_in_the_end(blog: Project, arguments: str, left: str | None) -> None:
    fill = "def fill(posts):\n    posts.filter(id=7).update(slug='x')\n"
    add(blog, f"migrations.Backfill('post', {arguments})", before=fill)
    if left is None:
        run(blog)
        return
    with pytest.raises(StepError, match=left):
        run(blog)
    assert blog.applied() == ["blog.0001_initial"]
    blog.query("UPDATE blog_post SET slug = 'by hand' WHERE slug IS NULL")
    run(blog)
    assert blog.applied() == ["blog.0001_initial", "blog.0002_data"]


def test_rows_that_come_meanwhile_get_their_value(blog: Project) -> None:
    """Those before the place where the walk is, and those behind it: the proof finds these."""
    rows = ", ".join(f"({number}, 'T', 1, 0)" for number in range(100, 1100))
    blog.query(f"INSERT INTO blog_post (id, title, author_id, counter) VALUES {rows}")
    add(
        blog,
        "migrations.Backfill('post', fill, where=models.Q(slug=None))",
        before="""
def fill(posts):
    is_first = posts.filter(id=0).exists()
    posts.update(slug="filled")
    every = posts.model.objects
    if not is_first and not every.filter(id=-1).exists():
        every.create(id=-1, title="new", author_id=1)
        every.create(id=2000, title="new", author_id=1)
""",
    )
    run(blog)
    assert column(blog, "slug") == ["filled"] * 1012


# -- keys ----------------------------------------------------------------------------------------

KEYS: dict[str, tuple[list[Any], list[tuple[Any, ...]]]] = {
    "numbers": ([sa.BigInteger], [(number,) for number in (-5, 0, 3, 4, 5, 2**40)]),
    "text": ([sa.String(9)], [(text,) for text in ("", "B", "a", "ä", "'", "%s", ":x")]),
    "UUIDs": ([sa.Uuid], [(uuid.UUID(int=number * 2**100),) for number in range(9)]),
    "decimals": ([sa.Numeric(9, 2)], [(Decimal(number) / 4,) for number in range(-4, 5)]),
    "dates": ([sa.Date], [(dt.date(2024, 1, day),) for day in range(1, 9)]),
    "moments": ([sa.DateTime], [(dt.datetime(2024, 1, day, 12, 30),) for day in range(1, 9)]),
    "times": ([sa.Time], [(dt.time(hour, 1, 2, 3),) for hour in range(9)]),
    "bytes": ([sa.LargeBinary], [(bytes([byte, 255]),) for byte in range(9)]),
    "two columns": ([sa.Integer, sa.String(9)], [(a, b) for a in range(4) for b in "xyz"]),
    "three columns": ([sa.Integer] * 3, [(a, b, a) for a in range(3) for b in range(3)]),
    "no rows": ([sa.Integer], []),
    "one row": ([sa.Integer], [(1,)]),
}


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("case", KEYS)
def test_every_row_is_in_one_batch(database_url: str, case: str, parts: int) -> None:
    types, rows = KEYS[case]
    columns = [
        sa.Column(f"c{at}", each, primary_key=True, autoincrement=False)
        for at, each in enumerate(types)
    ]
    table = sa.Table("t", sa.MetaData(), *columns)
    config = Config(Path("/"), databases={"default": database_url})
    with open_connection(database_of(config)) as connection:
        table.create(connection)
        if rows:
            names = [column.name for column in columns]
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        keys = Keys(columns)
        walked = [
            row for span in keys.split(connection, parts) for row in walk(connection, keys, span)
        ]
    assert sorted(walked) == sorted(rows)


def walk(connection: sa.Connection, keys: Keys, span: Span) -> Iterator[tuple[Any, ...]]:
    """The rows of a span, two at a time; where it is, is written down in between."""
    while True:
        end, count = keys.end(connection, span, 2)
        if end is None:
            return
        batch = replace(span, high=end)
        found = connection.execute(sa.select(*keys.columns).where(*keys.within(batch))).all()
        assert len(found) == count <= 2
        yield from map(tuple, found)
        assert checkpoint.decode(checkpoint.encode(end)) == end
        span = replace(span, low=checkpoint.decode(checkpoint.encode(end)))


def test_a_key_that_cannot_be_written() -> None:
    with pytest.raises(UnsupportedError, match="complex"):
        checkpoint.encode((1, 2j))


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_key_of_two_columns(tmp_path: Path, database_url: str, parallel: int) -> None:
    """One of them with a name of its own in the database, and rows in more than one batch."""
    project = Project(tmp_path, database_url).configured("blog")
    create = """migrations.CreateModel("Score", fields=[
        ("game", models.IntegerField()),
        ("player", models.CharField(max_length=9, db_column="who")),
        ("points", models.IntegerField(default=0)),
    ], options={"primary_key": ["game", "player"]})"""
    backfill = f"""migrations.Backfill(
        "score", set={{"points": models.F("points") + 1}}, parallel={parallel}, pause=0)"""
    project.migration("blog", "0001_initial", create)
    project.do("migrate")
    rows = ", ".join(f"({n // 3}, 'p{n % 3}', 0)" for n in range(6000))
    project.query(f"INSERT INTO blog_score (game, who, points) VALUES {rows}")
    project.migration("blog", "0002_data", backfill, after=[("blog", "0001_initial")])
    run(project)
    assert project.query("SELECT points, count(*) FROM blog_score GROUP BY points") == [(1, 6000)]


# -- giving way ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        ([], FIRST),
        ([AIM], FIRST),
        ([AIM / 100], round(FIRST * 1.7)),
        ([AIM * 100], round(FIRST * 0.4)),
        ([0.0] * 50, LARGEST),
        ([60.0] * 50, SMALLEST),
    ],
)
def test_a_batch_is_as_large_as_its_time_allows(seconds: list[float], size: int) -> None:
    batch_size = BatchSize()
    for each in seconds:
        batch_size.adapt(each)
    assert batch_size.size == size


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rows_that_others_have_locked_are_waited_for(blog: Project) -> None:
    add(blog, "migrations.Backfill('post', set={'counter': models.F('counter') + 1})")
    engine = sa.create_engine(blog.url)
    with engine.connect() as other:
        other.exec_driver_sql("UPDATE blog_post SET title = 'mine' WHERE id = 35")
        with pytest.raises(LockError, match="rows stayed locked for 1 s"):
            run(blog, lock_timeout=1)
        timer = Timer(1.0, other.rollback)
        timer.start()
        events = run(blog)
        timer.join()
    engine.dispose()
    assert [event for event in events if isinstance(event, BackfillWaiting)]
    assert column(blog, "counter") == [1] * 10


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_replicas_are_waited_for(blog: Project) -> None:
    """What the server tells of them is told by a table here, which the search path puts first."""
    add(blog, "migrations.Backfill('post', set={'counter': 1})")
    blog.query(
        "CREATE TABLE pg_stat_replication (replay_lag interval, replay_lsn int, sent_lsn int)"
    )
    lags = "('5 s', 1, 2), ('1 s', 1, 2), (NULL, 1, 2), ('9 s', 2, 2)"  # the last has caught up
    blog.query(f"INSERT INTO public.pg_stat_replication VALUES {lags}")
    behind = replace(blog, url=f"{blog.url}&options=-csearch_path%3Dpublic,pg_catalog")
    timer = Timer(0.5, blog.query, ["DELETE FROM public.pg_stat_replication"])
    timer.start()
    events = run(behind)
    timer.join()
    (waiting,) = [event for event in events if isinstance(event, BackfillWaiting)]
    assert waiting.reason == "a replica is 5.0 s behind"
    assert column(blog, "counter") == [1] * 10


@pytest.mark.parametrize("analysed", [False, True])
def test_how_many_rows_there_are(blog: Project, analysed: bool) -> None:
    if analysed:
        blog.query("ANALYZE")
    config = Config(Path("/"), databases={"default": blog.url})
    database = database_of(config)
    with open_connection(database) as connection:
        assert database.engine.estimate_rows(connection, Name(None, "blog_post")) == 10
        assert database.engine.replication_lag(connection) is None


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (17.0, "120,000 of 1,000,000 rows, 52,000 a second, 17.00 s left"),
        (None, "120,000 of 1,000,000 rows, 52,000 a second"),
    ],
)
def test_what_is_told_of_it(left: float | None, told: str) -> None:
    assert progress_text(BackfillMoved("title", 120_000, 1_000_000, 52_000.4, left)) == told


# -- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [{}, {"set": {}}, {"set": {"a": 1}, "function": print}, {"set": {"a": 1}, "parallel": 0},
     {"set": {"a": 1}, "pause": -1}],
)  # fmt: skip
def test_what_it_takes(arguments: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        Backfill("post", **arguments)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("'post', set={'slugg': 1}", "blog.Post has no field 'slugg'"),
        ("'pots', set={'slug': 1}", "blog.pots"),
        ("'post', set={'slug': ...}", "it is not finished; nothing was changed"),
        (
            "'post', set={'slug': 'x'}, where=models.Q(nothing=1)",
            "blog.Post has no field 'nothing'",
        ),
        ("'post', set={'counter': 'x'}", "counter"),
        ("'post', set={'id': models.F('id') + 1000}", "'id' is of the primary key of blog.Post"),
        ("'post', set={'slug': 'x'}, reverse={'id': 1}", "'id' is of the primary key"),
        ("'post', set={'slug': lambda row, apps: 'x'}", "this one needs row, apps"),
        ("'post', set={'slug': lambda *, row: 'x'}", "this one needs row"),
        ("'post', set={'slug': 'x'}, reverse={'slug': lambda a, b: 'x'}", "this one needs a, b"),
        (
            "'post', set={'counter': lambda: int('x')}",
            "0002_data.py:[0-9]+, in <lambda>: ValueError: invalid literal",
        ),
    ],
)
def test_what_cannot_be(blog: Project, arguments: str, what: str) -> None:
    add(blog, f"migrations.Backfill({arguments})")
    with pytest.raises(WhimbrelError, match=what):
        run(blog)
    assert blog.applied() == ["blog.0001_initial"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (
            "set={'slug': 'x%'}, where=models.Q(slug=None)",
            ", each: UPDATE blog_post SET slug='x%' "
            "WHERE blog_post.id > :after AND blog_post.id <= :up_to AND blog_post.slug IS NULL",
        ),
        ("set={'token': uuid.uuid4}", ": it cannot be shown as SQL"),
        ("print", ": it cannot be shown as SQL"),
    ],
)
def test_it_is_shown_as_a_comment(blog: Project, arguments: str, shown: str) -> None:
    add(blog, f"migrations.Backfill('post', {arguments})")
    *_, line = blog.do("sqlmigrate", "blog", "0002").out.splitlines()
    assert line.startswith("-- Backfill ")
    assert line.endswith(f", in batches along the primary key{shown}")


def test_a_condition_of_any_kind_is_taken_on_the_way_there() -> None:
    """Only the way back asks what it is made of."""
    where = models.F("is_old")
    found = Backfill("Row", lambda rows: None, where=where, reverse=Backfill.noop)  # type: ignore[arg-type]
    assert found.chosen(backwards=False) is where
    assert found.chosen(backwards=True) is None
