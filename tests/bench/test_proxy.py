"""The bench's proxy: what goes through it arrives as it was, a while later."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from servers import PostgresServer

# By its file: with the whole of bench/ in sys.path, its `run` would hide that of the tests.
_PROXY = Path(__file__).parents[2] / "bench" / "proxy.py"
_found = importlib.util.spec_from_file_location("bench_proxy", _PROXY)
assert _found is not None and _found.loader is not None
proxy = importlib.util.module_from_spec(_found)
_found.loader.exec_module(proxy)

DELAY = 0.05


def test_a_round_trip_takes_longer_and_many_in_one_do_not(
    postgresql_server: PostgresServer,
) -> None:
    with (
        TemporaryDirectory() as here,
        proxy.running_proxy(postgresql_server.directory, Path(here, "proxy"), DELAY) as host,
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
