"""Columns that get another type: a second column beside, in step with the first, takes its place.

What can be changed in the catalog alone is left as it is. Columns that foreign keys connect are
swapped together: a key and what points at it change their types at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.recipes import columns
from whimbrel.engines.postgresql.recipes.refining import NOT_VALID_EVERYWHERE, Recipes, Refining
from whimbrel.engines.postgresql.steps import altering, casts, options
from whimbrel.engines.postgresql.steps.copies import copies, temporary
from whimbrel.engines.postgresql.steps.syncing import Conversion, sync_name
from whimbrel.schema import changes as c
from whimbrel.schema.domains import domains_in
from whimbrel.schema.swaps import AddSync, CheckSwaps, FillSync, Swap, SwapColumns, VerifySync
from whimbrel.schema.table import (
    Check,
    Column,
    Exclude,
    ForeignKey,
    Index,
    Name,
    Sync,
    Table,
    Unique,
)
from whimbrel.schema.types import label_renames, replace_enums

#: By position of a change: what stands in its place; last, what is left of it.
Instead = dict[int, tuple[Sequence[c.Change], c.Change | None]]


def swaps(refining: Refining) -> Instead:
    """Return for changes of types, and of foreign keys in their way, what stands in their place.

    refining: at its beginning; it is used up.
    """
    altered: dict[int, c.AlterColumn] = {}
    large: set[Name] = set()
    # By position, the tables as they stand before it: changes of other operations may lie between.
    stands: dict[int, dict[Name, Table]] = {}
    for position, change in enumerate(refining.changes):
        if isinstance(change, c.AlterColumn) and _is_costly(change, refining):
            stands[position] = {table.at: table for table in refining.tables()}
            altered[position] = change
            large |= {change.table} if refining.is_large(change.table) else set()
        refining.next({})
    held = _held_keys(refining.changes) if altered else []
    stands = {position: _with_keys(tables, held) for position, tables in stands.items()}
    instead: Instead = {}
    for group in _groups(altered, [each for tables in stands.values() for each in tables.values()]):
        changes = [altered[position] for position in group]
        if large.isdisjoint(each.table for each in changes):
            continue
        swapping = _Swapping(changes, stands[group[0]], refining.version)
        if swapping.is_possible:
            made = list(swapping.changes(refining))
            for position, change in zip(group, changes, strict=True):
                instead[position] = (made, _left(change))
                made = []
            instead.update(_let_be(held, swapping))
    return instead


def _is_costly(change: c.AlterColumn, refining: Refining) -> bool:
    """Return True if the table, or an index of it, is written anew under a lock that stops everybody."""
    old, new = change.old, change.new
    if not altering.has_other_type(old, new) or old.computed or new.computed:
        return False
    is_rewritten = casts.rewrites(casts.shape(old.type), casts.shape(new.type))
    return is_rewritten or altering.is_read_for_indexes(refining.table(change.table), old, new)


def _swapped(change: c.AlterColumn) -> Column:
    """The column after the swap: the new type, and the new default, which is a value of it."""
    old, new = change.old, change.new
    # What counts no more may be of a type that cannot.
    generated = old.generated if new.generated is not None else None
    return replace(
        old,
        type=new.type,
        collation=new.collation,
        default=new.default if generated is None else old.default,
        generated=generated,
        lossy=new.lossy,
    )


def _left(change: c.AlterColumn) -> c.AlterColumn | None:
    """What the swap does not do of a change: NULL or not, a comment, another way to count."""
    swapped = _swapped(change)
    return c.AlterColumn(change.table, swapped, change.new) if swapped != change.new else None


def alter_column(change: c.AlterColumn, refining: Refining) -> Iterator[c.Change]:
    """What stays in the catalog would have the checks of the column read all rows: they come again NOT VALID."""
    at, table = change.table, refining.table(change.table)
    checks = altering.checks_on(table, change.old.name)
    is_typed = altering.has_other_type(change.old, change.new) and not _is_costly(change, refining)
    if not (is_typed and checks and refining.is_large(at) and all(each.name for each in checks)):
        yield from columns.alter_column(change, refining)
        return
    yield from (c.DropConstraint(at, each) for each in checks)
    yield c.AlterColumn(at, change.old, _swapped(change))
    yield from (c.AddConstraint(at, replace(each, not_valid=True)) for each in checks)
    yield from (c.ValidateConstraint(at, each) for each in checks if not each.not_valid)
    left = _left(change)
    yield from columns.alter_column(left, refining) if left is not None else ()


def alter_enum(change: c.AlterEnum, refining: Refining) -> Iterator[c.Change]:
    """Labels that come to an enum that is no type: the check of its columns looks at the rows later."""
    old, new = change.old, change.new
    used = [
        (table.at, replace(column, type=replace_enums(column.type, {old: new})))
        for table in refining.tables()
        for column in table.columns
        if COMPILER.checked_enum(column) == old
    ]
    is_text = not (COMPILER.has_type_of(old) or COMPILER.has_type_of(new))
    is_more = set(old.labels) <= set(new.labels) and not label_renames(old, new)
    if not (is_text and is_more and any(refining.is_large(at) for at, _ in used)):
        yield change
        return
    yield replace(change, unproven=True)
    yield from (c.ValidateLabels(at, column) for at, column in used)


# -- foreign keys, which go before and come again after --------------------------------------------


@dataclass(frozen=True)
class _Held:
    """A foreign key that is dropped for the change of a type, and comes again; with both positions."""

    at: Name
    dropped: int
    added: int
    old: ForeignKey
    new: ForeignKey


def _held_keys(changes: Sequence[c.Change]) -> list[_Held]:
    found: list[_Held] = []
    for dropped, drop in enumerate(changes):
        if not (isinstance(drop, c.DropConstraint) and isinstance(drop.constraint, ForeignKey)):
            continue
        for added, add in enumerate(changes[dropped + 1 :], start=dropped + 1):
            if (
                isinstance(add, c.AddConstraint)
                and isinstance(add.constraint, ForeignKey)
                and add.table == drop.table
                and replace(add.constraint, name=drop.constraint.name) == drop.constraint
            ):
                found.append(_Held(drop.table, dropped, added, drop.constraint, add.constraint))
                break
    return found


def _with_keys(tables: Mapping[Name, Table], held: Iterable[_Held]) -> dict[Name, Table]:
    """The tables as they are with the foreign keys that are held."""
    found = dict(tables)
    for each in held:
        table = found.get(each.at)
        # It is there still, where another column's type changes before it is dropped.
        if table is not None and each.old not in table.constraints:
            found[each.at] = replace(table, constraints=(*table.constraints, each.old))
    return found


def _let_be(held: Iterable[_Held], swapping: _Swapping) -> Instead:
    """The foreign keys of a swap are there until it, and then under their new names."""
    found: Instead = {}
    for each in held:
        if swapping.concerns(each.at, each.old):
            found[each.dropped] = ((), None)
            renamed = c.RenameConstraint(each.at, each.old, each.new)
            found[each.added] = ((renamed,) if each.old.name != each.new.name else (), None)
    return found


def _groups(altered: Mapping[int, c.AlterColumn], tables: Iterable[Table]) -> list[list[int]]:
    """Positions of columns that must be swapped together: a foreign key connects them."""
    group = {(each.table, each.old.name): {position} for position, each in altered.items()}
    for table in tables:
        for key in table.foreign_keys:
            ends = [(table.at, name) for name in key.columns]
            ends += [(key.target, name) for name in key.target_columns]
            connected = [end for end in ends if end in group]
            together: set[int] = set().union(*(group[end] for end in connected))
            for end, positions in group.items():
                if not positions.isdisjoint(together):
                    group[end] = together
    found = {min(positions): sorted(positions) for positions in group.values()}
    return [found[first] for first in sorted(found)]


# -- the changes -----------------------------------------------------------------------------------


#: Types whose values nothing compares.
_WITHOUT_EQUALITY = {"XML", "POINT", "LINE", "LSEG", "BOX", "PATH", "POLYGON", "CIRCLE"}


class _Swapping:
    """Columns of some tables that are swapped at once. tables: all there are, as they stand."""

    def __init__(
        self, changes: Sequence[c.AlterColumn], tables: Mapping[Name, Table], version: int
    ) -> None:
        self.altered, self.tables, self.version = changes, tables, version
        self.names: dict[Name, dict[str, str]] = {}
        for each in changes:
            names = self.names.setdefault(each.table, {})
            names[each.old.name] = temporary(each.old.name)

    def concerns(self, at: Name, key: ForeignKey) -> bool:
        """Return True if a foreign key is on one of the columns, or points at one."""
        own, target = self.names.get(at, {}), self.names.get(key.target, {})
        return bool(own.keys() & set(key.columns) or target.keys() & set(key.target_columns))

    # -- where there is no way but the short form

    @property
    def is_possible(self) -> bool:
        """True if each table can be walked, and all that is made of the columns has a copy."""
        if not all(map(self._is_there, self.altered)):
            return False
        found = list(copies(self.tables.values(), self.names))
        return (
            all(map(self._can_be_swapped, self.altered))
            and all(each.part.name for each in found)
            and not any(self._is_refused(self.tables[each.table], each.copy) for each in found)
        )

    def _is_there(self, change: c.AlterColumn) -> bool:
        table = self.tables.get(change.table)
        return table is not None and change.old in table.columns

    def _can_be_swapped(self, change: c.AlterColumn) -> bool:
        table, old, new = self.tables[change.table], change.old, change.new
        name = frozenset({old.name})
        known = options.own(table.options)
        types = [casts.shape(each.type).base for each in (old, new)]
        in_the_way = [
            each
            for each in table.constraints
            if (isinstance(each, Exclude) or (isinstance(each, Unique) and each.deferrable))
            and each.columns_among(name)
        ]
        names = {each.name for each in table.columns}
        return not (
            table.primary_key is None
            or self.names[table.at][old.name] in names
            or in_the_way
            or known.keys() & {"partition_by", "inherits"}
            or any(each.computed_from(name) for each in table.columns)
            or any(map(COMPILER.checked_enum, (old, new)))
            or any(domains_in(new.type))
            or _WITHOUT_EQUALITY.intersection(types)
        )

    def _is_refused(self, table: Table, copy: Check | ForeignKey | Index) -> bool:
        """Return True if a server cannot add it without looking at all rows under a strong lock."""
        is_partitioned = "partition_by" in options.own(table.options)
        is_key = isinstance(copy, ForeignKey)
        return is_partitioned and not (is_key and self.version >= NOT_VALID_EVERYWHERE)

    # -- the way

    def changes(self, refining: Refining) -> Iterator[c.Change]:
        """Yield what looks first, what can be done while others use the tables, and the swap."""
        swaps = tuple(self._swap(each) for each in self.altered)
        yield CheckSwaps(swaps)
        for each in swaps:
            yield c.AddColumn(each.table, self._second(each))
            yield AddSync(each.table, each.sync)
        yield from (FillSync(each.table, each.sync) for each in swaps)
        lossy = [each for each in swaps if not self._conversion(each).is_carried]
        yield from (VerifySync(each.table, each.sync) for each in lossy)
        for copy in copies(self.tables.values(), self.names):
            yield from _add(copy.table, copy.copy)
        for each in swaps:
            if not each.old.null:
                second = replace(self._second(each), null=False)
                yield from columns.set_not_null(each.table, second, refining)
        for each in lossy:
            yield from _add(each.table, self._conversion(each).check)
        yield SwapColumns(swaps)

    def _swap(self, change: c.AlterColumn) -> Swap:
        at, old = change.table, change.old.name
        sync = Sync(sync_name(at, old), old, temporary(old))
        return Swap(at, change.old, _swapped(change), sync)

    def _second(self, swap: Swap) -> Column:
        """The new column until the swap: nobody who does not know of it has to give it a value."""
        return Column(
            swap.sync.new,
            swap.new.type,
            null=True,
            collation=swap.new.collation,
            lossy=swap.new.lossy,
        )

    def _conversion(self, swap: Swap) -> Conversion:
        table = self.tables[swap.table]
        second = (*table.columns, self._second(swap))
        return Conversion(replace(table, columns=second), swap.sync)


def _add(at: Name, copy: Check | ForeignKey | Index) -> Iterator[c.Change]:
    """A copy comes while others read and write."""
    if isinstance(copy, Index):
        yield c.AddIndex(at, copy, concurrently=True)
        return
    yield c.AddConstraint(at, replace(copy, not_valid=True), alone=isinstance(copy, ForeignKey))
    if not copy.not_valid:
        yield c.ValidateConstraint(at, copy)


RECIPES: Recipes = {c.AlterColumn: alter_column, c.AlterEnum: alter_enum}
