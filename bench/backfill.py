"""Measure a backfill of a million rows beside one UPDATE and Django's ways, while a client works.

python bench/backfill.py --rows 1000000: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import environment
from databases import PostgreSQL, running
from measure import Sample, run

HERE = Path(__file__).parent

MIGRATION = """\
from whimbrel import migrations, models


class Migration(migrations.Migration):
    dependencies = {after}
    operations = [
        {operation},
    ]
"""

CREATE = """migrations.CreateModel(
            "Row",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=100, db_index=True)),
                ("body", models.TextField()),
                ("number", models.IntegerField(default=0)),
                ("made", models.DateTimeField(db_index=True)),
            ],
        )"""

BACKFILL = """migrations.Backfill(
            "row", set={{"number": models.F("number") + 1}}, parallel={parallel}
        )"""

FILL = """
INSERT INTO rows_row (id, title, body, number, made)
SELECT i, 'title ' || i, repeat('x', 100), 0, now() - i * interval '1 second'
FROM generate_series(1, {}) AS s(i)
"""


@dataclass(frozen=True)
class Way:
    """A way to count a row once. ``share``: of the rows; a slow way is given fewer."""

    name: str
    command: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Found:
    """What a way took, and the longest that a client waited meanwhile, in milliseconds."""

    way: Way
    rows: int
    sample: Sample
    query: float
    update: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", default=[], help="ways, by a part of their names")
    options = parser.parse_args()
    environment.peers()
    with (
        tempfile.TemporaryDirectory(prefix="whimbrel-backfill-") as temporary,
        running(["postgresql"], Path(temporary)) as engines,
    ):
        (databases,) = engines
        assert isinstance(databases, PostgreSQL)
        bench = Bench(databases, Path(temporary))
        found = [
            bench.measured(way, options.rows)
            for way in ways()
            if not options.only or any(part in way.name for part in options.only)
        ]
    print(table(found))
    return 0


def ways() -> list[Way]:
    """Django runs in its own environment, by a script of what a RunPython of it does."""
    django = (str(environment.DIRECTORY / "bin" / "python"), str(HERE / "fill_in_django.py"))
    whimbrel = (sys.executable, "-m", "whimbrel", "migrate", "rows")
    return [
        Way("one UPDATE", (sys.executable, str(HERE / "fill_at_once.py"))),
        Way("Whimbrel: Backfill", (*whimbrel, "0002_count")),
        Way("Whimbrel: Backfill, parallel=2", (*whimbrel, "0002_count_in_two")),
        Way("Django: iterator and bulk_update", (*django, "bulk")),
        Way("Django: save() row by row", (*django, "save"), share=0.1),
    ]


class Bench:
    """A server, and the project of Whimbrel."""

    def __init__(self, databases: PostgreSQL, root: Path) -> None:
        self.databases = databases
        self.project = root / "project"
        self.templates: dict[int, str] = {}
        self._write(
            "pyproject.toml", '[tool.whimbrel]\napps = ["rows"]\ndatabase = "${DATABASE_URL}"'
        )
        self._write("rows/__init__.py")
        self._write("rows/migrations/__init__.py")
        self._migration("0001_initial", CREATE, "[]")
        after = '[("rows", "0001_initial")]'
        self._migration("0002_count", BACKFILL.format(parallel=1), after)
        self._migration("0002_count_in_two", BACKFILL.format(parallel=2), after)

    def _write(self, path: str, text: str = "") -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def _migration(self, name: str, operation: str, after: str) -> None:
        text = MIGRATION.format(after=after, operation=operation)
        self._write(f"rows/migrations/{name}.py", text)

    def measured(self, way: Way, rows: int) -> Found:
        """One way, on a table of its own."""
        rows = int(rows * way.share)
        print(f"{way.name}: {rows:,} rows", file=sys.stderr)
        name = self._copy(rows)
        url = self.databases.server.url(name)
        with client(url, rows) as waits:
            sample = run(way.command, self.project, {"DATABASE_URL": url})
        ((counted,),) = self._ask(name, "SELECT count(*) FROM rows_row WHERE number = 1")
        assert counted == rows, f"{way.name} counted {counted} of {rows} rows"
        self.databases.server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        return Found(way, rows, sample, waits["query"], waits["update"])

    def _ask(self, name: str, sql: str) -> list[tuple[int, ...]]:
        return self.databases.server.execute(sql, name)

    def _copy(self, rows: int) -> str:
        """A database with so many rows, the same for every way."""
        if rows not in self.templates:
            name = self.templates[rows] = f"template_{rows}"
            self._ask("postgres", f"CREATE DATABASE {name}")
            command = (sys.executable, "-m", "whimbrel", "migrate", "rows", "0001_initial")
            run(command, self.project, {"DATABASE_URL": self.databases.server.url(name)})
            self._ask(name, FILL.format(rows))
            self._ask(name, "VACUUM ANALYZE rows_row")
        copy = f"copy_{rows}"
        self._ask("postgres", f"CREATE DATABASE {copy} TEMPLATE {self.templates[rows]}")
        self._ask("postgres", "CHECKPOINT")
        return copy


@contextmanager
def client(url: str, rows: int) -> Iterator[dict[str, float]]:
    """A client at work meanwhile; when it is told to stop it says how long it has waited."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "backfill_client.py"), url, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is ready
    waits: dict[str, float] = {}
    try:
        yield waits
    finally:
        said, _ = process.communicate("stop\n")
        waits.update(json.loads(said))


def table(found: list[Found]) -> str:
    """The results, for README.md."""
    lines = [
        "| way | rows | seconds | rows a second | peak memory | longest query | longest update |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in found:
        took = each.sample
        cells = (
            each.way.name,
            f"{each.rows:,}",
            f"{took.seconds:.1f}",
            f"{each.rows / took.seconds:,.0f}",
            f"{took.memory:.0f} MB",
            f"{each.query:,.0f} ms",
            f"{each.update:,.0f} ms",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
