"""Reflects a database from the statements that it keeps; and a schema as it would keep it.

Nothing is made to learn how SQLite would spell a schema: it keeps statements as they are given,
so the ones that would make the tables are read the way those in a file are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.reflect import ddl, master
from whimbrel.engines.sqlite.reflect.reading import TableText, table_of
from whimbrel.errors import UnsupportedError
from whimbrel.schema.table import Constraint, Index, Name, Schema, Table

#: The tables that virtual tables of SQLite's own modules keep their rows in (fts3, fts5, rtree).
_SHADOWS = (
    *("content", "segments", "segdir", "docsize", "stat", "data", "idx", "config"),
    *("node", "rowid", "parent", "vocab"),
)


class _File:
    """The tables of one database file, by name; names are case-insensitive."""

    def __init__(self, texts: Iterable[TableText]) -> None:
        self._texts = {ddl.folded(text.at.name): text for text in texts}

    def find(self, name: str) -> TableText | None:
        return self._texts.get(ddl.folded(name))

    def tables(self, names: Collection[str] | None = None) -> Iterator[Table]:
        """Its tables in order; those of these names alone, if any are given."""
        wanted = None if names is None else {ddl.folded(name) for name in names}
        for name, text in self._texts.items():
            if wanted is None or name in wanted:
                yield table_of(text, self.find)


# -- what is there ---------------------------------------------------------------------------


def reflect(
    connection: Connection,
    schemas: Collection[str | None] = (None,),
    names: Collection[Name] | None = None,
) -> Schema:
    """See `whimbrel.engines.base.Engine.reflect`. Two queries, and one for each schema."""
    wanted = dict.fromkeys(schemas if names is None else (name.schema for name in names))
    attached = {row.name.lower() for row in execute(connection, "PRAGMA database_list")}
    found: list[Table] = []
    for schema in wanted:
        if schema is None or schema.lower() in attached:
            within = None if names is None else [n.name for n in names if n.schema == schema]
            found += _File(_texts(connection, schema)).tables(within)
    there = (each for each in wanted if each is not None and each.lower() in attached)
    made = Schema.of(tuple(found))
    return made if names is not None else replace(made, schemas=frozenset(there))


def _texts(connection: Connection, schema: str | None) -> Iterator[TableText]:
    rows = master.entries(connection, schema, "type IN ('table', 'index') AND sql IS NOT NULL")
    indexes: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.type == "index":
            indexes.setdefault(ddl.folded(row.tbl_name), {})[row.name] = row.sql
    tables = {row.name: row.sql for row in rows if row.type == "table"}
    hidden = _hidden(connection, schema, tables)
    for name, sql in tables.items():
        if ddl.folded(name) not in hidden:
            yield TableText(Name(schema, name), sql, indexes.get(ddl.folded(name), {}))


def _hidden(connection: Connection, schema: str | None, tables: dict[str, str]) -> set[str]:
    """Tables that are none of a user's: SQLite's own, virtual ones, and what those keep rows in."""
    own = {folded for folded in map(ddl.folded, tables) if folded.startswith("sqlite_")}
    virtual = {
        ddl.folded(name)
        for name, sql in tables.items()
        if ddl.joined(ddl.tokens(sql[:200])[:2]).upper() == "CREATE VIRTUAL"
    }
    if not virtual:
        return own
    shadows = {f"{name}_{suffix}" for name in virtual for suffix in _SHADOWS}
    return own | virtual | shadows | set(_told_shadows(connection, schema))


def _told_shadows(connection: Connection, schema: str | None) -> list[str]:
    """Return the shadow tables of modules that are loaded (pragma.html, table_list, 3.37)."""
    if (connection.dialect.server_version_info or (0,)) < (3, 37):
        return []
    rows = execute(connection, "PRAGMA table_list").all()
    within = (schema or "main").lower()
    return [
        ddl.folded(row.name)
        for row in rows
        if row.type == "shadow" and row.schema.lower() == within
    ]


# -- what would be there ---------------------------------------------------------------------


def canonical(schema: Schema) -> Schema:
    """See `whimbrel.engines.base.Engine.canonical`."""
    texts: dict[str | None, list[TableText]] = {}
    kept: dict[Name, Table] = {}
    for at, table in schema.tables.items():
        text = _text_of(table)
        if text is None:
            kept[at] = table
        else:
            texts.setdefault(at.schema, []).append(text)
    for same_file in texts.values():
        for read in _File(same_file).tables():
            kept[read.at] = _with_identities(read, schema.tables[read.at])
    # What only types and sequences are in is nowhere.
    files = schema.schemas & {at.schema for at in schema.tables}
    return Schema(tables={at: kept[at] for at in schema.tables}, schemas=files)


def _text_of(table: Table) -> TableText | None:
    """The statements that make a table; None for one that SQLite cannot have."""
    try:
        indexes = {index.name: t.create_index(index, table) for index in table.indexes}
        return TableText(table.at, t.create_table(table), indexes)
    except UnsupportedError:
        return None


def _with_identities(read: Table, given: Table) -> Table:
    """A table as it is read, with what no database keeps: identities, and what fills a column."""
    columns = {column.name: column for column in given.columns}
    return replace(
        read,
        key=given.key,
        columns=tuple(
            replace(each, key=columns[each.name].key, fill=columns[each.name].fill)
            for each in read.columns
        ),
        constraints=tuple(_known(each, given.constraints) for each in read.constraints),
        indexes=tuple(_known(each, given.indexes) for each in read.indexes),
    )


P = TypeVar("P", Constraint, Index)


def _known(read: P, given: Iterable[P]) -> P:
    """A part with the identity of the one that was given.

    The CHECK that a column's type asks for is none of those: nobody minds what it is called.
    """
    known = next((each for each in given if _place(each) == _place(read)), None)
    return replace(read, name="") if known is None else replace(read, key=known.key)


def _place(of: Constraint | Index) -> tuple[object, ...]:
    """Return the kind of a constraint or index with its name; without a name, with its columns."""
    columns = () if of.name else getattr(of, "columns", ())
    return type(of), of.name, columns
