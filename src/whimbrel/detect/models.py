"""Models that come and models that go, with the circles between them cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as made_with
from typing import Any

from whimbrel.detect.fields import freed_by, gone_field_tokens, new_field_task, points_task
from whimbrel.detect.items import add_item, remove_item
from whimbrel.detect.options import stated_options
from whimbrel.detect.references import (
    enums_in,
    fields_in,
    labels_of,
    made_of,
    needs_of_field,
    needs_of_item,
)
from whimbrel.detect.tasks import (
    CREATE,
    DELETE,
    FIELDS_GO,
    ITEMS_GO,
    OPTIONS,
    Task,
    Token,
    free_name,
    free_table,
    has_field,
    has_key,
    has_model,
    has_primary_key,
    no_field,
    unreferenced_model,
    unused_field,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AlterUniqueTogether, CreateModel, DeleteModel, RemoveField
from whimbrel.schema.types import enum_types
from whimbrel.state.columns import column_types
from whimbrel.state.fields.relations import ForeignKey
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import PLAIN_OPTIONS, ForeignKeyConstraint, NamedItem
from whimbrel.state.state import State


def create_models(work: WorkingState, app_by_app: bool = False) -> None:
    """Tasks that create the new models, and add what had to wait for others of them.

    ``app_by_app``: all of an app before any of the next, however many keys that cuts off.
    """
    born = work.born
    for cut in _cuts(_by_apps(born) if app_by_app else [born]):
        _create(work, cut)


def delete_models(work: WorkingState) -> None:
    """Tasks that delete the models that are gone, after what points at them."""
    for cut in _cuts([work.gone]):
        _delete(work, cut)


# -- circles


@dataclass
class _Cut:
    """A model, and what of it is left out so that it can be created before the rest is there."""

    model: Model
    fields: set[str] = made_with(default_factory=set)
    parts: list[NamedItem] = made_with(default_factory=list)
    groups: list[tuple[str, ...]] = made_with(default_factory=list)


def _cuts(groups: list[list[Model]]) -> Iterator[_Cut]:
    """The models, a group after another, so that each points only at those before it.

    What points at a later one is cut from it.
    """
    waiting = {model.label.lower(): model for group in groups for model in group}
    for group in groups:
        own = {model.label.lower(): model for model in group}
        while own:
            free = (
                model for label, model in own.items() if model.relations & waiting.keys() <= {label}
            )
            first = next(free, None)
            cut = _Cut(first) if first is not None else _cheapest(own, frozenset(waiting))
            label = cut.model.label.lower()
            del own[label], waiting[label]
            yield cut


def _cheapest(own: dict[str, Model], waiting: frozenset[str]) -> _Cut:
    """In a circle: the one that loses least by being cut."""
    cuts = [_cut(model, waiting - {label}) for label, model in own.items()]
    first = _Cut(next(iter(own.values())))
    return min((cut for cut in cuts if cut is not None), key=_cost, default=first)


def _by_apps(models: list[Model]) -> list[list[Model]]:
    """The models of one app after another, those first that point least at what comes later."""
    apps = dict.fromkeys(model.app for model in models)
    found = []
    while apps:
        labels = {model.label.lower(): model.app for model in models if model.app in apps}
        app = min(apps, key=lambda each: _outward(models, each, labels))
        del apps[app]
        found.append([model for model in models if model.app == app])
    return found


def _outward(models: list[Model], app: str, labels: dict[str, str]) -> int:
    """Return how often an app's models point at those of other apps that wait."""
    pointed = [
        labels.get(to, app) for model in models if model.app == app for to in model.relations
    ]
    return sum(each != app for each in pointed)


def _cost(cut: _Cut) -> int:
    """Cutting a field without a column costs a model nothing to speak of."""
    columns = [name for name in cut.fields if cut.model.field(name).field.has_column]
    keys = [name for name in columns if cut.model.field(name) in cut.model.primary_key]
    return 100 * len(keys) + 10 * len(columns) + len(cut.fields) + len(cut.parts)


def _cut(model: Model, others: frozenset[str]) -> _Cut | None:
    """Return what must be cut off a model so that it points at none of the others; None: nothing helps."""
    if any(base.lower() in others for base in model.bases):
        return None
    cut = _Cut(model, {each.name for each in model.fields if labels_of(each.field) & others})
    cut.fields = _with_what_is_made_of(model, cut.fields)
    for part in model.options.items:
        to = part.value.to.lower() if isinstance(part.value, ForeignKeyConstraint) else ""
        if to in others or fields_in(model, part) & cut.fields:
            cut.parts.append(part)
    cut.groups = [
        group for group in model.options.unique_together if not cut.fields.isdisjoint(group)
    ]
    return cut


# -- creating


def _create(work: WorkingState, whole: _Cut) -> None:
    """A key to what comes later has its column at once, in its place; what it points at is said later."""
    cut, placeholders = _with_columns(whole, work.new)
    model = cut.model
    fields = [each for each in model.fields if each.name not in cut.fields]
    parts = [part for part in model.options.items if part not in cut.parts]
    operation = CreateModel(
        model.name,
        [(each.name, each.field) for each in fields],
        _options(model, parts, cut),
        model.bases,
    )
    work.add(
        Task(
            model.app,
            operation,
            CREATE,
            frozenset(_provides(model, fields)),
            frozenset(_needs(work, model, fields, parts)),
            frozenset(_preferences(work, model, fields, parts)),
        )
    )
    for each in whole.model.fields:
        if each.name in cut.fields:
            work.add(new_field_task(work, model, each, each.field))
        elif each.name in placeholders:
            work.add(points_task(work, model, whole.model, each))
    for part in cut.parts:
        add_item(work, model, part)
    if cut.groups:
        groups = model.options.unique_together
        named = frozenset(has_field(model.label, name) for group in groups for name in group)
        together = AlterUniqueTogether(model.name, groups)
        work.add(Task(model.app, together, OPTIONS, frozenset({has_key(model.label)}), named))


def _with_columns(cut: _Cut, state: State) -> tuple[_Cut, frozenset[str]]:
    """The cut of a model that has plain columns instead of keys to what comes later; their fields."""
    model, types = cut.model, column_types(state, cut.model)
    placeholders: set[str] = set()
    for each in cut.model.fields:
        if each.name in cut.fields and isinstance(each.field, ForeignKey):
            column = each.field.column_name(each.name)
            if not enum_types(types[column]):
                plain = each.field.without_target(each.name, types[column])
                model = model.with_field(each.name, each._replace(field=plain))
                placeholders.add(each.name)
    if not placeholders:
        return cut, frozenset()
    own = {each.name for each in model.fields if each.field.computed() is None}
    cut_off = (cut.fields - placeholders) & own
    again = _Cut(model, _with_what_is_made_of(model, cut_off))
    again.parts = [
        part
        for part in cut.parts
        if isinstance(part.value, ForeignKeyConstraint) or fields_in(model, part) & again.fields
    ]
    again.groups = [group for group in cut.groups if not again.fields.isdisjoint(group)]
    return again, frozenset(placeholders)


def _with_what_is_made_of(model: Model, names: set[str]) -> set[str]:
    """Fields, and those that are computed from them."""
    return names | {each.name for each in model.fields if made_of(model, each.field) & names}


def _options(model: Model, parts: list[NamedItem], cut: _Cut) -> dict[str, Any] | None:
    """The options that are not as a model has them anyway."""
    own = model.options
    found = stated_options(own, PLAIN_OPTIONS)
    if own.written_schema is not None:
        found["schema"] = own.written_schema
    if cut.groups:
        found["unique_together"] = tuple(
            group for group in own.unique_together if group not in cut.groups
        )
        if not found["unique_together"]:
            del found["unique_together"]
    for kind in ("indexes", "constraints"):
        values = [part.value for part in getattr(own, kind) if part in parts]
        if values:
            found[kind] = values
    return found or None


def _provides(model: Model, fields: list[ModelField]) -> Iterator[Token]:
    yield has_model(model.label)
    yield has_key(model.label)
    if all(each in fields for each in model.primary_key):
        yield has_primary_key(model.label)
    yield from (has_field(model.label, each.name) for each in fields)


def _needs(
    work: WorkingState, model: Model, fields: list[ModelField], parts: list[NamedItem]
) -> Iterator[Token]:
    own = has_model(model.label)[1]
    for each in fields:
        yield from (t for t in needs_of_field(model, each.name, work.new) if t[1] != own)
    for part in parts:
        yield from (t for t in needs_of_item(model, part) if t[1] != own)
    yield from (has_model(base) for base in model.bases)


def _preferences(
    work: WorkingState, model: Model, fields: list[ModelField], parts: list[NamedItem]
) -> Iterator[Token]:
    own = has_model(model.label)[1]
    needed = _needs(work, model, fields, parts)
    yield from (has_key(token[1]) for token in needed if token[1] != own)
    yield from (
        free_table(table) for table in (model.at, *filter(None, map(model.through_table, fields)))
    )
    yield from (free_name(part.name) for part in parts)
    yield from (token for each in fields for token in sorted(enums_in(each.field)))


# -- deleting


def _delete(work: WorkingState, cut: _Cut) -> None:
    model = cut.model
    _take_off(work, cut)
    provides = {
        token
        for each in model.fields
        if each.name not in cut.fields
        for token in freed_by(model, each.field, work.state)
    }
    provides.update(
        unreferenced_model(part.value.to)
        for part in model.options.constraints
        if isinstance(part.value, ForeignKeyConstraint) and part not in cut.parts
    )
    provides.update(unreferenced_model(base) for base in model.bases)
    provides.update(free_table(table) for table in model.tables())
    provides.update(free_name(part.name) for part in model.options.items)
    provides.update(token for each in model.fields for token in enums_in(each.field))
    needs = {unreferenced_model(model.label), *(no_field(model.label, name) for name in cut.fields)}
    provides -= needs
    operation = DeleteModel(model.name)
    work.add(Task(model.app, operation, DELETE, frozenset(provides), frozenset(needs)))


def _take_off(work: WorkingState, cut: _Cut) -> None:
    """Remove first what had to be cut: it points at models that can only go before this one."""
    model = cut.model
    for part in cut.parts:
        remove_item(work, model, part)
    if cut.groups:
        rest = [group for group in model.options.unique_together if group not in cut.groups]
        freed = frozenset(unused_field(model.label, name) for group in cut.groups for name in group)
        work.add(Task(model.app, AlterUniqueTogether(model.name, rest), ITEMS_GO, freed))
    for each in model.fields:
        if each.name in cut.fields:
            operation = RemoveField(model.name, each.name)
            tokens = gone_field_tokens(work, model, each)
            work.add(Task(model.app, operation, FIELDS_GO, *tokens))
