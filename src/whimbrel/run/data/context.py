"""The context in which an operation's own code, or a walk, is executed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from whimbrel.config import DEFAULT_ALIAS
from whimbrel.engines import Engine
from whimbrel.history.node import Key
from whimbrel.run.events import Listener, null_listener
from whimbrel.run.lock import LIMIT


@dataclass(frozen=True)
class ExecutionContext:
    """The connection, the engine of its database, and who listens.

    limit: seconds for which locks are tried to get. migration: the one that it is executed for.
    backwards: True if that is recorded already, and is being taken back.
    """

    engine: Engine
    connection: Connection
    alias: str = DEFAULT_ALIAS
    emit: Listener = null_listener
    limit: float = LIMIT
    migration: Key = ("", "")
    backwards: bool = False
