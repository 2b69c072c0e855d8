"""Changes in, steps out: what can be done at once, and one transformation a table for the rest.

With foreign keys off nothing about one table minds the order in which others change, but for
names. So drops and renames are carried out where they stand, and all else that concerns one
table is put off to the end: what came and went in between costs nothing, and there is one
rebuild at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from whimbrel.engines.sql import SchemaTracker
from whimbrel.engines.sql.subjects import hazards_of, subject_of, table_of
from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.steps import copying
from whimbrel.engines.sqlite.steps.native import Altered, Version, altered
from whimbrel.engines.sqlite.steps.rebuild import Dropping, Rebuild
from whimbrel.engines.step import Hazard, HazardCode, Step
from whimbrel.errors import StateError, UnsupportedError, explain_unattached
from whimbrel.schema import changes as c
from whimbrel.schema.families import is_loosened
from whimbrel.schema.table import Column, Index, Name, Schema, Table


def steps_of(changes: Sequence[c.Change], before: Schema, version: Version) -> list[Step]:
    """The steps of changes. Raises `UnsupportedError` for what SQLite does not have."""
    plan = _Plan(before, version)
    for change in changes:
        plan.take(change)
    for at in list(plan.pending):
        plan.finish(at)
    return plan.steps


#: SQLite has none of these: schemas are attached files, enums are VARCHAR.
_NOTHING = (
    c.CreateSchema,
    c.DropSchema,
    c.CreateEnum,
    c.DropEnum,
    c.CreateDomain,
    c.DropDomain,
    c.AlterDomain,
    c.CreateSequence,
    c.DropSequence,
    c.AlterSequence,
)


def refuse_unattached(changes: Sequence[c.Change], schemas: frozenset[str] | None) -> None:
    """Raises `UnsupportedError` for a table in a file that is not attached; None: nobody knows."""
    for change in changes if schemas is not None else ():
        at = None if isinstance(change, (*_NOTHING, c.AlterEnum)) else _concerned(change)
        if at is not None and at.schema and at.schema.lower() not in (schemas or ()):
            what, hint = explain_unattached(at.schema)
            raise UnsupportedError(what, place=str(at), hint=hint)


def _concerned(change: c.Change) -> Name:
    """The table that a change concerns."""
    found = table_of(change)
    if found is None:
        raise TypeError(f"no such change: {change!r}")
    return found


class _Plan:
    """``real``: the tables after the steps so far; ``wanted``: after the changes so far.

    ``pending``: the changes of each table that have no step yet.
    """

    def __init__(self, before: Schema, version: Version) -> None:
        self.real, self.wanted = SchemaTracker(before), SchemaTracker(before)
        self.version = version
        self.pending: dict[Name, list[c.Change]] = {}
        self.steps: list[Step] = []

    def take(self, change: c.Change) -> None:
        """Make steps of a change, or put it off."""
        match change:
            case c.DropTable(table=table):
                self._drop(change, table)
            case c.RenameTable(old=here, new=there):
                self._rename_table(change, here, there)
            case c.RenameColumn(table=at, old=old, new=new):
                self._rename_column(change, at, old, new)
            case c.DropIndex(table=at, index=index):
                self._drop_index(change, at, index)
            case c.RenameIndex(table=at, old=gone, new=index):
                self._drop_index(c.DropIndex(at, gone), at, gone)
                self._put_off(c.AddIndex(at, index), at)
            case c.FillColumn(table=at, column=column):
                self._fill(change, at, column)
            case c.AlterColumn(table=at):
                self._put_off(self._with_fill(change), at)
            case c.AlterEnum(old=enum):
                for table in self.wanted.using(enum):
                    self.pending.setdefault(table.at, []).append(change)
                self.wanted.apply(change)
            case _:
                if not isinstance(change, _NOTHING):
                    self._put_off(change, _concerned(change))

    def _put_off(self, change: c.Change, at: Name) -> None:
        if not isinstance(change, c.CreateTable) and not self.wanted.knows(at):
            raise StateError(f"a change concerns the table {at}, which is not there: {change}")
        self.pending.setdefault(at, []).append(change)
        self.wanted.apply(change)

    def _with_fill(self, change: c.AlterColumn) -> c.AlterColumn:
        """Return the change with the fill of one that was put off before, where it has none itself."""
        columns = self.wanted.table(change.table).columns
        fill = next((each.fill for each in columns if each.name == change.old.name), None)
        if change.new.fill is not None or fill is None or change.table not in self.pending:
            return change
        return replace(change, new=replace(change.new, fill=fill))

    def _both(self, change: c.Change) -> None:
        self.real.apply(change)
        self.wanted.apply(change)

    def _step(self, sql: str, change: c.Change, *codes: HazardCode) -> None:
        self.steps.append(Step((sql,), change, hazards=hazards_of(subject_of(change), codes)))

    # -- at once

    def _drop(self, change: c.Change, table: Table) -> None:
        self.pending.pop(table.at, None)
        if self.real.knows(table.at) or not self.wanted.knows(table.at):
            self._step(f"DROP TABLE {COMPILER.at(table.at)}", change, *_GONE)
        self._both(change)

    def _rename_table(self, change: c.Change, old: Name, new: Name) -> None:
        if old.schema != new.schema:
            raise UnsupportedError(
                f"SQLite cannot move a table from one database file to another ({old} to {new})",
                place=str(old),
                hint="Copy it with RunSQL, inside SeparateDatabaseAndState.",
            )
        if old in self.pending:
            self.pending[new] = self.pending.pop(old)
        if self.real.knows(old):
            aside = old._replace(name=f"{old.name}_whimbrel")
            # A table's own name with other capitals counts as taken.
            way = [old, aside, new] if old.name.lower() == new.name.lower() else [old, new]
            for start, end in pairwise(way):
                sql = f"ALTER TABLE {COMPILER.at(start)} RENAME TO {COMPILER.quote(end.name)}"
                self._step(sql, change, HazardCode.BREAKS_OLD_CODE)
        self._both(change)

    def _rename_column(self, change: c.Change, at: Name, old: str, new: str) -> None:
        """Natively, since views and triggers follow only then."""
        if self._has(at, new) and old.lower() != new.lower():
            self.finish(at)
        if self._has(at, old):
            sql = (
                f"ALTER TABLE {COMPILER.at(at)} RENAME COLUMN"
                f" {COMPILER.quote(old)} TO {COMPILER.quote(new)}"
            )
            self._step(sql, change, HazardCode.BREAKS_OLD_CODE)
            self._both(change)
        else:
            self._put_off(change, at)

    def _has(self, at: Name, column: str) -> bool:
        columns = self.real.table(at).columns if self.real.knows(at) else ()
        return column.lower() in (each.name.lower() for each in columns)

    def _drop_index(self, change: c.Change, at: Name, index: Index) -> None:
        """At once, since the name of an index may be wanted for another table."""
        if any(each.name == index.name for each in self.real.table(at).indexes):
            self._step(f"DROP INDEX {COMPILER.at(Name(at.schema, index.name))}", change)
        self._both(change)

    def _fill(self, change: c.Change, at: Name, column: Column) -> None:
        self.finish(at)
        if column.fill is not None:
            name, fill = COMPILER.quote(column.name), t.default_text(column.fill, column)
            self._step(f"UPDATE {COMPILER.at(at)} SET {name} = {fill} WHERE {name} IS NULL", change)

    # -- in the end

    def finish(self, at: Name) -> None:
        """Make the steps of what was put off for a table."""
        changes = self.pending.pop(at, [])
        if not changes:
            return
        wanted = self.wanted.table(at)
        if self.real.knows(at):
            real = self.real.table(at)
            ways = altered(real, wanted, self.version)
            if ways is None:
                self.steps.append(_rebuild_step(real, wanted, changes))
            else:
                self.steps += _native_steps(real, wanted, ways, changes)
            self.real.apply(c.DropTable(wanted))
        else:
            self._step(t.create_table(wanted), changes[0])
            self.steps += [_index_step(index, wanted, changes) for index in wanted.indexes]
        self.real.apply(c.CreateTable(wanted))


# -- one table -------------------------------------------------------------------------------


def _rebuild_step(before: Table, after: Table, changes: Sequence[c.Change]) -> Step:
    rebuild = Rebuild(before, after)
    paired = copying.column_pairs(before, after)
    stayed = {old.name for old, _ in paired}
    hazards = [Hazard(HazardCode.REBUILDS_TABLE, str(after.at))]
    for column in before.columns:
        hazards += _hazards_of_loss(column, after.at) if column.name not in stayed else ()
    for old, new in paired:
        if new.lossy and is_loosened(old.type, new.type):
            hazards.append(Hazard(HazardCode.LOSES_DATA, f"{after.at}.{new.name}"))
    failing = dict.fromkeys(_subjects_that_may_fail(before, after))
    hazards += (Hazard(HazardCode.MAY_FAIL_ON_ROWS, each) for each in failing)
    return Step(
        statements=rebuild.offline(),
        change=changes[0],
        also=tuple(changes[1:]),
        scans=True,
        rewrites=True,
        hazards=tuple(hazards),
        settling=rebuild,
    )


#: What may come of a column or table that is gone.
_GONE = (HazardCode.LOSES_DATA, HazardCode.BREAKS_OLD_CODE)


def _hazards_of_loss(column: Column, at: Name) -> tuple[Hazard, ...]:
    """Return what may come of a column that goes: a computed one holds nothing of its own."""
    codes = _GONE if column.computed is None else (HazardCode.BREAKS_OLD_CODE,)
    return hazards_of(f"{at}.{column.name}", codes)


def _subjects_that_may_fail(before: Table, after: Table) -> Iterator[str]:
    """Yield what rows that are there may not fit: columns, unique indexes, or a new constraint."""
    at, paired = after.at, copying.column_pairs(before, after)
    kept = {new.name for _, new in paired}
    for old, new in paired:
        if old.null and not new.null and new.fill is None and new.default is None:
            yield f"{at}.{new.name}"
    yield from (
        f"{at}.{each.name}" for each in after.columns if each.name not in kept and _is_bare(each)
    )
    yield from (f"{at}.{new.name}" for _, new, _ in copying.misfits(before, after))
    known = set(before.indexes)
    yield from (f"{at}.{each.name}" for each in after.indexes if each.unique and each not in known)
    texts = t.definition(before).texts
    for clause in t.definition(after).clauses:
        if clause.text not in texts:
            yield f"{at}.{clause.of.name}" if clause.of.name else str(at)


def _is_bare(column: Column) -> bool:
    """A new column that must have a value, and gets none."""
    empty = column.default is None and column.fill is None
    return empty and not column.null and column.computed is None and column.generated is None


def _native_steps(
    before: Table, after: Table, ways: Altered, changes: Sequence[c.Change]
) -> list[Step]:
    steps, standing = [], before
    for column in ways.drop:
        rest = standing.with_column(column.name, None)
        steps.append(_drop_step(standing, rest, column, changes))
        standing = rest
    steps += [_null_step(column, after, changes) for column in ways.set_null]
    for column, constraints in ways.add:
        sql = f"ALTER TABLE {COMPILER.at(after.at)} ADD COLUMN {t.column_text(column, after)}"
        steps.append(Step((sql + constraints,), _asking(c.AddColumn, column.name, changes)))
    return steps + [_index_step(index, after, changes) for index in ways.indexes]


def _null_step(column: Column, table: Table, changes: Sequence[c.Change]) -> Step:
    verb = "DROP" if column.null else "SET"
    name = COMPILER.quote(column.name)
    sql = f"ALTER TABLE {COMPILER.at(table.at)} ALTER COLUMN {name} {verb} NOT NULL"
    codes = () if column.null else (HazardCode.MAY_FAIL_ON_ROWS,)
    hazards = hazards_of(f"{table.at}.{column.name}", codes)
    change = _asking(c.AlterColumn, column.name, changes)
    return Step((sql,), change, scans=not column.null, hazards=hazards)


def _drop_step(before: Table, after: Table, column: Column, changes: Sequence[c.Change]) -> Step:
    at, name = COMPILER.at(before.at), COMPILER.quote(column.name)
    dropping = Dropping(Rebuild(before, after), column.name, f"ALTER TABLE {at} DROP COLUMN {name}")
    change = _asking(c.DropColumn, column.name, changes)
    hazards = _hazards_of_loss(column, before.at)
    return Step((dropping.alter,), change, rewrites=True, hazards=hazards, settling=dropping)


def _index_step(index: Index, table: Table, changes: Sequence[c.Change]) -> Step:
    change = _asking(c.AddIndex, index.name, changes)
    is_new = isinstance(changes[0], c.CreateTable)
    codes = (HazardCode.MAY_FAIL_ON_ROWS,) if index.unique and not is_new else ()
    hazards = hazards_of(f"{table.at}.{index.name}", codes)
    return Step((t.create_index(index, table),), change, scans=not is_new, hazards=hazards)


def _asking(kind: type[c.TableChange], name: str, changes: Sequence[c.Change]) -> c.Change:
    """The change of a kind that asked for what happens to a column or index; else the first of all."""
    found = (e for e in changes if isinstance(e, kind) and subject_of(e) == f"{e.table}.{name}")
    return next(found, changes[0])
