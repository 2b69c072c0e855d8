"""Carrying work out: parts in transactions, each with its record, tried again where a lock is held.

What is in one transaction happens with its record or not at all. What cannot be is journalled
batch by batch; after a crash the journal and the steps' probes tell where to go on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.config import DEFAULT_ALIAS
from whimbrel.engines import Engine, Step
from whimbrel.engines.base import Blocker, Ended, Lock, RunnerLock
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.parameters import execute_with
from whimbrel.errors import DatabaseError, HistoryError, LockError, StepError, WhimbrelError
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node
from whimbrel.run import checkpoint, journal, recorder
from whimbrel.run.data import Site, carry_out
from whimbrel.run.events import (
    DataDone,
    DataStarted,
    Listener,
    MigrationDone,
    MigrationStarted,
    StepDone,
    StepStarted,
    WaitingForLock,
    nobody,
)
from whimbrel.run.lock import LIMIT, refuse_lost
from whimbrel.run.parts import (
    Data,
    Part,
    Transaction,
    UserStep,
    is_of_rows,
    is_transactional,
    text_of,
)
from whimbrel.run.plan import Stage
from whimbrel.run.recording import row_of
from whimbrel.run.watching import TransactionEnded
from whimbrel.run.work import Work
from whimbrel.schema.table import Name

#: Seconds that a statement may wait for a lock, try by try; the last one stays.
_LADDER = (0.1, 0.2, 0.5)
#: Seconds of every fifth try: longer than deadlock_timeout, at which autovacuum gives way.
_LONG_TRY = (1.2, 2.0)
#: Of a transaction that holds no table's lock while it waits: row locks come and go.
_PATIENT_TRY = 5.0


@dataclass
class Executor:
    """Carries work out on a connection. ``limit``: seconds that it tries to get a table's lock.

    ``history``: what it is the work of; without one, no migration replaces another. ``lock``: by
    which it is the only runner.
    """

    engine: Engine
    connection: Connection
    tell: Listener = nobody
    limit: float = LIMIT
    alias: str = DEFAULT_ALIAS
    history: History | None = None
    lock: RunnerLock = field(default_factory=RunnerLock)
    #: What is being carried out, and whether all of its stage is in one transaction.
    _part: Part | None = field(default=None, init=False)
    _is_whole: bool = field(default=True, init=False)
    #: Sets back what a function or SQL of the user's may have changed of the session.
    _session: Callable[[], object] | None = field(default=None, init=False)

    def carry_out(self, work: Work) -> float:
        """Do all of a stage, and record it. Gives the seconds that it took.

        Raises `StepError` where the database refuses a step, `LockError` where a table stays
        locked, `DatabaseError` where the connection is lost.
        """
        started = time.monotonic()
        self.tell(MigrationStarted(work.stage.labels, work.backwards))
        self._is_whole = not work.is_journalled
        if work.is_journalled:
            self._by_batches(work)
        else:
            self._committed(lambda: self._run_and_record(work), work.parts, _title(work))
        seconds = time.monotonic() - started
        self.tell(MigrationDone(work.stage.labels, seconds, work.backwards))
        return seconds

    def fake(self, stage: Stage, *, backwards: bool, renames: Sequence[Step] = ()) -> None:
        """Only record a stage; whoever says that it is done has seen to what was half done.

        renames: what gives its constraints and indexes their names, in the same transaction.
        """

        def act() -> None:
            own = [node.key for node in stage.nodes]
            recorder.refuse_overtaken(self.connection, own, backwards)
            for number, step in enumerate(renames, start=1):
                self._part = step
                self._run_step(step, number, len(renames))
            self._part = None
            self._record(stage, backwards)
            for node in stage.nodes:
                self._forget_way(node)

        self._committed(act, renames)
        self.tell(MigrationDone(stage.labels, 0.0, backwards, fake=True, renamed=len(renames)))

    def count(self, squash: Node, history: History) -> None:
        """Record a squash, if all that it replaces is applied; nothing else is changed."""

        def act() -> None:
            applied = recorder.applied(self.connection)
            half_done = {(entry.app, entry.name) for entry in journal.entries(self.connection)}
            if squash.key not in history.fitting(applied.keys(), half_done).counted:
                raise recorder.Overtaken
            recorder.record(self.connection, [row_of(squash)])

        self._committed(act)
        self.tell(MigrationDone((squash.label,), 0.0, backwards=False, fake=True))

    def prepare(self) -> None:
        """Make the table of the record where it is missing."""
        self._committed(lambda: recorder.prepare(self.connection))

    def renew(self, nodes: Sequence[Node]) -> None:
        """Record what the files of applied migrations do now; nothing else is changed."""
        self._committed(lambda: recorder.renew(self.connection, map(row_of, nodes)))

    def rename(self, rows: Mapping[Key, recorder.Row]) -> None:
        """Record the new names of applied migrations, by their old ones; nothing else is changed."""
        self._committed(lambda: recorder.rename(self.connection, rows))

    def forget(self, keys: Iterable[Key]) -> None:
        """Take rows out of the record; nothing else is changed."""
        self._committed(partial(recorder.forget, self.connection, list(keys)))

    def tidy(self) -> None:
        """Take the record's own tables away when nothing is applied any more."""
        self._committed(self._drop_what_is_empty)

    def _refuse_overtaken(self, stage: Stage, backwards: bool) -> None:
        """Raises `Overtaken` where the record says that another has done it, lock or no lock."""
        nodes = stage.nodes if backwards else self._with_replaced(stage.nodes)
        recorder.refuse_overtaken(self.connection, [node.key for node in nodes], backwards)

    def _with_replaced(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """These, and what the squashes among them replace."""
        if self.history is None or not any(node.replaces for node in nodes):
            return nodes
        return [each for node in nodes for each in self.history.recorded_with(node.key)]

    def _drop_what_is_empty(self) -> None:
        if not recorder.applied(self.connection) and not journal.entries(self.connection):
            recorder.drop(self.connection)
            journal.drop(self.connection)
            checkpoint.drop(self.connection)

    def _forget_way(self, node: Node) -> None:
        """What was noted on the way to a migration's end."""
        journal.clear(self.connection, node.app, node.name)
        checkpoint.clear(self.connection, node.app, node.name)

    def _record(self, stage: Stage, backwards: bool) -> None:
        self._set_session_back()
        if backwards:
            recorder.forget(self.connection, self._forgotten(stage.nodes))
        else:
            done = {node.key for node in stage.nodes}
            rows = (
                row_of(node, self.history if node.key in done else None)
                for node in self._to_record(stage.nodes)
            )
            recorder.record(self.connection, rows)

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

    def _only_record(self, stage: Stage, backwards: bool) -> None:
        self._set_session_back()
        self._refuse_overtaken(stage, backwards)
        self._record(stage, backwards)

    def _run_and_record(self, work: Work) -> None:
        self._refuse_overtaken(work.stage, work.backwards)
        self._run(work, work.parts)
        self._record(work.stage, work.backwards)

    def _run(self, work: Work, parts: Sequence[Part], offset: int = 0) -> None:
        for number, part in enumerate(parts, start=offset + 1):
            self._part = part
            if not is_of_rows(part):
                self._set_session_back()
            elif self._session is None:
                self._session = self.engine.keep_session(self.connection)
            if isinstance(part, Data):
                self._run_data(part, number, len(work.parts))
            else:
                self._run_step(part, number, len(work.parts))
        self._part = None

    def _set_session_back(self) -> None:
        """What is ours follows upon code that may have changed where names lead, and who we are."""
        if self._session is not None:
            self._session()
            self._session = None

    def _run_step(self, step: Step, number: int, of: int) -> None:
        started = time.monotonic()
        self.tell(StepStarted(step.sql, number, of))
        if isinstance(step, UserStep):
            execute_with(self.connection, step.sql, step.parameters)
        else:
            for sql in step.live(self.connection) if step.live else (step.sql,):
                execute(self.connection, sql)
        self.tell(StepDone(step.sql, number, of, time.monotonic() - started))

    def _run_data(self, data: Data, number: int, of: int) -> None:
        started = time.monotonic()
        self.tell(DataStarted(data.title, number, of))
        carry_out(
            data, Site(self.engine, self.connection, self.alias, self.tell, self.limit, number)
        )
        self.tell(DataDone(data.title, number, of, time.monotonic() - started))

    # -- a transaction, again and again while a lock is held by others

    def _committed(
        self, act: Callable[[], None], parts: Sequence[Part] = (), title: str = "the record"
    ) -> None:
        """Do something in a transaction that holds these parts.

        It is done again only where the transaction has been rolled back whole.
        """
        refuse_lost(self.lock)
        deadline = time.monotonic() + self.limit
        for attempt in count(1):
            timeout = min(_timeout(attempt, parts), max(self.limit, _LADDER[0]))
            self._part = None
            try:
                with self._around(parts, timeout):
                    act()
                return
            except WhimbrelError as error:
                error.place = f"{title}: {error.place}" if error.place else title
                self._add_what_is_left(error, title)
                raise
            except SQLAlchemyError as error:
                if not self.engine.is_lock_timeout(error) or _runs_once(parts):
                    raise self._explained(title, error) from error
            self._wait(title, parts, attempt, timeout, deadline)

    def _around(self, parts: Sequence[Part], timeout: float) -> AbstractContextManager[None]:
        """A transaction; or none, for a part that cannot run in one."""
        if _opens_its_own(parts):
            return nullcontext()
        rows = _enforces_keys(parts)
        if all(map(is_transactional, parts)):
            return self.engine.transaction(self.connection, _steps(parts), timeout, rows=rows)
        return self.engine.without_transaction(self.connection, rows=rows)

    def _wait(
        self, title: str, parts: Sequence[Part], attempt: int, timeout: float, deadline: float
    ) -> None:
        wanted = [*_steps(parts), _RECORD]
        blockers = tuple(self.engine.blockers(self.connection, wanted))
        pause = max(1.0, min(2 * timeout, 5.0)) * random.uniform(0.8, 1.2)
        if time.monotonic() + pause > deadline:
            raise LockError(
                f"a table stayed locked for {self.limit:g} s; it was tried {_times(attempt)}",
                place=_place(title, self._part),
                mend=_who(blockers) + "What was tried was rolled back. Run the command again when "
                "they are done, or give more time: --lock-timeout SECONDS.",
            )
        self.tell(WaitingForLock(title, blockers, attempt, pause))
        time.sleep(pause)

    def _add_what_is_left(self, error: WhimbrelError, title: str) -> None:
        """Say what is left of a migration in which a function failed."""
        if not isinstance(self._part, Data):
            return
        if isinstance(error, TransactionEnded):
            left = _LEFT_BY_ITSELF[error.how].format(title)
        elif self._is_whole:
            left = f"All of {title} was rolled back."
        else:
            left = f"{_LEFT[self._part.transaction]} migrate goes on there."
        error.mend = f"{error.mend}\n{left}" if error.mend else left

    def _explained(self, title: str, error: SQLAlchemyError) -> WhimbrelError:
        place = _place(title, self._part)
        if self.engine.is_lost(error):
            return DatabaseError(
                "the connection was lost; the database rolls back what was not committed",
                place=place,
                mend="Run the command again: the record says what was committed.",
            )
        step = self._part if isinstance(self._part, Step) else None
        what, mend = self.engine.explain(error, step)
        return StepError(what, place=place, mend=mend)

    # -- many batches

    def _by_batches(self, work: Work) -> None:
        node = work.stage.nodes[0]
        self._committed(lambda: self._begin(work))
        known = self._taken_up(work)
        offset = 0
        for number, parts in enumerate(work.batches):
            entry = _entry(work, number, parts)
            before = known.get(number)
            if before is None:
                self._committed(partial(self._start, work, entry))
            if before is None or not (before.done or self._has_happened(parts)):
                self._one_of(work, entry, parts, offset)
            offset += len(parts)

        def end() -> None:
            self._only_record(work.stage, work.backwards)
            self._forget_way(node)

        self._committed(end)

    def _begin(self, work: Work) -> None:
        self._refuse_overtaken(work.stage, work.backwards)
        journal.prepare(self.connection)

    def _start(self, work: Work, entry: journal.Entry) -> None:
        self._refuse_overtaken(work.stage, work.backwards)
        journal.start(self.connection, entry)

    def _one_of(self, work: Work, entry: journal.Entry, parts: Sequence[Part], offset: int) -> None:
        """One batch of many; where it has no transaction, its mark comes after it.

        Where it has one, its entry is claimed there: whoever comes second finds it done.
        """
        together = all(map(is_transactional, parts))

        def act() -> None:
            if together and journal.claim(self.connection, entry):
                return
            self._run(work, parts, offset)
            if together:
                journal.finish(self.connection, entry)

        self._committed(act, parts, _title(work))
        if not together:
            self._committed(partial(journal.finish, self.connection, entry))

    def _taken_up(self, work: Work) -> dict[int, journal.Entry]:
        """What the journal says of this work. Raises `HistoryError` where it is of other work."""
        node = work.stage.nodes[0]
        entries: list[journal.Entry] = []
        self._committed(lambda: entries.extend(journal.entries(self.connection)))
        entries = [each for each in entries if (each.app, each.name) == node.key]
        batches = work.batches
        for entry in entries:
            if entry.batch >= len(batches) or entry.backwards != work.backwards:
                raise _half_done(entry)
            parts = batches[entry.batch]
            is_same = entry.digest == _entry(work, entry.batch, parts).digest
            # What failed in a user's own words is mended by other words.
            if not is_same and (entry.done or not all(map(is_of_rows, parts))):
                raise _half_done(entry)
        return {entry.batch: entry for entry in entries}

    def _has_happened(self, parts: Sequence[Part]) -> bool:
        """Whether the database shows what a batch without a transaction was to do."""
        step = parts[-1]
        if isinstance(step, Data) or step.transactional or step.probe is None:
            return False
        return execute(self.connection, step.probe).first() is not None


#: What transactions write beside what is asked of them.
_OWN = (recorder.TABLE, journal.TABLE, checkpoint.TABLE)
_RECORD = Step("", tables=tuple((Name(None, each), Lock.ROW_EXCLUSIVE) for each in _OWN))

#: What is left of a part that failed, where its migration is not whole.
_LEFT = {
    Transaction.SHARED: "What it did was rolled back; what came before it stays.",
    Transaction.OWN: "What it did was rolled back; what came before it stays.",
    Transaction.NONE: "It ran in no transaction: what it did until then stays. It is called again:",
    Transaction.MANY: "What it committed until then stays:",
}


#: What is left where a function ended the transaction.
_LEFT_BY_ITSELF = {
    Ended.COMMITTED: "What was done of {0} until then was committed, and is not recorded: undo it by "
    "hand, or do the rest by hand and record it with --fake. What the database has now, whimbrel "
    "drift shows.",
    Ended.ROLLED_BACK: "What was done of {0} until then was rolled back; what the function did after "
    "that may have stayed.",
}


def _timeout(attempt: int, parts: Sequence[Part]) -> float:
    if parts and all(isinstance(part, Data) for part in parts):
        return _PATIENT_TRY
    if attempt % 5 == 0:
        return random.uniform(*_LONG_TRY)
    return _LADDER[min(attempt, len(_LADDER)) - 1]


def _steps(parts: Sequence[Part]) -> list[Step]:
    return [part for part in parts if isinstance(part, Step)]


def _opens_its_own(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, Data) and part.transaction is Transaction.MANY for part in parts)


def _runs_once(parts: Sequence[Part]) -> bool:
    """Whether what a failed try has done may be there: it is not to be done again unasked."""
    return any(is_of_rows(part) and not is_transactional(part) for part in parts)


def _enforces_keys(parts: Sequence[Part]) -> bool:
    """Whether code writes rows. SQL written for a shell does not expect what it does not do there."""
    return any(isinstance(part, Data) for part in parts) and not any(
        isinstance(part, UserStep) for part in parts
    )


def _entry(work: Work, number: int, parts: Sequence[Part]) -> journal.Entry:
    node = work.stage.nodes[0]
    digest = journal.digest_of(map(text_of, parts))
    return journal.Entry(node.app, node.name, number, work.backwards, digest, done=False)


def _half_done(entry: journal.Entry) -> HistoryError:
    way = "undone" if entry.backwards else "applied"
    return HistoryError(
        f"it is half {way}, and what is left to do is not what the journal knows of",
        place=f"{entry.app}.{entry.name}",
        mend="Finish it with the file as it was when it began, in the same direction.",
    )


def _title(work: Work) -> str:
    labels = work.stage.labels
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"


def _place(title: str, part: Part | None) -> str:
    return f"{title}: {_short(text_of(part))}" if part is not None else title


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 200 else f"{line[:197]}..."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _who(blockers: Sequence[Blocker]) -> str:
    return f"Held by {'; '.join(map(str, blockers))}.\n" if blockers else ""
