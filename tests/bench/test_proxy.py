"""The bench's proxy: what goes through it arrives as it was, a while later."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from servers import PostgresServer

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from proxy import running_proxy

DELAY = 0.05


def test_a_round_trip_takes_longer_and_many_in_one_do_not(
    postgresql_server: PostgresServer,
) -> None:
    with (
        TemporaryDirectory() as here,
        running_proxy(postgresql_server.directory, Path(here, "proxy"), DELAY) as host,
        psycopg.connect(host=str(host), user="postgres", autocommit=True) as connection,
    ):
        started = time.monotonic()
        assert connection.execute("SELECT repeat('x', 1000000)").fetchone() == ("x" * 1_000_000,)
        once = time.monotonic() - started
        with connection.pipeline():
            for _ in range(20):
                connection.execute("SELECT 1")
        many = time.monotonic() - started - once
    assert once >= DELAY
    assert DELAY <= many < 20 * DELAY
