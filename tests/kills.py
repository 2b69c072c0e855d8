"""A backfill of many rows that is killed again and again, at random moments."""

from __future__ import annotations

import random
import subprocess
import time

import sqlalchemy as sa

from projects import Project, kill

CREATE = """migrations.CreateModel("Row", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("counter", models.IntegerField(default=0)),
])"""
#: Not to be done twice to any row. It rests between batches, for there to be time to kill it in.
COUNT = "migrations.Backfill('row', set={{'counter': models.F('counter') + 1}}, pause=0.03, parallel={})"

_FILL = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    "INSERT INTO blog_row (id, counter) SELECT i * 3, 0 FROM n",
    "postgresql": "INSERT INTO blog_row (id, counter) "
    "SELECT i * 3, 0 FROM generate_series(1, {}) AS s(i)",
}


def prepare(project: Project, rows: int, parallel: int = 1) -> None:
    """A table of so many rows, and a migration that counts each of them once."""
    project.configured("blog").migration("blog", "0001_initial", CREATE)
    project.do("migrate")
    project.query(_FILL[sa.make_url(project.url).get_backend_name()].format(rows))
    after = [("blog", "0001_initial")]
    project.migration("blog", "0002_count", COUNT.format(parallel), after=after)


def walk_with_kills(project: Project, kills: int, draw: random.Random) -> int:
    """Start it, and kill it a moment after it has begun; how many times it was killed."""
    killed = 0
    while killed < kills:
        process = project.start("migrate")
        _wait_for_progress(project, process)
        try:
            process.wait(draw.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            kill(process)
            killed += 1
        else:
            _, said = process.communicate()
            assert process.returncode == 0, said
            break
    return killed


def _wait_for_progress(project: Project, process: subprocess.Popen[str]) -> None:
    before = walked(project)
    while process.poll() is None and walked(project) == before:
        time.sleep(0.02)


def walked(project: Project) -> int:
    """How many rows the checkpoints say are done."""
    try:
        ((rows,),) = project.query("SELECT sum(rows) FROM whimbrel_backfill")
    except sa.exc.DBAPIError:  # the table is not there yet; or SQLite's writer is at work
        return 0
    return int(rows or 0)


def counters(project: Project) -> dict[int, int]:
    """How many rows have which counter."""
    return dict(project.query("SELECT counter, count(*) FROM blog_row GROUP BY counter"))
