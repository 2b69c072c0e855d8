"""The pace of a backfill: how many rows a batch has, by the time that the last one took."""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds that a batch should take: as long as others may wait for a row of it.
AIM = 0.13
#: Rows of the first batch; of the smallest; of the largest.
FIRST, SMALLEST, LARGEST = 500, 20, 50_000
#: How much smaller, and how much larger, the next batch may be.
_SLOWER, _FASTER = 0.4, 1.7


@dataclass
class BatchSize:
    """How many rows the next batch has."""

    size: int = FIRST

    def took(self, seconds: float) -> None:
        """A batch of that size took so long."""
        factor = AIM / max(seconds, 0.001)
        self._set(self.size * min(_FASTER, max(_SLOWER, factor)))

    def stuck(self) -> None:
        """A batch waited too long for a lock: a smaller one holds up fewer others."""
        self._set(self.size / 2)

    def _set(self, size: float) -> None:
        self.size = min(LARGEST, max(SMALLEST, round(size)))
