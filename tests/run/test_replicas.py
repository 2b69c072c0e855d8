"""Between the steps of what cannot be one transaction, replicas are given time to catch up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from replica import running_with_replica
from run.data import Rows
from servers import PostgresServer, ServerMissing
from whimbrel.run.events import BackfillWaiting, Event, StepDone


@pytest.fixture
def replicated() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    try:
        with running_with_replica() as both:
            yield both
    except ServerMissing as error:
        pytest.skip(str(error))


def test_a_replica_that_is_behind_is_waited_for_between_steps(
    tmp_path: Path, replicated: tuple[PostgresServer, PostgresServer]
) -> None:
    primary, replica = replicated
    rows = Rows(tmp_path, primary.url()).made(1)
    indexes = ", ".join(
        f"migrations.RunSQL('CREATE INDEX CONCURRENTLY {name} ON blog_row (number)')"
        for name in ("a", "b")
    )
    rows.file("0002_indexes", indexes.removeprefix("migrations."), atomic=False)
    replica.execute("SELECT pg_wal_replay_pause()")
    primary.execute("INSERT INTO blog_row (number) VALUES (2)")
    told: list[Event] = []

    def listen(event: Event) -> None:
        told.append(event)
        if isinstance(event, BackfillWaiting):
            Timer(0.3, replica.execute, ["SELECT pg_wal_replay_resume()"]).start()

    time.sleep(3.0)  # the replica says once a second how far it is
    rows.go(emit=listen)
    waits = [event for event in told if isinstance(event, BackfillWaiting)]
    assert len(waits) == 1
    assert waits[0].title == "blog.0002_indexes"
    assert "a replica is" in waits[0].reason
    assert told.index(waits[0]) < min(told.index(e) for e in told if isinstance(e, StepDone))
    # It has caught up: what it was behind is shown for a while, and not taken for what it is.
    started = time.monotonic()
    rows.file("0003_index", "RunSQL('DROP INDEX CONCURRENTLY a')", atomic=False)
    rows.go()
    assert time.monotonic() - started < 1.0
