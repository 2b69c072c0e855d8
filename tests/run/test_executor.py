"""Steps that no transaction holds: journalled, and taken up again by what the catalog shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from whimbrel.config import Config
from whimbrel.engines import Step, engine_for
from whimbrel.engines.sql.batches import batched_step
from whimbrel.engines.step import BatchedUpdate, Boundary, Lock, UserStep
from whimbrel.errors import StepError
from whimbrel.history.node import Node
from whimbrel.planning.plan import Stage
from whimbrel.planning.unfinished import Entry
from whimbrel.planning.work import Work
from whimbrel.run import journal, recorder
from whimbrel.run.connect import database_of, open_connection
from whimbrel.run.events import Event, StepDone, StepStarted
from whimbrel.run.executor import Executor
from whimbrel.run.recorder import ConcurrentRun
from whimbrel.schema.changes import AlterEnum
from whimbrel.schema.table import Name
from whimbrel.schema.types import EnumType, EnumValue

KEY = ("blog", "0001_index")
AT = Name(None, "t")


def add_column(name: str) -> Step:
    return Step(
        (f"ALTER TABLE t ADD COLUMN {name} INTEGER",), tables=((AT, Lock.ACCESS_EXCLUSIVE),)
    )


ENUM = AlterEnum(EnumType("e", (EnumValue("a"), EnumValue("b"))), EnumType("e", (EnumValue("a"),)))


def index(column: str) -> Step:
    name = f"t_{column}_idx"
    return Step(
        (f"CREATE INDEX CONCURRENTLY {name} ON t ({column})",),
        boundary=Boundary.AUTOCOMMIT,
        done=f"SELECT 1 FROM pg_indexes WHERE indexname = '{name}'",
    )


def work(*steps: Step, atomic: bool = True, backwards: bool = False) -> Work:
    stage = Stage((Node(*KEY, digest="1:x"),))
    named = tuple(replace(step, id=f"1.{number}") for number, step in enumerate(steps, start=1))
    return Work(stage, backwards, atomic, (), named)


class Run:
    """An executor, and what it sent."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent: list[str] = []
        self.executor = Executor(engine_for("postgresql"), connection, self.listen)
        self.executor.prepare()

    def unfinished(self) -> list[tuple[bool, bool]]:
        """Of each step in the journal, whether it was begun, and done."""
        return [(e.begun, e.done) for u in journal.unfinished(self.connection) for e in u.entries]

    def resumed(self, todo: Work) -> Work:
        """The same as the journal has it."""
        (found,) = journal.unfinished(self.connection)
        self.connection.commit()
        return replace(
            todo,
            is_resumed=True,
            items=tuple(each.step for each in found.entries if each.step is not None),
            done=frozenset(each.id for each in found.entries if each.done),
            begun=frozenset(each.id for each in found.entries if each.begun),
        )

    def listen(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self.sent.append(event.sql)

    def applied(self) -> bool:
        return KEY in recorder.applied(self.connection)

    def columns(self) -> int:
        rows = self.connection.exec_driver_sql(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 't'"
        )
        return int(rows.scalar_one())


@pytest.fixture
def run(postgresql_url: str) -> Iterator[Run]:
    config = Config(Path("/"), databases={"default": postgresql_url})
    with open_connection(database_of(config)) as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.commit()
        yield Run(connection)


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("steps", "atomic", "sizes"),
    [
        ((), True, [0]),
        ((add_column("a"), add_column("b")), True, [2]),
        ((add_column("a"), add_column("b")), False, [1, 1]),
        ((add_column("a"), index("a"), add_column("b")), True, [1, 1, 1]),
        ((add_column("a"), add_column("b"), index("a")), True, [2, 1]),
        (
            (Step(("CREATE TABLE u (id INTEGER)",)), Step(("CREATE TABLE v (id INTEGER)",))),
            False,
            [2],
        ),
        # Steps of one change are in one transaction, also where they lock; not what comes after it.
        (
            (Step(("CREATE TYPE e",), ENUM), replace(add_column("a"), change=ENUM)) * 2
            + (Step(("CREATE TABLE u (id INTEGER)",)),),
            False,
            [4, 1],
        ),
        # What comes before a change that locks is not repeated with it.
        (
            (
                Step(("UPDATE t SET id = 1",)),
                Step(("CREATE TYPE e",), ENUM),
                replace(add_column("a"), change=ENUM),
            ),
            False,
            [1, 2],
        ),
    ],
)
def test_batches(steps: tuple[Step, ...], atomic: bool, sizes: list[int]) -> None:
    assert [len(batch) for batch in work(*steps, atomic=atomic).batches] == sizes


def test_what_no_transaction_holds_is_carried_out_and_recorded(run: Run) -> None:
    run.executor.execute(work(add_column("a"), index("a"), add_column("b")))
    assert run.applied()
    assert run.columns() == 3
    assert run.unfinished() == []


def test_what_has_happened_is_not_sent_again(run: Run) -> None:
    todo = work(add_column("a"), index("a"), Step(("NONSENSE",)), atomic=False)
    with pytest.raises(StepError) as caught:
        run.executor.execute(todo)
    assert caught.value.place == "blog.0001_index: NONSENSE"
    assert not run.applied()
    assert run.unfinished() == [(True, True), (True, True), (True, False)]
    run.sent.clear()
    with pytest.raises(StepError):
        run.executor.execute(run.resumed(todo))
    assert run.sent == ["NONSENSE"]


@pytest.mark.parametrize(("is_there", "sent"), [(True, []), (False, [index("id").sql])])
def test_a_probe_tells_whether_a_step_without_a_mark_has_happened(
    run: Run, is_there: bool, sent: list[str]
) -> None:
    todo = work(index("id"))
    if is_there:
        run.connection.exec_driver_sql("CREATE INDEX t_id_idx ON t (id)")
    journal.prepare(run.connection)
    journal.begin(run.connection, todo, [recorder.Row(*KEY, None)])
    journal.start(run.connection, KEY, ["1.1"])
    run.connection.commit()
    run.executor.execute(run.resumed(todo))
    assert run.sent == sent
    assert run.applied()


def test_sql_of_the_users_is_committed_with_its_mark(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the mark, it has not happened; what may be in no transaction is marked after it."""
    insert = UserStep(("INSERT INTO t VALUES (1)",), boundary=Boundary.AUTOCOMMIT)
    todo = work(insert, UserStep(("VACUUM t",), boundary=Boundary.AUTOCOMMIT), atomic=False)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal, "finish", kill)
        with pytest.raises(KeyboardInterrupt):
            run.executor.execute(todo)
    run.executor.execute(run.resumed(todo))
    assert run.sent == [*insert.statements, *insert.statements, "VACUUM t"]
    assert run.connection.exec_driver_sql("SELECT * FROM t").all() == [(1,)]
    assert run.applied()


@pytest.mark.parametrize(
    ("sql", "may"), [("INSERT INTO t VALUES (%s)", False), ("SELECT fill(%s)", True)]
)
def test_sql_that_json_cannot_say_may_have_happened_where_its_mark_comes_later(
    sql: str, may: bool
) -> None:
    step = UserStep((sql,), boundary=Boundary.AUTOCOMMIT, parameters=[object()])
    assert replace(Entry.of(step, "postgresql"), begun=True).may_have_happened is may


def test_what_another_runner_has_done_meanwhile_is_not_done_again(run: Run) -> None:
    """Each batch claims its first step in the journal, in its own transaction, lock or no lock."""
    todo = work(index("id"), add_column("a"))

    def overtake(event: Event) -> None:
        run.listen(event)
        if isinstance(event, StepDone) and "INDEX" in event.sql:
            with run.connection.engine.begin() as other:
                other.exec_driver_sql(add_column("a").sql)
                journal.finish(other, KEY, ["1.2"])

    run.executor.emit = overtake
    run.executor.execute(todo)
    assert run.sent == [index("id").sql]
    assert run.applied()


def test_a_transaction_is_whole(run: Run) -> None:
    with pytest.raises(StepError):
        run.executor.execute(work(add_column("a"), Step(("NONSENSE",))))
    assert run.columns() == 1
    assert not run.applied()


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_of_steps_that_go_together_the_one_that_fails_is_named(run: Run, failing: int) -> None:
    """None is sent again for that, and those after it were not begun."""
    steps = [add_column(name) for name in "abcd"]
    steps[failing] = add_column("id")
    with pytest.raises(StepError) as caught:
        run.executor.execute(work(*steps))
    assert caught.value.place == f"blog.0001_index: {steps[failing].sql}"
    assert run.sent == [step.sql for step in steps[: failing + 1]]
    assert run.columns() == 1


def test_what_a_step_left_that_broke_is_taken_away_first(run: Run) -> None:
    run.connection.exec_driver_sql("INSERT INTO t VALUES (1), (1)")
    run.connection.commit()
    step = replace(
        index("id"),
        statements=("CREATE UNIQUE INDEX CONCURRENTLY t_id_idx ON t (id)",),
        done="SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('t_id_idx') AND indisvalid",
        broken="SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('t_id_idx') AND NOT indisvalid",
        cleanup=("DROP INDEX CONCURRENTLY t_id_idx",),
    )
    todo = work(step)
    with pytest.raises(StepError):
        run.executor.execute(todo)
    run.connection.exec_driver_sql("TRUNCATE t")
    run.connection.commit()
    run.executor.execute(run.resumed(todo))
    assert run.connection.exec_driver_sql(str(step.done)).first() is not None
    assert run.applied()


def test_a_stage_that_another_has_begun_meanwhile_is_planned_anew(run: Run) -> None:
    todo = work(index("id"), add_column("a"))
    journal.prepare(run.connection)
    journal.begin(run.connection, todo, [recorder.Row(*KEY, None)])
    run.connection.commit()
    with pytest.raises(ConcurrentRun):
        run.executor.execute(todo)
    assert run.sent == []


def test_a_batched_step_goes_on_at_its_checkpoint(run: Run) -> None:
    """It fails at row 700, the second batch; the first one is done, and is not done again."""
    run.connection.exec_driver_sql("INSERT INTO t SELECT generate_series(1, 900)")
    run.connection.commit()
    update = BatchedUpdate(AT, ("id",), (("a", "coalesce(a, 0) + 1"),))
    stop = Step(("ALTER TABLE t ADD CHECK (id <> 700 OR a IS NULL)",))
    todo = work(add_column("a"), stop, batched_step("postgresql", update), add_column("b"))
    assert [len(batch) for batch in todo.batches] == [2, 1, 1]
    with pytest.raises(StepError, match="t_check"):
        run.executor.execute(todo)
    assert run.unfinished() == [(True, True), (True, True), (True, False), (False, False)]
    counted = "SELECT a, count(*) FROM t GROUP BY a ORDER BY a"
    assert run.connection.exec_driver_sql(counted).all() == [(1, 500), (None, 400)]
    run.connection.exec_driver_sql("ALTER TABLE t DROP CONSTRAINT t_check")
    run.connection.commit()
    run.sent.clear()
    run.executor.execute(run.resumed(todo))
    assert run.sent == [batched_step("postgresql", update).sql, add_column("b").sql]
    assert run.connection.exec_driver_sql(counted).all() == [(1, 900)]
    assert run.connection.exec_driver_sql("SELECT 1 FROM whimbrel_backfill").all() == []
    assert run.applied()


def test_a_leap_that_fails_half_way_is_finished_whole(run: Run) -> None:
    second = ("blog", "0002_more")
    stage = Stage((Node(*KEY, digest="1:x"), Node(*second, digest="1:y")))
    broken = replace(index("b"), statements=("NONSENSE",))
    todo = replace(work(add_column("a"), broken), stage=stage)
    with pytest.raises(StepError):
        run.executor.execute(todo)
    (found,) = journal.unfinished(run.connection)
    run.connection.commit()
    assert found.keys == (KEY, second)
    rest = run.resumed(todo)
    fixed = replace(rest.items[1], statements=index("a").statements)
    run.executor.execute(replace(rest, items=(rest.items[0], fixed)))
    assert recorder.applied(run.connection).keys() == {KEY, second}
    assert run.unfinished() == []
