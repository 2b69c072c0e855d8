"""A transaction, tried again while a lock is held by others; and what is said where it fails for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import count

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.config import OWN_TABLES
from whimbrel.engines import Engine, Step
from whimbrel.engines.base import Blocker, Ended, Locks
from whimbrel.engines.sql.splitting import is_concurrent
from whimbrel.engines.step import Boundary, Lock, UserStep
from whimbrel.errors import DatabaseError, LockError, StepError, WhimbrelError
from whimbrel.planning.items import (
    DataOperation,
    PlanItem,
    is_marked_at_once,
    item_text,
    writes_rows,
)
from whimbrel.run.data.watching import TransactionEnded
from whimbrel.run.events import Listener, WaitingForLock
from whimbrel.run.holders import Holders
from whimbrel.run.session import renew_settings
from whimbrel.schema.changes import CreateTable, RenameTable
from whimbrel.schema.table import Name

#: Seconds that a statement may wait for a lock, try by try; the last one stays.
_LADDER = (0.1, 0.2, 0.5)
#: Of what has nobody wait behind it: it locks rows, or no table strongly.
_PATIENT_TRY = 5.0
#: How much longer than those who give way are to be waited for, in seconds.
_MORE = 0.2


@dataclass
class Attempts:
    """Transactions on a connection. ``limit``: seconds that each is tried.

    Whoever acts in one says what it is at: ``item``, and ``is_whole``, whether all of its stage is in
    that one transaction. Errors tell it.
    """

    engine: Engine
    connection: Connection
    emit: Listener
    limit: float
    item: PlanItem | None = field(default=None, init=False)
    is_whole: bool = field(default=True, init=False)
    #: True in a maintenance window: what was taken for brief may take its time.
    is_short: bool = field(default=False, init=False)
    #: Tables that were made here: nobody else uses them yet.
    _fresh: set[Name] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.holders = Holders(self.engine, self.connection, self.emit)

    def commit(
        self,
        act: Callable[[], None],
        items: Sequence[PlanItem] = (),
        title: str = "the record",
        again: Callable[[], bool] = lambda: False,
    ) -> None:
        """Do something in a transaction that holds these items, once nobody has locked what they lock.

        It is done again only where the transaction has been rolled back whole. again: called before
        that; True if there is nothing more to do.
        """
        deadline = time.monotonic() + self.limit
        wanted = self._strongly_locked(items)
        tries = _Tries(is_strong=bool(wanted) or any(isinstance(each, UserStep) for each in items))
        left: Sequence[Blocker] = ()
        for attempt in count(1):
            if attempt > 1 and again():
                return
            if wanted:
                left = self.holders.wait(title, wanted, deadline)
            timeout = min(tries.timeout(left), max(self.limit, _LADDER[0]))
            self.item, self.holders.last = None, ()
            try:
                with self._around(items, timeout, title):
                    act()
                self._note(items)
                return
            except WhimbrelError as error:
                place = _place(title, self.item)
                error.place = f"{title}: {error.place}" if error.place else place
                self._add_what_is_left(error, title)
                raise
            except SQLAlchemyError as error:
                if not self.engine.is_lock_timeout(error) or _runs_once(items, self.engine.dialect):
                    raise self._explained(title, error) from error
            except (ArithmeticError, UnicodeError) as error:
                # A driver's own error, or Python's, for a value that no database takes.
                found = StepError(
                    f"a value cannot be sent: {type(error).__name__}: {error}",
                    place=_place(title, self.item),
                    hint="Give it a value that the column's type has room for.",
                )
                self._add_what_is_left(found, title)
                raise found from error
            left = self._wait(title, items, attempt, tries.pause(timeout), deadline)

    def _strongly_locked(self, items: Sequence[PlanItem]) -> list[Step]:
        """Return steps that lock what writers wait for, of the tables that were there before."""
        locked = (
            (at, lock)
            for step in _steps(items)
            for at, lock in (*step.tables, *self._user_locks(step))
            if lock.is_strong and at not in self._fresh
        )
        tables = tuple(dict.fromkeys(locked))
        return [Step((), tables=tables)] if tables else []

    def _user_locks(self, step: Step) -> Locks:
        return self.engine.user_locks(step.sql) if isinstance(step, UserStep) else ()

    def _note(self, items: Sequence[PlanItem]) -> None:
        """Take in what has been committed: new tables, and settings that the user's code may have made."""
        for change in (change for step in _steps(items) for change in step.changes):
            if isinstance(change, CreateTable):
                self._fresh.add(change.table.at)
            elif isinstance(change, RenameTable) and change.old in self._fresh:
                self._fresh ^= {change.old, change.new}
            elif isinstance(change, RenameTable):
                self._fresh.discard(change.new)
        if any(map(writes_rows, items)):
            renew_settings(self.connection, self.limit)

    @contextmanager
    def _around(self, items: Sequence[PlanItem], timeout: float, title: str) -> Iterator[None]:
        """A transaction; or none, for an item that cannot run in one."""
        if any(item.boundary is Boundary.BATCHED for item in items):
            yield  # it opens its own
            return
        # SQL written for a shell does not expect what is not done there.
        rows = any(isinstance(item, DataOperation) for item in items)
        rows = rows and not any(isinstance(item, UserStep) for item in items)
        if is_transaction := all(item.transactional for item in items):
            steps = _steps(items)
            if self.is_short:
                steps = [replace(step, boundary=Boundary.SHARED) for step in steps]
            scope = self.engine.transaction(self.connection, steps, timeout, rows=rows)
        else:
            limit = self._limit_alone(items[0], timeout)
            scope = self.engine.without_transaction(self.connection, limit, rows=rows)
        may_wait_long = rows or not is_transaction
        with scope, self.holders.watched(title) if may_wait_long else nullcontext():
            yield

    def _limit_alone(self, item: PlanItem, timeout: float) -> float | None:
        """Return how long what is in no transaction waits for a lock; None: as long as the session says.

        Nobody queues behind what is built concurrently. What cannot be tried again is patient.
        """
        dialect = self.engine.dialect
        if isinstance(item, Step) and not isinstance(item, UserStep):
            return None
        if is_marked_at_once(item, dialect):
            return timeout
        is_built = isinstance(item, UserStep) and is_concurrent(item.sql, dialect)
        return None if is_built else min(_PATIENT_TRY, max(self.limit, timeout))

    def _wait(
        self, title: str, items: Sequence[PlanItem], attempt: int, pause: float, deadline: float
    ) -> Sequence[Blocker]:
        """Wait until the next try. Gives who holds the locks now; raises `LockError` at the end."""
        wanted = [*_steps(items), *self._strongly_locked(items), _RECORD]
        blockers = tuple(self.engine.blockers(self.connection, wanted) or self.holders.last)
        if time.monotonic() + pause > deadline:
            times = "once" if attempt == 1 else f"{attempt} times"
            raise LockError(
                f"a table stayed locked for {self.limit:g} s; it was tried {times}",
                place=_place(title, self.item),
                hint=f"{_held_by(blockers)}What was tried was rolled back. Run the command again when they are done, "
                "or give more time: --lock-timeout SECONDS.",
            )
        self.emit(WaitingForLock(title, blockers, attempt, pause))
        time.sleep(pause)
        return blockers

    def _add_what_is_left(self, error: WhimbrelError, title: str) -> None:
        """Say what is left of a migration in which a function, or a step of many, failed."""
        if self.item is None or (self.is_whole and isinstance(self.item, Step)):
            return
        if isinstance(self.item, Step):
            left = _HALF_DONE.format(title)
        elif isinstance(error, TransactionEnded):
            left = _LEFT_BY_ITSELF[error.how].format(title)
        elif self.is_whole:
            left = f"All of {title} was rolled back."
        else:
            left = f"{_LEFT[self.item.boundary]} Run migrate again: it goes on there."
        error.hint = f"{error.hint}\n{left}" if error.hint else left

    def _explained(self, title: str, error: SQLAlchemyError) -> WhimbrelError:
        place = _place(title, self.item)
        if self.engine.is_disconnect(error):
            return DatabaseError(
                "the connection was lost; the database rolls back what was not committed",
                place=place,
                hint="Run the command again: the record says what was committed.",
            )
        step = self.item if isinstance(self.item, Step) else None
        what, hint = self.engine.explain(error, step)
        if self.engine.is_lock_timeout(error):
            hint = f"{_held_by(self.holders.last)}{hint}"
        found = StepError(what, place=place, hint=hint)
        self._add_what_is_left(found, title)
        return found


#: What transactions write beside what is asked of them.
_RECORD = Step(
    (), tables=tuple((Name(None, each), Lock.ROW_EXCLUSIVE) for each in sorted(OWN_TABLES))
)

#: What is left of a migration where a step failed that is in a transaction of its own, or in none.
_HALF_DONE = (
    "{} is half done: what came before this stays. The same command goes on here; migrate to what stands "
    "before it takes it back."
)

#: What is left of an item that failed, where its migration is not whole.
_LEFT = {
    Boundary.SHARED: "What the operation did was rolled back; what came before it stays.",
    Boundary.OWN: "What the operation did was rolled back; what came before it stays.",
    Boundary.AUTOCOMMIT: "It ran in no transaction: what it did until then stays, and it is called again.",
    Boundary.BATCHED: "What it committed until then stays.",
}


#: What is left where a function ended the transaction.
_LEFT_BY_ITSELF = {
    Ended.COMMITTED: "What was done of {0} until then was committed, and is not recorded: undo it by "
    "hand, or do the rest by hand and record it with --fake. What the database has now, whimbrel "
    "drift shows.",
    Ended.ROLLED_BACK: "What was done of {0} until then was rolled back; what the function did after "
    "that may have stayed.",
}


@dataclass
class _Tries:
    """The tries of a transaction. is_strong: True if writers queue behind one that waits."""

    is_strong: bool
    _number: int = 0
    #: Those for whom a try was long enough that they should have given way.
    _outwaited: set[str] = field(default_factory=set)

    def timeout(self, left: Sequence[Blocker]) -> float:
        """Return the seconds that the next try waits for a lock. left: who holds it nevertheless."""
        self._number += 1
        plain = _LADDER[min(self._number, len(_LADDER)) - 1] if self.is_strong else _PATIENT_TRY
        after = [each.gives_way_after for each in left if each.gives_way_after]
        who = {each.transaction for each in left}
        if not after or len(after) < len(left):
            return plain
        if who <= self._outwaited and self._number % 5:
            return plain
        self._outwaited |= who
        return max(plain, max(after) + _MORE)

    def pause(self, timeout: float) -> float:
        """Return the seconds until the next try: what has queued meanwhile is to be done before."""
        return max(1.0, 2 * timeout if self.is_strong else 0.0) * random.uniform(1.0, 1.2)


def _held_by(blockers: Sequence[Blocker]) -> str:
    return f"Held by {'; '.join(map(str, blockers))}.\n" if blockers else ""


def _steps(items: Sequence[PlanItem]) -> list[Step]:
    return [item for item in items if isinstance(item, Step)]


def _runs_once(items: Sequence[PlanItem], dialect: str) -> bool:
    """True if what a failed try has done may be there: it is not to be done again unasked."""
    return any(
        writes_rows(item) and not (item.transactional or is_marked_at_once(item, dialect))
        for item in items
    )


def _place(title: str, item: PlanItem | None) -> str:
    if item is None:
        return title
    line = " ".join(item_text(item).split())
    return f"{title}: {line if len(line) <= 200 else f'{line[:197]}...'}"
