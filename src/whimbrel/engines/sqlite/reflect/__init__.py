"""What a database file has, read from the statements that SQLite keeps."""
