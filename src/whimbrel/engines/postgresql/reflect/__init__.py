"""What a live database has, and how it would spell a schema: `reflect` and `canonical`."""

from whimbrel.engines.postgresql.reflect.catalog import invalid
from whimbrel.engines.postgresql.reflect.reflecting import reflect
from whimbrel.engines.postgresql.reflect.scratch import canonical

__all__ = ["canonical", "invalid", "reflect"]
