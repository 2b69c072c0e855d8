"""`makemigrations`: from the models to migration files, without asking any database.

What is to be written is a value first; `write` puts it on the disk.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whimbrel.config import Config
from whimbrel.detect import LATEST, AppMigration, FlagQuestioner, detect
from whimbrel.errors import CycleError, UsageError
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, Node
from whimbrel.history.writer import render_migration, write_migration
from whimbrel.operations.base import Operation
from whimbrel.sources import read_models

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class NewMigration:
    """A migration to write. ``rewrites``: whether its file is there, and gets this content."""

    app: str
    name: str
    dependencies: tuple[Key, ...]
    operations: tuple[Operation, ...]
    initial: bool = False
    notes: tuple[str, ...] = ()
    rewrites: bool = False
    atomic: bool = True
    replaces: tuple[Key, ...] = ()
    run_before: tuple[Key, ...] = ()

    @property
    def key(self) -> Key:
        """As the graph will name it."""
        return self.app, self.name

    @property
    def text(self) -> str:
        """The content of its file. Raises `WriteError`."""
        return render_migration(
            self.app,
            self.name,
            self.dependencies,
            self.operations,
            initial=self.initial,
            replaces=self.replaces,
            run_before=self.run_before,
            atomic=self.atomic,
            header="\n".join(self.notes),
        )


@dataclass(frozen=True)
class MigrationFile:
    """A file that is to be written, or was."""

    migration: NewMigration
    path: Path
    text: str


def make_migrations(
    config: Config,
    apps: Iterable[str] = (),
    questioner: FlagQuestioner | None = None,
    *,
    name: str | None = None,
    update: bool = False,
) -> list[MigrationFile]:
    """The files that the models ask for; nothing is written.

    apps: only these, and what they need of others. name: what files are called after their
    number. update: new operations go into an app's last migration. Raises `QuestionError` for
    what nobody answers, `ConflictError` and others for a history that does not hold together,
    `ModelError` for models that no database could hold, `WriteError` for a value without source.
    """
    _refuse_name(name)
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    history.graph.refuse_conflicts()
    live = read_models(config, wanted or None)
    found = detect(history.project_state(), live, questioner, wanted or None)
    made = _named(history, found, name)
    if update:
        made = _folded(history, made)
    return _files(config, made)


def make_empty(
    config: Config, apps: Iterable[str], *, name: str | None = None
) -> list[MigrationFile]:
    """An empty migration for each app, to be filled by hand."""
    _refuse_name(name)
    wanted = [config.app(app).label for app in apps]
    if not wanted:
        raise UsageError("--empty needs an app", mend="whimbrel makemigrations APP --empty")
    history = load(config.apps)
    history.graph.refuse_conflicts(wanted)
    empty = [AppMigration(app, ()) for app in wanted]
    return _files(config, _named(history, empty, name or "custom"))


def write(files: Iterable[MigrationFile]) -> None:
    """Put files on the disk. A file that is there is left alone, unless it is to be rewritten."""
    for file in files:
        if file.migration.rewrites:
            _rewrite(file.path, file.text)
        else:
            write_migration(file.path, file.text)


def _files(config: Config, made: Iterable[NewMigration]) -> list[MigrationFile]:
    return [
        MigrationFile(each, config.app(each.app).migrations / f"{each.name}.py", each.text)
        for each in made
    ]


def _rewrite(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="~", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.chmod(temporary, path.stat().st_mode)
    os.replace(temporary, path)


def _refuse_name(name: str | None) -> None:
    if name is not None and not f"_{name}".isidentifier():
        raise UsageError(
            f"{name!r} cannot be part of a file's name",
            mend="Letters, digits and _ can: --name add_prices",
        )


# -- names and dependencies ------------------------------------------------------------------


def _named(history: History, found: Sequence[AppMigration], name: str | None) -> list[NewMigration]:
    """Each with its number and name, its dependencies settled."""
    numbers: dict[str, int] = {}
    names: list[str] = []
    for each in found:
        number = numbers.get(each.app, _last_number(history.graph, each.app)) + 1
        numbers[each.app] = number
        names.append(f"{number:04d}_{name or each.fragment}")
    keys = [(each.app, own) for each, own in zip(found, names, strict=True)]
    return [
        NewMigration(
            app=each.app,
            name=keys[index][1],
            dependencies=_dependencies(history.graph, found, keys, index),
            operations=each.operations,
            initial=each.initial,
            notes=each.notes,
        )
        for index, each in enumerate(found)
    ]


def _last_number(graph: Graph, app: str) -> int:
    numbers = (_NUMBER.match(node.name) for node in graph.of_app(app))
    return max((int(number.group()) for number in numbers if number), default=0)


def _dependencies(
    graph: Graph, found: Sequence[AppMigration], keys: Sequence[Key], index: int
) -> tuple[Key, ...]:
    app = found[index].app
    settled = [_settled(graph, of, which, keys) for of, which in found[index].dependencies]
    leaf = graph.leaf(app)
    is_first = all(each.app != app for each in found[:index])
    if is_first and leaf is not None:
        settled.append(leaf.key)
    return tuple(dict.fromkeys(settled))


def _settled(graph: Graph, app: str, which: str | int, keys: Sequence[Key]) -> Key:
    if isinstance(which, int):
        return keys[which]
    leaf = graph.leaf(app) if which == LATEST else None
    return leaf.key if leaf is not None else (app, which)


# -- --update --------------------------------------------------------------------------------


def _folded(history: History, made: Sequence[NewMigration]) -> list[NewMigration]:
    """The first new migration of each app goes into the app's last one."""
    by: dict[Key, Key] = {}
    folded: list[NewMigration] = []
    for each in made:
        leaf = history.graph.leaf(each.app)
        if leaf is None or any(app == each.app for app, _ in by):
            folded.append(each)
        else:
            _refuse_to_fold(history.graph, leaf)
            by[each.key] = leaf.key
            folded.append(_into(history, leaf, each))
    result = [_pointing_at(each, by) for each in folded]
    _refuse_cycles(history.graph, result)
    return result


def _refuse_to_fold(graph: Graph, leaf: Node) -> None:
    children = graph.children(leaf.key)
    if children:
        raise UsageError(
            f"others depend on it: {', '.join(child.label for child in children)}",
            place=leaf.label,
            mend="Leave --update out: the new operations get a migration of their own.",
        )


def _into(history: History, leaf: Node, new: NewMigration) -> NewMigration:
    old = history.migration(leaf.key)
    return replace(
        new,
        name=leaf.name,
        dependencies=tuple(dict.fromkeys((*leaf.dependencies, *new.dependencies))),
        operations=(*old.operations, *new.operations),
        initial=bool(old.initial),
        rewrites=True,
        atomic=old.atomic,
        replaces=leaf.replaces,
        run_before=leaf.run_before,
    )


def _pointing_at(migration: NewMigration, by: dict[Key, Key]) -> NewMigration:
    """Dependencies on what was folded away are on what it went into."""
    keys = (by.get(key, key) for key in migration.dependencies)
    return replace(
        migration, dependencies=tuple(dict.fromkeys(key for key in keys if key != migration.key))
    )


def _refuse_cycles(graph: Graph, made: Iterable[NewMigration]) -> None:
    nodes = dict(graph.nodes)
    for each in made:
        nodes[each.key] = Node(
            each.app, each.name, each.dependencies, each.run_before, each.replaces
        )
    try:
        Graph(nodes.values(), graph.apps)
    except CycleError as error:
        raise UsageError(
            f"folded into the last ones, {error.message}",
            mend="Leave --update out: the new operations get migrations of their own.",
        ) from error
