"""What is known of a statement of the user's own: what it does to tables, and to code that uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whimbrel.engines.step import HazardCode

#: What code of before meets: something is gone, has another name, or must be given a value.
Breaks: TypeAlias = Literal["gone", "renamed", "required"]


@dataclass(frozen=True)
class Consequence:
    """What a statement does to a table, or to something in it. breaks: how, where old code breaks.

    to_text: the column that turns to text without a length; nothing is done where it was text before.
    """

    code: HazardCode
    table: str
    part: str | None = None
    breaks: Breaks = "gone"
    to_text: str | None = None

    @property
    def subject(self) -> str:
        """ "blog_post.title"."""
        return f"{self.table}.{self.part}" if self.part else self.table


#: What was seen of plan items that were run, by their ids.
Seen: TypeAlias = Mapping[str, tuple[Consequence, ...]]


@dataclass(frozen=True)
class Write:
    """Rows that a statement updates or deletes.

    asked: the columns for whose values it asks. values: what it sets, as SQL by column; None where it does
    more than that. where: its condition.
    """

    table: str
    asked: frozenset[str]
    values: tuple[tuple[str, str], ...] | None = None
    where: str | None = None


@dataclass(frozen=True)
class Reading:
    """What is known of a statement. unread: why nothing is; None: it was read.

    creates: the tables that it creates. needs_autocommit: True if no transaction takes it.
    """

    consequences: tuple[Consequence, ...] = ()
    writes: tuple[Write, ...] = ()
    creates: frozenset[str] = frozenset()
    needs_autocommit: bool = False
    unread: str | None = None
