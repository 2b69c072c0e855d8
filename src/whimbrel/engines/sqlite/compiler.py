"""SQLite's compiler of names, types, values and clauses."""

from __future__ import annotations

import datetime as dt
import re

from sqlalchemy.dialects import sqlite

from whimbrel.engines.sql import SQLCompiler
from whimbrel.engines.sql.literals import Literals, text
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import IndexPart, Name


class SQLiteLiterals(Literals):
    """Values as SQLAlchemy stores them in SQLite, which knows no booleans and no moments."""

    def boolean(self, value: bool) -> str:
        return "1" if value else "0"

    def endless(self, value: float) -> str:
        # A number too large for a float is infinity; NaN is stored as NULL (datatype3.html).
        return "NULL" if value != value else f"{'-' if value < 0 else ''}9e999"

    def moment(self, value: dt.datetime) -> str:
        return text(value.isoformat(sep=" ", timespec="microseconds"))


class SQLiteCompiler(SQLCompiler):
    """The pieces of statements in SQLite."""

    def __init__(self) -> None:
        super().__init__(sqlite.dialect(), SQLiteLiterals())

    def target(self, table: Name) -> str:
        """Without a schema: a foreign key cannot leave its file."""
        return self.quote(table.name)

    def index_part(self, part: IndexPart) -> str:
        """Without an operator class and NULLS FIRST, which say nothing here."""
        of = part.of.on("sqlite") if isinstance(part.of, SQL) else self.quote(part.of)
        return f"{of}{self.collate(part.collation)}{' DESC' if part.descending else ''}"

    def like(self, column: str, value: str, *, before: bool, after: bool) -> str:
        """By GLOB: LIKE is case-insensitive here."""
        itself = re.sub(r"([*?\[])", r"[\1]", value)
        return f"{column} GLOB {text('*' * before + itself + '*' * after)}"


COMPILER = SQLiteCompiler()
