"""PostgreSQL's own ways of writing things."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.dialects.postgresql import Range, named_types
from sqlalchemy.dialects.postgresql.base import PGDialect

from whimbrel.engines.sql import SQLCompiler
from whimbrel.engines.sql.literals import Literals, seconds, text
from whimbrel.errors import UnsupportedError
from whimbrel.schema.table import Column, Exclude, Identity, Serial, Table, Unique
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.sources.types import build

_SERIALS = {"SMALLINT": "SMALLSERIAL", "INTEGER": "SERIAL", "BIGINT": "BIGSERIAL"}

#: Identity's and Sequence's options, in the words of CREATE SEQUENCE.
_NUMBERS = (
    ("start", "START WITH"),
    ("increment", "INCREMENT BY"),
    ("minvalue", "MINVALUE"),
    ("maxvalue", "MAXVALUE"),
    ("cache", "CACHE"),
)


class PostgreSQLLiterals(Literals):
    """Literals in PostgreSQL (documentation 18, 4.1.2, 8.4, 8.5, 8.15)."""

    def endless(self, value: float) -> str:
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return f"'{name}'"

    def binary(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'::bytea"

    def duration(self, value: dt.timedelta) -> str:
        return f"'{value.days} days {seconds(value)} seconds'::interval"

    def array(self, value: Any) -> str:
        items = list(value)
        return f"ARRAY[{', '.join(map(self.of, items))}]" if items else "'{}'"

    def other(self, value: Any) -> str:
        return text(str(value)) if isinstance(value, Range) else super().other(value)


class PostgreSQLCompiler(SQLCompiler):
    """The pieces of PostgreSQL's statements."""

    longest_name = 63

    def __init__(self) -> None:
        # The plain dialect needs no driver. With "named" parameters it does not double a percent sign.
        dialect: PGDialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
        dialect.supports_native_decimal = True
        super().__init__(dialect, PostgreSQLLiterals())

    # -- types and values

    def literal(self, value: object, type: ColumnType | None = None) -> str:
        written = super().literal(value, type)
        if type is not None and written.startswith("ARRAY["):
            return f"{written}::{self.type(type)}"
        return written

    def bare_type(self, type: ColumnType) -> str:
        """A type without a collation of its own: ``VARCHAR(10)``."""
        return self.type(type).partition(" COLLATE ")[0]

    def create_domain(self, domain: ColumnType) -> str:
        """CREATE DOMAIN, with all that it says."""
        made: Any = named_types.CreateDomainType(build(domain))
        return str(made.compile(dialect=self.dialect))

    # -- columns

    def column(self, column: Column, table: Table) -> str:
        """A column's definition, as in CREATE TABLE and after ADD COLUMN."""
        if isinstance(column.generated, Serial):
            kind = self.serial(column, table)
        else:
            kind = f"{self.type(column.type)}{self.collate(column.collation)}"
        null = "" if column.null else " NOT NULL"
        return f"{self.quote(column.name)} {kind}{self.origin(column, table)}{null}"

    def serial(self, column: Column, table: Table) -> str:
        """SERIAL, in the size of the column's type."""
        kind = _SERIALS.get(self.type(column.type))
        if kind is None:
            raise UnsupportedError(
                f"{table.at}.{column.name} counts, but its type is {self.type(column.type)}",
                hint="Use a whole number's type (SmallInteger, Integer, BigInteger).",
            )
        return kind

    def origin(self, column: Column, table: Table) -> str:
        """Return the clause that gives values where nobody does: DEFAULT or GENERATED."""
        if column.computed is not None:
            kept = "STORED" if column.computed.stored else "VIRTUAL"
            made = self.expression(column.computed.expression, table)
            return f" GENERATED ALWAYS AS ({made}) {kept}"
        if isinstance(column.generated, Identity):
            return f" {self.identity(column.generated)}"
        if column.default is not None:
            return f" DEFAULT {self.default(column.default, column.type)}"
        return ""

    def identity(self, identity: Identity) -> str:
        """GENERATED ... AS IDENTITY (...)"""
        options = self.counting(identity)
        within = f" ({options})" if options else ""
        return f"GENERATED {self.strictness(identity)} AS IDENTITY{within}"

    def strictness(self, identity: Identity) -> str:
        """ALWAYS, where a value that somebody gives is refused; else BY DEFAULT."""
        return "ALWAYS" if identity.always else "BY DEFAULT"

    def counting(self, of: Any) -> str:
        """The options of a sequence, or of an identity's; those that are None are left out."""
        said = [
            f"{words} {getattr(of, name)}"
            for name, words in _NUMBERS
            if getattr(of, name) is not None
        ]
        return " ".join([*said, *(["CYCLE"] if of.cycle else [])])

    # -- constraints

    def make_name(self, first: str, second: str, label: str) -> str:
        """Return the name that PostgreSQL makes of two others and a label (18, makeObjectName).

        The longer of the two is cut until all of it fits.
        """
        room = self.longest_name - len(f"_{label}") - bool(second)
        names = [first.encode(), second.encode()]
        while len(names[0]) + len(names[1]) > room:
            longer = 0 if len(names[0]) > len(names[1]) else 1
            names[longer] = names[longer][:-1]
        return "_".join([*(each.decode(errors="ignore") for each in names if each), label])

    def unique(self, unique: Unique) -> str:
        nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
        include = f" INCLUDE ({self.names(unique.include)})" if unique.include else ""
        return (
            f"UNIQUE{nulls} ({self.names(unique.columns)}){include}"
            f"{self.deferrable(unique.deferrable)}"
        )

    def exclude(self, exclude: Exclude, table: Table) -> str:
        elements = ", ".join(
            f"{self.quote(of) if isinstance(of, str) else '(' + of.on('postgresql') + ')'} WITH {operator}"
            for of, operator in exclude.elements
        )
        where = f" WHERE ({self.expression(exclude.where, table)})" if exclude.where else ""
        return (
            f"EXCLUDE USING {exclude.method} ({elements}){where}"
            f"{self.deferrable(exclude.deferrable)}"
        )

    # -- enums

    def enum_at(self, enum: EnumType) -> str:
        """The name of an enum's type."""
        return str(self.dialect.type_compiler_instance.process(build(enum)))

    def labels(self, enum: EnumType) -> str:
        return ", ".join(map(text, enum.labels))


COMPILER = PostgreSQLCompiler()
