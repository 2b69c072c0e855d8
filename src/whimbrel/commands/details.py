"""The differences between two schemas, in words: what was expected, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.dialects.postgresql import named_types
from sqlalchemy.engine import Dialect

from whimbrel.schema import changes as c
from whimbrel.schema.domains import name_of
from whimbrel.schema.expressions import SQL, Constant
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    ForeignKey,
    Identity,
    Index,
    IndexPart,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
    Serial,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType, Type
from whimbrel.sources.expressions import dialect_of
from whimbrel.sources.types import build


@dataclass(frozen=True)
class Detail:
    """One thing that differs. place: "blog_post.title"; None: it is not there on that side."""

    place: str
    what: str
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class DetailFormatter:
    """Changes from what is expected to what was found, in the words of a dialect.

    expected, found: the whole schemas, for what a change itself says less exactly. invalid: what is
    there by its table and name, and counts as missing, since it does not hold.
    """

    dialect: Dialect
    expected: Schema
    found: Schema
    invalid: Collection[tuple[Name, str]] = frozenset()

    def details(self, changes: Iterable[c.Change]) -> list[Detail]:
        """Return the details of changes; without keys that go only to come back."""
        return [detail for change in without_round_trips(changes) for detail in self._of(change)]

    def _of(self, change: c.Change) -> Iterator[Detail]:
        match change:
            case c.AlterColumn():
                yield from self._column_differs(change.table, change.old, change.new)
            case c.AddColumn(at, column):
                yield Detail(f"{at}.{column.name}", "column", None, self.column(column))
            case c.DropColumn(at, column):
                yield Detail(f"{at}.{column.name}", "column", self.column(column), None)
            case c.RenameColumn(at, old, new):
                yield Detail(str(at), "column", old, new)
            case c.CreateTable(table):
                yield Detail(str(table.at), "table", None, self._table(table))
            case c.DropTable(table):
                yield Detail(str(table.at), "table", self._table(table), None)
            case c.AlterTable(old, new):
                yield from self._table_differs(old, new)
            case c.RenameTable(before, after):
                yield Detail(str(before), "name", str(before), str(after))
            case _:
                yield from self._part(change)

    def _part(self, change: c.Change) -> Iterator[Detail]:
        """Constraints and indexes; whatever else there is, as it is called."""
        match change:
            case c.AddConstraint(at, part) | c.AddIndex(at, part):
                part = _exact_part(self.found, at, part)
                yield Detail(f"{at}.{part.name}", kind(part), None, self.part(part))
            case c.DropConstraint(at, part) | c.DropIndex(at, part):
                part = _exact_part(self.expected, at, part)
                there = "NOT VALID" if (at, part.name) in self.invalid else None
                yield Detail(f"{at}.{part.name}", kind(part), self.part(part), there)
            case c.RenameConstraint(at, old, new) | c.RenameIndex(at, old, new):
                yield Detail(str(at), f"name of {self.part(new)}", old.name, new.name)
            case _:
                yield from _other(change)

    def _column_differs(self, at: Name, old: Column, new: Column) -> Iterator[Detail]:
        old, new = _exact(self.expected, at, old), _exact(self.found, at, new)
        says: dict[str, Callable[[Column], str]] = {
            "type": lambda column: self.type(column.type),
            "null": lambda column: "NULL" if column.null else "NOT NULL",
            "default": self._default,
            "generated": lambda column: _generation(column.generated),
            "computed": self._computation,
            "collation": lambda column: _plain(column.collation),
            "comment": lambda column: _plain(column.comment),
        }
        for what, say in says.items():
            of_enum = what == "type" and self.type(old.type) == self.type(new.type)
            if getattr(old, what) != getattr(new, what) and not of_enum:
                yield Detail(f"{at}.{new.name}", what, say(old), say(new))

    def _table_differs(self, old: Table, new: Table) -> Iterator[Detail]:
        if old.comment != new.comment:
            yield Detail(str(new.at), "comment", _plain(old.comment), _plain(new.comment))
        if old.options != new.options:
            yield Detail(str(new.at), "options", str(dict(old.options)), str(dict(new.options)))

    # -- single things

    def type(self, of: ColumnType) -> str:
        """A type as the database writes it."""
        made: str = build(of).compile(dialect=self.dialect)
        return made

    def column(self, column: Column) -> str:
        """A column in a line."""
        parts = [self.type(column.type), "NULL" if column.null else "NOT NULL"]
        if column.default is not None:
            parts.append(f"DEFAULT {self._default(column)}")
        if column.generated is not None:
            parts.append(f"generated: {_generation(column.generated)}")
        if column.computed is not None:
            parts.append(f"computed: {self._computation(column)}")
        return " ".join(parts)

    def part(self, part: Constraint | Index) -> str:
        """A constraint or an index in a line."""
        match part:
            case PrimaryKey() | Unique():
                return f"{_KINDS[type(part)]} ({', '.join(part.columns)}){_more(part)}"
            case ForeignKey():
                columns, there = ", ".join(part.columns), ", ".join(part.target_columns)
                return f"FOREIGN KEY ({columns}) REFERENCES {part.target} ({there}){_more(part)}"
            case Check():
                return f"CHECK ({self._expression(part.expression)})"
            case Index():
                return self._index(part)
        elements = ", ".join(f"{self._expression(of)} WITH {how}" for of, how in part.elements)
        using = f" USING {part.method}" if part.method != "gist" else ""
        return f"EXCLUDE{using} ({elements}){self._where(part)}{_more(part)}"

    def _index(self, index: Index) -> str:
        inside = ", ".join(map(self._element, index.parts))
        unique = "UNIQUE " if index.unique else ""
        method = f"USING {index.method} " if index.method else ""
        options = f" WITH {dict(index.options)}" if index.options else ""
        return f"{unique}{method}({inside}){_more(index)}{options}{self._where(index)}"

    def _element(self, part: IndexPart) -> str:
        said = {
            f" COLLATE {part.collation}": part.collation,
            f" {part.opclass}": part.opclass,
            " DESC": part.descending,
            f" NULLS {(part.nulls or '').upper()}": part.nulls,
        }
        return self._expression(part.of) + "".join(word for word, is_so in said.items() if is_so)

    def _where(self, part: Index | Exclude) -> str:
        return f" WHERE {self._expression(part.where)}" if part.where is not None else ""

    def _table(self, table: Table) -> str:
        return f"({', '.join(column.name for column in table.columns)})"

    def _default(self, column: Column) -> str:
        return "none" if column.default is None else self._expression(column.default)

    def _computation(self, column: Column) -> str:
        computed = column.computed
        return "no" if computed is None else self._expression(computed.expression)

    def _expression(self, expression: object) -> str:
        match expression:
            case SQL():
                return expression.on(self.dialect.name)
            case Constant():
                return repr(expression.value)
        return str(expression)


_KINDS = {
    PrimaryKey: "PRIMARY KEY",
    Unique: "UNIQUE",
    Check: "CHECK",
    ForeignKey: "FOREIGN KEY",
    Exclude: "EXCLUDE",
}


def _more(part: Constraint | Index) -> str:
    """Return what a constraint or an index says beyond its columns, where it is not the usual."""
    said = (
        ("NULLS NOT DISTINCT", getattr(part, "nulls_not_distinct", False)),
        (f"INCLUDE ({', '.join(getattr(part, 'include', ()))})", getattr(part, "include", ())),
        (f"MATCH {getattr(part, 'match', None)}", getattr(part, "match", None)),
        (f"ON DELETE {getattr(part, 'on_delete', None)}", getattr(part, "on_delete", None)),
        (f"ON UPDATE {getattr(part, 'on_update', None)}", getattr(part, "on_update", None)),
        ("DEFERRABLE", getattr(part, "deferrable", None)),
        ("INITIALLY DEFERRED", getattr(part, "deferrable", None) == "deferred"),
    )
    return "".join(f" {words}" for words, is_so in said if is_so)


def _generation(of: Identity | Serial | None) -> str:
    """ "BY DEFAULT AS IDENTITY (start 10)", or "SERIAL"."""
    if not isinstance(of, Identity):
        return "SERIAL" if of else "none"
    how = "ALWAYS" if of.always else "BY DEFAULT"
    return f"{how} AS IDENTITY" + _counting(of)


def _counting(of: Identity | Sequence) -> str:
    """ " (start 10, cycle)"; nothing where it counts as the server does by itself."""
    numbers = ("start", "increment", "minvalue", "maxvalue", "cache")
    counts = [f"{each} {getattr(of, each)}" for each in numbers if getattr(of, each) is not None]
    within = ", ".join([*counts, *(["cycle"] if of.cycle else [])])
    return f" ({within})" if within else ""


def without_round_trips(changes: Iterable[c.Change]) -> Iterator[c.Change]:
    """Changes without constraints that must let go for a while, and come back as they were."""
    listed = list(changes)
    come = [each for each in listed if isinstance(each, c.AddConstraint)]
    back: list[c.Change] = []
    for each in listed:
        if isinstance(each, c.DropConstraint):
            found = next((new for new in come if _is_back(each, new)), None)
            if found is not None:
                come.remove(found)
                back += [each, found]
    return (each for each in listed if not any(each is one for one in back))


def _is_back(gone: c.DropConstraint, come: c.AddConstraint) -> bool:
    """True if it is the same constraint; a database may not have a name for it."""
    old, new = gone.constraint, come.constraint
    unnamed = not (old.name and new.name)
    return gone.table == come.table and (
        old == new or (unnamed and replace(old, name="") == replace(new, name=""))
    )


def kind(part: Constraint | Index) -> str:
    """ "index" or "constraint"."""
    return "index" if isinstance(part, Index) else "constraint"


def _exact(schema: Schema, at: Name, column: Column) -> Column:
    """The column as a schema has it, which is as the database spells it."""
    table = schema.tables.get(at)
    columns = table.columns if table else ()
    return next((each for each in columns if each.name == column.name), column)


def _exact_part(schema: Schema, at: Name, part: Constraint | Index) -> Constraint | Index:
    """The constraint or index as a schema has it."""
    table = schema.tables.get(at)
    parts = (*table.constraints, *table.indexes) if table else ()
    return next((each for each in parts if part.name and each.name == part.name), part)


def _plain(value: object) -> str:
    return "none" if value is None else repr(value) if isinstance(value, str) else str(value)


def _other(change: c.Change) -> Iterator[Detail]:
    match change:
        case c.CreateSchema(name):
            yield Detail(name, "schema", None, name)
        case c.DropSchema(name):
            yield Detail(name, "schema", name, None)
        case c.CreateEnum(enum):
            yield Detail(str(enum.at), "enum type", None, _labels(enum))
        case c.DropEnum(enum):
            yield Detail(str(enum.at), "enum type", _labels(enum), None)
        case c.AlterEnum(old, new):
            yield Detail(str(new.at), "enum type", _labels(old), _labels(new))
        case c.CreateDomain(domain):
            yield Detail(str(name_of(domain)), "domain", None, _words_of(domain))
        case c.DropDomain(domain):
            yield Detail(str(name_of(domain)), "domain", _words_of(domain), None)
        case c.AlterDomain(before, after):
            yield Detail(str(name_of(after)), "domain", _words_of(before), _words_of(after))
        case c.CreateSequence(sequence):
            yield Detail(sequence.name, "sequence", None, sequence.name)
        case c.DropSequence(sequence):
            yield Detail(sequence.name, "sequence", sequence.name, None)
        case c.AlterSequence(before, after):
            counts = [f"SEQUENCE{_counting(each)}" for each in (before, after)]
            yield Detail(after.name, "sequence", *counts)


def _words_of(domain: Type) -> str:
    """Return what a domain says, as PostgreSQL's CREATE DOMAIN would."""
    made: Any = named_types.CreateDomainType(build(domain))
    return str(made.compile(dialect=dialect_of("postgresql")))


def _labels(enum: EnumType) -> str:
    return f"({', '.join(enum.labels)})"
