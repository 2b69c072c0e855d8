"""The progress of a walk, emitted about once a second."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Lock

from whimbrel.run.data.checkpoint import Checkpoint
from whimbrel.run.events import BackfillMoved, Listener

#: Seconds between two events.
_EVERY = 1.0


class Progress:
    """The sum of what all connections have walked. ``total``: about how many rows there are."""

    def __init__(self, title: str, emit: Listener, total: int, parts: Iterable[Checkpoint]) -> None:
        self._title, self._emit, self._total = title, emit, total
        self._before = self._rows = sum(part.rows for part in parts)
        self._started = time.monotonic()
        self._emitted = self._started
        self._batch = 0
        self._lock = Lock()

    def add(self, rows: int, batch: int) -> None:
        """Count rows that are done. ``batch``: how many the next batch has."""
        with self._lock:
            self._rows += rows
            self._batch = batch
            if time.monotonic() - self._emitted >= _EVERY:
                self._emitted = time.monotonic()
                self._emit(self._event())

    def end(self) -> None:
        """Emit that all rows are done."""
        with self._lock:
            self._total = self._rows
            self._emit(self._event())

    def _event(self) -> BackfillMoved:
        seconds = max(time.monotonic() - self._started, 1e-6)
        rate = (self._rows - self._before) / seconds
        total = max(self._total, self._rows)
        left = (total - self._rows) / rate if rate else None
        return BackfillMoved(self._title, self._rows, total, rate, left, self._batch)
