"""Names of fields in Python, and the relations that point at a model: of models as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whimbrel.state.fields.relations import ForeignKey, RelationField
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


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
        """True if it leads to several rows."""
        return not (isinstance(self.field, ForeignKey) and self.field.unique)


def python_names(model: Model) -> dict[str, str]:
    """The names of fields in Python, by their own: a key named as its column loses its "_id".

    Models read from SQLAlchemy have a field "author_id" of the column "author_id": an instance
    keeps the value there, and "author" is the row that it leads to, as it is everywhere.
    """
    names: dict[str, str] | None = model.__dict__.get("_python_names")
    if names is None:
        taken = {each.name for each in model.fields}
        names = {each.name: _python_name(each, taken) for each in model.fields}
        model.__dict__["_python_names"] = names
    return names


def _python_name(each: ModelField, taken: set[str]) -> str:
    name, field = each.name, each.field
    short = name.removesuffix("_id")
    is_column = isinstance(field, ForeignKey) and field.column_name(name) == name
    return short if is_column and short and short not in taken else name


# -- seen from the other side


def find_referrers(state: State, model: Model) -> Iterator[tuple[str, str, RelationField]]:
    """Yield the relations that point at a model: the label, the field's name in Python, the field."""
    for other in state.referrers([model.label.lower()]):
        for each in other.fields:
            field = each.field
            if isinstance(field, RelationField) and field.to.lower() == model.label.lower():
                yield other.label, python_names(other)[each.name], field


def find_reverses(state: State, model: Model, taken: Iterable[str]) -> dict[str, Reverse]:
    """The relations that point at a model, by accessor; none for those that asked for none."""
    reverses: dict[str, Reverse] = {}
    names = set(taken)
    for label, name, field in find_referrers(state, model):
        plain = label.rpartition(".")[2].lower()
        accessor = _accessor_name(plain, name, field, names)
        if accessor is not None:
            names.add(accessor)
            reverses[accessor] = Reverse(accessor, field.related_name or plain, label, name, field)
    return reverses


def _accessor_name(other: str, name: str, field: RelationField, taken: set[str]) -> str | None:
    """The name of the other side: the field's own, or the model's; with the field's if taken."""
    if field.related_name:
        return None if field.related_name.endswith("+") else field.related_name
    one = isinstance(field, ForeignKey) and field.unique
    end = "" if one else "_set"
    plain = f"{other}{end}"
    return f"{other}_{name}{end}" if plain in taken else plain
