"""Tables that go while something else gets one of the same name: their rows are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from whimbrel.detect.questions import GoneQuestion, TableQuestion
from whimbrel.detect.working_state import WorkingState
from whimbrel.schema.table import Name
from whimbrel.state.fields.relations import alterable
from whimbrel.state.model import Model, ModelField


def ask_for_taken_tables(work: WorkingState) -> None:
    """Ask before a table is dropped to be made anew: a model's for one between two, for one."""
    takers = dict(_coming(work))
    for table, place in dict(_going(work)).items():
        if table in takers:
            work.questioner.ask(TableQuestion(work.origin(place), table.name, takers[table]))


def ask_for_doubtful(work: WorkingState, doubtful: Mapping[str, str]) -> None:
    """Ask for models that are gone, and may only have been forgotten; an app's all at once."""
    waiting: dict[tuple[str, str], list[str]] = {}
    for model in work.gone:
        if model.app in doubtful:
            key = model.app, doubtful[model.app]
        elif model.label.lower() in doubtful:
            key = work.origin(model.label), doubtful[model.label.lower()]
        else:
            continue
        waiting.setdefault(key, []).append(work.origin(model.label))
    for (place, why), labels in waiting.items():
        work.questioner.ask(GoneQuestion(place, tuple(labels), why))


def _going(work: WorkingState) -> Iterator[tuple[Name, str]]:
    """The tables that go, with the places of what has them."""
    for model in work.gone:
        yield from _all_of(model)
    for old, new in work.kept:
        yield from _between(old, (each for each in old.fields if new.find(each.name) is None))


def _coming(work: WorkingState) -> Iterator[tuple[Name, str]]:
    """The tables that come, or get another name, with the places of what will have them."""
    for model in work.born:
        yield from _all_of(model)
    for old, new in work.kept:
        if old.at != new.at and new.options.managed:
            yield new.at, new.label
        yield from _between(new, (each for each in new.fields if not _stays(old, each)))


def _stays(old: Model, new: ModelField) -> bool:
    before = old.find(new.name)
    return before is not None and alterable(before.field, new.field)


def _all_of(model: Model) -> Iterator[tuple[Name, str]]:
    if model.options.managed:
        yield model.at, model.label
    yield from _between(model, model.fields)


def _between(model: Model, fields: Iterable[ModelField]) -> Iterator[tuple[Name, str]]:
    """The tables of many-to-many fields that have one of their own."""
    for each in fields if model.options.managed else ():
        table = model.through_table(each)
        if table is not None:
            yield table, f"{model.label}.{each.name}"
