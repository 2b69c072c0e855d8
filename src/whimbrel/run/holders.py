"""Those who hold locks that are needed: waited for before a lock is asked for, named while it is.

Whoever waits for a strong lock has others wait behind him. So nobody asks for one while a transaction
that is not short holds what is in its way: then one short try is enough.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event as Flag
from threading import Thread

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from whimbrel.engines import Engine, Step
from whimbrel.engines.base import Blocker
from whimbrel.run.events import Listener, WaitingForLock

#: Seconds from which on a transaction is old: it may last for any time.
_OLD = 0.2
#: Seconds between two looks. A transaction whose age is not shown is old if both see it.
_LOOK = 0.25
#: Seconds from which on no try outlasts a transaction. Of younger ones that overlap no look finds the gap,
#: so that after as many seconds it is tried.
_LONG = 2.0
#: Seconds that a statement works before somebody looks whether it waits; and at most between two looks.
_PATIENCE, _RARELY = 1.0, 10.0


@dataclass
class Holders:
    """The holders of locks, as a connection's engine sees them."""

    engine: Engine
    connection: Connection
    emit: Listener
    #: Those whom the last statement was seen to wait for.
    last: Sequence[Blocker] = field(default=(), init=False)
    #: Whom the last event named.
    _named: frozenset[str] = field(default=frozenset(), init=False)

    def wait(self, title: str, wanted: Sequence[Step], deadline: float) -> list[Blocker]:
        """Wait while old transactions hold what steps would wait for. Gives those that are left.

        Those give way themselves if they are waited for (autovacuum), or there is no time left.
        """
        if self.connection.in_transaction():
            self.connection.commit()  # one that reads sees the others as they were when it began
        started, first_seen = time.monotonic(), dict[str, float]()
        for number in count():
            found = self.engine.blockers(self.connection, wanted)
            now = time.monotonic()
            ages = {
                each: _age(each, now - first_seen.setdefault(each.transaction, now))
                for each in found
                if not each.gives_way_after
            }
            oldest = max(ages.values(), default=0.0)
            is_unknown = number == 0 and any(each.seconds is None for each in ages)
            if oldest < _OLD and not is_unknown:
                break
            end = deadline if oldest >= _LONG else min(deadline, started + _LONG)
            if now + _LOOK > end:
                break
            self._name(title, [each for each, age in ages.items() if age >= _OLD])
            time.sleep(_LOOK)
        return found

    @contextmanager
    def watched(self, title: str) -> Iterator[None]:
        """A scope whose statements may wait for long; from another connection, whom for is named."""
        process = self.engine.process(self.connection)
        if process is None:
            yield
            return
        ended = Flag()
        watcher = Thread(target=self._watch, args=(title, process, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _watch(self, title: str, process: int, ended: Flag) -> None:
        pause = _PATIENCE
        if ended.wait(pause):
            return
        try:
            with self.connection.engine.connect() as other:
                while not ended.is_set():
                    self.last = self.engine.blockers_of(other, process)
                    self._name(title, self.last)
                    ended.wait(pause)
                    pause = min(2 * pause, _RARELY)
        except SQLAlchemyError:
            return  # it was only for information

    def _name(self, title: str, blockers: Sequence[Blocker]) -> None:
        """Say who is waited for, where that is somebody new."""
        named = frozenset(each.transaction for each in blockers)
        if not named <= self._named:
            self.emit(WaitingForLock(title, tuple(blockers)))
        self._named = named | self._named


def _age(blocker: Blocker, seen: float) -> float:
    """Return the seconds of its transaction. seen: for how long it was looked at."""
    return blocker.seconds if blocker.seconds is not None else seen
