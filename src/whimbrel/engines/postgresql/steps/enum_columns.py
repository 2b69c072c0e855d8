"""All columns of an enum type on their way to another one, with all that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import altering, columns, dependents, usage
from whimbrel.engines.postgresql.steps.builder import Builder
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.tracker import is_using
from whimbrel.engines.step import Lock, Step
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import Constant
from whimbrel.schema.table import Column, Table
from whimbrel.schema.types import ColumnType, EnumType, enum_types, replace_enums


class EnumExchange:
    """``made``: the new type under the name that it has while the columns change.

    ``renamed``: labels that have another name now. Rows of a type of its own have followed by
    themselves; those of a VARCHAR are written.
    """

    def __init__(
        self, change: c.AlterEnum, made: EnumType, renamed: dict[str, str], builder: Builder
    ) -> None:
        self.builder = builder
        self.old, self.made, self.new = change.old, made, change.new
        self.unproven = change.unproven
        self.renamed = renamed
        self.tables = builder.tracker.using(self.old)
        names = {table.at: [column.name for column in self._of(table)] for table in self.tables}
        #: By table, the computed columns that are made of columns of the type; True: it comes back.
        self.computed = {
            table.at: [
                (column, not dependents.goes_later(table.at, column, builder))
                for column in table.columns
                if column.computed is not None
                and column.computed.expression.columns(frozenset(names[table.at]))
            ]
            for table in self.tables
        }
        found = [*dependents.keys_between(names, builder)]
        for table in self.tables:
            found += dependents.of_columns(table, names[table.at], builder)
            computed = [column.name for column, _ in self.computed[table.at]]
            found += dependents.of_columns(table, computed, builder, every=True)
        self.dependents = list(dict.fromkeys(found))

    def _of(self, table: Table) -> list[Column]:
        """The columns of the enum type, or of arrays of it."""
        return [column for column in table.columns if is_using(Table("", (column,)), self.old)]

    # -- before: they change --------------------------------------------------------------------

    def steps_before(self) -> Iterator[Step]:
        yield from dependents.drop(self.dependents, self.builder)
        for table in self.tables:
            for column, _ in self.computed[table.at]:
                name = COMPILER.quote(column.name)
                yield self.builder.alter(table.at, f"DROP COLUMN {name}")
            for column in self._of(table):
                yield from self._retype(table, column)

    def _retype(self, table: Table, column: Column) -> Iterator[Step]:
        made = _exchange(column.type, self.old, self.made)
        now = replace(column, type=made, lossy=False)
        if columns.label_check(column, table) is not None:
            yield columns.drop_label_check(table.at, column, self.builder)
        changes = self._changes_type(column)
        if changes and column.default is not None:
            name = COMPILER.quote(column.name)
            yield self.builder.alter(table.at, f"ALTER COLUMN {name} DROP DEFAULT")
        typed = []
        if changes:
            typed = [altering.set_type(table.at, column, now, self.builder, has_keys=False)]
        written = list(self._rename_labels(table, column))
        # A VARCHAR grows before longer labels come; what takes less takes new labels only.
        grows = not COMPILER.has_type_of(self.new) and self.new.width >= self.old.width
        yield from [*typed, *written] if grows else [*written, *typed]

    def _changes_type(self, column: Column) -> bool:
        after = _exchange(column.type, self.old, self.made)
        return COMPILER.type(column.type) != COMPILER.type(after)

    def _rename_labels(self, table: Table, column: Column) -> Iterator[Step]:
        """Renamed labels in the rows of a VARCHAR."""
        if not self.renamed or COMPILER.has_type_of(self.old):
            return
        name = COMPILER.quote(column.name)
        cases = " ".join(
            f"WHEN {text(before)} THEN {text(after)}" for before, after in self.renamed.items()
        )
        yield self.builder.step(
            f"UPDATE {COMPILER.at(table.at)} SET {name} = CASE {name} {cases} END "
            f"WHERE {name} IN ({', '.join(map(text, self.renamed))})",
            (table.at, Lock.ROW_EXCLUSIVE),
            scans=True,
        )

    # -- after: what is made of them comes back -------------------------------------------------

    def steps_after(self) -> Iterator[Step]:
        now = {table.at: self._after(table) for table in self.tables}
        for table in self.tables:
            for column in self._of(table):
                yield from self._restore(column, now[table.at])
            for column, stays in self.computed[table.at]:
                if stays:
                    yield columns.add(table.at, column, now[table.at], self.builder)
                    if column.comment is not None:
                        yield self.builder.comment(table.at, column.comment, column.name)
        yield from dependents.recreate(self.dependents, now, self.builder)

    def _restore(self, before: Column, table: Table) -> Iterator[Step]:
        at, after = table.at, table.column(before.name)
        later = usage.default_goes(self.builder.later, at, before.name)
        has_other = before.default != after.default or self._changes_type(before)
        if after.default is not None and has_other and not later:
            yield columns.set_default(at, after, self.builder)
        yield from columns.add_label_check(after, table, self.builder, unproven=self.unproven)

    def _after(self, table: Table) -> Table:
        """The table with the new type, and defaults under their labels' new names."""
        mine = {column.name for column in self._of(table)}
        return replace(
            table,
            columns=tuple(
                self._column_after(column) if column.name in mine else column
                for column in table.columns
            ),
        )

    def _column_after(self, column: Column) -> Column:
        default = column.default
        if isinstance(default, Constant):
            default = Constant(_renamed(default.value, self.renamed))
        return replace(column, type=_exchange(column.type, self.old, self.new), default=default)


def _renamed(value: object, renamed: dict[str, str]) -> object:
    if isinstance(value, list | tuple):
        return type(value)(_renamed(each, renamed) for each in value)
    return renamed.get(value, value) if isinstance(value, str) else value


def _exchange(type: ColumnType, old: EnumType, new: EnumType) -> ColumnType:
    """The type with the enum in it exchanged, by name."""
    at = old.at
    by = {each: new for each in enum_types(type) if each.at == at}
    return replace_enums(type, by)
