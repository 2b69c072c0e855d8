"""`migrate --plan`: what a run would do, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines.base import Hazard
from whimbrel.run.connect import database_of
from whimbrel.run.plan import EVERYTHING, Target
from whimbrel.run.planning import checked_plan, history_for, with_ghosts
from whimbrel.run.record import record_in
from whimbrel.run.work import Work, work_of


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


def plan_migrate(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    leap: bool = True,
    recorded: bool = False,
) -> PlannedRun:
    """What `migrate` would do; nothing is done, nothing is created."""
    database = database_of(config, alias)
    history = history_for(config, target)
    record = record_in(database)
    if recorded:
        history, target = with_ghosts(config, history, target, record)
    plan = checked_plan(history, target, record, leap=leap)
    works = work_of(history, database.engine, plan, record.applied)
    return PlannedRun(database.shown, plan.backwards, tuple(_planned(work) for work in works))


def _planned(work: Work) -> PlannedStage:
    steps = tuple(HazardousStep(step.sql, step.hazards) for step in work.steps)
    return PlannedStage(work.stage.labels, work.operations, steps)
