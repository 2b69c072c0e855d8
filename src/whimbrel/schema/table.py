"""Tables, columns, constraints and indexes as frozen values.

``key`` is the identity that a thing keeps from birth; it takes no part in equality: two
values are equal when a database could not tell them apart. It is None where there is no
history (models just read from code, a reflected database).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from whimbrel.schema import types
from whimbrel.schema.domains import domains_in, name_of
from whimbrel.schema.expressions import SQL, Default, Expression
from whimbrel.schema.items import SchemaItem
from whimbrel.schema.types import ColumnType, EnumType, Type, enum_types

Name = types.Name


@dataclass(frozen=True, slots=True)
class Identity:
    """``GENERATED ... AS IDENTITY``; on SQLite an INTEGER PRIMARY KEY. None: the server's default.

    plain: SQLite has nothing more for it, as with SQLAlchemy's ``Identity``; else it has AUTOINCREMENT.
    """

    always: bool = False
    start: int | None = None
    increment: int | None = None
    minvalue: int | None = None
    maxvalue: int | None = None
    cycle: bool = False
    cache: int | None = None
    plain: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Serial:
    """A number from a sequence that the column owns (PostgreSQL's SERIAL; SQLite's rowid)."""


@dataclass(frozen=True, slots=True)
class Computed:
    """``GENERATED ALWAYS AS (expression)``, stored or virtual."""

    expression: Expression
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``fill`` is for rows that are there already when it arrives or turns NOT NULL.

    ``lossy``: what is in them may be cut to its type when that changes.
    """

    name: str
    type: ColumnType
    null: bool = False
    default: Default | None = None
    generated: Identity | Serial | None = None
    computed: Computed | None = None
    collation: str | None = None
    comment: str | None = None
    fill: Default | None = field(default=None, compare=False)
    lossy: bool = field(default=False, compare=False)
    key: str | None = field(default=None, compare=False)

    def computed_from(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of some columns it is computed from."""
        known = frozenset(names)
        return self.computed.expression.columns(known) if self.computed else frozenset()

    def rename(self, names: Mapping[str, str]) -> Column:
        """Return the column after columns of its table were renamed, old name to new."""
        computed = self.computed
        if computed is not None:
            computed = Computed(computed.expression.rename(names), computed.stored)
        return replace(self, name=names.get(self.name, self.name), computed=computed)


@dataclass(frozen=True, slots=True)
class PrimaryKey(SchemaItem):
    """``named``: whether a person gave the name, or a database has it."""

    name: str
    columns: tuple[str, ...]
    dialects: tuple[str, ...] = ()
    named: bool = field(default=True, compare=False)
    key: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unique(SchemaItem):
    """``deferrable``: None, "immediate" or "deferred" (DEFERRABLE INITIALLY ...).

    ``named``: see `PrimaryKey`.
    """

    name: str
    columns: tuple[str, ...]
    deferrable: str | None = None
    nulls_not_distinct: bool = False
    include: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    named: bool = field(default=True, compare=False)
    key: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Check(SchemaItem):
    """``not_valid``: PostgreSQL does not look at the rows that are there when it comes."""

    name: str
    expression: Expression
    dialects: tuple[str, ...] = ()
    not_valid: bool = False
    key: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ForeignKey(SchemaItem):
    """``on_delete``/``on_update``: "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT" or None.

    ``not_valid``: see `Check`.
    """

    name: str
    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]
    on_delete: str | None = None
    on_update: str | None = None
    deferrable: str | None = None
    match: str | None = None
    dialects: tuple[str, ...] = ()
    not_valid: bool = False
    key: str | None = field(default=None, compare=False)

    def follow_target(
        self, tables: Mapping[Name, Name], columns: Mapping[Name, Mapping[str, str]]
    ) -> ForeignKey:
        """Return the key after renames of tables, and of columns by their table's old name."""
        names = columns.get(self.target, {})
        target = tables.get(self.target, self.target)
        if not names and target == self.target:
            return self
        there = tuple(names.get(name, name) for name in self.target_columns)
        return replace(self, target=target, target_columns=there)


@dataclass(frozen=True, slots=True)
class Exclude(SchemaItem):
    """PostgreSQL's EXCLUDE: ``elements`` are pairs of a column or an expression, and an operator."""

    name: str
    elements: tuple[tuple[str | SQL, str], ...]
    method: str = "gist"
    where: Expression | None = None
    deferrable: str | None = None
    dialects: tuple[str, ...] = ()
    key: str | None = field(default=None, compare=False)


#: The name of a constraint is empty where a database has one without a name. ``dialects`` of a
#: constraint or an index: the only ones that have it; none for all of them.
Constraint: TypeAlias = PrimaryKey | Unique | Check | ForeignKey | Exclude


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One element of an index: a column's name or an expression. ``nulls``: "first", "last" or None."""

    of: str | SQL
    descending: bool = False
    nulls: str | None = None
    opclass: str | None = None
    collation: str | None = None

    def replace(self, of: str | SQL) -> IndexPart:
        """Return the same element over another column or expression."""
        return self if of is self.of else replace(self, of=of)


@dataclass(frozen=True, slots=True)
class Index(SchemaItem):
    """An index. ``options`` are storage parameters (``fillfactor``), sorted by name."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    method: str | None = None
    include: tuple[str, ...] = ()
    where: Expression | None = None
    nulls_not_distinct: bool = False
    options: tuple[tuple[str, Any], ...] = ()
    dialects: tuple[str, ...] = ()
    key: str | None = field(default=None, compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The plain columns of it, without those inside expressions."""
        return tuple(part.of for part in self.parts if isinstance(part.of, str))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence that a model names. None: the server's default."""

    name: str
    schema: str | None = None
    start: int | None = None
    increment: int | None = None
    minvalue: int | None = None
    maxvalue: int | None = None
    cycle: bool = False
    cache: int | None = None
    key: str | None = field(default=None, compare=False)

    @property
    def at(self) -> Name:
        """Its schema and name."""
        return Name(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Sync:
    """A trigger that keeps two columns of a table in step: who writes one of them writes both.

    ``new`` gets what ``old`` holds, as a value of its own type. No model has one: it is there while
    a column's type changes.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. ``options`` are the dialects' own, as SQLAlchemy names them: ("sqlite_strict", True)."""

    name: str
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    schema: str | None = None
    comment: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    syncs: tuple[Sync, ...] = ()
    key: str | None = field(default=None, compare=False)
    _enums: tuple[EnumType, ...] | None = field(default=None, init=False, compare=False, repr=False)
    _domains: tuple[Type, ...] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def at(self) -> Name:
        """Its schema and name."""
        return Name(self.schema, self.name)

    @property
    def primary_key(self) -> PrimaryKey | None:
        return next((each for each in self.constraints if isinstance(each, PrimaryKey)), None)

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        return tuple(each for each in self.constraints if isinstance(each, ForeignKey))

    @property
    def enums(self) -> tuple[EnumType, ...]:
        """The enum types of its columns, in order, each once."""
        if self._enums is None:
            found = (enum for column in self.columns for enum in enum_types(column.type))
            object.__setattr__(self, "_enums", tuple(dict.fromkeys(found)))
        return self._enums or ()

    @property
    def domains(self) -> tuple[Type, ...]:
        """The domains of its columns, each once, what one is made of before it."""
        if self._domains is None:
            found = (each for column in self.columns for each in domains_in(column.type))
            object.__setattr__(self, "_domains", tuple(dict.fromkeys(found)))
        return self._domains or ()

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def on(self, dialect: str) -> Table:
        """The table on a dialect: without the constraints, indexes and conditions of others."""
        constraints = tuple(_on(self.constraints, dialect))
        indexes = tuple(_with_its_where(part, dialect) for part in _on(self.indexes, dialect))
        if (constraints, indexes) == (self.constraints, self.indexes):
            return self
        return replace(self, constraints=constraints, indexes=indexes)

    def rename_columns(self, names: Mapping[str, str]) -> Table:
        """Return the table after columns were renamed, with all that is made of them."""
        return replace(
            self,
            columns=tuple(column.rename(names) for column in self.columns),
            constraints=tuple(each.rename(names) for each in self.constraints),
            indexes=tuple(each.rename(names) for each in self.indexes),
        )

    def follow_targets(
        self, tables: Mapping[Name, Name], columns: Mapping[Name, Mapping[str, str]]
    ) -> Table:
        """Return the table after renames of what its foreign keys point at; see `ForeignKey`."""
        if not any(key.target in tables or key.target in columns for key in self.foreign_keys):
            return self
        followed = (
            each.follow_target(tables, columns) if isinstance(each, ForeignKey) else each
            for each in self.constraints
        )
        return replace(self, constraints=tuple(followed))

    def with_column(self, name: str, by: Column | None) -> Table:
        """The table with a column exchanged, or (None) taken out."""
        place = next((at for at, each in enumerate(self.columns) if each.name == name), None)
        if place is None:
            return self
        exchanged = (by,) if by is not None else ()
        return replace(
            self, columns=(*self.columns[:place], *exchanged, *self.columns[place + 1 :])
        )


P = TypeVar("P", Constraint, Index)


def _on(parts: Iterable[P], dialect: str) -> Iterator[P]:
    """The parts that a dialect has, as if they were everywhere."""
    for part in parts:
        if not part.dialects:
            yield part
        elif dialect in part.dialects:
            yield replace(part, dialects=())


def _with_its_where(index: Index, dialect: str) -> Index:
    """An index on a dialect: a condition in the words of others, or with none, is none of its."""
    where = index.where
    if not isinstance(where, SQL) or (where.text and not where.dialects):
        return index
    text = where.on(dialect)
    return replace(index, where=SQL(text) if text else None)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables, types and sequences of a database: all of them, or those that a difference touches."""

    tables: Mapping[Name, Table] = field(default_factory=dict)
    enums: Mapping[Name, EnumType] = field(default_factory=dict)
    sequences: Mapping[Name, Sequence] = field(default_factory=dict)
    schemas: frozenset[str] = frozenset()
    domains: Mapping[Name, Type] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: tuple[Table, ...], sequences: tuple[Sequence, ...] = ()) -> Schema:
        """The schema of these tables and sequences, with the enum types and schemas they need."""
        enums: dict[Name, EnumType] = {}
        for enum in (enum for table in tables for enum in table.enums):
            known = enums.setdefault(enum.at, enum)
            if (enum.key or "") < (known.key or ""):  # of those that share it, always the same one
                enums[enum.at] = enum
        domains: dict[Name, Type] = {}
        for each in (each for table in tables for each in table.domains):
            domains.setdefault(name_of(each), each)
        named = [*(table.schema for table in tables), *(each.schema for each in sequences)]
        named += [at.schema for at in domains]
        return cls(
            tables={table.at: table for table in tables},
            enums=enums,
            sequences={each.at: each for each in sequences},
            schemas=frozenset(
                name
                for name in (*named, *(enum.schema for enum in enums.values()))
                if name is not None
            ),
            domains=domains,
        )

    @property
    def used_enums(self) -> frozenset[Name]:
        """Return the schemas and names of the enum types that its tables use."""
        return frozenset(enum.at for table in self.tables.values() for enum in table.enums)

    @property
    def used_domains(self) -> Mapping[Name, Type]:
        """The domains that its tables use, by where they are."""
        return Schema.of(tuple(self.tables.values())).domains

    def on(self, dialect: str) -> Schema:
        """The schema on a dialect; see `Table.on`."""
        return replace(self, tables={at: table.on(dialect) for at, table in self.tables.items()})
