"""A table made anew, with everything that it held (lang_altertable.html, 7).

Offline a rebuild is what the state says; on a connection it is what the database says: columns,
constraints, indexes and triggers that someone made by hand go along. The old table is never
renamed out of the way, since the foreign keys of others would follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.losses import loss
from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import ddl
from whimbrel.engines.sqlite.reflect import live as l
from whimbrel.engines.sqlite.steps import copying
from whimbrel.engines.sqlite.steps.conversions import give_functions
from whimbrel.errors import StepError
from whimbrel.schema.table import Name, Table

#: What the name of a table begins with until it takes the old one's place.
ASIDE = "whimbrel_new_"


@dataclass(frozen=True)
class Rebuild:
    """A table before and after; both under the name that it has by now."""

    before: Table
    after: Table

    def offline(self) -> tuple[str, ...]:
        """The statements, as far as they are known without the database."""
        indexes = tuple(t.create_index(index, self.after) for index in self.after.indexes)
        return tuple(_statements(self.before, self.after, l.ByHand(indexes)))

    def statements(self, connection: Connection) -> list[str]:
        """The statements for the database at hand. Raises `StepError` where data would be lost."""
        table = l.read(connection, self.before.at)
        self._refuse_missing_columns(table)
        self._refuse_taken_name(connection)
        found = l.by_hand(table, self.before, self.after)
        before = l.as_it_is(self.before, table, self.before)
        after = l.as_it_is(self.after, table, self.before)
        self._refuse_misfits(connection, before, after)
        known = {index.name: index for index in self.before.indexes}
        new = (each for each in after.indexes if known.get(each.name) != each)
        indexes = (*found.indexes, *(t.create_index(each, after) for each in new))
        return list(_statements(before, after, replace(found, indexes=indexes)))

    def _refuse_missing_columns(self, table: l.LiveTable) -> None:
        there = {column.name.lower() for column in table.definition.columns}
        for column in self.before.columns:
            if column.name.lower() not in there:
                raise StepError(
                    f"the column {column.name!r} is not in the database",
                    place=str(self.before.at),
                    hint="Was it dropped or renamed by hand? Bring it back as the migrations left it.",
                )

    def _refuse_taken_name(self, connection: Connection) -> None:
        """Raise `StepError` where the new table's temporary name is taken."""
        name = f"{ASIDE}{self.after.name}"
        kind = l.kind_of(connection, Name(self.after.schema, name))
        if kind is not None:
            raise StepError(
                f"there is {'an' if kind == 'index' else 'a'} {kind} {name}, and a copy of "
                f"{self.after.name} needs that name",
                place=str(self.after.at),
                hint="No migration made it: drop or rename it.",
            )

    def _refuse_misfits(self, connection: Connection, before: Table, after: Table) -> None:
        give_functions(connection)
        for old, new, query in copying.misfits(before, after):
            found = execute(connection, query).first()
            if found is not None:
                raise loss(before, old, new, tuple(found), COMPILER)


@dataclass(frozen=True)
class Dropping:
    """A column that goes by ``alter``; or by a rebuild, where something made by hand uses it."""

    rebuild: Rebuild
    column: str
    alter: str

    def statements(self, connection: Connection) -> list[str]:
        """The statements for the database at hand. Raises `StepError` where data would be lost."""
        found = l.read(connection, self.rebuild.before.at)
        if _is_used_by_hand(found, self.column):
            return self.rebuild.statements(connection)
        return [self.alter]


def _is_used_by_hand(table: l.LiveTable, column: str) -> bool:
    """Return True if indexes or constraints that someone made by hand stand in the way."""
    columns, constraints = table.definition.columns, table.definition.all_constraints
    texts = [each.text for each in constraints]
    texts += [each.text for each in columns if each.name in table.generated]
    is_made_of_it = any(ddl.mentions(text, column) for text in texts)
    return is_made_of_it or any(ddl.is_on(sql, column) for sql in table.indexes.values())


def _statements(before: Table, after: Table, by_hand: l.ByHand) -> Iterator[str]:
    aside = Name(after.schema, f"{ASIDE}{after.name}")
    yield t.create_table(after, under=aside.name, more=by_hand.definitions)
    yield _copy(before, after, aside, by_hand.columns)
    yield from _counter(before, after, aside)
    yield f"DROP TABLE {COMPILER.at(before.at)}"
    # Else RENAME would look into views and triggers, which miss the table just now.
    yield "PRAGMA legacy_alter_table = ON"
    yield f"ALTER TABLE {COMPILER.at(aside)} RENAME TO {COMPILER.quote(after.name)}"
    yield "PRAGMA legacy_alter_table = OFF"
    yield from by_hand.indexes
    yield from by_hand.triggers


def _copy(before: Table, after: Table, aside: Name, more: tuple[str, ...]) -> str:
    """INSERT ... SELECT with every column named; with the rowid where nothing else keeps it."""
    pairs = [
        (COMPILER.quote(each.new.name), each.expression) for each in copying.copied(before, after)
    ]
    pairs += [(COMPILER.quote(name), copying.source(before, name)) for name in more]
    if t.has_rowid(before) and t.has_rowid(after) and t.rowid_alias(after) is None:
        pairs.insert(0, (copying.rowid_name(before, after), copying.rowid(before)))
    if not pairs:  # nothing is left of a row but that it is there
        pairs = [(COMPILER.quote(after.columns[0].name), "NULL")]
    into = ", ".join(name for name, _ in pairs)
    values = ", ".join(expression for _, expression in pairs)
    return (
        f"INSERT INTO {COMPILER.at(aside)} ({into}) SELECT {values} FROM {COMPILER.at(before.at)}"
    )


def _counter(before: Table, after: Table, aside: Name) -> Iterator[str]:
    """AUTOINCREMENT goes on where it was: numbers of rows that are gone are not given again."""
    if t.autoincrement(before) and t.autoincrement(after):
        sequence = (
            f"{COMPILER.quote(after.schema)}.sqlite_sequence" if after.schema else "sqlite_sequence"
        )
        yield f"DELETE FROM {sequence} WHERE name = {text(aside.name)}"
        yield (
            f"INSERT INTO {sequence} (name, seq) SELECT {text(aside.name)}, seq"
            f" FROM {sequence} WHERE name = {text(before.name)}"
        )
