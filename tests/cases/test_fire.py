"""Under fire: runners at once, kills, functions that end what is not theirs, backups."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import fire
from kills import walked
from projects import CREATE, Project
from run.data import Rows
from whimbrel.engines.base import Blocker
from whimbrel.errors import DatabaseError, DataError, LockError, StepError
from whimbrel.report.migrate import Lines
from whimbrel.run.events import Event, WaitingForLock, WaitingForRunner


@pytest.fixture
def anywhere(project_root: Path, database_url: str) -> Project:
    """An empty project, once on each database."""
    return Project(project_root, database_url)


@pytest.fixture(params=["sqlite", "postgresql", "session_pooled"])
def everywhere(project_root: Path, request: pytest.FixtureRequest) -> Project:
    """As `anywhere`, and behind a pooler of sessions too."""
    return Project(project_root, request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize("runners", [3], ids="hostile/01-{}-runners".format)
def test_each_part_is_carried_out_once(everywhere: Project, runners: int) -> None:
    fire.prepare(everywhere)
    fire.run_at_once(everywhere, runners)
    fire.assert_forwards_once(everywhere)
    fire.run_at_once(everywhere, runners, "0001")
    fire.assert_backwards_once(everywhere)
    assert fire.calls(everywhere) == {"a": 1, "b": 1, "-a": 1, "-b": 1}
    assert not list(everywhere.root.parent.glob("*-whimbrel"))


def test_who_waits_goes_on_where_another_was_killed(anywhere: Project) -> None:
    fire.prepare(anywhere)
    anywhere.write(
        "blog/migrations/0002_parts.py", fire.PARTS.replace('call("b")', 'call("b", 60)', 1)
    )
    killed = fire.start(anywhere)
    fire.until(lambda: "b" in fire.calls(anywhere))
    anywhere.write("blog/migrations/0002_parts.py", fire.PARTS)
    waiting = [fire.start(anywhere) for _ in range(2)]
    time.sleep(0.3)
    assert [os.waitpid(each, os.WNOHANG) for each in waiting] == [(0, 0), (0, 0)]
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    fire.wait(anywhere, *waiting)
    fire.assert_forwards_once(anywhere)
    assert fire.calls(anywhere) == {"a": 1, "b": 2}


# -- hostile/03: the transaction is not the function's to end -----------------------------------

FUNCTION = """
from sqlalchemy import text
from sqlalchemy.orm import Session

def f(apps, schema_editor):
    connection = schema_editor.connection
    schema_editor.execute("INSERT INTO blog_row (number) VALUES (1)")
    {}
"""
COLUMN = 'migrations.AddField("Row", "more", models.IntegerField(default=1))'


@pytest.fixture
def rows(project_root: Path, database_url: str) -> Rows:
    return Rows(project_root, database_url)


def columns(rows: Rows) -> int:
    engine = sa.create_engine(rows.project.url)
    try:
        return len(sa.inspect(engine).get_columns("blog_row"))
    finally:
        engine.dispose()


REFUSED = [
    "connection.rollback()",
    "connection.commit()",
    "connection.close()",
    "connection.invalidate()",
    "connection.detach()",
    'schema_editor.execute("ROLLBACK")',
    'schema_editor.execute("-- done\\nCOMMIT; SELECT 1")',
]


@pytest.mark.parametrize("line", REFUSED)
def test_what_would_end_the_transaction_is_refused(rows: Rows, line: str) -> None:
    """hostile/03: nothing has happened yet."""
    rows.made(0)
    rows.file("0002_f", f"{COLUMN}, RunPython(f)", FUNCTION.format(line))
    with pytest.raises(DataError) as caught:
        rows.go()
    assert "would end the migration's transaction" in str(caught.value)
    assert "0002_f.py:11, in f" in str(caught.value)
    assert "All of blog.0002_f was rolled back." in str(caught.value)
    assert (rows.numbers(), columns(rows), rows.applied()) == ([0], 2, ["0001_row"])


ENDED = [
    ('connection.execute(text("ROLLBACK"))', "rolled back"),
    ('connection.execute(text("COMMIT"))', "committed"),
    ('connection.cursor().execute("ROLLBACK")', "rolled back"),
    ("connection.connection.commit()", "committed"),
    ('connection.cursor().execute("COMMIT"); connection.cursor().execute("BEGIN")', "committed"),
    ("connection.connection.rollback(); connection.cursor().execute('BEGIN')", "rolled back"),
    ("Session(bind=connection).rollback()", None),
    (
        "session = Session(bind=connection); session.execute(text('SELECT 1')); session.rollback()",
        "rolled back",
    ),
    (
        'connection.connection.commit(); raise ValueError("no")',
        "committed; then it failed: ValueError: no",
    ),
]


@pytest.mark.parametrize(("line", "how"), ENDED)
@pytest.mark.parametrize("atomic", [True, False])
def test_a_transaction_that_a_function_ended_is_noticed(
    rows: Rows, line: str, how: str | None, atomic: bool
) -> None:
    """hostile/03: it is not recorded, and what stays is said."""
    rows.made(0)
    operations = f"{COLUMN}, RunPython(f, atomic=True)"
    rows.file("0002_f", operations, FUNCTION.format(line), atomic=atomic)
    if how is None:
        rows.go()
        return
    with pytest.raises(DataError) as caught:
        rows.go()
    assert f"it ended the migration's transaction, which was {how}" in str(caught.value)
    stays = how != "rolled back"
    assert ("was committed, and is not recorded" in str(caught.value)) == stays
    assert rows.numbers() == ([0, 1] if stays else [0])
    assert columns(rows) == (3 if stays or not atomic else 2)
    assert rows.applied() == ["0001_row"]


@pytest.mark.parametrize("atomic", [True, False])
def test_a_connection_that_a_function_closed(rows: Rows, atomic: bool) -> None:
    rows.made(0)
    line = "connection.connection.driver_connection.close()"
    rows.file("0002_f", "RunPython(f, atomic=True)", FUNCTION.format(line), atomic=atomic)
    with pytest.raises(DatabaseError) as caught:
        rows.go()
    assert ("the connection was lost" if rows.is_postgresql else "rolled back") in str(caught.value)
    assert (rows.numbers(), rows.applied()) == ([0], ["0001_row"])


def test_a_function_of_a_backfill_ends_no_transaction(rows: Rows) -> None:
    rows.made(0)
    function = "def f(batch):\n    batch.update(number=5)\n    batch.model.objects.connection.connection.commit()\n"
    rows.file("0002_f", 'migrations.Backfill("Row", f)', function)
    with pytest.raises(DataError) as caught:
        rows.go()
    assert "which was committed" in str(caught.value)


@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION"])
def test_a_transaction_that_is_left_open_is_noticed(rows: Rows, begin: str) -> None:
    """A function without a transaction begins one, and does not end it."""
    if begin.startswith("START") and not rows.is_postgresql:
        return
    rows.made(0)
    line = f'connection.cursor().execute("{begin}"); connection.cursor().execute("DELETE FROM blog_row")'
    rows.file("0002_f", "RunPython(f)", FUNCTION.format(line), atomic=False)
    with pytest.raises(DataError) as caught:
        rows.go()
    assert "it left a transaction open" in str(caught.value)
    assert (rows.numbers(), rows.applied()) == ([0, 1], ["0001_row"])


# -- hostile/02: backups ------------------------------------------------------------------------

SLOW = """
from pathlib import Path
import time

def f(apps, schema_editor):
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    raise ValueError("no")
"""


@pytest.fixture
def with_dumps(rows: Rows, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Rows:
    """Rows to be backed up; on PostgreSQL where the server comes with its pg_dump."""
    if rows.is_postgresql:
        tools: Path = request.getfixturevalue("postgresql_server").binaries
        if not (tools / "pg_dump").exists():
            pytest.skip("this server comes without pg_dump")
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return rows.made(7)


def touch_waiting(event: Event) -> None:
    if isinstance(event, WaitingForRunner):
        Path("waiting").touch()


def test_a_backup_is_never_overwritten(with_dumps: Rows) -> None:
    """hostile/02: what comes second has another database to copy."""
    project, copy = with_dumps.project, with_dumps.project.root / "copy"
    with_dumps.file("0002_drop", 'migrations.RemoveField("Row", "number")')
    with_dumps.file("0003_f", "RunPython(f)", SLOW)
    first = fire.start(project, backup=Path("copy"))
    fire.until((project.root / "begun").exists)
    kept = copy.read_bytes()
    copy.rename(project.root / "away")  # so that nothing stops the second at its start
    second = fire.start(project, backup=Path("copy"), emit=touch_waiting)
    fire.until((project.root / "waiting").exists)
    (project.root / "away").rename(copy)
    (project.root / "go").touch()
    assert [fire.code_of(first), fire.code_of(second)] == [1, 1]
    assert "ValueError: no" in fire.said(project, first)
    assert "a backup overwrites nothing" in fire.said(project, second)
    assert copy.read_bytes() == kept
    assert not list(project.root.glob("*.part"))


def test_a_killed_backup_has_not_its_name(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.made(7)
    rows.file("0002_drop", 'migrations.RemoveField("Row", "number")')
    root = rows.project.root
    program = rows.project.write(
        "bin/pg_dump",
        '#!/bin/sh\nfor x; do case $x in --file=*) echo half > "${x#--file=}";; esac; done; exec sleep 60\n',
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "link", lambda *_: time.sleep(60))
    running = fire.start(rows.project, before=os.setsid, backup=Path("copy"))
    fire.until(lambda: any(part.stat().st_size for part in root.glob("*.part")))
    os.killpg(running, signal.SIGKILL)
    assert fire.code_of(running) == -signal.SIGKILL
    assert not (root / "copy").exists()
    assert rows.applied() == ["0001_row"]


def test_a_full_disk_is_an_error_of_the_backup(with_dumps: Rows) -> None:
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    project = with_dumps.project
    with_dumps.file("0002_drop", 'migrations.RemoveField("Row", "number")')
    running = fire.start(project, before=fill, backup=Path("copy"))
    assert fire.code_of(running) == 1
    said = fire.said(project, running)
    assert "whimbrel.errors.DatabaseError" in said
    assert "Nothing was migrated." in said
    assert [
        file.name for file in project.root.iterdir() if "copy" in file.name or ".part" in file.name
    ] == []
    assert with_dumps.applied() == ["0001_row"]


def test_where_there_are_no_links_a_backup_gets_its_name_too(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, with_dumps: Rows
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    rows.file("0002_drop", 'migrations.RemoveField("Row", "number")')
    monkeypatch.setattr(os, "link", refused)
    copy = rows.project.root / "copy"
    rows.go(backup=copy)
    assert copy.stat().st_size > 1000


@pytest.mark.parametrize(
    "args", [["init", "blog"], ["inspectdb", "--app", "x", "--output", "found.py"]]
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, args: list[str]) -> None:
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'db.sqlite3'}")
    if args[0] == "inspectdb":
        project.configured()
        project.query("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # noqa: E731
    running = project.start(*args, preexec_fn=limit)
    said = running.communicate()[1]
    assert running.returncode == 2
    assert "error[write]" in said or "error[usage]" in said
    assert "File too large" in said
    assert not [file for file in tmp_path.rglob("*.py") if file.name != "__init__.py"]


# -- new-users/03: what is committed is said -----------------------------------------------------


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_backfill_says_what_is_committed(
    anywhere: Project, sent: signal.Signals, code: int
) -> None:
    anywhere.configured("blog").migration("blog", "0001_row", CREATE.format(name="Row"))
    fire.run_at_once(anywhere, 1)
    values = ", ".join(f"({number})" for number in range(2000))
    anywhere.query(f"INSERT INTO blog_row (number) VALUES {values}")
    backfill = 'migrations.Backfill("Row", set={"number": 7}, pause=0.3, reverse={"number": 0})'
    anywhere.migration("blog", "0002_fill", backfill, after=[("blog", "0001_row")])
    running = anywhere.start("migrate")
    fire.until(lambda: walked(anywhere))
    running.send_signal(sent)
    said = running.communicate()[1]
    assert running.returncode == code, said
    done = walked(anywhere)
    assert f"Half done: blog.0002_fill. What is committed of it stays, {done:,} rows of its" in said
    assert "Nothing was applied" not in said
    shown = anywhere.do("showmigrations").out
    assert f"[~] 0002_fill  (half done: run migrate again; {done:,} rows of its backfill" in shown


# -- locks: nobody is waited for longer than told, and nobody's data is shown ---------------------


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e12"])
def test_a_time_without_end_is_refused(project: Project, seconds: str) -> None:
    project.chain("blog", 1)
    ended = project.run("migrate", "--lock-timeout", seconds)
    assert (ended.code, project.tables()) == (2, set())
    assert "error[usage]" in ended.err or "Invalid value" in ended.err


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    return Project(tmp_path, sqlite_url).configured("blog")


@contextmanager
def locked(rows: Rows, statement: str) -> Iterator[None]:
    """Somebody else's transaction, which has done this."""
    engine = sa.create_engine(rows.project.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN")
        other.exec_driver_sql(statement)
        yield
        other.exec_driver_sql("ROLLBACK")
    engine.dispose()


RECORD_LOCKS = ["ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE ROW EXCLUSIVE"]


@pytest.mark.parametrize("mode", RECORD_LOCKS)
@pytest.mark.parametrize("table", ["whimbrel_migrations", "whimbrel_journal"])
def test_a_locked_record_is_waited_for_as_long_as_told(rows: Rows, mode: str, table: str) -> None:
    if not rows.is_postgresql:
        mode, statement = "EXCLUSIVE", "DELETE FROM blog_row"
    else:
        statement = f"LOCK TABLE {table} IN {mode} MODE; SELECT 'secret'"
    rows.made(1)
    rows.file("0002_f", "RunPython(RunPython.noop, atomic=False)", atomic=False)
    rows.go()
    rows.file("0003_f", "RunPython(RunPython.noop, atomic=False)", atomic=False)
    began = time.monotonic()
    with locked(rows, statement), pytest.raises(LockError) as caught:
        rows.go(lock_timeout=0.3)
    assert time.monotonic() - began < 10
    assert ("Held by process" in str(caught.value)) == rows.is_postgresql
    assert "secret" not in str(caught.value)
    rows.go(lock_timeout=0.3)
    assert rows.applied()[-1] == "0003_f"


def test_who_holds_a_lock_is_named_once() -> None:
    blocker = Blocker(7, "process 7 with a lock", "SELECT 'secret'")
    told = [WaitingForLock("blog.0001", (blocker,), attempt, 1.0) for attempt in (1, 2, 3)]
    plain, verbose = Lines(), Lines(verbose=True)
    said = [plain.of(event) for event in told]
    assert [str(each).count("held by process 7") for each in said] == [1, 0, 0]
    assert "secret" not in str(said)
    assert str([verbose.of(event) for event in told]).count("secret") == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_record_is_that_of_the_first_schema(rows: Rows) -> None:
    """search_path = other, public: what is recorded in public says nothing of what other has."""
    rows.made(1)
    rows.query("CREATE SCHEMA other")
    url = f"{rows.project.url}&options=-csearch_path%3Dother,public"
    behind = replace(rows.project.configured("blog"), url=url)
    said = "warning: the record in the schema public is passed over"
    shown = behind.do("showmigrations")
    assert said in shown.err and "[ ] 0001_row" in shown.out
    assert said in behind.run("migrate", "--check").err
    assert said in behind.do("migrate", "--plan").err
    assert behind.do("migrate", "--plan", "--json").json["warnings"]
    rows.go(url=url)
    assert said not in behind.do("showmigrations").err + behind.do("migrate").err
    assert said not in rows.project.do("showmigrations").err
    where = "SELECT schemaname FROM pg_tables WHERE tablename = '{}' ORDER BY 1"
    for table in ("blog_row", "whimbrel_migrations"):
        assert rows.query(where.format(table)) == [("other",), ("public",)]
    rows.go("zero", url=url)
    assert rows.query(where.format("blog_row")) == [("public",)]
    assert (rows.applied(), rows.numbers()) == (["0001_row"], [1])


SETTING = [
    "SET search_path = other",
    "SET search_path = other, public",
    "SELECT pg_catalog.set_config('search_path', '', false)",  # as a dump begins
    "SET LOCAL search_path = other",
    "SET ROLE pg_monitor",
]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("as_function", [False, True])
@pytest.mark.parametrize("statement", SETTING)
def test_what_code_sets_ends_with_it(rows: Rows, statement: str, as_function: bool) -> None:
    """Its own statements go by it; what follows, and the record, do not."""
    rows.made(1)
    rows.query("CREATE SCHEMA other")
    rows.query("CREATE TABLE other.blog_row (LIKE blog_row)")
    rows.query("CREATE TABLE other.whimbrel_migrations (LIKE whimbrel_migrations)")
    function = f'def f(apps, schema_editor):\n    schema_editor.execute("{statement}")\n'
    ran = "RunPython(f)" if as_function else f'RunSQL("{statement}; SELECT 1")'
    rows.file("0002_f", f"{ran}, {COLUMN}", function)
    rows.file("0003_f", ran, function)
    rows.file("0004_f", CREATE.format(name="Other"))
    rows.go()
    assert columns(rows) == 3
    where = "SELECT schemaname FROM pg_tables WHERE tablename = 'blog_other'"
    assert rows.query(where) == [("public",)]
    assert rows.query("SELECT * FROM other.whimbrel_migrations") == []
    assert len(rows.applied()) == 4


def test_an_error_of_the_database_that_is_swallowed_is_the_error(rows: Rows) -> None:
    """PostgreSQL goes on with nothing after it; the transaction is still the one that was opened."""
    rows.made(1)
    line = (
        'try: schema_editor.execute("INSERT INTO nothing VALUES (1)")\n    except Exception: pass'
    )
    rows.file("0002_f", f"RunPython(f), {COLUMN}", FUNCTION.format(line))
    if rows.is_postgresql:
        with pytest.raises(StepError, match=r"(?s)current transaction is aborted.*put what may"):
            rows.go()
        assert (rows.numbers(), columns(rows)) == ([1], 2)
    else:
        rows.go()
        assert rows.numbers() == [1, 1]
