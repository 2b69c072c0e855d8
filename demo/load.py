"""A client's load on the table of the online demo and bench: what "old code" goes on doing meanwhile.

``python load.py DSN ROWS RATE CONNECTIONS`` works until its standard input ends, and prints what it saw as
JSON. The load is open: each operation has its time, whether those before it have ended or not, and its latency counts
from then. So a client that waits shows in all that queue up behind it.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

import psycopg

#: Share of an operation, and its SQL, over the columns that the first migration made.
OPERATIONS = [
    (0.4, "SELECT id, code, amount, body FROM shop_entry WHERE id = %(id)s"),
    (0.4, "UPDATE shop_entry SET amount = amount + 1 WHERE id = %(id)s"),
    (0.1, "INSERT INTO shop_entry (code, amount, body, owner_number, small, made) "
          "VALUES (%(code)s, 1, 'new', %(owner)s, 1, now())"),
    (0.1, "UPDATE shop_owner SET visits = visits + 1 WHERE id = %(owner)s"),
]  # fmt: skip

#: How many owners there are.
OWNERS = 1000


class Done(NamedTuple):
    """One operation: when it was due, when it had ended, and the SQLSTATE of its error."""

    due: float
    ended: float
    error: str | None


class Client(threading.Thread):
    """One connection, with its share of the load."""

    def __init__(
        self, dsn: str, rows: int, rate: float, number: int, stop: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self.dsn, self.rows, self.rate, self.stopped = dsn, rows, rate, stop
        self.random = random.Random(number)
        self.done: list[Done] = []

    def run(self) -> None:
        connection = psycopg.connect(self.dsn, autocommit=False)
        due = time.monotonic() + self.random.random() / self.rate
        while not self.stopped.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            error = None
            try:
                self._operate(connection)
                connection.commit()
            except psycopg.Error as failed:
                error = failed.sqlstate or type(failed).__name__
                if connection.closed:
                    connection = psycopg.connect(self.dsn, autocommit=False)
                else:
                    connection.rollback()
            self.done.append(Done(due, time.monotonic(), error))
            due += 1 / self.rate
        connection.close()

    def _operate(self, connection: psycopg.Connection[Any]) -> None:
        chosen = self.random.choices(OPERATIONS, [share for share, _ in OPERATIONS])[0]
        connection.execute(
            chosen[1].encode(),
            {
                "id": self.random.randint(1, self.rows),
                "owner": self.random.randint(1, OWNERS),
                "code": f"new-{self.random.getrandbits(60)}",
            },
        ).close()


def seen(done: list[Done]) -> dict[str, Any]:
    """Return what clients saw: milliseconds of the longest wait and of the longest time without any end."""
    ends = sorted(each.ended for each in done)
    waits = sorted((each.ended - each.due) * 1000 for each in done)
    gaps = [later - one for one, later in zip(ends, ends[1:])]  # noqa: B905, RUF007
    return {
        "operations": len(done),
        "longest": round(waits[-1], 1),
        "p99": round(waits[int(len(waits) * 0.99)], 1),
        "blackout": round(max(gaps) * 1000, 1),
        "slow": sum(wait > 100 for wait in waits),
        "errors": dict(Counter(each.error for each in done if each.error)),
    }


def main() -> None:
    dsn, rows, rate, connections = sys.argv[1], *map(int, sys.argv[2:])
    stop = threading.Event()
    clients = [Client(dsn, rows, rate / connections, at, stop) for at in range(connections)]
    for client in clients:
        client.start()
    sys.stdin.read()
    stop.set()
    for client in clients:
        client.join()
    print(json.dumps(seen([each for client in clients for each in client.done])))


if __name__ == "__main__":
    main()
