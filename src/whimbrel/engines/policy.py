"""The policy for changes: the short form, or the one that keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whimbrel.schema.table import Name


@dataclass(frozen=True)
class Policy:
    """The choices that `Engine.refine` follows.

    is_safe: False for the short form of everything. version: the server's major one; None: what the
    engine knows. sizes: of tables, in bytes, as far as they are
    known. threshold: bytes from which on a table counts as large.
    """

    is_safe: bool = False
    version: int | None = None
    sizes: Mapping[Name, int] = field(default_factory=dict)
    threshold: int = 8 * 2**20

    def is_large(self, at: Name) -> bool:
        """True if others would wait for a look at the whole table; also where its size is unknown."""
        return self.sizes.get(at, self.threshold) >= self.threshold
