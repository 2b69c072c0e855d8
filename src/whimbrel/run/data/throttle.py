"""The throttle of a walk: batches of the size that time allows, and rests for locks and replicas."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy.engine import Connection

from whimbrel.engines import Engine
from whimbrel.errors import LockError
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.events import BackfillWaiting, Listener, RunWarning

#: Seconds that a batch should take: as long as others may wait for a row of it.
AIM = 0.13
#: Rows of the first batch; of the smallest; of the largest.
FIRST, SMALLEST, LARGEST = 500, 20, 50_000
#: How much smaller, and how much larger, the next batch may be.
_SLOWER, _FASTER = 0.4, 1.7
#: Seconds that a batch waits for a lock, try by try: others wait for what it holds meanwhile.
_LADDER = (0.1, 0.2, 0.5)
#: Seconds that a replica may be behind, and seconds between two looks at it.
_BEHIND, _LOOK = 1.5, 1.0
#: Seconds to wait for replicas at a time.
_REST = 1.0
#: One of so many waits is told.
_TOLD = 10


@dataclass
class BatchSize:
    """The number of rows of the next batch, by the time that the last one took."""

    size: int = FIRST

    def adapt(self, seconds: float) -> None:
        """Take what fits the time that a batch of this size took."""
        factor = AIM / max(seconds, 0.001)
        self._set(self.size * min(_FASTER, max(_SLOWER, factor)))

    def halve(self) -> None:
        """Take half: a batch waited too long for a lock, and a smaller one holds up fewer others."""
        self._set(self.size / 2)

    def _set(self, size: float) -> None:
        self.size = min(LARGEST, max(SMALLEST, round(size)))


@dataclass(eq=False)
class Replicas:
    """The replicas of a database, which are given time to catch up: ``limit`` seconds at a time.

    One that stays behind is so on purpose (``recovery_min_apply_delay``), or for good.
    """

    engine: Engine
    connection: Connection
    emit: Listener
    limit: float
    _looked: float = field(default=0.0, init=False)
    _is_given_up: bool = field(default=False, init=False)

    def wait(self, title: str) -> None:
        """Wait while the slowest is too far behind; nobody looks more often than once a second."""
        if self._is_given_up or time.monotonic() - self._looked < _LOOK:
            return
        deadline = time.monotonic() + self.limit
        for number in count():
            behind = self.engine.replication_lag(self.connection) or 0.0
            if behind <= _BEHIND:
                break
            if time.monotonic() + _REST > deadline:
                self._is_given_up = True
                self.emit(
                    RunWarning(
                        f"{title}: a replica stays {behind:.0f} s behind, and is waited for no more"
                    )
                )
                break
            if number % _TOLD == 0:
                self.emit(BackfillWaiting(title, f"a replica is {behind:.1f} s behind", _REST))
            time.sleep(_REST)
        self._looked = time.monotonic()


@dataclass(eq=False)
class Throttle:
    """Gives way for one connection; after the context's ``limit`` a batch is given up."""

    context: ExecutionContext
    title: str

    def __post_init__(self) -> None:
        context = self.context
        self.replicas = Replicas(context.engine, context.connection, context.emit, context.limit)

    def attempts(self) -> Iterator[float]:
        """For each try of a batch the seconds that it may wait for a lock, after a pause.

        Raises `LockError` when they are used up.
        """
        self.replicas.wait(self.title)
        deadline = time.monotonic() + self.context.limit
        for attempt in count(1):
            timeout = _LADDER[min(attempt, len(_LADDER)) - 1]
            yield timeout
            pause = timeout * 2 ** min(attempt, 4) * random.uniform(0.5, 1.0)
            if time.monotonic() + pause > deadline:
                raise LockError(
                    f"rows stayed locked for {self.context.limit:g} s; the batch was tried {attempt} times",
                    place=self.title,
                    hint="What was done before it is kept. Run the command again when they are free, "
                    "or give more time: --lock-timeout SECONDS.",
                )
            self.context.emit(BackfillWaiting(self.title, "rows are locked by others", pause))
            time.sleep(pause)
