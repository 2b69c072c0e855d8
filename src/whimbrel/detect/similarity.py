"""Similarity of two things, and which of those that are gone have only got another name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from whimbrel.detect.questions import Answer, Candidate, MoveQuestion, Renamed, RenameQuestion
from whimbrel.schema.families import family_of
from whimbrel.schema.types import EnumType
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import RelationField
from whimbrel.state.model import Model

#: From this score on, people are asked; below it, only a flag says that it is a rename. Low,
#: since a question too many costs a keystroke, and one too few a column with what is in it.
LIKELY = 0.35

#: Families of types that a column is often changed between.
_NEAR = ({"integer", "decimal", "float", "boolean"}, {"text"}, {"date", "moment", "time"})


@dataclass(frozen=True)
class Gone:
    """Something that is gone, and what it may be now, best first."""

    place: str
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, place: str, scores: dict[str, float]) -> Gone:
        """With the candidates sorted."""
        best = sorted(scores.items(), key=lambda each: (-each[1], each[0]))
        return cls(place, tuple(Candidate(name, round(score, 3)) for name, score in best))


@dataclass
class Choice:
    """Matches old places with new names. No new name is given twice, no place asked twice."""

    ask: Callable[[RenameQuestion | MoveQuestion], Answer]
    question: Callable[[str, tuple[Candidate, ...], bool], RenameQuestion | MoveQuestion]

    def by_flags(self, gone: list[Gone], taken: set[str]) -> dict[str, str]:
        """Return the names that flags give, however unlikely they look."""
        found: dict[str, str] = {}
        for each in gone:
            free = _free(each, taken)
            name = self._answer(each.place, free, likely=False) if free else None
            if name is not None:
                found[each.place] = name
                taken.add(name)
        return found

    def by_asking(self, gone: list[Gone], taken: set[str]) -> dict[str, str]:
        """Return the names that people give; the likeliest is asked first."""
        found: dict[str, str] = {}
        waiting = list(gone)
        while waiting:
            each = min(waiting, key=lambda one: -_best(one, taken))
            waiting.remove(each)
            likely = tuple(one for one in _free(each, taken) if one.score >= LIKELY)
            name = self._answer(each.place, likely, likely=True) if likely else None
            if name is not None:
                found[each.place] = name
                taken.add(name)
        return found

    def _answer(self, place: str, candidates: tuple[Candidate, ...], likely: bool) -> str | None:
        answer = self.ask(self.question(place, candidates, likely))
        return answer.to if isinstance(answer, Renamed) else None


def _free(gone: Gone, taken: set[str]) -> tuple[Candidate, ...]:
    return tuple(each for each in gone.candidates if each.name not in taken)


def _best(gone: Gone, taken: set[str]) -> float:
    return max((each.score for each in _free(gone, taken)), default=0.0)


# -- scores


def name_score(old: str, new: str) -> float:
    """Return how alike two names are, from 0 to 1."""
    if old == new:
        return 1.0
    return difflib.SequenceMatcher(None, old.lower(), new.lower()).ratio()


def field_score(old: Field, new: Field, names: tuple[str, str], near: bool) -> float:
    """Return how alike two fields are, from 0 to 1; ``near``: both stand at the same place among others."""
    return (
        0.4 * _type_score(old, new)
        + 0.15 * _options_score(old, new)
        + (0.15 if near else 0.05)
        + 0.3 * name_score(*names)
    )


def _type_score(old: Field, new: Field) -> float:
    if old.relation is not None or new.relation is not None:
        if old.relation is None or new.relation is None or old.has_column != new.has_column:
            return 0.0
        return 1.0 if old.relation.lower() == new.relation.lower() else 0.25
    if (old.computed() is None) != (new.computed() is None):
        return 0.0
    before, after = old.column_type(), new.column_type()
    if before == after:
        return 1.0
    if isinstance(before, EnumType) or isinstance(after, EnumType):
        return 0.5 if isinstance(before, EnumType) and isinstance(after, EnumType) else 0.0
    if before.path == after.path:
        return 0.75
    families = {family_of(before), family_of(after)}
    return 0.5 if any(families <= near for near in _NEAR) else 0.0


def _options_score(old: Field, new: Field) -> float:
    names = ("null", "unique", "db_index", "primary_key")
    same = [getattr(old, name) == getattr(new, name) for name in names]
    same.append(old.column_default() == new.column_default())
    return float(sum(same)) / len(same)


def model_score(old: Model, new: Model, passing: frozenset[str]) -> float:
    """Return how alike two models are: the share of equal fields, and a little of their names.

    ``passing``: labels that are gone or new, which may be each other.
    """
    before, after = _telling(old), _telling(new)
    if not before and not after:
        return 0.5 * name_score(old.name, new.name)
    share = 2 * _alike(before, after, passing) / (len(before) + len(after))
    return 0.8 * share + 0.2 * name_score(old.name, new.name)


def _alike(old: dict[str, Field], new: dict[str, Field], passing: frozenset[str]) -> float:
    """Return how many fields are the same; one of another type, or another name, counts in part."""
    both = [name for name in old if name in new]
    found = 0.0
    for name in both:
        same = _same(old[name], new[name], passing)
        found += 1.0 if same else 0.5 + 0.4 * _type_score(old[name], new[name])
    left = [field for name, field in new.items() if name not in old]
    for name, field in old.items():
        scores = [_type_score(field, other) for other in left]
        if name not in new and scores:
            found += 0.5 * max(scores)
            del left[scores.index(max(scores))]
    return found


def _telling(model: Model) -> dict[str, Field]:
    """The fields that tell one model from another: all but a key that counts by itself."""
    return {
        each.name: each.field
        for each in model.fields
        if not (each.field.primary_key and each.field.generated() is not None)
    }


def _same(old: Field, new: Field, passing: frozenset[str]) -> bool:
    if old == new:
        return True
    if not isinstance(old, RelationField) or not isinstance(new, RelationField):
        return False
    either = {old.to.lower(), new.to.lower()}
    return either <= passing and bool(old.has_column == new.has_column)
