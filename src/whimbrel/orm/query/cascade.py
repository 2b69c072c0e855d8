"""ON DELETE by statements of ours, where the database does not do it.

SQLite enforces foreign keys only where it was told to before the transaction began
(foreignkeys.html, 2), and a migration that makes a table anew must tell it not to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.errors import QueryError
from whimbrel.orm.hops import hop_of
from whimbrel.orm.meta import Meta, meta_of
from whimbrel.orm.query.row_reader import take_chunks
from whimbrel.orm.referrers import find_referrers
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField, OnDelete

Key = tuple[Any, ...]

#: Queries for whether a connection does what ON DELETE says; databases that are not here always do.
_ENFORCED = {"sqlite": "PRAGMA foreign_keys"}

_AT_ONCE = 400


def does_cascade(connection: Connection) -> bool:
    """True if the database does what ON DELETE says."""
    asked = _ENFORCED.get(connection.dialect.name)
    return asked is None or bool(connection.exec_driver_sql(asked).scalar())


def cascade(connection: Connection, meta: Meta, keys: Sequence[Key]) -> None:
    """Do what ON DELETE says of all that points at rows which are about to go.

    Raises `QueryError` for rows that must not be left alone.
    """
    work = _Cascade(connection, {meta.label: set(keys)}, [(meta, list(keys))])
    while work.waiting:
        gone, some = work.waiting.pop()
        work.follow(gone, some)
    for owner, rows in work.below:
        for where in _key_conditions(owner, rows):
            connection.execute(sa.delete(owner.table).where(where))


@dataclass
class _Cascade:
    """The rows that go, by label; ``waiting``: those whose referrers are still to be looked for."""

    connection: Connection
    gone: dict[str, set[Key]]
    waiting: list[tuple[Meta, list[Key]]]
    below: list[tuple[Meta, list[Key]]] = field(default_factory=list)

    def follow(self, meta: Meta, keys: list[Key]) -> None:
        """Follow the relations that point at rows of a model."""
        for label, name, relation in find_referrers(meta.apps.state, meta.value):
            owner = meta_of(meta.apps, label)
            if isinstance(relation, ForeignKey) and relation.db_constraint:
                self._follow_key(owner, name, relation, meta, keys)
            elif isinstance(relation, ManyToManyField) and relation.through is None:
                self._delete_links(owner, name, meta, keys, near=False)
        for each in meta.many_to_many:
            if each.meta is meta and getattr(each.field, "through", None) is None:
                self._delete_links(meta, each.name, meta, keys, near=True)

    def _follow_key(
        self, owner: Meta, name: str, relation: ForeignKey, meta: Meta, keys: list[Key]
    ) -> None:
        column = owner.fields_by_name[name].table_column
        target = meta.target_field(relation.to_field).table_column
        for where in _key_conditions(meta, keys):
            pointing = column.in_(sa.select(target).where(where))
            match relation.on_delete:
                case OnDelete.CASCADE:
                    rows = self._rows(owner, pointing)
                    if rows:
                        self.gone[owner.label].update(rows)
                        self.waiting.append((owner, rows))
                        self.below.append((owner, rows))
                case OnDelete.SET_NULL:
                    statement = sa.update(owner.table).where(pointing)
                    self.connection.execute(statement.values({column: None}))
                case OnDelete.RESTRICT | OnDelete.PROTECT:
                    self._refuse(owner, name, pointing, meta)

    def _rows(self, owner: Meta, pointing: Any) -> list[Key]:
        columns = (each.table_column for each in owner.primary_key)
        rows = self.connection.execute(sa.select(*columns).where(pointing))
        gone = self.gone.setdefault(owner.label, set())
        return [key for row in rows if (key := tuple(row)) not in gone]

    def _refuse(self, owner: Meta, name: str, pointing: Any, meta: Meta) -> None:
        rows = self._rows(owner, pointing)
        if rows:
            raise QueryError(
                f"{len(rows)} rows of {owner.label} point at rows of {meta.label} by {name!r}, "
                "and keep them from being deleted",
                hint=f"Delete those of {owner.label} first, or make them point at others.",
            )

    def _delete_links(
        self, owner: Meta, name: str, meta: Meta, keys: list[Key], near: bool
    ) -> None:
        """Delete the rows of a table between."""
        through = hop_of(owner, name).through
        assert through is not None
        column = through.meta.fields_by_name[through.near if near else through.far].table_column
        for where in _key_conditions(meta, keys):
            pointed = sa.select(meta.pk.table_column).where(where)
            self.connection.execute(sa.delete(through.meta.table).where(column.in_(pointed)))


def _key_conditions(meta: Meta, keys: list[Key]) -> Iterator[Any]:
    """Yield conditions for rows by their keys, ``_AT_ONCE`` of them at a time."""
    columns = [each.table_column for each in meta.primary_key]
    for some in take_chunks(keys, _AT_ONCE):
        if len(columns) == 1:
            yield columns[0].in_([key[0] for key in some])
        else:
            yield sa.tuple_(*columns).in_(some)
