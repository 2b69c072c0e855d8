"""Reads a database file from the statements that SQLite keeps."""
