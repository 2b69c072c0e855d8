"""Steps for tables as a whole, and for schemas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import columns, constraints, indexes, options, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers, target_locks
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.subjects import hazards_of
from whimbrel.engines.step import HazardCode, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema import changes as c
from whimbrel.schema.order import temporary_name
from whimbrel.schema.table import Constraint, Name, PrimaryKey, Table, Unique

# -- schemas ---------------------------------------------------------------------------------------


#: The comment of a schema that a migration made: it goes with its last table. Others stay.
MADE = "Made by Whimbrel: it goes with the last model in it."


def create_schema(change: c.CreateSchema, builder: Builder) -> Iterator[Step]:
    """The schema, with a note that it was not there before; nothing, where it was."""
    name = COMPILER.quote(change.name)
    made = (f"CREATE SCHEMA {name}", f"COMMENT ON SCHEMA {name} IS {text(MADE)}")
    there = _has_schema(change.name)
    sql = f"DO $$ BEGIN IF NOT EXISTS ({there}) THEN {'; '.join(made)}; END IF; END $$"
    yield Step((sql,), change, done=there)


def drop_schema(change: c.DropSchema, builder: Builder) -> Iterator[Step]:
    """A schema that was there before stays, and so does one that holds what others made."""
    is_made = f"{_has_schema(change.name)} AND obj_description(oid, 'pg_namespace') = {text(MADE)}"
    sql = (
        f"DO $$ BEGIN IF EXISTS ({is_made}) THEN DROP SCHEMA {COMPILER.quote(change.name)}; END IF; "
        "EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$"
    )
    yield Step((sql,), change)


def _has_schema(name: str) -> str:
    return f"SELECT 1 FROM pg_namespace WHERE nspname = {text(name)}"


# -- tables ----------------------------------------------------------------------------------------


def create_table(change: c.CreateTable, builder: Builder) -> Iterator[Step]:
    """The table with its constraints; then its indexes and comments."""
    table = change.table
    builder.fresh.add(table.at)
    # Over columns that another key is over: CREATE TABLE would leave them out unasked.
    known: dict[tuple[str, ...], Constraint] = {}
    keys = (each for each in table.constraints if isinstance(each, PrimaryKey | Unique))
    repeated = [each for each in keys if known.setdefault(each.columns, each) is not each]
    first = replace(table, constraints=tuple(p for p in table.constraints if p not in repeated))
    # A new foreign key puts triggers on its target, which keeps its writers waiting.
    locks = target_locks(table.at, table.constraints, Lock.SHARE_ROW_EXCLUSIVE)
    step = builder.step(_create(first), *locks, done=probes.exists(table.at))
    builder.facts.require(versions.of_table(table))
    yield step
    for constraint in repeated:
        yield constraints.add(table.at, constraint, builder, table)
    for index in table.indexes:
        yield indexes.create(table, index, builder)
    if table.comment is not None:
        yield builder.comment(table.at, table.comment)
    for column in table.columns:
        if column.comment is not None:
            yield builder.comment(table.at, column.comment, column.name)


def _create(table: Table) -> str:
    parts = [COMPILER.column(column, table) for column in table.columns]
    parts += [COMPILER.constraint(each, table) for each in table.constraints]
    parts += [check for column in table.columns if (check := columns.label_check(column, table))]
    within = ",\n    ".join(parts)
    body = f"(\n    {within}\n)" if parts else "()"
    kind = "UNLOGGED TABLE" if options.own(table.options).get("unlogged") else "TABLE"
    return f"CREATE {kind} {COMPILER.at(table.at)} {body}{options.table_clauses(table.options)}"


def drop_table(change: c.DropTable, builder: Builder) -> Iterator[Step]:
    at = change.table.at
    yield builder.step(
        f"DROP TABLE {COMPILER.at(at)}",
        (at, Lock.ACCESS_EXCLUSIVE),
        *target_locks(at, change.table.constraints, Lock.ACCESS_EXCLUSIVE),
        hazards=(HazardCode.LOSES_DATA, HazardCode.BREAKS_OLD_CODE),
        done=probes.is_gone(at),
    )


def rename_table(change: c.RenameTable, builder: Builder) -> Iterator[Step]:
    """To another name, another schema, or both.

    Then under a name for a while: the schemas may hold tables of either name that no change
    here concerns.
    """
    old, new = change.old, change.new
    here = old
    if old.schema != new.schema:
        if old.name != new.name:
            here = Name(old.schema, temporary_name(new.name))
            yield _rename(old, here.name, builder)
        yield _move(here, new.schema, builder)
        here = Name(new.schema, here.name)
    if here.name != new.name:
        yield _rename(here, new.name, builder)


_RENAMED = (HazardCode.BREAKS_OLD_CODE,)


def _rename(old: Name, new: str, builder: Builder) -> Step:
    probe = probes.exists(Name(old.schema, new))
    return builder.alter(old, f"RENAME TO {COMPILER.quote(new)}", hazards=_RENAMED, done=probe)


def _move(old: Name, schema: str | None, builder: Builder) -> Step:
    """``schema`` None is the connection's default one, which offline is taken for `public`."""
    target = COMPILER.quote(schema or builder.facts.default_schema or "public")
    sql = f"ALTER TABLE {COMPILER.at(old)} SET SCHEMA {target}"
    locks = ((old, Lock.ACCESS_EXCLUSIVE),) if old not in builder.fresh else ()
    done = probes.exists(Name(schema, old.name))
    return Step((sql,), builder.change, locks, done=done, hazards=hazards_of(str(old), _RENAMED))


# -- options ---------------------------------------------------------------------------------------


def alter_table(change: c.AlterTable, builder: Builder) -> Iterator[Step]:
    """Another comment or other options."""
    old, new = change.old, change.new
    if old.comment != new.comment:
        yield builder.comment(new.at, new.comment)
    before, after = options.own(old.options), options.own(new.options)
    if before.get("partition_by") != after.get("partition_by"):
        raise UnsupportedError(
            f"PostgreSQL cannot change how {new.at} is partitioned",
            hint="Create a new table, copy the rows, and drop the old one.",
        )
    yield from _storage(change, before, after, builder)
    yield from _inheritance(change, before, after, builder)
    yield from _rewriting_options(change, before, after, builder)


def _storage(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], builder: Builder
) -> Iterator[Step]:
    old, new = options.pairs(before.get("with")), options.pairs(after.get("with"))
    at = change.new.at
    lock = (at, Lock.SHARE_UPDATE_EXCLUSIVE)
    if changed := {name: value for name, value in new.items() if old.get(name) != value}:
        sql = f"ALTER TABLE {COMPILER.at(at)} SET ({options.storage(changed)})"
        yield builder.step(sql, lock)
    if gone := sorted(old.keys() - new.keys()):
        yield builder.step(f"ALTER TABLE {COMPILER.at(at)} RESET ({', '.join(gone)})", lock)


def _inheritance(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], builder: Builder
) -> Iterator[Step]:
    old = options.parents(before.get("inherits") or ())
    new = options.parents(after.get("inherits") or ())
    at = change.new.at
    turns = [("NO INHERIT", parent) for parent in old if parent not in new]
    turns += [("INHERIT", parent) for parent in new if parent not in old]
    for verb, parent in turns:
        yield builder.step(
            f"ALTER TABLE {COMPILER.at(at)} {verb} {COMPILER.at(parent)}",
            (at, Lock.ACCESS_EXCLUSIVE),
            (parent, Lock.SHARE_UPDATE_EXCLUSIVE),
        )


def _rewriting_options(
    change: c.AlterTable, before: dict[str, object], after: dict[str, object], builder: Builder
) -> Iterator[Step]:
    """Another tablespace, access method or persistence: the table is written anew."""
    place = COMPILER.quote(str(after.get("tablespace") or "pg_default"))
    actions = {
        "unlogged": f"SET {'UNLOGGED' if after.get('unlogged') else 'LOGGED'}",
        "tablespace": f"SET TABLESPACE {place}",
        "using": f"SET ACCESS METHOD {after.get('using') or 'heap'}",
    }
    for name, action in actions.items():
        if before.get(name) != after.get(name):
            hazards = (HazardCode.REWRITES_TABLE,)
            yield builder.alter(change.new.at, action, rewrites=True, hazards=hazards)


STEPS: Makers = {
    c.CreateSchema: create_schema,
    c.DropSchema: drop_schema,
    c.CreateTable: create_table,
    c.DropTable: drop_table,
    c.RenameTable: rename_table,
    c.AlterTable: alter_table,
}
