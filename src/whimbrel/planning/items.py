"""What a stage is made of: a row of parts, steps and what no step can say.

A `Step` is a statement. `Data` is an operation that is run by code of its own (`run.data.context`), with
the models as they are at that point of history.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from whimbrel.engines.step import Step, UserStep
from whimbrel.operations.base import Operation
from whimbrel.state.state import State


class Transaction(Enum):
    """Where a part stands to transactions."""

    SHARED = "one with its neighbours"
    OWN = "one of its own"
    NONE = "none: every statement is committed at once"
    MANY = "it opens those that it needs, and knows where it was"


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
    transaction: Transaction = Transaction.SHARED

    @property
    def title(self) -> str:
        """What it does, for people."""
        operation = self.operation
        return operation.describe_reverse() if self.backwards else operation.describe()


Part: TypeAlias = Step | Data


def transaction_of(operation: Operation, *, atomic: bool) -> Transaction:
    """Where an operation stands that is no step. ``atomic``: whether its migration is."""
    if operation.batched:
        return Transaction.MANY
    wanted: bool | None = getattr(operation, "atomic", None)
    if not (atomic if wanted is None else wanted):
        return Transaction.NONE
    return Transaction.SHARED if atomic else Transaction.OWN


def is_transactional(part: Part) -> bool:
    """Whether a part runs in a transaction, so that it happens whole or not at all."""
    if isinstance(part, Data):
        return part.transaction in (Transaction.SHARED, Transaction.OWN)
    return part.transactional


def is_shared(part: Part, *, atomic: bool) -> bool:
    """Whether a part may share its transaction; where atomic is False, no step that locks does."""
    if isinstance(part, Data):
        return part.transaction is Transaction.SHARED
    return part.transactional and (atomic or not part.is_locking)


def is_of_rows(part: Part) -> bool:
    """Whether a part may write rows, so that checks may be waiting for the commit after it."""
    return isinstance(part, Data | UserStep)


def text_of(part: Part) -> str:
    """What a part is known by, from one run to the next."""
    return part.title if isinstance(part, Data) else part.sql
