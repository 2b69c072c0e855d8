"""The plan of a run, if files and record are consistent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whimbrel.commands.edits import refuse_edited
from whimbrel.commands.notices import emit_warnings
from whimbrel.commands.renamed import refuse_renamed
from whimbrel.commands.results import MigrateOptions
from whimbrel.config import Config
from whimbrel.errors import HistoryError, IrreversibleError
from whimbrel.history.loader import History, load
from whimbrel.planning.plan import ZERO, Plan, Target, make_plan
from whimbrel.run.events import RunWarning
from whimbrel.run.record import (
    Record,
    refuse_inconsistent,
    refuse_unknown_applied,
    resolve_squashes,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from whimbrel.engines import Engine
    from whimbrel.engines.policy import Policy
    from whimbrel.operations import Operation


def history_for(config: Config, target: Target) -> History:
    """The history of all apps. Raises `ConfigError` where the target's app is none of them."""
    if target.app is not None:
        config.app(target.app)
    return load(config.apps)


def resolve_for_target(
    history: History, target: Target, record: Record, *, fake: bool = False
) -> tuple[History, Record]:
    """As `resolve_squashes`; where a squash is the target that is only to be recorded, it is assumed."""
    named = (str(target.app), str(target.name))
    assumed = [named] if fake and named in history.squashes.parts else []
    return resolve_squashes(history, record, assumed)


@dataclass(frozen=True)
class PreparedRun:
    """A run before anything is done. history, record: as `resolve_squashes` gives them.

    has_complete_squashes: whether squashes are to be recorded of which all is applied. warnings: what was told.
    """

    history: History
    target: Target
    record: Record
    plan: Plan
    has_complete_squashes: bool = False
    warnings: tuple[RunWarning, ...] = ()


def prepare_run(
    config: Config, history: History, target: Target, record: Record, options: MigrateOptions
) -> PreparedRun:
    """The plan of a run, after what is odd was told. Raises `HistoryError`."""
    history, record = resolve_for_target(history, target, record, fake=options.fake)
    has_complete_squashes = bool(history.complete)
    if options.recorded:
        # Late, since it executes what was recorded: few ask for that.
        from whimbrel.commands.recorded import with_recorded

        history, target, record = with_recorded(config, history, target, record)
    warnings = emit_warnings(history, target, record, options.emit)
    plan = make_checked_plan(history, target, record, leap=options.leap, fake=options.fake)
    return PreparedRun(history, target, record, plan, has_complete_squashes, warnings)


def policy_for(engine: Engine, connection: Connection, options: MigrateOptions) -> Policy:
    """Return the policy for the tables that a database has."""
    # Late, since a run with nothing to do needs none.
    from whimbrel.engines.policy import SHORT, Policy

    if options.short:
        return SHORT
    sizes = engine.table_sizes(connection, options.large)
    connection.commit()
    return Policy(True, None, sizes, options.large, unknown=0)


def make_checked_plan(
    history: History, target: Target, record: Record, *, leap: bool = True, fake: bool = False
) -> Plan:
    """The plan to a target, if files and record are consistent, and there is a way.

    history, record: as `resolve_squashes` gives them. fake: whether it is only to be recorded. Raises
    `HistoryError`.
    """
    graph = history.graph
    if target.app is not None and target.name not in (None, ZERO):
        target = replace(target, name=history.node(target.app, str(target.name)).name)
    refuse_edited(graph, record)
    if not fake:
        refuse_inconsistent(graph, record.applied)
    plan = make_plan(graph, target, record.applied.keys(), leap=leap)
    if fake and not plan.backwards:
        # Recording what was missing is what fixes it.
        refuse_inconsistent(graph, record.applied.keys() | {node.key for node in plan.nodes})
    if not fake:
        complete = (app for app, _ in history.complete)
        refuse_renamed(history, record, {*(node.app for node in plan.nodes), *complete})
    if record.half_done:
        # Late, since hardly ever is anything half done.
        from whimbrel.planning.unfinished import ways_out

        ways_out(graph, record.half_done, plan, target, fake=fake)
    if not fake:
        refuse_unknown_applied(graph, target, plan, record)
        refuse = _refuse_irreversible if plan.backwards else _refuse_unfinished
        refuse(history, plan)
    return plan


def _refuse_unfinished(history: History, plan: Plan) -> None:
    """Raises `HistoryError` where something in a plan waits for people to say what it does."""
    for place, operation in _barriers(history, plan):
        missing = operation.unfinished()
        if missing is not None:
            raise HistoryError("it is not finished; nothing was changed", place=place, hint=missing)


def _refuse_irreversible(history: History, plan: Plan) -> None:
    """Raises `IrreversibleError` where something in a plan has no way back."""
    # The difference of two states can be read the other way; only barriers need be asked.
    for place, operation in _barriers(history, plan):
        missing = operation.missing_reverse()
        if missing is not None:
            raise IrreversibleError(
                "it cannot be undone; nothing was changed", place=place, hint=missing
            )


def _barriers(history: History, plan: Plan) -> Iterator[tuple[str, Operation]]:
    """The operations of the plan's migrations that have a barrier, each with its place."""
    for node in plan.nodes:
        for operation in history.migration(node.key).operations if node.has_barrier else ():
            yield f"{node.label}: {operation.describe()}", operation
