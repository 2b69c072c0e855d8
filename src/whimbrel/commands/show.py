"""`showmigrations`: the history and what a database has of it, as a value.

Offline it needs no SQLAlchemy, which is why some imports are late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, Node, is_edited, label_of

if TYPE_CHECKING:
    from whimbrel.run.record import Record
    from whimbrel.run.recorder import Applied


class Mark(Enum):
    """The state of a migration in a database."""

    APPLIED = "applied"
    UNAPPLIED = "unapplied"
    HALF_DONE = "half done"
    EDITED = "edited"
    NO_FILE = "no-file"
    UNKNOWN = "unknown"

    @property
    def is_applied(self) -> bool:
        """True if the record has it."""
        return self in (Mark.APPLIED, Mark.EDITED, Mark.NO_FILE)


@dataclass(frozen=True)
class Shown:
    """A migration. ``waits_for``: labels of what it depends on; ``at``: when it was applied.

    ``replaces``: labels of what it is the squash of, the squashes in it too. ``in_force``: whether
    the database goes by it; one that goes on with the originals does not by their squash.
    ``complete``: whether it counts as applied, and is to be recorded by the next `migrate`.
    ``kept``: whether the record has the source of a migration without a file. ``walked``: how many rows backfills of
    one that is half done have committed. ``backwards``: whether one is half undone.
    """

    app: str
    name: str
    mark: Mark
    at: datetime | None = None
    waits_for: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    in_force: bool = True
    complete: bool = False
    kept: bool = False
    walked: int = 0
    backwards: bool = False

    @property
    def label(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True)
class ShownHistory:
    """All of it. ``database``: without its password, None offline. ``migrations``: in order.

    ``apps``: also those without migrations. ``conflicts``: the leaves of apps that have several.
    ``passed_over``: the schema of a record that is not the one that was asked.
    """

    database: str | None
    apps: tuple[str, ...]
    migrations: tuple[Shown, ...]
    conflicts: Mapping[str, tuple[str, ...]]
    passed_over: str | None = None

    def of_app(self, app: str) -> list[Shown]:
        """The migrations of one app."""
        return [each for each in self.migrations if each.app == app]


def show_migrations(
    config: Config,
    apps: Iterable[str] = (),
    *,
    alias: str = DEFAULT_ALIAS,
    offline: bool = False,
) -> ShownHistory:
    """The migrations of these apps (none: of all), in the order in which they are applied."""
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    record: Record | None = None
    shown_database: str | None = None
    if not offline:
        from whimbrel.run.connect import database_of
        from whimbrel.run.record import record_in, resolve_squashes

        database = database_of(config, alias)
        shown_database = database.shown
        history, record = resolve_squashes(history, record_in(database))
    shown = [*_with_hidden(history, record), *_unknown_in(history.graph, record)]
    if wanted:
        shown = [each for each in shown if each.app in wanted]
    conflicts = history.graph.conflicts()
    return ShownHistory(
        database=shown_database,
        apps=tuple(wanted or dict.fromkeys([*history.graph.apps, *(each.app for each in shown)])),
        migrations=tuple(shown),
        conflicts={app: tuple(node.name for node in leaves) for app, leaves in conflicts.items()},
        passed_over=record.passed_over if record is not None else None,
    )


def _with_hidden(history: History, record: Record | None) -> list[Shown]:
    """All in force; a squash that is not comes after the last of its originals."""
    graph = history.graph
    after: dict[Key, list[Key]] = {}
    for squash in reversed(history.expanded):
        last = max(graph.replacements[squash].last, key=graph.position)
        after.setdefault(last, []).append(squash)
    shown = []
    for node in graph.order():
        shown.append(_shown(history, node, record))
        shown += [
            Shown(*key, Mark.UNAPPLIED, replaces=_replaced_labels(history, key), in_force=False)
            for key in after.get(node.key, ())
        ]
    return shown


def _replaced_labels(history: History, key: Key) -> tuple[str, ...]:
    return tuple(label_of(each) for each in sorted(history.squashes.inside(key)))


def _shown(history: History, node: Node, record: Record | None) -> Shown:
    graph = history.graph
    applied = record.applied.get(node.key) if record else None
    return Shown(
        app=node.app,
        name=node.name,
        mark=_mark(node, record, applied),
        at=applied.at if applied else None,
        waits_for=tuple(parent.label for parent in graph.parents(node.key)),
        replaces=_replaced_labels(history, node.key),
        complete=node.key in history.complete,
        walked=record.walked.get(node.key, 0) if record else 0,
        backwards=record is not None
        and node.key in record.half_done
        and record.half_done[node.key].backwards,
    )


def _mark(node: Node, record: Record | None, applied: Applied | None) -> Mark:
    if record is None:
        return Mark.UNKNOWN
    if node.key in record.half_done:
        return Mark.HALF_DONE
    if applied is None:
        return Mark.UNAPPLIED
    return Mark.EDITED if is_edited(applied.digest, node.digest) else Mark.APPLIED


def _unknown_in(graph: Graph, record: Record | None) -> list[Shown]:
    if record is None:
        return []
    gone = {key: each for key, each in record.applied.items() if key not in graph}
    kept = record.sources(list(gone)) if gone else {}
    unfinished = [key for key in record.half_done if key not in graph and key not in gone]
    return [
        *(Shown(*key, Mark.NO_FILE, each.at, kept=key in kept) for key, each in gone.items()),
        *(Shown(*key, Mark.HALF_DONE) for key in unfinished),
    ]
