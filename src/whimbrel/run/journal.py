"""The journal: where a migration stands that cannot run in one transaction.

Each batch of its steps has an entry before it begins and is marked when it is done, so that a
killed run can be taken up where it ended. A finished migration leaves nothing in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.run.recorder import Overtaken, has_table, legible

TABLE = "whimbrel_journal"

_METADATA = sa.MetaData()
_JOURNAL = sa.Table(
    TABLE,
    _METADATA,
    sa.Column("app", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("backwards", sa.Boolean, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("done", sa.DateTime(timezone=True)),
)


class Entry(NamedTuple):
    """A batch that has begun. ``digest``: of its statements; ``done``: whether it has ended."""

    app: str
    name: str
    batch: int
    backwards: bool
    digest: str
    done: bool


def entries(connection: Connection) -> list[Entry]:
    """All entries: the batches of migrations that are half done."""
    if not has_table(connection, TABLE):
        return []
    columns = _JOURNAL.c
    query = sa.select(_JOURNAL).order_by(columns.app, columns.name, columns.batch)
    with legible(TABLE):
        return [
            Entry(row.app, row.name, row.batch, row.backwards, row.digest, row.done is not None)
            for row in connection.execute(query)
        ]


def prepare(connection: Connection) -> None:
    """Make the table where it is missing. Call it in a transaction."""
    if not has_table(connection, TABLE):
        _JOURNAL.create(connection, checkfirst=False)


def drop(connection: Connection) -> None:
    """Take the table away, if it is there. Call it in a transaction."""
    if has_table(connection, TABLE):
        _JOURNAL.drop(connection, checkfirst=False)


def start(connection: Connection, entry: Entry) -> None:
    """Say that a batch begins, unless the journal says so already."""
    if any(_batch(entry) == _batch(known) for known in entries(connection)):
        return
    values = {
        "app": entry.app,
        "name": entry.name,
        "batch": entry.batch,
        "backwards": entry.backwards,
        "digest": entry.digest,
        "started": datetime.now(UTC),
    }
    connection.execute(sa.insert(_JOURNAL), values)


def claim(connection: Connection, entry: Entry) -> bool:
    """Keep a batch for this transaction; whether another has done it meanwhile.

    Raises `Overtaken` where another has ended the whole migration.
    """
    row = connection.execute(sa.select(_JOURNAL.c.done).where(_is(entry)).with_for_update()).first()
    if row is None:
        raise Overtaken
    return row.done is not None


def finish(connection: Connection, entry: Entry) -> None:
    """Say that a batch is done."""
    connection.execute(sa.update(_JOURNAL).where(_is(entry)).values(done=datetime.now(UTC)))


def clear(connection: Connection, app: str, name: str) -> None:
    """Take out all of a migration's entries, in the transaction that records it."""
    if not has_table(connection, TABLE):
        return
    mine = (_JOURNAL.c.app == app) & (_JOURNAL.c.name == name)
    connection.execute(sa.delete(_JOURNAL).where(mine))


def digest_of(statements: Iterable[str]) -> str:
    """What tells whether a batch is still the one that began."""
    return hashlib.sha256("\0".join(statements).encode()).hexdigest()


def _is(entry: Entry) -> sa.ColumnElement[bool]:
    columns = _JOURNAL.c
    return (
        (columns.app == entry.app) & (columns.name == entry.name) & (columns.batch == entry.batch)
    )


def _batch(entry: Entry) -> tuple[str, str, int]:
    return entry.app, entry.name, entry.batch
