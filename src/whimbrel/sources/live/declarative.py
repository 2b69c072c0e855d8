"""The text of a module of SQLAlchemy's declarative models."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from whimbrel.history import layout
from whimbrel.history.layout import INDENT, Atom, Code, Group, lay_out
from whimbrel.history.serializers import new_values
from whimbrel.schema.expressions import SQL, Constant, Default, Expression
from whimbrel.schema.order import by_dependency
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    ForeignKey,
    Identity,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Serial,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType, Type
from whimbrel.sources.expressions import sql_of as spelled_clause
from whimbrel.sources.live.field_inference import simplest
from whimbrel.sources.live.names import class_name, field_name
from whimbrel.sources.types import build

#: What a column's value is in Python: how it is written, and what must be imported for it.
_ANNOTATIONS: Mapping[type, tuple[str, str | None]] = {
    datetime.datetime: ("dt.datetime", "import datetime as dt"),
    datetime.date: ("dt.date", "import datetime as dt"),
    datetime.time: ("dt.time", "import datetime as dt"),
    datetime.timedelta: ("dt.timedelta", "import datetime as dt"),
    decimal.Decimal: ("Decimal", "from decimal import Decimal"),
    uuid.UUID: ("UUID", "from uuid import UUID"),
    **{kind: (kind.__name__, None) for kind in (str, int, float, bool, bytes)},
}


def declarative_source(
    live: Schema, app: str, *, dialect: str, notes: Mapping[Name, Sequence[str]] | None = None
) -> str:
    """The text of a module with a declarative base, ``Base``, and a class for each live table.

    A table without a primary key, which SQLAlchemy does not map, is a `Table`. notes: comments
    that tables get. Read again, the schema is the same. Raises `WriteError`.
    """
    module = _Module(live, app, dialect)
    body = [
        module.table_text(table, (notes or {}).get(table.at, ()))
        for table in by_dependency(live.tables.values())[0]
    ]
    base = "class Base(DeclarativeBase):\n    pass"
    return "\n\n\n".join([module.imports(), base, *body]) + "\n"


class _Module:
    """A module on its way: what it imports, and the names of its classes."""

    def __init__(self, live: Schema, app: str, dialect: str) -> None:
        self.live, self.dialect = live, dialect
        self.values = new_values()
        self.standard: set[str] = set()
        self.orm = {"DeclarativeBase"}
        self.names: dict[Name, str] = {}
        for table in live.tables.values():
            taken = {name.lower() for name in self.names.values()}
            self.names[table.at] = class_name(table.name, app, taken, table.schema)

    def imports(self) -> str:
        lines = [*sorted(self.standard), *([""] if self.standard else [])]
        ours = [line for line in self.values.imports.lines() if line]
        orm = f"from sqlalchemy.orm import {', '.join(sorted(self.orm, key=str.lower))}"
        plain = [line for line in ours if line.startswith("import")]
        named = [line for line in ours if not line.startswith("import")]
        return "\n".join([*lines, *plain, *sorted([*named, orm])])

    def table_text(self, table: Table, notes: Sequence[str]) -> str:
        written = _TableText(self, table)
        with self.values.inside(str(table.at)):
            text = written.class_text() if table.primary_key else written.plain()
        comments = "".join(f"# {note}\n" for note in (*notes, *written.notes))
        return comments + text


class _TableText:
    """One table on its way to a class. ``notes``: what SQLAlchemy cannot say of it."""

    def __init__(self, module: _Module, table: Table) -> None:
        self.module, self.table, self.values = module, table, module.values
        self.notes: list[str] = []
        self.columns = _attributes(table)
        # The foreign keys that stand with their column: the first of each column alone.
        found: dict[str, ForeignKey] = {}
        for key in table.foreign_keys:
            if len(key.columns) == 1:
                found.setdefault(key.columns[0], key)
        self.own_keys = found

    # -- the two forms

    def class_text(self) -> str:
        """A class."""
        self.module.orm |= {"Mapped", "mapped_column"}
        lines = [
            f"class {self.module.names[self.table.at]}(Base):",
            f"    __tablename__ = {layout.text(self.table.name)}",
        ]
        body = [self._attribute(column) for column in self.table.columns]
        arguments = self._arguments()
        if arguments is not None:
            body += ["", f"    __table_args__ = {lay_out(arguments, INDENT, 17)}"]
        return "\n".join([*lines, "", *body])

    def plain(self) -> str:
        """A table without a class."""
        name = field_name(self.table.name, False, ())
        columns = [
            layout.call(self._sa("Column"), *self._column(column, column.name, nullable=True))
            for column in self.table.columns
        ]
        args = [
            Atom(layout.text(self.table.name)),
            Atom("Base.metadata"),
            *columns,
            *self._parts({}),
        ]
        options = [
            (key, self.values.write_at(key, value)) for key, value in self._options().items()
        ]
        return (
            f"{name} = {lay_out(layout.call(self._sa('Table'), args, options), 0, len(name) + 3)}"
        )

    def _sa(self, name: str) -> str:
        return self.values.imports.path(f"sqlalchemy:{name}")

    # -- columns

    def _attribute(self, column: Column) -> str:
        name = self.columns[column.name]
        args, kwargs = self._column(column, name, nullable=False)
        annotation = self._annotation(column)
        head = f"    {name}: Mapped[{annotation}] = "
        return head + lay_out(
            layout.call("mapped_column", args, kwargs), INDENT, len(head) - INDENT
        )

    def _annotation(self, column: Column) -> str:
        kind = _python_type(column.type)
        shown, needed = _ANNOTATIONS.get(kind, ("Any", "from typing import Any"))
        if needed:
            self.module.standard.add(needed)
        return f"{shown} | None" if column.null and shown != "Any" else shown

    def _column(
        self, column: Column, name: str, *, nullable: bool
    ) -> tuple[list[Code], list[tuple[str, Code]]]:
        """The arguments of a column. nullable: whether it is one where nothing is said."""
        args: list[Any] = [] if name == column.name and not nullable else [column.name]
        written = [self.values.write(each) for each in args]
        written.append(self.values.write(self._type(column)))
        written += self._origins(column)
        said = dict(self._options_of(column))
        annotation = "" if nullable else self._annotation(column)
        implied = nullable or annotation.endswith("| None")
        if (column.null != implied or annotation == "Any") and not self._is_in_key(column):
            said["nullable"] = column.null
        return written, [
            (key, value if isinstance(value, Group) else self.values.write_at(key, value))
            for key, value in said.items()
        ]

    def _is_in_key(self, column: Column) -> bool:
        key = self.table.primary_key
        return key is not None and column.name in key.columns

    def _type(self, column: Column) -> ColumnType:
        of = column.type
        if isinstance(of, EnumType):
            return replace(of, check=False, key=None)
        if column.collation:
            of = Type(of.path, of.args, (*of.kwargs, ("collation", column.collation)), of.variants)
        return simplest(of, self.module.dialect)

    @property
    def _is_sqlite(self) -> bool:
        return self.module.dialect == "sqlite"

    def _origins(self, column: Column) -> Iterator[Code]:
        key = self.own_keys.get(column.name)
        if key is not None:
            named = {"name": key.name} if key.name else {}
            target = f"{key.target}.{key.target_columns[0]}"
            yield self._call("ForeignKey", [target], {**named, **_key_options(key)})
        if isinstance(column.generated, Identity) and not self._is_sqlite:
            yield self.values.call(self._sa("Identity"), (), _numbers(column.generated))
        if column.computed is not None:
            text = self._text(column.computed.expression)
            yield self.values.call(
                self._sa("Computed"), [text], {"persisted": column.computed.stored}
            )

    def _options_of(self, column: Column) -> Iterator[tuple[str, Any]]:
        key = self.table.primary_key
        if key is not None and not key.name and self._is_in_key(column) and self._in_order(key):
            yield "primary_key", True
        yield from self._counting(column)
        if column.default is not None:
            yield "server_default", self._default(column.default)
        if column.comment:
            yield "comment", column.comment

    def _counting(self, column: Column) -> Iterator[tuple[str, bool]]:
        """SQLAlchemy lets a key of one integer count by itself, unless it is told otherwise."""
        counts = isinstance(column.generated, Serial) or (
            self._is_sqlite and isinstance(column.generated, Identity)
        )
        if counts and not self._is_in_key(column):
            self.notes.append(
                f"{column.name} counts by itself (SERIAL), which SQLAlchemy says of a key alone."
            )
        elif counts:
            yield "autoincrement", True
        elif self._would_count(column):
            yield "autoincrement", False

    def _would_count(self, column: Column) -> bool:
        """True if SQLAlchemy makes a column count of which nothing is said."""
        key = self.table.primary_key
        if key is None or key.columns != (column.name,) or column.name in self.own_keys:
            return False
        if column.generated or column.computed or column.default is not None:
            return False
        return _python_type(column.type) is int

    def _in_order(self, key: PrimaryKey) -> bool:
        names = [column.name for column in self.table.columns if column.name in key.columns]
        return names == list(key.columns)

    def _default(self, default: Default) -> Any:
        if isinstance(default, Constant):
            return self._words(spelled_clause(sa.literal(default.value)))
        return self._words(default)

    # -- expressions

    def _text(self, expression: Expression) -> str:
        """SQL's own words where SQLAlchemy looks for parameters in them."""
        words = expression if isinstance(expression, SQL) else SQL(repr(expression))
        return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", words.on(self.module.dialect))

    def _words(self, expression: Expression) -> Group:
        return self.values.call(self._sa("text"), [self._text(expression)])

    # -- the rest of the table

    def _arguments(self) -> Code | None:
        parts = list(self._parts(self.columns))
        options = self._options()
        if not parts:
            return self.values.write(options) if options else None
        if options:
            parts.append(self.values.write(options))
        return Group("(", tuple(parts), ")", tall=True)

    def _options(self) -> dict[str, Any]:
        # AUTOINCREMENT, which SQLAlchemy's Identity does not ask for.
        counts = any(isinstance(each.generated, Identity) for each in self.table.columns)
        said = {
            "schema": self.table.schema,
            "comment": self.table.comment,
            "sqlite_autoincrement": counts and self._is_sqlite,
        }
        return {
            **{key: value for key, value in said.items() if value},
            **dict(_in_sqlalchemys_words(self.table.options)),
        }

    def _parts(self, attributes: Mapping[str, str]) -> Iterator[Code]:
        """Constraints and indexes. attributes: those of the class, by column."""
        for constraint in self.table.constraints:
            if constraint not in self.own_keys.values():
                yield from self._constraint(constraint)
        for index in self.table.indexes:
            yield self._index(index, attributes)

    def _constraint(self, constraint: Constraint) -> Iterator[Code]:
        named = {"name": constraint.name} if constraint.name else {}
        match constraint:
            case PrimaryKey():
                if constraint.name or not self._in_order(constraint):
                    yield self._call("PrimaryKeyConstraint", constraint.columns, named)
            case Unique():
                yield self._call(
                    "UniqueConstraint",
                    constraint.columns,
                    {**named, **_deferrable(constraint.deferrable), **_unique(constraint)},
                )
            case Check():
                words = self._text(constraint.expression)
                yield self._call("CheckConstraint", [words], named)
            case ForeignKey():
                targets = [f"{constraint.target}.{each}" for each in constraint.target_columns]
                yield self._call(
                    "ForeignKeyConstraint",
                    [list(constraint.columns), targets],
                    {**named, **_key_options(constraint)},
                )
            case Exclude():
                yield self._exclude(constraint, named)

    def _call(self, name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Group:
        return self.values.call(self._sa(name), args, kwargs)

    def _exclude(self, exclude: Exclude, named: Mapping[str, Any]) -> Code:
        elements = [
            Group("(", (self._element(of), self.values.write(operator)), ")")
            for of, operator in exclude.elements
        ]
        said = {**named, "using": exclude.method, **_deferrable(exclude.deferrable)}
        given: list[tuple[str, Code]] = [(key, self.values.write(said[key])) for key in said]
        if exclude.where is not None:
            given.append(("where", self._words(exclude.where)))
        path = self.values.imports.path("sqlalchemy.dialects.postgresql:ExcludeConstraint")
        return layout.call(path, elements, given)

    def _element(self, of: str | SQL) -> Code:
        if isinstance(of, str):
            return self.values.write(of)
        return self._call("literal_column", [of.on(self.module.dialect)], {})

    # -- indexes

    def _index(self, index: Index, attributes: Mapping[str, str]) -> Code:
        opclasses: dict[str, str] = {}
        parts = []
        for number, part in enumerate(index.parts, start=1):
            written, key = self._index_part(part, number, attributes)
            parts.append(written)
            if part.opclass:
                opclasses[key] = part.opclass
        options = dict(index.options)
        tablespace = options.pop("postgresql_tablespace", None)
        said: dict[str, Any] = {
            "unique": index.unique or None,
            "postgresql_using": index.method,
            "postgresql_include": list(index.include) or None,
            "postgresql_ops": opclasses or None,
            "postgresql_with": options or None,
            "postgresql_tablespace": tablespace,
            "postgresql_nulls_not_distinct": index.nulls_not_distinct or None,
        }
        given = [(key, self.values.write(value)) for key, value in said.items() if value]
        if index.where is not None:
            given.append((f"{self.module.dialect}_where", self._words(index.where)))
        return layout.call(self._sa("Index"), [self.values.write(index.name), *parts], given)

    def _index_part(
        self, part: Any, number: int, attributes: Mapping[str, str]
    ) -> tuple[Code, str]:
        """An element of an index, and the key under which its operator class is given."""
        label = f"part_{number}"
        labelled = f".label({layout.text(label)})" if part.opclass else ""
        if isinstance(part.of, SQL):
            words = layout.text(part.of.on(self.module.dialect))
            said = f"{self._sa('literal_column')}({words})"
        elif not (part.descending or part.nulls or part.collation):
            return self.values.write(part.of), part.of
        else:
            said = attributes.get(part.of) or f"{self._sa('column')}({layout.text(part.of)})"
        return Atom(f"{said}{_direction(part)}{labelled}"), label


def _python_type(of: ColumnType) -> type:
    try:
        return build(of).python_type
    except NotImplementedError:
        return object


def _direction(part: Any) -> str:
    return (
        (f".collate({layout.text(part.collation)})" if part.collation else "")
        + (".desc()" if part.descending else "")
        + (f".nulls_{part.nulls}()" if part.nulls else "")
    )


def _attributes(table: Table) -> dict[str, str]:
    """The names of a class's attributes, by column."""
    found: dict[str, str] = {}
    for column in table.columns:
        found[column.name] = field_name(column.name, False, found.values())
    return found


def _numbers(identity: Identity) -> dict[str, Any]:
    names = ("always", "start", "increment", "minvalue", "maxvalue", "cycle", "cache")
    plain = Identity()
    return {
        name: value for name in names if (value := getattr(identity, name)) != getattr(plain, name)
    }


def _deferrable(when: str | None) -> dict[str, Any]:
    if when is None:
        return {}
    return {"deferrable": True, **({"initially": "DEFERRED"} if when == "deferred" else {})}


def _unique(unique: Unique) -> dict[str, Any]:
    said: dict[str, Any] = {
        "postgresql_include": list(unique.include),
        "postgresql_nulls_not_distinct": unique.nulls_not_distinct,
    }
    return {name: value for name, value in said.items() if value}


def _in_sqlalchemys_words(options: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in options:
        yield ("prefixes", ["UNLOGGED"]) if name == "postgresql_unlogged" else (name, value)


def _key_options(key: ForeignKey) -> dict[str, Any]:
    said = {"onupdate": key.on_update, "ondelete": key.on_delete, "match": key.match}
    given = {name: value for name, value in said.items() if value}
    return {**given, **_deferrable(key.deferrable)}
