"""The history as a list by app, or as a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whimbrel.run.show import Mark, Shown, ShownHistory

_BOXES = {
    Mark.APPLIED: "[X]",
    Mark.UNAPPLIED: "[ ]",
    Mark.HALF_DONE: "[~]",
    Mark.EDITED: "[X]",
    Mark.GHOST: "[X]",
    Mark.UNKNOWN: "[?]",
}

_NOTES = {
    Mark.HALF_DONE: "half done: run migrate again",
    Mark.EDITED: "edited since it was applied",
    Mark.GHOST: "ghost: applied, and its file is gone",
}


def history_list(history: ShownHistory) -> str:
    """By app, each migration with its mark."""
    return "\n".join(line for app in history.apps for line in _app(history, app))


def _app(history: ShownHistory, app: str) -> Iterator[str]:
    yield app
    shown = history.of_app(app)
    if not shown:
        yield "  (no migrations)"
    for each in shown:
        yield f"  {_box(each)} {each.name}{_note(each)}"
    if app in history.conflicts:
        yield f"  conflict: {len(history.conflicts[app])} leaves: {', '.join(history.conflicts[app])}"


def history_plan(history: ShownHistory) -> str:
    """In the order in which they are applied, each with what it waits for."""
    return "\n".join(
        f"{_box(each)} {each.label}{_waits(each)}{_note(each)}" for each in history.migrations
    )


def _box(shown: Shown) -> str:
    return _BOXES[shown.mark] if shown.in_force else "[-]"


def _waits(shown: Shown) -> str:
    return f" <- {', '.join(shown.waits_for)}" if shown.waits_for else ""


def _note(shown: Shown) -> str:
    kept = "its source is kept" if shown.kept else None
    notes = [*_of_squash(shown), _NOTES.get(shown.mark), kept]
    said = "; ".join(note for note in notes if note)
    return f"  ({said})" if said else ""


def _of_squash(shown: Shown) -> Iterator[str]:
    if shown.replaces:
        number = len(shown.replaces)
        yield f"{number} squashed migration{'s' if number > 1 else ''}"
    if not shown.in_force:
        yield "not in force: the originals are, until all are applied"
    if shown.counted:
        yield "all are applied: the next migrate records it"


def history_json(history: ShownHistory) -> dict[str, Any]:
    """The history for machines."""
    return {
        "database": history.database,
        "migrations": [
            {
                "app": each.app,
                "name": each.name,
                "applied": None if each.mark is Mark.UNKNOWN else each.mark.is_applied,
                "mark": each.mark.value,
                "at": each.at.isoformat() if each.at else None,
                "dependencies": list(each.waits_for),
                "replaces": list(each.replaces),
                "in_force": each.in_force,
                "source_kept": each.kept,
            }
            for each in history.migrations
        ],
        "conflicts": {app: list(leaves) for app, leaves in history.conflicts.items()},
    }
