"""Names that are swapped: who stands in the way goes aside until its own turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whimbrel.engines.base import Lock, Step
from whimbrel.engines.postgresql.spelling import SPELLING
from whimbrel.engines.postgresql.work import Work
from whimbrel.schema import changes as c
from whimbrel.schema.table import Name
from whimbrel.state.naming import shortened


def renames(
    at: Name, old: str, new: str, work: Work, renamed: Callable[[str, str], Step]
) -> Iterator[Step]:
    """The rename of a constraint or index of a table, from wherever it stands now."""
    here = work.aside.pop((at.schema, old), old)
    blocking = _blocking(at, new, work)
    if blocking is not None:
        aside = shortened(f"{new}_whimbrel")
        work.aside[at.schema, new] = aside
        yield _moved_aside(blocking, new, aside, work)
    yield renamed(here, new)


def _blocking(at: Name, name: str, work: Work) -> c.RenameConstraint | c.RenameIndex | None:
    """The later rename that would free a name which is needed now."""
    if (at.schema, name) in work.aside:
        return None
    for change in work.later:
        if (
            isinstance(change, c.RenameConstraint | c.RenameIndex)
            and change.old.name == name
            and change.table.schema == at.schema
        ):
            return change
    return None


def _moved_aside(
    change: c.RenameConstraint | c.RenameIndex, name: str, aside: str, work: Work
) -> Step:
    if isinstance(change, c.RenameIndex):
        index = SPELLING.at(Name(change.table.schema, name))
        return work.step(f"ALTER INDEX {index} RENAME TO {SPELLING.quote(aside)}", change)
    return work.step(
        f"ALTER TABLE {SPELLING.at(change.table)} "
        f"RENAME CONSTRAINT {SPELLING.quote(name)} TO {SPELLING.quote(aside)}",
        change,
        (change.table, Lock.ACCESS_EXCLUSIVE),
    )
