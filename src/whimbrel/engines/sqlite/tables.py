"""Tables and indexes in SQLite's words, as SQLAlchemy's ``create_all`` would make them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import ddl
from whimbrel.errors import UnsupportedError
from whimbrel.schema.expressions import SQL, Default
from whimbrel.schema.table import (
    Column,
    Constraint,
    ForeignKey,
    Identity,
    Index,
    Name,
    PrimaryKey,
    Table,
)
from whimbrel.schema.types import ColumnType, EnumType


@dataclass(frozen=True)
class Clause:
    """A constraint in a table's definition. ``of``: what it says, or the column whose type asks for it."""

    text: str
    of: Constraint | Column


@dataclass(frozen=True)
class Definition:
    """The parts of CREATE TABLE: columns by name, constraints, and what follows the parenthesis."""

    columns: dict[str, str]
    clauses: tuple[Clause, ...]
    tail: str

    @property
    def texts(self) -> frozenset[str]:
        """The constraints' texts."""
        return frozenset(clause.text for clause in self.clauses)


def definition(table: Table) -> Definition:
    """The definition of a table. Raises `UnsupportedError` for what SQLite does not have."""
    counter = autoincrement(table)
    try:
        columns = {column.name: column_text(column, table) for column in table.columns}
    except UnsupportedError as error:
        raise UnsupportedError(error.message, place=str(table.at), hint=error.hint) from error
    clauses = []
    for each in table.constraints:
        # A schema is a database file here, and no foreign key can point out of one.
        leaves = isinstance(each, ForeignKey) and each.target.schema != table.schema
        if not leaves and not (counter and isinstance(each, PrimaryKey)):
            clauses.append(Clause(COMPILER.constraint(each, table), each))
    return Definition(columns, (*clauses, *_type_checks(table)), _tail(table))


def create_table(table: Table, under: str | None = None, more: Sequence[str] = ()) -> str:
    """CREATE TABLE. ``under``: another name; ``more``: definitions that only the database knows."""
    if not table.columns:
        raise UnsupportedError(
            "SQLite has no tables without columns",
            place=str(table.at),
            hint="Let it have one, a key for one; or remove the model.",
        )
    made = definition(table)
    lines = [
        *made.columns.values(),
        *(text for text in more if not _STARTS_CONSTRAINT.match(text)),
        *(clause.text for clause in made.clauses),
        *filter(_STARTS_CONSTRAINT.match, more),
    ]
    inside = ",\n".join(f"    {line}" for line in lines)
    at = COMPILER.at(Name(table.schema, under or table.name))
    return f"CREATE TABLE {at} (\n{inside}\n){made.tail}"


_STARTS_CONSTRAINT = re.compile(r"(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)\b", re.IGNORECASE)


def create_index(index: Index, table: Table) -> str:
    """CREATE INDEX. Method, INCLUDE and storage parameters say nothing here."""
    unique = "UNIQUE " if index.unique else ""
    parts = ", ".join(COMPILER.index_part(part) for part in index.parts)
    where = f" WHERE {COMPILER.expression(index.where, table)}" if index.where is not None else ""
    at = COMPILER.at(Name(table.schema, index.name))
    return f"CREATE {unique}INDEX {at} ON {COMPILER.quote(table.name)} ({parts}){where}"


# -- columns -------------------------------------------------------------------------------


def column_text(column: Column, table: Table) -> str:
    """A column's definition, without constraints that are the table's."""
    parts = [COMPILER.quote(column.name), column_type(column, table)]
    if column.collation:
        parts.append(COMPILER.collate(column.collation).strip())
    if column.default is not None and column.computed is None:
        parts.append(f"DEFAULT {default_text(column.default, column)}")
    if not column.null:
        parts.append("NOT NULL")
    if column.name == key_column(table) and autoincrement(table):
        key = table.primary_key
        parts.append(f"{COMPILER.named(key.name if key else None)}PRIMARY KEY AUTOINCREMENT")
    if column.computed is not None:
        expression = COMPILER.expression(column.computed.expression, table)
        kind = "STORED" if column.computed.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({expression}) {kind}")
    return " ".join(parts)


def column_type(column: Column, table: Table) -> str:
    """A column's type. What counts by itself must be spelled INTEGER (autoinc.html)."""
    is_key = column.generated is not None and column.name == key_column(table)
    if is_key and has_rowid(table):
        return "INTEGER"
    spelled = COMPILER.type(column.type)
    return _strict(spelled) if is_strict(table) else spelled


_PLAIN = re.compile(r"[\w]*")


def default_text(default: Default, column: Column) -> str:
    """Return what stands after DEFAULT: an expression needs parentheses."""
    text = COMPILER.default(default, column.type)
    if not isinstance(default, SQL) or _PLAIN.fullmatch(text) or is_constant(text):
        return text
    # A comment is no token, and would take what follows with it.
    is_closed = text.endswith(")") and ddl.is_in_parentheses(ddl.tokens(text))
    end = "\n" if "--" in text else ""
    return text if is_closed else f"({text}{end})"


_CONSTANT = re.compile(
    r"""\s*\(?\s*(NULL|TRUE|FALSE|[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|x?'(?:[^']|'')*')\s*\)?\s*""",
    re.IGNORECASE,
)


def is_constant(text: str) -> bool:
    """Return True if a default is a literal, which ADD COLUMN takes (lang_altertable.html, 4)."""
    return bool(_CONSTANT.fullmatch(text)) and not text.strip().startswith("(")


# -- types that ask for a CHECK --------------------------------------------------------------


def _type_checks(table: Table) -> Iterator[Clause]:
    for column in table.columns:
        check = COMPILER.enum_check(column) or _boolean_check(column)
        if check is not None:
            of = own_type(column)
            name = of.name if isinstance(of, EnumType) else dict(of.kwargs).get("name")
            yield Clause(COMPILER.named(str(name) if name else None) + check, column)


def _boolean_check(column: Column) -> str | None:
    of = own_type(column)
    if isinstance(of, EnumType) or of.path != "sqlalchemy:Boolean":
        return None
    asks = dict(of.kwargs).get("create_constraint")
    return f"CHECK ({COMPILER.quote(column.name)} IN (0, 1))" if asks else None


def own_type(column: Column) -> ColumnType:
    """The type of a column on this dialect."""
    return column.type.on("sqlite")


# -- the table as a whole --------------------------------------------------------------------


def option(table: Table, name: str, default: bool) -> bool:
    """A dialect option that SQLite minds, by SQLAlchemy's name."""
    return next((bool(value) for each, value in table.options if each == name), default)


def is_strict(table: Table) -> bool:
    return option(table, "sqlite_strict", False)


def has_rowid(table: Table) -> bool:
    return option(table, "sqlite_with_rowid", True)


def _tail(table: Table) -> str:
    words = {"WITHOUT ROWID": not has_rowid(table), "STRICT": is_strict(table)}
    said = ", ".join(word for word, is_said in words.items() if is_said)
    return f" {said}" if said else ""


def key_column(table: Table) -> str | None:
    """The column that is the primary key by itself."""
    key = table.primary_key
    return key.columns[0] if key is not None and len(key.columns) == 1 else None


def autoincrement(table: Table) -> bool:
    """Return True if numbers are never given twice: fields that count by themselves, or where the table asks for it."""
    alias = rowid_alias(table)
    if alias is None:
        return False
    asked = option(table, "sqlite_autoincrement", False)
    generated = table.column(alias).generated
    return asked or (isinstance(generated, Identity) and not generated.plain)


def rowid_alias(table: Table) -> str | None:
    """The column that is the rowid: a primary key of one column, spelled INTEGER."""
    name = key_column(table)
    column = next((each for each in table.columns if each.name == name), None)
    if column is None or not has_rowid(table):
        return None
    return name if column_type(column, table).upper() == "INTEGER" else None


_STRICT_TYPES = {"INT": "INT", "ANY": "ANY", "BOOLEAN": "INTEGER"}


def _strict(spelled: str) -> str:
    """The nearest of the six types that a STRICT table knows (stricttables.html, 2)."""
    name, collate, collation = spelled.partition(" COLLATE ")
    nearest = affinity(name)
    if nearest == "NUMERIC":
        nearest = "TEXT" if re.match(r"DATE|TIME|JSON", name.upper()) else "ANY"
    return _STRICT_TYPES.get(name.upper(), nearest) + collate + collation


def affinity(spelled: str) -> str:
    """Return the affinity that SQLite reads from a type's name (datatype3.html, 3.1)."""
    name = spelled.upper()
    if "INT" in name:
        return "INTEGER"
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in name or not name:
        return "BLOB"
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"
