"""A client of the database: a point query and a point update a hundred times a second, timed."""

from __future__ import annotations

import json
import random
import sys
import threading
import time

import psycopg

QUERY = "SELECT title FROM rows_row WHERE id = %s"
UPDATE = "UPDATE rows_row SET body = 'y' WHERE id = %s"


def main() -> None:
    url, rows = sys.argv[1].replace("+psycopg", ""), int(sys.argv[2])
    waits = {"query": 0.0, "update": 0.0}
    stopped = threading.Event()
    # One connection each: a query does not wait behind an update that waits.
    works = [
        threading.Thread(target=work, args=(url, rows, name, sql, waits, stopped))
        for name, sql in (("query", QUERY), ("update", UPDATE))
    ]
    for each in works:
        each.start()
    print("ready", flush=True)
    sys.stdin.readline()
    stopped.set()
    for each in works:
        each.join()
    print(json.dumps(waits))


def work(
    url: str, rows: int, name: str, sql: str, waits: dict[str, float], stopped: threading.Event
) -> None:
    """One kind of statement, again and again; keeps the longest wait in milliseconds."""
    draw = random.Random(1)
    with psycopg.connect(url, autocommit=True) as connection:
        while not stopped.is_set():
            started = time.perf_counter()
            connection.execute(sql, [draw.randint(1, rows)])
            waits[name] = max(waits[name], (time.perf_counter() - started) * 1000)
            stopped.wait(0.01)


if __name__ == "__main__":
    main()
