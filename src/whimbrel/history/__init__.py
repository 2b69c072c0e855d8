"""Migration files: what they hold, how they depend on each other, how they are read and written."""
