"""The items of a plan: steps, and operations on data that no step can say.

A `Step` is a statement. `DataOperation` is an operation that is run by code of its own (`run.data`), with
the models as they are at that point of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from whimbrel.engines.sql.splitting import fits_a_transaction
from whimbrel.engines.step import Boundary, Step, UserStep
from whimbrel.operations.base import Operation
from whimbrel.schema.changes import AddColumn, AlterColumn
from whimbrel.state.state import State


@dataclass(frozen=True)
class DataOperation:
    """An operation that code carries out. ``state``: the models at that point of history.

    ``app``: that of the migration that it is in.
    """

    operation: Operation
    app: str
    state: State
    backwards: bool = False
    boundary: Boundary = Boundary.SHARED
    id: str = ""

    @property
    def title(self) -> str:
        """One line for people."""
        operation = self.operation
        return operation.describe_reverse() if self.backwards else operation.describe()

    @property
    def transactional(self) -> bool:
        """True if it happens whole or not at all."""
        return self.boundary.is_transaction


PlanItem: TypeAlias = Step | DataOperation


def boundary_for(operation: Operation, *, atomic: bool) -> Boundary:
    """Return the boundary of an operation that is no step. atomic: that of its migration."""
    if operation.batched:
        return Boundary.BATCHED
    wanted: bool | None = getattr(operation, "atomic", None)
    if not (atomic if wanted is None else wanted):
        return Boundary.AUTOCOMMIT
    return Boundary.SHARED if atomic else Boundary.OWN


def is_marked_at_once(item: PlanItem, dialect: str) -> bool:
    """True for SQL of the user's that is in no transaction of ours, and is committed with its mark."""
    if not isinstance(item, UserStep) or item.transactional:
        return False
    return fits_a_transaction(item.sql, dialect)


def may_join(batch: Sequence[PlanItem], item: PlanItem, *, atomic: bool) -> bool:
    """True if an item may be in the transaction of those before it.

    Code and SQL of the user's take their time: no table that is in use stays locked meanwhile. Where atomic is False, no step that locks is with others, but for those that make one change
    with it: nothing could take that back from half way.
    """
    last = batch[-1]
    if not last.boundary.is_shared or not item.boundary.is_shared:
        return False
    together = (*batch, item)
    if any(each.boundary is Boundary.BRIEF for each in together) and any(
        map(writes_rows, together)
    ):
        return False
    if atomic or _is_one_change(last, item):
        return True
    is_change_over = len(batch) > 1 and _is_one_change(batch[-2], last)
    return not (is_change_over or _locks(last) or _locks(item))


def split_for(batch: Sequence[PlanItem], item: PlanItem) -> int:
    """Return where a batch is to be parted that an item joins: what it locks, no other waits for."""
    if not _locks(item) or not _is_one_change(batch[-1], item):
        return 0
    others = (at for at, each in enumerate(batch, 1) if not _is_one_change(each, item))
    return max(others, default=0)


def _locks(item: PlanItem) -> bool:
    return isinstance(item, Step) and item.is_locking


def _is_one_change(one: PlanItem, two: PlanItem) -> bool:
    """True for steps of one change; not for a column that gets values, which may take long."""
    change = two.change if isinstance(two, Step) else None
    if change is None or not isinstance(one, Step) or one.change != change:
        return False
    if isinstance(change, AlterColumn):
        return change.old.generated != change.new.generated
    return not isinstance(change, AddColumn)


def writes_rows(item: PlanItem) -> bool:
    """True if an item may write rows, so that checks may be waiting for the commit after it."""
    return isinstance(item, DataOperation | UserStep)


def item_text(item: PlanItem) -> str:
    """An item in words: SQL, or the title of an operation."""
    return item.title if isinstance(item, DataOperation) else item.sql
