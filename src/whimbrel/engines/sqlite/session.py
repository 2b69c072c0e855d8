"""A transaction on SQLite: what must be set outside of it, and what must hold before it commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from whimbrel.engines.sql import execute
from whimbrel.engines.sqlite.health import Health
from whimbrel.engines.step import HazardCode, Step
from whimbrel.errors import DatabaseError, StepError, UnsupportedError
from whimbrel.schema import changes as c

#: From 3.26 on a renamed table takes the foreign keys of others along (lang_altertable.html, 2).
OLDEST = (3, 26, 0)

#: What a transaction may set, and sets back.
_SETTINGS = ("foreign_keys", "legacy_alter_table", "busy_timeout")


def must_let_go(steps: Sequence[Step]) -> bool:
    """Return True if foreign keys must not be enforced: a table is dropped, for good or to be made anew.

    Else DROP TABLE would delete its rows first, and those that point at them by ON DELETE.
    """
    # Where columns go, the database at hand may call for a rebuild.
    return any(
        step.has(HazardCode.REBUILDS_TABLE) or isinstance(step.change, c.DropTable | c.DropColumn)
        for step in steps
    )


#: Without -bail the shell would go on after rows that do not fit, and drop the table they are in.
_ADVICE = "-- Run with: sqlite3 -bail FILE (it stops at the first error)\n"


def opening(steps: Sequence[Step]) -> list[str]:
    """The statements that open a transaction; foreign_keys says nothing inside of one."""
    if not must_let_go(steps):
        return ["BEGIN IMMEDIATE"]
    return [f"{_ADVICE}PRAGMA foreign_keys = OFF", "BEGIN IMMEDIATE"]


def closing(steps: Sequence[Step]) -> list[str]:
    """The statements that close it. ``foreign_key_check`` gives rows where something is wrong."""
    if not must_let_go(steps):
        return ["COMMIT"]
    return ["PRAGMA foreign_key_check", "COMMIT", "PRAGMA foreign_keys = ON"]


#: Rows that code writes, in tables that nobody knows.
_ROWS = Step(("rows",))


@contextmanager
def transaction(
    connection: Connection,
    steps: Sequence[Step],
    lock_timeout: float | None = None,
    *,
    rows: bool = False,
) -> Iterator[None]:
    """See `whimbrel.engines.base.Engine.transaction`."""
    _refuse_old_library(connection)
    before = {name: _setting(connection, name) for name in _SETTINGS}
    steps = (*steps, _ROWS) if rows else steps
    try:
        _prepare(connection, steps, lock_timeout)
        if rows and _may_enforce(steps):
            execute(connection, "PRAGMA foreign_keys = ON")
        execute(connection, "BEGIN IMMEDIATE")
        try:
            yield from _checked(connection, steps)
            execute(connection, "COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
    finally:
        _restore(connection, before)
    if any(step.has(HazardCode.REBUILDS_TABLE) for step in steps):
        # Such a table has lost what ANALYZE found out; optimize sees whether it is worth doing.
        with suppress(SQLAlchemyError):
            execute(connection, "PRAGMA optimize")


def _may_enforce(steps: Sequence[Step]) -> bool:
    """Return True if ON DELETE may work: no table goes, and no column comes that points at rows.

    Enforced, such a column takes no default (lang_altertable.html, 4).
    """
    return not must_let_go(steps) and not any(
        isinstance(step.change, c.AddColumn) and "REFERENCES" in step.sql for step in steps
    )


def waiting(connection: Connection, lock_timeout: float | None) -> AbstractContextManager[None]:
    """Nothing: no queue forms behind who waits."""
    return nullcontext()


@contextmanager
def without_transaction(
    connection: Connection, lock_timeout: float | None = None, *, rows: bool = False
) -> Iterator[None]:
    """See `whimbrel.engines.base.Engine.without_transaction`. No queue forms behind who waits."""
    before = {name: _setting(connection, name) for name in _SETTINGS}
    try:
        if rows:
            execute(connection, "PRAGMA foreign_keys = ON")
        yield from _looked_after(connection)
    finally:
        _roll_back(connection)
        _restore(connection, before)


def _looked_after(connection: Connection) -> Iterator[None]:
    """As `_checked`, where what is wrong has been committed."""
    if _setting(connection, "foreign_keys"):
        yield
        return
    before = Health.of_keys(connection)
    yield
    try:
        Health.of_keys(connection).refuse_what_is_worse_than(before, ())
    except StepError as error:
        error.hint = "It ran in no transaction, so it stays: fix or delete such rows, then run migrate again."
        raise


def _refuse_old_library(connection: Connection) -> None:
    version = execute(connection, "SELECT sqlite_version()").scalar_one()
    if tuple(map(int, version.split("."))) < OLDEST:
        raise UnsupportedError(
            f"this SQLite is {version}, and must be 3.26 or newer",
            hint="Use a Python with a newer SQLite.",
        )


def _setting(connection: Connection, name: str) -> int:
    return int(execute(connection, f"PRAGMA {name}").scalar() or 0)


def _prepare(connection: Connection, steps: Sequence[Step], lock_timeout: float | None) -> None:
    if lock_timeout is not None:
        execute(connection, f"PRAGMA busy_timeout = {int(lock_timeout * 1000)}")
    execute(connection, "PRAGMA legacy_alter_table = OFF")
    if not must_let_go(steps):
        return
    execute(connection, "PRAGMA foreign_keys = OFF")
    if _setting(connection, "foreign_keys"):
        raise DatabaseError(
            "foreign keys are still enforced: the connection is in a transaction already",
            hint='Open it with isolation_level="AUTOCOMMIT", and begin nothing on it.',
        )


def _checked(connection: Connection, steps: Sequence[Step]) -> Iterator[None]:
    """Refuse to commit where what was whole before is not whole after.

    Where foreign keys are not enforced, and rows are written (by SQL of the user's own, or by
    code beside a rebuild), they are looked at; where a table is made anew, views and triggers too.
    """
    if must_let_go(steps):
        before = Health.of(connection, steps)
        yield
        Health.of(connection, steps).refuse_what_is_worse_than(before, steps)
    elif any(step.change is None for step in steps) and not _setting(connection, "foreign_keys"):
        before = Health.of_keys(connection)
        yield
        Health.of_keys(connection).refuse_what_is_worse_than(before, steps)
    else:
        yield


def _roll_back(connection: Connection) -> None:
    """An error may have rolled back already (a full disk does): then there is nothing to do."""
    with suppress(SQLAlchemyError):
        execute(connection, "ROLLBACK")


def _restore(connection: Connection, before: dict[str, int]) -> None:
    with suppress(SQLAlchemyError):
        for name, value in before.items():
            execute(connection, f"PRAGMA {name} = {value}")


# -- errors ----------------------------------------------------------------------------------

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_busy(error: BaseException) -> bool:
    """Return True if a statement failed since another connection has the lock."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", None)
    # The low byte is the kind; the rest says more (rescode.html).
    return code is not None and code & 0xFF in _BUSY


def is_disconnect(error: BaseException) -> bool:
    """Return True if the connection is gone: here, that somebody closed it."""
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    return invalidated or "closed database" in str(error)
