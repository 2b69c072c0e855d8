"""Acceptance of files that were edited, or renamed, after they were applied: they are recorded anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from whimbrel.commands.edits import find_edited
from whimbrel.commands.execution import exclusive_runner
from whimbrel.commands.preparation import history_for
from whimbrel.commands.renamed import renamings
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node, label_of
from whimbrel.planning.plan import EVERYTHING, ZERO, Target
from whimbrel.run.connect import Database, database_of
from whimbrel.run.events import Listener, null_listener
from whimbrel.run.executor import Executor
from whimbrel.run.lock import LIMIT
from whimbrel.run.record import Record, read, record_in, resolve_squashes
from whimbrel.run.recorder import row_of

Found = Mapping[Key, Node]


@dataclass(frozen=True)
class Accepted:
    """Migrations that were recorded anew: old labels with new ones. ``database``: without its password."""

    database: str
    labels: Mapping[str, str]


def accept_edits(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    lock_timeout: float = LIMIT,
    emit: Listener = null_listener,
) -> Accepted:
    """Record what edited files do now; nothing else is changed.

    target: only of this app, or only this migration. Raises `NodeError` for a name that there
    is not, `DatabaseError` and others where the database refuses.
    """

    def find(history: History, record: Record) -> Found:
        chosen = history.graph.nodes
        if target.app is not None:
            chosen = {key: node for key, node in chosen.items() if key[0] == target.app}
        if target.app is not None and target.name not in (None, ZERO):
            node = history.node(target.app, str(target.name))
            chosen = {node.key: node}
        return {node.key: node for node in find_edited(chosen, record.applied)}

    def put(executor: Executor, found: Found) -> None:
        executor.renew(list(found.values()))

    return _accept(config, target, database_of(config, alias), lock_timeout, emit, find, put)


def accept_renames(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    lock_timeout: float = LIMIT,
    emit: Listener = null_listener,
) -> Accepted:
    """Record the new names of applied migrations; nothing else is changed.

    target: only of this app, or only the migration that has this name now, or one that begins so.
    Raises `DatabaseError` and others where the database refuses.
    """
    beginning = "" if target.name in (None, ZERO) else str(target.name)

    def find(history: History, record: Record) -> Found:
        return {
            key: node
            for key, node in renamings(history, record).items()
            if target.app in (None, node.app) and node.name.startswith(beginning)
        }

    def put(executor: Executor, found: Found) -> None:
        executor.rename({key: row_of(node) for key, node in found.items()})

    return _accept(config, target, database_of(config, alias), lock_timeout, emit, find, put)


def _accept(
    config: Config,
    target: Target,
    database: Database,
    limit: float,
    emit: Listener,
    find: Callable[[History, Record], Found],
    put: Callable[[Executor, Found], None],
) -> Accepted:
    """Look once without the lock: where there is nothing to accept, nobody is waited for."""
    files = history_for(config, target)
    found = find(*resolve_squashes(files, record_in(database, limit)))
    if found:
        with exclusive_runner(database, limit, emit) as executor:
            found = find(*resolve_squashes(files, read(executor.connection, limit)))
            executor.prepare()
            put(executor, found)
    return Accepted(database.shown, {label_of(key): node.label for key, node in found.items()})
