"""Labels of enum fields that have another name."""

from __future__ import annotations

from functools import partial

from whimbrel.detect.questions import RenameQuestion, Subject
from whimbrel.detect.similarity import Choice, Gone, name_score
from whimbrel.detect.takeovers import give_temporary_name, taken_names
from whimbrel.detect.tasks import has_model
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import RenameEnumValue
from whimbrel.state.enums import enum_labels
from whimbrel.state.model import Model


def rename_enum_values(work: WorkingState) -> None:
    """Apply the renames of labels, after asking; fields that share the type follow the first."""
    for _, new in work.kept:
        for name in [each.name for each in new.fields]:
            _ask(work, new.label, name)


def _ask(work: WorkingState, label: str, name: str) -> None:
    _take_over(work, label, name)
    choice = Choice(work.questioner.ask, partial(RenameQuestion, Subject.ENUM_VALUE))
    for choose in (choice.by_flags, choice.by_asking):
        for place, now in choose(_renameable(work, label, name), set()).items():
            model = work.new.model(label)
            was = work.whereabouts(place).removeprefix(f"{label}.{name}.")
            _rename(work, model, name, was, now)


def _rename(work: WorkingState, model: Model, name: str, was: str, now: str) -> None:
    operation = RenameEnumValue(model.name, name, was, now)
    work.rename(model.app, operation, needs={has_model(model.label)})


def _take_over(work: WorkingState, label: str, name: str) -> None:
    """Labels that have the name of another that was there, which makes room for them."""
    olds, news = _labels(work, label, name)
    place = f"{label}.{name}"
    model = work.new.model(label)

    def score(was: str, now: str) -> float:
        """Flags may always say it; asked is where one stands in the place of another that is gone."""
        others = [each for each in olds if each != now]
        is_there = was != now and [now if each == was else each for each in others] == [*news]
        return 1.0 if is_there and [each for each in olds if each != was] != [*news] else 0.1

    for was, now in taken_names(work, Subject.ENUM_VALUE, place, [*olds], [*news], score):
        if now in _labels(work, label, name)[0]:
            _rename(work, model, name, now, give_temporary_name(work, place, now, {*olds, *news}))
        _rename(
            work, model, name, work.whereabouts(f"{place}.{was}").removeprefix(f"{place}."), now
        )


def _labels(work: WorkingState, label: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of a field before and after; none where it has none, or is not there."""
    before, after = work.state.model(label).find(name), work.new.model(label).find(name)
    if before is None or after is None:
        return (), ()
    return enum_labels(before.field), enum_labels(after.field)


def _renameable(work: WorkingState, label: str, name: str) -> list[Gone]:
    """The labels of a field that are gone, with those that are new."""
    olds, news = _labels(work, label, name)
    born = [each for each in news if each not in olds]
    return [
        Gone.of(
            work.origin(f"{label}.{name}.{old}"),
            {new: _score(old, new, olds, news) for new in born},
        )
        for old in olds
        if old not in news and olds and born
    ]


def _score(old: str, new: str, olds: tuple[str, ...], news: tuple[str, ...]) -> float:
    """Mostly whether it stands at the same place among the labels that stay."""
    kept = set(olds) & set(news)
    place = sum(each in kept for each in olds[: olds.index(old)])
    now = sum(each in kept for each in news[: news.index(new)])
    here = 0.1 if olds.index(old) == news.index(new) else 0.0
    return (0.5 if place == now else 0.0) + here + 0.4 * name_score(old, new)
