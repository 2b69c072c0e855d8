"""Running: connections, the executor, and what it writes of its work (record, journal)."""
