"""Execution work out: items in transactions, each with its record.

What is in one transaction happens with its record or not at all. What cannot be is journalled
batch by batch; after a crash the journal and the steps' probes tell where to go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.config import DEFAULT_ALIAS
from whimbrel.engines import Engine, Step
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.running import Meanwhile, execute_with
from whimbrel.engines.step import Boundary, UserStep
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node, label_of
from whimbrel.operations.backfill import Backfill
from whimbrel.planning.items import (
    DataOperation,
    PlanItem,
    is_marked_at_once,
    writes_rows,
)
from whimbrel.planning.plan import Stage
from whimbrel.planning.unfinished import Unfinished
from whimbrel.planning.work import Source, Work
from whimbrel.run import journal, recorder
from whimbrel.run.attempts import Attempts
from whimbrel.run.data import checkpoint
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.events import (
    DataDone,
    DataStarted,
    Listener,
    MigrationDone,
    MigrationStarted,
    RunWarning,
    StepDone,
    StepStarted,
    null_listener,
)
from whimbrel.run.lock import LIMIT
from whimbrel.run.recorder import row_of
from whimbrel.schema import changes as c
from whimbrel.schema.swaps import CheckSwaps


@dataclass
class Executor:
    """Carries work out on a connection. ``limit``: seconds that it tries to get a table's lock.

    ``history``: what it is the work of; without one, no migration replaces another.
    """

    engine: Engine
    connection: Connection
    emit: Listener = null_listener
    limit: float = LIMIT
    alias: str = DEFAULT_ALIAS
    history: History | None = None
    #: Called while the server works on many statements: what is to be done next can be made ready.
    meanwhile: Meanwhile | None = None
    #: Sets back what a function or SQL of the user's may have changed of the session.
    _session: Callable[[], object] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.engine, self.connection, self.emit, self.limit)

    def execute(self, work: Work) -> float:
        """Do all of a stage, and record it. Gives the seconds that it took.

        Raises `StepError` where the database refuses a step, `LockError` where a table stays
        locked, `DatabaseError` where the connection is lost.
        """
        started = time.monotonic()
        self.emit(MigrationStarted(work.stage.labels, work.is_backwards))
        self.attempts.is_whole = not work.is_journalled
        if work.is_journalled:
            self._execute_journalled(work)
        else:

            def act() -> None:
                self._refuse_concurrent_run(work.stage, work.backwards)
                self._run(work, work.items)
                self._record(work.stage, work.backwards)

            self.attempts.commit(act, work.items, _title(work))
        seconds = time.monotonic() - started
        self.emit(MigrationDone(work.stage.labels, seconds, work.is_backwards))
        return seconds

    def fake(self, stage: Stage, *, backwards: bool, renames: Sequence[Step] = ()) -> None:
        """Only record a stage; whoever says that it is done has seen to what was half done.

        renames: what gives its constraints and indexes their names, in the same transaction.
        """

        def act() -> None:
            own = [node.key for node in stage.nodes]
            recorder.refuse_concurrent_run(self.connection, own, backwards)
            for number, step in enumerate(renames, start=1):
                self.attempts.item = step
                self._run_step(step, number, len(renames))
            self.attempts.item = None
            self._record(stage, backwards)
            for node in stage.nodes:
                self._clear_progress(node)

        self.attempts.commit(act, renames)
        self.emit(MigrationDone(stage.labels, 0.0, backwards, fake=True, renamed=len(renames)))

    def record_complete(self, squash: Node, history: History) -> None:
        """Record a squash, if all that it replaces is applied; nothing else is changed."""

        def act() -> None:
            applied = recorder.applied(self.connection)
            half_done = {key for each in journal.unfinished(self.connection) for key in each.keys}
            if squash.key not in history.resolve_squashes(applied.keys(), half_done).complete:
                raise recorder.ConcurrentRun
            recorder.record(self.connection, [row_of(squash)])

        self.attempts.commit(act)
        self.emit(MigrationDone((squash.label,), 0.0, backwards=False, fake=True))

    def prepare(self) -> None:
        """Make the table of the record where it is missing."""
        self.attempts.commit(lambda: recorder.prepare(self.connection))

    def renew(self, nodes: Sequence[Node]) -> None:
        """Record what the files of applied migrations do now; nothing else is changed."""
        self.attempts.commit(lambda: recorder.renew(self.connection, map(row_of, nodes)))

    def rename(self, rows: Mapping[Key, recorder.Row]) -> None:
        """Record the new names of applied migrations, by their old ones; nothing else is changed."""
        self.attempts.commit(lambda: recorder.rename(self.connection, rows))

    def forget(self, keys: Iterable[Key]) -> None:
        """Take rows out of the record; nothing else is changed."""
        self.attempts.commit(partial(recorder.forget, self.connection, list(keys)))

    def tidy(self) -> None:
        """Take the record's own tables away when nothing is applied any more."""

        def act() -> None:
            if not recorder.applied(self.connection) and not journal.unfinished(self.connection):
                recorder.drop(self.connection)

        self.attempts.commit(act)

    def _refuse_concurrent_run(self, stage: Stage, backwards: bool) -> None:
        """Raises `ConcurrentRun` where the record says that another has done it, lock or no lock."""
        nodes = stage.nodes if backwards else self._with_replaced(stage.nodes)
        recorder.refuse_concurrent_run(self.connection, [node.key for node in nodes], backwards)

    def _with_replaced(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """These, and what the squashes among them replace."""
        if self.history is None or not any(node.replaces for node in nodes):
            return nodes
        return [each for node in nodes for each in self.history.recorded_with(node.key)]

    def _clear_progress(self, node: Node) -> None:
        """Delete the journal and the checkpoints of a migration."""
        journal.clear(self.connection, node.key)
        checkpoint.clear(self.connection, node.app, node.name)

    def _record(
        self, stage: Stage, backwards: bool, sources: Mapping[Key, Source] | None = None
    ) -> None:
        """Record a stage. sources: what its migrations did, where that may not be what files say."""
        self._restore_session()
        if backwards:
            recorder.forget(self.connection, self._forgotten(stage.nodes))
        else:
            done = {node.key for node in stage.nodes}
            rows = (
                row_of(node, self.history if node.key in done else None)
                for node in self._to_record(stage.nodes)
            )
            recorder.record(self.connection, (_as_begun(row, sources or {}) for row in rows))

    def _forgotten(self, nodes: Sequence[Node]) -> list[Key]:
        if self.history is None:
            return [node.key for node in nodes]
        return [key for node in nodes for key in self.history.forgotten_with(node.key)]

    def _to_record(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """These, and what the squashes among them replace, where it is not recorded."""
        found = self._with_replaced(nodes)
        if found is nodes:
            return nodes
        there = recorder.applied(self.connection)
        return [node for node in found if node.key not in there]

    def _run(self, work: Work, items: Sequence[PlanItem], offset: int = 0) -> None:
        of, is_leap = len(work.items), work.stage.is_leap
        numbered = enumerate(items, start=offset + 1)
        for together, group in groupby(numbered, lambda it: _is_sent_with_others(it[1], is_leap)):
            if together:
                steps = [(number, item) for number, item in group if isinstance(item, Step)]
                self._run_together(steps, of)
                continue
            for number, item in group:
                self.attempts.item = item
                if not writes_rows(item):
                    self._restore_session()
                elif self._session is None:
                    self._session = self.engine.keep_session(self.connection)
                if isinstance(item, DataOperation):
                    self._run_data(item, self._context(work), number, of)
                else:
                    self._run_step(item, number, of, work)
        self.attempts.item = None

    def _restore_session(self) -> None:
        """Set back what the user's code may have changed of the session, before statements of ours."""
        if self._session is not None:
            self._session()
            self._session = None

    def _run_together(self, numbered: Sequence[tuple[int, Step]], of: int) -> None:
        """Run steps in one round trip, where the driver can. One that fails is known nevertheless."""
        self._restore_session()
        statements = [sql for _, step in numbered for sql in step.statements]
        done = self.engine.execute_all(self.connection, statements, self.meanwhile)
        for number, step in numbered:
            started = time.monotonic()
            self.attempts.item = step
            self.emit(StepStarted(step.sql, number, of))
            deque(islice(done, len(step.statements)), maxlen=0)
            self.emit(StepDone(step.sql, number, of, time.monotonic() - started))

    def _run_step(self, step: Step, number: int, of: int, work: Work | None = None) -> None:
        started = time.monotonic()
        self.emit(StepStarted(step.sql, number, of))
        if isinstance(step, UserStep):
            execute_with(self.connection, step.sql, step.parameters)
        elif work is not None and step.boundary is Boundary.BATCHED:
            # Late, since most migrations walk no table.
            from whimbrel.run.data.batched import run_batched

            run_batched(step, self._context(work))
        else:
            for sql in self.engine.settle(self.connection, step):
                execute(self.connection, sql)
        self.emit(StepDone(step.sql, number, of, time.monotonic() - started))

    def _context(self, work: Work) -> ExecutionContext:
        return ExecutionContext(
            self.engine,
            self.connection,
            self.alias,
            self.emit,
            self.limit,
            work.stage.nodes[0].key,
            work.backwards,
        )

    def _run_data(
        self, data: DataOperation, context: ExecutionContext, number: int, of: int
    ) -> None:
        started = time.monotonic()
        self.emit(DataStarted(data.title, number, of))
        # Late, since most migrations have no data. An operation that is ``batched`` opens its own
        # transactions, and must go on where it was when it is executed again.
        if isinstance(data.operation, Backfill):
            from whimbrel.run.data.backfill import backfill

            backfill(data, data.operation, context)
        else:
            from whimbrel.run.data.python import run_code

            run_code(data, context)
        self.emit(DataDone(data.title, number, of, time.monotonic() - started))

    # -- many batches

    def _execute_journalled(self, work: Work) -> None:
        """Carry out what cannot be one transaction. Raises `ConcurrentRun` where another has done it."""
        key = work.stage.nodes[0].key
        if not (work.is_resumed or work.undoing):
            self.attempts.commit(partial(self._check, work), title=_title(work))
        self.attempts.commit(partial(self._begin, work))
        # Late, since most migrations are one transaction.
        from whimbrel.run.data.throttle import Replicas

        replicas = Replicas(self.engine, self.connection, self.emit, self.limit)
        offset = 0
        for batch in work.batches:
            replicas.wait(_title(work))
            left = [item for item in batch if item.id not in work.done]
            if left and not (
                left[0].id in work.begun and self._has_happened(key, left[0], goes_on=True)
            ):
                self._execute_batch(work, left, offset + len(batch) - len(left))
            offset += len(batch)

        def end() -> None:
            self._restore_session()
            self._refuse_concurrent_run(work.stage, work.backwards)
            if not work.undoing:
                self._record(work.stage, work.backwards, work.sources)
            for node in work.stage.nodes:
                self._clear_progress(node)

        self.attempts.commit(end)

    def _begin(self, work: Work) -> None:
        self._refuse_concurrent_run(work.stage, work.backwards)
        journal.prepare(self.connection)
        if work.undoing and not work.is_resumed:
            journal.turn_round(self.connection, work)
        elif not work.is_resumed:
            rows = [row_of(node, self.history) for node in work.stage.nodes]
            journal.begin(self.connection, work, rows)

    def _check(self, work: Work) -> None:
        """Look for what would refuse steps: then nothing is begun.

        What comes after code and SQL of the user's, or a drop, may be allowed by that.
        """
        for item in work.items:
            if writes_rows(item) or not isinstance(item, Step) or isinstance(item.change, _DROPS):
                break
            if isinstance(item.change, CheckSwaps):
                deque(self.engine.settle(self.connection, item), maxlen=0)

    def _execute_batch(self, work: Work, items: Sequence[PlanItem], offset: int) -> None:
        """One batch of many; where it has no transaction, its mark comes after it.

        Where it has one, its first step is claimed there: whoever comes second finds it done. SQL of
        the user's that may be in a transaction has a bare one, for its mark to be committed with it.
        """
        key, steps = work.stage.nodes[0].key, [item.id for item in items]
        together = all(item.transactional for item in items)

        def begin() -> None:
            self._refuse_concurrent_run(work.stage, work.backwards)
            journal.start(self.connection, key, steps)

        def act() -> None:
            if together and journal.claim(self.connection, key, steps[0]):
                return
            with self._bare_transaction(items) as is_bare:
                self._run(work, items, offset)
                self._restore_session()
                self.attempts.item = items[-1]  # which may fail at the commit
                if together or is_bare:
                    journal.finish(self.connection, key, steps)

        if not work.begun.issuperset(steps):
            self.attempts.commit(begin)
        again = partial(self._has_happened, key, items[0])
        self.attempts.commit(act, items, _title(work), again)
        if not together:
            self.attempts.commit(partial(journal.finish, self.connection, key, steps))

    @contextmanager
    def _bare_transaction(self, items: Sequence[PlanItem]) -> Iterator[bool]:
        """A transaction without any settings of ours, for SQL that asks for none; True if there is one."""
        if not is_marked_at_once(items[0], self.engine.dialect):
            yield False
            return
        execute(self.connection, "BEGIN")
        try:
            yield True
            execute(self.connection, "COMMIT")
        except BaseException:
            with suppress(SQLAlchemyError):
                execute(self.connection, "ROLLBACK")
            raise

    def check_begun(self, unfinished: Unfinished) -> None:
        """Find out of each step that was begun, and is in no transaction, whether it has happened.

        What one left that has failed half way is taken away; then it counts as not begun.
        """
        for entry in unfinished.entries:
            step = entry.step if entry.begun and not entry.done else None
            if step is not None and not self._has_happened(unfinished.keys[0], step):
                is_known = step.done is not None or step.transactional
                is_known = is_known or is_marked_at_once(step, self.engine.dialect)
                if isinstance(step, UserStep) and not is_known:
                    self.emit(RunWarning(*_unknown(unfinished.label, step)))
                forget = partial(journal.forget, self.connection, unfinished.keys[0], entry.id)
                self.attempts.commit(forget)

    def _has_happened(self, key: Key, item: PlanItem, *, goes_on: bool = False) -> bool:
        """See whether the database shows what a step without a transaction was to do; note it.

        What it left where it has failed half way is taken away; that may be all that was left to do.
        goes_on: True if it is to be done: one that settles sees for itself what there is.
        """
        if not isinstance(item, Step) or item.transactional:
            return False
        is_left = goes_on and item.settling is not None
        if not is_left and not self._is_true(item.done) and self._is_true(item.broken):

            def clean_up() -> None:
                for sql in item.cleanup:
                    execute(self.connection, sql)

            self.attempts.commit(clean_up, [item], label_of(key))
        is_done = self._is_true(item.done)
        if is_done:
            self.attempts.commit(partial(journal.finish, self.connection, key, [item.id]))
        return is_done

    def _is_true(self, probe: str | None) -> bool:
        return probe is not None and execute(self.connection, probe).first() is not None


_DROPS = (c.DropColumn, c.DropConstraint, c.DropIndex, c.DropTable, c.RenameTable)


def _unknown(label: str, step: UserStep) -> tuple[str, str]:
    """Say that SQL may have happened or not, and what to do."""
    sql = " ".join(step.sql.split())
    return (
        f"{label} was stopped while this ran, and nothing tells whether it has happened: {sql}",
        "Its reverse is not run. See whimbrel drift; where it has happened, undo it by hand.",
    )


def _is_sent_with_others(item: PlanItem, is_leap: bool) -> bool:
    """Return whether a step needs no answer, and is short: a long one is to be seen at work.

    is_leap: on the way from an empty database nothing takes long.
    """
    if isinstance(item, DataOperation | UserStep) or item.settling is not None:
        return False
    return item.transactional and (is_leap or not (item.scans or item.rewrites))


def _as_begun(row: recorder.Row, sources: Mapping[Key, Source]) -> recorder.Row:
    """Return a row that says what a migration did when it was begun."""
    found = sources.get((row.app, row.name))
    return row._replace(digest=found.digest, source=found.text) if found is not None else row


def _title(work: Work) -> str:
    labels = work.stage.labels
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
