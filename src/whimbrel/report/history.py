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
        yield f"  {_BOXES[each.mark]} {each.name}{_note(each)}"
    if app in history.conflicts:
        yield f"  conflict: {len(history.conflicts[app])} leaves: {', '.join(history.conflicts[app])}"


def history_plan(history: ShownHistory) -> str:
    """In the order in which they are applied, each with what it waits for."""
    return "\n".join(
        f"{_BOXES[each.mark]} {each.label}{_waits(each)}{_note(each)}"
        for each in history.migrations
    )


def _waits(shown: Shown) -> str:
    return f" <- {', '.join(shown.waits_for)}" if shown.waits_for else ""


def _note(shown: Shown) -> str:
    note = _NOTES.get(shown.mark)
    return f"  ({note})" if note else ""


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
            }
            for each in history.migrations
        ],
        "conflicts": {app: list(leaves) for app, leaves in history.conflicts.items()},
    }
