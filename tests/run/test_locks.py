"""The lock policy: look first, wait briefly, go past autovacuum, never without an end, and name who is waited for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import servers
from run.data import Rows
from run.test_executor import AT, KEY, Run, add_column, index, work
from servers import PostgresServer, ServerMissing, running_postgresql
from whimbrel.config import Config
from whimbrel.engines import Step, engine_for
from whimbrel.engines.base import Blocker
from whimbrel.engines.postgresql import session
from whimbrel.engines.step import Boundary, Lock
from whimbrel.errors import LockError, StepError
from whimbrel.history.node import Node
from whimbrel.planning.plan import Stage
from whimbrel.run import attempts, holders
from whimbrel.run.attempts import _Tries
from whimbrel.run.connect import database_of, open_connection
from whimbrel.run.events import Event, WaitingForLock
from whimbrel.schema.changes import CreateTable, RenameTable
from whimbrel.schema.table import Name, Table

ENGINE = engine_for("postgresql")


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    config = Config(Path("/"), databases={"default": url})
    with open_connection(database_of(config)) as connection:
        yield connection


class Watched(Run):
    """An executor, and when it said that it waits for whom."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.waits: list[WaitingForLock] = []

    def listen(self, event: Event) -> None:
        super().listen(event)
        if isinstance(event, WaitingForLock):
            self.waits.append(event)

    @property
    def tries(self) -> list[int]:
        """For each event the number of the try that had failed."""
        return [event.attempt for event in self.waits]


@pytest.fixture
def run(postgresql_url: str) -> Iterator[Watched]:
    with connected(postgresql_url) as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.commit()
        yield Watched(connection)


@pytest.fixture
def other(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else, in a transaction."""
    with driver_of(postgresql_url) as connection:
        yield connection


def driver_of(url: str, user: str = "postgres") -> psycopg.Connection[Any]:
    parsed = sa.make_url(url)
    return psycopg.connect(host=str(parsed.query["host"]), user=user, dbname=parsed.database)


@contextmanager
def ended_after(seconds: float, held: psycopg.Connection[Any]) -> Iterator[None]:
    """A scope in which somebody's transaction ends after a while."""

    def end() -> None:
        time.sleep(seconds)
        held.commit()

    ending = Thread(target=end)
    ending.start()
    try:
        yield
    finally:
        ending.join()


# -- look first --------------------------------------------------------------------------------


def test_nobody_queues_while_an_old_transaction_holds_the_table(
    run: Watched, other: psycopg.Connection[Any]
) -> None:
    other.execute("SELECT * FROM t")
    time.sleep(0.25)
    with driver_of(str(run.connection.engine.url)) as third, ended_after(1.0, other):
        asked: list[int] = []

        def look() -> None:
            for _ in range(8):
                waiting = third.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted"
                ).fetchone()
                asked.append(waiting[0] if waiting else -1)
                third.rollback()
                time.sleep(0.1)

        looking = Thread(target=look)
        looking.start()
        run.executor.execute(work(add_column("a")))
        looking.join()
    assert asked == [0] * 8
    assert run.tries == [0]
    assert f"process {other.info.backend_pid}" in str(run.waits[0].blockers[0])
    assert run.columns() == 2


def test_a_transaction_that_is_short_is_not_waited_for_before_a_try(
    run: Watched, other: psycopg.Connection[Any]
) -> None:
    other.execute("SELECT * FROM t")
    with ended_after(0.05, other):
        run.executor.execute(work(add_column("a")))
    assert run.tries == []


def test_where_old_transactions_overlap_it_is_tried_all_the_same(
    run: Watched, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No look finds the table free; a try that waits for half a second does."""
    monkeypatch.setattr(holders, "_LONG", 0.6)
    ended = Flag()

    def read(after: float) -> None:
        time.sleep(after)
        with driver_of(postgresql_url) as reader:
            while not ended.is_set():
                reader.execute("LOCK TABLE t IN ACCESS SHARE MODE")
                time.sleep(0.45)
                reader.commit()

    readers = [Thread(target=read, args=(after,)) for after in (0.0, 0.15, 0.3)]
    for each in readers:
        each.start()
    time.sleep(0.8)
    try:
        run.executor.execute(work(add_column("a")))
    finally:
        ended.set()
        for each in readers:
            each.join()
    assert run.columns() == 2
    assert set(run.tries) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("tables", "held"),
    [
        ("CREATE TABLE p (id INTEGER) PARTITION BY LIST (id)", "p1"),
        ("CREATE TABLE p (id INTEGER)", "t"),
    ],
    ids=["partition", "foreign key"],
)
def test_partitions_and_targets_of_keys_are_looked_at_too(
    run: Watched, other: psycopg.Connection[Any], tables: str, held: str
) -> None:
    run.connection.exec_driver_sql(tables)
    if held == "p1":
        run.connection.exec_driver_sql("CREATE TABLE p1 PARTITION OF p DEFAULT")
    run.connection.commit()
    other.execute(f"SELECT * FROM {held}")
    time.sleep(0.25)
    strong = (Name(None, "p"), Lock.ACCESS_EXCLUSIVE)
    locks = (strong,) if held == "p1" else (strong, (AT, Lock.ACCESS_EXCLUSIVE))
    with ended_after(0.4, other):
        run.executor.execute(work(Step(("ALTER TABLE p ADD x INTEGER",), tables=locks)))
    assert run.tries == [0]
    assert f" on {held}" in str(run.waits[0].blockers[0])


def test_who_may_not_see_ages_takes_for_old_what_two_looks_see(
    postgresql_url: str, other: psycopg.Connection[Any], postgresql_server: PostgresServer
) -> None:
    name = f"role_{time.time_ns()}"
    other.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[arg-type]
    other.execute(f"GRANT CREATE ON SCHEMA public TO {name}")  # type: ignore[arg-type]
    other.commit()
    url = sa.make_url(postgresql_url).set(username=name).render_as_string()
    try:
        with connected(url) as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
            connection.commit()
            run = Watched(connection)
            other.execute("SELECT * FROM t")
            with ended_after(0.1, other):  # short, though nobody says so
                run.executor.execute(work(add_column("a")))
            assert run.tries == []
            other.execute("SELECT * FROM t")
            with ended_after(0.8, other):
                run.executor.execute(replace(work(add_column("b")), stage=another_stage()))
            assert run.tries == [0]
            (blocker,) = run.waits[0].blockers
            assert (blocker.seconds, blocker.gives_way_after) == (None, None)
    finally:
        other.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type]
        other.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]
        other.commit()


def another_stage(name: str = "0002_more") -> Stage:
    return Stage((Node(KEY[0], name, digest="1:y"),))


def test_nobody_looks_at_tables_that_the_run_has_made(
    run: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Sequence[Step]] = []
    looked = type(ENGINE).blockers

    def look(connection: Connection, steps: Sequence[Step]) -> list[Blocker]:
        looks.append(steps)
        return looked(connection, steps)

    monkeypatch.setattr(type(ENGINE), "blockers", staticmethod(look))
    made, renamed = Name(None, "made"), Name(None, "renamed")
    create = Step(("CREATE TABLE made (id INTEGER)",), CreateTable(Table("made", ())))
    rename = Step(
        ("ALTER TABLE made RENAME TO renamed",),
        RenameTable(made, renamed),
        tables=((made, Lock.ACCESS_EXCLUSIVE),),
    )
    alter = Step(("ALTER TABLE renamed ADD x INTEGER",), tables=((renamed, Lock.ACCESS_EXCLUSIVE),))
    for number, step in enumerate((create, rename, alter)):
        todo = replace(work(step), stage=another_stage(f"{number}"))
        run.executor.execute(todo)
    assert looks == []
    run.executor.execute(
        work(add_column("a"), add_column("b"), replace(alter, statements=("SELECT 1",)))
    )
    assert [[step.tables for step in steps] for steps in looks] == [
        [((AT, Lock.ACCESS_EXCLUSIVE),)]
    ]


@pytest.mark.parametrize(
    ("sql", "table", "lock"),
    [
        ("ALTER TABLE t ADD x INTEGER", "t", Lock.ACCESS_EXCLUSIVE),
        ("-- why\n/* so */ alter table if exists only public.T alter id set not null", "public.t", Lock.ACCESS_EXCLUSIVE),
        ('ALTER TABLE "t" RENAME TO u', "t", Lock.ACCESS_EXCLUSIVE),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", None, Lock.SHARE_UPDATE_EXCLUSIVE),
        ("DROP TABLE IF EXISTS t", "t", Lock.ACCESS_EXCLUSIVE),
        ("TRUNCATE t", "t", Lock.ACCESS_EXCLUSIVE),
        ("LOCK TABLE t", "t", Lock.ACCESS_EXCLUSIVE),
        ("CREATE INDEX ON t (id)", "t", Lock.SHARE),
        ("CREATE UNIQUE INDEX IF NOT EXISTS on_t ON ONLY public.t (id)", "public.t", Lock.SHARE),
        ("CREATE INDEX CONCURRENTLY i ON t (id)", None, None),
        ("CREATE TRIGGER g AFTER UPDATE OF id ON t FOR EACH ROW EXECUTE FUNCTION f()", "t", Lock.SHARE_ROW_EXCLUSIVE),
        ("DROP TRIGGER g0 ON t", "t", Lock.ACCESS_EXCLUSIVE),
        ("UPDATE t SET id = 1", None, Lock.ROW_EXCLUSIVE),
        ("SELECT 'ALTER TABLE t'", None, None),
    ],
)  # fmt: skip
def test_what_sql_of_the_users_locks_is_seen_as_the_server_does_it(
    run: Watched, sql: str, table: str | None, lock: Lock | None
) -> None:
    found = ENGINE.user_locks(sql)
    assert [(str(at), held) for at, held in found] == ([(table, lock)] if table else [])
    if lock is None:
        return
    function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    trigger = "CREATE TRIGGER g0 AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
    check = "ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID"
    for each in (function, trigger, check):
        run.connection.exec_driver_sql(each)
    run.connection.commit()
    number = run.connection.exec_driver_sql("SELECT 't'::regclass::oid").scalar()
    run.connection.commit()
    run.connection.exec_driver_sql(sql)
    modes = run.connection.exec_driver_sql(
        f"SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = {number}"
    )
    assert lock.value.title().replace(" ", "") + "Lock" in modes.scalars().all()


def test_old_transactions_are_waited_for_before_sql_of_the_users(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any]
) -> None:
    rows = Rows(tmp_path, postgresql_url).made()
    rows.file("0002_sql", "RunSQL('ALTER TABLE blog_row ADD x INTEGER')")
    other.execute("SELECT * FROM blog_row")
    time.sleep(0.25)
    with ended_after(0.5, other):
        rows.go()
    assert [event.attempt for event in rows.events if isinstance(event, WaitingForLock)] == [0]


def test_whom_a_function_waits_for_is_named(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any]
) -> None:
    rows = Rows(tmp_path, postgresql_url).made(1)
    update = "def f(apps, editor):\n    editor.execute('UPDATE blog_row SET number = 2')\n"
    rows.file("0002_function", "RunPython(f)", update)
    other.execute("SELECT * FROM blog_row FOR UPDATE")
    with ended_after(1.8, other):
        rows.go()
    (waited,) = [event for event in rows.events if isinstance(event, WaitingForLock)]
    assert f"process {other.info.backend_pid}" in str(waited.blockers[0])
    assert rows.numbers() == [2]


# -- how long a try waits ----------------------------------------------------------------------

SELF = Blocker(7, "a client", transaction="1/1")
VACUUM = Blocker(8, "autovacuum", transaction="2/1", gives_way_after=1.0)


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("is_strong", "left", "timeouts"),
    [
        (True, [], [0.1, 0.2, 0.5, 0.5, 0.5, 0.5]),
        (True, [SELF], [0.1, 0.2, 0.5, 0.5, 0.5, 0.5]),
        (True, [SELF, VACUUM], [0.1, 0.2, 0.5, 0.5, 0.5, 0.5]),
        # One try outwaits it; where it is there nevertheless, every fifth does.
        (True, [VACUUM], [1.2, 0.2, 0.5, 0.5, 1.2, 0.5]),
        (False, [], [5.0] * 6),
        (False, [replace(VACUUM, gives_way_after=10.0)], [10.2, 5.0, 5.0, 5.0, 10.2, 5.0]),
    ],
)
def test_the_ladder(is_strong: bool, left: list[Blocker], timeouts: list[float]) -> None:
    tries = _Tries(is_strong)
    found = [tries.timeout(left) for _ in timeouts]
    assert found == timeouts
    for timeout in found:
        assert tries.pause(timeout) >= max(1.0, 2 * timeout if is_strong else 0.0)


@pytest.mark.parametrize(
    ("operation", "atomic", "waits"),
    [
        ("RunSQL('{}')", True, "100ms"),
        ("RunSQL('{}')", False, "100ms"),
        ("RunPython(f)", True, "5s"),
        ("RunPython(f)", False, "5s"),
        ("RunSQL('DO $f$ BEGIN {}; END $f$')", False, "5s"),  # nobody knows what is in it
        ("RunPython(f), migrations.RunSQL('SELECT 1')", True, "100ms"),
    ],
)
def test_no_code_of_the_users_waits_without_an_end(
    tmp_path: Path, postgresql_url: str, operation: str, atomic: bool, waits: str
) -> None:
    rows = Rows(tmp_path, postgresql_url)
    sql = "CREATE TABLE w AS SELECT current_setting($$lock_timeout$$) AS a"
    function = f"def f(apps, editor):\n    editor.execute('{sql}')\n"
    rows.file("0001_f", operation.format(sql), function, atomic=atomic)
    rows.go()
    assert rows.query("SELECT a FROM w") == [(waits,)]


@pytest.mark.parametrize("atomic", [True, False])
def test_nobody_queues_for_long_behind_what_a_function_locks(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any], atomic: bool
) -> None:
    rows = Rows(tmp_path, postgresql_url).made()
    altered = "ALTER TABLE blog_row ADD COLUMN more integer"
    seen = "CREATE TABLE w AS SELECT current_setting($$lock_timeout$$) AS a"
    function = (
        f"def f(apps, editor):\n    editor.execute('{altered}')\n    editor.execute('{seen}')\n"
    )
    rows.file("0002_f", "RunPython(f)", function, atomic=atomic)
    other.execute("BEGIN")
    other.execute("SELECT FROM blog_row")
    started = time.monotonic()
    with pytest.raises((LockError, StepError)):
        rows.go(lock_timeout=1.5)
    assert other.execute("SELECT 1").fetchone() == (1,)
    other.execute("COMMIT")
    assert time.monotonic() - started < 10  # some tries of half a second, not of five
    rows.go()
    assert rows.query("SELECT a FROM w") == [("5s",)]


INDEXED = """
def f(apps, editor):
    editor.execute("CREATE TABLE u (id INTEGER)")
    editor.execute("{}")
    editor.execute("CREATE TABLE w AS SELECT current_setting('lock_timeout') AS a")
"""


@pytest.mark.parametrize("as_function", [True, False])
def test_what_is_built_concurrently_waits_for_as_long_as_a_run_may(
    tmp_path: Path,
    postgresql_url: str,
    other: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    as_function: bool,
) -> None:
    """Nobody queues behind it. A function's own statements wait for a moment again after it."""
    monkeypatch.setattr(attempts, "_PATIENT_TRY", 0.3)
    rows = Rows(tmp_path, postgresql_url).made()
    build = "CREATE INDEX CONCURRENTLY i ON blog_row (number)"
    ran = "RunPython(f)" if as_function else f"RunSQL('{build}')"
    rows.file("0002_index", ran, INDEXED.format(build), atomic=False)
    other.execute("LOCK TABLE blog_row IN ROW EXCLUSIVE MODE")
    with ended_after(1.5, other):
        rows.go()
    assert rows.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (True,)
    ]
    if as_function:
        assert rows.query("SELECT a FROM w") == [("300ms",)]
    (waited,) = [event for event in rows.events if isinstance(event, WaitingForLock)]
    assert f"process {other.info.backend_pid}" in str(waited.blockers[0])


def test_whom_sql_has_waited_for_in_vain_is_named(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any]
) -> None:
    rows = Rows(tmp_path, postgresql_url).made()
    rows.file("0002_i", "RunSQL('CREATE INDEX CONCURRENTLY i ON blog_row (number)')", atomic=False)
    other.execute("LOCK TABLE blog_row IN ROW EXCLUSIVE MODE")
    with pytest.raises(StepError, match="lock timeout") as caught:
        rows.go(lock_timeout=1.3)
    assert f"Held by process {other.info.backend_pid}" in str(caught.value.hint)
    assert "LOCK TABLE" not in str(caught.value)
    other.commit()
    rows.go()
    assert rows.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (True,)
    ]


def test_sql_without_a_transaction_is_tried_again(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any]
) -> None:
    """It is rolled back whole, with its mark; so it can be, like any other. Nobody looks which table it locks."""
    rows = Rows(tmp_path, postgresql_url).made()
    rows.query("CREATE INDEX i ON blog_row (number)")
    rows.file("0002_sql", "RunSQL('DROP INDEX i')", atomic=False)
    other.execute("SELECT * FROM blog_row")
    with ended_after(0.5, other):
        rows.go()
    assert [event.attempt for event in rows.events if isinstance(event, WaitingForLock)] == [1]
    assert rows.query("SELECT to_regclass('i')") == [(None,)]


def test_who_keeps_an_index_waiting_is_named_and_what_is_left_is_taken_away(
    run: Watched, other: psycopg.Connection[Any]
) -> None:
    """An old snapshot does: of a transaction that has not touched the table. lock_timeout counts for it."""
    build = replace(
        index("id"),
        tables=((AT, Lock.SHARE_UPDATE_EXCLUSIVE),),
        done="SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('t_id_idx') AND indisvalid",
        broken="SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('t_id_idx') AND NOT indisvalid",
        cleanup=("DROP INDEX CONCURRENTLY t_id_idx",),
    )
    other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    other.execute("SELECT 1")
    run.executor.limit = run.executor.attempts.limit = 2.0
    run.connection.exec_driver_sql("SET lock_timeout = '1500ms'")
    run.connection.commit()
    with pytest.raises(LockError) as caught:
        run.executor.execute(work(build))
    assert f"Held by process {other.info.backend_pid}" in str(caught.value.hint)
    assert run.tries == [0]
    other.commit()
    run.executor.execute(run.resumed(work(build)))
    assert run.connection.exec_driver_sql(str(build.done)).first() is not None


# -- time limits of roles, and ours -------------------------------------------------------------

SLOW = """
import time
def f(apps, editor):
    editor.execute("SELECT pg_sleep(0.5)")
    time.sleep(0.5)
    editor.execute("SELECT 1")
"""


@pytest.mark.parametrize("atomic", [True, False])
def test_no_time_limit_of_a_role_ends_what_takes_long(
    tmp_path: Path, postgresql_url: str, other: psycopg.Connection[Any], atomic: bool
) -> None:
    rows = Rows(tmp_path, postgresql_url).made(1)
    limits = ["statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"]
    limits += ["idle_session_timeout"] * (other.info.server_version >= 140_000)
    limits += ["transaction_timeout"] * (other.info.server_version >= 170_000)
    for name in limits:
        rows.query(f"ALTER DATABASE {other.info.dbname} SET {name} = '300ms'")
    check = (
        'migrations.AddConstraint("Row", models.CheckConstraint(models.Q(number__gt=0), name="c"))'
    )
    rows.file(
        "0002_slow", "RunPython(f), migrations.RunSQL('SELECT pg_sleep(0.5)')", SLOW, atomic=atomic
    )
    rows.file(
        "0003_index", "RunSQL('CREATE INDEX CONCURRENTLY i ON blog_row (number)')", atomic=False
    )
    rows.file("0004_check", check)
    other.execute("SET idle_in_transaction_session_timeout = 0")
    other.execute("SET idle_session_timeout = 0" if len(limits) > 3 else "SELECT 1")
    other.execute("SET transaction_timeout = 0" if len(limits) > 4 else "SELECT 1")
    other.commit()
    other.execute("SELECT * FROM blog_row")
    with ended_after(2.0, other):
        rows.go()
    assert len(rows.applied()) == 4


def test_a_brief_step_that_is_not_brief_stops_itself(
    run: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_BRIEF", 100)
    slow = replace(add_column("a"), statements=("SELECT pg_sleep(3)",))
    with pytest.raises(StepError, match="statement timeout") as caught:
        run.executor.execute(work(replace(slow, boundary=Boundary.BRIEF)))
    assert "migrate --short" in str(caught.value.hint)
    run.executor.execute(work(replace(slow, statements=("SELECT pg_sleep(0.3)",))))
    run.executor.attempts.is_short = True
    brief = replace(slow, statements=("SELECT pg_sleep(0.3)",), boundary=Boundary.BRIEF)
    run.executor.execute(replace(work(brief), stage=another_stage()))


# -- autovacuum, and prepared transactions -------------------------------------------------------


@pytest.fixture(scope="module")
def vacuuming() -> Iterator[PostgresServer]:
    """A server that vacuums, and lets transactions be prepared."""
    settings = {"autovacuum": "on", "autovacuum_naptime": "1s", "max_prepared_transactions": "2"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "SETTINGS", {**servers.SETTINGS, **settings})
        try:
            with running_postgresql() as server:
                yield server
        except ServerMissing as error:
            pytest.skip(str(error))


#: A table whose vacuum takes minutes.
SLOWLY = """
CREATE TABLE t (id INTEGER, x TEXT) WITH (autovacuum_vacuum_cost_delay = 100,
    autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 0,
    autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 1000000)
"""


@pytest.mark.parametrize("user", ["postgres", "plain"])
def test_autovacuum_gives_way_to_one_try_above_deadlock_timeout(
    vacuuming: PostgresServer, user: str
) -> None:
    with vacuuming.fresh_database() as name:
        if user == "plain":
            with suppress(psycopg.errors.DuplicateObject):
                vacuuming.execute("CREATE ROLE plain LOGIN")
            vacuuming.execute("GRANT ALL ON SCHEMA public TO plain", name)
        vacuuming.execute("SELECT 1", name)
        url = sa.make_url(vacuuming.url(name)).set(username=user).render_as_string()
        with connected(url) as connection:
            for sql in (
                SLOWLY,
                "INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series(1, 50000) g",
                "DELETE FROM t WHERE mod(id, 2) = 0",
            ):
                connection.exec_driver_sql(sql)
                connection.commit()
            wanted = [Step((), tables=((AT, Lock.ACCESS_EXCLUSIVE),))]
            run = Watched(connection)
            for _ in range(200):
                found = ENGINE.blockers(connection, wanted)
                if found:
                    break
                time.sleep(0.1)
            (worker,) = found
            assert re.match(
                r"process \d+ \(autovacuum\) with ShareUpdateExclusiveLock on t", str(worker)
            )
            assert worker.gives_way_after == 1.0
            started = time.monotonic()
            run.executor.execute(work(add_column("a")))
            assert 0.9 < time.monotonic() - started < 1.3
            assert run.tries == []


def test_a_prepared_transaction_is_named(vacuuming: PostgresServer) -> None:
    with vacuuming.fresh_database() as name, connected(vacuuming.url(name)) as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.commit()
        wanted = [Step((), tables=((AT, Lock.ACCESS_EXCLUSIVE),))]
        with vacuuming.connect(name) as other:
            for sql in ("BEGIN", "LOCK TABLE t", "PREPARE TRANSACTION 'forgotten'"):
                other.execute(sql)
            (found,) = ENGINE.blockers(connection, wanted)
            process = ENGINE.process(connection)
            assert process is not None
            waiting = Thread(target=connection.exec_driver_sql, args=("SELECT * FROM t",))
            waiting.start()
            with connection.engine.connect() as another:
                while not (waited_for := ENGINE.blockers_of(another, process)):
                    time.sleep(0.05)
            assert str(waited_for[0]) == "a prepared transaction"
            other.execute("ROLLBACK PREPARED 'forgotten'")
            waiting.join()
        assert str(found) == "the prepared transaction 'forgotten' with AccessExclusiveLock on t"
        assert found.process is None


def test_autovacuum_that_prevents_wraparound_does_not_give_way() -> None:
    from types import SimpleNamespace

    from whimbrel.engines.postgresql.holders import _blocker

    row = SimpleNamespace(
        lock="ShareUpdateExclusiveLock on t", pid=7, transaction="1/1", gid=None, is_servers=True,
        application=None, state="active", seconds=9.0, age="0:00:09", since="now",
        query="autovacuum: VACUUM t", is_urgent=True, deadlock_timeout=1.0,
    )  # fmt: skip
    assert _blocker(row).gives_way_after is None
    assert "gives way to nobody" in str(_blocker(row))
