"""Data migrations that meet others: locks, kills, keys that others hold."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from projects import kill
from run.data import CREATED, Rows
from whimbrel.errors import DataError, LockError, StepError
from whimbrel.run.events import DataDone, Event, WaitingForLock

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

COUNTED = """
calls = []

def act(apps, editor):
    calls.append(editor.execute("SELECT count(*) FROM blog_row").scalar_one())
    editor.execute("INSERT INTO blog_row (number) VALUES (7)")
    editor.execute("UPDATE blog_row SET number = number + 1 WHERE number = 1")
"""

MORE = 'migrations.AddField("Row", "more", models.IntegerField(null=True))'


@contextmanager
def held(rows: Rows, statement: str) -> Iterator[sa.Connection]:
    """Somebody else's transaction, open until it is told to end."""
    engine = sa.create_engine(rows.project.url)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
        yield connection
    engine.dispose()


def calls() -> list[int]:
    """What the function that was called last has noted of its calls."""
    found = [module for name, module in sys.modules.items() if name.endswith(".0002_x")]
    return list(found[-1].calls)


@on_postgresql
def test_what_was_rolled_back_whole_is_called_again(rows: Rows) -> None:
    rows.made(1).file("0002_x", f"RunPython(act), {MORE}", COUNTED)
    with held(rows, "SELECT 1") as other:

        def listen(event: Event) -> None:
            # Who locks it before is waited for before the function is called.
            is_first = not any(isinstance(each, DataDone) for each in rows.events)
            if isinstance(event, DataDone) and is_first:
                other.exec_driver_sql("LOCK TABLE blog_row IN ROW EXCLUSIVE MODE")
            rows.events.append(event)
            if isinstance(event, WaitingForLock):
                other.commit()

        rows.go(emit=listen)
    assert rows.numbers() == [2, 7]
    assert calls() == [1, 1], "the second call finds nothing of the first"
    assert [event.attempt for event in rows.events if isinstance(event, WaitingForLock)] == [1]


@on_postgresql
@pytest.mark.parametrize("atomic", [True, False])
def test_what_may_be_there_is_not_done_again(rows: Rows, atomic: bool) -> None:
    rows.made(1).file("0002_x", f"RunPython(act, atomic=False), {MORE}", COUNTED, atomic=atomic)
    options = "?options=-c%20lock_timeout%3D100"
    with held(rows, "UPDATE blog_row SET number = 1"), pytest.raises(StepError) as caught:
        rows.go(url=rows.project.url.replace("?", f"{options}&"))
    assert "lock timeout" in caught.value.message
    assert calls() == [1]
    assert rows.numbers() == [1, 7]


def test_a_table_that_stays_locked_ends_the_run(rows: Rows) -> None:
    rows.made(1).file("0002_x", "RunPython(act)", COUNTED)
    locked = "UPDATE blog_row SET number = 1" if rows.is_postgresql else "BEGIN IMMEDIATE"
    with held(rows, locked), pytest.raises(LockError):
        rows.go(lock_timeout=0.3)
    assert rows.numbers() == [1]
    rows.go()
    assert rows.numbers() == [2, 7]


SLOW = """
import time

def first(apps, editor):
    editor.execute("INSERT INTO blog_row (number) VALUES (2)")

def act(apps, editor):
    editor.execute("INSERT INTO blog_row (number) VALUES (3)")
    print("written", flush=True)
    time.sleep({seconds})
    editor.execute("INSERT INTO blog_row (number) VALUES (4)")
"""


@pytest.mark.parametrize(
    ("atomic", "operation", "left", "then"),
    [
        (True, "RunPython(act)", [1], [1, 2, 3, 4]),
        (True, "RunPython(act, atomic=False)", [1, 2, 3], [1, 2, 3, 3, 4]),
        (False, "RunPython(act, atomic=True)", [1, 2], [1, 2, 3, 4]),
        (False, "RunPython(act)", [1, 2, 3], [1, 2, 3, 3, 4]),
    ],
)
def test_a_killed_function_is_called_again_and_what_was_done_is_not(
    rows: Rows, atomic: bool, operation: str, left: list[int], then: list[int]
) -> None:
    operations = f"RunPython(first), {operation}"
    rows.made(1).file("0002_x", operations, SLOW.format(seconds=60), atomic=atomic)
    running = rows.project.start("migrate")
    assert running.stderr is not None
    assert next(iter(running.stderr)) == "written\n"
    kill(running)
    rows.file("0002_x", operations, SLOW.format(seconds=0), atomic=atomic)
    assert wait_until(rows, left)
    assert rows.applied() == ["0001_row"]
    rows.go()
    assert rows.numbers() == then
    assert rows.applied() == ["0001_row", "0002_x"]


def wait_until(rows: Rows, numbers: list[int]) -> bool:
    """A server may take a moment to see that a client is gone."""
    for _ in range(100):
        if rows.numbers() == numbers:
            return True
        time.sleep(0.05)
    return False


CHILD = CREATED.replace('"Row"', '"Child"').replace(
    '("number"', '("row", models.ForeignKey("Row", models.CASCADE)), ("number"'
)

DELETE = "def act(apps, editor):\n    editor.execute('DELETE FROM blog_row')\n"


@pytest.mark.parametrize("atomic", [True, False])
def test_rows_take_along_what_points_at_them(rows: Rows, atomic: bool) -> None:
    rows.made(1).file("0002_child", CHILD)
    rows.go()
    rows.query("INSERT INTO blog_child (row_id, number) SELECT id, 5 FROM blog_row")
    rows.file("0003_x", "RunPython(act)", DELETE, atomic=atomic)
    rows.go()
    assert rows.numbers("blog_child") == []


def test_orphans_beside_a_rebuild_are_refused(rows: Rows) -> None:
    rows.made(1).file("0002_child", CHILD)
    rows.go()
    rows.query("INSERT INTO blog_child (row_id, number) SELECT id, 5 FROM blog_row")
    change = 'migrations.AlterField("Child", "number", models.CharField(max_length=9))'
    rows.file("0003_x", f"RunPython(act), {change}", DELETE)
    if rows.is_postgresql:
        rows.go()
        assert rows.query("SELECT * FROM blog_child") == []
        return
    with pytest.raises(StepError, match="rows of blog_row that are not there"):
        rows.go()
    assert rows.numbers("blog_child") == [5]


def test_a_run_in_another_thread(rows: Rows) -> None:
    functions = "async def act(apps, editor):\n    editor.execute('DELETE FROM blog_row')\n"
    rows.made(1).file("0002_x", "RunPython(act)", functions)
    thread = threading.Thread(target=rows.go)
    thread.start()
    thread.join()
    assert rows.numbers() == []


GREG = """
def set_blog_post_awesome(apps, schema_editor):
    BlogPost = apps.get_model('blog', 'BlogPost')
    BlogPost.objects.filter(author__username='Greg').update(is_awesome=True)
    BlogPost.objects.exclude(author__username='Greg').update(is_awesome=False)
"""


def test_the_models_of_their_time(rows: Rows) -> None:
    rows.file(
        "0001_blog",
        'migrations.CreateModel("User", fields=[("id", models.BigAutoField(primary_key=True)), '
        '("username", models.CharField(max_length=50))]), '
        'migrations.CreateModel("BlogPost", fields=[("id", models.BigAutoField(primary_key=True)),'
        '("author", models.ForeignKey("User", models.CASCADE))])',
    )
    rows.file(
        "0002_awesome",
        'migrations.AddField("BlogPost", "is_awesome", models.BooleanField(null=True)), '
        "RunPython(set_blog_post_awesome, RunPython.noop), "
        'migrations.AlterField("BlogPost", "is_awesome", models.BooleanField(default=False))',
        GREG,
    )
    rows.file("0003_gone", 'migrations.RemoveField("BlogPost", "is_awesome")')
    rows.go("0001_blog")
    rows.query("INSERT INTO blog_user (username) VALUES ('Greg'), ('Ada')")
    rows.query("INSERT INTO blog_blogpost (author_id) SELECT id FROM blog_user")
    for _ in range(2):
        rows.go("0002_awesome")
        found = rows.query("SELECT author_id, is_awesome FROM blog_blogpost ORDER BY 1")
        assert [bool(awesome) for _, awesome in found] == [True, False]
        rows.go()
        rows.go("0001_blog")


def test_an_unknown_model_is_told_with_the_line(rows: Rows) -> None:
    functions = "def act(apps, editor):\n    apps.get_model('blog', 'Rows')\n"
    rows.made().file("0002_x", "RunPython(act)", functions)
    ended = rows.project.run("migrate")
    assert "blog/migrations/0002_x.py:5, in act" in ended.err
    assert "Did you mean" in ended.err
    assert "All of blog.0002_x was rolled back." in ended.err


def test_an_error_of_rows_at_the_commit(rows: Rows) -> None:
    """What a function leaves to be checked at the end is told as well, and nothing stays."""
    key = CHILD.replace("models.CASCADE", 'models.CASCADE, deferrable="deferred"')
    rows.made(1).file("0002_child", key)
    rows.go()
    orphan = "editor.execute('INSERT INTO blog_child (row_id, number) VALUES (99, 1)')"
    rows.file("0003_x", "RunPython(act)", f"def act(apps, editor):\n    {orphan}\n")
    with pytest.raises((StepError, DataError)) as caught:
        rows.go()
    assert str(caught.value.place).startswith("blog.0003_x")
    assert rows.numbers("blog_child") == []
