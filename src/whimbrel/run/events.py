"""Events of a run, for a callback; never text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from whimbrel.engines.base import Blocker


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""


@dataclass(frozen=True)
class PlanMade(Event):
    """``migrations``: how many there are to do."""

    migrations: int


@dataclass(frozen=True)
class MigrationStarted(Event):
    """A migration, or a leap over several of one or more apps, begins. ``labels``: all of them."""

    labels: tuple[str, ...]
    backwards: bool = False


@dataclass(frozen=True)
class StepStarted(Event):
    """Step ``number`` (from 1) of ``steps`` is sent to the database."""

    sql: str
    number: int
    steps: int


@dataclass(frozen=True)
class StepDone(Event):
    """The database has executed the step."""

    sql: str
    number: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class DataStarted(Event):
    """Part ``number`` (from 1) of ``parts`` begins, which code executes and no statement."""

    title: str
    number: int
    parts: int


@dataclass(frozen=True)
class DataDone(Event):
    """It has ended; it is committed with its migration."""

    title: str
    number: int
    parts: int
    seconds: float


@dataclass(frozen=True)
class MigrationDone(Event):
    """Committed, with its record."""

    labels: tuple[str, ...]
    seconds: float
    backwards: bool = False
    fake: bool = False
    renamed: int = 0


@dataclass(frozen=True)
class WaitingForRunner(Event):
    """Another runner is at work on the database; ``limit`` seconds are waited at most.

    holder: the server's process that has its lock; None where that is not told. is_gone: True if the
    runner itself is no more, so that only the server is still at work for it.
    """

    limit: float
    holder: Blocker | None = None
    is_gone: bool = False


@dataclass(frozen=True)
class WaitingForLock(Event):
    """Others hold a lock that is needed.

    title: what is to be done. blockers: who holds it. attempt: from 1, of a try that was rolled back; 0: it
    has not been tried, or goes on waiting. pause: seconds until it is tried again.
    """

    title: str
    blockers: tuple[Blocker, ...]
    attempt: int = 0
    pause: float = 0.0


@dataclass(frozen=True)
class RunWarning(Event):
    """Something about the history that a person should know; ``hint`` says what to do."""

    message: str
    hint: str | None = None


@dataclass(frozen=True)
class BackfillMoved(Event):
    """Progress of a backfill, about once a second, and at its end.

    rows: walked so far, in earlier runs too. total: about how many there are. rate: rows a second
    in this run. left: seconds, if that can be said.
    """

    title: str
    rows: int
    total: int
    rate: float
    left: float | None


@dataclass(frozen=True)
class BackfillWaiting(Event):
    """A backfill gives way for ``pause`` seconds, for a ``reason``."""

    title: str
    reason: str
    pause: float


Listener: TypeAlias = Callable[[Event], None]


def null_listener(event: Event) -> None:
    """A listener that does nothing."""
