"""Messages about database schemas on SQLite, where each is a file that is attached."""

from __future__ import annotations


def explain_unattached(schema: str) -> tuple[str, str]:
    """Return what is wrong where no file of that name is attached, and a hint."""
    return (
        f"SQLite has no schema {schema}: there it is a database file that is attached, and none is",
        f"Take the schema {schema} out of the models, or SQLite out of the configuration. For tests on "
        "SQLite create_all makes the tables without migrations: "
        f'engine.execution_options(schema_translate_map={{"{schema}": None}}). Or attach a file to every '
        'connection, in manage.py: @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect"), '
        f"and there ATTACH DATABASE '{schema}.sqlite3' AS {schema}.",
    )
