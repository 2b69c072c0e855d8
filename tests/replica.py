"""A PostgreSQL server of the tests with a replica, which can be made to lag."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import servers
from servers import PostgresServer, running_postgresql

#: What a server that is replicated needs, and for its replica to say often how far it is.
_SETTINGS = {"wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}


@contextmanager
def running_with_replica() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A server and its replica. Raises `servers.ServerMissing` where none can be started."""
    settings = {**servers.SETTINGS, **_SETTINGS}
    with mock.patch.object(servers, "SETTINGS", settings), running_postgresql() as primary:
        directory = Path(tempfile.mkdtemp(prefix="whimbrel-pg-", dir=primary.directory.parent))
        owner = servers._owner()
        if owner:
            servers.shutil.chown(directory, owner["user"], owner["group"])
        replica = PostgresServer(directory, primary.binaries)
        copy = ["-h", str(primary.directory), "-U", "postgres", "-R", "-c", "fast", "--no-sync"]
        subprocess.run(
            [str(primary.binaries / "pg_basebackup"), "-D", str(directory / "data"), *copy],
            check=True,
            capture_output=True,
            cwd=directory,
            **owner,
        )
        with mock.patch.object(
            servers, "SETTINGS", {**settings, "wal_receiver_status_interval": "1s"}
        ):
            supervisor = servers._start(replica, owner)
        try:
            servers._wait_until_ready(replica, supervisor)
            yield primary, replica
        finally:
            supervisor.communicate()
