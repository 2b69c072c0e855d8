"""Steps of changes in PostgreSQL: a module for each kind of object; `builder` is what they share."""
