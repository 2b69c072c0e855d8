"""A run: its plan, its progress in plain lines, its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from whimbrel.config import OWN_TABLES
from whimbrel.report.text import duration, hazards_json, locks_json, one_line, title
from whimbrel.run.events import (
    BackfillMoved,
    BackfillWaiting,
    Event,
    MigrationDone,
    RunWarning,
    WaitingForLock,
    WaitingForRunner,
)

if TYPE_CHECKING:
    from whimbrel.commands.preview import PlannedRun, PlannedStage
    from whimbrel.commands.results import MigrateResult
    from whimbrel.engines.base import Blocker
    from whimbrel.planning.items import PlanItem


class Lines:
    """The lines that a person sees of events. ``verbose``: also the queries of who holds a lock."""

    def __init__(self, verbose: bool = False) -> None:
        self._verbose = verbose
        self._named: set[tuple[str, int | None]] = set()
        #: When it was last told that a title waits.
        self._told: dict[str, float] = {}

    def of(self, event: Event) -> str | None:
        """A line, or some; None for what only progress shows."""
        line = line_of(event)
        if isinstance(event, WaitingForLock):
            new = "".join(self._blocker_line(event.title, each) for each in event.blockers)
            is_told = time.monotonic() - self._told.get(event.title, -_EVERY) < _EVERY
            if is_told and not new:
                return None
            self._told[event.title] = time.monotonic()
            return f"{line}{new}"
        return line

    def _blocker_line(self, title: str, blocker: Blocker) -> str:
        if (title, blocker.process) in self._named:
            return ""
        self._named.add((title, blocker.process))
        query = f": {blocker.query}" if self._verbose and blocker.query else ""
        return f"\n  held by {blocker}{query}"


def line_of(event: Event) -> str | None:
    """Return the line for an event; None for what only progress shows."""
    match event:
        case MigrationDone():
            did = "Undone" if event.backwards else "Applied"
            if event.fake and event.backwards:
                return f"Removed from the record, the database left as it is: {title(event.labels)}"
            if event.fake:
                renamed = f", after {event.renamed} renames" if event.renamed else ""
                return f"Recorded {title(event.labels)}{renamed}"
            return f"{did} {title(event.labels)} in {duration(event.seconds)}"
        case RunWarning():
            return warning(event)
        case WaitingForRunner():
            who = (
                "The server is at work for a runner that is gone"
                if event.is_gone
                else "Another runner is at work on this database"
            )
            by = f"\n  {event.holder}" if event.holder is not None else ""
            return f"{who}: waiting up to {event.limit:g} s{by}"
        case WaitingForLock(attempt=0):
            return f"Locked: {event.title}: waiting until it is free"
        case WaitingForLock():
            again = f"trying again in {event.pause:.1f} s (try {event.attempt})"
            return f"Locked: {event.title}: {again}"
        case BackfillWaiting():
            return f"Giving way: {event.title}: {event.reason}: waiting {event.pause:.1f} s"
    return None


def warning(of: RunWarning) -> str:
    """Return a warning, with its hint below."""
    return "\n  ".join([f"warning: {of.message}", *(of.hint or "").splitlines()])


def progress_text(event: BackfillMoved) -> str:
    """ "120,000 of 1,000,000 rows, 52,000 a second, 17.00 s left"."""
    left = f", {duration(event.left)} left" if event.left else ""
    return f"{event.rows:,} of {event.total:,} rows, {event.rate:,.0f} a second{left}"


#: Seconds between two lines about a backfill that goes on.
_EVERY = 10.0


class PlainProgress:
    """Tells a run line by line."""

    def __init__(self, say: Callable[[str], None], verbose: bool = False) -> None:
        self._say = say
        self._lines = Lines(verbose)
        self._told = time.monotonic()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Event) -> None:
        line = self._lines.of(event)
        if isinstance(event, BackfillMoved) and time.monotonic() - self._told > _EVERY:
            line = f"{event.title}: {progress_text(event)}"
        if line is not None:
            self._told = time.monotonic()
            self._say(line)


def plan_text(plan: PlannedRun) -> str:
    """Return the plan of a run, with hazards, each above its step."""
    return "\n".join(line for stage in plan.stages for line in _stage(stage, plan))


def _stage(stage: PlannedStage, plan: PlannedRun) -> Iterator[str]:
    # Late, since most runs show no plan.
    from whimbrel.engines.step import Step

    steps = [item for item in stage.items if isinstance(item, Step)]
    if stage.fake:
        verb = "Remove from the record" if stage.backwards else "Record"
        why = "the database is left as it is" if plan.fake else "what it makes is there"
        yield f"{verb} {title(stage.labels)} ({why})"
        yield from (f"  {one_line(step.sql)}" for step in steps)
        return
    yield f"{'Undo' if stage.backwards else 'Apply'} {title(stage.labels)}"
    for operation in stage.operations:
        yield f"  {'undo: ' if stage.backwards else ''}{operation}"
    for operation in stage.irreversible:
        yield f"  irreversible: {operation}"
    if stage.statements:
        from whimbrel.report.script import statement_lines

        yield from statement_lines(stage.statements, plan.sizes)
        return
    for step in steps:
        for hazard in step.hazards:
            yield f"  hazard: {hazard}"
        if step.hazards:
            yield f"    {one_line(step.sql)}"


def plan_json(plan: PlannedRun) -> dict[str, Any]:
    """The plan for machines."""
    return {
        "database": plan.database,
        "backwards": plan.backwards,
        "plan": [
            {
                "migrations": list(stage.labels),
                "fake": stage.fake,
                "operations": list(stage.operations),
                "irreversible": list(stage.irreversible),
                "steps": [_part_json(item, stage.places) for item in stage.items],
            }
            for stage in plan.stages
        ],
        "large_tables": {
            str(at): size
            for at, size in sorted(plan.sizes.items(), key=str)
            if at.schema and at.name not in OWN_TABLES
        },
        "warnings": _warnings(plan.warnings),
    }


def _part_json(item: PlanItem, places: Sequence[str | None]) -> dict[str, Any]:
    from whimbrel.planning.items import DataOperation

    number, _, _ = item.id.removeprefix("undo.").partition(".")
    at = int(number or 0) - 1
    known: dict[str, Any] = {
        "id": item.id,
        "place": places[at] if 0 <= at < len(places) else None,
        "boundary": item.boundary.name,
    }
    if isinstance(item, DataOperation):
        return {**known, "operation": item.title, "sql": None, "hazards": []}
    return {
        **known,
        "operation": item.operation,
        "sql": item.sql,
        "phase": item.phase.name,
        "locks": locks_json(item),
        "scans": item.scans,
        "rewrites": item.rewrites,
        "hazards": hazards_json(item.hazards),
    }


def result_json(result: MigrateResult) -> dict[str, Any]:
    """The result for machines."""
    return {
        "database": result.database,
        "backwards": result.backwards,
        "fake": result.fake,
        "done": [
            {
                "migrations": list(each.labels),
                "seconds": round(each.seconds, 6),
                "fake": each.fake or result.fake,
                "backwards": each.backwards,
            }
            for each in result.done
        ],
        "seconds": round(result.seconds, 6),
        "warnings": _warnings(result.warnings),
    }


def _warnings(found: Iterable[RunWarning]) -> list[dict[str, str | None]]:
    return [{"message": each.message, "hint": each.hint} for each in found]


def stopped_text(result: MigrateResult) -> str:
    """Return how far a run came before Ctrl-C."""
    did = "undone" if result.backwards else "applied"
    said = ["Interrupted."]
    if result.labels:
        said.append(f"{did.capitalize()}: {', '.join(result.labels)}.")
    for each in result.half_done:
        rows = f", {each.walked:,} rows of its backfill among it" if each.walked else ""
        said.append(f"Half done: {each.label}. What is committed of it stays{rows}.")
    if result.half_done:
        said.append("The same command goes on there.")
    elif result.labels:
        said.append("The rest was rolled back.")
    else:
        said.append(f"Nothing was {did}; what had begun was rolled back.")
    return " ".join(said)
