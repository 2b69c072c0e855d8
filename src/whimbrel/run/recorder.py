"""The record of what is applied: one table in the database that is migrated.

Nothing is created until there is something to record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import decode_source
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.config import OWN_TABLES
from whimbrel.errors import DatabaseError
from whimbrel.history.imports import is_standard
from whimbrel.history.node import Node

if TYPE_CHECKING:
    from whimbrel.history.loader import History

TABLE = "whimbrel_migrations"
#: The journal's, which has rows only while a migration is half done.
JOURNAL = "whimbrel_journal"

_METADATA = sa.MetaData()
_RECORD = sa.Table(
    TABLE,
    _METADATA,
    sa.Column("app", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("applied", sa.DateTime(timezone=True), nullable=False),
    sa.Column("digest", sa.String(80)),
    sa.Column("source", sa.Text),
)

#: No more names than this are put into a statement.
_FEW = 500

#: How what is not ASCII is kept: no Python file begins like this.
_ESCAPED = "!"


#: What a module imports, by the beginning of its name.
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(\.|\w+)", re.MULTILINE)
_KNOWN = frozenset({"whimbrel", "sqlalchemy", "__future__"})


class ConcurrentRun(Exception):
    """Another runner has executed a stage meanwhile: the plan is to be made anew."""


class Row(NamedTuple):
    """A migration to be recorded. ``source``: the text of its file; None where it is not known."""

    app: str
    name: str
    digest: str | None
    source: str | None = None


class Applied(NamedTuple):
    """A migration that is applied. ``digest``: of what it did then; ``at``: when, in UTC."""

    app: str
    name: str
    at: datetime
    digest: str | None

    @property
    def id(self) -> tuple[str, str]:
        """As the graph names it."""
        return self.app, self.name


def row_of(node: Node, history: History | None = None) -> Row:
    """Return what the record is to say of a migration.

    history: what it is executed by. Where its file imports other modules of the project, the
    node may be remembered from a time when these were others: then its digest is made anew.
    """
    source, digest = source_of(node), node.digest
    if history is not None and source is not None and _imports_others(source):
        digest = history.digest(node.key)
    return Row(node.app, node.name, digest or None, source)


def _imports_others(source: str) -> bool:
    return not all(map(is_standard, set(_IMPORTED.findall(source)) - _KNOWN))


def source_of(node: Node) -> str | None:
    """Return the text of a migration's file; None where there is no file that can be read."""
    if node.file is None:
        return None
    try:
        with open(node.file, "rb") as file:
            return decode_source(file.read())
    except (OSError, SyntaxError, UnicodeError):
        return None


def applied(connection: Connection) -> dict[tuple[str, str], Applied]:
    """Return what is applied, in the order of its time; nothing where there is no record yet."""
    if not has_table(connection, TABLE):
        return {}
    columns = _RECORD.c
    what = (columns.app, columns.name, columns.applied, columns.digest)
    query = sa.select(*what).order_by(columns.applied, columns.app, columns.name)
    with readable(TABLE):
        return {
            (str(app), str(name)): Applied(_text(app), _text(name), _in_utc(at), digest)
            for app, name, at, digest in connection.execute(query)
        }


@contextmanager
def readable(table: str) -> Iterator[None]:
    """A scope in which rows of ours are read. Raises `DatabaseError` for one that is not ours."""
    try:
        yield
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise DatabaseError(
            f"it has a row that no run has written: {error}",
            place=table,
            hint=f"Look at its rows (SELECT * FROM {table}), and correct or remove that one by hand.",
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not the name of a migration or an app")
    return value


#: Made once: it is asked in every transaction.
_NAMED = sa.select(_RECORD.c.app, _RECORD.c.name).where(
    _RECORD.c.name.in_(sa.bindparam("names", expanding=True))
)


def refuse_concurrent_run(
    connection: Connection, keys: Collection[tuple[str, str]], backwards: bool
) -> None:
    """Raises `ConcurrentRun` where these migrations are applied, or undone, already."""
    if len(keys) > _FEW:
        there = set(applied(connection))
    else:
        found = connection.execute(_NAMED, {"names": [name for _, name in keys]})
        there = {(app, name) for app, name in found}
    if len(there & set(keys)) != (len(keys) if backwards else 0):
        raise ConcurrentRun


def sources(
    connection: Connection, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the texts of these migrations' files when they were applied, where the record kept them."""
    if not keys or not has_table(connection, TABLE) or not _keeps_sources(connection):
        return {}
    columns = _RECORD.c
    query = sa.select(columns.app, columns.name, columns.source).where(
        columns.app.in_({app for app, _ in keys}), columns.source.is_not(None)
    )
    if len(keys) <= _FEW:
        query = query.where(columns.name.in_({name for _, name in keys}))
    rows = connection.execute(query)
    return {(app, name): _decode_source(kept) for app, name, kept in rows if (app, name) in keys}


def prepare(connection: Connection) -> None:
    """Make the table, or what it had not in an older version. Call it in a transaction."""
    if not has_table(connection, TABLE):
        _RECORD.create(connection, checkfirst=False)
    elif not _keeps_sources(connection):
        compiled = sa.schema.CreateColumn(_RECORD.c.source).compile(dialect=connection.dialect)
        table = connection.dialect.identifier_preparer.format_table(_RECORD)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {compiled}")


def _keeps_sources(connection: Connection) -> bool:
    """True if the table is of this version."""
    nothing = sa.select(sa.text("*")).select_from(_RECORD).limit(0)
    names = connection.execute(nothing).keys()
    return "source" in names


def drop(connection: Connection) -> None:
    """Take away all tables of ours that are there. Call it in a transaction."""
    for name in sorted(OWN_TABLES):
        if has_table(connection, name):
            sa.Table(name, sa.MetaData()).drop(connection, checkfirst=False)


def record(connection: Connection, migrations: Iterable[Row]) -> None:
    """Say that migrations are applied, in the transaction that applied them."""
    now = datetime.now(UTC)
    rows = [{**_values(row), "applied": now} for row in migrations]
    if rows:
        connection.execute(sa.insert(_RECORD), rows)


def renew(connection: Connection, migrations: Iterable[Row]) -> None:
    """Say what migrations that are applied do now; when they were applied stays."""
    for row in migrations:
        connection.execute(sa.update(_RECORD).where(_is(row.app, row.name)).values(_values(row)))


def rename(connection: Connection, migrations: Mapping[tuple[str, str], Row]) -> None:
    """Say under which names migrations are applied now, by their old ones; when, stays."""
    there = applied(connection)
    for old, row in migrations.items():
        if old not in there:
            raise ConcurrentRun
        if row[:2] in there:
            forget(connection, [row[:2]])
        connection.execute(sa.update(_RECORD).where(_is(*old)).values(_values(row)))


def forget(connection: Connection, migrations: Iterable[tuple[str, str]]) -> None:
    """Say that migrations (app, name) are applied no longer."""
    for app, name in migrations:
        connection.execute(sa.delete(_RECORD).where(_is(app, name)))


def _values(row: Row) -> dict[str, str | None]:
    """A row as the record has it: whatever a database's encoding, it can hold ASCII."""
    source = row.source
    is_plain = source is None or source.isascii()
    return {**row._asdict(), "source": source if is_plain else _ESCAPED + json.dumps(source)}


def _decode_source(kept: str) -> str:
    """A source; in what is not ours nothing is found that could be run or compared."""
    try:
        return str(json.loads(kept[1:])) if kept.startswith(_ESCAPED) else kept
    except ValueError:
        return ""


def _is(app: str, name: str) -> sa.ColumnElement[bool]:
    return (_RECORD.c.app == app) & (_RECORD.c.name == name)


def is_journal_used(connection: Connection) -> bool:
    """Return whether the journal has something of a migration that has not ended."""
    query = sa.select(sa.literal(1)).select_from(sa.table(JOURNAL)).limit(1)
    return has_table(connection, JOURNAL) and connection.execute(query).first() is not None


def has_table(connection: Connection, name: str) -> bool:
    """True if a table of that name is in the connection's default schema.

    On PostgreSQL that is the first of ``search_path``: one further on has a record of its own.
    """
    dialect = connection.dialect
    found: bool = dialect.has_table(connection, name, schema=dialect.default_schema_name)
    return found


def passed_over(connection: Connection) -> str | None:
    """Return the schema of a record that names lead to, where the connection's default schema has none."""
    known = _HOLDER.get(connection.dialect.name)
    if known is None or has_table(connection, TABLE):
        return None
    found = connection.exec_driver_sql(known).scalar()
    return str(found) if found is not None else None


#: The schema in which a name is found that says none: PostgreSQL looks along ``search_path``.
_HOLDER = {
    "postgresql": f"SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.oid = to_regclass('{TABLE}')"
}


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
