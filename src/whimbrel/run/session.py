"""The settings of our sessions: made as soon as one is connected, in one round trip.

They are a session's, so a pooler that gives each transaction another session would hand them to other
clients. Behind one nothing is set but for a transaction, and nothing is migrated.
"""

from __future__ import annotations

import os
import socket
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection

from whimbrel.errors import DatabaseError, UnsupportedError

if TYPE_CHECKING:
    from whimbrel.engines import Engine

#: What a role or a database sets for applications must not end a run: a table is walked for hours,
#: and the connection that holds the lock of the one runner is idle meanwhile, or waits for Python in a
#: transaction. Whoever is killed while idle is noticed at once; at work, by a look every 2 s.
#: ``row_security``: rows that a policy hides are an error, and not left out. ``TimeZone``: a migration does the same on every machine. A name leads where the role's own
#: ``search_path`` leads.
_POSTGRESQL = {
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "client_connection_check_interval": "2s",
    "TimeZone": "UTC",
    "row_security": "off",
}
#: A server has a part of these, by its version (client_connection_check_interval: also by its system).
#: ``is_local``: where another process answers than the one that was connected to.
_SET = """
SELECT pg_backend_pid(), set_config(name, value, {is_local}) FROM (VALUES {settings}) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
  AND (name <> 'client_connection_check_interval' OR version() LIKE '%linux%')
"""
#: In what SQLAlchemy keeps of a connection: True behind a pooler.
_IS_POOLED = "whimbrel_is_pooled"
#: PostgreSQL cuts off a longer name.
_LONGEST_NAME = 63
_PLAIN = frozenset(f"{ascii_letters}{digits}-._")


def prepare_sessions(pool: sa.Engine, limit: float) -> None:
    """Have every connection of a pool wait no longer than ``limit`` seconds for a lock, with our settings.

    Engines know more of a dialect, and take a tenth of a second to be imported.
    """
    milliseconds = _milliseconds(limit)
    if pool.dialect.name == "sqlite":

        @event.listens_for(pool, "connect")
        def wait(driver: Any, _: Any) -> None:
            driver.execute(f"PRAGMA busy_timeout = {milliseconds}").close()

    elif pool.dialect.name == "postgresql":

        @event.listens_for(pool, "connect")
        def prepare(driver: Any, record: Any) -> None:
            known = getattr(getattr(driver, "info", None), "backend_pid", 0)
            process = _set(driver, pool, milliseconds, f"pg_backend_pid() <> {known}")
            record.info[_IS_POOLED] = process != known

        @event.listens_for(pool, "begin")
        def limit_transaction(connection: Connection) -> None:
            if connection.info.get(_IS_POOLED):
                _ask(connection.connection, f"SET LOCAL lock_timeout = {milliseconds}")


def require_own_session(engine: Engine, connection: Connection, limit: float, place: str) -> None:
    """See to it that the session is the connection's alone, and has our settings.

    Raises `UnsupportedError` behind a pooler that gives each transaction another one.
    """
    if not connection.info.get(_IS_POOLED):
        return
    if engine.shares_sessions(connection):
        raise UnsupportedError(
            "a pooler is between that gives each transaction another session: the lock of the one "
            "runner, and settings, would be others' there",
            place=place,
            hint="Nothing was done. Give the URL of the server itself, or of a pooler in session mode "
            "(PgBouncer: pool_mode = session, for this user or database).",
        )
    connection.info[_IS_POOLED] = False
    renew_settings(connection, limit)


def renew_settings(connection: Connection, limit: float) -> None:
    """Make the settings anew, after code of the user's that may have made others."""
    if connection.info.get(_IS_POOLED) is False:
        connection.commit()  # what was only read since
        driver = connection.connection.driver_connection
        try:
            _set(driver, connection.engine, _milliseconds(limit), "false")
        except connection.dialect.loaded_dbapi.Error as error:
            raise DatabaseError(
                "the connection was lost; what was done before is committed",
                hint="Run the command again: the record says what was committed.",
            ) from error


def _milliseconds(limit: float) -> int:
    """A number of seconds for PostgreSQL, to which 0 would be for ever."""
    return max(1, round(limit * 1000))


def _set(driver: Any, pool: sa.Engine, milliseconds: int, is_local: str) -> int:
    """Make the settings, outside of any transaction. Gives the process that answers."""
    wanted = {**_POSTGRESQL, "lock_timeout": f"{milliseconds}ms"}
    if "application_name" not in pool.url.query:
        wanted["application_name"] = application_name()
    listed = ", ".join(f"('{name}', '{value}')" for name, value in wanted.items())
    before, driver.autocommit = driver.autocommit, True
    try:
        return int(_ask(driver, _SET.format(is_local=is_local, settings=listed))[0])
    finally:
        driver.autocommit = before


def _ask(driver: Any, sql: str) -> Any:
    cursor = driver.cursor()
    try:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None
    finally:
        cursor.close()


def application_name(process: int | None = None) -> str:
    """Return the name of the sessions of a run, which says its machine and its process: this one's.

    process: another one of this machine.
    """
    host = "".join(c if c in _PLAIN else "-" for c in socket.gethostname())
    end = f" {os.getpid() if process is None else process}"
    return f"whimbrel {host}"[: _LONGEST_NAME - len(end)] + end


def is_alive(application: str | None) -> bool | None:
    """Return whether the process is there whose sessions have that name; None for another machine's."""
    number = (application or "").rpartition(" ")[2]
    is_ours = number.isascii() and number.isdigit() and application == application_name(int(number))
    if not is_ours or os.name == "nt":  # where to ask a process would be to interrupt it
        return None
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
