"""What engines share: the pieces of SQL statements, spelled for a dialect, and tables in motion."""

from __future__ import annotations

from whimbrel.engines.sql.compiler import Spelling
from whimbrel.engines.sql.running import execute
from whimbrel.engines.sql.tracker import Standing

__all__ = ["Spelling", "Standing", "execute"]
