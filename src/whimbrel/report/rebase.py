"""Results of a rebase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whimbrel.commands.rebase import Edit, RebasePlan
from whimbrel.errors import place
from whimbrel.history.node import label_of

#: What is said where Ctrl-C came between the files.
STOPPED = (
    "Interrupted. Files may be there under both names: the same command again says which to remove."
)
#: What is to be done when the files are there.
NEXT = (
    "Commit them: git add -A\n"
    "A database elsewhere that has applied them knows their old names alone: undo them there with the "
    "old files, before it gets the new ones."
)


def rebase_text(plan: RebasePlan) -> str:
    """File by file what becomes of it."""
    return "\n".join(line for edit in (*plan.moved, *plan.pointing) for line in _edit(edit))


def _edit(edit: Edit) -> Iterator[str]:
    new = f" -> {edit.new_path.name}" if edit.new_path != edit.path else ""
    yield f"{place(edit.path)}{new}"
    for old, now in edit.exchanged:
        yield f"  depends on {label_of(now)}, not {label_of(old)}"


def words_text(plan: RebasePlan) -> str:
    """Return the notes of a rebase; "" where there are none."""
    lines = [f"{plan.decided}."] if plan.decided else []
    if plan.collisions:
        lines.append("Both are about the same; what was moved comes later, and has the last word:")
        lines += [f"  {reason}" for reason in plan.collisions]
    if plan.notes:
        lines.append("Nothing can tell what these do; look at them yourself:")
        lines += [f"  {note}" for note in plan.notes]
    return "\n".join(lines)


def rebase_json(plan: RebasePlan) -> dict[str, Any]:
    """The same for machines."""
    return {
        "app": plan.app,
        "onto": plan.onto,
        "decided": plan.decided,
        "moved": [_json(edit) for edit in plan.moved],
        "rewritten": [_json(edit) for edit in plan.pointing],
        "collisions": list(plan.collisions),
        "notes": list(plan.notes),
    }


def _json(edit: Edit) -> dict[str, Any]:
    return {
        "app": edit.old[0],
        "name": edit.old[1],
        "new_name": edit.new[1],
        "path": str(edit.path),
        "new_path": str(edit.new_path),
        "dependencies": [
            {"from": label_of(old), "to": label_of(now)} for old, now in edit.exchanged
        ],
    }
