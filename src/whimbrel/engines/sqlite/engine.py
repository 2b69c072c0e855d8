"""The engine of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy.engine import Connection

from whimbrel.engines.base import Blocker, Capabilities, Locks, TableUse
from whimbrel.engines.policy import Policy
from whimbrel.engines.sql import execute, running
from whimbrel.engines.sql.batches import BatchedTable, update_text
from whimbrel.engines.sql.phases import with_phase
from whimbrel.engines.sqlite import backup, errors, runner, session, watching
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import identifier_case, reflecting
from whimbrel.engines.sqlite.steps.native import Version
from whimbrel.engines.sqlite.steps.plan import refuse_unattached, steps_of
from whimbrel.engines.sqlite.steps.rebuild import ASIDE
from whimbrel.engines.step import BatchedUpdate, Step, UserStep
from whimbrel.errors import UnsupportedError
from whimbrel.schema.changes import Change
from whimbrel.schema.table import Name, Schema


class SQLiteEngine:
    """See `whimbrel.engines.base.Engine`. ``version``: what the library can, this Python's if not given.

    ``schemas``: the names of attached files; with them, steps for other ones are refused.

    Needs a connection in autocommit (``isolation_level="AUTOCOMMIT"``): what Python's sqlite3
    would begin and commit by itself is not what a migration needs.
    """

    dialect = "sqlite"
    capabilities = Capabilities(concurrent_writers=False, memory_url="sqlite://")

    #: The methods that are functions of a module.
    literal = staticmethod(COMPILER.literal)
    opening = staticmethod(session.opening)
    closing = staticmethod(session.closing)
    transaction = staticmethod(session.transaction)
    execute_all = staticmethod(running.execute_all)
    settle = staticmethod(running.settle)
    without_transaction = staticmethod(session.without_transaction)
    waiting = staticmethod(session.waiting)
    is_in_transaction = staticmethod(watching.is_in_transaction)
    watch = staticmethod(watching.watch)
    is_lock_timeout = staticmethod(session.is_busy)
    is_disconnect = staticmethod(session.is_disconnect)
    runner_lock = staticmethod(runner.lock)
    back_up = staticmethod(backup.copy)
    reflect = staticmethod(reflecting.reflect)
    match_identifier_case = staticmethod(identifier_case.match_identifier_case)

    def __init__(
        self, version: Version | None = None, schemas: frozenset[str] | None = None
    ) -> None:
        self.version = version or sqlite3.sqlite_version_info
        self.schemas = schemas

    def with_facts(self, connection: Connection) -> SQLiteEngine:
        """With the files that the connection has attached: SQLite makes no schemas."""
        listed = execute(connection, "PRAGMA database_list")
        return SQLiteEngine(self.version, frozenset(str(row.name).lower() for row in listed))

    def effective(self, schema: Schema) -> Schema:
        return schema.on(self.dialect)

    def refine(
        self, changes: Sequence[Change], before: Schema, policy: Policy
    ) -> list[list[Change]]:
        """The same: one writer has the whole file, whatever the form."""
        return [[change] for change in changes]

    def steps(self, changes: Sequence[Change], before: Schema) -> list[Step]:
        """Native ALTERs where the version has them, else one rebuild a table at most."""
        refuse_unattached(changes, self.schemas)
        return list(map(with_phase, steps_of(changes, before, self.version)))

    def with_probes(self, step: UserStep) -> UserStep:
        """The same: every statement happens whole or not at all."""
        return step

    def flush_deferred(self) -> list[str]:
        """Nothing: a foreign key that waits for the commit stands in nobody's way."""
        return []

    def keep_session(self, connection: Connection) -> Callable[[], object]:
        """Nothing: what there is, a transaction sets and sets back."""
        return lambda: None

    def runner_holder(self, connection: Connection, name: str) -> None:
        """None: SQLite does not tell who has a file locked; the lock goes with its process."""

    def end_process(self, connection: Connection, process: int) -> None:
        raise UnsupportedError("SQLite has no server whose processes could be ended")

    def shares_sessions(self, connection: Connection) -> bool:
        return False

    def blockers(self, connection: Connection, steps: Sequence[Step]) -> list[Blocker]:
        """Nobody: SQLite does not tell who has a file locked."""
        return []

    def walk(self, update: BatchedUpdate) -> str:
        """All at once: one writer has the whole file, whatever the form."""
        return update_text("sqlite", BatchedTable(update).update())

    def table_sizes(self, connection: Connection, at_least: int) -> Mapping[Name, int]:
        """None: one writer has the whole file, whatever the form."""
        return {}

    def user_locks(self, sql: str) -> Locks:
        """None: a file is locked, and no table."""
        return ()

    def process(self, connection: Connection) -> None:
        """None: the database is in this process."""

    def blockers_of(self, connection: Connection, process: int) -> list[Blocker]:
        return []

    def observe(self, connection: Connection) -> Mapping[int, TableUse]:
        """Nothing: it shows no locks."""
        return {}

    def scratch(self, connection: Connection, name: str) -> AbstractContextManager[None]:
        """A file is there as soon as it is opened."""
        return nullcontext()

    def estimate_rows(self, connection: Connection, table: Name) -> int:
        return int(execute(connection, f"SELECT count(*) FROM {COMPILER.at(table)}").scalar_one())

    def replication_lag(self, connection: Connection) -> float | None:
        """None: a file has no replicas that it knows of."""
        return None

    def refuse_backup(self) -> None:
        """Nothing is missing: the library copies."""

    def explain(self, error: BaseException, step: Step | None) -> tuple[str, str | None]:
        said = str(getattr(error, "orig", None) or error)
        if said == "constraint failed" and step is not None and step.hazards:  # SET NOT NULL
            said = f"NOT NULL constraint failed: {step.hazards[0].subject}"
        return errors.explain(said.replace(ASIDE, ""))

    def canonical(self, connection: Connection, schema: Schema) -> Schema:
        """From the statements that would make the tables: nothing is asked of the connection."""
        return reflecting.canonical(self.effective(schema))

    def invalid(self, connection: Connection) -> frozenset[tuple[Name, str]]:
        """SQLite has no such thing."""
        return frozenset()


ENGINE = SQLiteEngine()
