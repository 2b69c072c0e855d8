"""Names that something else has now: of two fields one takes the other's name, or they swap.

By names alone nothing has happened but an alteration, so it is asked wherever what is called so
now is more like the other than like itself. What had the name goes aside, under a name of its
own, and is then gone or renamed like anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count

from whimbrel.detect.questions import RenameQuestion, Subject
from whimbrel.detect.similarity import Choice, Gone
from whimbrel.detect.working_state import WorkingState

#: How much an old thing is like a new one; 0 where one cannot become the other.
Score = Callable[[str, str], float]


#: What an old thing, and a new one, is like, by its name: things of one kind have one score.
Kinds = tuple[Mapping[str, Hashable], Mapping[str, Hashable]]


def taken_names(
    work: WorkingState,
    subject: Subject,
    parent: str,
    olds: list[str],
    news: list[str],
    score: Score,
    same: Collection[str] = (),
    kinds: Kinds = ({}, {}),
) -> list[tuple[str, str]]:
    """Return old names with the names of others that they have now, by flags and after asking.

    parent: what they are names in ("blog.Post"). score: 0 where one cannot become the other.
    same: the names of what did not change, which is most like itself. kinds: where they are
    given (not None), scores are those of the kinds, and not of each pair.
    """
    there = _There(olds, news, score, same, kinds)
    found: dict[str, str] = {}
    waiting = []
    for old in olds:
        place = f"{parent}.{old}"
        possible = (n for n in there.both if n != old and score(old, n))
        said = work.questioner.name_by_flag(place, possible)
        if said is not None:
            found[place] = said
        elif old not in same and not work.questioner.is_renamed(place):
            waiting.append(Gone.of(place, there.likely(old)))
    question = partial(RenameQuestion, subject, takes_name=True)
    asked = Choice(work.questioner.ask, question).by_asking(waiting, set(found.values()))
    return [(place.removeprefix(f"{parent}."), name) for place, name in (found | asked).items()]


class _There:
    """The names that are on both sides, in groups of one kind whose fields are as much like themselves."""

    def __init__(
        self, olds: list[str], news: list[str], score: Score, same: Collection[str], kinds: Kinds
    ) -> None:
        known = set(olds)
        self.both = [name for name in news if name in known]
        self._born = [name for name in news if name not in known]
        self._score, self._kinds = score, kinds
        self._scores: dict[tuple[Hashable, Hashable], float] = {}
        changed = [name for name in self.both if name not in same]
        self._own = {name: self._of(name, name) for name in changed}
        self._groups: dict[tuple[Hashable, float], list[str]] = {}
        for name in changed:
            kind = kinds[1].get(name)
            group = (name if kind is None else (kind,), self._own[name])
            self._groups.setdefault(group, []).append(name)

    def likely(self, old: str) -> dict[str, float]:
        """The names of others that are more like the old thing than like what had them.

        Where the name stays, and either thing may have been altered, what had the other name is
        gone elsewhere too: two things that were only altered have swapped nothing.
        """
        found = self._more_like(old)
        if not self._own.get(old):
            return found
        return {name: each for name, each in found.items() if self._has_moved(name)}

    def _has_moved(self, name: str) -> bool:
        own = self._own[name]
        others = (self._of(name, born) > own for born in self._born)
        return not own or bool(self._more_like(name)) or any(others)

    def _more_like(self, old: str) -> dict[str, float]:
        own = self._own.get(old, 0.0)
        found: dict[str, float] = {}
        for (_, itself), names in self._groups.items():
            others = names if self._kinds[0].get(old) is None else names[:2]
            scores = {name: self._of(old, name) for name in others if name != old}
            if any(each > max(own, itself) for each in scores.values()):
                found |= {name: self._of(old, name) for name in names if name != old}
        return {name: each for name, each in found.items() if each > max(own, self._own[name])}

    def _of(self, old: str, new: str) -> float:
        kinds = self._kinds[0].get(old), self._kinds[1].get(new)
        if None in kinds:
            return self._score(old, new)
        if kinds not in self._scores:
            self._scores[kinds] = self._score(old, new)
        return self._scores[kinds]


def give_temporary_name(work: WorkingState, parent: str, name: str, used: Iterable[str]) -> str:
    """Return the name under which something makes room; questions go on to call it as it was."""
    aside = unused_name(name, used)
    work.temporary_names[f"{parent}.{aside}"] = f"{parent}.{name}"
    work.questioner.let_go(f"{parent}.{name}")
    return aside


def unused_name(name: str, used: Iterable[str]) -> str:
    """Return a name made of another that is not among those in use."""
    others = {each.lower() for each in used}
    return next(each for each in _names(name) if each.lower() not in others)


def _names(name: str) -> Iterator[str]:
    end = "Old" if name[:1].isupper() else "_old"
    yield f"{name}{end}"
    yield from (f"{name}{end}{number}" for number in count(2))
