"""What a migration file imports: `Migration` and the operations."""

from whimbrel.history.migration import Migration
from whimbrel.operations import *  # noqa: F403
from whimbrel.operations import __all__ as _operations

__all__ = [
    "Migration",
    *(name for name in _operations if name not in ("Operation", "States", "replay")),
]
