"""A type that changes by a second column: a run that is killed before any step goes on, and goes back."""

from __future__ import annotations

from itertools import accumulate, product
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from properties.test_histories import fresh_postgresql
from properties.test_unfinished import Run, Stopped, history_of, seen
from servers import PostgresServer
from whimbrel import migrations, models
from whimbrel.engines.policy import SAFE
from whimbrel.engines.sql import execute
from whimbrel.errors import UnsupportedError
from whimbrel.history.loader import History
from whimbrel.history.node import Key
from whimbrel.operations import Operation
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.unfinished import WayOut, work_out
from whimbrel.planning.work import build_work
from whimbrel.run import journal

Operations = list[tuple[str, Operation]]


def of_keys(old: Any, new: Any) -> Operations:
    """A key, and a table that points at it; the migration changes its type."""
    key = ("id", old(primary_key=True))
    liked = models.ForeignKey("two.Author", null=True, on_delete=models.SET_NULL)
    return [
        ("two", migrations.CreateModel("Author", [key])),
        ("one", migrations.CreateModel("Like", [key, ("author", liked)])),
        ("two", migrations.AlterField("Author", "id", new(primary_key=True))),
    ]


def of_values(old: Any, new: Any) -> Operations:
    key = ("id", models.BigAutoField(primary_key=True))
    options = {"indexes": [models.Index(fields=["x"], name="by_x")]}
    return [
        ("two", migrations.CreateModel("Post", [key, ("x", old)], options)),
        ("one", migrations.CreateModel("Other", [key])),
        ("two", migrations.AlterField("Post", "x", new)),
        # From here the way back is another change of type.
        ("two", migrations.AddField("Post", "y", models.IntegerField(null=True, db_index=True))),
    ]


KEYS = [
    "INSERT INTO two_author SELECT FROM generate_series(1, 3)",
    "INSERT INTO one_like (author_id) VALUES (2), (NULL)",
]
VALUES = ["INSERT INTO two_post (x) VALUES ('1'), ('-5')"]
CASES = {
    "key": (of_keys(models.AutoField, models.BigAutoField), KEYS),
    "number": (
        of_values(
            models.CharField(max_length=9, default="0", unique=True),
            models.IntegerField(null=True, unique=True),
        ),
        VALUES,
    ),
}


class Case:
    """A migration on a database that has rows, and how that looks without it and with it."""

    def __init__(self, connection: Connection, history: History, rows: list[str]) -> None:
        *before, self.last = history.graph.order()
        self.keys = [node.key for node in before]
        self.connection, self.run = connection, Run(connection, history)
        self.run.go(before, [])
        with connection.begin():
            for sql in rows:
                execute(connection, sql)
        self.states = [history.states_of(keys).database for keys in (self.keys, self.all)]
        self.go()
        self.whole = self.seen(after=True)
        self.go_back()
        self.at_first = self.seen(after=False)

    @property
    def all(self) -> list[Key]:
        return [*self.keys, self.last.key]

    def go(self) -> None:
        self.run.go([self.last], self.keys, policy=SAFE)

    def go_back(self) -> None:
        self.run.go([self.last], self.all, backwards=True)

    def beginnings(self) -> list[int]:
        """The numbers of the steps that are the first in their transactions."""
        plan = Plan((Stage((self.last,)),))
        executor, history = self.run.executor, self.run.history
        [work] = build_work(history, executor.engine, plan, self.keys, SAFE)
        return [1, *accumulate(map(len, work.batches[:-1]), initial=1)][1:]

    def seen(self, *, after: bool) -> Any:
        found = seen(self.connection, self.states[after])
        self.connection.rollback()
        return found


@pytest.mark.parametrize("name", CASES)
def test_what_is_killed_before_any_step_goes_on_and_back(
    name: str, postgresql_server: PostgresServer
) -> None:
    operations, rows = CASES[name]
    history = history_of(operations)
    with fresh_postgresql(postgresql_server) as connection:
        case = Case(connection, history, rows)
        executor = case.run.executor
        stops = case.beginnings()
        assert len(stops) > 6
        for stop, back in product(stops, (False, True)):
            case.run.stop = stop
            with pytest.raises(Stopped):
                case.go()
            case.run.stop = None
            [found] = journal.unfinished(connection)
            executor.check_begun(found)
            [found] = journal.unfinished(connection)
            way = WayOut(found, back)
            executor.execute(work_out(history, executor.engine, case.keys, way, SAFE))
            assert journal.unfinished(connection) == []
            connection.rollback()
            assert case.seen(after=not back) == (case.at_first if back else case.whole), stop
            if not back:
                case.go_back()


def test_what_is_refused_leaves_nothing_begun(postgresql_server: PostgresServer) -> None:
    operations, rows = CASES["number"]
    with fresh_postgresql(postgresql_server) as connection:
        case = Case(connection, history_of(operations), rows)
        with connection.begin():
            execute(connection, "CREATE VIEW v AS SELECT x FROM two_post")
        with pytest.raises(UnsupportedError, match="view v"):
            case.go()
        assert journal.unfinished(connection) == []
