"""Steps for tables as a whole, and for schemas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.base import Hazard, Lock, Step
from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import SPELLING
from whimbrel.engines.postgresql.steps import builder as w
from whimbrel.engines.postgresql.steps import columns, constraints, indexes, options
from whimbrel.engines.postgresql.steps.builder import Makers, Work
from whimbrel.engines.sql.literals import text
from whimbrel.errors import UnsupportedError
from whimbrel.schema import changes as c
from whimbrel.schema.order import aside
from whimbrel.schema.table import Constraint, Name, PrimaryKey, Table, Unique

# -- schemas ---------------------------------------------------------------------------------------


#: The comment of a schema that a migration made: it goes with its last table. Others stay.
MADE = "Made by Whimbrel: it goes with the last model in it."


def create_schema(change: c.CreateSchema, work: Work) -> Iterator[Step]:
    """The schema, with a note that it was not there before; nothing, where it was."""
    name = SPELLING.quote(change.name)
    made = (f"CREATE SCHEMA {name}", f"COMMENT ON SCHEMA {name} IS {text(MADE)}")
    sql = (
        f"DO $$ BEGIN IF NOT EXISTS ({_has_schema(change.name)}) THEN "
        f"{'; '.join(made)}; END IF; END $$"
    )

    yield Step((sql,), change, done=_has_schema(change.name))


def drop_schema(change: c.DropSchema, work: Work) -> Iterator[Step]:
    """A schema that was there before stays, and so does one that holds what others made."""
    is_made = f"{_has_schema(change.name)} AND obj_description(oid, 'pg_namespace') = {text(MADE)}"
    sql = (
        f"DO $$ BEGIN IF EXISTS ({is_made}) THEN DROP SCHEMA {SPELLING.quote(change.name)}; END IF; "
        "EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$"
    )
    yield Step((sql,), change)


def _has_schema(name: str) -> str:
    return f"SELECT 1 FROM pg_namespace WHERE nspname = {text(name)}"


# -- tables ----------------------------------------------------------------------------------------


def create_table(change: c.CreateTable, work: Work) -> Iterator[Step]:
    """The table with its constraints; then its indexes and comments."""
    table = change.table
    work.fresh.add(table.at)
    again = _said_again(table.constraints)
    first = replace(table, constraints=tuple(p for p in table.constraints if p not in again))
    step = work.step(_create(first), change, *_targets(table), done=w.exists(table.at))
    work.facts.require(versions.of_table(table))
    yield step
    for constraint in again:
        yield constraints.added(table.at, constraint, change, work, table)
    for index in table.indexes:
        yield indexes.created(table, index, change, work)
    if table.comment is not None:
        yield _commented(table.at, table.comment, change, work)
    for column in table.columns:
        if column.comment is not None:
            yield columns.commented(table.at, column, change, work)


def _said_again(parts: tuple[Constraint, ...]) -> list[Constraint]:
    """The keys over columns that another key is over: CREATE TABLE would leave them out unasked."""
    keys = [part for part in parts if isinstance(part, PrimaryKey | Unique)]
    known: dict[tuple[str, ...], Constraint] = {}
    return [part for part in keys if known.setdefault(part.columns, part) is not part]


def _create(table: Table) -> str:
    parts = [SPELLING.column(column, table) for column in table.columns]
    parts += [SPELLING.constraint(each, table) for each in table.constraints]
    parts += [check for column in table.columns if (check := columns.label_check(column, table))]
    within = ",\n    ".join(parts)
    body = f"(\n    {within}\n)" if parts else "()"
    kind = "UNLOGGED TABLE" if options.is_unlogged(table.options) else "TABLE"
    return f"CREATE {kind} {SPELLING.at(table.at)} {body}{options.table_clauses(table.options)}"


def _targets(table: Table) -> w.Locks:
    """A new foreign key puts triggers on its target, which keeps its writers waiting."""
    ends = dict.fromkeys(key.target for key in table.foreign_keys if key.target != table.at)
    return tuple((at, Lock.SHARE_ROW_EXCLUSIVE) for at in ends)


def drop_table(change: c.DropTable, work: Work) -> Iterator[Step]:
    at = change.table.at
    yield work.step(
        f"DROP TABLE {SPELLING.at(at)}",
        change,
        (at, Lock.ACCESS_EXCLUSIVE),
        *work.partners(change.table),
        hazards=(Hazard.LOSES_DATA, Hazard.BREAKS_OLD_CODE),
        done=w.is_gone(at),
    )


def rename_table(change: c.RenameTable, work: Work) -> Iterator[Step]:
    """To another name, another schema, or both.

    Then under a name for a while: the schemas may hold tables of either name that no change
    here concerns.
    """
    old, new = change.old, change.new
    here = old
    if old.schema != new.schema:
        if old.name != new.name:
            here = Name(old.schema, aside(new.name))
            yield _renamed(old, here.name, change, work)
        yield _moved(here, new.schema, change, work)
        here = Name(new.schema, here.name)
    if here.name != new.name:
        yield _renamed(here, new.name, change, work)


_RENAMED = (Hazard.BREAKS_OLD_CODE,)


def _renamed(old: Name, new: str, change: c.Change, work: Work) -> Step:
    probe = w.exists(Name(old.schema, new))
    return work.alter(old, f"RENAME TO {SPELLING.quote(new)}", change, hazards=_RENAMED, done=probe)


def _moved(old: Name, schema: str | None, change: c.Change, work: Work) -> Step:
    """``schema`` None is the connection's default one, which offline is taken for `public`."""
    target = SPELLING.quote(schema or work.facts.default_schema or "public")
    sql = f"ALTER TABLE {SPELLING.at(old)} SET SCHEMA {target}"
    locks = ((old, Lock.ACCESS_EXCLUSIVE),) if old not in work.fresh else ()
    done = w.exists(Name(schema, old.name))
    return Step((sql,), change, locks, done=done, hazards=_RENAMED)


def _commented(at: Name, comment: str | None, change: c.Change, work: Work) -> Step:
    written = text(comment) if comment is not None else "NULL"
    return work.step(
        f"COMMENT ON TABLE {SPELLING.at(at)} IS {written}",
        change,
        (at, Lock.SHARE_UPDATE_EXCLUSIVE),
        done=w.has_comment(at, comment),
    )


# -- options ---------------------------------------------------------------------------------------


def alter_table(change: c.AlterTable, work: Work) -> Iterator[Step]:
    """Another comment or other options."""
    old, new = change.old, change.new
    if old.comment != new.comment:
        yield _commented(new.at, new.comment, change, work)
    before, after = options.own(old.options), options.own(new.options)
    if before.get("partition_by") != after.get("partition_by"):
        raise UnsupportedError(
            f"PostgreSQL cannot change how {new.at} is partitioned",
            hint="Create a new table, copy the rows, and drop the old one.",
        )
    yield from _storage(change, before, after, work)
    yield from _inheritance(change, before, after, work)
    yield from _whereabouts(change, before, after, work)


def _storage(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], work: Work
) -> Iterator[Step]:
    old, new = options.pairs(before.get("with")), options.pairs(after.get("with"))
    at = change.new.at
    lock = (at, Lock.SHARE_UPDATE_EXCLUSIVE)
    if changed := {name: value for name, value in new.items() if old.get(name) != value}:
        sql = f"ALTER TABLE {SPELLING.at(at)} SET ({options.storage(changed)})"
        yield work.step(sql, change, lock)
    if gone := sorted(old.keys() - new.keys()):
        yield work.step(f"ALTER TABLE {SPELLING.at(at)} RESET ({', '.join(gone)})", change, lock)


def _inheritance(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], work: Work
) -> Iterator[Step]:
    old = options.parents(before.get("inherits") or ())
    new = options.parents(after.get("inherits") or ())
    at = change.new.at
    turns = [("NO INHERIT", parent) for parent in old if parent not in new]
    turns += [("INHERIT", parent) for parent in new if parent not in old]
    for verb, parent in turns:
        yield work.step(
            f"ALTER TABLE {SPELLING.at(at)} {verb} {SPELLING.at(parent)}",
            change,
            (at, Lock.ACCESS_EXCLUSIVE),
            (parent, Lock.SHARE_UPDATE_EXCLUSIVE),
        )


def _whereabouts(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], work: Work
) -> Iterator[Step]:
    """Another tablespace, access method or persistence: the table is written anew."""
    rewritten = {"rewrites": True, "hazards": (Hazard.REWRITES_TABLE,)}
    if before.get("unlogged") != after.get("unlogged"):
        logged = "UNLOGGED" if after.get("unlogged") else "LOGGED"
        yield work.alter(change.new.at, f"SET {logged}", change, **rewritten)
    if before.get("tablespace") != after.get("tablespace"):
        place = SPELLING.quote(str(after.get("tablespace") or "pg_default"))
        yield work.alter(change.new.at, f"SET TABLESPACE {place}", change, **rewritten)
    if before.get("using") != after.get("using"):
        method = after.get("using") or "heap"
        yield work.alter(change.new.at, f"SET ACCESS METHOD {method}", change, **rewritten)


STEPS: Makers = {
    c.CreateSchema: create_schema,
    c.DropSchema: drop_schema,
    c.CreateTable: create_table,
    c.DropTable: drop_table,
    c.RenameTable: rename_table,
    c.AlterTable: alter_table,
}
