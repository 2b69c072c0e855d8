"""Indexes and constraints that come, go, are named otherwise, or are others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from whimbrel.detect.references import fields_in, is_key, needs_of_item
from whimbrel.detect.tasks import (
    ITEMS_COME,
    ITEMS_GO,
    Task,
    declared_key,
    free_name,
    has_key,
    has_primary_key,
    no_item,
    unreferenced_field,
    unreferenced_model,
    unused_field,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import (
    AddConstraint,
    AddIndex,
    RemoveConstraint,
    RemoveIndex,
    RenameConstraint,
    RenameIndex,
)
from whimbrel.operations.items import is_said_by_fields
from whimbrel.state.model import Model
from whimbrel.state.options import ForeignKeyConstraint, Index, NamedItem, PrimaryKeyConstraint

_KINDS = ("indexes", "constraints")


def rename_items(work: WorkingState) -> None:
    """Rename indexes and constraints that are equal but for the name. Nothing is lost or asked."""
    for old, new in work.kept:
        for kind in _KINDS:
            gone, come = _find_unmatched(getattr(old.options, kind), getattr(new.options, kind))
            for before in gone:
                after = next((part for part in come if body(part) == body(before)), None)
                if (
                    after is not None
                    and after.value.name
                    and before.name not in _shared_names(old, new)
                ):
                    come.remove(after)
                    _rename(work, new, before, after)
                elif _loses_its_name(old, new, before):
                    work.rename(new.app, RenameConstraint(new.name, before.name))


def _loses_its_name(old: Model, new: Model, part: NamedItem) -> bool:
    """Return True for a primary key that the fields alone declare from now on."""
    declared = new.options.declared_key
    return declared is None and is_said_by_fields(old, part) and is_said_by_fields(new, part)


def _rename(work: WorkingState, model: Model, before: NamedItem, after: NamedItem) -> None:
    kind = RenameIndex if isinstance(before.value, Index) else RenameConstraint
    work.rename(model.app, kind(model.name, before.name, after.value.name))


def change_items(work: WorkingState) -> None:
    """Tasks for indexes and constraints of models that stay; one that is another goes and comes."""
    for old, new in work.kept:
        for kind in _KINDS:
            gone, come = _with_namesakes(getattr(old.options, kind), getattr(new.options, kind))
            for part in {part.name: part for part in gone}.values():
                remove_item(work, old, part)
            for part in come:
                add_item(work, new, part)


def remove_item(work: WorkingState, model: Model, part: NamedItem) -> None:
    """The task that removes an index or a constraint."""
    remove = RemoveIndex if isinstance(part.value, Index) else RemoveConstraint
    provides = {no_item(model.label, part.name), free_name(part.name)}
    provides.update(unused_field(model.label, name) for name in fields_in(model, part))
    preferences = set()
    if isinstance(part.value, ForeignKeyConstraint):
        provides.add(unreferenced_model(part.value.to))
        provides.update(unreferenced_field(part.value.to, name) for name in part.value.to_fields)
    elif is_key(part):
        preferences = {unreferenced_field(model.label, name) for name in fields_in(model, part)}
    if isinstance(part.value, PrimaryKeyConstraint):
        # Fields say that they are the key before the constraint says so no more.
        preferences = {has_primary_key(model.label)}
    operation = remove(model.name, part.name)
    work.add(
        Task(
            model.app,
            operation,
            ITEMS_GO,
            frozenset(provides),
            preferences=frozenset(preferences - provides),
        )
    )


def add_item(work: WorkingState, model: Model, part: NamedItem) -> None:
    """The task that adds an index or a constraint."""
    value = part.value
    operation = (
        AddIndex(model.name, value)
        if isinstance(value, Index)
        else AddConstraint(model.name, value)
    )
    provides = {has_key(model.label)} if is_key(part) else set()
    if isinstance(value, PrimaryKeyConstraint):
        provides.add(declared_key(model.label))
    preferences = {free_name(part.name)}
    if isinstance(value, ForeignKeyConstraint):
        preferences.add(has_key(value.to))
    needs = {*needs_of_item(model, part), no_item(model.label, part.name)}
    work.add(
        Task(
            model.app,
            operation,
            ITEMS_COME,
            frozenset(provides),
            frozenset(needs),
            frozenset(preferences - provides),
        )
    )


def _find_unmatched(
    olds: Iterable[NamedItem], news: Iterable[NamedItem]
) -> tuple[list[NamedItem], list[NamedItem]]:
    """Those of either side that the other does not have, the same name and all."""
    come = list(news)
    gone = []
    for old in olds:
        same = next((new for new in come if is_same_item(old, new)), None)
        if same is None:
            gone.append(old)
        else:
            come.remove(same)
    return gone, come


def _shared_names(*models: Model) -> set[str]:
    """The names that several indexes or constraints have, each on dialects of its own."""
    names = [[part.name for part in model.options.items] for model in models]
    return {name for each in names for name in each if each.count(name) > 1}


def _with_namesakes(
    olds: Sequence[NamedItem], news: Sequence[NamedItem]
) -> tuple[list[NamedItem], list[NamedItem]]:
    """As `_find_unmatched`; what has the name of something that goes, goes and comes with it."""
    gone, come = _find_unmatched(olds, news)
    names = {part.name for part in gone}
    gone += [part for part in olds if part.name in names and part not in gone]
    come += [part for part in news if part.name in names and part not in come]
    return gone, come


def is_same_item(old: NamedItem, new: NamedItem) -> bool:
    """Return True if two are equal; a name that was not given comes from identity, and does not count."""
    return bool(old.value.name == new.value.name and body(old) == body(new))


def body(part: NamedItem) -> Any:
    """An index or constraint without its name."""
    changed: dict[str, Any] = {"name": None}
    if isinstance(part.value, ForeignKeyConstraint):
        changed["to"] = part.value.to.lower()
    return part.value.replace(**changed)
