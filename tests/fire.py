"""A journalled migration of every kind of part, and runners that all want to carry it out."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from projects import CREATE, Project
from whimbrel.commands.migrate import migrate
from whimbrel.config import load_config
from whimbrel.planning.plan import Target

ROWS = 40

#: A function without a transaction, one in its own, a backfill in small batches, a step of each kind.
PARTS = """
from pathlib import Path
import time

from whimbrel import migrations, models

def call(name, pause=0.05):
    def function(apps, schema_editor):
        with Path("calls").open("a") as file:
            file.write(name + "\\n")
        time.sleep(pause)
    return function

def add(number):
    def function(apps, schema_editor):
        apps.get_model("blog", "Row").objects.update(number=models.F("number") + number)
        time.sleep(0.02)
    return function

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("blog", "0001_row")]
    operations = [
        migrations.RunPython(call("a"), call("-a")),
        migrations.RunPython(add(1), add(-1), atomic=True),
        migrations.AddField("row", "more", models.IntegerField(default=0)),
        migrations.Backfill(
            "row", lambda batch: batch.update(number=models.F("number") + 10),
            reverse=lambda batch: batch.update(number=models.F("number") - 10),
        ),
        migrations.RunSQL(
            "INSERT INTO blog_row (number, more) VALUES (0, 1)", "DELETE FROM blog_row WHERE more = 1"
        ),
        migrations.RunPython(call("b"), call("-b")),
    ]
"""


def prepare(project: Project) -> None:
    """The migration, and the rows that it is about."""
    project.configured("blog").migration("blog", "0001_row", CREATE.format(name="Row"))
    run_at_once(project, 1)
    project.query(f"INSERT INTO blog_row (number) VALUES {', '.join(['(0)'] * ROWS)}")
    project.write("blog/migrations/0002_parts.py", PARTS)


def tell_url(project: Project) -> None:
    """The configuration has the URL itself: runners that are forked share their environment."""
    config = project.root / "pyproject.toml"
    config.write_text(config.read_text().replace("${DATABASE_URL}", project.url))


def start(
    project: Project,
    name: str | None = None,
    before: Callable[[], object] = lambda: None,
    **options: Any,
) -> int:
    """A runner as a process of its own, without the time that a start takes; its id.

    before: what the process does first.
    """
    if child := os.fork():
        return child
    try:
        os.chdir(project.root)
        before()
        migrate(load_config(project.root), Target("blog", name) if name else Target(), **options)
        os._exit(0)
    except BaseException:
        Path(f"said-{os.getpid()}").write_text(traceback.format_exc()[-1000:])
    finally:
        os._exit(1)


def code_of(runner: int) -> int:
    """Its exit code, when it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; not for ever."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def said(project: Project, runner: int) -> str:
    """The error by which a runner has ended; nothing, if by none."""
    file = project.root / f"said-{runner}"
    return file.read_text() if file.exists() else ""


def wait(project: Project, *runners: int) -> None:
    """Until all have ended, and well."""
    codes = [code_of(runner) for runner in runners]
    assert not any(codes), [said(project, runner) for runner in runners]


def run_at_once(project: Project, runners: int, name: str | None = None) -> None:
    """So many runners at once, all of which end well."""
    tell_url(project)
    wait(project, *[start(project, name) for _ in range(runners)])


def calls(project: Project) -> Counter[str]:
    """How many times the functions without a transaction were called."""
    file = Path(project.root, "calls")
    return Counter(file.read_text().split() if file.exists() else ())


def counters(project: Project) -> dict[int, int]:
    """How many rows have which number."""
    return dict(project.query("SELECT number, count(*) FROM blog_row GROUP BY number"))


def assert_forwards_once(project: Project) -> None:
    """Each part was carried out once."""
    assert counters(project) == {11: ROWS, 0: 1}
    assert project.applied() == ["blog.0001_row", "blog.0002_parts"]
    assert project.query("SELECT * FROM whimbrel_journal") == []


def assert_backwards_once(project: Project) -> None:
    """Each part was undone once."""
    assert counters(project) == {0: ROWS}
    assert project.applied() == ["blog.0001_row"]
    assert project.query("SELECT * FROM whimbrel_journal") == []
