"""One table before and after: what becomes of its columns, constraints and indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from whimbrel.schema import changes as c
from whimbrel.schema.domains import replace_domains
from whimbrel.schema.expressions import Q
from whimbrel.schema.families import family_of
from whimbrel.schema.order import ItemRename, rename_order, sort_columns, temporary_name
from whimbrel.schema.pairs import Pairs, pair
from whimbrel.schema.swaps import DropSync
from whimbrel.schema.table import (
    Column,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from whimbrel.schema.types import EnumType, Type, enum_types, replace_enums


@dataclass(frozen=True)
class Blocked:
    """Old columns that a foreign key must let go of: on both its ends, and as what it points at."""

    type_changed: frozenset[tuple[Name, str]]
    losing: frozenset[tuple[Name, str]]

    def __bool__(self) -> bool:
        return bool(self.type_changed or self.losing)

    def blocks(self, at: Name, key: ForeignKey) -> bool:
        """Return True if a foreign key of the old table holds a column that must change."""
        own = {(at, column) for column in key.columns}
        target = {(key.target, column) for column in key.target_columns}
        return not (self.type_changed.isdisjoint(own | target) and self.losing.isdisjoint(target))


@dataclass(frozen=True)
class _Item:
    """A constraint or index of the old table: as it was, and in the names of the new one."""

    was: Constraint | Index
    now: Constraint | Index

    @property
    def key(self) -> str | None:
        return self.was.key


class TablePair:
    """A table before and after.

    ``moved``: old places of tables to new ones. ``names``: by a table's old place, its renamed
    columns. ``enums``, ``domains``: the types of their own that differ.
    """

    def __init__(
        self,
        before: Table,
        after: Table,
        columns: Pairs[Column],
        moved: Mapping[Name, Name],
        names: Mapping[Name, Mapping[str, str]],
        enums: Mapping[EnumType, EnumType],
        domains: Mapping[Type, Type],
    ) -> None:
        self.before, self.after = before, after
        self._moved, self._all_names = moved, names
        self._names = names.get(before.at, {})
        self._columns, self._enums, self._domains = columns, enums, domains
        self._compare_columns()
        #: Those that go and that come, those too that are made anew; and those that stay.
        self.going: list[Constraint | Index] = []
        self.coming: list[Constraint | Index] = []
        self.staying: list[tuple[_Item, _Item]] = []
        self._add_items(before.constraints, after.constraints)
        self._add_items(before.indexes, after.indexes)

    # -- columns

    def _compare_columns(self) -> None:
        """``altered``: old (in the new names) and new; ``recreated``: those that go and come back."""
        self.altered: list[tuple[Column, Column]] = []
        self.recreated: list[Column] = []
        self._plain: list[tuple[Column, Column]] = []
        touched = {column.name for column in self._columns.new}
        is_plain = not (self._names or self._enums or self._domains)
        for old, new in self._columns.both:
            if old is new and is_plain:
                continue
            now = self._translate(self._as_plain(old, new))
            if now != new:
                self.altered.append((now, new))
            if _has_other_type(now, new) or self._has_other_labels(old):
                touched.add(new.name)
            if now != new and _must_be_recreated(now, new):
                self.recreated.append(new)
                touched.add(new.name)
        if touched:
            self._recreate_dependents(touched)
        if self.recreated:
            again = {column.name for column in self.recreated}
            self.altered = [each for each in self.altered if each[1].name not in again]
        self.fresh = frozenset(each.name for each in (*self.recreated, *self._columns.new))
        self._literals_changed = frozenset(
            new.name for old, new in self.altered if _literal(old) != _literal(new)
        )

    def _as_plain(self, old: Column, new: Column) -> Column:
        """A stored column that is computed no more keeps what is in it, before its sources go."""
        if old.computed is None or not old.computed.stored or new.computed is not None:
            return old
        plain = replace(old, computed=None)
        self._plain.append((old, plain))
        return plain

    def make_columns_plain(self) -> Iterator[c.Change]:
        yield from (c.AlterColumn(self.before.at, old, plain) for old, plain in self._plain)

    def _translate(self, column: Column) -> Column:
        """An old column in the new names, with the new enum types and domains."""
        now = column.rename(self._names) if self._names else column
        if self._domains:
            now = replace(now, type=replace_domains(now.type, self._domains))
        return replace(now, type=replace_enums(now.type, self._enums)) if self._enums else now

    def _has_other_labels(self, old: Column) -> bool:
        """Return True if the column's enum type may have to be exchanged for another one."""
        used = [(enum, self._enums.get(enum, enum)) for enum in enum_types(old.type)]
        return any(_labels(before) != _labels(after) for before, after in used)

    def _recreate_dependents(self, touched: set[str]) -> None:
        """Computed columns over columns that are not what they were, and so on over those."""
        known = {column.name for column in self.recreated}
        left = [new for _, new in self._columns.both if new.computed and new.name not in known]
        while found := [each for each in left if each.computed_from(touched)]:
            self.recreated += found
            touched.update(each.name for each in found)
            left = [each for each in left if each not in found]

    def _old(self, name: str) -> Column:
        """The old column behind a name of the new table."""
        return next(old for old, new in self._columns.both if new.name == name)

    def drop_syncs(self) -> Iterator[c.Change]:
        """Those that a migration has left that did not end: nothing else makes any."""
        gone = [each for each in self.before.syncs if each not in self.after.syncs]
        yield from (DropSync(self.before.at, each) for each in gone)

    def drop_columns(self) -> Iterator[c.Change]:
        """Those that are made of others first."""
        gone = [*self._columns.gone, *(self._old(new.name) for new in self.recreated)]
        for column in reversed(sort_columns(gone)):
            yield c.DropColumn(self.before.at, column)

    def rename_columns(self) -> Iterator[c.Change]:
        recreated = {new.name for new in self.recreated}
        names = {old: new for old, new in self._names.items() if new not in recreated}
        for before, after in rename_order(names, temporary_name):
            yield c.RenameColumn(self.after.at, before, after)

    def add_and_alter_columns(self) -> Iterator[c.Change]:
        come = sort_columns([*self._columns.new, *self.recreated])
        at = self.after.at
        yield from (c.AddColumn(at, column) for column in come if column.computed is None)
        yield from (c.AlterColumn(at, old, new) for old, new in self.altered)
        yield from (c.AddColumn(at, column) for column in come if column.computed is not None)

    def columns_with_other_type(self) -> Iterator[str]:
        """Old columns whose kind of type changes."""
        for old, new in self.altered:
            if _kind(old) != _kind(new):
                yield self._old(new.name).name

    # -- the table itself

    def options(self) -> Iterator[c.Change]:
        before, after = self.before, self.after
        if (before.comment, before.options) != (after.comment, after.options):
            old = replace(after, comment=before.comment, options=before.options)
            yield c.AlterTable(old, after)

    # -- constraints and indexes

    def _add_items(
        self, olds: Sequence[Constraint | Index], news: Sequence[Constraint | Index]
    ) -> None:
        parts = pair(
            [_Item(old, self._translate_item(old)) for old in olds],
            [_Item(new, new) for new in news],
            lambda part: (type(part.now), part.now.name) if part.now.name else part.now,
            lambda part: replace(part.now, name=""),
        )
        again = [each for each in parts.both if self._must_be_made_anew(*each)]
        self.going += [old.was for old in (*parts.gone, *(old for old, _ in again))]
        self.coming += [new.now for new in (*parts.new, *(new for _, new in again))]
        self.staying += [each for each in parts.both if each not in again]

    def _translate_item(self, part: Constraint | Index) -> Constraint | Index:
        renamed = part.rename(self._names) if self._names else part
        if isinstance(renamed, ForeignKey):
            return renamed.follow_target(self._moved, self._all_names)
        return renamed

    def _must_be_made_anew(self, old: _Item, new: _Item) -> bool:
        if old.now != new.now and replace(old.now, name=new.now.name) != new.now:
            return True
        if self.fresh and new.now.columns_among(self.fresh):
            return True
        if not self._literals_changed:
            return False
        # What it compares with values: those are written for the column's type.
        _, expressions = new.now.mentions()
        compared = (name for of in expressions if isinstance(of, Q) for name in of.names())
        return not self._literals_changed.isdisjoint(compared)

    def losing_keys(self) -> Iterator[str]:
        """Old columns whose primary or unique key goes."""
        for part in self.going:
            if isinstance(part, PrimaryKey | Unique) or (isinstance(part, Index) and part.unique):
                yield from part.columns

    def _recreated_keys(self, blocked: Blocked) -> list[tuple[ForeignKey, ForeignKey]]:
        """Foreign keys that stay, but must let go for a while."""
        if not blocked:
            return []
        return [
            (old.was, new.now)
            for old, new in self.staying
            if isinstance(old.was, ForeignKey)
            and isinstance(new.now, ForeignKey)
            and blocked.blocks(self.before.at, old.was)
        ]

    def drop_foreign_keys(self, blocked: Blocked) -> Iterator[c.Change]:
        for key in (*self.going, *(old for old, _ in self._recreated_keys(blocked))):
            if isinstance(key, ForeignKey):
                yield c.DropConstraint(self.before.at, key)

    def add_foreign_keys(self, blocked: Blocked) -> Iterator[c.Change]:
        for key in (*self.coming, *(new for _, new in self._recreated_keys(blocked))):
            if isinstance(key, ForeignKey):
                yield c.AddConstraint(self.after.at, key)

    def drop_items(self) -> Iterator[c.Change]:
        yield from (c.DropIndex(self.before.at, each) for each in _indexes(self.going))
        yield from (c.DropConstraint(self.before.at, each) for each in _constraints(self.going))

    def add_items(self) -> Iterator[c.Change]:
        yield from (c.AddConstraint(self.after.at, each) for each in _constraints(self.coming))
        yield from (c.AddIndex(self.after.at, each) for each in _indexes(self.coming))

    def renames(self, blocked: Blocked) -> Iterator[ItemRename]:
        """The parts that stay under another name; a key that lets go comes back with it."""
        held = {new for _, new in self._recreated_keys(blocked)}
        for old, new in self.staying:
            # What has no name in a database differs in nothing from an equal one that has.
            named = old.now.name and new.now.name
            if named and old.now.name != new.now.name and new.now not in held:
                yield ItemRename(self.after.at, old.now, new.now)


def _indexes(parts: Iterable[Constraint | Index]) -> list[Index]:
    return [part for part in parts if isinstance(part, Index)]


def _constraints(parts: Iterable[Constraint | Index]) -> list[Constraint]:
    """But for foreign keys, which have a turn of their own."""
    return [part for part in parts if not isinstance(part, Index | ForeignKey)]


def _labels(enum: EnumType) -> list[str]:
    """The labels under the names that they were born with."""
    return [value.key or value.label for value in enum.values]


def _kind(column: Column) -> object:
    """Return what must agree at both ends of a foreign key: the class of a type, not its length."""
    of = column.type
    return of.path if isinstance(of, Type) else (of.schema, of.name)


def _literal(column: Column) -> object:
    """Return the family of a type, by which its values are written in a condition."""
    if isinstance(column.type, EnumType):
        return "text"
    return family_of(column.type) or _kind(column)


def _has_other_type(old: Column, new: Column) -> bool:
    return old.type != new.type or old.collation != new.collation


def _must_be_recreated(old: Column, new: Column) -> bool:
    """A computed column that is computed otherwise, or a column that turns computed or back."""
    return old.computed != new.computed or (new.computed is not None and _has_other_type(old, new))
