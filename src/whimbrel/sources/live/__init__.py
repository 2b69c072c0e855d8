"""Models from a live schema: fresh ones, and those there are with what differs."""

from whimbrel.sources.live.patching import patched
from whimbrel.sources.live.reading import models_of

__all__ = ["models_of", "patched"]
