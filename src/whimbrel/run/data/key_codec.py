"""A key as text: JSON, with the kind of each value that JSON does not know."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from whimbrel.errors import UnsupportedError

#: Every kind of value that a key may have: its name, how it is written, how it is read.
_KINDS: tuple[tuple[type, Callable[[Any], str], Callable[[str], Any]], ...] = (
    (uuid.UUID, str, uuid.UUID),
    (Decimal, str, Decimal),
    (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    (dt.date, dt.date.isoformat, dt.date.fromisoformat),
    (dt.time, dt.time.isoformat, dt.time.fromisoformat),
    (bytes, bytes.hex, bytes.fromhex),
)
_READERS = {kind.__name__: read for kind, _, read in _KINDS}


def encode(key: tuple[Any, ...] | None) -> str | None:
    """Return a key as text. Raises `UnsupportedError` for a kind of value that cannot be written."""
    return None if key is None else json.dumps([_encode(value) for value in key])


def decode(text: str | None) -> tuple[Any, ...] | None:
    """Return the key of a text."""
    return None if text is None else tuple(_decode(value) for value in json.loads(text))


def _encode(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool | int | float | str):
        return value
    for kind, write, _ in _KINDS:
        if isinstance(value, kind):
            return {kind.__name__: write(value)}
    raise UnsupportedError(
        f"a table cannot be walked by a primary key with {type(value).__name__} in it",
        hint="Use RunPython or RunSQL, and choose the batches there.",
    )


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _READERS[kind](text)
