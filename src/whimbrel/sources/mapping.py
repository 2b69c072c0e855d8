"""From a native model to the table and the columns that it is mapped to."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.util import immutabledict

from whimbrel.schema.expressions import SQL, Constant
from whimbrel.schema.table import Identity, Sequence
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.sources.clauses import SQLClause, clause
from whimbrel.sources.declaration import Info
from whimbrel.sources.types import AnyType, build
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.dates import DateField, TimeField
from whimbrel.state.fields.others import (
    ArrayField,
    EnumField,
    GeneratedField,
    JSONField,
    named_enum,
)
from whimbrel.state.fields.relations import ForeignKey, full_label
from whimbrel.state.naming import type_name


def attribute(name: str, field: Field) -> str:
    """The name under which an instance keeps the column's value."""
    return f"{name}_id" if isinstance(field, ForeignKey) else name


def table_of(info: Info, metadata: sa.MetaData) -> sa.Table:
    """The table of a model, without what points at other tables. Raises `ModelError`."""
    columns = _columns(info)
    key = sa.PrimaryKeyConstraint(*(columns[name] for name in info.primary_key))
    try:
        options = dict(info.options.get("dialect", ()))
        if options.pop("postgresql_unlogged", False):
            options["prefixes"] = ["UNLOGGED"]
        return sa.Table(
            info.db_table,
            metadata,
            *columns.values(),
            key,
            schema=info.schema,
            comment=info.options.get("db_table_comment"),
            **options,
        )
    except sa.exc.InvalidRequestError as error:
        raise info.error(
            f"the table {info.db_table!r} is that of another model too",
            "Give one of them another db_table in its Meta.",
        ) from error
    except (sa.exc.ArgumentError, TypeError) as error:
        raise info.error(f"the table does not read: {error}", "Look at Meta.dialect.") from error


def map_class(info: Info, registry: orm.registry, above: Info | None) -> None:
    """Map a model's class to its table; ``above``: the model whose table it extends.

    Raises `ModelError`.
    """
    table = info.model.__table__
    properties: dict[str, Any] = {
        attribute(name, field): table.c[field.column_name(name)]
        for name, field in info.fields.items()
        if field.has_column
    }
    try:
        registry.map_imperatively(
            info.model,
            table,
            properties=properties,
            **{"primary_key": list(info.model.__table__.columns)} if info.keyless else {},
            **_inheritance(info, above),
        )
    except sa.exc.ArgumentError as error:
        raise info.error(f"it does not map: {error}") from error


def parent_link(info: Info, above: Info) -> tuple[str, ForeignKey]:
    """The key by which a model's row belongs to one of its parent's: its name and itself."""
    return next(
        (name, field)
        for name, field in info.fields.items()
        if isinstance(field, ForeignKey)
        and field.parent_link
        and full_label(field.to, info.app_label, info.name).lower() == above.label.lower()
    )


def _inheritance(info: Info, above: Info | None) -> dict[str, Any]:
    """Return the mapper's options for the inheritance of a model's rows."""
    if above is None:
        return {}
    name, link = parent_link(info, above)
    key = above.primary_key[0]
    target = above.model.__table__.c[above.fields[key].column_name(key)]
    column = info.model.__table__.c[link.column_name(name)]
    return {
        "inherits": above.model,
        "inherit_condition": column == target,
        "inherit_foreign_keys": [column],
    }


def _columns(info: Info) -> dict[str, sa.Column[Any]]:
    """By the names of their fields; those that are computed are made of the others."""
    found: dict[str, sa.Column[Any]] = {}
    fields = {name: each for name, each in info.fields.items() if each.has_column}
    for name in sorted(fields, key=lambda name: fields[name].computed() is not None):
        found[name] = _column(info, name, fields[name], found)
    return {name: found[name] for name in fields}


def _column(
    info: Info, name: str, field: Field, others: Mapping[str, sa.Column[Any]]
) -> sa.Column[Any]:
    return sa.Column(
        field.column_name(name),
        _type(info, name, field),
        *_generators(field, others),
        key=field.column_name(name),
        nullable=field.null and name not in info.primary_key,
        autoincrement=bool(field.generated()) and field.sequence is None,
        comment=field.db_comment,
        default=_python_default(field),
        onupdate=now_of(field) if getattr(field, "auto_now", False) else None,
        server_default=_server_default(field),
    )


def _type(info: Info, name: str, field: Field) -> AnyType:
    """The type; of a relation none yet, since its target may be still to come."""
    if isinstance(field, ForeignKey) and field.type is None:
        return sa.types.NullType()
    given = _given_type(field)
    declared = field.column_type()
    if given is None and isinstance(declared, EnumType):
        return _enum(field, named_enum(declared, type_name(f"{info.label}.{name}"), None))
    made = build(declared) if given is None else given
    if isinstance(field, JSONField):
        made = without_json_null(made)
    if field.generated() and isinstance(made, sa.BigInteger | sa.SmallInteger):
        # SQLite counts in a column of type INTEGER alone (documentation, autoinc.html).
        made = made.with_variant(sa.Integer(), "sqlite")
    if field.db_collation and given is None:
        made = copy.copy(made)
        made.collation = field.db_collation  # type: ignore[attr-defined]
    return made


def _given_type(field: Field) -> AnyType | None:
    """The type object of a library or of the user that an application's values go through."""
    if isinstance(field, GeneratedField):
        return _given_type(field.output_field)
    if isinstance(field, ArrayField):
        item = _given_type(field.base_field)
        return None if item is None else sa.ARRAY(item, dimensions=field.dimensions)
    return field.given  # type: ignore[no-any-return]


def without_json_null(type: AnyType) -> AnyType:
    """A type of JSON to which None is NULL, on every database."""
    made: Any = copy.copy(type)
    made.none_as_null = True
    variants = {name: without_json_null(each) for name, each in type._variant_mapping.items()}
    made._variant_mapping = immutabledict(variants)
    return made  # type: ignore[no-any-return]


def _enum(field: Field, declared: ColumnType) -> AnyType:
    if not isinstance(field, EnumField) or field.enum_class is None:
        return build(declared)
    return sa.Enum(
        field.enum_class,
        name=declared.name,  # type: ignore[union-attr]
        schema=field.schema,
        values_callable=lambda members: [member.value for member in members],
    )


def _generators(field: Field, others: Mapping[str, sa.Column[Any]]) -> Iterator[Any]:
    generated, computed = field.generated(), field.computed()
    if isinstance(generated, Identity):
        yield sa.Identity(**_numbers(generated), always=generated.always)
    if field.sequence is not None:
        yield sa.Sequence(
            field.sequence.name, schema=field.sequence.schema, **_numbers(field.sequence)
        )
    if computed is not None:
        yield sa.Computed(clause(computed.expression, others), persisted=computed.stored)


def _numbers(of: Identity | Sequence) -> dict[str, Any]:
    names = ("start", "increment", "minvalue", "maxvalue", "cache")
    given = {name: getattr(of, name) for name in names if getattr(of, name) is not None}
    return given | ({"cycle": True} if of.cycle else {})


# -- defaults


def default_of(field: Field) -> Any:
    """The value of a field for a new instance that gives none."""
    given = field.default() if callable(field.default) else copy.copy(field.default)
    return given if getattr(field, "enum_class", None) else field.plain(given)


def _python_default(field: Field) -> Callable[[], Any] | None:
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return now_of(field)
    return (lambda: default_of(field)) if field.has_default else None


def now_of(field: Field) -> Callable[[], Any]:
    """Return the function that gives the current time, as a field keeps it."""
    if isinstance(field, DateField):
        return dt.date.today
    if isinstance(field, TimeField):
        return lambda: dt.datetime.now().time()
    return lambda: dt.datetime.now(dt.UTC)


_WRITABLE = (str, int, float, decimal.Decimal, dt.date, dt.time, uuid.UUID)


def _server_default(field: Field) -> Any:
    default = field.column_default()
    if isinstance(default, SQL):
        return SQLClause(default)
    if isinstance(default, Constant) and isinstance(default.value, _WRITABLE):
        declared = None if isinstance(field, ForeignKey) else field.column_type()
        of = (
            build(declared) if declared is not None and not isinstance(declared, EnumType) else None
        )
        return sa.literal(default.value, of)
    return None
