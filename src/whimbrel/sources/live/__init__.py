"""Models from a live schema: fresh ones, and those there are with what differs."""

from whimbrel.sources.live.fresh import models_of
from whimbrel.sources.live.patch import patched

__all__ = ["models_of", "patched"]
