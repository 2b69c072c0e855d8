"""Carrying work out: parts in transactions, each with its record.

What is in one transaction happens with its record or not at all. What cannot be is journalled
batch by batch; after a crash the journal and the steps' probes tell where to go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from sqlalchemy.engine import Connection

from whimbrel.config import DEFAULT_ALIAS
from whimbrel.engines import Engine, Step
from whimbrel.engines.base import RunnerLock
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.parameters import execute_with
from whimbrel.engines.step import Boundary, UserStep
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node, label_of
from whimbrel.planning.items import Data, Part, is_of_rows, is_transactional
from whimbrel.planning.plan import Stage
from whimbrel.planning.unfinished import Unfinished
from whimbrel.planning.work import Source, Work
from whimbrel.run import journal, recorder
from whimbrel.run.attempts import Attempts
from whimbrel.run.data import checkpoint
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.dispatch import execute_data
from whimbrel.run.events import (
    DataDone,
    DataStarted,
    Listener,
    MigrationDone,
    MigrationStarted,
    StepDone,
    StepStarted,
    null_listener,
)
from whimbrel.run.lock import LIMIT
from whimbrel.run.recorder import row_of


@dataclass
class Executor:
    """Carries work out on a connection. ``limit``: seconds that it tries to get a table's lock.

    ``history``: what it is the work of; without one, no migration replaces another. ``lock``: by
    which it is the only runner.
    """

    engine: Engine
    connection: Connection
    emit: Listener = null_listener
    limit: float = LIMIT
    alias: str = DEFAULT_ALIAS
    history: History | None = None
    lock: RunnerLock = field(default_factory=RunnerLock)
    #: Sets back what a function or SQL of the user's may have changed of the session.
    _session: Callable[[], object] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.engine, self.connection, self.emit, self.limit, self.lock)

    def execute(self, work: Work) -> float:
        """Do all of a stage, and record it. Gives the seconds that it took.

        Raises `StepError` where the database refuses a step, `LockError` where a table stays
        locked, `DatabaseError` where the connection is lost.
        """
        started = time.monotonic()
        self.emit(MigrationStarted(work.stage.labels, work.is_backwards))
        self.attempts.is_whole = not work.is_journalled
        if work.is_journalled:
            self._by_batches(work)
        else:
            self.attempts.committed(lambda: self._run_and_record(work), work.parts, _title(work))
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
                self.attempts.part = step
                self._run_step(step, number, len(renames))
            self.attempts.part = None
            self._record(stage, backwards)
            for node in stage.nodes:
                self._forget_way(node)

        self.attempts.committed(act, renames)
        self.emit(MigrationDone(stage.labels, 0.0, backwards, fake=True, renamed=len(renames)))

    def record_complete(self, squash: Node, history: History) -> None:
        """Record a squash, if all that it replaces is applied; nothing else is changed."""

        def act() -> None:
            applied = recorder.applied(self.connection)
            half_done = {key for each in journal.unfinished(self.connection) for key in each.keys}
            if squash.key not in history.resolve_squashes(applied.keys(), half_done).complete:
                raise recorder.ConcurrentRun
            recorder.record(self.connection, [row_of(squash)])

        self.attempts.committed(act)
        self.emit(MigrationDone((squash.label,), 0.0, backwards=False, fake=True))

    def prepare(self) -> None:
        """Make the table of the record where it is missing."""
        self.attempts.committed(lambda: recorder.prepare(self.connection))

    def renew(self, nodes: Sequence[Node]) -> None:
        """Record what the files of applied migrations do now; nothing else is changed."""
        self.attempts.committed(lambda: recorder.renew(self.connection, map(row_of, nodes)))

    def rename(self, rows: Mapping[Key, recorder.Row]) -> None:
        """Record the new names of applied migrations, by their old ones; nothing else is changed."""
        self.attempts.committed(lambda: recorder.rename(self.connection, rows))

    def forget(self, keys: Iterable[Key]) -> None:
        """Take rows out of the record; nothing else is changed."""
        self.attempts.committed(partial(recorder.forget, self.connection, list(keys)))

    def tidy(self) -> None:
        """Take the record's own tables away when nothing is applied any more."""
        self.attempts.committed(self._drop_what_is_empty)

    def _refuse_concurrent_run(self, stage: Stage, backwards: bool) -> None:
        """Raises `ConcurrentRun` where the record says that another has done it, lock or no lock."""
        nodes = stage.nodes if backwards else self._with_replaced(stage.nodes)
        recorder.refuse_concurrent_run(self.connection, [node.key for node in nodes], backwards)

    def _with_replaced(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """These, and what the squashes among them replace."""
        if self.history is None or not any(node.replaces for node in nodes):
            return nodes
        return [each for node in nodes for each in self.history.recorded_with(node.key)]

    def _drop_what_is_empty(self) -> None:
        if not recorder.applied(self.connection) and not journal.unfinished(self.connection):
            recorder.drop(self.connection)
            journal.drop(self.connection)
            checkpoint.drop(self.connection)

    def _forget_way(self, node: Node) -> None:
        """What was noted on the way to a migration's end."""
        journal.clear(self.connection, node.key)
        checkpoint.clear(self.connection, node.app, node.name)

    def _record(
        self, stage: Stage, backwards: bool, sources: Mapping[Key, Source] | None = None
    ) -> None:
        """Record a stage. sources: what its migrations did, where that may not be what files say."""
        self._set_session_back()
        if backwards:
            recorder.forget(self.connection, self._forgotten(stage.nodes))
        else:
            done = {node.key for node in stage.nodes}
            rows = (
                row_of(node, self.history if node.key in done else None)
                for node in self._to_record(stage.nodes)
            )
            recorder.record(self.connection, (_as_done(row, sources or {}) for row in rows))

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

    def _run_and_record(self, work: Work) -> None:
        self._refuse_concurrent_run(work.stage, work.backwards)
        self._run(work, work.parts)
        self._record(work.stage, work.backwards)

    def _run(self, work: Work, parts: Sequence[Part], offset: int = 0) -> None:
        of, is_leap = len(work.parts), work.stage.is_leap
        for together, group in groupby(
            enumerate(parts, start=offset + 1), lambda each: _is_sent_with_others(each[1], is_leap)
        ):
            if together:
                self._run_together(
                    [(number, part) for number, part in group if isinstance(part, Step)], of
                )
                continue
            for number, part in group:
                self.attempts.part = part
                self._prepare_session(part)
                if isinstance(part, Data):
                    self._run_data(part, self._context(work), number, of)
                elif part.boundary is Boundary.BATCHED:
                    self._run_batched(part, self._context(work), number, of)
                else:
                    self._run_step(part, number, of)
        self.attempts.part = None

    def _prepare_session(self, part: Part) -> None:
        if not is_of_rows(part):
            self._set_session_back()
        elif self._session is None:
            self._session = self.engine.keep_session(self.connection)

    def _set_session_back(self) -> None:
        """What is ours follows upon code that may have changed where names lead, and who we are."""
        if self._session is not None:
            self._session()
            self._session = None

    def _run_together(self, numbered: Sequence[tuple[int, Step]], of: int) -> None:
        """Run steps in one round trip, where the driver can. One that fails is known nevertheless."""
        self._set_session_back()
        statements = [sql for _, step in numbered for sql in step.statements]
        done = self.engine.execute_all(self.connection, statements)
        for number, step in numbered:
            started = time.monotonic()
            self.attempts.part = step
            self.emit(StepStarted(step.sql, number, of))
            deque(islice(done, len(step.statements)), maxlen=0)
            self.emit(StepDone(step.sql, number, of, time.monotonic() - started))

    def _run_step(self, step: Step, number: int, of: int) -> None:
        started = time.monotonic()
        self.emit(StepStarted(step.sql, number, of))
        if isinstance(step, UserStep):
            execute_with(self.connection, step.sql, step.parameters)
        else:
            for sql in self.engine.settle(self.connection, step):
                execute(self.connection, sql)
        self.emit(StepDone(step.sql, number, of, time.monotonic() - started))

    def _run_batched(self, step: Step, context: ExecutionContext, number: int, of: int) -> None:
        # Late, since most migrations walk no table.
        from whimbrel.run.data.batched import run_batched

        started = time.monotonic()
        self.emit(StepStarted(step.sql, number, of))
        run_batched(step, context)
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

    def _run_data(self, data: Data, context: ExecutionContext, number: int, of: int) -> None:
        started = time.monotonic()
        self.emit(DataStarted(data.title, number, of))
        execute_data(data, context)
        self.emit(DataDone(data.title, number, of, time.monotonic() - started))

    # -- many batches

    def _by_batches(self, work: Work) -> None:
        """Carry out what cannot be one transaction. Raises `ConcurrentRun` where another has done it."""
        key = work.stage.nodes[0].key
        self.attempts.committed(partial(self._begin, work))
        offset = 0
        for batch in work.batches:
            left = [part for part in batch if part.id not in work.done]
            if left and not (left[0].id in work.begun and self._has_happened(key, left[0])):
                self._one_of(work, left, offset + len(batch) - len(left))
            offset += len(batch)

        def end() -> None:
            self._set_session_back()
            self._refuse_concurrent_run(work.stage, work.backwards)
            if not work.undoing:
                self._record(work.stage, work.backwards, work.sources)
            for node in work.stage.nodes:
                self._forget_way(node)

        self.attempts.committed(end)

    def _begin(self, work: Work) -> None:
        self._refuse_concurrent_run(work.stage, work.backwards)
        journal.prepare(self.connection)
        if work.undoing and not work.is_resumed:
            journal.turn_round(self.connection, work)
        elif not work.is_resumed:
            rows = [row_of(node, self.history) for node in work.stage.nodes]
            journal.begin(self.connection, work, rows)

    def _one_of(self, work: Work, parts: Sequence[Part], offset: int) -> None:
        """One batch of many; where it has no transaction, its mark comes after it.

        Where it has one, its first step is claimed there: whoever comes second finds it done.
        """
        key, steps = work.stage.nodes[0].key, [part.id for part in parts]
        together = all(map(is_transactional, parts))

        def begin() -> None:
            self._refuse_concurrent_run(work.stage, work.backwards)
            journal.start(self.connection, key, steps)

        def act() -> None:
            if together and journal.claim(self.connection, key, steps[0]):
                return
            self._run(work, parts, offset)
            if together:
                journal.finish(self.connection, key, steps)

        if not work.begun.issuperset(steps):
            self.attempts.committed(begin)
        self.attempts.committed(act, parts, _title(work))
        if not together:
            self.attempts.committed(partial(journal.finish, self.connection, key, steps))

    def settle(self, unfinished: Unfinished) -> None:
        """Find out of each step that was begun, and is in no transaction, whether it has happened.

        What one left that has failed half way is taken away; then it counts as not begun.
        """
        for entry in unfinished.entries:
            step = entry.step if entry.begun and not entry.done else None
            if step is not None and not self._has_happened(unfinished.keys[0], step):
                forget = partial(journal.forget, self.connection, unfinished.keys[0], entry.id)
                self.attempts.committed(forget)

    def _has_happened(self, key: Key, part: Part) -> bool:
        """See whether the database shows what a step without a transaction was to do; note it.

        What it left where it has failed half way is taken away.
        """
        if not isinstance(part, Step) or part.transactional:
            return False
        if part.done is not None and execute(self.connection, part.done).first() is not None:
            self.attempts.committed(partial(journal.finish, self.connection, key, [part.id]))
            return True
        if part.broken is not None and execute(self.connection, part.broken).first() is not None:

            def clean_up() -> None:
                for sql in part.cleanup:
                    execute(self.connection, sql)

            self.attempts.committed(clean_up, [part], label_of(key))
        return False


def _is_sent_with_others(part: Part, is_leap: bool) -> bool:
    """Return whether a step needs no answer, and is short: a long one is to be seen at work.

    is_leap: on the way from an empty database nothing takes long.
    """
    if isinstance(part, Data | UserStep) or part.settling is not None:
        return False
    return part.transactional and (is_leap or not (part.scans or part.rewrites))


def _as_done(row: recorder.Row, sources: Mapping[Key, Source]) -> recorder.Row:
    """Return a row that says what a migration did when it was begun."""
    found = sources.get((row.app, row.name))
    return row._replace(digest=found.digest, source=found.text) if found is not None else row


def _title(work: Work) -> str:
    labels = work.stage.labels
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
