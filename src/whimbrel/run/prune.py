"""`squashmigrations --prune`, and `migrate APP --prune`: what nothing needs any more is taken away.

A squash has done its part once every database has it. Then the files of what it replaces go, its
own ``replaces``, and the rows of what it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whimbrel.config import Config
from whimbrel.history.node import Key


@dataclass(frozen=True)
class Rewritten:
    """A file that stays, with other text. ``before``: what it held when the plan was made."""

    path: Path
    before: bytes
    after: bytes


@dataclass(frozen=True)
class PrunePlan:
    """What pruning will do, in the order in which it is done.

    ``squashes``: labels of the squashes that become ordinary migrations. ``pointing``: files in
    which a dependency on what goes is put onto its squash. ``rows``: by the alias of a database,
    the keys of the rows that go. ``deleted``: the files that go. ``unsquashed``: the files of the
    squashes, without their ``replaces``.
    """

    squashes: tuple[str, ...] = ()
    pointing: tuple[Rewritten, ...] = ()
    rows: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    deleted: tuple[Path, ...] = ()
    unsquashed: tuple[Rewritten, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.squashes)


def plan_prune(config: Config, apps: Iterable[str] = ()) -> PrunePlan:
    """What pruning the squashes of these apps (none: of all) will do; nothing is done.

    Every configured database is asked. Raises `HistoryError`, with the list of databases, where
    one has not recorded a squash yet; `WriteError` where a file must be edited by hand first. The
    plan is empty where there is no squash.
    """
    raise NotImplementedError


def prune(config: Config, plan: PrunePlan) -> None:
    """Carry a plan out: dependencies, then rows, then files, the ``replaces`` last.

    A kill at any moment leaves what the next `plan_prune` finds and finishes. Raises
    `HistoryError` where a file was changed since the plan was made.
    """
    raise NotImplementedError
