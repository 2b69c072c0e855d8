"""A migration as planning sees it, without its module."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from whimbrel.errors import place
from whimbrel.history.migration import Migration

#: (app, name): the id of a node.
Key: TypeAlias = tuple[str, str]

#: Goes up when the normal form behind digests changes; those of two versions say nothing of
#: each other.
DIGEST_VERSION = 1


class Node(NamedTuple):
    """A migration file, but for what its operations do.

    ``dependencies``, ``run_before`` and ``replaces`` are as the file has them; ``initial`` is
    settled. ``digest`` stands for what the operations do (see `digest`). ``has_barrier``: no
    leap may cross it. ``operations``: how many there are. ``file``: the path of the file.
    """

    app: str
    name: str
    dependencies: tuple[Key, ...] = ()
    run_before: tuple[Key, ...] = ()
    replaces: tuple[Key, ...] = ()
    initial: bool = False
    atomic: bool = True
    digest: str = ""
    has_barrier: bool = False
    operations: int = 0
    file: str | None = None

    @classmethod
    def of(cls, migration: Migration, digest: str = "", file: str | None = None) -> Node:
        """The node of a loaded migration."""
        dependencies = _keys(migration.dependencies)
        initial = migration.initial
        if initial is None:
            initial = all(app != migration.app for app, _ in dependencies)
        return cls(
            app=migration.app,
            name=migration.name,
            dependencies=dependencies,
            run_before=_keys(migration.run_before),
            replaces=_keys(migration.replaces),
            initial=initial,
            atomic=migration.atomic,
            digest=digest,
            has_barrier=any(operation.barrier for operation in migration.operations),
            operations=len(migration.operations),
            file=file,
        )

    @property
    def key(self) -> Key:
        """Its id."""
        return self.app, self.name

    @property
    def label(self) -> str:
        """ "blog.0002_comment", as people and errors name it."""
        return f"{self.app}.{self.name}"

    @property
    def path(self) -> Path | None:
        """The file."""
        return Path(self.file) if self.file is not None else None

    @property
    def place(self) -> str | None:
        """The file, as people name it."""
        return place(self.file) if self.file is not None else None


def _keys(pairs: Any) -> tuple[Key, ...]:
    return tuple((app, name) for app, name in pairs)


def label_of(key: Key) -> str:
    """ "blog.0002_comment" of a key."""
    return f"{key[0]}.{key[1]}"


def comparable(one: str, other: str) -> bool:
    """True if two digests were made by the same rules, so that a difference means something."""
    return one.partition(":")[0] == other.partition(":")[0]


def is_edited(recorded: str | None, now: str) -> bool:
    """True if a migration does something else now than when it was recorded, by its digests."""
    return bool(recorded and recorded != now and comparable(recorded, now))
