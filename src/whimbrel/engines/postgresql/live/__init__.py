"""What a live database has, and how it would spell a schema: `reflect` and `canonical`."""

from whimbrel.engines.postgresql.live.catalog import invalid
from whimbrel.engines.postgresql.live.reflecting import reflect
from whimbrel.engines.postgresql.live.scratch import canonical

__all__ = ["canonical", "invalid", "reflect"]
