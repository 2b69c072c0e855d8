"""Recipes on a server that others use: what waits, what gives up, and what is killed meanwhile."""

from __future__ import annotations

import time
from subprocess import Popen

import pytest

from cli.test_crashes import held
from projects import Project, kill

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

INDEX = 'migrations.AddIndex("M1", models.Index(fields=["number"], name="number_idx"))'
UNIQUE = (
    'migrations.AddConstraint("M1", models.UniqueConstraint(fields=["number"], name="number_u"))'
)
BOTH = pytest.mark.parametrize(
    ("operation", "name"), [(INDEX, "number_idx"), (UNIQUE, "number_u")], ids=["index", "unique"]
)
#: A writer's transaction: what is built concurrently waits for its end.
WRITING = ("BEGIN", "INSERT INTO blog_m1 (number) VALUES (-1)")
LEFT = """SELECT relname::text, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE indrelid = 'blog_m1'::regclass AND NOT indisprimary"""


@pytest.fixture
def blog(anywhere: Project) -> Project:
    """A large table."""
    anywhere.configured("blog", more='large_table = "0B"')
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    return anywhere


def add(blog: Project, operation: str) -> None:
    blog.migration("blog", "0002_more", operation, after=[("blog", "0001_m1")])


def start(blog: Project, name: str, *command: str) -> Popen[str]:
    """A run that waits for the writer, with an invalid index."""
    running = blog.start("migrate", *command)
    while blog.query(LEFT) != [(name, False)]:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    return running


@BOTH
def test_a_build_waits_for_writers(blog: Project, operation: str, name: str) -> None:
    add(blog, operation)
    with held(blog, *WRITING) as other:
        running = start(blog, name)
        other.exec_driver_sql("COMMIT")
        _, said = running.communicate()
    assert running.returncode == 0, said
    assert blog.query(LEFT) == [(name, True)]


@BOTH
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_build_that_was_stopped_goes_on_and_back(
    blog: Project, operation: str, name: str, back: bool, is_killed: bool
) -> None:
    add(blog, operation)
    with held(blog, *WRITING):
        if is_killed:
            kill(start(blog, name))
        else:
            assert blog.run("migrate", "--lock-timeout", "0.5").code == 5
            assert blog.query(LEFT) == [(name, False)]
    blog.do("migrate", *(("blog", "0001") if back else ()))
    assert blog.query(LEFT) == ([] if back else [(name, True)])
    assert blog.query("SELECT * FROM whimbrel_journal") == []


@pytest.mark.parametrize("back", [False, True])
def test_an_index_that_is_half_dropped_goes_on_and_back(blog: Project, back: bool) -> None:
    add(blog, INDEX)
    blog.do("migrate")
    with held(blog, *WRITING):
        running = start(blog, "number_idx", "blog", "0001")
        blog.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX %'"
        )
        running.communicate()
    assert blog.query(LEFT) == [("number_idx", False)]
    blog.do("migrate", *(() if back else ("blog", "0001")))
    assert blog.query(LEFT) == ([("number_idx", True)] if back else [])
    assert blog.query("SELECT * FROM whimbrel_journal") == []


PARTITIONED = """migrations.CreateModel("M1", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("number", models.IntegerField(default=0)),
], options={"dialect": {"postgresql_partition_by": "RANGE (id)"}})"""
PARTITIONS = """migrations.RunSQL(
    "CREATE TABLE low PARTITION OF blog_m1 FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE high PARTITION OF blog_m1 DEFAULT", migrations.RunSQL.noop)"""
ON_PARTITIONS = """SELECT relname::text, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary AND relname !~ 'whimbrel'
    ORDER BY relname"""
KEY = UNIQUE.replace('["number"]', '["id", "number"]')


@pytest.mark.parametrize(
    ("operation", "names"),
    [
        (INDEX, ["high_number_idx", "low_number_idx", "number_idx"]),
        (KEY, ["high_id_number_key", "low_id_number_key", "number_u"]),
    ],
    ids=["index", "unique"],
)
@pytest.mark.parametrize("back", [False, True])
def test_partitions_go_on_and_back(
    anywhere: Project, operation: str, names: list[str], back: bool
) -> None:
    anywhere.configured("blog", more='large_table = "0B"')
    anywhere.migration("blog", "0001_m1", PARTITIONED, PARTITIONS)
    anywhere.do("migrate")
    anywhere.query("INSERT INTO blog_m1 (id, number) SELECT i, i FROM generate_series(1, 20) i")
    anywhere.migration("blog", "0002_more", operation, after=[("blog", "0001_m1")])
    with held(anywhere, "BEGIN", "UPDATE high SET number = 0"):
        # It looks for old transactions first, as long as it may wait for a lock.
        running = anywhere.start("migrate", "--lock-timeout", "3")
        while (names[0], False) not in (there := anywhere.query(ON_PARTITIONS)):
            assert running.poll() is None, running.communicate()
            time.sleep(0.02)
        kill(running)
    assert (names[1], True) in there
    anywhere.do("migrate", *(("blog", "0001") if back else ()))
    assert anywhere.query(ON_PARTITIONS) == ([] if back else [(name, True) for name in names])
    assert anywhere.query("SELECT * FROM whimbrel_journal") == []
