"""Detected operations as files: named, numbered, joined to the history, rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whimbrel.detect.tasks import AppMigration
from whimbrel.history.graph import LATEST, Graph
from whimbrel.history.names import given_name, migration_name, next_number
from whimbrel.history.node import Key
from whimbrel.history.writer import render_migration


@dataclass(frozen=True)
class NewMigration:
    """A migration file that is not on the disk yet (`writer.write_migration` puts it there)."""

    app: str
    name: str
    path: Path
    text: str
    dependencies: tuple[Key, ...]
    found: AppMigration

    @property
    def label(self) -> str:
        """ "blog.0002_comment"."""
        return f"{self.app}.{self.name}"


def author(
    found: Sequence[AppMigration],
    graph: Graph,
    directories: Mapping[str, Path],
    *,
    name: str | None = None,
) -> list[NewMigration]:
    """The files for what the detection found, in its order.

    ``directories``: where each app's migrations are. ``name``: the words of every name, where
    the user gave them. Raises `ConflictError` where an app has two leaves, `WriteError` where
    a value cannot be written.
    """
    keys = _keys(found, graph, name)
    made = []
    for index, migration in enumerate(found):
        app, own_name = keys[index]
        dependencies = _dependencies(migration, keys, index, graph)
        text = render_migration(
            app,
            own_name,
            dependencies,
            migration.operations,
            initial=migration.initial,
            notes=migration.notes,
        )
        path = directories[app] / f"{own_name}.py"
        made.append(NewMigration(app, own_name, path, text, dependencies, migration))
    return made


def _keys(found: Iterable[AppMigration], graph: Graph, name: str | None) -> list[Key]:
    """The app and the name of each, numbered after what there is."""
    numbers: dict[str, int] = {}
    keys = []
    for migration in found:
        app = migration.app
        number = numbers.get(app) or next_number(graph.names(app))
        numbers[app] = number + 1
        words = given_name(name) if name else migration.fragment
        keys.append((app, migration_name(number, words)))
    return keys


def _dependencies(
    migration: AppMigration, keys: Sequence[Key], index: int, graph: Graph
) -> tuple[Key, ...]:
    """The dependencies by name: others in the same run, leaves of other apps, its own app's last."""
    own = keys[index][0]
    before = [key for key in keys[:index] if key[0] == own]
    named = {before[-1] if before else _leaf(graph, own)}
    for app, of in migration.dependencies:
        if isinstance(of, int):
            named.add(keys[of])
        else:
            named.add(_leaf(graph, app) if of == LATEST else (app, of))
    return tuple(sorted(key for key in named if key is not None))


def _leaf(graph: Graph, app: str) -> Key | None:
    leaf = graph.leaf(app)
    return leaf.key if leaf is not None else None
