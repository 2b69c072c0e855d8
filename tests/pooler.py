"""PgBouncer before a PostgreSQL server of the tests, where the program is installed.

Debian's package is `pgbouncer`. WHIMBREL_TEST_PGBOUNCER names a program that is elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from servers import PostgresServer, ServerMissing

_SETTINGS = """
[databases]
* = host={server} port=5432 user=postgres
[pgbouncer]
unix_socket_dir = {here}
listen_port = 6432
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
logfile = {here}/log
"""


@contextmanager
def running_pgbouncer(
    server: PostgresServer, here: Path, mode: str = "transaction", size: int = 4
) -> Iterator[str]:
    """What a URL's ``host`` and ``port`` are to reach the server by it. Raises `ServerMissing`."""
    found = os.environ.get("WHIMBREL_TEST_PGBOUNCER") or shutil.which("pgbouncer", path=_PATH)
    if not found:
        raise ServerMissing("pgbouncer is not installed")
    file = here / "pgbouncer.ini"
    file.write_text(_SETTINGS.format(server=server.directory, here=here, mode=mode, size=size))
    owner = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    if owner:
        shutil.chown(here, "nobody")
    process = subprocess.Popen([found, "-q", str(file)], stderr=subprocess.DEVNULL, **owner)  # type: ignore[call-overload]
    try:
        _wait(here, process)
        yield f"host={here}&port=6432"
    finally:
        process.kill()
        process.wait()


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def _wait(here: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return psycopg.connect(host=str(here), port=6432, dbname="postgres").close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerMissing(f"pgbouncer does not answer: {error}") from error
        time.sleep(0.02)
