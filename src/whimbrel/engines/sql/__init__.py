"""What engines share: the pieces of SQL statements, spelled for a dialect, and tables in motion."""

from __future__ import annotations

from whimbrel.engines.sql.compiler import SQLCompiler
from whimbrel.engines.sql.running import execute
from whimbrel.engines.sql.tracker import SchemaTracker

__all__ = ["SQLCompiler", "SchemaTracker", "execute"]
