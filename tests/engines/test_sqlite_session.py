"""Transactions on SQLite: what is set, what is set back, what a failure leaves, what errors mean."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog_sqlite import catalog
from sqlite_kit import BIGINT, NEW, column, fresh, go, ident, rows, schema, script, table, varchar
from whimbrel.engines import Engine, engine_for
from whimbrel.engines.sqlite import SQLiteEngine, runner
from whimbrel.engines.sqlite.health import Health
from whimbrel.engines.step import HazardCode, Step
from whimbrel.errors import DatabaseError, StepError
from whimbrel.schema.differ import diff
from whimbrel.schema.table import ForeignKey, Name, Schema

A = column("a", varchar(10))
BEFORE = schema(table("t", ident(), A))
AFTER = schema(table("t", ident(), column("a", varchar(20))))
REBUILD = NEW.steps(diff(BEFORE, AFTER), BEFORE)
PLAIN = [Step(("SELECT 1",))]
SETTINGS = ("foreign_keys", "legacy_alter_table", "busy_timeout")


def settings(connection: sa.Connection) -> list[int]:
    return [rows(connection, f"PRAGMA {name}")[0][0] for name in SETTINGS]


def test_it_is_the_engine_of_its_dialect() -> None:
    engine: Engine = engine_for("sqlite")
    assert isinstance(engine, SQLiteEngine)
    assert engine.steps(diff(BEFORE, AFTER), BEFORE)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("foreign_keys", [0, 1])
def test_settings_are_as_they_were(sqlite_url: str, foreign_keys: int, fails: bool) -> None:
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), BEFORE)
        script(
            connection,
            f"PRAGMA foreign_keys = {foreign_keys}; PRAGMA legacy_alter_table = 1;"
            "PRAGMA busy_timeout = 1234",
        )
        before = settings(connection)
        try:
            with NEW.transaction(connection, REBUILD, lock_timeout=0.25):
                assert settings(connection) == [0, 0, 250]
                connection.exec_driver_sql("INSERT INTO t (a) VALUES ('x')")
                if fails:
                    raise RuntimeError("midway")
        except RuntimeError:
            assert fails
        assert settings(connection) == before == [foreign_keys, 1, 1234]
        assert rows(connection, "SELECT count(*) FROM t") == [(0 if fails else 1,)]


def test_foreign_keys_are_left_alone_where_no_table_is_dropped() -> None:
    with fresh() as connection:
        script(connection, "PRAGMA foreign_keys = ON")
        with NEW.transaction(connection, PLAIN):
            assert rows(connection, "PRAGMA foreign_keys") == [(1,)]


def test_a_connection_in_a_transaction_is_refused() -> None:
    with fresh() as connection:
        script(connection, "PRAGMA foreign_keys = ON; BEGIN")
        with (
            pytest.raises(DatabaseError, match="still enforced"),
            NEW.transaction(connection, REBUILD),
        ):
            pass


@pytest.mark.parametrize("statement", range(7))
def test_a_failure_between_any_two_statements_leaves_everything_as_it_was(
    sqlite_url: str, statement: int
) -> None:
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), BEFORE)
        script(connection, "INSERT INTO t VALUES (5, 'x'); CREATE VIEW v AS SELECT a FROM t")
        before = catalog(connection)
        [step] = REBUILD
        with pytest.raises(KeyboardInterrupt), NEW.transaction(connection, REBUILD):
            for number, sql in enumerate(NEW.settle(connection, step)):
                if number == statement:
                    raise KeyboardInterrupt
                connection.exec_driver_sql(sql)
            pytest.fail(f"a rebuild has only {number + 1} statements")
        assert catalog(connection) == before
        assert rows(connection, "SELECT * FROM t") == [(5, "x")]
        go(connection, BEFORE, AFTER)
        assert rows(connection, "SELECT * FROM t") == [(5, "x")]


KILLED = """
import os, sys
sys.path[:0] = sys.argv[2:]
from sqlite_kit import NEW, fresh
from test_sqlite_session import REBUILD
with fresh(sys.argv[1]) as connection, NEW.transaction(connection, REBUILD):
    for number, sql in enumerate(NEW.settle(connection, REBUILD[0])):
        connection.exec_driver_sql(sql)
        if sql.startswith("DROP TABLE"):
            os._exit(9)
"""


def test_a_process_that_dies_midway_leaves_everything_as_it_was(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), BEFORE)
        script(connection, "INSERT INTO t VALUES (5, 'x')")
    here = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, sqlite_url, str(here), str(here.parent)]
    assert subprocess.run(command, check=False).returncode == 9
    with fresh(sqlite_url) as connection:
        assert rows(connection, "SELECT * FROM t") == [(5, "x")]
        go(connection, BEFORE, AFTER)
        assert rows(connection, "SELECT * FROM t") == [(5, "x")]


def test_another_writer_is_waited_for_and_told_from_other_errors(sqlite_url: str) -> None:
    with fresh(sqlite_url) as one, fresh(sqlite_url) as two:
        go(one, Schema(), BEFORE)
        with NEW.transaction(one, PLAIN):
            with (
                pytest.raises(sa.exc.OperationalError) as caught,
                NEW.transaction(two, PLAIN, lock_timeout=0.01),
            ):
                pass
            assert NEW.is_lock_timeout(caught.value)
            assert (
                NEW.explain(caught.value, None)[0]
                == "another connection is writing to the database"
            )
        with NEW.transaction(two, PLAIN, lock_timeout=0.01):
            pass
        with pytest.raises(sa.exc.OperationalError) as other:
            one.exec_driver_sql("SELECT * FROM nowhere")
        assert not NEW.is_lock_timeout(other.value)
        assert not NEW.is_disconnect(other.value)


def test_a_closed_connection_is_lost(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection:
        connection.connection.driver_connection.close()  # type: ignore[union-attr]
        with pytest.raises(sa.exc.ProgrammingError) as caught:
            connection.exec_driver_sql("SELECT 1")
        assert NEW.is_disconnect(caught.value)


@pytest.mark.parametrize("is_memory", [False, True])
def test_there_is_one_runner_until_it_lets_go(sqlite_url: str, is_memory: bool) -> None:
    url = "sqlite://" if is_memory else sqlite_url
    with fresh(url) as connection, fresh(url) as other:
        release = NEW.runner_lock(connection, "whimbrel")
        assert release is not None
        with NEW.transaction(connection, PLAIN):
            pass
        assert (NEW.runner_lock(other, "whimbrel") is not None) == is_memory
        assert NEW.blockers(connection, PLAIN) == []
        release()
        second = NEW.runner_lock(other, "whimbrel")
        assert second is not None
        second()
    assert not list(Path(sqlite_url.removeprefix("sqlite:///")).parent.glob("*-whimbrel"))


def test_what_is_locked_is_the_file_of_that_name(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder removes the file when it ends; another may have come before it is locked here."""
    looked = runner._identity

    def removed_and_made(path: str) -> tuple[int, int] | None:
        found = looked(path)
        monkeypatch.setattr(runner, "_identity", looked)
        os.rename(path, f"{path}-removed")
        Path(path).touch()
        return found

    with fresh(sqlite_url) as connection:
        monkeypatch.setattr(runner, "_identity", removed_and_made)
        assert NEW.runner_lock(connection, "whimbrel") is None
        release = NEW.runner_lock(connection, "whimbrel")
        assert release is not None
        release()


def test_where_no_lock_can_be_made_is_said(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    Path(f"{file}{runner.ENDING}").mkdir()
    with fresh(sqlite_url) as connection, pytest.raises(DatabaseError) as caught:
        NEW.runner_lock(connection, "whimbrel")
    assert caught.value.place == f"{file}{runner.ENDING}"


ERRORS = [
    ("INSERT INTO t (a) VALUES (NULL)", "t.a has rows without a value"),
    ("INSERT INTO t (a, b) VALUES (1, 1), (1, 1)", "rows are not unique in t.b"),
    ("INSERT INTO t (a, b) VALUES (9, 2)", "rows do not meet the condition small"),
    ("INSERT INTO u VALUES (7)", "a row points at a row that is not there"),
    ("INSERT INTO m VALUES (7)", "neither primary key nor unique"),
    ("INSERT INTO s VALUES ('x')", "s.n takes INTEGER alone, and has a TEXT"),
    ("ALTER TABLE t RENAME COLUMN a TO z", "the view v would break, or is broken already"),
    ("PRAGMA query_only = ON; DELETE FROM t", "the database is read-only"),
    ("DROP TABLE nowhere", "no such table: nowhere"),
    ("CREATE TABLE t (a)", "table t already exists"),
    ("SELECT nonsense", "no such column: nonsense"),
]


@pytest.mark.parametrize(("sql", "meaning"), ERRORS)
def test_errors_say_what_is_wrong(sql: str, meaning: str) -> None:
    with fresh() as connection:
        script(
            connection,
            """PRAGMA foreign_keys = ON;
            CREATE TABLE t (id INTEGER PRIMARY KEY, a NOT NULL CONSTRAINT small CHECK (a < 9), b UNIQUE);
            CREATE TABLE u (t REFERENCES t); CREATE TABLE n (a); CREATE TABLE m (a REFERENCES n (a));
            CREATE TABLE s (n INTEGER) STRICT; CREATE VIEW v AS SELECT * FROM nowhere""",
        )
        with pytest.raises(sqlite3.Error) as caught:
            script(connection, sql)
        what, hint = NEW.explain(caught.value, None)
        assert meaning in what
        assert hint or "nonsense" in what


def test_a_damaged_file_and_one_that_cannot_be_opened(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"not a database" * 100)
    for path, meaning in (
        (damaged, "the file is damaged"),
        (tmp_path / "no" / "file", "cannot be opened"),
    ):
        engine = sa.create_engine(f"sqlite:///{path}")
        with pytest.raises(sa.exc.DatabaseError) as caught, engine.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM sqlite_master")
        assert meaning in NEW.explain(caught.value, None)[0]


def test_a_full_disk_leaves_everything_as_it_was(sqlite_url: str) -> None:
    """max_page_count is a disk that is full (pragma.html)."""
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), BEFORE)
        script(
            connection,
            "INSERT INTO t (a) SELECT hex(zeroblob(900)) FROM (VALUES (1), (2), (3), (4))",
        )
        [(pages,)] = rows(connection, "PRAGMA page_count")
        script(connection, f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sa.exc.OperationalError) as caught:
            go(connection, BEFORE, AFTER)
        assert NEW.explain(caught.value, None)[0] == "the disk is full"
        assert rows(connection, "SELECT type FROM pragma_table_info('t')")[1] == ("VARCHAR(10)",)
        assert rows(connection, "SELECT count(*) FROM t") == [(4,)]


def test_readers_go_on_while_a_table_is_rebuilt(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection, fresh(sqlite_url) as reader:
        script(connection, "PRAGMA journal_mode = WAL")
        go(connection, Schema(), BEFORE)
        script(connection, "INSERT INTO t VALUES (5, 'x')")
        with NEW.transaction(connection, REBUILD):
            for sql in NEW.settle(connection, REBUILD[0]):
                connection.exec_driver_sql(sql)
                assert rows(reader, "SELECT * FROM t") == [(5, "x")]
        assert rows(reader, "SELECT * FROM t") == [(5, "x")]


def test_what_is_printed_around_steps() -> None:
    assert NEW.opening(PLAIN) == ["BEGIN IMMEDIATE"]
    assert NEW.closing(PLAIN) == ["COMMIT"]
    advice, setting = NEW.opening(REBUILD)[0].splitlines()
    assert "-bail" in advice
    assert setting == "PRAGMA foreign_keys = OFF"
    assert NEW.closing(REBUILD)[0] == "PRAGMA foreign_key_check"
    assert REBUILD[0].has(HazardCode.REBUILDS_TABLE)


def test_the_rows_of_children_outlive_a_printed_rebuild(sqlite_url: str) -> None:
    key = ForeignKey("fk", ("pid",), Name(None, "t"), ("id",), "CASCADE")
    child = table("child", ident(), column("pid", BIGINT), key)
    before = schema(*BEFORE.tables.values(), child)
    after = schema(*AFTER.tables.values(), child)
    steps = NEW.steps(diff(before, after), before)
    with fresh(sqlite_url) as connection:
        go(connection, Schema(), before)
        script(connection, "INSERT INTO t VALUES (9, 'x'); INSERT INTO child VALUES (1, 9)")
        script(connection, "PRAGMA foreign_keys = ON")
        printed = [*NEW.opening(steps), *(step.sql for step in steps), *NEW.closing(steps)]
        script(connection, ";\n".join(printed))
        assert rows(connection, "SELECT * FROM child") == [(1, 9)]


def test_a_step_error_inside_rolls_back(sqlite_url: str) -> None:
    with fresh(sqlite_url) as connection:
        with pytest.raises(StepError), NEW.transaction(connection, PLAIN):
            connection.exec_driver_sql("CREATE TABLE x (y)")
            raise StepError("stop")
        assert catalog(connection) == {}


SHELL = shutil.which("sqlite3")


@pytest.mark.skipif(SHELL is None, reason="needs the sqlite3 shell")
@pytest.mark.parametrize("fits", [True, False])
def test_the_shell_runs_what_is_printed(tmp_path: Path, fits: bool) -> None:
    path = tmp_path / "db"
    wanted = schema(table("t", ident(), column("a", varchar(20), null=False)))
    with fresh(f"sqlite:///{path}") as connection:
        go(connection, Schema(), BEFORE)
        connection.exec_driver_sql("INSERT INTO t VALUES (5, ?)", ("x" if fits else None,))
        before = rows(connection, "SELECT * FROM t")
    steps = NEW.steps(diff(BEFORE, wanted), BEFORE)
    printed = [*NEW.opening(steps), *(step.sql for step in steps), *NEW.closing(steps)]
    done = subprocess.run(
        [str(SHELL), "-bail", str(path)],
        input=";\n".join(printed) + ";\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0 if fits else 1, "")
    with fresh(f"sqlite:///{path}") as connection:
        assert rows(connection, "SELECT * FROM t") == before
        found = rows(connection, "SELECT type FROM pragma_table_info('t')")[1]
        assert found == ("VARCHAR(20)" if fits else "VARCHAR(10)",)


def test_keys_that_cannot_be_checked_do_not_hide_rows_that_point_at_nothing(
    sqlite_url: str,
) -> None:
    with fresh(sqlite_url) as connection:
        script(
            connection,
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (x REFERENCES a (x));"
            'CREATE TABLE "c d" (a REFERENCES a (id)); INSERT INTO "c d" VALUES (1), (2), (NULL);',
        )
        found = Health.of_keys(connection).orphans
        assert found["c d", "a"] == 2
        assert sum(found.values()) == 3
        script(connection, "DROP TABLE b")
        assert Health.of_keys(connection).orphans == {("c d", "a"): 2}
