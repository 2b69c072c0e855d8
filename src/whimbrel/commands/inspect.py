"""`inspectdb`: the text of a models.py for the tables of a live database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.commands.comparison import VERSION_TABLE, only
from whimbrel.config import DEFAULT_ALIAS, OWN_TABLES, Config
from whimbrel.errors import UsageError, did_you_mean
from whimbrel.run.connect import Database, database_of, open_connection
from whimbrel.schema.table import ForeignKey, Name, Schema, Table
from whimbrel.sources.live import models_of
from whimbrel.sources.live.declarative import declarative_source
from whimbrel.sources.live.native import native_source

#: Tables in which migrations are recorded, by whatever tool: only by name are they inspected.
_RECORDS = OWN_TABLES | {VERSION_TABLE, "django_migrations"}

Notes = Mapping[Name, Sequence[str]]


@dataclass(frozen=True)
class Inspection:
    """Models that were found. ``text``: that of a models.py; ``remarks``: what no model of it says."""

    text: str
    tables: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def inspect(
    config: Config,
    tables: Sequence[str] = (),
    *,
    app: str | None = None,
    schemas: Sequence[str] = (),
    style: str = "native",
    alias: str = DEFAULT_ALIAS,
) -> Inspection:
    """Models of these tables of a live database, or of all that the configuration covers.

    tables: by name, or as "schema.table". app: the label of the app that they are for, by default
    the only one. schemas: database schemas that are looked at, by default those of the tables, or
    the connection's own. Nothing is done to the database. Raises `UsageError` for a
    table that is not there.
    """
    label = app if app is not None else _only_app(config)
    database = database_of(config, alias)
    if database.is_missing:
        raise UsageError(
            f"there is no database {database.shown}",
            place=f"database {alias!r}",
            hint="Name one that is there, in the configuration or with --database.",
        )
    with open_connection(database) as connection:
        whole = _reflect(database, connection, schemas, tables)
        default = connection.dialect.default_schema_name
    plain = [table.removeprefix(f"{default}.") for table in tables]
    live = only(whole, _choose_tables(config, whole, plain, database.shown).__contains__)
    notes = dict(_notes(live))
    live = _without_keys_elsewhere(live)
    return Inspection(
        _source(live, label, style, database.engine.dialect, notes),
        tuple(str(at) for at in live.tables),
        tuple(f"{at}: {note}" for at, each in notes.items() for note in each),
    )


def _source(live: Schema, label: str, style: str, dialect: str, notes: Notes) -> str:
    if style == "sqlalchemy":
        return declarative_source(live, label, dialect=dialect, notes=notes)
    state = models_of(live, label, dialect=dialect)
    tables = {model.at: model.label for model in state}
    named = {tables[at]: each for at, each in notes.items()}
    return native_source(state, label, named)


def _reflect(
    database: Database, connection: Connection, schemas: Sequence[str], tables: Sequence[str]
) -> Schema:
    """The tables of some database schemas; the default one goes without its name."""
    default = connection.dialect.default_schema_name
    known = sa.inspect(connection).get_schema_names() if schemas or tables else []
    for schema in schemas:
        if schema not in known:
            raise UsageError(
                f"there is no database schema {schema!r}",
                place=database.shown,
                hint=did_you_mean(schema, known) or f"There are: {', '.join(sorted(known))}.",
            )
    of_tables = [_schema_of(table, known) for table in tables]
    wanted = dict.fromkeys([*schemas, *(each for each in of_tables if each is not None)])
    places = [None if schema == default else schema for schema in wanted]
    if not schemas and (not tables or None in of_tables):
        places.append(None)
    found = database.engine.reflect(connection, list(dict.fromkeys(places)))
    connection.rollback()
    return found


def _schema_of(table: str, known: Sequence[str]) -> str | None:
    """The database schema that "schema.table" names, if there is one of that name."""
    schema, dot, _ = table.partition(".")
    return schema if dot and schema in known else None


def _only_app(config: Config) -> str:
    if len(config.apps) == 1:
        return config.apps[0].label
    labels = ", ".join(app.label for app in config.apps)
    raise UsageError(
        f"which app the models are for is not said: {labels}" if labels else "there is no app yet",
        hint="Give --app LABEL.",
    )


# -- which tables


def _choose_tables(config: Config, whole: Schema, tables: Sequence[str], place: str) -> set[Name]:
    if tables:
        return {_find_table(whole, table, place) for table in tables}
    ours = (at for at in whole.tables if at.name not in _RECORDS)
    covered = {at for at in ours if config.covers(at.schema, at.name)}
    if whole.tables and not covered:
        raise UsageError(
            "every table is left out",
            place=place,
            hint="See include and exclude in the configuration, or name the tables.",
        )
    return covered


def _find_table(whole: Schema, table: str, place: str) -> Name:
    """The table of this name, or of "schema.table"."""
    in_order = sorted(whole.tables, key=lambda at: at.schema is None)
    known = {at.name: at for at in in_order} | {str(at): at for at in in_order}
    if table in known:
        return known[table]
    elsewhere = "Tables of another database schema are found with --schema NAME."
    raise UsageError(
        f"there is no table {table!r}", place=place, hint=did_you_mean(table, known) or elsewhere
    )


# -- what stays unsaid


def _notes(live: Schema) -> Iterator[tuple[Name, list[str]]]:
    """Return the comments of each table that has any."""
    for table in live.tables.values():
        found = [
            f"{key.name or 'A foreign key'} ({', '.join(key.columns)}) points at {key.target}, "
            "which was not inspected."
            for key in _keys_elsewhere(table, live.tables)
        ]
        if found:
            yield table.at, found


def _keys_elsewhere(table: Table, there: Collection[Name]) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.target not in there]


def _without_keys_elsewhere(live: Schema) -> Schema:
    """Without foreign keys to tables that no model will have."""

    def keep(table: Table) -> Table:
        gone = _keys_elsewhere(table, live.tables)
        return replace(table, constraints=tuple(e for e in table.constraints if e not in gone))

    return replace(live, tables={at: keep(table) for at, table in live.tables.items()})


# -- the file


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises `UsageError` where it is."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            "the file is there already, and is not overwritten",
            place=str(path),
            hint="Name another file, or move this one away.",
        ) from error
    except OSError as error:
        with suppress(OSError):
            path.unlink()  # what is half written
        raise UsageError(
            f"the file cannot be written: {error.strerror}",
            place=str(path),
            hint="Name another file, in a directory that is there.",
        ) from error
