"""Data operations: functions of the user's and backfills, carried out on a connection."""
