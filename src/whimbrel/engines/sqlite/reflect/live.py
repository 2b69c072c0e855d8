"""A table as the database at hand has it, with what people made by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.engines.sqlite import tables as t
from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import ddl, master
from whimbrel.engines.sqlite.reflect import expressions as e
from whimbrel.errors import StepError
from whimbrel.schema.table import Name, Table


@dataclass(frozen=True)
class LiveTable:
    """A table in ``sqlite_master``: its definition, and the SQL of its indexes and triggers.

    ``generated``: the names of its generated columns.
    """

    at: Name
    sql: str
    definition: ddl.LiveDefinition
    indexes: dict[str, str]
    triggers: dict[str, str]
    generated: frozenset[str]


def read(connection: Connection, at: Name) -> LiveTable:
    """The table of a name. Raises `StepError` where it is not there."""
    mine = f"{master.is_called('tbl_name', at.name)} AND sql IS NOT NULL"
    rows = master.entries(connection, at.schema, mine)
    columns = master.columns(connection, at)
    sql = next((row.sql for row in rows if row.type == "table"), None)
    if sql is None:
        raise StepError(
            "the table is not in the database",
            place=str(at),
            hint="Was it dropped or renamed by hand? Bring it back as the migrations left it.",
        )
    return LiveTable(
        at=at,
        sql=sql,
        definition=ddl.taken_apart(sql),
        indexes={row.name: _inside(row.sql, at.schema) for row in rows if row.type == "index"},
        triggers={row.name: _inside(row.sql, at.schema) for row in rows if row.type == "trigger"},
        generated=frozenset(row.name for row in columns if row.hidden in (2, 3)),
    )


def kind_of(connection: Connection, at: Name) -> str | None:
    """Return "table", "view", "index" or "trigger" for a name; None where nothing is called so."""
    found = master.entries(connection, at.schema, master.is_called("name", at.name))
    return str(found[0].type) if found else None


_CREATE = re.compile(r"CREATE (UNIQUE INDEX|INDEX|TRIGGER) ")


def _inside(sql: str, schema: str | None) -> str:
    """A statement from ``sqlite_master``, which holds none of the schema's name."""
    if schema is None:
        return sql
    return _CREATE.sub(lambda match: f"{match[0]}{COMPILER.quote(schema)}.", sql, count=1)


# -- what the state does not know ------------------------------------------------------------


@dataclass(frozen=True)
class ByHand:
    """The parts of a live table that the state does not know, and that outlive a rebuild.

    columns: those to copy. definitions: what stands in CREATE TABLE for columns, also generated
    ones, and for constraints. indexes, triggers: statements that make them again.
    """

    indexes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()


def by_hand(live: LiveTable, before: Table, after: Table) -> ByHand:
    """Return what the state before does not know of a live table, as far as it fits the table after."""
    known = {column.name.lower() for column in before.columns}
    unknown = [column for column in live.definition.columns if column.name.lower() not in known]
    _refuse_clashes(unknown, after)
    _refuse_what_is_made_of_gone(unknown, before, after)
    generated = {name.lower() for name in live.generated}
    gone = columns_gone(before, after)
    texts = (each.text for each in unknown_constraints(live, before))
    constraints = (text for text in texts if not any(ddl.mentions(text, name) for name in gone))
    return ByHand(
        columns=tuple(each.name for each in unknown if each.name.lower() not in generated),
        definitions=(*(each.text for each in unknown), *constraints),
        # One that the state knows and the database lacks was dropped by hand, and stays dropped.
        indexes=tuple(
            sql for sql in live.indexes.values() if not any(ddl.is_on(sql, name) for name in gone)
        ),
        triggers=tuple(live.triggers.values()),
    )


def _refuse_clashes(unknown: list[ddl.LiveColumn], after: Table) -> None:
    """A column made by hand must not be lost in one of the same name that a model asks for."""
    names = {column.name.lower() for column in after.columns}
    for column in unknown:
        if column.name.lower() in names:
            raise StepError(
                f"the database has a column {column.name!r} that no migration made",
                place=str(after.at),
                hint="Rename or drop it by hand, or add it with migrate --fake.",
            )


def _refuse_what_is_made_of_gone(
    unknown: list[ddl.LiveColumn], before: Table, after: Table
) -> None:
    """A generated column made by hand, or a check in it, may need a column that goes."""
    for column in unknown:
        for name in columns_gone(before, after):
            if ddl.mentions(column.text, name):
                at = COMPILER.at(before.at)
                raise StepError(
                    f"the column {column.name}, which no migration made, is made of {name}, which goes",
                    place=str(before.at),
                    hint="Drop it before this change, and create it again after if it is still "
                    f"wanted: RunSQL('ALTER TABLE {at} DROP COLUMN {COMPILER.quote(column.name)}').",
                )


def columns_gone(before: Table, after: Table) -> list[str]:
    """The names of the columns that are not in the table after."""
    names = {column.name.lower() for column in after.columns}
    return [column.name for column in before.columns if column.name.lower() not in names]


def unknown_constraints(live: LiveTable, before: Table) -> Iterator[ddl.LiveConstraint]:
    """The constraints that the table before does not ask for: neither by name, nor by what they say."""
    asked = ddl.taken_apart(t.create_table(before)).all_constraints
    names = {each.name for each in asked if each.name is not None}
    known_keys = {_said(each, before) for each in asked}
    known = {column.name.lower() for column in before.columns}
    inner = (
        each
        for column in live.definition.columns
        if column.name.lower() in known
        for each in column.constraints
    )
    for each in (*live.definition.constraints, *inner):
        if (
            each.kind != "PRIMARY"
            and each.name not in names
            and _said(each, before) not in known_keys
        ):
            yield each


def _said(constraint: ddl.LiveConstraint, table: Table) -> str:
    """Return what a constraint says; a condition in the form in which drift compares it."""
    if constraint.kind != "CHECK":
        return constraint.equality_key
    columns = {ddl.folded(column.name): COMPILER.quote(column.name) for column in table.columns}
    return e.condition(constraint.text, columns, table.name)


def as_it_is(table: Table, live: LiveTable, before: Table) -> Table:
    """The table after, with STRICT, WITHOUT ROWID and AUTOINCREMENT that were given by hand."""
    by_hand = {}
    if "STRICT" in live.definition.tail and not t.is_strict(before):
        by_hand["sqlite_strict"] = True
    if "WITHOUT ROWID" in live.definition.tail and t.has_rowid(before):
        by_hand["sqlite_with_rowid"] = False
    if ddl.mentions(live.sql, "AUTOINCREMENT") and not t.autoincrement(before):
        by_hand["sqlite_autoincrement"] = True
    merged = {**dict(table.options), **by_hand}
    return replace(table, options=tuple(sorted(merged.items()))) if by_hand else table
