"""Enum types and sequences that stand in, in scratch tables, for those that are not there.

What the database has already is used as it is. What it has not, or has otherwise, is made in
the temporary schema; expressions are told its name there, and what comes back is told by the
name that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.reflect import catalog, columns
from whimbrel.engines.postgresql.reflect.normal import all_enums, native
from whimbrel.engines.postgresql.reflect.reflecting import Surroundings
from whimbrel.engines.postgresql.steps.probes import oid
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.schema.domains import (
    domain_arguments,
    domains_in,
    in_schema,
    name_of,
    replace_domains,
)
from whimbrel.schema.expressions import SQL, Default, Expression
from whimbrel.schema.table import Column, Computed, Name, Schema, Table
from whimbrel.schema.types import ColumnType, EnumType, Type, enum_types, in_sql, replace_enums

#: Where what is temporary is made.
TEMPORARY = "pg_temp"


@dataclass(frozen=True)
class ScratchTypes:
    """``enums`` and ``sequences`` by their names in the temporary schema: what they stand for."""

    enums: dict[str, EnumType]
    sequences: dict[str, Name]
    #: Domains that the database has already stand in too: it may have them otherwise.
    domains: dict[str, Type]
    #: The schema whose name is not said of what is in it.
    default: str | None

    @classmethod
    def needed(cls, connection: Connection, schema: Schema, around: Surroundings) -> ScratchTypes:
        there = {(at, enum.name): enum.labels for at, enum in around.enums.values()}
        of_types = filter(COMPILER.has_type_of, all_enums(schema))
        wanted = {enum.name: enum for enum in map(native, of_types)}
        enums = {
            name: enum
            for name, enum in wanted.items()
            if there.get((around.real(enum.schema) or "", name)) != enum.labels
        }
        missing = [
            at
            for at in schema.sequences
            if execute(connection, f"SELECT {oid(at)}").scalar() is None
        ]
        domains = {at.name: each for at, each in schema.domains.items()}
        return cls(enums, {at.name: at for at in missing}, domains, around.default)

    def statements(self) -> Iterator[str]:
        """Return the statements that make them."""
        for enum in self.enums.values():
            name = COMPILER.at(Name(TEMPORARY, enum.name))
            yield f"CREATE TYPE {name} AS ENUM ({COMPILER.labels(enum)})"
        for name in self.sequences:
            yield f"CREATE SEQUENCE {COMPILER.at(Name(TEMPORARY, name))}"

    def of_domain(self, domain: Type) -> str:
        """Return the statement that makes a domain."""
        return COMPILER.create_domain(self._temporary(domain))

    def known(self, around: Surroundings) -> Surroundings:
        """The surroundings with the enum types that stand in, read anew, as what is meant."""
        enums = {
            oid: (at, self.enums[enum.name])
            if at.startswith("pg_temp") and enum.name in self.enums
            else (at, enum)
            for oid, (at, enum) in around.enums.items()
        }
        return replace(around, enums=enums)

    # -- tables on their way there and back

    def put_in(self, table: Table) -> Table:
        """A table that speaks of the stand-ins."""
        if not (self.enums or self.sequences or self.domains):
            return table
        columns = (replace(each, type=self._temporary(each.type)) for each in table.columns)
        return rewritten(replace(table, columns=tuple(columns)), self._inwards)

    def _temporary(self, of: ColumnType) -> ColumnType:
        """A type that is made of the stand-ins."""
        types = {
            enum: replace(enum, schema=TEMPORARY)
            for enum in enum_types(of)
            if enum.name in self.enums and native(enum) == self.enums[enum.name]
        }
        domains = {
            each: in_schema(each, TEMPORARY)
            for each in domains_in(of)
            if self.domains.get(name_of(each)[1]) == each
        }
        return replace_enums(replace_domains(of, domains), types)

    def read_domains(self, connection: Connection, around: Surroundings) -> dict[Name, Type]:
        """The domains as they came back, by the names that are meant."""
        rows = catalog.domains(connection, catalog.SCRATCH_DOMAINS)
        found = (columns.domain(row, around.place) for row in rows)
        meant = (self._meant(each) for each in found if name_of(each)[1] in self.domains)
        return {name_of(each): each for each in meant}

    def _meant(self, read: Type) -> Type:
        """A domain that was read, in the place that is meant, as is what it is made of."""
        full = {
            in_sql(COMPILER.quote(at.name)): in_sql(COMPILER.at(at))
            for at in self._types
            if at.schema not in (None, self.default)
        }
        made_of = domain_arguments(read)["data_type"]
        meant = self.domains[name_of(read)[1]]
        return in_schema(read, name_of(meant)[0], data_type=full.get(made_of, made_of))

    def _of_meant(self, column: Column) -> Column:
        domains = {
            each: self._meant(each)
            for each in domains_in(column.type)
            if str(name_of(each)[0]).startswith(TEMPORARY) and name_of(each)[1] in self.domains
        }
        return replace(column, type=replace_domains(column.type, domains))

    def taken_out(self, table: Table) -> Table:
        """A table that speaks of what they stand for."""
        if self.domains:
            table = replace(table, columns=tuple(map(self._of_meant, table.columns)))
        if not any(at.schema for at in (*self._types, *self.sequences.values())):
            return table  # all are found without a schema, here and there
        return rewritten(table, self._outwards)

    @property
    def _types(self) -> tuple[Name, ...]:
        """The names of the enum types and domains that they stand for."""
        return (*(each.at for each in self.enums.values()), *map(name_of, self.domains.values()))

    def _inwards(self, expression: str) -> str:
        for at in (*self._types, *self.sequences.values()):
            if at.schema is not None:
                there = COMPILER.at(Name(TEMPORARY, at.name))
                expression = _exchanged(expression, _word(COMPILER.at(at)), there)
        return expression

    def _outwards(self, expression: str) -> str:
        for at in self._types:
            name, full = COMPILER.quote(at.name), COMPILER.at(at)
            expression = _exchanged(expression, "(?<=::)" + _word(name), full)
        for at in self.sequences.values():
            short, full = text(COMPILER.quote(at.name)), text(COMPILER.at(at))
            expression = expression.replace(f"{short}::regclass", f"{full}::regclass")
        return expression


def _exchanged(expression: str, pattern: str, by: str) -> str:
    return re.sub(pattern, lambda match: by, expression)


def _word(name: str) -> str:
    return rf"(?<![\w\".]){re.escape(name)}(?![\w\".])"


# -- the expressions of a table --------------------------------------------------------------------


def rewritten(table: Table, by: Callable[[str], str]) -> Table:
    """The table with its expressions in SQL exchanged."""

    def sql(of: SQL) -> SQL:
        return SQL(by(of.on("postgresql")))

    def condition(of: Expression) -> Expression:
        return sql(of) if isinstance(of, SQL) else of

    def column(of: Column) -> Column:
        default: Default | None = sql(of.default) if isinstance(of.default, SQL) else of.default
        computed = of.computed
        if computed is not None:
            computed = Computed(condition(computed.expression), computed.stored)
        return replace(of, default=default, computed=computed)

    return replace(
        table,
        columns=tuple(map(column, table.columns)),
        constraints=tuple(each.replace_mentions(str, condition) for each in table.constraints),
        indexes=tuple(each.replace_mentions(str, condition) for each in table.indexes),
    )
