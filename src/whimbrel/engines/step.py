"""A step: statements, and everything that is known of them, as a frozen value.

What is run is what was shown: a step holds no function. It can be written as JSON and read back
(`engines.serializer`), so the journal can store it, and a later version of Whimbrel go on with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from whimbrel.schema.changes import Change
from whimbrel.schema.table import Name


class Lock(Enum):
    """The locks that a step takes on a table, weakest first (PostgreSQL 18, 13.3.1)."""

    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    EXCLUSIVE = "EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @property
    def mode(self) -> str:
        """The name of the lock in pg_locks: "AccessShareLock"."""
        return f"{self.value.title().replace(' ', '')}Lock"

    @property
    def is_strong(self) -> bool:
        """True if writers wait for it."""
        return self in (Lock.SHARE, Lock.SHARE_ROW_EXCLUSIVE, Lock.EXCLUSIVE, Lock.ACCESS_EXCLUSIVE)


class HazardCode(Enum):
    """The closed list of what a step may do to an application or to data, a sentence each."""

    LOSES_DATA = "what was stored here is gone for good"
    REWRITES_TABLE = "the whole table is rewritten while nobody can read or write it"
    SCANS_TABLE = "the whole table is read while nobody can write it"
    BLOCKS_WRITES = "nobody can write the table meanwhile"
    BREAKS_OLD_CODE = "code that is still running and uses what goes or is renamed here fails"
    MAY_FAIL_ON_ROWS = "it fails if rows that are there already do not fit"
    REBUILDS_TABLE = "the table is copied into a new one"
    NO_SAFE_FORM = (
        "the table is large, and nobody knows a form of this that does not stop those who use it"
    )


@dataclass(frozen=True)
class Hazard:
    """A consequence of a step for its subject: a table, or what is in one ("shop_product.price")."""

    code: HazardCode
    subject: str

    @property
    def message(self) -> str:
        """The consequence, in a sentence."""
        return self.code.value

    def __str__(self) -> str:
        return f"{self.code.name}: {self.subject}: {self.message}"


class Boundary(Enum):
    """The kinds of transaction that a step is in."""

    SHARED = "it shares a transaction with its neighbours"
    BRIEF = "it shares a transaction with steps that take an instant: others wait for what it locks"
    OWN = "it has a transaction of its own"
    AUTOCOMMIT = "it runs in none: each statement is committed at once"
    BATCHED = "it walks a table by key, with a transaction a batch"

    @property
    def is_transaction(self) -> bool:
        """True if what it is around happens whole or not at all."""
        return self in (Boundary.SHARED, Boundary.BRIEF, Boundary.OWN)

    @property
    def is_shared(self) -> bool:
        """True if there may be others in its transaction."""
        return self in (Boundary.SHARED, Boundary.BRIEF)


class Phase(Enum):
    """The two phases of a deploy. After EXPAND alone, code of before goes on working."""

    EXPAND = "old code goes on working"
    CONTRACT = "old code must be gone"


@dataclass(frozen=True)
class BatchedUpdate:
    """An UPDATE of a table, batch after batch along its key.

    key: the names of columns that are unique and NOT NULL together, and not set here. set: the name
    of each column that is, and its new value as SQL. where: the rows that it is about, as SQL; None:
    all. clears: True if a row that was given its values must not meet ``where`` any more. pause:
    seconds between two batches. parallel: connections that walk at a time.
    """

    table: Name
    key: tuple[str, ...]
    set: tuple[tuple[str, str], ...]
    where: str | None = None
    clears: bool = True
    pause: float = 0.01
    parallel: int = 1


@dataclass(frozen=True)
class Step:
    """Statements, and what is known of them.

    statements: in their order, runnable as they stand (no trailing semicolon). change: what they
    are to make; also: more changes that the same statements make; covers, on the last step of a
    difference: all of its changes, with those that need no statement. tables: those that are
    locked, with the lock; none where the database knows no such locks. scans, rewrites: True if the whole table is read, or written anew, under that lock.
    boundary, phase: see there. done: a query that gives a row once the step has happened; None
    where only the transaction tells. broken: a query that gives a row where it has failed half way;
    cleanup: what takes away what that left. settling: data from which the engine makes the
    statements that fit the database at hand (`Engine.settle`); ``statements`` are then what is known
    offline. update: what a batched step does; ``statements`` show it for people. id: what the step
    is called in its migration, "2.1" for the first of its second operation; operation: that
    operation, for people.
    """

    statements: tuple[str, ...]
    change: Change | None = None
    tables: tuple[tuple[Name, Lock], ...] = ()
    scans: bool = False
    rewrites: bool = False
    boundary: Boundary = Boundary.SHARED
    phase: Phase = Phase.EXPAND
    done: str | None = None
    broken: str | None = None
    cleanup: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    settling: object | None = None
    also: tuple[Change, ...] = ()
    covers: tuple[Change, ...] = ()
    update: BatchedUpdate | None = None
    id: str = ""
    operation: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that its statements make, or begin to make."""
        return () if self.change is None else (self.change, *self.also)

    @property
    def sql(self) -> str:
        """The statements with semicolons between, for people."""
        return ";\n".join(self.statements)

    @property
    def transactional(self) -> bool:
        """True if the step happens whole or not at all."""
        return self.boundary.is_transaction

    def has(self, code: HazardCode) -> bool:
        """True if one of its hazards has that code."""
        return any(hazard.code is code for hazard in self.hazards)

    @property
    def is_locking(self) -> bool:
        """True if writers of some table wait for it."""
        return any(lock.is_strong for _, lock in self.tables)


@dataclass(frozen=True)
class UserStep(Step):
    """A statement of the user's own, of a RunSQL. parameters: a list or a mapping; None: none."""

    parameters: Any = None
