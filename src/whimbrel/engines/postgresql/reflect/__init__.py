"""Reflects a live database (`reflect`), and a schema as that would have it (`canonical`)."""

from whimbrel.engines.postgresql.reflect.catalog import invalid
from whimbrel.engines.postgresql.reflect.reflecting import reflect
from whimbrel.engines.postgresql.reflect.scratch import canonical

__all__ = ["canonical", "invalid", "reflect"]
