"""Small things that every report says in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whimbrel.engines.step import Hazard, Step
    from whimbrel.schema.table import Name


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


def locks_json(step: Step | None) -> list[dict[str, str]]:
    """Return the locks of a step for machines."""
    tables = step.tables if step is not None else ()
    return [{"table": str(at), "lock": lock.value} for at, lock in tables]


def locks_of(step: Step, sizes: Mapping[Name, int]) -> Iterator[str]:
    """What a step locks, for how long, whom it waits for, and who waits for it: a line a table.

    sizes: of tables, in bytes, as far as they are known.
    """
    # Late, since most of what is shown has no steps.
    from whimbrel.engines.step import Boundary, Lock

    writers = "writers wait for it, and it for them"
    waits = {
        Lock.SHARE_UPDATE_EXCLUSIVE: "others read and write; it waits for VACUUM",
        Lock.SHARE: writers,
        Lock.SHARE_ROW_EXCLUSIVE: writers,
        Lock.EXCLUSIVE: writers,
        Lock.ACCESS_EXCLUSIVE: f"readers and {writers}",
    }
    for at, lock in step.tables:
        if step.update is not None:
            time = _estimate(sizes.get(at), _WRITTEN)
            yield f"in batches{time}: each locks its rows of {at} for some 0.1 s"
        elif lock in waits:
            is_long = step.scans or step.rewrites
            rate = _BUILT if step.boundary is Boundary.AUTOCOMMIT or step.rewrites else _READ
            time = f"while the table is {'rewritten' if step.rewrites else 'read'}"
            time = f"{time}{_estimate(sizes.get(at), rate)}" if is_long else "for an instant"
            yield f"{lock.value} on {at} {time}: {waits[lock]}"


#: Bytes of a table that are read, built into an index or a new table, and written in batches a second
#: (measured on 707 MB of 5 million rows, 3 indexes, on two cores with load: orders of magnitude).
_READ, _BUILT, _WRITTEN = 700e6, 140e6, 7e6


def _estimate(size: int | None, rate: float) -> str:
    """ " (707 MB, about 2 min)"; nothing where the size is unknown."""
    if size is None:
        return ""
    seconds = size / rate
    time = "under 1 s" if seconds < 1 else f"about {duration(float(round(seconds)))}"
    return f" ({size / 1e6:,.0f} MB, {time.replace('.00 s', ' s')})"


def one_line(sql: str, width: int = 100) -> str:
    """A statement on one line, cut where it is long."""
    line = " ".join(sql.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
