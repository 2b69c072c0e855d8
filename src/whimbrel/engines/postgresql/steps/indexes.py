"""Steps for indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from whimbrel.engines.postgresql import versions
from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import concurrent, options, partitions, probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import HazardCode, Lock, Step, UserStep
from whimbrel.errors import ModelError
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Index, Name, Table


def add_index(change: c.AddIndex, builder: Builder) -> Iterator[Step]:
    table, index = builder.table(change.table), change.index
    step = create(table, index, builder)
    if not change.concurrently:
        yield step
        return
    builder.facts.refuse_concurrent_build(index.name)
    if "partition_by" in options.own(table.options):
        yield by_partition(step, table, index)
    else:
        yield concurrent.build(step, table.at, index)


def by_partition(step: Step, table: Table, index: Index) -> Step:
    """Return a step that creates an index as one that builds it on one partition after the other."""
    made = partitions.PartitionedIndex(
        table.at,
        index.name,
        index.unique,
        body(table, index),
        concurrent.is_index(table.at, index),
        analyze=any(isinstance(part.of, SQL) for part in index.parts),
    )
    return replace(partitions.step_of(step, made), done=made.done)


#: An index that a user builds without a transaction: its name, and the table's schema.
_CONCURRENTLY = re.compile(
    r"""\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?
    (?P<name>"[^"]+"|\w+)\s+ON\s+(?:ONLY\s+)?(?:(?P<schema>"[^"]+"|\w+)\.)?""",
    re.IGNORECASE | re.VERBOSE,
)


def with_probes(step: UserStep) -> UserStep:
    """Return SQL of the user's; one that builds an index knows of the invalid one that it may leave.

    Whether a valid one of that name is the user's cannot be told: there is no probe of that.
    """
    found = _CONCURRENTLY.match(step.sql)
    if found is None or step.transactional:
        return step
    at = f"{found['schema']}.{found['name']}" if found["schema"] else found["name"]
    broken = probes.is_invalid(f"to_regclass({text(at)})")
    return replace(step, broken=broken, cleanup=(f"DROP INDEX CONCURRENTLY {at}",))


def create(table: Table, index: Index, builder: Builder) -> Step:
    """CREATE INDEX: writers wait while it is built."""
    hazards = [HazardCode.BLOCKS_WRITES, HazardCode.SCANS_TABLE]
    if index.unique:
        hazards.append(HazardCode.MAY_FAIL_ON_ROWS)
    step = builder.step(
        definition(table, index),
        (table.at, Lock.SHARE),
        scans=True,
        hazards=hazards,
        subject=f"{table.at}.{index.name}",
        done=probes.has_index(Name(table.schema, index.name)),
    )
    builder.facts.require(versions.of_part(index))
    return step


def definition(table: Table, index: Index) -> str:
    """CREATE INDEX, in the order of its clauses (PostgreSQL 18, CREATE INDEX)."""
    if not index.parts:
        raise ModelError(
            f"the index {index.name} of {table.at} has no columns",
            hint="Give it a column or an expression.",
        )
    unique = "UNIQUE " if index.unique else ""
    at = COMPILER.at(table.at)
    return f"CREATE {unique}INDEX {COMPILER.quote(index.name)} ON {at}{body(table, index)}"


def body(table: Table, index: Index) -> str:
    """Return the definition of an index behind the name of its table."""
    method = f" USING {index.method}" if index.method else ""
    parts = ", ".join(map(COMPILER.index_part, index.parts))
    include = f" INCLUDE ({COMPILER.names(index.include)})" if index.include else ""
    nulls = " NULLS NOT DISTINCT" if index.nulls_not_distinct else ""
    where = f" WHERE {COMPILER.expression(index.where, table)}" if index.where is not None else ""
    return f"{method} ({parts}){include}{nulls}{_storage(index)}{where}"


def _storage(index: Index) -> str:
    """Storage parameters and a tablespace; what belongs to other dialects is left out."""
    parameters: dict[str, Any] = {}
    tablespace = None
    for name, value in index.options:
        short = name.removeprefix(options.PREFIX)
        if short == "with":
            parameters.update(options.pairs(value))
        elif short == "tablespace":
            tablespace = str(value)
        elif short not in ("concurrently", "ops", "using") and not name.startswith(_FOREIGN):
            parameters[short] = value
    written = f" WITH ({options.storage(parameters)})" if parameters else ""
    return written + (f" TABLESPACE {COMPILER.quote(tablespace)}" if tablespace else "")


_FOREIGN = ("sqlite_", "mysql_", "mariadb_", "mssql_", "oracle_")


def drop_index(change: c.DropIndex, builder: Builder) -> Iterator[Step]:
    step = drop(change.table, change.index, builder)
    yield concurrent.drop(step, change.table, change.index) if change.concurrently else step


def drop(at: Name, index: Index, builder: Builder) -> Step:
    """DROP INDEX; an index is always in its table's schema."""
    place = Name(at.schema, index.name)
    return builder.step(
        f"DROP INDEX {COMPILER.at(place)}", (at, Lock.ACCESS_EXCLUSIVE), done=probes.is_gone(place)
    )


def rename_index(change: c.RenameIndex, builder: Builder) -> Iterator[Step]:
    """ALTER INDEX ... RENAME, which locks the index alone, and weakly."""
    schema = change.table.schema
    old, new = change.old.name, change.new.name
    yield builder.step(
        f"ALTER INDEX {COMPILER.at(Name(schema, old))} RENAME TO {COMPILER.quote(new)}",
        done=probes.has_index(Name(schema, new)),
    )


STEPS: Makers = {c.AddIndex: add_index, c.DropIndex: drop_index, c.RenameIndex: rename_index}
