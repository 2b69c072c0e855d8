"""The effects of an operation: the models, fields and items that it touches, by identity, and the names that it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from whimbrel.errors import WhimbrelError
from whimbrel.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterUniqueTogether,
    Backfill,
    CreateModel,
    DeleteModel,
    MoveModel,
    Operation,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameConstraint,
    RenameEnumValue,
    RenameField,
    RenameIndex,
    RenameModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from whimbrel.operations.models import ALTERABLE
from whimbrel.schema.table import PrimaryKey, Schema, Table, Unique
from whimbrel.state.difference import schemas_of
from whimbrel.state.fields.relations import full_label
from whimbrel.state.model import Model
from whimbrel.state.options import PLAIN_OPTIONS, ForeignKeyConstraint, Index
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


class Touch(NamedTuple):
    """``kind`` and ``at``: what it is. ``how``: what is done to it. ``words``: it, for people."""

    kind: str
    at: tuple[str | None, ...]
    how: str
    words: str


def effects_of(app: str, operation: Operation, before: StatePair, after: StatePair) -> list[Touch]:
    """Return the effects of an operation that leads from one pair of states to another."""
    found: list[Touch] = []
    for each, state in _inner(app, operation, before):
        try:
            found += _touches_of(app, each, state)
        except WhimbrelError:
            continue  # whoever replays it says what does not fit
    return [*found, *_names_taken(before, after)]


def _inner(app: str, operation: Operation, states: StatePair) -> Iterator[tuple[Operation, State]]:
    """The operations that it is made of, each with the state that it starts from."""
    match operation:
        case SeparateDatabaseAndState():
            yield from _row(app, operation.database_operations, states.database)
            yield from _row(app, operation.state_operations, states.models)
        case RunSQL():
            yield from _row(app, operation.state_operations or (), states.models)
        case _:
            yield operation, states.models


def _row(
    app: str, operations: Iterable[Operation], state: State
) -> Iterator[tuple[Operation, State]]:
    for operation in operations:
        yield from _inner(app, operation, StatePair.of(state))
        try:
            state = operation.apply(app, state)
        except WhimbrelError:
            return


# -- models ----------------------------------------------------------------------------------


def _touches_of(app: str, operation: Operation, state: State) -> Iterator[Touch]:
    match operation:
        case CreateModel(name=name):
            made = operation.apply(app, state)
            model = made.model(f"{app}.{name}")
            yield _model(model, "create")
            yield _label(app, name)
            yield from _touches_of_referrers(made, model.relations - {model.label.lower()})
        case DeleteModel(name=name):
            yield _model(state.model(f"{app}.{name}"), "delete")
        case RenameModel(old_name=name, new_name=new):
            yield _model(state.model(f"{app}.{name}"), "rename")
            yield _label(app, new)
        case MoveModel(name=name, from_app=old):
            yield _model(state.model(f"{old}.{name}"), "rename")
            yield _label(app, name)
        case _ if not type(operation).__module__.startswith("whimbrel."):
            yield from _difference(state, operation.apply(app, state))
        case _:
            yield from _inside(app, operation, state)


def _difference(before: State, after: State) -> Iterator[Touch]:
    """Return the differences of two states: what an operation of the user's own has touched."""
    was, now = ({model.key: model for model in state} for state in (before, after))
    for key, model in (was | now).items():
        old, new = was.get(key), now.get(key)
        if old is None or new is None:
            yield _model(model, "create" if old is None else "delete")
        elif old is not new:
            yield _model(model, "use" if old.label == new.label else "rename")
            yield from _differing_parts(old, new)
        if new is not None and (old is None or old.label != new.label):
            yield _label(new.app, new.name)
            yield from _touches_of_referrers(after, new.relations - {new.label.lower()})


def _differing_parts(old: Model, new: Model) -> Iterator[Touch]:
    was, now = ({each.key: each for each in model.fields} for model in (old, new))
    for key, each in (was | now).items():
        if was.get(key) != now.get(key):
            how = "add" if key not in was else "alter" if key in now else "remove"
            how = "rename" if how == "alter" and was[key].name != each.name else how
            yield Touch("field", (key,), how, f"the field {new.label}.{each.name}")
    for name in PLAIN_OPTIONS:
        if getattr(old.options, name) != getattr(new.options, name):
            yield Touch("option", (new.key, name), "set", f"the option {name} of {new.label}")
    parts = old.options.items, new.options.items
    for part in (each for each in sum(parts, ()) if not all(each in one for one in parts)):
        yield Touch("part", (part.key,), "change", f"{part.name} of {new.label}")


def _inside(app: str, operation: Operation, state: State) -> Iterator[Touch]:
    """Return the effects of an operation on one model that keeps its name."""
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None)
    model = state.find(f"{app}.{name}") if name else None
    if model is None:
        return
    yield _model(model, "use")
    yield from _options(operation, model)
    yield from _field(app, operation, model, state)
    yield from _part(app, operation, model, state)


def _model(model: Model, how: str) -> Touch:
    return Touch("model", (model.key,), how, f"the model {model.label}")


def _label(app: str, name: str) -> Touch:
    return Touch("name", ("model", f"{app}.{name}".lower()), "take", f"the name {app}.{name}")


def _touches_of_referrers(state: State, labels: Iterable[str]) -> Iterator[Touch]:
    for label in sorted(labels):
        target = state.find(label)
        if target is not None:
            yield _model(target, "point")


def _options(operation: Operation, model: Model) -> Iterator[Touch]:
    names: tuple[str, ...] = ()
    match operation:
        case AlterModelTable():
            names = ("db_table", "schema")
        case AlterModelTableComment():
            names = ("db_table_comment",)
        case AlterUniqueTogether():
            names = ("unique_together",)
            groups = [name for group in operation.unique_together for name in group]
            yield from _uses(model, groups)
        case AlterModelOptions():
            names = ALTERABLE
            yield from _uses(model, (operation.options or {}).get("primary_key", ()))
    for name in names:
        yield Touch("option", (model.key, name), "set", f"the option {name} of {model.label}")


# -- fields ----------------------------------------------------------------------------------


def _field(app: str, operation: Operation, model: Model, state: State) -> Iterator[Touch]:
    match operation:
        case AddField(name=name):
            made = operation.apply(app, state)
            yield from _one_field(made.model(model.label), name, "add")
            yield _field_name(model, name)
            yield from _new_targets(model, made)
        case AlterField(name=name):
            yield from _one_field(model, name, "alter")
            yield from _new_targets(model, operation.apply(app, state))
        case RenameEnumValue(name=name):
            yield from _one_field(model, name, "alter")
        case RemoveField(name=name):
            yield from _one_field(model, name, "remove")
        case RenameField(name=name, new_name=new):
            yield from _one_field(model, name, "rename")
            yield _field_name(model, new)
        case Backfill(set=values):
            yield from _uses(model, values or ())


def _one_field(model: Model, name: str, how: str) -> Iterator[Touch]:
    found = model.find(name)
    if found is not None:
        yield Touch("field", (found.key,), how, f"the field {model.label}.{found.name}")


def _uses(model: Model, names: Iterable[str]) -> Iterator[Touch]:
    for name in names:
        yield from _one_field(model, name, "use")


def _field_name(model: Model, name: str) -> Touch:
    words = f"the name {name} in {model.label}"
    return Touch("name", ("field", model.key, name.lower()), "take", words)


def _new_targets(model: Model, made: State) -> Iterator[Touch]:
    now = made.model(model.label)
    yield from _touches_of_referrers(made, now.relations - model.relations - {model.label.lower()})


# -- indexes and constraints -----------------------------------------------------------------


def _part(app: str, operation: Operation, model: Model, state: State) -> Iterator[Touch]:
    match operation:
        case AddIndex(index=value):
            yield from _uses(model, sorted(value.names()))
        case AddConstraint(constraint=value):
            yield from _uses(model, sorted(value.names()))
            if isinstance(value, ForeignKeyConstraint):
                yield from _touches_of_referrers(
                    state, [full_label(value.to, app, model.name).lower()]
                )
        case RemoveIndex(name=name) | RenameIndex(old_name=name):
            yield from _one_part(model, "indexes", name)
        case RemoveConstraint(name=name) | RenameConstraint(old_name=name):
            yield from _one_part(model, "constraints", name)


def _one_part(model: Model, option: str, name: str) -> Iterator[Touch]:
    for part in getattr(model.options, option):
        if part.name == name:
            noun = "index" if isinstance(part.value, Index) else "constraint"
            yield Touch("part", (part.key,), "change", f"the {noun} {name} of {model.label}")


# -- names in the database -------------------------------------------------------------------


def _names_taken(before: StatePair, after: StatePair) -> Iterator[Touch]:
    """The names that something in the database has after it, and had not before."""
    try:
        was, now = schemas_of(before.database, after.database)
    except WhimbrelError:
        return
    known = dict(_names(was))
    for at, words in _names(now):
        if at not in known:
            yield Touch("name", at, "take", words)


def _names(schema: Schema) -> Iterator[tuple[tuple[str | None, ...], str]]:
    """Tables, indexes and what an index stands behind have their names in common."""
    for table in schema.tables.values():
        yield ("relation", table.schema, table.name), f"the table name {table.name}"
        for index in table.indexes:
            yield ("relation", table.schema, index.name), f"the index name {index.name}"
        for constraint in table.constraints:
            is_relation = isinstance(constraint, PrimaryKey | Unique)
            at = ("relation", table.schema) if is_relation else ("constraint", _id(table))
            yield (*at, constraint.name), f"the constraint name {constraint.name}"
        for column in table.columns:
            words = f"the column {column.name} of {table.name}"
            yield ("column", _id(table), column.name.lower()), words


def _id(table: Table) -> str:
    return table.key or table.name
