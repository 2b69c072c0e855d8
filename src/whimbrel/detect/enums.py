"""Labels of enum fields that have another name."""

from __future__ import annotations

from whimbrel.detect.plan import has_model
from whimbrel.detect.questions import Candidate, RenameQuestion, Subject
from whimbrel.detect.renames import Choice, Gone, name_score
from whimbrel.detect.work import Work
from whimbrel.operations import RenameEnumValue
from whimbrel.state.enums import enum_labels


def rename_enum_values(work: Work) -> None:
    """Apply the renames of labels, after asking; fields that share the type follow the first."""
    for _, new in work.kept:
        for name in [each.name for each in new.fields]:
            _ask(work, new.label, name)


def _ask(work: Work, label: str, name: str) -> None:
    choice = Choice(work.questioner.ask, _question)
    for choose in (choice.by_flags, choice.by_asking):
        for place, now in choose(_renameable(work, label, name), set()).items():
            model = work.new.model(label)
            was = place.removeprefix(f"{label}.{name}.")
            operation = RenameEnumValue(model.name, name, was, now)
            work.rename(model.app, operation, needs={has_model(label)})


def _question(place: str, candidates: tuple[Candidate, ...], likely: bool) -> RenameQuestion:
    return RenameQuestion(Subject.ENUM_VALUE, place, candidates, likely)


def _renameable(work: Work, label: str, name: str) -> list[Gone]:
    """The labels of a field that are gone, with those that are new."""
    before, after = work.state.model(label).find(name), work.new.model(label).find(name)
    if before is None or after is None:
        return []
    olds, news = enum_labels(before.field), enum_labels(after.field)
    born = [each for each in news if each not in olds]
    return [
        Gone.of(f"{label}.{name}.{old}", {new: _score(old, new, olds, news) for new in born})
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
