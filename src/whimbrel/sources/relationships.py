"""The relationships of native models, made when all that they point at is declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from whimbrel.errors import ModelError
from whimbrel.sources.declaration import Info
from whimbrel.sources.mapping import attribute
from whimbrel.state import naming
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField, RelationField


@dataclass(frozen=True)
class Waiting:
    """A relation whose models are not all declared yet. ``needs``: labels in lowercase."""

    info: Info
    name: str
    field: RelationField
    needs: tuple[str, ...]


def relations(info: Info) -> Iterator[Waiting]:
    """Return the relations of a model."""
    for name, field in info.fields.items():
        if isinstance(field, RelationField):
            bound = field.bound_to(info.app_label, info.name)
            labels = (bound.to, getattr(bound, "through", None))
            yield Waiting(info, name, bound, tuple(label.lower() for label in labels if label))


def relate(waiting: Waiting, known: dict[str, Info]) -> None:
    """Make the foreign key or the table between, and the relationship. Raises `ModelError`."""
    info, name, field = waiting.info, waiting.name, waiting.field
    target = known[field.to.lower()]
    try:
        if isinstance(field, ForeignKey):
            _foreign_key(info, name, field, target)
        elif isinstance(field, ManyToManyField):
            _many_to_many(info, name, field, target, known)
    except sa.exc.ArgumentError as error:
        raise info.error(f"the relation {name!r} does not map: {error}") from error


def never_came(waiting: Waiting, known: dict[str, Info]) -> ModelError:
    """The error for a relation whose model is never declared."""
    missing = next(label for label in waiting.needs if label not in known)
    shown = next(
        label
        for label in (waiting.field.to, getattr(waiting.field, "through", None) or "")
        if label.lower() == missing
    )
    return waiting.info.error(
        f"the field {waiting.name!r} points at {shown}, and there is no such model",
        f'Models are called "app.Model"; import the module that declares {shown}, or correct the name.',
    )


# -- a key of one column


def _foreign_key(info: Info, name: str, field: ForeignKey, target: Info) -> None:
    table = info.model.__table__
    local = table.c[field.column_name(name)]
    remote = _target_column(info, name, field, target)
    # A key has its target's type, and hands it on to the keys that point at itself.
    if isinstance(local.type, sa.types.NullType):
        local.type = remote.type
    if field.db_constraint:
        constrain(table, name, field, remote)
    if field.parent_link:
        return
    relationship: orm.RelationshipProperty[Any] = orm.relationship(
        target.model,
        primaryjoin=local == remote,
        foreign_keys=[local],
        remote_side=[remote],
        uselist=False,
        enable_typechecks=False,  # a row of a child model is one of its parent's too
        # The database does what on_delete says: SQLAlchemy leaves the children alone.
        backref=_backref(
            info,
            name,
            field,
            target,
            uselist=not field.unique,
            passive_deletes="all",
            enable_typechecks=False,
        ),
    )
    info.model.__mapper__.add_property(name, relationship)


def _target_column(info: Info, name: str, field: ForeignKey, target: Info) -> sa.Column[Any]:
    if field.to_field is None and len(target.primary_key) != 1:
        raise info.error(
            f"the field {name!r} points at {target.label}, whose primary key has "
            f"{len(target.primary_key)} fields",
            "Use a ForeignKeyConstraint over several fields, or name one with to_field=.",
        )
    to_field = field.to_field or target.primary_key[0]
    if to_field not in target.fields:
        raise info.error(
            f"the field {name!r} points at {target.label}.{to_field}, which there is not",
            f"It has: {', '.join(target.fields)}.",
        )
    column: sa.Column[Any] = target.model.__table__.c[target.fields[to_field].column_name(to_field)]
    return column


def constrain(table: sa.Table, name: str, field: ForeignKey, remote: sa.Column[Any]) -> None:
    """Make the foreign key of a field, once."""
    if any(key.column is remote for key in table.c[field.column_name(name)].foreign_keys):
        return
    table.append_constraint(
        sa.ForeignKeyConstraint(
            [field.column_name(name)],
            [remote],
            ondelete=field.on_delete.action,
            onupdate=field.on_update,
            deferrable=True if field.deferrable else None,
            initially=field.deferrable.upper() if field.deferrable else None,
            match=field.match,
        )
    )


def _backref(info: Info, name: str, field: RelationField, target: Info, **options: Any) -> Any:
    """The accessor on the other side, under its own name or "<model>_set"."""
    is_one = isinstance(field, ForeignKey) and field.unique
    reverse = field.related_name or f"{info.name.lower()}{'' if is_one else '_set'}"
    if reverse.endswith("+"):
        return None
    columns = {attribute(each, its) for each, its in target.fields.items()}
    if reverse in {*columns, *target.fields, *target.reverse_names}:
        raise info.error(
            f"the field {name!r} and another one would both be {target.label}.{reverse} on the other side",
            f'Give {info.label}.{name} a related_name="..." of its own ("+" for none).',
        )
    target.reverse_names.add(reverse)
    return orm.backref(reverse, **options)


# -- many to many


def _many_to_many(
    info: Info, name: str, field: ManyToManyField, target: Info, known: dict[str, Info]
) -> None:
    if field.through:
        through = known[field.through.lower()]
        table = through.model.__table__
        own, other = (
            through.model.__table__.c[through.fields[each].column_name(each)]
            for each in through_keys(info, name, field, target, through)
        )
    else:
        table = _own_table(info, name, field, target)
        own, other = (table.c[column] for column in naming.through_columns(info.name, target.name))
    here, there = _key_of(info, name, info), _key_of(info, name, target)
    # A row of a child model is one of its parent's too; and what goes through a model of the
    # user's is written by making instances of that.
    options: dict[str, Any] = (
        {"viewonly": True, "sync_backref": False} if field.through else {"enable_typechecks": False}
    )
    reverse = _backref(info, name, field, target, **options)
    relationship: orm.RelationshipProperty[Any] = orm.relationship(
        target.model,
        secondary=table,
        primaryjoin=here == own,
        secondaryjoin=there == other,
        backref=reverse,
        **options,
    )
    info.model.__mapper__.add_property(name, relationship)


def _key_of(info: Info, name: str, of: Info) -> sa.Column[Any]:
    if len(of.primary_key) != 1:
        raise info.error(
            f"the field {name!r} is many-to-many, and the primary key of {of.label} has "
            f"{len(of.primary_key)} fields",
            "Give it a through= model.",
        )
    key = of.primary_key[0]
    column: sa.Column[Any] = of.model.__table__.c[of.fields[key].column_name(key)]
    return column


def _own_table(info: Info, name: str, field: ManyToManyField, target: Info) -> sa.Table:
    ends = (_key_of(info, name, info), _key_of(info, name, target))
    names = naming.through_columns(info.name, target.name)
    name_of_table = field.db_table or naming.through_table_name(info.db_table, name)
    there = info.model.metadata.tables.get(
        f"{info.schema}.{name_of_table}" if info.schema else name_of_table
    )
    if there is not None and field.through is None and there.info.get("whimbrel_between"):
        made: sa.Table = there
        return made  # a historical model of it was asked for first
    pairs = list(zip(names, ends, strict=True))
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    keys = pairs if field.db_constraint else []
    table = sa.Table(
        name_of_table,
        info.model.metadata,
        sa.Column("id", counter, sa.Identity(), primary_key=True),
        *(sa.Column(column, end.type, nullable=False) for column, end in pairs),
        *(sa.ForeignKeyConstraint([column], [end], ondelete="CASCADE") for column, end in keys),
        schema=info.schema,
    )
    info.tables.append(table)
    return table


def through_keys(
    info: Info, name: str, field: ManyToManyField, target: Info, through: Info
) -> tuple[str, str]:
    """The two keys of a through model: those that are named, or the only ones that fit."""
    keys = {
        each: value.bound_to(through.app_label, through.name)
        for each, value in through.fields.items()
        if isinstance(value, ForeignKey)
    }
    if field.through_fields:
        names = field.through_fields
    else:
        to_own = [each for each, value in keys.items() if value.to.lower() == info.label.lower()]
        to_other = [
            each for each, value in keys.items() if value.to.lower() == target.label.lower()
        ]
        if info is target and len(to_own) == 2:
            to_own, to_other = to_own[:1], to_own[1:]
        if len(to_own) != 1 or len(to_other) != 1:
            raise info.error(
                f"{through.label}, through which {name!r} goes, has {len(to_own)} keys to "
                f"{info.label} and {len(to_other)} to {target.label}",
                'It needs one each; where there are more, name two: through_fields=("a", "b").',
            )
        names = (to_own[0], to_other[0])
    absent = next((each for each in names if each not in keys), None)
    if absent is not None:
        raise info.error(
            f"{through.label} has no foreign key {absent!r}, which {name!r} names in through_fields"
        )
    return names
