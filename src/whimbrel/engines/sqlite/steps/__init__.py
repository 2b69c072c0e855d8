"""Steps of changes in SQLite: native ALTERs where the library has them, else a rebuild."""
