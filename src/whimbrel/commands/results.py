"""Options of a run, and its results, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whimbrel.config import LARGE_TABLE
from whimbrel.run.events import Listener, RunWarning, null_listener
from whimbrel.run.lock import LIMIT


@dataclass(frozen=True)
class MigrateOptions:
    """Options of a run; see `whimbrel.commands.migrate.migrate`."""

    fake: bool = False
    recorded: bool = False
    leap: bool = True
    backup: Path | None = None
    lock_timeout: float = LIMIT
    emit: Listener = null_listener
    fake_initial: bool = False
    rename: bool = False
    short: bool = False
    large: int = LARGE_TABLE
    end_process: int | None = None


@dataclass(frozen=True)
class StageResult:
    """A stage that was carried out: the labels of its migrations, and how long it took.

    fake: True if it was only recorded. backwards: True if it was undone, or what was half done of
    it taken back.
    """

    labels: tuple[str, ...]
    seconds: float
    fake: bool = False
    backwards: bool = False


@dataclass(frozen=True)
class HalfDone:
    """A migration that was begun and not ended. ``walked``: rows that its backfills committed."""

    label: str
    walked: int = 0


@dataclass(frozen=True)
class MigrateResult:
    """The result of a run. ``database``: without its password; ``seconds``: of all of it.

    ``half_done``: what a run that was interrupted has left.
    """

    database: str
    backwards: bool = False
    fake: bool = False
    done: tuple[StageResult, ...] = ()
    seconds: float = 0.0
    warnings: tuple[RunWarning, ...] = ()
    half_done: tuple[HalfDone, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The migrations that were applied, or undone, in their order."""
        return tuple(label for each in self.done for label in each.labels)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a run. ``result``: what had been done and committed until then."""

    def __init__(self, result: MigrateResult) -> None:
        super().__init__()
        self.result = result
