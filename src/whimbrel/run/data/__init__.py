"""Data operations: code of operations, backfills and batched steps, executed on a connection."""
