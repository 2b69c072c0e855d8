"""The contract between the core and a database, on one page.

An engine is stateless. It makes `Step`s of changes, offline; and it knows how a transaction
that holds them is opened and closed on a connection that run/ has opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias

from sqlalchemy.engine import Connection

from whimbrel.engines.policy import Policy
from whimbrel.engines.sql.running import Meanwhile
from whimbrel.engines.step import BatchedUpdate, Lock, Step, UserStep
from whimbrel.schema.changes import Change
from whimbrel.schema.table import Name, Schema


class Ended(Enum):
    """The two ends of a transaction."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Blocker:
    """Somebody who holds a lock. ``who``: in words. ``query``: the last one, with its data.

    process: the server's; None for a transaction that is prepared. transaction: tells it from the
    next one of the same process. seconds: for how long that is open; None where nobody tells us.
    gives_way_after: seconds for which somebody must wait for it, and then it ends by itself.
    application: what it calls itself.
    """

    process: int | None
    who: str
    query: str | None = None
    transaction: str = ""
    seconds: float | None = None
    gives_way_after: float | None = None
    application: str | None = None

    def __str__(self) -> str:
        return self.who


@dataclass(frozen=True)
class TableUse:
    """A table as a session uses it in its transaction.

    file: of its rows; another one once they were written anew. scans: how often all of it was read.
    lock: the strongest that is held.
    """

    name: Name
    file: int | None
    scans: int
    lock: Lock | None


#: Tables with their locks, as `Step.tables`.
Locks: TypeAlias = tuple[tuple[Name, Lock], ...]


@dataclass(frozen=True)
class Capabilities:
    """The abilities of a dialect, as data: nothing above the engines asks for a dialect by name.

    concurrent_writers: True if several connections can write at a time.
    max_tables_in_transaction: how many tables one transaction may make; None: any number.
    new_labels_wait: True if a new label of an enum type is of no use before the commit.
    memory_url: of a database in memory, which has what any new one has; None where there is none.
    shows_locks: True if a session can see which locks it holds on tables.
    """

    concurrent_writers: bool
    max_tables_in_transaction: int | None = None
    new_labels_wait: bool = False
    memory_url: str | None = None
    shows_locks: bool = False


class Engine(Protocol):
    """An engine, as others see it. Instances hold no state and no connection."""

    #: SQLAlchemy's name of the dialect: "postgresql", "sqlite".
    dialect: str
    capabilities: Capabilities
    #: The database schemas that there can be; None: any, or nobody knows.
    schemas: frozenset[str] | None

    def with_facts(self, connection: Connection) -> Engine:
        """The engine with what only a connection tells."""

    def effective(self, schema: Schema) -> Schema:
        """The schema as this database has it: what is of other dialects is left out.

        Differences are taken between what is effective; so what only other databases have differs
        in no step. What the database takes for one thing said twice is there once.
        """

    def refine(
        self, changes: Sequence[Change], before: Schema, policy: Policy
    ) -> list[list[Change]]:
        """Return for each change finer ones that come to the same schema, in the form that a policy asks for.

        All of them in a row are for `steps`, as any others. Needs no connection.
        """

    def steps(self, changes: Sequence[Change], before: Schema) -> list[Step]:
        """The steps of changes to a database whose touched part looks like ``before``.

        Needs no connection. Raises `UnsupportedError` for what the database does not have.
        """

    def literal(self, value: object) -> str:
        """A string, number, None or moment as SQL (for records printed by sqlmigrate)."""

    def opening(self, steps: Sequence[Step]) -> list[str]:
        """The statements that open a transaction around steps, as sqlmigrate prints them."""

    def closing(self, steps: Sequence[Step]) -> list[str]:
        """The statements that close it."""

    def walk(self, update: BatchedUpdate) -> str:
        """Return a batched update as SQL that does all its batches, each committed, for a shell."""

    def with_probes(self, step: UserStep) -> UserStep:
        """Return SQL of the user's with a probe and a clean-up, where it can be left half done."""

    def flush_deferred(self) -> list[str]:
        """The statements between rows that were written and steps in the same transaction.

        They have done now what would be checked at the commit, and could not be after the steps.
        """

    def transaction(
        self,
        connection: Connection,
        steps: Sequence[Step],
        lock_timeout: float | None = None,
        *,
        rows: bool = False,
    ) -> AbstractContextManager[None]:
        """A transaction on a connection, which commits at its end and rolls back on an error.

        Sees to what must be set outside of it (SQLite's pragmas) and to what must be true
        before it commits (foreign keys hold). ``lock_timeout``: seconds that a statement may wait
        for a lock, and where steps are brief, little more than that for all. ``rows``: True if code writes rows in it, and relies on ON DELETE.
        """

    def settle(self, connection: Connection, step: Step) -> Iterator[str]:
        """Yield the statements of a step for the database at hand, each run before the next is asked for.

        Those of the step; where it has data to settle (``step.settling``), what the engine makes of
        them and of what it finds. Raises `StepError` where data would be lost.
        """

    def execute_all(
        self,
        connection: Connection,
        statements: Sequence[str],
        meanwhile: Meanwhile | None = None,
    ) -> Iterator[None]:
        """Run statements in the transaction that is open; yield once for each that is done.

        They go to the server in one round trip where the driver can. Where one fails, its error is
        raised after those before it were yielded. Nothing is run that is not iterated over.
        meanwhile: called while the server is at work, again and again until it gives False, where
        the driver need not wait for the answers.
        """

    def waiting(
        self, connection: Connection, lock_timeout: float | None
    ) -> AbstractContextManager[None]:
        """A scope whose statements wait no longer for a lock, in a transaction or in none; None: as before."""

    def without_transaction(
        self, connection: Connection, lock_timeout: float | None = None, *, rows: bool = False
    ) -> AbstractContextManager[None]:
        """A scope in which every statement is committed at once. ``rows``: see `transaction`.

        lock_timeout: seconds that a statement may wait for a lock, where others queue behind
        whoever waits; None: as it is.
        """

    def keep_session(self, connection: Connection) -> Callable[[], object]:
        """Note where names lead, and whose rights hold; what is given sets that back."""

    def is_in_transaction(self, connection: Connection) -> bool:
        """Return True if the database has a transaction open on a connection."""

    def watch(self, connection: Connection) -> Callable[[], Ended | None]:
        """Note the transaction that is open; what is given tells, once, how it has ended.

        None: it is open still, though what is done in it may have failed.
        """

    def is_lock_timeout(self, error: BaseException) -> bool:
        """Return True if a statement failed since it could not get a lock in time, or by deadlock."""

    def is_disconnect(self, error: BaseException) -> bool:
        """Return True if the connection is gone."""

    def runner_lock(self, connection: Connection, name: str) -> Callable[[], object] | None:
        """Try, without waiting, to be the one runner on a database; None where another is.

        What is given releases the lock.

        ``name`` is what is migrated (the record's table, with its schema). The lock goes when the
        process dies, however it dies.
        """

    def runner_holder(self, connection: Connection, name: str) -> Blocker | None:
        """Return who has the lock of the one runner; None where nobody has, or nobody tells."""

    def end_process(self, connection: Connection, process: int) -> None:
        """End a process of the server's, with what it does. Raises `DatabaseError` where the role may not."""

    def shares_sessions(self, connection: Connection) -> bool:
        """Return True if a pooler gives each transaction another session, as it seems."""

    def blockers(self, connection: Connection, steps: Sequence[Step]) -> list[Blocker]:
        """Return those who hold locks which steps would wait for, on partitions too; in one query."""

    def user_locks(self, sql: str) -> Locks:
        """Return the table that a statement of the user's locks strongly, as its first words say."""

    def process(self, connection: Connection) -> int | None:
        """Return the server's process that serves a connection; None where there is none."""

    def blockers_of(self, connection: Connection, process: int) -> list[Blocker]:
        """Return those whom a process waits for at the moment."""

    def observe(self, connection: Connection) -> Mapping[int, TableUse]:
        """Return how the session uses each table in its transaction so far, by what never changes of it."""

    def scratch(self, connection: Connection, name: str) -> AbstractContextManager[None]:
        """A scope in which there is a new database of that name beside the connection's own."""

    def estimate_rows(self, connection: Connection, table: Name) -> int:
        """Return how many rows a table has; where counting takes long, an estimate."""

    def table_sizes(self, connection: Connection, at_least: int) -> Mapping[Name, int]:
        """Return the bytes of each table that has as many; none where nobody waits for a look at a table.

        Those of the default schema are there without their schema too.
        """

    def replication_lag(self, connection: Connection) -> float | None:
        """Return the seconds that the slowest replica is behind; None where there is none, or none is shown."""

    def refuse_backup(self) -> None:
        """Raises `UnsupportedError` where the program is missing that copies a database."""

    def back_up(self, connection: Connection, file: Path, lock_timeout: float) -> None:
        """Copy a database into a file that is there and empty. lock_timeout: in seconds.

        Raises `OSError` or `DatabaseError` where that fails, `UnsupportedError` where one file
        could not hold all of it, or the program that copies cannot get at it.
        """

    def explain(self, error: BaseException, step: Step | None) -> tuple[str, str | None]:
        """Return what a database's error means to a user: what is wrong, and the hint that fixes it."""

    def reflect(
        self,
        connection: Connection,
        schemas: Collection[str | None] = (None,),
        names: Collection[Name] | None = None,
    ) -> Schema:
        """Return what a live database has: tables, enum types and sequences, without identities.

        ``schemas``: the database schemas to look into, None for the connection's default one; what
        is in that one has the schema None, unless it is asked for by its name too.
        ``names``: these tables alone, with their enum types (``schemas`` then says nothing).
        Left out are views, partitions, and what belongs to the system or to an extension; other
        tools' tables, and Whimbrel's own, are there. Opens no transaction of its own.
        """

    def canonical(self, connection: Connection, schema: Schema) -> Schema:
        """The same schema, as `reflect` would see it if it were in this database.

        Put up in temporary tables that are taken back, and read the way `reflect` reads, so that
        expressions, defaults and types are spelled as the database spells them. Names, keys and
        what a temporary table cannot say are taken over from ``schema``; so is a whole table that
        the database refuses to make. Leaves nothing behind, with or without an open transaction.
        """

    def match_identifier_case(self, found: Schema, wanted: Schema) -> Schema:
        """Return what was reflected, with names as ``wanted`` has them where names are case-insensitive."""

    def invalid(self, connection: Connection) -> frozenset[tuple[Name, str]]:
        """Constraints and indexes that are there by name and do not hold: each table and name.

        `reflect` leaves them out. The tables have their database schemas, the default one too.
        """
