"""Phases of changes: which ones code of before a deploy can bear."""

from __future__ import annotations

from dataclasses import replace

from whimbrel.engines.step import Phase, Step
from whimbrel.schema import changes as c
from whimbrel.schema.domains import domain_arguments
from whimbrel.schema.families import kind_of
from whimbrel.schema.swaps import SwapColumns
from whimbrel.schema.table import Column, PrimaryKey, Unique
from whimbrel.schema.types import ColumnType, label_renames


def with_phase(step: Step) -> Step:
    """Return a step with the phase of its changes: one that old code cannot bear decides."""
    phases = map(phase_of, step.changes)
    return replace(step, phase=Phase.CONTRACT) if Phase.CONTRACT in phases else step


def phase_of(change: c.Change) -> Phase:
    """Return CONTRACT for what old code uses and would miss, or must obey and does not know of."""
    return Phase.CONTRACT if _is_unbearable(change) else Phase.EXPAND


def _is_unbearable(change: c.Change) -> bool:
    match change:
        case c.DropSchema() | c.DropEnum() | c.DropDomain() | c.DropSequence() | c.DropTable():
            return True
        case c.DropColumn() | c.DropIndex() | c.RenameTable() | c.RenameColumn():
            return True
        # A constraint that comes refuses what old code may write. One that goes refuses nothing,
        # but ON CONFLICT and foreign keys rely on a key.
        case c.AddConstraint() | c.AddNotNull() | c.SetNotNull():
            return True
        case c.DropConstraint(constraint=of):
            return isinstance(of, PrimaryKey | Unique)
        case c.AddIndex(index=index):
            return index.unique
        case c.AlterColumn(old=old, new=new):
            return _is_stricter(old, new)
        case SwapColumns(swaps):
            return any(_is_stricter(each.old, each.new) for each in swaps)
        case c.AlterEnum(old=old, new=new):
            is_less = not set(old.labels) <= set(new.labels)
            return old.at != new.at or is_less or bool(label_renames(old, new))
        case c.AlterDomain(old=old, new=new):
            was, now = domain_arguments(old), domain_arguments(new)
            return any(now.get(key) and was.get(key) != now[key] for key in ("check", "not_null"))
        case c.AlterSequence(old=old, new=new):
            return old.at != new.at
    return False


def _is_stricter(old: Column, new: Column) -> bool:
    """True if a column takes less, gives another type, or no longer gives a value by itself."""
    loses_value = any(
        was is not None and now is None
        for was, now in ((old.default, new.default), (old.generated, new.generated))
    )
    return (
        (old.null and not new.null)
        or (loses_value and new.generated is None and not new.null)
        or old.computed != new.computed
        or not (old.type == new.type or _is_wider(old.type, new.type))
    )


def _is_wider(old: ColumnType, new: ColumnType) -> bool:
    """True if a type takes all values of another, and old code reads them as it did."""
    was, now = kind_of(old), kind_of(new)
    if was is None or now is None or was.family != now.family:
        return False
    grows = now.size is None or (was.size is not None and was.size <= now.size)
    return was.family in ("text", "integer") and grows
