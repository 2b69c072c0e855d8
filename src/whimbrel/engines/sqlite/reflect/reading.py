"""CREATE TABLE and CREATE INDEX read as a table: what a database has, or would have.

All is in the text that SQLite keeps, constraints' names, collations and what an index is made of
too, which no pragma tells; so what would be made of a schema can be told without making it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa

from whimbrel.engines.sqlite.compiler import COMPILER
from whimbrel.engines.sqlite.reflect import ddl
from whimbrel.engines.sqlite.reflect import expressions as e
from whimbrel.engines.sqlite.tables import affinity
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import (
    Check,
    Column,
    Computed,
    Constraint,
    ForeignKey,
    Identity,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Serial,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, describe, in_sql


@dataclass(frozen=True)
class TableText:
    """The statements of a table, as SQLite keeps them; of its indexes by name."""

    at: Name
    sql: str
    indexes: dict[str, str] = field(default_factory=dict)

    @cached_property
    def definition(self) -> ddl.LiveDefinition:
        """The CREATE TABLE, taken apart."""
        return ddl.taken_apart(self.sql)

    @cached_property
    def spelled(self) -> dict[str, str]:
        """The columns' names as they are declared, by lowercase name."""
        return {ddl.folded(column.name): column.name for column in self.definition.columns}

    @cached_property
    def written(self) -> dict[str, str]:
        """The columns' names as they stand in an expression, by lowercase name."""
        return {name: COMPILER.quote(spelled) for name, spelled in self.spelled.items()}

    @cached_property
    def key(self) -> ddl.LiveConstraint | None:
        """The primary key."""
        constraints = self.definition.all_constraints
        return next((each for each in constraints if each.kind == "PRIMARY"), None)

    @cached_property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return self.columns(self.key.columns) if self.key is not None else ()

    def columns(self, names: Iterable[str]) -> tuple[str, ...]:
        """Columns as they are declared: names are case-insensitive."""
        return tuple(self.spelled.get(ddl.folded(name), name) for name in names)


#: The table of a name in the same file, if it is there.
Neighbour = Callable[[str], TableText | None]


def table_of(text: TableText, neighbour: Neighbour) -> Table:
    """The table that statements make."""
    columns = tuple(_column(column, text) for column in text.definition.columns)
    collations = {column.name: column.collation for column in columns}
    return Table(
        name=text.at.name,
        schema=text.at.schema,
        columns=columns,
        constraints=tuple(_each_once(_constraints(text, neighbour))),
        indexes=tuple(_index(name, sql, text, collations) for name, sql in text.indexes.items()),
        options=tuple(pair for word, pair in _OPTIONS.items() if word in text.definition.tail),
    )


_OPTIONS = {"STRICT": ("sqlite_strict", True), "WITHOUT ROWID": ("sqlite_with_rowid", False)}


# -- columns ---------------------------------------------------------------------------------

_Clauses = dict[str, tuple[str, ...]]


def _column(column: ddl.LiveColumn, text: TableText) -> Column:
    clauses = _by_word(column.clauses[1:])
    word = ddl.joined(column.clauses[0]).replace(" (", "(")
    if "STRICT" in text.definition.tail:
        word = word.upper()  # one of six, which are not spelled any other way here
    alone = text.key_columns == (column.name,) and "WITHOUT ROWID" not in text.definition.tail
    counts = (
        alone
        and word.upper() == "INTEGER"
        and "DESC" not in map(str.upper, clauses.get("PRIMARY", ()))
    )
    if alone and not counts and word.upper() in ("INT", "INTEGER"):
        # Spelled INTEGER it would be the rowid (lang_createtable.html, 5).
        type_: ColumnType = in_sql("INT")
    else:
        type_ = _column_type(word)
    default = e.default(clauses["DEFAULT"]) if "DEFAULT" in clauses else None
    if default is not None and word.upper() != "ANY" and affinity(word) not in ("TEXT", "BLOB"):
        default = e.number_in(default)
    return Column(
        name=column.name,
        type=type_,
        null="NOT" not in clauses and column.name not in text.key_columns,
        default=SQL(default) if default is not None else None,
        generated=_counter(clauses, text) if counts else None,
        computed=_computed(clauses, text),
        collation=_collation(clauses.get("COLLATE")),
    )


def _by_word(clauses: Iterable[tuple[str, ...]]) -> _Clauses:
    """The clauses of a column by their first word, which is left out; the last of two counts."""
    found: _Clauses = {}
    for clause in clauses:
        word = clause[0].upper()
        if word == "NOT" and clause[1:2] and clause[1].upper() != "NULL":
            continue  # NOT DEFERRABLE, which is what a key is by itself
        found["AS" if word == "GENERATED" else word] = clause[1:]
    return found


def _counter(clauses: _Clauses, text: TableText) -> Identity | Serial:
    table = ddl.tokens(text.key.text) if text.key is not None else ()
    words = {token.upper() for token in (*clauses.get("PRIMARY", ()), *table)}
    return Identity() if "AUTOINCREMENT" in words else Serial()


def _computed(clauses: _Clauses, text: TableText) -> Computed | None:
    clause = clauses.get("AS")
    if clause is None:
        return None
    start = clause.index("(")
    end = ddl.closing(clause, start)
    expression = e.normal(clause[start : end + 1], text.written, text.at.name)
    stored = "STORED" in (token.upper() for token in clause[end + 1 :])
    return Computed(SQL(expression), stored)


def _collation(clause: Sequence[str] | None) -> str | None:
    """BINARY is what a column has by itself."""
    name = e.collation(clause[0]) if clause else "BINARY"
    return None if name == "BINARY" else name


# -- types: a column may be declared in any words, and none are refused -----------------------

_CALL = re.compile(r"(?P<word>[\w ]+?)\s*(?:\((?P<numbers>\s*\d+(?:\s*,\s*\d+)?\s*)\))?")
#: Two words for one type: SQLite makes the same of both, but of a primary key.
_SAME = {"INT": "INTEGER", "BOOL": "BOOLEAN"}
#: Types that SQLAlchemy writes on SQLite, and does not look for there.
_MORE = {
    "BINARY": sa.BINARY,
    "CLOB": sa.CLOB,
    "DOUBLE PRECISION": sa.DOUBLE_PRECISION,
    "UUID": sa.UUID,
    "VARBINARY": sa.VARBINARY,
}


@lru_cache(maxsize=4096)
def _column_type(word: str) -> ColumnType:
    """SQLAlchemy's type of a declared one; where none is spelled that way, the word as it is."""
    made = _known(_SAME.get(word.upper(), word))
    return describe(made) if made is not None else in_sql(word)


def _known(word: str) -> sa.types.TypeEngine[Any] | None:
    match = _CALL.fullmatch(word)
    kind = _kind(match["word"].upper()) if match else None
    if match is None or kind is None:
        return None
    try:
        made = kind(*map(int, (match["numbers"] or "").split(",") if match["numbers"] else ()))
        spelled = str(COMPILER.dialect.type_compiler_instance.process(made))
    except (TypeError, sa.exc.SQLAlchemyError):
        return None
    return made if spelled.upper() == word.upper() else None


def _kind(word: str) -> Any:
    """The class of a type: SQLAlchemy's general one where there is one."""
    found = COMPILER.dialect.ischema_names.get(word) or _MORE.get(word)  # type: ignore[attr-defined]
    return getattr(sa, found.__name__, found) if found is not None else None


# -- constraints -----------------------------------------------------------------------------


def _each_once(constraints: Iterable[Constraint]) -> Iterator[Constraint]:
    """The constraints, without those that an earlier one says in the same words, its name too."""
    known: list[Constraint] = []
    for each in constraints:
        if not each.name or each not in known:
            known.append(each)
            yield each


def _constraints(text: TableText, neighbour: Neighbour) -> Iterator[Constraint]:
    for each in text.definition.all_constraints:
        name, columns = each.name or "", text.columns(each.columns)
        match each.kind:
            case "PRIMARY":
                yield PrimaryKey(name, columns)
            case "UNIQUE":
                yield Unique(name, columns)
            case "CHECK":
                yield Check(name, SQL(e.condition(each.text, text.written, text.at.name)))
            case "FOREIGN":
                yield _foreign_key(name, columns, ddl.tokens(each.text), text, neighbour)


def _foreign_key(
    name: str, columns: tuple[str, ...], body: list[str], text: TableText, neighbour: Neighbour
) -> ForeignKey:
    words = [token.upper() for token in body]
    place = words.index("REFERENCES") + 1
    target, rest = ddl.unquoted(body[place]), body[place + 1 :]
    named: tuple[str, ...] = ()
    if rest[:1] == ["("]:
        end = ddl.closing(rest, 0)
        named = tuple(ddl.unquoted(part[0]) for part in ddl.split(rest[1:end]))
        rest = rest[end + 1 :]
    said = " ".join(rest).upper()
    match = said.partition("MATCH ")[2].partition(" ")[0]
    there = text if ddl.folded(target) == ddl.folded(text.at.name) else neighbour(target)
    return ForeignKey(
        name,
        columns,
        Name(text.at.schema, there.at.name if there is not None else target),
        (there.columns(named) or there.key_columns) if there is not None else named,
        on_delete=_action("ON DELETE ", said),
        on_update=_action("ON UPDATE ", said),
        deferrable=_deferrable(said),
        match=None if match in ("", "SIMPLE") else match,
    )


def _action(word: str, said: str) -> str | None:
    rest = said.partition(word)[2]
    known = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT")
    return next((action for action in known if rest.startswith(action)), None)


def _deferrable(said: str) -> str | None:
    if "DEFERRABLE" not in said or "NOT DEFERRABLE" in said:
        return None
    return "deferred" if "INITIALLY DEFERRED" in said else "immediate"


# -- indexes ---------------------------------------------------------------------------------


def _index(name: str, sql: str, text: TableText, collations: dict[str, str | None]) -> Index:
    body = ddl.tokens(sql)
    start = body.index("(")
    end = ddl.closing(body, start)
    where = body[end + 2 :]
    return Index(
        name=name,
        parts=tuple(_part(each, text, collations) for each in ddl.split(body[start + 1 : end])),
        unique=body[1].upper() == "UNIQUE",
        where=SQL(e.normal(where, text.written, text.at.name)) if where else None,
    )


def _part(of: list[str], text: TableText, collations: dict[str, str | None]) -> IndexPart:
    descending = of[-1].upper() == "DESC"
    if of[-1].upper() in ("ASC", "DESC"):
        of = of[:-1]
    collation = None
    if len(of) > 2 and of[-2].upper() == "COLLATE" and _is_one_thing(of[:-2]):
        of, collation = of[:-2], e.collation(of[-1])
    bare = e.without_parentheses(of)
    column = text.spelled.get(ddl.folded(ddl.unquoted(bare[0]))) if len(bare) == 1 else None
    if column is not None:
        own = collations[column] or "BINARY"
        return IndexPart(column, descending, collation=None if collation == own else collation)
    expression = e.normal(of, text.written, text.at.name)
    if collation is not None and not _is_one_thing(bare):
        expression = f"({expression})"
    return IndexPart(SQL(expression), descending, collation=collation)


def _is_one_thing(of: list[str]) -> bool:
    """Return True if COLLATE after these tokens is about all of them: a name, a call, parentheses."""
    start = 1 if len(of) > 1 and ddl.is_name(of[0]) else 0
    return len(of) == 1 or ddl.is_in_parentheses(of[start:])
