"""PostgreSQL: a module for each kind of object, and one for sessions and locks."""

from whimbrel.engines.base import Engine
from whimbrel.engines.postgresql.engine import PostgreSQLEngine

ENGINE: Engine = PostgreSQLEngine()

__all__ = ["ENGINE", "PostgreSQLEngine"]
