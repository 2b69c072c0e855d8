"""From a column of SQLAlchemy's to a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Identity, Sequence
from whimbrel.schema.types import ColumnType, EnumType, Type, describe, describe_call
from whimbrel.sources.expressions import dialect_of, dialects_of, sql_of
from whimbrel.sources.names import NamedTable
from whimbrel.sources.unsupported import sequence_of
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import (
    CASCADE,
    DO_NOTHING,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    ForeignKey,
    OnDelete,
)

Tables = Mapping[sa.Table, NamedTable]


def field_of(
    named: NamedTable,
    column: sa.Column[Any],
    key: sa.ForeignKeyConstraint | None,
    unique: bool,
    tables: Tables,
) -> Field:
    """The field of a column; ``key`` is the foreign key of this column alone.

    Raises `ModelError` for what no migration file could say.
    """
    options = _options(named, column, unique)
    if column.computed is not None:
        return _computed_field(named, column, options)
    if key is not None:
        return _foreign_key(named, column, key, options, tables)
    return Field(type_of(named, column), **options)


def type_of(named: NamedTable, column: sa.Column[Any]) -> ColumnType:
    """The type of a column as a value, from which the same type can be built."""
    if isinstance(column.type, sa.types.NullType):
        raise named.error(
            f"the column {str(column.name)!r} has no type", "Give it one: Column(String), for one."
        )
    try:
        read = describe_call if _is_made_for_another(column) else describe
        described = _without_bound_check(read(column.type))
    except ModelError as error:
        raise named.error(
            f"the column {str(column.name)!r}: {error.message}", error.hint
        ) from error
    return _name_as_its_check(named, column, described)


def _is_made_for_another(column: sa.Column[Any]) -> bool:
    """True if a type with ``create_type=False`` is one that another column here brings."""
    of = column.type
    if not isinstance(of, sa.Enum) or getattr(of, "create_type", True):
        return False
    types = [each.type for table in column.table.metadata.tables.values() for each in table.columns]
    return any(
        isinstance(each, sa.Enum)
        and (each.name, each.schema) == (of.name, of.schema)
        and getattr(each, "create_type", True)
        for each in types
    )


def _name_as_its_check(named: NamedTable, column: sa.Column[Any], of: ColumnType) -> ColumnType:
    """An enum under the name of its CHECK, which a naming convention may have made.

    Where a database has a type of the enum's own name, a CHECK of another is read as a constraint.
    """
    if not isinstance(of, EnumType) or not of.check:
        return of
    bound = (each for each in column.table.constraints if _is_bound_to(each, column))
    name = next((name_of(named, each) for each in bound), None)
    return replace(of, check=name == of.name) if of.native else replace(of, name=name or "")


def _is_bound_to(constraint: sa.Constraint, column: sa.Column[Any]) -> bool:
    """True if a constraint is the CHECK that a column's type brings."""
    if not isinstance(constraint, sa.CheckConstraint) or not constraint._type_bound:
        return False
    return any(each is column for each in constraint.columns)


def _without_bound_check(of: ColumnType) -> ColumnType:
    """A Boolean without the wish for a CHECK: that is read as a constraint."""
    if not isinstance(of, Type) or of.path != "sqlalchemy:Boolean":
        return of
    return Type(of.path, of.args, (), of.variants)


# -- options


def _options(named: NamedTable, column: sa.Column[Any], unique: bool) -> dict[str, Any]:
    """Return the options of a column that its field does not have by itself."""
    # Else a constraint over several says that they are the primary key.
    key: sa.PrimaryKeyConstraint = column.table.primary_key
    plain = name_of(named, key) is None and not dialects_of(key)
    is_key = bool(column.primary_key) and plain and is_in_order(key)
    said: dict[str, Any] = {
        "null": bool(column.nullable) and not column.primary_key,
        "primary_key": is_key,
        "unique": unique,
        "db_default": _default(column),
        "db_column": None if named.field(column) == column.name else str(column.name),
        "db_comment": column.comment,
        "autoincrement": _counts(column),
        "identity": _identity(column),
        "sequence": _sequence(column),
    }
    return {name: value for name, value in said.items() if value not in (None, False)}


def is_in_order(key: sa.PrimaryKeyConstraint) -> bool:
    """True if a primary key has its columns in the table's own order."""
    in_table = [str(each.name) for each in key.table.columns if each.primary_key]
    return in_table == [str(each.name) for each in key.columns]


def _default(column: sa.Column[Any]) -> SQL | None:
    default = column.server_default
    if not isinstance(default, sa.DefaultClause):
        return None
    given = default.arg
    if isinstance(given, str):
        return sql_of(sa.literal(given, sa.String()))
    return sql_of(given)


def _counts(column: sa.Column[Any]) -> bool:
    """True if SQLAlchemy makes it a SERIAL: the rules are its PostgreSQL compiler's."""
    table: Any = column.table
    default = column.default
    return (
        column is table.autoincrement_column
        and column.identity is None
        and column.server_default is None
        and (default is None or (isinstance(default, sa.Sequence) and bool(default.optional)))
    )


_NUMBERS = ("start", "increment", "minvalue", "maxvalue", "cache")


def _identity(column: sa.Column[Any]) -> Identity | None:
    of = column.identity
    if of is None:
        return None
    numbers = {name: getattr(of, name) for name in _NUMBERS}
    return Identity(always=bool(of.always), cycle=bool(of.cycle), **numbers)


def _sequence(column: sa.Column[Any]) -> Sequence | None:
    of = sequence_of(column)
    if of is None or of.optional:
        return None
    numbers = {name: getattr(of, name) for name in _NUMBERS}
    return Sequence(
        str(of.name),
        schema=None if of.schema is None else str(of.schema),
        cycle=bool(of.cycle),
        **numbers,
    )


# -- computed columns and foreign keys


def _computed_field(named: NamedTable, column: sa.Column[Any], options: dict[str, Any]) -> Field:
    computed = column.computed
    assert computed is not None
    options["null"] = bool(column.nullable) and not column.primary_key
    return GeneratedField(
        sql_of(computed.sqltext),
        Field(type_of(named, column)),
        # Left open, it is what the database makes of it; PostgreSQL before 18 has stored ones only.
        db_persist=computed.persisted is not False,
        **options,
    )


_ON_DELETE: dict[str, OnDelete] = {
    "CASCADE": CASCADE,
    "SET NULL": SET_NULL,
    "SET DEFAULT": SET_DEFAULT,
    "RESTRICT": RESTRICT,
    "NO ACTION": DO_NOTHING,
}


def _foreign_key(
    named: NamedTable,
    column: sa.Column[Any],
    key: sa.ForeignKeyConstraint,
    options: dict[str, Any],
    tables: Tables,
) -> Field:
    there = target_of(named, key, tables)
    remote = key.elements[0].column
    remote_type = describe(remote.type)
    own_type = type_of(named, column)
    is_key = [each is remote for each in there.table.primary_key.columns] == [True]
    # A foreign key's column is called "<field>_id" where nothing else is said.
    options["db_column"] = None if column.name == f"{named.field(column)}_id" else str(column.name)
    return ForeignKey(
        there.label,
        to_field=None if is_key else there.field(remote),
        db_index=False,
        type=own_type if own_type != remote_type or _comes_back(column) else None,
        **{**options, **key_options(named, key)},
    )


def _comes_back(column: sa.Column[Any]) -> bool:
    """True if a column points at one that points at it in the end: none has its type from another."""
    seen: set[sa.Column[Any]] = set()
    ahead = list(_targets_of(column))
    while ahead:
        one = ahead.pop()
        if one not in seen:
            seen.add(one)
            ahead += _targets_of(one)
    return column in seen


def _targets_of(column: sa.Column[Any]) -> Iterator[sa.Column[Any]]:
    for key in column.foreign_keys:
        with suppress(sa.exc.SQLAlchemyError):  # refused where the key itself is read
            yield key.column


def key_options(named: NamedTable, key: sa.ForeignKeyConstraint) -> dict[str, Any]:
    """Return the actions and the deferral of a foreign key, as a field's options."""
    on_update = (key.onupdate or "NO ACTION").upper()
    said: dict[str, Any] = {
        "on_delete": on_delete(named, key),
        "on_update": on_update if on_update != "NO ACTION" else None,
        "deferrable": deferrable(key),
        "match": key.match,
    }
    name = name_of(named, key)
    if name is not None:
        said["db_constraint"] = name
    return {option: value for option, value in said.items() if value is not None}


def on_delete(named: NamedTable, key: sa.ForeignKeyConstraint) -> OnDelete:
    words = (key.ondelete or "NO ACTION").upper()
    if words not in _ON_DELETE:
        raise named.error(
            f"ON DELETE {words} of the foreign key of {', '.join(key.column_keys)} is not known",
            f"Known: {', '.join(_ON_DELETE)}.",
        )
    return _ON_DELETE[words]


def deferrable(of: Any) -> str | None:
    """Return when a constraint is checked: None, "immediate" or "deferred"."""
    if of.initially and of.initially.upper() == "DEFERRED":
        return "deferred"
    return "immediate" if of.deferrable else None


def target_of(named: NamedTable, key: sa.ForeignKeyConstraint, tables: Tables) -> NamedTable:
    """The model that a foreign key points at. Raises `ModelError` where there is none."""
    columns = ", ".join(key.column_keys)
    try:
        table = key.elements[0].column.table
    except sa.exc.SQLAlchemyError as error:
        raise named.error(
            f"the foreign key of {columns} points at what is not there: {error}",
            "Import the module that declares it next to the others, or correct its name.",
        ) from error
    if table not in tables:
        raise named.error(
            f"the foreign key of {columns} points at the table {table}, which is in no app",
            "Configure an app with the models of that table: [tool.whimbrel.app.<label>] models=...",
        )
    return tables[table]


def name_of(named: NamedTable, of: Any) -> str | None:
    """The name of an index or a constraint, as SQLAlchemy would give it to a database.

    That is its own, or what the naming convention makes; which is cut at 63 bytes unless SQLite,
    which has names of any length, is the only database. None for none.
    """
    if of.name is None:
        return None
    try:
        found = _format(of, named.names_of)
    except sa.exc.IdentifierError:
        found = _format(of, "sqlite")  # it is said; `checks` knows the databases that refuse it
    except sa.exc.SQLAlchemyError as error:
        raise named.error(f"a name does not come out: {error}", "Name it.") from error
    return None if found is None else str(found)


def _format(of: Any, dialect: str) -> Any:
    return dialect_of(dialect).identifier_preparer.format_constraint(of, _alembic_quote=False)
