"""Batched steps: one UPDATE a batch, each row once, on tables that no model describes."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import sqlalchemy as sa

from projects import kill
from whimbrel.commands.script import enclose
from whimbrel.config import Config
from whimbrel.engines import engine_for
from whimbrel.engines.postgresql import walking
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.batches import batched_step
from whimbrel.engines.step import BatchedUpdate, Boundary
from whimbrel.errors import DatabaseError, LockError, StepError, UnsupportedError
from whimbrel.run import recorder
from whimbrel.run.connect import database_of, open_connection
from whimbrel.run.data import walk
from whimbrel.run.data.batched import run_batched
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.throttle import BatchSize
from whimbrel.run.events import BackfillMoved, Event
from whimbrel.schema.table import Name

TABLE = Name(None, "t")
#: Not to be done twice to any row.
COUNT = BatchedUpdate(TABLE, ("id",), (("n", "n + 1"),), clears=False)
#: Seen to be done.
FILL = BatchedUpdate(TABLE, ("id",), (("s", "'100%:a ' || id"),), where="s IS NULL")

SCRIPT = """
import sys
sys.path[:0] = sys.argv[1:3]
from dataclasses import replace
from run.test_batched import COUNT, Runs
Runs(sys.argv[3]).run(replace(COUNT, pause=0.2, parallel=int(sys.argv[4])))
"""


class Runs:
    """Batched steps, on connections to one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = sa.make_url(url).get_backend_name()
        self.events: list[Event] = []

    def prepare_run(self) -> Runs:
        """With the table of the record, and no migration in it."""
        with open_connection(self.database) as connection, connection.begin():
            recorder.prepare(connection)
        return self

    @property
    def database(self) -> Any:
        return database_of(Config(Path("/"), databases={"default": self.url}))

    def run(self, update: BatchedUpdate, step: str = "2.1", limit: float = 30.0) -> None:
        with open_connection(self.database) as connection:
            context = ExecutionContext(
                engine_for(self.dialect),
                connection,
                emit=self.events.append,
                limit=limit,
                migration=("blog", "0002_x"),
            )
            run_batched(batched_step(self.dialect, update, id=step, operation="Fill t"), context)

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        engine = sa.create_engine(self.url)
        try:
            with engine.begin() as connection:
                for sql in statements:
                    result = connection.exec_driver_sql(sql)
                return list(map(tuple, result.all())) if result.returns_rows else []
        finally:
            engine.dispose()

    def made(self, rows: int) -> Runs:
        """With a table of so many rows, whose keys have gaps."""
        self.query(
            "CREATE TABLE t (id integer PRIMARY KEY, n integer, s text)",
            "INSERT INTO t (id, n) WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL "
            f"SELECT i + 1 FROM g WHERE i < {rows}) SELECT i * 3, 0 FROM g",
        )
        return self

    def counted(self) -> list[tuple[Any, ...]]:
        """How many rows were counted how often."""
        return self.query("SELECT n, count(*) FROM t GROUP BY n")

    def checkpoints(self) -> list[tuple[Any, ...]]:
        return self.query(
            "SELECT app, name, step, sum(rows) FROM whimbrel_backfill GROUP BY app, name, step"
        )

    def walked(self) -> int:
        """How many rows the checkpoints count."""
        return int(self.query("SELECT coalesce(sum(rows), 0) FROM whimbrel_backfill")[0][0])


@pytest.fixture
def runs(database_url: str) -> Runs:
    return Runs(database_url).prepare_run()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows."""
    monkeypatch.setattr(walk, "BatchSize", lambda: BatchSize(3))
    for name in ("SMALLEST", "LARGEST"):
        monkeypatch.setattr(f"whimbrel.run.data.throttle.{name}", 3)


#: The types of keys' columns, and the keys of rows, as SQL.
KEYS: dict[str, tuple[str, list[str]]] = {
    "numbers": ("bigint", [str(number) for number in (-5, 0, 3, 4, 5, 2**40, 2**50)]),
    "text": ("varchar(9)", ["''", "'B'", "'a'", "'ä'", "''''", "'%%s'", "':x'", "'b'"]),
    "UUIDs": ("uuid", [f"'{n:032x}'" for n in range(9)]),
    "decimals": ("numeric", [f"{n}.25" for n in range(9)]),
    "dates": ("date", [f"'2024-01-0{day}'" for day in range(1, 9)]),
    "moments": ("timestamp", [f"'2024-01-0{day} 12:30:00.5'" for day in range(1, 9)]),
    "bytes": ("bytea", [rf"'\x{byte:02x}ff'" for byte in range(9)]),
    "two columns": ("integer, text", [f"{a}, '{b}'" for a in range(4) for b in "xyz"]),
    "three": ("integer, text, date", [f"{n // 4}, '{n % 4}', '2024-01-01'" for n in range(9)]),
    "no rows": ("integer", []),
    "one row": ("integer", ["1"]),
}


def made_of(runs: Runs, case: str) -> tuple[str, ...]:
    """Make the table of a case. Gives its key."""
    types, rows = KEYS[case]
    named = {f"Key {at}": each for at, each in enumerate(types.split(", "))}
    columns = ", ".join(f'"{name}" {each}' for name, each in named.items())
    key = ", ".join(f'"{name}"' for name in named)
    runs.query(f"CREATE TABLE t ({columns}, n integer DEFAULT 0, PRIMARY KEY ({key}))")
    if rows:
        runs.query(f"INSERT INTO t ({key}) VALUES {', '.join(f'({row})' for row in rows)}")
    return tuple(named)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", KEYS)
def test_every_row_is_done_once(runs: Runs, case: str) -> None:
    named, rows = made_of(runs, case), KEYS[case][1]
    for parallel, step in enumerate(("1.1", "1.2", "2.1"), start=1):
        runs.run(replace(COUNT, key=named, parallel=parallel), step)
    assert runs.counted() == ([(3, len(rows))] if rows else [])
    assert [each[:3] for each in sorted(runs.checkpoints())] == [
        ("blog", "0002_x", step) for step in ("1.1", "1.2", "2.1")
    ]
    *_, last = runs.events
    assert isinstance(last, BackfillMoved)
    assert (last.title, last.rows) == ("Fill t", len(rows))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_it_ends_though_rows_keep_coming(runs: Runs) -> None:
    runs.made(1000).query(
        "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO t SELECT max(id) + 1, 0, 'new' FROM t; RETURN NULL; END $$",
        "CREATE TRIGGER more AFTER UPDATE ON t EXECUTE FUNCTION more()",
    )
    runs.run(FILL)
    assert runs.query("SELECT count(*) FROM t WHERE s IS NULL") == [(0,)]
    assert runs.query("SELECT count(*) FROM t WHERE s <> 'new'") == [(1000,)]


def test_a_schema_of_its_own(runs: Runs) -> None:
    main = "main" if runs.dialect == "sqlite" else "public"
    runs.made(10).run(replace(FILL, table=Name(main, "t"), set=(("s", "'100%:a'"),)))
    assert runs.query("SELECT s, count(*) FROM t GROUP BY s") == [("100%:a", 10)]


def test_rows_that_are_done_are_left_alone(runs: Runs) -> None:
    runs.made(4).query("UPDATE t SET s = 'own' WHERE id > 6")
    runs.run(FILL)
    assert [s for (s,) in runs.query("SELECT s FROM t ORDER BY id")] == [
        "100%:a 3",
        "100%:a 6",
        "own",
        "own",
    ]


def test_what_is_left_is_an_error(runs: Runs) -> None:
    runs.made(4)
    with pytest.raises(StepError) as caught:
        runs.run(replace(FILL, set=(("s", "CASE WHEN id > 6 THEN 'x' END"),)))
    assert caught.value.message == "2 rows are left that it should have filled, s IS NULL"
    assert caught.value.place == "Fill t"


def test_a_table_without_a_key_is_not_walked(runs: Runs) -> None:
    runs.query("CREATE TABLE t (n integer)")
    with pytest.raises(UnsupportedError, match=r"^t has no primary key to walk it by"):
        runs.run(replace(COUNT, key=()))


@pytest.mark.parametrize("parallel", [1, 3])
def test_killed_again_and_again(runs: Runs, parallel: int) -> None:
    runs.made(12_000)
    runs.run(replace(COUNT, where="id < 0"), "1.1")  # the checkpoints' table is there
    killed = 0
    tests = Path(__file__).parent.parent
    while killed < 3:
        argv = [
            sys.executable,
            "-c",
            SCRIPT,
            str(tests),
            str(tests.parent),
            runs.url,
            str(parallel),
        ]
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        before = runs.walked()
        while process.poll() is None and runs.walked() == before:
            time.sleep(0.01)
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[1]
            break
        kill(process)
        killed += 1
    assert killed
    runs.run(replace(COUNT, parallel=parallel))
    assert runs.counted() == [(1, 12_000)]
    assert runs.checkpoints()[-1] == ("blog", "0002_x", "2.1", 12_000)


def test_several_runners_at_once(runs: Runs) -> None:
    runs.made(5_000).run(replace(COUNT, where="id < 0"), "1.1")  # the checkpoints' table is there
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(Runs(runs.url).run, COUNT) for _ in range(3)]:
            try:
                done.result()
            except DatabaseError:  # both made the parts: the executor's lock forbids that
                continue
    assert runs.counted() == [(1, 5_000)]


def test_rows_that_come_meanwhile_are_done_too(runs: Runs) -> None:
    runs.made(3_000)
    late = Timer(0.3, runs.query, ["INSERT INTO t (id, n) VALUES (1, 0), (-1, 0), (100000, 0)"])
    late.start()
    runs.run(replace(FILL, pause=0.2))
    late.join()
    assert runs.query("SELECT count(*) FROM t WHERE s IS NOT NULL") == [(3_003,)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rows_that_stay_locked_end_it(runs: Runs) -> None:
    runs.made(2_000)
    engine = sa.create_engine(runs.url)
    with engine.begin() as other:
        other.exec_driver_sql("UPDATE t SET n = n WHERE id = 5400")
        with pytest.raises(LockError, match=r"rows stayed locked for 0\.5 s"):
            runs.run(COUNT, limit=0.5)
    engine.dispose()
    runs.run(COUNT)
    assert runs.counted() == [(1, 2_000)]


@pytest.mark.parametrize(
    ("update", "sql"),
    [
        (COUNT, "UPDATE t SET n=n + 1 WHERE t.id > :after AND t.id <= :up_to"),
        (
            replace(FILL, key=("a", "B")),
            "UPDATE t SET s='100%:a ' || id "
            'WHERE (s IS NULL) AND (t.a, t."B") > :after AND (t.a, t."B") <= :up_to',
        ),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_it_is_a_value(dialect: str, update: BatchedUpdate, sql: str) -> None:
    step = batched_step(dialect, update, id="2.1")
    assert (step.sql, step.boundary, step.transactional) == (sql, Boundary.BATCHED, False)
    assert loads(dumps(step)) == step


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", KEYS)
def test_what_is_shown_of_it_does_it(
    runs: Runs, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "_ROWS", 3)
    rows = len(KEYS[case][1])
    step = batched_step(runs.dialect, replace(COUNT, key=made_of(runs, case)))
    (shown,) = enclose(engine_for(runs.dialect), [step])
    with sa.create_engine(runs.url, isolation_level="AUTOCOMMIT").connect() as connection:
        execute(connection, shown.sql)
    assert runs.counted() == ([(1, rows)] if rows else [])
