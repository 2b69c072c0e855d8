"""The values that rules over models share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from whimbrel.schema.table import Schema, Table
from whimbrel.state.state import State

#: What is wrong, and what fixes it.
Problem: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class CheckScope:
    """All models, their tables and the dialects that must hold them.

    attached: the schemas that SQLite has; None: they are not known.
    """

    state: State
    schema: Schema
    dialects: frozenset[str]
    attached: frozenset[str] | None = None

    def on(self, dialect: str) -> CheckScope:
        """Return the scope for one dialect alone."""
        return replace(self, schema=self.schema.on(dialect), dialects=frozenset({dialect}))

    def view(self, table: Table) -> Table:
        """Return a table in the form that it has where there is one dialect only."""
        return table.on(*self.dialects) if len(self.dialects) == 1 else table

    @property
    def fold(self) -> Callable[[str], str]:
        """The function under which equal names collide: SQLite's are case-insensitive."""
        return str.lower if "sqlite" in self.dialects else str


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that come more than once."""
    return [name for name, times in Counter(names).items() if times > 1]
