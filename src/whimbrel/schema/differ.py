"""Two schemas, and the ordered changes that make one of the other.

The order is one that every database accepts: what stands in the way goes first (foreign
keys, other constraints, indexes, tables, columns), then names change, then columns come and
change, then what is made of them; new tables come in the order of their foreign keys, and
foreign keys that point at something later come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from whimbrel.schema import changes as c
from whimbrel.schema.order import by_dependency, rename_order
from whimbrel.schema.pairs import Pairs, pair
from whimbrel.schema.table import (
    Column,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from whimbrel.schema.types import EnumType, Type, replace_enums


def diff(old: Schema, new: Schema) -> list[c.Change]:
    """The changes, in order, that make ``new`` of ``old``.

    Both may be parts of schemas, as long as each holds every table that the difference
    touches: those that differ, those that point at what differs, those that share an enum
    type that differs.
    """
    return list(_Difference(old, new).changes())


class _Difference:
    """Everything that is worked out once for two schemas."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        self.tables: Pairs[Table] = pair(
            old.tables.values(), new.tables.values(), lambda table: table.at
        )
        self.enums: Pairs[EnumType] = pair(
            old.enums.values(),
            new.enums.values(),
            lambda enum: (enum.schema, enum.name),
            strict=False,
        )
        self.sequences = pair(
            old.sequences.values(),
            new.sequences.values(),
            lambda each: (each.schema, each.name),
            strict=False,
        )
        self.moved = {before.at: after.at for before, after in self.tables.both}

    @cached_property
    def pairs(self) -> list[_TablePair]:
        """The tables that are on both sides, with what became of their parts."""
        columns = {before.at: _column_names(before, after) for before, after in self.tables.both}
        enums = dict(self.enums.both)
        return [
            _TablePair(before, after, self.moved, columns, enums)
            for before, after in self.tables.both
        ]

    def changes(self) -> Iterator[c.Change]:
        yield from self._types_before()
        yield from self._away()
        yield from self._names()
        for each in self.pairs:
            yield from each.options()
            yield from each.columns_come_and_change()
        for each in self.pairs:
            yield from each.parts_come()
        yield from self._tables_come()
        yield from self._types_after()

    # types, sequences and schemas: before anything that needs them, after everything that did

    def _types_before(self) -> Iterator[c.Change]:
        yield from (c.CreateSchema(name) for name in sorted(self.new.schemas - self.old.schemas))
        yield from (
            c.AlterEnum(before, after)
            for before, after in self.enums.both
            if _enum_differs(before, after)
        )
        yield from (c.CreateEnum(enum) for enum in self.enums.new)
        yield from (
            c.AlterSequence(before, after)
            for before, after in self.sequences.both
            if before != after
        )
        yield from (c.CreateSequence(sequence) for sequence in self.sequences.new)

    def _types_after(self) -> Iterator[c.Change]:
        yield from (c.DropEnum(enum) for enum in self.enums.gone)
        yield from (c.DropSequence(sequence) for sequence in self.sequences.gone)
        yield from (c.DropSchema(name) for name in sorted(self.old.schemas - self.new.schemas))

    # what goes

    def _away(self) -> Iterator[c.Change]:
        gone, late = by_dependency(self.tables.gone)
        yield from (c.DropConstraint(table.at, key) for table, key in late)
        for each in self.pairs:
            yield from each.foreign_keys_go(self._blocked)
        for each in self.pairs:
            yield from each.parts_go()
        yield from (c.DropTable(_without_keys(table, late)) for table in reversed(gone))
        for each in self.pairs:
            yield from each.columns_go()

    @cached_property
    def _blocked(self) -> _Blocked:
        return _Blocked(
            frozenset((each.before.at, name) for each in self.pairs for name in each.retyped()),
            frozenset((each.before.at, name) for each in self.pairs for name in each.losing_keys()),
        )

    # what is renamed

    def _names(self) -> Iterator[c.Change]:
        moves = {before: after for before, after in self.moved.items() if before != after}
        for before, after in rename_order(moves, lambda at: Name(at.schema, f"{at.name}_whimbrel")):
            yield c.RenameTable(before, after)
        for each in self.pairs:
            yield from each.columns_are_renamed()

    # what comes

    def _tables_come(self) -> Iterator[c.Change]:
        tables, late = by_dependency(self.tables.new)
        yield from (c.CreateTable(_without_keys(table, late)) for table in tables)
        for each in self.pairs:
            yield from each.foreign_keys_come(self._blocked)
        yield from (c.AddConstraint(table.at, key) for table, key in late)


def _enum_differs(before: EnumType, after: EnumType) -> bool:
    """Whether anything differs, also a label's place in its history (two labels swapped)."""
    keys = [value.key for value in before.values] != [value.key for value in after.values]
    known = all(value.key for value in (*before.values, *after.values))
    return before != after or (known and keys)


def _without_keys(table: Table, late: Iterable[tuple[Table, ForeignKey]]) -> Table:
    keys = {key for owner, key in late if owner is table}
    return (
        replace(table, constraints=tuple(each for each in table.constraints if each not in keys))
        if keys
        else table
    )


def _column_pairs(before: Table, after: Table) -> Pairs[Column]:
    return pair(before.columns, after.columns, lambda column: column.name)


def _column_names(before: Table, after: Table) -> dict[str, str]:
    """Old name to new, where they differ, of the columns that are on both sides."""
    return {
        old.name: new.name for old, new in _column_pairs(before, after).both if old.name != new.name
    }


@dataclass(frozen=True)
class _Blocked:
    """Old columns that a foreign key must let go of: on both its ends, and as what it points at."""

    retyped: frozenset[tuple[Name, str]]
    losing: frozenset[tuple[Name, str]]


@dataclass(frozen=True)
class _Part:
    """A constraint or index of the old table: as it was, and in the names of the new one."""

    was: Constraint | Index
    now: Constraint | Index

    @property
    def key(self) -> str | None:
        return self.was.key


class _TablePair:
    """One table before and after."""

    def __init__(
        self,
        before: Table,
        after: Table,
        moved: dict[Name, Name],
        names: dict[Name, dict[str, str]],
        enums: dict[EnumType, EnumType],
    ) -> None:
        self.before, self.after = before, after
        self.names = names[before.at]
        self.columns = _column_pairs(before, after)
        self._enums = enums
        self._moved = moved
        self._all_names = names
        self.same_columns, self.altered, self.remade = self._column_fates()
        self.constraints = self._parts(before.constraints, after.constraints)
        self.indexes = self._parts(before.indexes, after.indexes)

    # -- columns

    def _translated(self, column: Column) -> Column:
        """An old column in the new names, with the new enum types."""
        renamed = c.rename_column(column, self.names) if self.names else column
        return (
            replace(renamed, type=replace_enums(renamed.type, self._enums))
            if self._enums
            else renamed
        )

    def _column_fates(
        self,
    ) -> tuple[list[Column], list[tuple[Column, Column]], list[tuple[Column, Column]]]:
        same: list[Column] = []
        altered: list[tuple[Column, Column]] = []
        for old, new in self.columns.both:
            now = self._translated(old)
            if now == new:
                same.append(new)
            else:
                altered.append((now, new))
        remade = [(old, new) for old, new in altered if _must_be_remade(old, new)]
        altered = [each for each in altered if each not in remade]
        touched = {new.name for old, new in altered if old.type != new.type}
        return (
            same,
            altered,
            [*remade, *((each, each) for each in same if _is_made_of(each, touched))],
        )

    def _old(self, name: str) -> Column:
        """The old column behind a name of the new table."""
        return next(old for old, new in self.columns.both if new.name == name)

    def columns_go(self) -> Iterator[c.Change]:
        gone = [*self.columns.gone, *(self._old(new.name) for _, new in self.remade)]
        for column in sorted(gone, key=lambda column: column.computed is None):
            yield c.DropColumn(self.before.at, column)

    def columns_are_renamed(self) -> Iterator[c.Change]:
        remade = {new.name for _, new in self.remade}
        names = {old: new for old, new in self.names.items() if new not in remade}
        for before, after in rename_order(names, lambda name: f"{name}_whimbrel"):
            yield c.RenameColumn(self.after.at, before, after)

    def columns_come_and_change(self) -> Iterator[c.Change]:
        come = [*self.columns.new, *(new for _, new in self.remade)]
        yield from (
            c.AddColumn(self.after.at, column) for column in come if column.computed is None
        )
        yield from (c.AlterColumn(self.after.at, old, new) for old, new in self.altered)
        yield from (
            c.AddColumn(self.after.at, column) for column in come if column.computed is not None
        )

    # -- the table itself

    def options(self) -> Iterator[c.Change]:
        before, after = self.before, self.after
        if (before.comment, before.options) != (after.comment, after.options):
            yield c.AlterTable(
                replace(after, comment=before.comment, options=before.options), after
            )

    # -- constraints and indexes

    def _parts(
        self,
        olds: Sequence[Constraint] | Sequence[Index],
        news: Sequence[Constraint] | Sequence[Index],
    ) -> Pairs[_Part]:
        before = [_Part(old, self._renamed(old)) for old in olds]
        after = [_Part(new, new) for new in news]
        return pair(
            before,
            after,
            lambda part: (type(part.now), part.now.name),
            lambda part: replace(part.now, name=""),
        )

    def _renamed(self, part: Constraint | Index) -> Constraint | Index:
        if isinstance(part, Index):
            return c.rename_in_index(part, self.names) if self.names else part
        renamed = c.rename_in_constraint(part, self.names) if self.names else part
        if not isinstance(renamed, ForeignKey):
            return renamed
        names = self._all_names.get(renamed.target, {})
        if not names and self._moved.get(renamed.target, renamed.target) == renamed.target:
            return renamed
        columns = tuple(names.get(column, column) for column in renamed.target_columns)
        return replace(
            renamed, target=self._moved.get(renamed.target, renamed.target), target_columns=columns
        )

    def retyped(self) -> Iterator[str]:
        """Old columns whose kind of type changes."""
        for old, new in self.altered:
            if _kind(old) != _kind(new):
                yield self._old(new.name).name

    def losing_keys(self) -> Iterator[str]:
        """Old columns whose primary or unique key goes."""
        for part in self._going(self.constraints):
            if isinstance(part.was, PrimaryKey | Unique):
                yield from part.was.columns

    def _going(self, parts: Pairs[_Part]) -> Iterator[_Part]:
        """Those that are gone, and those that must be made anew."""
        yield from parts.gone
        for old, new in parts.both:
            if replace(old.now, name=new.now.name) != new.now or self._is_on_remade(new.now):
                yield old

    def _coming(self, parts: Pairs[_Part]) -> Iterator[_Part]:
        yield from parts.new
        for old, new in parts.both:
            if replace(old.now, name=new.now.name) != new.now or self._is_on_remade(new.now):
                yield new

    def _is_on_remade(self, part: Constraint | Index) -> bool:
        remade = {new.name for _, new in self.remade}
        return bool(remade) and bool(mentioned(part, frozenset(remade)))

    def _is_held(self, key: ForeignKey, blocked: _Blocked) -> bool:
        """Whether an old foreign key holds a column that must change."""
        own = {(self.before.at, column) for column in key.columns}
        target = {(key.target, column) for column in key.target_columns}
        return not (blocked.retyped.isdisjoint(own | target) and blocked.losing.isdisjoint(target))

    def _held(self, blocked: _Blocked) -> list[tuple[_Part, _Part]]:
        """Foreign keys that stay, but must let go for a while."""
        going = {id(part) for part in self._going(self.constraints)}
        return [
            (old, new)
            for old, new in self.constraints.both
            if isinstance(old.was, ForeignKey)
            and id(old) not in going
            and self._is_held(old.was, blocked)
        ]

    def foreign_keys_go(self, blocked: _Blocked) -> Iterator[c.Change]:
        going = [*self._going(self.constraints), *(old for old, _ in self._held(blocked))]
        for part in going:
            if isinstance(part.was, ForeignKey):
                yield c.DropConstraint(self.before.at, part.was)

    def foreign_keys_come(self, blocked: _Blocked) -> Iterator[c.Change]:
        coming = [*self._coming(self.constraints), *(new for _, new in self._held(blocked))]
        for part in coming:
            if isinstance(part.now, ForeignKey):
                yield c.AddConstraint(self.after.at, part.now)

    def parts_go(self) -> Iterator[c.Change]:
        for part in self._going(self.indexes):
            if isinstance(part.was, Index):
                yield c.DropIndex(self.before.at, part.was)
        for part in self._going(self.constraints):
            if not isinstance(part.was, Index | ForeignKey):
                yield c.DropConstraint(self.before.at, part.was)

    def parts_come(self) -> Iterator[c.Change]:
        yield from self._parts_are_renamed()
        for part in self._coming(self.constraints):
            if not isinstance(part.now, Index | ForeignKey):
                yield c.AddConstraint(self.after.at, part.now)
        for part in self._coming(self.indexes):
            if isinstance(part.now, Index):
                yield c.AddIndex(self.after.at, part.now)

    def _parts_are_renamed(self) -> Iterator[c.Change]:
        for parts in (self.constraints, self.indexes):
            for old, new in parts.both:
                if old.now.name != new.now.name and replace(old.now, name=new.now.name) == new.now:
                    yield from self._part_is_renamed(old.now, new.now)

    def _part_is_renamed(
        self, old: Constraint | Index, new: Constraint | Index
    ) -> Iterator[c.Change]:
        if self._is_on_remade(new):
            return
        if isinstance(old, Index) and isinstance(new, Index):
            yield c.RenameIndex(self.after.at, old, new)
        elif not isinstance(old, Index) and not isinstance(new, Index):
            yield c.RenameConstraint(self.after.at, old, new)


def mentioned(part: Constraint | Index, columns: frozenset[str]) -> frozenset[str]:
    """Which of these columns a constraint or an index is made of, in expressions too."""
    probes = {name: f"\0{name}" for name in columns}
    if isinstance(part, Index):
        changed = c.rename_in_index(part, probes) != part
        return columns if changed else frozenset()
    return columns if c.rename_in_constraint(part, probes) != part else frozenset()


def _kind(column: Column) -> object:
    """What of a type a foreign key minds: its class, not its length."""
    return column.type.path if isinstance(column.type, Type) else "enum"


def _must_be_remade(old: Column, new: Column) -> bool:
    """A computed column that is computed otherwise, or a column that turns computed or back."""
    return old.computed != new.computed or (new.computed is not None and old.type != new.type)


def _is_made_of(column: Column, names: set[str]) -> bool:
    return column.computed is not None and bool(
        column.computed.expression.columns(frozenset(names))
    )
