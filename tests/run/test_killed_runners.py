"""The lock of the one runner, where the server is still at work for one that was killed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

import fire
from run.data import Rows
from whimbrel.errors import DatabaseError, LockError
from whimbrel.report.migrate import line_of
from whimbrel.run import lock as run_lock
from whimbrel.run import session
from whimbrel.run.events import WaitingForRunner

LONG = "RunSQL('CREATE INDEX CONCURRENTLY i ON blog_row (slow(number))')"
#: An index that takes so many seconds for each row.
SLOW = """
CREATE FUNCTION slow(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
AS $$ BEGIN PERFORM pg_sleep({}); RETURN n; END $$
"""


@pytest.fixture
def rows(request: pytest.FixtureRequest, postgresql_url: str) -> Rows:
    """A row, and an index that takes a minute."""
    made = Rows(request.getfixturevalue("project_root"), postgresql_url).made(1)
    fire.tell_url(made.project)
    made.query(SLOW.format(60))
    made.file("0002_long", LONG, atomic=False)
    return made


def kill(rows: Rows, *, before_14: bool) -> int:
    """Kill a runner in a long statement. before_14: the server does not look whether it is there."""

    def as_of_13() -> None:
        if before_14:
            session._POSTGRESQL.pop("client_connection_check_interval")

    runner = fire.start(rows.project, before=as_of_13)
    building = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'"
    fire.until(lambda: rows.query(building) == [(1,)])
    os.kill(runner, signal.SIGKILL)
    assert fire.code_of(runner) == -signal.SIGKILL
    return runner


@pytest.fixture
def holder(rows: Rows) -> Iterator[int]:
    """The server's process that is at work for a runner that was killed."""
    kill(rows, before_14=True)
    (found,) = rows.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
    yield int(found[0])
    rows.query(f"SELECT pg_terminate_backend({found[0]})")


def test_a_new_server_ends_what_a_killed_runner_asked_for(rows: Rows) -> None:
    if int(rows.query("SHOW server_version_num")[0][0]) < 140_000:
        pytest.skip("it goes on until the statement has ended")
    kill(rows, before_14=False)
    rows.query(SLOW.format(0).replace("CREATE", "CREATE OR REPLACE"))
    started = time.monotonic()
    rows.go()
    assert time.monotonic() - started < 6
    assert rows.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (True,)
    ]


def test_what_is_still_at_work_is_said(rows: Rows, holder: int) -> None:
    with pytest.raises(LockError, match="for a runner that is gone after") as caught:
        rows.go(lock_timeout=0.3)
    hint = str(caught.value.hint)
    known = (
        rf"process {holder} \(whimbrel .* \d+\) open for 0:00:0\d, active since .*: CREATE INDEX\."
    )
    assert re.search(known, hint)
    assert "slow" not in hint
    assert f"--end-process {holder}" in hint
    (waiting,) = [event for event in rows.events if isinstance(event, WaitingForRunner)]
    assert waiting.is_gone
    assert "at work for a runner that is gone: waiting up to 0.3 s\n  process" in str(
        line_of(waiting)
    )


def test_it_is_ended_with_consent_and_what_it_left_is_taken_away(rows: Rows, holder: int) -> None:
    with pytest.raises(LockError, match="does not have the lock"):
        rows.go(lock_timeout=0.3, end_process=holder + 1)
    rows.query(SLOW.format(0).replace("CREATE", "CREATE OR REPLACE"))
    rows.go(end_process=holder)
    assert rows.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [
        (True,)
    ]
    assert rows.applied() == ["0001_row", "0002_long"]


def test_who_may_not_end_it_is_told_who_may(rows: Rows, holder: int) -> None:
    name = f"role_{time.time_ns()}"
    rows.query(f"CREATE ROLE {name} LOGIN")
    try:
        rows.query(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        url = sa.make_url(rows.project.url).set(username=name).render_as_string()
        with pytest.raises(DatabaseError, match=f"process {holder} was not ended") as caught:
            rows.go(url=url, end_process=holder)
        assert "pg_signal_backend" in str(caught.value.hint)
    finally:
        rows.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_runner_that_is_alive_is_not_ended(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.make_url(rows.project.url)
    alive = session.application_name(os.getppid())
    with psycopg.connect(
        host=str(url.query["host"]), user="postgres", dbname=url.database, application_name=alive
    ) as other:
        monkeypatch.setattr(run_lock, "_PAUSE", 0.2)
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            from whimbrel.engines.postgresql.runner import key_of

            key = key_of(run_lock.lock_name(connection))
        engine.dispose()
        other.execute(f"SELECT pg_advisory_lock({key})")  # type: ignore[arg-type]
        other.commit()
        with pytest.raises(LockError, match="the runner is alive, on this machine"):
            rows.go(end_process=other.info.backend_pid)
        with pytest.raises(LockError, match="another runner is still at work") as caught:
            rows.go(lock_timeout=0.1)
        assert "--end-process" not in str(caught.value.hint)


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("name", "alive"),
    [
        (session.application_name(), True),
        (session.application_name(1), True),
        (session.application_name(2**22 + 1), False),  # more than Linux gives
        ("whimbrel elsewhere 1", None),
        ("mine", None),
        (None, None),
    ],
    ids=["this process", "the first", "none", "elsewhere", "another", "no name"],
)
def test_only_processes_of_this_machine_can_be_looked_for(
    name: str | None, alive: bool | None
) -> None:
    assert session.is_alive(name) is alive
