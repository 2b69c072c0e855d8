"""Nodes remembered from one run to the next, so that nothing need be imported to plan.

Each directory of migrations has one file of them, in its ``__pycache__``. A node counts as
long as its file has the same name, size and time of change. The cache is never needed: one
that is broken, foreign or not writable is passed over in silence.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whimbrel import __version__
from whimbrel.history.node import DIGEST_VERSION, Key, Node

#: Goes up when what is kept changes its shape.
FORMAT = 1
#: A file that changed less than this before it was read could change again unseen: file
#: systems count time in steps, the coarsest (FAT) in steps of two seconds.
UNSEEN_NS = 2_000_000_000

_STAMP = f"{FORMAT}/{DIGEST_VERSION}/{__version__}/{sys.implementation.cache_tag}"


class MigrationPath(NamedTuple):
    """A migration file in a directory: its name without ``.py``, and what tells it from another."""

    name: str
    file: str
    size: int
    changed_ns: int

    @property
    def stamp(self) -> list[int]:
        """Return the stamp that must be the same for a remembered node to count."""
        return [self.size, self.changed_ns]


class Cache:
    """The remembered nodes of one directory of migrations."""

    def __init__(self, directory: Path) -> None:
        self.path = _path_for(directory)
        self._entries = _read(self.path)
        self._fresh: dict[str, Any] = {}

    def node(self, app: str, found: MigrationPath) -> Node | None:
        """The node of a file, if it is remembered as it is now."""
        entry = self._entries.get(found.name)
        try:
            if entry is None or entry[0] != found.stamp:
                return None
            return _node(app, found, entry[1])
        except (TypeError, ValueError, KeyError, IndexError):
            return None

    def remember(self, found: MigrationPath, node: Node) -> None:
        """Keeps the node of a file; `save` writes it."""
        if time.time_ns() - found.changed_ns > UNSEEN_NS:
            self._fresh[found.name] = [found.stamp, _plain(node)]

    def save(self, names: list[str]) -> None:
        """Writes what has come in since, and what is still there of ``names``."""
        if not self._fresh or sys.dont_write_bytecode:
            return
        kept = {name: self._entries[name] for name in names if name in self._entries}
        text = json.dumps({"stamp": _STAMP, "nodes": kept | self._fresh}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            _write(self.path, text)


def proven(directory: Path) -> str | None:
    """Return what `remember_proven` wrote for this directory, by this version."""
    return read_beside(directory, "proven")


def remember_proven(directory: Path, print_: str) -> None:
    """Remember up to which migration a history was found to apply."""
    write_beside(directory, "proven", "", print_)


def read_beside(directory: Path, name: str, stamp: str = "") -> str | None:
    """Return what `write_beside` wrote for this directory under a name, if it has this stamp."""
    try:
        first, _, text = _path_beside(directory, name).read_text("utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    return text if first == f"{_STAMP} {stamp}" else None


def write_beside(directory: Path, name: str, stamp: str, text: str) -> None:
    """Keep a text beside the migrations of a directory, for this version of Whimbrel."""
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError, UnicodeError):
            _write(_path_beside(directory, name), f"{_STAMP} {stamp}\n{text}")


def _path_beside(directory: Path, name: str) -> Path:
    return _path_for(directory).with_suffix(f".{name}.json")


def _path_for(directory: Path) -> Path:
    # Python's own rule, which knows PYTHONPYCACHEPREFIX.
    beside = importlib.util.cache_from_source(str(directory / "whimbrel.py"))
    return Path(beside).with_name(f"whimbrel-{FORMAT}.{sys.implementation.cache_tag}.json")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("stamp") != _STAMP:
        return {}
    nodes = content.get("nodes")
    return nodes if isinstance(nodes, dict) else {}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _plain(node: Node) -> list[Any]:
    return [
        node.dependencies,
        node.run_before,
        node.replaces,
        node.initial,
        node.atomic,
        node.digest,
        node.has_barrier,
        node.operations,
    ]


def _node(app: str, found: MigrationPath, plain: list[Any]) -> Node:
    dependencies, run_before, replaces, initial, atomic, digest, has_barrier, operations = plain
    return Node(
        app,
        found.name,
        _keys(dependencies),
        _keys(run_before),
        _keys(replaces),
        initial is True,
        atomic is not False,
        str(digest),
        has_barrier is True,
        int(operations),
        found.file,
    )


def _keys(pairs: list[list[str]]) -> tuple[Key, ...]:
    return tuple([(str(app), str(name)) for app, name in pairs])
