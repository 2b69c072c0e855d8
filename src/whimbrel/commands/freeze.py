"""`freeze`: migration files that name classes of types and fields, rewritten without them.

What is to be written is a value first; `write` puts it on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whimbrel.config import Config
from whimbrel.errors import WriteError
from whimbrel.history.class_names import (
    NamedClass,
    find_classes,
    may_name_classes,
    with_digests,
    with_frozen_types,
)
from whimbrel.history.digest import digest
from whimbrel.history.file_edit import read_source
from whimbrel.history.loader import History, load
from whimbrel.history.migration import Migration
from whimbrel.history.modules import Package, module_of
from whimbrel.history.node import Node
from whimbrel.history.writer import rewrite_migration


@dataclass(frozen=True)
class FrozenFile:
    """A file that is to be rewritten, and the places at which it named classes."""

    node: Node
    path: Path
    named: tuple[NamedClass, ...]
    data: bytes


def freeze(config: Config, apps: Iterable[str] = ()) -> list[FrozenFile]:
    """The files that are to be rewritten, of these apps, or of all; nothing is written.

    Raises `LoadError` for a file that does not load, `WriteError` for one that cannot be edited.
    """
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    nodes = [node for node in history.files.values() if not wanted or node.app in wanted]
    packages = {app.label: Package(app.migrations, app.package) for app in config.apps}
    made = (_frozen(node, history, packages[node.app]) for node in nodes)
    return [each for each in made if each is not None]


def write(files: Iterable[FrozenFile]) -> None:
    """Put the files on the disk, each whole or not at all."""
    for each in files:
        rewrite_migration(each.path, each.data)


def named_in(node: Node, migration: Migration) -> list[NamedClass]:
    """The places at which a migration's file names classes. Raises `WriteError`."""
    if node.path is None or not may_name_classes(text := read_source(node.path).text):
        return []
    return find_classes(text, module_of(migration), node.place)


def _frozen(node: Node, history: History, package: Package) -> FrozenFile | None:
    migration = history.migration(node.key)
    named = named_in(node, migration)
    if not named or node.path is None:
        return None
    source, where = read_source(node.path), node.place
    text = with_frozen_types(source.text, named, where)
    after = _digest(package, node, text, migration)
    if after != node.digest:
        text = with_digests(text, node.digest, after, where)
    return FrozenFile(node, node.path, tuple(named), source.encode(text))


def _digest(package: Package, node: Node, text: str, before: Migration) -> str:
    """The digest of a new text, which must do what the old one does."""
    module: Any = package.import_text(node.name, str(node.path), text)
    name = type(before).__module__
    if digest(module.Migration.operations, name, frozen=True) != digest(
        before.operations, name, frozen=True
    ):
        raise WriteError(
            "rewritten, it would do something else",
            place=node.place,
            hint="Nothing was written. This is a bug in Whimbrel: please report it. "
            "Write by hand what its classes are to the database.",
        )
    return digest(module.Migration.operations, name)
