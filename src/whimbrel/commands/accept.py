"""Acceptance of files that were edited, or renamed, after they were applied: they are recorded anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whimbrel.commands.edits import edited
from whimbrel.commands.execution import exclusive_runner
from whimbrel.commands.preparation import history_for
from whimbrel.commands.renamed import renamings
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.history.node import Key, Node, label_of
from whimbrel.planning.plan import EVERYTHING, ZERO, Target
from whimbrel.run.connect import database_of
from whimbrel.run.events import Listener, null_listener
from whimbrel.run.lock import LIMIT
from whimbrel.run.record import read, record_in, resolve_squashes
from whimbrel.run.recorder import row_of


@dataclass(frozen=True)
class Accepted:
    """The migrations that `accept_edits` recorded anew. ``database``: without its password."""

    database: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renamings:
    """The names that `accept_renames` recorded: old labels with new ones. ``database``: without its password."""

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
    database = database_of(config, alias)
    history, record = resolve_squashes(
        history_for(config, target), record_in(database, lock_timeout)
    )
    chosen = history.graph.nodes
    if target.app is not None:
        chosen = {key: node for key, node in chosen.items() if key[0] == target.app}
    if target.app is not None and target.name not in (None, ZERO):
        node = history.node(target.app, str(target.name))
        chosen = {node.key: node}
    if not edited(chosen, record.applied):
        return Accepted(database.shown)
    with exclusive_runner(database, lock_timeout, emit) as executor:
        nodes = edited(chosen, read(executor.connection, lock_timeout).applied)
        executor.prepare()
        executor.renew(nodes)
    return Accepted(database.shown, tuple(node.label for node in nodes))


def accept_renames(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    lock_timeout: float = LIMIT,
    emit: Listener = null_listener,
) -> Renamings:
    """Record the new names of applied migrations; nothing else is changed.

    target: only of this app, or only the migration that has this name now. Raises `DatabaseError`
    and others where the database refuses.
    """
    database = database_of(config, alias)
    files = history_for(config, target)
    if not _of(target, renamings(*resolve_squashes(files, record_in(database)))):
        return Renamings(database.shown, {})
    with exclusive_runner(database, lock_timeout, emit) as executor:
        found = _of(target, renamings(*resolve_squashes(files, read(executor.connection))))
        executor.prepare()
        executor.rename({key: row_of(node) for key, node in found.items()})
    return Renamings(database.shown, {label_of(key): node.label for key, node in found.items()})


def _of(target: Target, found: Mapping[Key, Node]) -> dict[Key, Node]:
    """Those of a target's app, and of its name or the beginning of one."""
    beginning = "" if target.name in (None, ZERO) else str(target.name)
    return {
        key: node
        for key, node in found.items()
        if target.app in (None, node.app) and node.name.startswith(beginning)
    }
