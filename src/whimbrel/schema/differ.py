"""Two schemas, and the ordered changes that make one of the other.

The order is one that every database accepts: what stands in the way goes first (foreign
keys, tables, other constraints, indexes, columns), then names change, then columns come and
change, then what is made of them; new tables come in the order of their foreign keys, and
foreign keys that point at something later come last.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from operator import attrgetter

from whimbrel.schema import changes as c
from whimbrel.schema.order import (
    ItemRename,
    by_dependency,
    item_rename_order,
    rename_order,
    temporary_name,
)
from whimbrel.schema.pairs import Pairs, T, pair
from whimbrel.schema.table import Column, ForeignKey, Index, Name, Schema, Table
from whimbrel.schema.table import Sequence as SequenceValue
from whimbrel.schema.table_pair import Blocked, TablePair
from whimbrel.schema.types import EnumType, Type


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
        self.enums: Pairs[EnumType] = _by_name_first(
            old.enums.values(), new.enums.values(), lambda enum: (enum.schema, enum.name)
        )
        self.sequences: Pairs[SequenceValue] = _by_name_first(
            old.sequences.values(), new.sequences.values(), lambda each: (each.schema, each.name)
        )
        self.moved = {before.at: after.at for before, after in self.tables.both}

    def changes(self) -> Iterator[c.Change]:
        yield from (c.CreateSchema(name) for name in sorted(self.new.schemas - self.old.schemas))
        yield from self._drop()
        yield from self._create_types()
        yield from self._rename()
        for each in self.pairs:
            yield from each.options()
            yield from each.add_and_alter_columns()
        for each in self.pairs:
            yield from each.add_items()
        yield from self._create_tables()
        yield from self._drop_types()

    # -- the tables on both sides

    @cached_property
    def _touched(self) -> list[TablePair]:
        """Those that are not one and the same value."""
        both = [(old, new) for old, new in self.tables.both if old is not new]
        columns = {old.at: pair(old.columns, new.columns, _column_name) for old, new in both}
        names = {
            at: {old.name: new.name for old, new in each.both if old.name != new.name}
            for at, each in columns.items()
        }
        enums = {old: new for old, new in self.enums.both if _enum_differs(old, new)}
        return [
            TablePair(old, new, columns[old.at], self.moved, names, enums, self._altered)
            for old, new in both
        ]

    @cached_property
    def _altered(self) -> dict[Type, Type]:
        """The domains that say something else under the same name."""
        was, now = self.old.domains, self.new.domains
        return {was[at]: now[at] for at in was if at in now and was[at] != now[at]}

    @cached_property
    def _blocked(self) -> Blocked:
        places = [(each.before.at, each) for each in self._touched]
        changed = ((at, name) for at, each in places for name in each.columns_with_other_type())
        losing = ((at, name) for at, each in places for name in each.losing_keys())
        return Blocked(frozenset(changed), frozenset(losing))

    @cached_property
    def pairs(self) -> list[TablePair]:
        """Those that the difference touches, also those that only must let go for a while."""
        if not self._blocked:
            return self._touched
        holding = [
            TablePair(old, old, pair(old.columns, old.columns, _column_name), {}, {}, {}, {})
            for old, new in self.tables.both
            if old is new and any(self._blocked.blocks(old.at, key) for key in old.foreign_keys)
        ]
        return [*self._touched, *holding]

    # -- types, sequences and schemas: before what needs them, after what did

    def _create_types(self) -> Iterator[c.Change]:
        enums = (pair for pair in self.enums.both if _enum_differs(*pair))
        yield from (c.AlterEnum(before, after) for before, after in enums)
        yield from (c.CreateEnum(enum) for enum in self.enums.new)
        yield from (c.AlterDomain(before, after) for before, after in self._altered.items())
        domains = _missing_from(self.new.domains, self.old.domains)
        yield from (c.CreateDomain(each) for each in domains)
        sequences = self.sequences.both
        yield from (c.AlterSequence(old, new) for old, new in sequences if old != new)
        yield from (c.CreateSequence(sequence) for sequence in self.sequences.new)

    def _drop_types(self) -> Iterator[c.Change]:
        gone = _missing_from(self.old.domains, self.new.domains)
        yield from (c.DropDomain(each) for each in reversed(gone))
        yield from (c.DropEnum(enum) for enum in self.enums.gone)
        yield from (c.DropSequence(sequence) for sequence in self.sequences.gone)
        yield from (c.DropSchema(name) for name in sorted(self.old.schemas - self.new.schemas))

    # -- what goes

    def _drop(self) -> Iterator[c.Change]:
        gone, late = by_dependency(self.tables.gone)
        yield from (c.DropConstraint(table.at, key) for table, key in late)
        for each in self.pairs:
            yield from each.drop_foreign_keys(self._blocked)
        # Before keys of tables that stay: a table that goes may point at them.
        yield from (c.DropTable(_without_keys(table, late)) for table in reversed(gone))
        for each in self.pairs:
            yield from each.drop_items()
        for each in self.pairs:
            yield from each.make_columns_plain()
            yield from each.drop_syncs()
            yield from each.drop_columns()

    # -- what is renamed

    def _rename(self) -> Iterator[c.Change]:
        moves = {before: after for before, after in self.moved.items() if before != after}
        for old, new in rename_order(moves, lambda at: Name(at.schema, temporary_name(at.name))):
            yield c.RenameTable(old, new)
        for each in self.pairs:
            yield from each.rename_columns()
        renames = [rename for each in self.pairs for rename in each.renames(self._blocked)]
        yield from map(_rename_item, item_rename_order(renames))

    # -- what comes

    def _create_tables(self) -> Iterator[c.Change]:
        tables, late = by_dependency(self.tables.new)
        yield from (c.CreateTable(_without_keys(table, late)) for table in tables)
        for each in self.pairs:
            yield from each.add_foreign_keys(self._blocked)
        yield from (c.AddConstraint(table.at, key) for table, key in late)


def _by_name_first(olds: Iterable[T], news: Iterable[T], name: Callable[[T], Hashable]) -> Pairs[T]:
    """Pair what has one name on both sides, whoever brought it; the rest by identity.

    So what is renamed always finds its new name free.
    """
    before = {name(old): old for old in olds}
    after = {name(new): new for new in news}
    both = [(old, after[at]) for at, old in before.items() if at in after]
    rest = pair(
        (old for at, old in before.items() if at not in after),
        (new for at, new in after.items() if at not in before),
    )
    return Pairs((*both, *rest.both), rest.gone, rest.new)


def _missing_from(those: Mapping[Name, Type], others: Mapping[Name, Type]) -> list[Type]:
    """The domains whose names the others have not."""
    return [each for at, each in those.items() if at not in others]


def _enum_differs(before: EnumType, after: EnumType) -> bool:
    """Return True if anything differs, also the identities of labels (two labels swapped)."""
    keys = [value.key for value in before.values] != [value.key for value in after.values]
    known = all(value.key for value in (*before.values, *after.values))
    return before != after or (known and keys)


def _without_keys(table: Table, late: Iterable[tuple[Table, ForeignKey]]) -> Table:
    keys = {key for owner, key in late if owner is table}
    rest = tuple(each for each in table.constraints if each not in keys)
    return replace(table, constraints=rest) if keys else table


_column_name: Callable[[Column], str] = attrgetter("name")


def _rename_item(rename: ItemRename) -> c.Change:
    if isinstance(rename.old, Index) and isinstance(rename.new, Index):
        return c.RenameIndex(rename.table, rename.old, rename.new)
    assert not isinstance(rename.old, Index) and not isinstance(rename.new, Index)
    return c.RenameConstraint(rename.table, rename.old, rename.new)
