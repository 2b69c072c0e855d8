"""`migrate --plan`: what a run would do, as a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from whimbrel.commands.preparation import history_for, policy_for, prepare_run
from whimbrel.commands.results import MigrateOptions
from whimbrel.commands.script import Statement, enclose
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines.base import Engine
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.engines.step import Boundary, Step
from whimbrel.history.line_numbers import lines_of_operations
from whimbrel.history.loader import History
from whimbrel.history.node import Key, label_of
from whimbrel.planning.items import PlanItem
from whimbrel.planning.plan import EVERYTHING, Plan, Stage, Target
from whimbrel.planning.unfinished import ways_out, work_out
from whimbrel.planning.work import Work, build_work
from whimbrel.run.connect import Database, database_of, engine_of_new, open_connection
from whimbrel.run.events import Listener, RunWarning, null_listener
from whimbrel.run.record import Record, record_in
from whimbrel.schema.table import Name


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan: what would be done, in its order.

    fake: True if it would only be recorded. irreversible: the operations that have no way back.
    places: the file and the line of each operation, for stages of one migration. statements: what is sent,
    where large tables are changed in a form of their own.
    """

    labels: tuple[str, ...]
    operations: tuple[str, ...]
    items: tuple[PlanItem, ...]
    fake: bool = False
    irreversible: tuple[str, ...] = ()
    backwards: bool = False
    places: tuple[str | None, ...] = ()
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class PlannedRun:
    """The stages that `migrate` would go through.

    fake: True if they would only be recorded. sizes: of large tables, in bytes.
    """

    database: str
    backwards: bool = False
    stages: tuple[PlannedStage, ...] = ()
    warnings: tuple[RunWarning, ...] = ()
    fake: bool = False
    sizes: Mapping[Name, int] = field(default_factory=dict)


def plan_migrate(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    leap: bool = True,
    recorded: bool = False,
    fake: bool = False,
    fake_initial: bool = False,
    rename: bool = False,
    short: bool = False,
    emit: Listener = null_listener,
) -> PlannedRun:
    """Return what `migrate` would do; nothing is done, nothing is created."""
    database = database_of(config, alias)
    asked = record_in(database)
    leap = leap and not fake_initial
    options = MigrateOptions(
        recorded=recorded,
        leap=leap,
        fake=fake,
        emit=emit,
        short=short or not config.online,
        large=config.large_table,
    )
    run = prepare_run(config, history_for(config, target), target, asked, options)
    history, record, plan = run.history, run.record, run.plan
    if fake:
        only = [
            PlannedStage(each.labels, (), (), fake=True, backwards=plan.backwards)
            for each in plan.stages
        ]
        only += _complete_squashes(history, asked, plan)
        return PlannedRun(database.shown, plan.backwards, tuple(only), run.warnings, fake=True)
    there = (
        _present_initials(database, history, plan, record, rename=rename) if fake_initial else {}
    )
    engine, policy = _engine(database, options)
    ways = ways_out(history.graph, record.half_done, plan, target)
    ended = [work_out(history, engine, record.applied.keys(), way, policy) for way in ways]
    finished = {key for way in ways if not way.back for key in way.unfinished.keys}
    left = (stage for stage in plan.stages if not finished.issuperset(_keys(stage)))
    works = build_work(
        history,
        engine,
        replace(plan, stages=tuple(left)),
        record.applied.keys() | finished,
        policy,
    )
    stages = [
        *(_plan_stage(history, engine, work, {}) for work in ended),
        *(_plan_stage(history, engine, work, there) for work in works),
        *_complete_squashes(history, asked, plan),
    ]
    return PlannedRun(
        database.shown, plan.backwards, tuple(stages), run.warnings, sizes=policy.sizes
    )


def _engine(database: Database, options: MigrateOptions) -> tuple[Engine, Policy]:
    """Return the engine that makes the steps of a run, and the policy for its tables."""
    if database.is_missing:
        return engine_of_new(database.dialect), SHORT
    with open_connection(database) as connection:
        engine = database.engine.with_facts(connection)
        return engine, policy_for(engine, connection, options)


def _complete_squashes(history: History, record: Record, plan: Plan) -> Iterator[PlannedStage]:
    """The squashes that are recorded at the end, since all that they replace is applied then."""
    if history.squashes and not plan.backwards:
        applied = record.applied.keys() | {node.key for node in plan.nodes}
        for key in history.resolve_squashes(applied).complete:
            yield PlannedStage((label_of(key),), (), (), fake=True)


def _present_initials(
    database: Database, history: History, plan: Plan, record: Record, *, rename: bool
) -> Mapping[Key, Sequence[Step]]:
    """The initial migrations that the database has already, with what renames parts of them."""
    if database.is_missing or plan.backwards:
        return {}
    # Late, since few plans look at the tables that are there.
    from whimbrel.commands.initial import find_present_initials

    with open_connection(database) as connection:
        return find_present_initials(
            history, database.engine, connection, plan, record, rename=rename
        )


def _plan_stage(
    history: History, engine: Engine, work: Work, there: Mapping[Key, Sequence[Step]]
) -> PlannedStage:
    keys = _keys(work.stage)
    if there.keys() >= set(keys):
        renames = [step for key in keys for step in there[key]]
        return PlannedStage(work.stage.labels, (), tuple(renames), fake=True)
    missing = [
        operation.describe()
        for node in work.stage.nodes
        for operation in (history.migration(node.key).operations if node.has_barrier else ())
        if operation.missing_reverse() is not None
    ]
    return PlannedStage(
        work.stage.labels,
        work.operations,
        tuple(item for item in work.items if item.id not in work.done),
        irreversible=() if work.undoing else tuple(missing),
        backwards=work.is_backwards,
        places=tuple(_places(work.stage)),
        statements=tuple(_recipe(engine, work)),
    )


def _recipe(engine: Engine, work: Work) -> Iterator[Statement]:
    """The statements of a stage that changes large tables; nothing for any other."""
    if any(step.boundary is not Boundary.SHARED for step in work.steps):
        for batch in work.batches:
            yield from enclose(engine, [item for item in batch if item.id not in work.done])


def _keys(stage: Stage) -> list[Key]:
    return [node.key for node in stage.nodes]


def _places(stage: Stage) -> Iterator[str | None]:
    """The file and the line of each operation of a migration; nothing for a leap."""
    node, *more = stage.nodes
    if node.file is None or more:
        return
    for line in lines_of_operations(node.file, node.operations):
        yield f"{node.place}:{line}" if line else node.place
