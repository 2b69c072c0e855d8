"""Hops: how one row leads to others, by a key of its own, by others' keys, by a table between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whimbrel.sources.mapping import attribute
from whimbrel.sources.relating import through_keys
from whimbrel.state import naming
from whimbrel.state.fields import BigAutoField, ForeignKey, ManyToManyField
from whimbrel.state.fields.relations import CASCADE, RelationField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import Options
from whimbrel.state.state import State

if TYPE_CHECKING:
    from whimbrel.orm.meta import Meta


@dataclass(frozen=True, eq=False)
class Between:
    """The model between two: ``near`` and ``far`` are the attributes of its keys to them."""

    meta: Meta
    near: str
    far: str


@dataclass(frozen=True, eq=False)
class Hop:
    """From a model's rows to others: where ``source.local == target.remote``, or by ``between``.

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
    between: Between | None = None


@dataclass(frozen=True)
class Reverse:
    """A relation seen from the model that it points at. ``query_name``: what lookups call it."""

    accessor: str
    query_name: str
    label: str
    field_name: str
    field: RelationField

    @property
    def many(self) -> bool:
        """Whether it leads to several rows."""
        return not (isinstance(self.field, ForeignKey) and self.field.unique)

    def hop(self, here: Meta) -> Hop:
        """Where it leads; this builds the model that points."""
        owner = here.apps.meta(self.label)
        if isinstance(self.field, ForeignKey):
            return _against_key(here, owner, self)
        assert isinstance(self.field, ManyToManyField)
        between = _between(owner, self.field_name, self.field, here)
        return Hop(
            name=self.accessor,
            source=here,
            target=owner,
            local=here.pk.attname,
            remote=owner.pk.attname,
            many=True,
            null=True,
            reverse=True,
            owner=owner,
            field_name=self.field_name,
            field=self.field,
            between=Between(between.meta, between.far, between.near),
        )


def forward_hop(here: Meta, name: str, field: ForeignKey) -> Hop:
    """Along a key."""
    target = here.apps.meta(field.to)
    remote = target.pointed_at(field.to_field)
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


def _against_key(here: Meta, owner: Meta, reverse: Reverse) -> Hop:
    forward = owner.hop(reverse.field_name)
    assert forward is not None
    return Hop(
        name=reverse.accessor,
        source=here,
        target=owner,
        local=forward.remote,
        remote=forward.local,
        many=reverse.many,
        null=True,
        reverse=True,
        owner=owner,
        field_name=reverse.field_name,
        field=reverse.field,
    )


def to_many_hop(here: Meta, name: str, field: ManyToManyField) -> Hop:
    """Along a many-to-many field."""
    target = here.apps.meta(field.to)
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
        between=_between(here, name, field, target),
    )


# -- the table between two


def _between(owner: Meta, name: str, field: ManyToManyField, target: Meta) -> Between:
    if field.through:
        through = owner.apps.meta(field.through)
        near, far = through_keys(owner.info, name, field, target.info, through.info)
        return Between(through, f"{near}_id", f"{far}_id")
    value = _own_table(owner, name, field, target)
    owner.apps.put_between(value)
    near, far = (each.name for each in value.fields[1:])
    meta = owner.apps.meta(value.label)
    meta.table.info["whimbrel_between"] = True
    return Between(meta, f"{near}_id", f"{far}_id")


def _own_table(owner: Meta, name: str, field: ManyToManyField, target: Meta) -> Model:
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


# -- names


def names_of(model: Model) -> dict[str, str]:
    """What fields are called in Python: a key that was born as its column is so without "_id".

    Models read from SQLAlchemy have a field "author_id" of the column "author_id": an instance
    keeps the value there, and "author" is the row that it leads to, as it is everywhere.
    """
    found: dict[str, str] | None = model.__dict__.get("_python_names")
    if found is None:
        taken = {each.name for each in model.fields}
        found = {each.name: _name_of(each, taken) for each in model.fields}
        model.__dict__["_python_names"] = found
    return found


def _name_of(each: ModelField, taken: set[str]) -> str:
    name, field = each.name, each.field
    short = name.removesuffix("_id")
    is_column = isinstance(field, ForeignKey) and field.column_name(name) == name
    return short if is_column and short and short not in taken else name


# -- seen from the other side


def pointing_at(state: State, model: Model) -> Iterator[tuple[str, str, RelationField]]:
    """What points at a model: the label, the field's name in Python, the field."""
    for other in state.pointing_at([model.label.lower()]):
        for each in other.fields:
            field = each.field
            if isinstance(field, RelationField) and field.to.lower() == model.label.lower():
                yield other.label, names_of(other)[each.name], field


def reverses(state: State, model: Model, taken: Iterable[str]) -> dict[str, Reverse]:
    """The relations that point at a model, by accessor; none for those that asked for none."""
    found: dict[str, Reverse] = {}
    names = set(taken)
    for label, name, field in pointing_at(state, model):
        plain = label.rpartition(".")[2].lower()
        accessor = _accessor(plain, name, field, names)
        if accessor is not None:
            names.add(accessor)
            found[accessor] = Reverse(accessor, field.related_name or plain, label, name, field)
    return found


def _accessor(other: str, name: str, field: RelationField, taken: set[str]) -> str | None:
    """The name of the other side: the field's own, or the model's; with the field's if taken."""
    if field.related_name:
        return None if field.related_name.endswith("+") else field.related_name
    one = isinstance(field, ForeignKey) and field.unique
    end = "" if one else "_set"
    plain = f"{other}{end}"
    return f"{other}_{name}{end}" if plain in taken else plain
