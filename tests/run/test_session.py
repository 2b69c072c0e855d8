"""The settings of our sessions: they hold whatever a role says, and nobody else gets them."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from run.data import Rows
from whimbrel.config import Config
from whimbrel.errors import UnsupportedError
from whimbrel.run.connect import Database, database_of, open_connection
from whimbrel.run.session import application_name

#: Each setting with its first version, what a role might say, and what is wanted.
SETTINGS = [
    ("lock_timeout", 13, "0", "3s"),
    ("statement_timeout", 13, "1s", "0"),
    ("idle_in_transaction_session_timeout", 13, "1s", "0"),
    ("idle_session_timeout", 14, "1s", "0"),
    ("transaction_timeout", 17, "1s", "0"),
    ("client_connection_check_interval", 14, "0", "2s"),
    ("TimeZone", 13, "Asia/Kolkata", "UTC"),
    ("search_path", 13, "pg_catalog", "pg_catalog"),
]


def database(url: str) -> Database:
    return database_of(Config(Path("/"), databases={"default": url}))


def shown(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"SHOW {name}").scalar()


def test_our_sessions_have_our_settings_whatever_a_role_says(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url)
    with psycopg.connect(
        host=str(url.query["host"]), user="postgres", dbname=url.database
    ) as admin:
        version = admin.info.server_version // 10_000
        there = [each for each in SETTINGS if each[1] <= version]
        for name, _, of_role, _ in there:
            admin.execute(f"ALTER DATABASE {url.database} SET {name} = '{of_role}'")  # type: ignore[arg-type]
    with open_connection(database(postgresql_url), 3.0) as connection:
        assert not connection.in_transaction()
        with connection.engine.connect() as another:  # as the walk of a table has them
            for each in (connection, another):
                found = {name: shown(each, name) for name, *_ in there}
                assert found == {name: wanted for name, _, _, wanted in there}
                assert shown(each, "application_name") == application_name()


def test_the_name_of_a_session_says_the_machine_and_the_process(
    monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "a'b.example" + "c" * 80)
    assert application_name().startswith("whimbrel a-b.examplec")
    assert application_name().endswith(f"c {os.getpid()}")
    assert len(application_name()) == 63
    with open_connection(database(f"{postgresql_url}&application_name=mine")) as connection:
        assert shown(connection, "application_name") == "mine"


def test_what_only_reads_leaves_nothing_behind_in_a_pooler(pooled_url: str) -> None:
    """Its transactions wait no longer than told; who comes next finds the session as it was."""
    with open_connection(database(pooled_url), 3.0) as connection:
        assert shown(connection, "lock_timeout") == "3s"
        connection.rollback()
    plain = sa.create_engine(pooled_url, poolclass=sa.NullPool)
    with plain.connect() as other:
        assert shown(other, "lock_timeout") == "0"
        assert shown(other, "application_name") != application_name()


def test_nothing_is_migrated_by_a_pooler_that_shares_sessions(
    tmp_path: Path, pooled_url: str
) -> None:
    rows = Rows(tmp_path, pooled_url)
    rows.file("0001_table", "RunSQL('CREATE TABLE t (id INTEGER)', migrations.RunSQL.noop)")
    with pytest.raises(UnsupportedError, match="each transaction another session") as caught:
        rows.go()
    assert "pool_mode = session" in str(caught.value.hint)
    assert rows.project.tables() == set()
    assert rows.project.do("showmigrations").out  # to read is no harm


def test_by_a_pooler_of_sessions_it_is_migrated_with_our_settings(
    tmp_path: Path, session_pooled_url: str
) -> None:
    rows = Rows(tmp_path, session_pooled_url)
    kept = "CREATE TABLE t AS SELECT current_setting('lock_timeout') AS a, current_setting('TimeZone') AS b"
    rows.file("0001_table", f'RunSQL("{kept}", migrations.RunSQL.noop)', atomic=False)
    rows.go(lock_timeout=3.0)
    assert rows.query("SELECT * FROM t") == [("100ms", "UTC")]  # of the first try


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("ran", ["RunSQL({0!r})", "RunPython(lambda a, e: e.execute({0!r}))"])
def test_what_code_sets_of_our_settings_ends_with_it(
    tmp_path: Path, postgresql_url: str, ran: str, atomic: bool
) -> None:
    """As the first lines of a dump do."""
    rows = Rows(tmp_path, postgresql_url)
    dump = "SET lock_timeout = 0; SET statement_timeout = 77; SET TimeZone = 'Asia/Kolkata'"
    names = ("lock_timeout", "statement_timeout", "TimeZone")
    kept = ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    rows.file("0001_dump", ran.format(dump), atomic=atomic)
    rows.file("0002_table", f'RunSQL("CREATE TABLE t AS SELECT {kept}")', atomic=False)
    rows.go(lock_timeout=3.0)
    assert rows.query("SELECT * FROM t") == [("100ms", "0", "UTC")]
