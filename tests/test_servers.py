"""The databases that the other tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from servers import PostgresServer

pytestmark = pytest.mark.reduced


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_has_an_empty_database(database_url: str, turn: str) -> None:
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE left_behind (id INTEGER)"))
    engine.dispose()


def test_a_database_goes_although_a_connection_is_open(postgresql_server: PostgresServer) -> None:
    with postgresql_server.fresh_database() as name:
        forgotten = postgresql_server.connect(name)
    names = postgresql_server.execute("SELECT datname FROM pg_database")
    assert (name,) not in names
    forgotten.close()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_server_outlives_its_tests(
    postgresql_server: PostgresServer, end: signal.Signals
) -> None:
    program = (
        "import servers, sys, time\n"
        "with servers.running_postgresql() as server:\n"
        "    print(server.directory, flush=True)\n"
        "    time.sleep(60)\n"
    )
    tests = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert tests.stdout is not None
    directory = Path(tests.stdout.readline().strip())
    server = int((directory / "data" / "postmaster.pid").read_text().split()[0])
    tests.send_signal(end)
    tests.communicate()
    assert _becomes_true(lambda: not directory.exists())
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def _becomes_true(condition: Callable[[], bool]) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.02)
    return False
