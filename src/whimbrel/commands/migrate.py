"""`migrate`: a database to a target, as functions that give values."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from whimbrel.commands.preparation import history_for, prepare_run
from whimbrel.commands.results import (
    HalfDone,
    Interrupted,
    MigrateOptions,
    MigrateResult,
    StageResult,
)
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import WhimbrelError
from whimbrel.history.node import label_of
from whimbrel.planning.plan import EVERYTHING, Plan, Target
from whimbrel.run.connect import database_of
from whimbrel.run.events import Listener, RunWarning, null_listener
from whimbrel.run.lock import LIMIT
from whimbrel.run.record import record_in


def migrate(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    fake: bool = False,
    fake_initial: bool = False,
    rename: bool = False,
    recorded: bool = False,
    leap: bool = True,
    backup: Path | None = None,
    lock_timeout: float = LIMIT,
    short: bool = False,
    end_process: int | None = None,
    emit: Listener = null_listener,
) -> MigrateResult:
    """Bring a database to a target.

    fake: record only. fake_initial: record initial migrations whose tables are there already,
    and apply the rest, one by one; rename: where only constraints and indexes have other names there,
    those are renamed. recorded: undo what has no file here too, by the source that the record
    kept, which is executed. leap: whether an empty database may be reached in leaps. backup: a file
    that is made first, if there is anything to do. lock_timeout: seconds that another runner, or
    the holder of a lock, is waited for. short: take the short form of every change, though others may
    wait for it as long as a look at a large table takes. end_process: a process of the server's that
    is ended if it is still at work for a runner that is gone.

    Raises `HistoryError` and others of its kind before anything is done, `DatabaseError` and
    others where the database refuses; `Interrupted` for Ctrl-C.
    """
    options = MigrateOptions(
        fake,
        recorded,
        leap and not fake_initial,
        backup,
        lock_timeout,
        emit,
        fake_initial,
        rename,
        short or not config.online,
        config.large_table,
        end_process,
    )
    return _Run(config, alias, target, options).result()


def find_unapplied(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    recorded: bool = False,
    emit: Listener = null_listener,
) -> list[str]:
    """The labels of what `migrate` would apply or undo."""
    record = record_in(database_of(config, alias))
    options = MigrateOptions(recorded=recorded, emit=emit)
    run = prepare_run(config, history_for(config, target), target, record, options)
    return [node.label for node in run.plan.nodes]


@dataclass
class _Run:
    """One run, from its configuration to its result."""

    config: Config
    alias: str
    target: Target
    options: MigrateOptions
    _done: list[StageResult] = field(default_factory=list, init=False)

    def result(self) -> MigrateResult:
        started = time.monotonic()
        self.database = database_of(self.config, self.alias)
        history = history_for(self.config, self.target)
        warnings: tuple[RunWarning, ...] = ()
        plan = Plan()
        try:
            record = record_in(self.database, self.options.lock_timeout)
            run = prepare_run(self.config, history, self.target, record, self.options)
            plan, warnings = run.plan, run.warnings
            is_unfinished = bool(run.record.half_done) and not self.options.fake
            if plan or run.has_complete_squashes or is_unfinished:
                # Late, since a run with nothing to do needs none of it.
                from whimbrel.commands.execution import Execution

                history, options = run.history, self.options
                plan = Execution(self.database, history, run.target, options, self._done).run()
        except KeyboardInterrupt:
            made = self._build_result(plan, warnings, started)
            raise Interrupted(replace(made, half_done=self._half_done())) from None
        except WhimbrelError as error:
            error.hint = self._with_what_stays(error.hint)
            raise
        return self._build_result(plan, warnings, started)

    def _with_what_stays(self, hint: str | None) -> str | None:
        """An error that ends a run says what was committed before it."""
        labels = [label for done in self._done for label in done.labels]
        if not labels:
            return hint
        stays = f"Done before it, and kept: {', '.join(labels)}."
        return f"{hint}\n{stays}" if hint else stays

    def _half_done(self) -> tuple[HalfDone, ...]:
        """Return what is committed of migrations that have not ended; nothing where nobody answers."""
        try:
            record = record_in(self.database)
        except WhimbrelError:
            return ()
        return tuple(HalfDone(label_of(key), record.walked.get(key, 0)) for key in record.half_done)

    def _build_result(
        self, plan: Plan, warnings: tuple[RunWarning, ...], started: float
    ) -> MigrateResult:
        return MigrateResult(
            database=self.database.shown,
            backwards=plan.backwards,
            fake=self.options.fake,
            done=tuple(self._done),
            seconds=time.monotonic() - started,
            warnings=warnings,
        )
