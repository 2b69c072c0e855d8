"""The journal: the steps of a migration that cannot run in one transaction, with their SQL.

All of them are written before the first is begun, and each is marked when it begins and when it
is done. A killed run goes on by what is written there. A finished migration leaves nothing in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines.serializer import dumps, loads
from whimbrel.history.node import Key
from whimbrel.planning.unfinished import Entry, Unfinished
from whimbrel.planning.work import Source, Work
from whimbrel.run.recorder import JOURNAL, ConcurrentRun, Row, has_table, readable

TABLE = JOURNAL
_METADATA = sa.MetaData()
#: A stage is named by its first migration. Its row at position 0 says what it is as a whole.
_JOURNAL = sa.Table(
    TABLE,
    _METADATA,
    sa.Column("app", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("step", sa.String(255), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("undoing", sa.Boolean, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("started", sa.DateTime(timezone=True)),
    sa.Column("done", sa.DateTime(timezone=True)),
)
_STAGE = "stage"


def unfinished(connection: Connection) -> list[Unfinished]:
    """Return the stages that were begun and have not ended, with their steps."""
    if not has_table(connection, TABLE):
        return []
    columns = _JOURNAL.c
    query = sa.select(_JOURNAL).order_by(columns.app, columns.name, columns.position)
    with readable(TABLE):
        rows = connection.execute(query).all()
        return [_stage(list(group)) for _, group in groupby(rows, lambda row: row[:2])]


def _stage(rows: Collection[sa.Row[tuple[object, ...]]]) -> Unfinished:
    stage, *steps = rows
    rows_of, backwards, atomic = loads(stage.content)
    keys = tuple((app, name) for app, name, _, _ in rows_of)
    sources = tuple(Source(digest, text) for _, _, digest, text in rows_of)
    entries = (
        Entry(row.step, row.content, row.started is not None, row.done is not None, row.undoing)
        for row in steps
    )
    return Unfinished(keys, sources, backwards, atomic, tuple(entries))


def prepare(connection: Connection) -> None:
    """Make the table where it is missing. Call it in a transaction."""
    if not has_table(connection, TABLE):
        _JOURNAL.create(connection, checkfirst=False)


def begin(connection: Connection, work: Work, rows: Iterable[Row]) -> None:
    """Write all steps of a stage. rows: what is to be recorded of its migrations. Raises `ConcurrentRun` where another has written them already."""
    key = work.stage.nodes[0].key
    if _count(connection, key):
        raise ConcurrentRun
    sources = tuple((row.app, row.name, row.digest, row.source) for row in rows)
    stage = Entry(_STAGE, dumps((sources, work.backwards, work.atomic)))
    dialect = connection.dialect.name
    _insert(connection, key, [stage, *(Entry.of(item, dialect) for item in work.items)])


def turn_round(connection: Connection, work: Work) -> None:
    """Write the steps that take back what was done of a stage, in place of those that are left.

    Raises `ConcurrentRun` where the journal has nothing of it any more.
    """
    key = work.stage.nodes[0].key
    there = _count(connection, key)
    if not there:
        raise ConcurrentRun
    left = _of(key) & _JOURNAL.c.started.is_(None) & (_JOURNAL.c.position > 0)
    connection.execute(sa.delete(_JOURNAL).where(left))
    entries = [Entry.of(item, connection.dialect.name, undoing=True) for item in work.items]
    _insert(connection, key, entries, there)


def _insert(connection: Connection, key: Key, entries: Iterable[Entry], start: int = 0) -> None:
    rows = [
        {
            "app": key[0],
            "name": key[1],
            "step": entry.id,
            "position": position,
            "undoing": entry.undoing,
            "content": entry.content,
        }
        for position, entry in enumerate(entries, start)
    ]
    if rows:
        connection.execute(sa.insert(_JOURNAL), rows)


def _count(connection: Connection, key: Key) -> int:
    query = sa.select(sa.func.count()).select_from(_JOURNAL).where(_of(key))
    return int(connection.execute(query).scalar_one())


def start(connection: Connection, key: Key, steps: Collection[str]) -> None:
    """Say that steps begin. Raises `ConcurrentRun` where another has ended the whole stage."""
    now = datetime.now(UTC)
    found = connection.execute(sa.update(_JOURNAL).where(_are(key, steps)).values(started=now))
    if found.rowcount == 0:
        raise ConcurrentRun


def claim(connection: Connection, key: Key, step: str) -> bool:
    """Keep a step for this transaction; True if another has done it meanwhile.

    Raises `ConcurrentRun` where another has ended the whole stage.
    """
    query = sa.select(_JOURNAL.c.done).where(_are(key, [step])).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise ConcurrentRun
    return row.done is not None


def finish(connection: Connection, key: Key, steps: Collection[str]) -> None:
    """Say that steps are done."""
    values = {"done": datetime.now(UTC)}
    connection.execute(sa.update(_JOURNAL).where(_are(key, steps)).values(values))


def forget(connection: Connection, key: Key, step: str) -> None:
    """Say that a step has not begun: what it left was taken away."""
    connection.execute(sa.update(_JOURNAL).where(_are(key, [step])).values(started=None))


def clear(connection: Connection, key: Key) -> None:
    """Take out all of a stage's steps, in the transaction that records it."""
    if has_table(connection, TABLE):
        connection.execute(sa.delete(_JOURNAL).where(_of(key)))


def _of(key: Key) -> sa.ColumnElement[bool]:
    return (_JOURNAL.c.app == key[0]) & (_JOURNAL.c.name == key[1])


def _are(key: Key, steps: Collection[str]) -> sa.ColumnElement[bool]:
    return _of(key) & _JOURNAL.c.step.in_(steps)
