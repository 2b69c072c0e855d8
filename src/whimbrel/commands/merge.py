"""`makemigrations --merge`: one leaf of several.

What the branches did is looked at first; `write` (of `commands.make`) puts the file on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whimbrel.commands.make import MigrationFile
from whimbrel.config import Config
from whimbrel.errors import CollisionError
from whimbrel.history.branches import Fork, fork_of
from whimbrel.history.loader import load
from whimbrel.history.names import given_name, migration_name, next_number
from whimbrel.history.node import Node
from whimbrel.history.writer import render_migration

#: What a merge says of itself that was made although its branches collide.
_FORCED = (
    "Made with --force-merge: the branches collide. A database that applied them in another order "
    "than this one may differ; `whimbrel drift` tells."
)
_FORCE = (
    "Or merge all the same, where no database has seen them in another order: "
    "whimbrel makemigrations --merge --force-merge"
)
_DEPEND = "Or say in the dependencies of one of those named above what it has to come after."


@dataclass(frozen=True)
class Merge:
    """The branches of an app, and the file that makes one leaf of them."""

    fork: Fork
    file: MigrationFile


def plan_merges(
    config: Config, apps: Iterable[str] = (), *, name: str | None = None
) -> list[Merge]:
    """For each app with several leaves a migration without operations that depends on all.

    apps: only these. The files are the same on every machine, whichever leaf came first. Raises
    `LoadError` and others for a history that is inconsistent.
    """
    words = given_name(name) if name is not None else None
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    graph = history.graph
    return [
        _merge(config, fork_of(history, leaves), graph.names(app), words)
        for app, leaves in graph.conflicts().items()
        if not wanted or app in wanted
    ]


def _merge(config: Config, fork: Fork, names: Iterable[str], words: str | None) -> Merge:
    leaves = fork.leaves
    called = words or "_".join(["merge", *(leaf.name for leaf in leaves)])
    name = migration_name(next_number(names), called)
    notes = [_FORCED] if fork.collisions else []
    text = render_migration(fork.app, name, [leaf.key for leaf in leaves], [], notes=notes)
    path = config.app(fork.app).migrations / f"{name}.py"
    return Merge(fork, MigrationFile(fork.app, name, path, text, ()))


def find_colliding(merges: Iterable[Merge]) -> list[Merge]:
    """Those whose branches collide."""
    return [merge for merge in merges if merge.fork.collisions]


def refuse_impossible(merges: Iterable[Merge]) -> None:
    """Raises `CollisionError` for branches that cannot stand side by side, whoever wants it."""
    for fork in (merge.fork for merge in merges):
        if fork.impossible is not None:
            raise CollisionError(
                f"side by side they cannot be replayed at all: {fork.impossible}",
                collisions=[*fork.collisions, fork.impossible],
                place=_place(fork.leaves),
                hint=f"{_rebase([fork])}\n{_DEPEND}",
            )


def refuse_collisions(merges: Iterable[Merge]) -> None:
    """Raises `CollisionError`, with every reason, where branches collide."""
    found = [merge.fork for merge in find_colliding(merges)]
    if not found:
        return
    reasons = list(dict.fromkeys(reason for fork in found for reason in fork.collisions))
    listed = "".join(f"\n  {reason}" for reason in reasons)
    is_impossible = any(fork.impossible is not None for fork in found)
    raise CollisionError(
        f"it matters which is applied first; nothing was written:{listed}",
        collisions=reasons,
        place="; ".join(_place(fork.leaves) for fork in found),
        hint=f"{_rebase(found)}\n{_DEPEND if is_impossible else _FORCE}",
    )


def _rebase(forks: Sequence[Fork]) -> str:
    commands = " or ".join(
        f"whimbrel rebase {leaf.app} {leaf.name}" for fork in forks for leaf in fork.leaves
    )
    return f"Put one after the other, the one that is applied nowhere yet: {commands}"


def _place(leaves: Iterable[Node]) -> str:
    return ", ".join(leaf.label for leaf in leaves)
