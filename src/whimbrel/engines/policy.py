"""The policy for changes: the short form, or the one that keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from whimbrel.config import LARGE_TABLE
from whimbrel.schema.changes import Change, CreateTable, DropTable, RenameTable
from whimbrel.schema.table import Name


@dataclass(frozen=True)
class Policy:
    """The choices that `Engine.refine` follows.

    is_safe: False for the short form of everything. version: the server's major one; None: what the
    engine knows. sizes: of tables, in bytes, as far as they are known. threshold: bytes from which on a table counts as
    large. unknown: the size of a table that ``sizes`` does not name; None: it is taken to be large.
    """

    is_safe: bool = False
    version: int | None = None
    sizes: Mapping[Name, int] = field(default_factory=dict)
    threshold: int = LARGE_TABLE
    unknown: int | None = None

    def is_large(self, at: Name) -> bool:
        """True if others would wait for a look at the whole table; also where its size is unknown."""
        size = self.sizes.get(at, self.unknown)
        return size is None or size >= max(self.threshold, 1)  # an empty one never is

    @property
    def knows_large(self) -> bool:
        """True if there may be a large table."""
        return self.unknown is None or any(map(self.is_large, self.sizes))

    def after(self, changes: Iterable[Change]) -> Policy:
        """Return the policy for what comes after changes: tables that they make are empty."""
        found = [
            each for each in changes if isinstance(each, CreateTable | DropTable | RenameTable)
        ]
        if not found or not self.knows_large:
            return self
        sizes = dict(self.sizes)
        for change in found:
            match change:
                case CreateTable(table):
                    sizes[table.at] = 0
                case DropTable(table):
                    sizes.pop(table.at, None)
                case RenameTable(old, new) if old in sizes:
                    sizes[new] = sizes.pop(old)
                case _:
                    pass
        return replace(self, sizes=sizes)

    @property
    def stamp(self) -> tuple[object, ...]:
        """All that refining goes by, comparable and in a fixed order."""
        large = sorted(filter(self.is_large, self.sizes), key=str)
        return self.is_safe, self.version, tuple(large), self.unknown, self.threshold


#: The short form of everything.
SHORT = Policy()
#: Every table that is there is taken to be large, as where no database is asked.
SAFE = Policy(is_safe=True)
