"""Migration files: what they hold, how they hang together, how they are read and written."""
