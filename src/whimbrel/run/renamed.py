"""Applied migrations whose files have another name now: recognised by what they do, and recorded anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import HistoryError
from whimbrel.history.node import Key, Node, label_of
from whimbrel.run.events import Listener, Noticed, nobody
from whimbrel.run.lock import LIMIT
from whimbrel.run.plan import EVERYTHING, ZERO, Target
from whimbrel.run.recording import row_of, source_of

if TYPE_CHECKING:
    from whimbrel.history.loader import History
    from whimbrel.run.record import Record


@dataclass(frozen=True)
class Renamings:
    """What `accept_renames` recorded: old labels with new ones. ``database``: without its password."""

    database: str
    labels: Mapping[str, str]


def renamings(history: History, record: Record) -> dict[Key, Node]:
    """Return the files that do what is recorded under names without a file, by those names.

    history, record: as `fitted` gives them. A file counts whose digest is the recorded one, or
    whose text is; where several do, the one with the same text.
    """
    gone = [
        key
        for key in record.applied
        if key not in history.files and key[0] in history.graph.apps and key not in history.graph
    ]
    waiting = _unrecorded(history, record) if gone else []
    if not waiting:
        return {}
    sources = record.sources(gone)
    found: dict[Key, Node] = {}
    for key in gone:
        own = [node for node in waiting if node.app == key[0]]
        same = [node for node in own if _is_text_of(node, sources.get(key))]
        alike = [node for node in own if node.digest == record.applied[key].digest]
        candidates = same or [node for node in alike if node.operations]
        if len(candidates) == 1:
            found[key] = candidates[0]
    times = Counter(node.key for node in found.values())
    return {key: node for key, node in found.items() if times[node.key] == 1}


def _is_text_of(node: Node, source: str | None) -> bool:
    return source is not None and source_of(node) == source


def _unrecorded(history: History, record: Record) -> list[Node]:
    """The files of which the record knows nothing: in force, or inside a squash that is new here."""
    graph = history.graph
    own = [node for key, node in graph.nodes.items() if key not in record.applied]
    inside = [key for node in own for key in history.squashes.inside(node.key)]
    counted = [graph.node(key) for key in history.counted]
    return [*own, *counted, *(history.files[key] for key in inside if key in history.files)]


def refuse_renamed(history: History, record: Record, apps: Collection[str]) -> None:
    """Raises `HistoryError` where a run in these apps would do again, or undo, what was renamed."""
    found = renamings(history, record) if apps else {}
    for key, node in found.items():
        if node.app in apps:
            raise HistoryError(
                f"{said(key)}; nothing was changed", place=node.label, mend=advice({key: node})
            )


def said(key: Key) -> str:
    """What is said of the file that has another name."""
    return f"what it does is applied here as {label_of(key)}, which has no file: it was renamed"


def advice(found: Mapping[Key, Node]) -> str:
    """The command that records the new names."""
    (key, node), *more = found.items()
    which = f" {node.app}" if more else f" {node.app} {node.name}"
    return (
        f"Record the new name, in each database: whimbrel migrate{which} --accept-rename\n"
        f"If it is another migration, take the old row out: whimbrel migrate {key[0]} {key[1]} --prune"
    )


def notice_of(found: Mapping[Key, Node]) -> Noticed:
    """The warning for an app's renamed files."""
    names = ", ".join(f"{node.label}: {said(key)}" for key, node in found.items())
    return Noticed(names, advice(found))


def accept_renames(
    config: Config,
    target: Target = EVERYTHING,
    *,
    alias: str = DEFAULT_ALIAS,
    lock_timeout: float = LIMIT,
    tell: Listener = nobody,
) -> Renamings:
    """Record the new names of applied migrations; nothing else is changed.

    target: only of this app, or only the migration that has this name now. Raises `DatabaseError`
    and others where the database refuses.
    """
    # Late, since a run with nothing to do needs none of it.
    from whimbrel.run.carrying import alone
    from whimbrel.run.connect import database_of
    from whimbrel.run.planning import history_for
    from whimbrel.run.record import fitted, read, record_in

    database = database_of(config, alias)
    files = history_for(config, target)
    if not _of(target, renamings(*fitted(files, record_in(database)))):
        return Renamings(database.shown, {})
    with alone(database, lock_timeout, tell) as executor:
        found = _of(target, renamings(*fitted(files, read(executor.connection))))
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
