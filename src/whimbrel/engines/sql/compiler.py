"""A compiler writes names, types, values and conditions of a dialect; what is hot it remembers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from whimbrel.engines.sql.literals import Literals, refused, text
from whimbrel.errors import ModelError, UnsupportedError
from whimbrel.schema.expressions import SQL, Default, Expression, F, Q
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    ForeignKey,
    IndexPart,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.sources.types import build

_DEFERRABLE = {
    None: "",
    "immediate": " DEFERRABLE INITIALLY IMMEDIATE",
    "deferred": " DEFERRABLE INITIALLY DEFERRED",
}

_OPERATORS = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
#: Lookups by a part of a string: whether anything may stand before the part, and after it.
_PARTS = {"startswith": (False, True), "endswith": (True, False), "contains": (True, True)}

#: A locale with its encoding, as collations of the operating system are called.
_LOCALE = re.compile(
    r"(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)\.(utf|iso|euc|koi|cp|gb|big)[\w-]*(@\w+)?", re.I
)


class SQLCompiler:
    """The pieces of statements in one dialect. A dialect's own ways are in a subclass.

    ``dialect`` must not double a ``%``: what is made here is printed, and run as it stands.
    """

    #: The longest name in bytes; 0 for no limit.
    longest_name = 0

    def __init__(self, dialect: Dialect, literals: Literals) -> None:
        self.dialect = dialect
        self.literals = literals
        self._quoted: dict[str, str] = {}
        self._types: dict[ColumnType, str] = {}

    # -- names

    def quote(self, name: str) -> str:
        """A name, in quotes where it needs them. Raises `ModelError` where it is too long."""
        quoted = self._quoted.get(name)
        if quoted is None:
            if self.longest_name and len(name.encode()) > self.longest_name:
                raise ModelError(
                    f"the name {name!r} is longer than {self.longest_name} bytes",
                    hint="Give a shorter one: the database would cut it off.",
                )
            quoted = self._quoted[name] = self.dialect.identifier_preparer.quote(name)
        return quoted

    def at(self, name: Name) -> str:
        """A name inside its schema."""
        if name.schema is None:
            return self.quote(name.name)
        return f"{self.quote(name.schema)}.{self.quote(name.name)}"

    def names(self, names: Iterable[str]) -> str:
        """Names with commas between."""
        return ", ".join(map(self.quote, names))

    # -- types

    def type(self, type: ColumnType) -> str:
        """A column type, as it stands in a definition."""
        try:
            known = self._types.get(type)
        except TypeError:  # an argument that has no hash
            return self._compile_type(type)
        if known is None:
            known = self._types[type] = self._compile_type(type)
        return known

    def _compile_type(self, type: ColumnType) -> str:
        made = build(type)
        try:
            return str(self.dialect.type_compiler_instance.process(made))
        except sa.exc.CompileError as error:
            raise UnsupportedError(
                f"{self.dialect.name} has no type for {made!r}",
                hint="Use another type, or give one for this dialect: "
                f"type.with_variant(..., {self.dialect.name!r}).",
            ) from error

    # -- values

    def literal(self, value: object, type: ColumnType | None = None) -> str:
        """A value as it would be stored in a column of that type, as a literal.

        It goes the way of a parameter, through the type's own processing, so that a default
        in the database and a value sent by an application are the same. Raises `ModelError`.
        """
        if value is None:
            return "NULL"
        if type is None:
            return self.literals.of(value)
        if isinstance(type, EnumType):
            return text(str(value.value if isinstance(value, Enum) else value))
        return self._compile_value(value, build(type))

    def _compile_value(self, value: Any, made: TypeEngine[Any]) -> str:
        impl = made.dialect_impl(self.dialect)
        try:
            if made._has_bind_expression:
                bound = sa.literal(value, made)
                literal_binds = {"literal_binds": True}
                return str(bound.compile(dialect=self.dialect, compile_kwargs=literal_binds))
            process = impl.bind_processor(self.dialect)
            value = _in_utc(value, impl)
            return self.literals.of(process(value) if process else value)
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            sa.exc.SQLAlchemyError,
        ) as error:
            raise refused(value, f"the type {made!r} does not take it ({error})") from error

    def default(self, default: Default, type: ColumnType) -> str:
        """Return what stands after DEFAULT, or after SET column =."""
        if isinstance(default, SQL):
            return default.on(self.dialect.name)
        return self.literal(default.value, type)

    def expression(self, expression: Expression, table: Table) -> str:
        """A condition or another expression in terms of a table's columns."""
        if isinstance(expression, SQL):
            return expression.on(self.dialect.name)
        return self._condition(expression, table)

    def _condition(self, condition: Q, table: Table) -> str:
        """A condition: columns quoted, values as literals of their columns' types. Raises `ModelError`."""
        parts = [
            self._condition(child, table) if isinstance(child, Q) else self._compare(child, table)
            for child in condition.children
        ]
        if not parts:
            raise ModelError("an empty Q() says nothing", hint="Leave the condition out.")
        joined = f" {condition.connector} ".join(parts)
        if condition.negated:
            return f"NOT ({joined})"
        return f"({joined})" if len(parts) > 1 else joined

    def _compare(self, child: tuple[str, str, Any], table: Table) -> str:
        name, lookup, value = child
        column = _column(name, table)
        left = self.quote(name)

        def right(value: Any) -> str:
            if isinstance(value, F):
                return self.quote(_column(value.name, table).name)
            return self.literal(value, column.type)

        match lookup:
            case "isnull":
                return f"{left} IS NULL" if value else f"{left} IS NOT NULL"
            case "exact" if value is None:
                return f"{left} IS NULL"
            case "in":  # an empty list has no row, on every database
                return f"{left} IN ({', '.join(map(right, value))})" if value else "1 = 0"
            case "range":
                low, high = value
                return f"{left} BETWEEN {right(low)} AND {right(high)}"
            case "startswith" | "endswith" | "contains":
                before, after = _PARTS[lookup]
                return self.like(left, value, before=before, after=after)
        return f"{left} {_OPERATORS[lookup]} {right(value)}"

    def like(self, column: str, value: str, *, before: bool, after: bool) -> str:
        """The condition that a column has a string in it, by case. before, after: more may stand there."""
        return f"{column} LIKE {text('%' * before + like(value) + '%' * after)}"

    # -- clauses of tables

    def collate(self, collation: str | None) -> str:
        """`` COLLATE "C"``, or nothing."""
        return f" COLLATE {self.collation(collation)}" if collation else ""

    def collation(self, collation: str) -> str:
        """A collation's name, which may have a schema; the dot of "en_US.utf8" is its own."""
        if _LOCALE.fullmatch(collation):
            return self.quote(collation)
        return ".".join(self.quote(part) for part in collation.split(".", 1))

    def checked_enum(self, column: Column) -> EnumType | None:
        """The enum of a column that asks for a CHECK, where it is a VARCHAR."""
        of = column.type.on(self.dialect.name)
        asks = isinstance(of, EnumType) and of.check and not self.has_type_of(of)
        return of if asks and isinstance(of, EnumType) else None

    def enum_check(self, column: Column) -> str | None:
        """CHECK (column IN (labels)), for an enum that asks for it where it is a VARCHAR."""
        of = self.checked_enum(column)
        if of is None:
            return None
        labels = ", ".join(text(label) for label in of.labels)
        return f"CHECK ({self.quote(column.name)} IN ({labels}))"

    def has_type_of(self, enum: EnumType) -> bool:
        """Return True if the enum is a type of its own here."""
        return enum.native and self.dialect.supports_native_enum

    def constraint(self, constraint: Constraint, table: Table) -> str:
        """A constraint as it stands in CREATE TABLE or after ADD."""
        match constraint:
            case PrimaryKey(columns=columns):
                body = f"PRIMARY KEY ({self.names(columns)})"
            case Unique():
                body = self.unique(constraint)
            case Check(expression=expression):
                body = f"CHECK ({self.expression(expression, table)})"
            case ForeignKey(columns=columns):
                body = f"FOREIGN KEY ({self.names(columns)}) {self.references(constraint)}"
            case Exclude():
                body = self.exclude(constraint, table)
        return self.named(constraint.name) + body

    def named(self, name: str | None) -> str:
        """``CONSTRAINT name ``, or nothing."""
        return f"CONSTRAINT {self.quote(name)} " if name else ""

    def unique(self, unique: Unique) -> str:
        return f"UNIQUE ({self.names(unique.columns)})"

    def exclude(self, exclude: Exclude, table: Table) -> str:
        raise UnsupportedError(
            f"{self.dialect.name} has no exclusion constraints ({exclude.name} on {table.at})",
            hint="Take the constraint out, or use PostgreSQL.",
        )

    def references(self, key: ForeignKey) -> str:
        """REFERENCES ..., as it stands after the columns, or after one column's definition."""
        columns = f" ({self.names(key.target_columns)})" if key.target_columns else ""
        match = f" MATCH {key.match}" if key.match else ""
        on_delete = f" ON DELETE {key.on_delete}" if key.on_delete else ""
        on_update = f" ON UPDATE {key.on_update}" if key.on_update else ""
        return (
            f"REFERENCES {self.target(key.target)}{columns}"
            f"{match}{on_delete}{on_update}{self.deferrable(key.deferrable)}"
        )

    def target(self, table: Name) -> str:
        """A foreign key's target."""
        return self.at(table)

    def deferrable(self, deferrable: str | None) -> str:
        """`` DEFERRABLE INITIALLY ...``, or nothing."""
        return _DEFERRABLE[deferrable]

    def index_part(self, part: IndexPart) -> str:
        """One element of an index, expressions in parentheses."""
        of = part.of.on(self.dialect.name) if isinstance(part.of, SQL) else self.quote(part.of)
        of = f"({of})" if isinstance(part.of, SQL) else of
        opclass = f" {part.opclass}" if part.opclass else ""
        descending = " DESC" if part.descending else ""
        nulls = f" NULLS {part.nulls.upper()}" if part.nulls else ""
        return f"{of}{self.collate(part.collation)}{opclass}{descending}{nulls}"


def _column(name: str, table: Table) -> Column:
    try:
        return table.column(name)
    except KeyError:
        raise ModelError(
            f"a condition names {name!r}, which {table.at} does not have",
            hint=f"Columns: {', '.join(column.name for column in table.columns)}.",
        ) from None


def _in_utc(value: Any, impl: TypeEngine[Any]) -> Any:
    """A moment as the column keeps it: one without a zone is one in UTC, in every session."""
    if not isinstance(value, dt.datetime) or not isinstance(impl, sa.DateTime):
        return value
    moment = value.astimezone(dt.UTC) if value.tzinfo is not None else value
    return moment.replace(tzinfo=dt.UTC if impl.timezone else None)


def like(value: str) -> str:
    """A string as a LIKE pattern that means just itself (with ``\\`` as the escape)."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
