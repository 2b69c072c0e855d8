"""`migrate`: a database to a target, as functions that give values."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines.base import Hazard
from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, label_of
from whimbrel.run.backup import back_up, refuse_impossible
from whimbrel.run.connect import connected, database_of
from whimbrel.run.events import Listener, Noticed, PlanMade, nobody
from whimbrel.run.executor import Executor, Overtaken
from whimbrel.run.lock import LIMIT, runner_lock
from whimbrel.run.plan import EVERYTHING, ZERO, Plan, Target, make_plan
from whimbrel.run.record import (
    Record,
    ghosts,
    read,
    record_in,
    refuse_half_done,
    refuse_inconsistent,
)
from whimbrel.run.recorder import Applied
from whimbrel.run.show import is_edited
from whimbrel.run.work import Work, work_of


@dataclass(frozen=True)
class Done:
    """A stage that was carried out: the labels of its migrations, and how long it took."""

    labels: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class MigrateResult:
    """What a run did. ``database``: without its password; ``seconds``: of all of it."""

    database: str
    backwards: bool = False
    fake: bool = False
    done: tuple[Done, ...] = ()
    seconds: float = 0.0
    warnings: tuple[Noticed, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The migrations that were applied, or undone, in their order."""
        return tuple(label for each in self.done for label in each.labels)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a run. ``result``: what had been done and committed until then."""

    def __init__(self, result: MigrateResult) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True)
class HazardousStep:
    """A step of a plan, for people."""

    sql: str
    hazards: tuple[Hazard, ...]


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan, for people: what it does, and what that may do to others."""

    labels: tuple[str, ...]
    operations: tuple[str, ...]
    steps: tuple[HazardousStep, ...]


@dataclass(frozen=True)
class PlannedRun:
    """What `migrate` would do."""

    database: str
    backwards: bool = False
    stages: tuple[PlannedStage, ...] = ()


def migrate(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    fake: bool = False,
    leap: bool = True,
    backup: Path | None = None,
    lock_timeout: float = LIMIT,
    tell: Listener = nobody,
) -> MigrateResult:
    """Bring a database to a target.

    fake: record only. leap: whether an empty database may be reached in leaps. backup: a file
    that is made first, if there is anything to do. lock_timeout: seconds that another runner, or
    the holder of a lock, is waited for.

    Raises `HistoryError` and others of its kind before anything is done, `DatabaseError` and
    others where the database refuses; `Interrupted` for Ctrl-C.
    """
    return _Run(config, alias, target, fake, leap, backup, lock_timeout, tell).result()


def plan_migrate(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    leap: bool = True,
) -> PlannedRun:
    """What `migrate` would do; nothing is done, nothing is created."""
    database = database_of(config, alias)
    history = history_for(config, target)
    record = record_in(database)
    plan = checked_plan(history, target, record, leap=leap)
    works = work_of(history, database.engine, plan, record.applied)
    return PlannedRun(database.shown, plan.backwards, tuple(_planned(work) for work in works))


def unapplied(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
) -> list[str]:
    """The labels of what `migrate` would apply or undo."""
    database = database_of(config, alias)
    plan = checked_plan(history_for(config, target), target, record_in(database))
    return [node.label for node in plan.nodes]


def history_for(config: Config, target: Target) -> History:
    """The history of all apps. Raises `ConfigError` where the target's app is none of them."""
    if target.app is not None:
        config.app(target.app)
    return load(config.apps)


def checked_plan(history: History, target: Target, record: Record, *, leap: bool = True) -> Plan:
    """The plan to a target, if files and record hold together. Raises `HistoryError`."""
    graph = history.graph
    if target.app is not None and target.name not in (None, ZERO):
        target = replace(target, name=history.node(target.app, str(target.name)).name)
    refuse_inconsistent(graph, record.applied)
    plan = make_plan(graph, target, record.applied.keys(), leap=leap)
    refuse_half_done(record, plan, graph)
    return plan


def _planned(work: Work) -> PlannedStage:
    steps = tuple(HazardousStep(step.sql, step.hazards) for step in work.steps)
    return PlannedStage(work.stage.labels, work.operations, steps)


@dataclass
class _Run:
    """One run, from its configuration to its result."""

    config: Config
    alias: str
    target: Target
    fake: bool
    leap: bool
    backup: Path | None
    lock_timeout: float
    tell: Listener
    _done: list[Done] = field(default_factory=list, init=False)

    def result(self) -> MigrateResult:
        started = time.monotonic()
        self.database = database_of(self.config, self.alias)
        self.history = history_for(self.config, self.target)
        warnings: tuple[Noticed, ...] = ()
        plan = Plan()
        try:
            record = record_in(self.database)
            warnings = self._notices(record.applied)
            plan = checked_plan(self.history, self.target, record, leap=self.leap)
            if plan:
                plan = self._carried_out()
        except KeyboardInterrupt:
            raise Interrupted(self._made(plan, warnings, started)) from None
        except WhimbrelError as error:
            error.mend = self._with_what_stays(error.mend)
            raise
        return self._made(plan, warnings, started)

    def _with_what_stays(self, mend: str | None) -> str | None:
        """An error that ends a run says what was committed before it."""
        labels = [label for done in self._done for label in done.labels]
        if not labels:
            return mend
        stays = f"Done before it, and kept: {', '.join(labels)}."
        return f"{mend}\n{stays}" if mend else stays

    def _made(self, plan: Plan, warnings: tuple[Noticed, ...], started: float) -> MigrateResult:
        return MigrateResult(
            database=self.database.shown,
            backwards=plan.backwards,
            fake=self.fake,
            done=tuple(self._done),
            seconds=time.monotonic() - started,
            warnings=warnings,
        )

    def _carried_out(self) -> Plan:
        """The plan is made anew once this is the only runner: another may have done its part."""
        if self.backup is not None:
            refuse_impossible(self.database, self.backup)
        with self._alone() as executor:
            plan, record = self._planned(executor)
            self.tell(PlanMade(len(plan.nodes)))
            if plan and self.backup is not None:
                back_up(self.database, executor.connection, self.backup)
            if plan:
                executor.prepare()
            while plan:
                try:
                    self._do(executor, plan, record.applied)
                    break
                except Overtaken:
                    plan, record = self._planned(executor)
            if plan.backwards:
                executor.tidy()
        return plan

    def _planned(self, executor: Executor) -> tuple[Plan, Record]:
        record = read(executor.connection)
        return checked_plan(self.history, self.target, record, leap=self.leap), record

    @contextmanager
    def _alone(self) -> Iterator[Executor]:
        engine = self.database.engine
        with (
            connected(self.database) as connection,
            runner_lock(engine, connection, self.lock_timeout, self.tell),
        ):
            yield Executor(engine, connection, self.tell, self.lock_timeout)

    def _do(self, executor: Executor, plan: Plan, applied: Iterable[Key]) -> None:
        if self.fake:
            for stage in plan.stages:
                executor.fake(stage, backwards=plan.backwards)
                self._done.append(Done(stage.labels, 0.0))
            return
        for work in work_of(self.history, executor.engine, plan, applied):
            self._done.append(Done(work.stage.labels, executor.carry_out(work)))

    def _notices(self, applied: Mapping[Key, Applied]) -> tuple[Noticed, ...]:
        """What is odd about the history, and stops nothing."""
        graph = self.history.graph
        found = [_ghost(key) for key in ghosts(graph, applied) if key[0] in graph.apps]
        found += [
            _edited(each)
            for key, each in applied.items()
            if key in graph and is_edited(each.digest, graph.node(key).digest)
        ]
        for notice in found:
            self.tell(notice)
        return tuple(found)


def _ghost(key: Key) -> Noticed:
    return Noticed(
        f"{label_of(key)} is applied and has no file",
        "Bring its file back, or go to the commit that has it and undo it there.",
    )


def _edited(record: Applied) -> Noticed:
    return Noticed(
        f"{record.app}.{record.name} was edited after it was applied here",
        "What it does now is not what this database has. Put it back as it was, and make the "
        "change in a migration of its own.",
    )
