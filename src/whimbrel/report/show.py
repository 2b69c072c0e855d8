"""The history as a list by app, or as a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from whimbrel.commands.show import Mark, Shown, ShownHistory
from whimbrel.report.text import count_text

_BOXES = {
    Mark.APPLIED: "[X]",
    Mark.UNAPPLIED: "[ ]",
    Mark.HALF_DONE: "[~]",
    Mark.EDITED: "[X]",
    Mark.NO_FILE: "[X]",
    Mark.UNKNOWN: "[?]",
}

_NOTES = {
    Mark.HALF_DONE: "half done: run migrate again",
    Mark.EDITED: "edited since it was applied",
    Mark.NO_FILE: "applied, and its file is gone",
}

_HALF_UNDONE = "half undone: run migrate APP NAME again, as before"


def history_list(history: ShownHistory) -> str:
    """By app, each migration with its mark."""
    return "\n".join(line for app in history.apps for line in _app(history, app))


def _app(history: ShownHistory, app: str) -> Iterator[str]:
    yield app
    shown = history.of_app(app)
    if not shown:
        yield "  (no migrations)"
    for each in shown:
        yield f"  {box(each)} {each.name}{_note(each)}"
    if app in history.conflicts:
        yield f"  {conflict_line(history.conflicts[app])}"


def conflict_line(leaves: Sequence[str]) -> str:
    """Return the line for an app with several leaves."""
    return f"conflict: {len(leaves)} leaves: {', '.join(leaves)}"


def history_plan(history: ShownHistory) -> str:
    """In the order in which they are applied, each with what it waits for."""
    return "\n".join(
        f"{box(each)} {each.label}{_waits(each)}{_note(each)}" for each in history.migrations
    )


def box(shown: Shown) -> str:
    """Return the box for a migration: ``[X]`` where it is applied."""
    return _BOXES[shown.mark] if shown.in_force else "[-]"


def _waits(shown: Shown) -> str:
    return f" <- {', '.join(shown.waits_for)}" if shown.waits_for else ""


def _note(shown: Shown) -> str:
    said = "; ".join(notes_of(shown))
    return f"  ({said})" if said else ""


def notes_of(shown: Shown) -> list[str]:
    """Return the notes for a migration that is not an ordinary one."""
    kept = "its source is kept" if shown.kept else None
    walked = f"{shown.walked:,} rows of its backfill are done" if shown.walked else None
    mark = _HALF_UNDONE if shown.backwards else _NOTES.get(shown.mark)
    notes = [*_of_squash(shown), mark, walked, kept]
    return [note for note in notes if note]


def _of_squash(shown: Shown) -> Iterator[str]:
    if shown.replaces:
        yield count_text(len(shown.replaces), "squashed migration")
    if not shown.in_force:
        yield "not in force: the originals are, until all are applied"
    if shown.complete:
        yield "all are applied: the next migrate records it"


def history_json(history: ShownHistory) -> dict[str, Any]:
    """The history for machines."""
    return {
        "database": history.database,
        "migrations": [migration_json(each) for each in history.migrations],
        "conflicts": {app: list(leaves) for app, leaves in history.conflicts.items()},
    }


def migration_json(shown: Shown) -> dict[str, Any]:
    """A migration for machines."""
    return {
        "app": shown.app,
        "name": shown.name,
        "applied": None if shown.mark is Mark.UNKNOWN else shown.mark.is_applied,
        "mark": shown.mark.value,
        "at": shown.at.isoformat() if shown.at else None,
        "dependencies": list(shown.waits_for),
        "replaces": list(shown.replaces),
        "in_force": shown.in_force,
        "source_kept": shown.kept,
        "rows_walked": shown.walked,
    }
