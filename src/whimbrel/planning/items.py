"""The items of a plan: steps, and operations on data that no step can say.

A `Step` is a statement. `Data` is an operation that is run by code of its own (`run.data.dispatch`), with
the models as they are at that point of history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from whimbrel.engines.step import Boundary, Step, UserStep
from whimbrel.operations.base import Operation
from whimbrel.state.state import State


@dataclass(frozen=True)
class Data:
    """An operation that code carries out. ``state``: the models at that point of history.

    ``app``, ``label``: of the migration that it is in.
    """

    operation: Operation
    app: str
    label: str
    state: State
    backwards: bool = False
    boundary: Boundary = Boundary.SHARED
    id: str = ""

    @property
    def title(self) -> str:
        """What it does, for people."""
        operation = self.operation
        return operation.describe_reverse() if self.backwards else operation.describe()


Part: TypeAlias = Step | Data


def boundary_of(operation: Operation, *, atomic: bool) -> Boundary:
    """Where an operation stands that is no step. ``atomic``: whether its migration is."""
    if operation.batched:
        return Boundary.BATCHED
    wanted: bool | None = getattr(operation, "atomic", None)
    if not (atomic if wanted is None else wanted):
        return Boundary.AUTOCOMMIT
    return Boundary.SHARED if atomic else Boundary.OWN


def is_transactional(part: Part) -> bool:
    """True if a part happens whole or not at all."""
    return part.boundary in (Boundary.SHARED, Boundary.OWN)


def is_shared(part: Part, *, atomic: bool) -> bool:
    """True if a part may share its transaction; where atomic is False, no step that locks does."""
    locks = isinstance(part, Step) and part.is_locking
    return part.boundary is Boundary.SHARED and (atomic or not locks)


def is_of_rows(part: Part) -> bool:
    """True if a part may write rows, so that checks may be waiting for the commit after it."""
    return isinstance(part, Data | UserStep)


def text_of(part: Part) -> str:
    """A part in words: SQL, or the title of an operation."""
    return part.title if isinstance(part, Data) else part.sql
