"""The plan of a run, if files and record hold together."""

from __future__ import annotations

from dataclasses import replace

from whimbrel.config import Config
from whimbrel.history.loader import History, load
from whimbrel.run.plan import ZERO, Plan, Target, make_plan
from whimbrel.run.record import Record, refuse_half_done, refuse_inconsistent


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
