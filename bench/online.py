"""Changes of a large table under load: Whimbrel's form against the short one.

bench/online.py [--rows 400000] [--only uuid ...] [--rate 400] [--write]
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "demo"))
sys.path.append(str(Path(__file__).parent.parent / "tests"))

from large import FIRST, Online

import servers
from servers import PostgresServer, running_postgresql

#: As a server that keeps what it has committed, with room in memory for the table.
servers.SETTINGS.update(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "shared_buffers": "2GB",
        "max_wal_size": "4GB",
    }
)

Edit = tuple[str, str]
_END = "    spare = models.IntegerField(null=True)\n"


def _and(line: str) -> Edit:
    return _END, f"{_END}    {line}\n"


def _meta(line: str) -> Edit:
    return _END, f"{_END}\n    class Meta:\n        {line}\n"


#: Rows of facts/running.md 4.1: name, what is edited in the models, and whether values are needed.
CHANGES: dict[str, Edit] = {
    "add a column with a constant default": _and("flag = models.IntegerField(default=7)"),
    "add a nullable column, filled, NOT NULL": (
        "spare = models.IntegerField(null=True)",
        "spare = models.IntegerField(default=7)",
    ),
    "add a uuid column": _and(
        'token = models.UUIDField(db_default=models.SQL("gen_random_uuid()"))'
    ),
    "SET NOT NULL": ("small = models.IntegerField(null=True)", "small = models.IntegerField()"),
    "add a foreign key": (
        "owner_number = models.BigIntegerField(null=True)",
        'owner = models.ForeignKey(Owner, null=True, db_column="owner_number", db_index=False, '
        "on_delete=models.CASCADE)",
    ),
    "add a check": _meta(
        'constraints = [models.CheckConstraint(condition=models.Q(amount__gte=0), name="positive")]'
    ),
    "create an index": (
        "amount = models.IntegerField(default=0)",
        "amount = models.IntegerField(default=0, db_index=True)",
    ),
    "add UNIQUE": _meta(
        'constraints = [models.UniqueConstraint(fields=["code"], name="one_code")]'
    ),
    "int to bigint": (
        "amount = models.IntegerField(default=0)",
        "amount = models.BigIntegerField(default=0)",
    ),
    "varchar(50) to text": (
        "code = models.CharField(max_length=50, db_index=True)",
        "code = models.TextField(db_index=True)",
    ),
}
#: What makemigrations asks, answered.
_ANSWERS = ("--no-input", "--no-nulls", "shop.Entry.small")


@contextmanager
def copied(template: Online, root: Path, number: int) -> Iterator[Online]:
    """A copy of a project and its database."""
    name = f"online_{number}"
    template.server.execute(f"CREATE DATABASE {name} TEMPLATE {template.database}")
    shutil.copytree(template.root, root / name)
    try:
        yield Online(template.server, root / name, name)
    finally:
        template.server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def measure(project: Online, edit: Edit, rows: int, rate: int, *, short: bool) -> dict[str, Any]:
    """What clients saw, and the seconds of the whole command."""
    if edit[0] not in FIRST:
        raise SystemExit(f"the models have no {edit[0]!r}")
    project.models(FIRST.replace(*edit))
    project.whimbrel("makemigrations", *(_ANSWERS if edit == CHANGES["SET NOT NULL"] else ()))
    # A copied database has nothing in memory; that is not what is measured.
    project.server.execute("SELECT count(*), sum(length(body)) FROM shop_entry", project.database)
    project.server.execute("CHECKPOINT")
    with project.load(rows, rate) as seen:
        started = time.monotonic()
        project.whimbrel("migrate", *(["--short"] if short else []))
        seconds = time.monotonic() - started
    return {**seen, "seconds": round(seconds, 2)}


def measure_queue(project: Online, rows: int, rate: int) -> dict[str, Any]:
    """A column comes while a transaction has read the table and stays open for 10 s (4.2)."""
    project.models(FIRST.replace(*_and("flag = models.IntegerField(null=True)")))
    project.whimbrel("makemigrations")
    with project.load(rows, rate) as seen, project.server.connect(project.database) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM shop_entry LIMIT 1")
        timer = threading.Timer(10, lambda: other.execute("COMMIT"))
        timer.start()
        started = time.monotonic()
        project.whimbrel("migrate")
        seconds = time.monotonic() - started
        timer.join()
    return {**seen, "seconds": round(seconds, 2)}


def _row(name: str, form: str, found: dict[str, Any]) -> str:
    errors = ", ".join(f"{code}: {count}" for code, count in found["errors"].items()) or "none"
    cells = (f"{found[key]:,}" for key in ("seconds", "longest", "p99", "blackout", "slow"))
    return f"| {name} | {form} | {' | '.join(cells)} | {errors} |"


HEAD = """| change | form | total s | longest wait ms | p99 ms | blackout ms | over 100 ms | errors |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"""


def _conditions(server: PostgresServer, rows: int, rate: int, size: str) -> str:
    [(version,)] = server.execute("SHOW server_version")
    return (
        f"{rows:,} rows ({size}), {rate} operations a second on 8 connections, PostgreSQL {version}, "
        f"Python {platform.python_version()}, fsync on; server, clients and Whimbrel on one machine."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--only", nargs="*", default=[""])
    parser.add_argument("--forms", nargs="*", default=["short", "safe"])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    lines = [HEAD]
    with (
        tempfile.TemporaryDirectory(prefix="whimbrel-online-") as directory,
        running_postgresql() as server,
    ):
        root = Path(directory)
        server.execute("CREATE DATABASE online")
        first = Online(server, root / "first", "online")
        first.begin(given.rows)
        [(size,)] = server.execute(
            "SELECT pg_size_pretty(pg_total_relation_size('shop_entry'))", "online"
        )
        print(_conditions(server, given.rows, given.rate, size), *lines, sep="\n", flush=True)
        number = 0
        for name, edit in CHANGES.items():
            if not any(each in name for each in given.only):
                continue
            for form in given.forms:
                number += 1
                with copied(first, root, number) as project:
                    found = measure(project, edit, given.rows, given.rate, short=form == "short")
                lines.append(_row(name, form, found))
                print(lines[-1], flush=True)
        if any(each in "queue" for each in given.only):
            with copied(first, root, number + 1) as project:
                found = measure_queue(project, given.rows, given.rate)
            lines.append(
                _row("a queue: a column comes, 10 s of another's transaction", "safe", found)
            )
            print(lines[-1], flush=True)
        conditions = _conditions(server, given.rows, given.rate, size)
    if given.write:
        _write(f"{conditions}\n\n" + "\n".join(lines))


def _write(table: str) -> None:
    page = Path(__file__).with_name("README.md")
    between = re.compile(r"(<!-- online -->\n).*?(<!-- /online -->)", re.DOTALL)
    page.write_text(between.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page.read_text()))


if __name__ == "__main__":
    main()
