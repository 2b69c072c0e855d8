"""Small things that every report says in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.engines.step import Hazard


def duration(seconds: float) -> str:
    """ "0.02 s", "1 min 12 s"."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def count_text(number: int, noun: str) -> str:
    """ "1 migration", "3 migrations"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def title(labels: Sequence[str]) -> str:
    """Return the title of a stage: its migration, or from where to where it leaps."""
    if len(labels) == 1:
        return labels[0]
    return f"{labels[0]} to {labels[-1]} ({count_text(len(labels), 'migration')} in one leap)"


def hazards_json(hazards: Iterable[Hazard]) -> list[dict[str, str]]:
    """Return hazards for machines: what they may do, to what, and the consequence in a sentence."""
    return [
        {"code": each.code.name, "subject": each.subject, "message": each.message}
        for each in hazards
    ]


def one_line(sql: str, width: int = 100) -> str:
    """A statement on one line, cut where it is long."""
    line = " ".join(sql.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
