"""A transaction, tried again while a lock is held by others; and what is said where it fails for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.config import OWN_TABLES
from whimbrel.engines import Engine, Step
from whimbrel.engines.base import Ended
from whimbrel.engines.step import Boundary, Lock, UserStep
from whimbrel.errors import DatabaseError, LockError, StepError, WhimbrelError
from whimbrel.planning.items import (
    DataOperation,
    PlanItem,
    item_text,
    writes_rows,
)
from whimbrel.run.data.watching import TransactionEnded
from whimbrel.run.events import Listener, WaitingForLock
from whimbrel.run.session import renew_settings
from whimbrel.schema.table import Name

#: Seconds that a statement may wait for a lock, try by try; the last one stays.
_LADDER = (0.1, 0.2, 0.5)
#: Seconds of every fifth try: longer than deadlock_timeout, at which autovacuum gives way.
_LONG_TRY = (1.2, 2.0)
#: Of a transaction that holds no table's lock while it waits: row locks come and go.
_PATIENT_TRY = 5.0


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

    def commit(
        self, act: Callable[[], None], items: Sequence[PlanItem] = (), title: str = "the record"
    ) -> None:
        """Do something in a transaction that holds these items.

        It is done again only where the transaction has been rolled back whole.
        """
        deadline = time.monotonic() + self.limit
        for attempt in count(1):
            timeout = min(_timeout(attempt, items), max(self.limit, _LADDER[0]))
            self.item = None
            try:
                with self._around(items, timeout):
                    act()
                if any(map(writes_rows, items)):
                    renew_settings(self.connection, self.limit)
                return
            except WhimbrelError as error:
                place = _place(title, self.item)
                error.place = f"{title}: {error.place}" if error.place else place
                self._add_what_is_left(error, title)
                raise
            except SQLAlchemyError as error:
                if not self.engine.is_lock_timeout(error) or _runs_once(items):
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
            self._wait(title, items, attempt, timeout, deadline)

    def _around(self, items: Sequence[PlanItem], timeout: float) -> AbstractContextManager[None]:
        """A transaction; or none, for an item that cannot run in one."""
        if any(item.boundary is Boundary.BATCHED for item in items):
            return nullcontext()  # it opens its own
        # SQL written for a shell does not expect what is not done there.
        rows = any(isinstance(item, DataOperation) for item in items)
        rows = rows and not any(isinstance(item, UserStep) for item in items)
        if all(item.transactional for item in items):
            return self.engine.transaction(self.connection, _steps(items), timeout, rows=rows)
        return self.engine.without_transaction(self.connection, rows=rows)

    def _wait(
        self, title: str, items: Sequence[PlanItem], attempt: int, timeout: float, deadline: float
    ) -> None:
        wanted = [*_steps(items), _RECORD]
        blockers = tuple(self.engine.blockers(self.connection, wanted))
        pause = max(1.0, min(2 * timeout, 5.0)) * random.uniform(0.8, 1.2)
        if time.monotonic() + pause > deadline:
            times = "once" if attempt == 1 else f"{attempt} times"
            held = f"Held by {'; '.join(map(str, blockers))}.\n" if blockers else ""
            raise LockError(
                f"a table stayed locked for {self.limit:g} s; it was tried {times}",
                place=_place(title, self.item),
                hint=f"{held}What was tried was rolled back. Run the command again when they are done, "
                "or give more time: --lock-timeout SECONDS.",
            )
        self.emit(WaitingForLock(title, blockers, attempt, pause))
        time.sleep(pause)

    def _add_what_is_left(self, error: WhimbrelError, title: str) -> None:
        """Say what is left of a migration in which a function failed."""
        if not isinstance(self.item, DataOperation):
            return
        if isinstance(error, TransactionEnded):
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
        return StepError(what, place=place, hint=hint)


#: What transactions write beside what is asked of them.
_RECORD = Step(
    (), tables=tuple((Name(None, each), Lock.ROW_EXCLUSIVE) for each in sorted(OWN_TABLES))
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


def _timeout(attempt: int, items: Sequence[PlanItem]) -> float:
    if items and all(isinstance(item, DataOperation) for item in items):
        return _PATIENT_TRY
    if attempt % 5 == 0:
        return random.uniform(*_LONG_TRY)
    return _LADDER[min(attempt, len(_LADDER)) - 1]


def _steps(items: Sequence[PlanItem]) -> list[Step]:
    return [item for item in items if isinstance(item, Step)]


def _runs_once(items: Sequence[PlanItem]) -> bool:
    """True if what a failed try has done may be there: it is not to be done again unasked."""
    return any(writes_rows(item) and not item.transactional for item in items)


def _place(title: str, item: PlanItem | None) -> str:
    if item is None:
        return title
    line = " ".join(item_text(item).split())
    return f"{title}: {line if len(line) <= 200 else f'{line[:197]}...'}"
