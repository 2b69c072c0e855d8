"""Names of a reflected schema as models have them: in SQLite names are case-insensitive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import ddl
from whimbrel.engines.sqlite.reflect import expressions as e
from whimbrel.engines.sqlite.tables import key_column
from whimbrel.schema.expressions import SQL, Expression
from whimbrel.schema.table import Column, Constraint, ForeignKey, Index, Name, Schema, Table

Item = TypeVar("Item", Constraint, Index)


def match_identifier_case(found: Schema, wanted: Schema) -> Schema:
    """A schema with its tables, columns, constraints and indexes spelled as another's."""
    known = {_folded(at): table for at, table in wanted.tables.items()}
    words = {
        _folded(at): _Words.of(table, known.get(_folded(at))) for at, table in found.tables.items()
    }
    tables = [words[_folded(at)].table(table, words) for at, table in found.tables.items()]
    return replace(
        found, tables={each.at: _counting(each, wanted.tables.get(each.at)) for each in tables}
    )


def _counting(found: Table, wanted: Table | None) -> Table:
    """A table whose key may be declared BIGINT or SMALLINT, as SQLAlchemy does: it does not count here.

    Migrations make it INTEGER, so that it counts as on other databases; either holds the rows.
    """
    key = key_column(found)
    if wanted is None or key is None or key != key_column(wanted):
        return found
    own, asked = found.column(key), wanted.column(key)
    declared = COMPILER.type(own.type).upper()
    if asked.generated is None or own.generated or declared not in ("BIGINT", "SMALLINT"):
        return found
    columns = (asked if each is own else each for each in found.columns)
    return replace(found, columns=tuple(columns))


def _folded(at: Name) -> Name:
    return Name(at.schema, ddl.folded(at.name))


def _spelled(names: Iterable[str]) -> dict[str, str]:
    return {ddl.folded(name): name for name in names if name}


@dataclass(frozen=True)
class _Words:
    """The names of a table: its own, and those of its columns, constraints and indexes by lowercase name."""

    at: Name
    columns: Mapping[str, str]
    parts: Mapping[str, str]

    @classmethod
    def of(cls, found: Table, wanted: Table | None) -> _Words:
        tables = (found,) if wanted is None else (found, wanted)
        columns: dict[str, str] = {}
        parts: dict[str, str] = {}
        for table in tables:
            columns |= _spelled(each.name for each in table.columns)
            parts |= _spelled(each.name for each in (*table.constraints, *table.indexes))
        return cls(tables[-1].at, columns, parts)

    def named(self, columns: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self.column_name, columns))

    def column_name(self, name: str) -> str:
        return self.columns.get(ddl.folded(name), name)

    def part(self, name: str) -> str:
        return self.parts.get(ddl.folded(name), name)

    def expression(self, of: Expression) -> Expression:
        if not isinstance(of, SQL):
            return of
        written = {name: COMPILER.quote(column) for name, column in self.columns.items()}
        return SQL(e.normal(ddl.tokens(of.text), written))

    # -- what has names in it

    def table(self, of: Table, others: Mapping[Name, _Words]) -> Table:
        return replace(
            of,
            name=self.at.name,
            columns=tuple(map(self.column, of.columns)),
            constraints=tuple(self.constraint(each, others) for each in of.constraints),
            indexes=tuple(map(self.item, of.indexes)),
        )

    def column(self, of: Column) -> Column:
        computed = of.computed
        if computed is not None:
            computed = replace(computed, expression=self.expression(computed.expression))
        return replace(of, name=self.column_name(of.name), computed=computed)

    def constraint(self, of: Constraint, others: Mapping[Name, _Words]) -> Constraint:
        made = self.item(of)
        if not isinstance(made, ForeignKey):
            return made
        there = others.get(_folded(made.target))
        if there is None:
            return made
        return made.replace(target=there.at, target_columns=there.named(made.target_columns))

    def item(self, of: Item) -> Item:
        return of.replace_mentions(self.column_name, self.expression).replace(
            name=self.part(of.name)
        )
