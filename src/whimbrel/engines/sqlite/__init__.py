"""SQLite: native ALTERs where the library has them, else a rebuild that keeps everything."""

from whimbrel.engines.sqlite.engine import ENGINE, SQLiteEngine

__all__ = ["ENGINE", "SQLiteEngine"]
