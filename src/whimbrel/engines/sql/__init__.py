"""Shared by the engines: compilers of SQL, literals, a tracker of tables, phases and subjects."""

from whimbrel.engines.sql.compiler import SQLCompiler
from whimbrel.engines.sql.running import execute
from whimbrel.engines.sql.tracker import SchemaTracker

__all__ = ["SQLCompiler", "SchemaTracker", "execute"]
