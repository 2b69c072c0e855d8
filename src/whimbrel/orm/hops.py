"""Hops: how one row leads to others, by a key of its own, by others' keys, by a table between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from whimbrel.orm.meta import Meta, meta_of
from whimbrel.orm.referrers import Reverse
from whimbrel.sources.mapping import attribute
from whimbrel.sources.relationships import through_keys
from whimbrel.state import naming
from whimbrel.state.fields.numbers import BigAutoField
from whimbrel.state.fields.relations import CASCADE, ForeignKey, ManyToManyField, RelationField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import Options


@dataclass(frozen=True, eq=False)
class Through:
    """The model between two: ``near`` and ``far`` are the attributes of its keys to them."""

    meta: Meta
    near: str
    far: str


@dataclass(frozen=True, eq=False)
class Hop:
    """From a model's rows to others: where ``source.local == target.remote``, or ``through`` a table.

    many: one row may lead to several. null: a row may lead to none. field, field_name and
    owner: the relation that this is, whichever way it is gone. reverse: against its direction.
    """

    name: str
    source: Meta
    target: Meta
    local: str
    remote: str
    many: bool
    null: bool
    reverse: bool
    owner: Meta
    field_name: str
    field: RelationField
    through: Through | None = None


def find_hop(meta: Meta, name: str) -> Hop | None:
    """Return the hop of a relation, by its name here or on the other side; None for no relation."""
    if name not in meta.hops:
        meta.hops[name] = _make_hop(meta, name)
    return meta.hops[name]  # type: ignore[no-any-return]


def hop_of(meta: Meta, name: str) -> Hop:
    """Return the hop of a name that is known to be a relation's."""
    hop = find_hop(meta, name)
    assert hop is not None
    return hop


def find_reverse(hop: Hop) -> Reverse | None:
    """Return the relation of a hop as its other side has it; None where that has no name for it."""
    other = hop.source if hop.reverse else hop.target
    for each in other.reverses.values():
        if (each.label, each.field_name) == (hop.owner.label, hop.field_name):
            return each
    return None


def _make_hop(meta: Meta, name: str) -> Hop | None:
    """The hop; where it goes against a key, this builds the model that points."""
    field = meta.info.fields.get(name)
    if isinstance(field, ForeignKey):
        return _along_key(meta, name, field)
    if isinstance(field, ManyToManyField):
        return _along_many_to_many(meta, name, field)
    # Lookups call the other side "comment" where the accessor is "comment_set".
    by_query_name = [each for each in meta.reverses.values() if each.query_name == name]
    reverse = meta.reverses.get(name) or (by_query_name[0] if len(by_query_name) == 1 else None)
    if reverse is None:
        return find_hop(meta.parent, name) if meta.parent else None
    return _reverse_hop(hop_of(meta_of(meta.apps, reverse.label), reverse.field_name), reverse)


def _along_key(here: Meta, name: str, field: ForeignKey) -> Hop:
    target = meta_of(here.apps, field.to)
    remote = target.target_field(field.to_field)
    return Hop(
        name=name,
        source=here,
        target=target,
        local=attribute(name, field),
        remote=remote.attname,
        many=False,
        null=field.null or not field.db_constraint,
        reverse=False,
        owner=here,
        field_name=name,
        field=field,
    )


def _reverse_hop(hop: Hop, reverse: Reverse) -> Hop:
    """The way back of a hop."""
    through = hop.through
    return replace(
        hop,
        name=reverse.accessor,
        source=hop.target,
        target=hop.source,
        local=hop.remote,
        remote=hop.local,
        many=reverse.many,
        null=True,
        reverse=True,
        through=Through(through.meta, through.far, through.near) if through else None,
    )


def _along_many_to_many(here: Meta, name: str, field: ManyToManyField) -> Hop:
    target = meta_of(here.apps, field.to)
    return Hop(
        name=name,
        source=here,
        target=target,
        local=here.pk.attname,
        remote=target.pk.attname,
        many=True,
        null=True,
        reverse=False,
        owner=here,
        field_name=name,
        field=field,
        through=_find_through(here, name, field, target),
    )


# -- the table between two


def _find_through(owner: Meta, name: str, field: ManyToManyField, target: Meta) -> Through:
    if field.through:
        through = meta_of(owner.apps, field.through)
        near, far = through_keys(owner.info, name, field, target.info, through.info)
        return Through(through, f"{near}_id", f"{far}_id")
    value = _make_link_model(owner, name, field, target)
    owner.apps.add_link_model(value)
    near, far = (each.name for each in value.fields[1:])
    meta = meta_of(owner.apps, value.label)
    meta.table.info["whimbrel_between"] = True
    return Through(meta, f"{near}_id", f"{far}_id")


def _make_link_model(owner: Meta, name: str, field: ManyToManyField, target: Meta) -> Model:
    """The model of a many-to-many field's own table, as lowering makes it."""
    key = f"{owner.value.key}.{name}.through"
    columns = naming.through_columns(owner.value.name, target.value.name)
    ends = zip(columns, (owner, target), strict=True)
    keys = (
        ModelField(
            column.removesuffix("_id"),
            ForeignKey(end.label, CASCADE, db_constraint=field.db_constraint, db_column=column),
            f"{key}.{side}",
        )
        for side, (column, end) in zip(("from", "to"), ends, strict=True)
    )
    table = field.db_table or naming.through_table_name(owner.db_table, name)
    return Model(
        owner.app_label,
        f"{owner.object_name}_{name}",
        key,
        fields=(ModelField("id", BigAutoField(primary_key=True), f"{key}.id"), *keys),
        options=Options(db_table=table, schema=owner.value.options.schema),
    )
