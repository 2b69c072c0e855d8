"""Checkpoints: how far a walk has come, noted in the transaction of each batch.

A part is a range of the key that one connection walks. Its row is read and locked before a batch
begins, and moved on with it: a batch that a killed run's server still executes is waited for,
and no batch is done twice. A finished migration leaves nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.engines import serializer
from whimbrel.errors import UnsupportedError
from whimbrel.run.data.keys import Key, Span
from whimbrel.run.recorder import ConcurrentRun, has_table

TABLE = "whimbrel_backfill"

_METADATA = sa.MetaData()
_CHECKPOINTS = sa.Table(
    TABLE,
    _METADATA,
    sa.Column("app", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("step", sa.String(255), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("low", sa.Text),
    sa.Column("high", sa.Text),
    sa.Column("last", sa.Text),
    sa.Column("rows", sa.BigInteger, nullable=False, default=0),
    sa.Column("cleared", sa.Boolean, nullable=False, default=True),
    sa.Column("done", sa.Boolean, nullable=False, default=False),
)


@dataclass(frozen=True)
class WalkId:
    """Of which walk: the migration's app and name, and the id of the step in it."""

    app: str
    name: str
    step: str


@dataclass(frozen=True)
class Checkpoint:
    """The state of a part: ``last`` is the key up to which its ``span`` is done.

    rows: how many that is. cleared: True if no row that was done meets the walk's condition any
    more, so that one which does has been missed. done: True if the end is reached.
    """

    part: int
    span: Span
    last: Key | None = None
    rows: int = 0
    cleared: bool = True
    done: bool = False

    @property
    def left(self) -> Span:
        """The rows that are still to be walked."""
        return Span(self.last if self.last is not None else self.span.low, self.span.high)


def prepare(connection: Connection) -> None:
    """Make the table where it is missing. Call it in a transaction."""
    if not has_table(connection, TABLE):
        _CHECKPOINTS.create(connection, checkfirst=False)


def parts(connection: Connection, walk: WalkId) -> list[Checkpoint]:
    """Return the parts of a walk, in their order; none where it has not begun."""
    query = sa.select(_CHECKPOINTS).filter_by(**asdict(walk)).order_by(_CHECKPOINTS.c.part)
    return [_checkpoint(row) for row in connection.execute(query)]


def walked(connection: Connection) -> dict[tuple[str, str], int]:
    """Return the number of rows that the walks of each half-done migration have committed."""
    if not has_table(connection, TABLE):
        return {}
    columns = _CHECKPOINTS.c
    query = sa.select(columns.app, columns.name, sa.func.sum(columns.rows))
    rows = connection.execute(query.group_by(columns.app, columns.name))
    return {(app, name): int(number) for app, name, number in rows}


def start(connection: Connection, walk: WalkId, spans: Sequence[Span]) -> None:
    """Note that a walk begins, in parts."""
    rows = [
        {"part": part, "low": encode(span.low), "high": encode(span.high)}
        for part, span in enumerate(spans)
    ]
    connection.execute(sa.insert(_CHECKPOINTS).values(asdict(walk)), rows)


def lock(connection: Connection, walk: WalkId, part: int) -> Checkpoint:
    """Return where a part stands, and keep others from moving it on in this transaction.

    Raises `ConcurrentRun` where another runner has ended the walk.
    """
    query = sa.select(_CHECKPOINTS).filter_by(**asdict(walk), part=part).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise ConcurrentRun
    return _checkpoint(row)


def move(connection: Connection, walk: WalkId, to: Checkpoint) -> None:
    """Note how far a part has come, in the transaction of the batch that brought it there."""
    statement = sa.update(_CHECKPOINTS).filter_by(**asdict(walk), part=to.part)
    connection.execute(
        statement.values(last=encode(to.last), rows=to.rows, cleared=to.cleared, done=to.done)
    )


def restart(connection: Connection, walk: WalkId) -> None:
    """Note that the whole way is to be gone once more."""
    again = {"last": None, "rows": 0, "done": False}
    connection.execute(sa.update(_CHECKPOINTS).filter_by(**asdict(walk)).values(again))


def clear(connection: Connection, app: str, name: str) -> None:
    """Take out all of a migration's parts, in the transaction that records it."""
    if has_table(connection, TABLE):
        connection.execute(sa.delete(_CHECKPOINTS).filter_by(app=app, name=name))


def _checkpoint(row: Any) -> Checkpoint:
    span = Span(decode(row.low), decode(row.high))
    return Checkpoint(row.part, span, decode(row.last), row.rows, row.cleared, row.done)


def encode(key: Key | None) -> str | None:
    """Return a key as text. Raises `UnsupportedError` for a kind of value that cannot be written."""
    if key is None:
        return None
    try:
        return serializer.dumps(
            tuple(each.value if isinstance(each, Enum) else each for each in key)
        )
    except TypeError as error:
        raise UnsupportedError(
            f"a table cannot be walked by its primary key: {error}",
            hint="Use RunPython or RunSQL, and choose the batches there.",
        ) from error


def decode(text: str | None) -> Key | None:
    """Return the key of a text."""
    return None if text is None else tuple(serializer.loads(text))
