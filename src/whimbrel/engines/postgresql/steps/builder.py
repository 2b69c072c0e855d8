"""The builder that makers of steps share: the tables as they stand, later changes, fresh tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.engines.sql import SchemaTracker
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.subjects import hazards_of, subject_of
from whimbrel.engines.step import HazardCode, Lock, Step
from whimbrel.schema import changes as c
from whimbrel.schema.table import Constraint, ForeignKey, Name, Schema, Table

Locks = tuple[tuple[Name, Lock], ...]

#: Kind of change to the function that makes its steps: ``maker(change, builder)``.
Makers = dict[type[c.Change], Callable[[Any, "Builder"], Iterable[Step]]]


class Builder:
    """One batch of changes on its way to steps.

    A table that the batch itself creates is *fresh*: nobody else sees it before the
    commit, so its locks and scans keep nobody waiting and are not reported.
    """

    def __init__(self, changes: Sequence[c.Change], before: Schema, facts: Facts) -> None:
        self.facts = facts
        self.changes = changes
        self.position = 0
        self.tracker = SchemaTracker(before)
        self.fresh: set[Name] = set()
        #: Columns that the batch itself adds, by table and name: no row has had a value in them before.
        self.added: set[tuple[Name, str]] = set()
        #: Changes that were carried out earlier than their turn.
        self.done: set[int] = set()

    @property
    def change(self) -> c.Change:
        """The change at hand."""
        return self.changes[self.position]

    @property
    def later(self) -> Sequence[c.Change]:
        """The changes after the one at hand."""
        return self.changes[self.position + 1 :]

    def table(self, at: Name) -> Table:
        return self.tracker.table(at)

    def advance(self, change: c.Change) -> None:
        """Apply a change to the tables, and note which are fresh."""
        self.tracker.apply(change)
        match change:
            case c.CreateTable(table):
                self.fresh.add(table.at)
            case c.AddColumn(table=at, column=column):
                self.added.add((at, column.name))
            case c.DropTable(table):
                self.fresh.discard(table.at)
            case c.RenameTable(old=old, new=new) if old in self.fresh:
                self.fresh.discard(old)
                self.fresh.add(new)
            case _:
                pass

    def step(
        self,
        sql: str,
        *locks: tuple[Name, Lock],
        hazards: Iterable[HazardCode] = (),
        subject: str | None = None,
        scans: bool = False,
        rewrites: bool = False,
        done: str | None = None,
    ) -> Step:
        """A step, with what keeps nobody waiting left out.

        ``locks``: the first is of the table that is scanned or rewritten. ``subject``: of the
        hazards, where that is not what the change is about.
        """
        felt = tuple(each for each in locks if each[0] not in self.fresh) if self.fresh else locks
        if locks and (not felt or felt[0] != locks[0]):
            scans, rewrites, hazards = False, False, ()
        return Step(
            (sql,),
            self.change,
            felt,
            scans,
            rewrites,
            done=done,
            hazards=hazards_of(
                subject or subject_of(self.change), hazards, locks[0][0] if locks else None
            ),
        )

    def alter(self, at: Name, action: str, **facts: object) -> Step:
        """ALTER TABLE, which takes the strongest lock for nearly everything."""
        return self.step(
            f"ALTER TABLE {COMPILER.at(at)} {action}",
            (at, Lock.ACCESS_EXCLUSIVE),
            **facts,  # type: ignore[arg-type]
        )

    def comment(self, at: Name, comment: str | None, column: str | None = None) -> Step:
        """COMMENT ON a table, or on a column of it."""
        on = f"TABLE {COMPILER.at(at)}"
        if column is not None:
            on = f"COLUMN {COMPILER.at(at)}.{COMPILER.quote(column)}"
        return self.step(
            f"COMMENT ON {on} IS {text(comment) if comment is not None else 'NULL'}",
            (at, Lock.SHARE_UPDATE_EXCLUSIVE),
            done=probes.has_comment(at, comment, column),
        )


def target_locks(at: Name, constraints: Iterable[Constraint], lock: Lock) -> Locks:
    """The locks on the targets of foreign keys among constraints of a table, but on the table itself."""
    keys = (each for each in constraints if isinstance(each, ForeignKey))
    return tuple((end, lock) for end in dict.fromkeys(k.target for k in keys) if end != at)
