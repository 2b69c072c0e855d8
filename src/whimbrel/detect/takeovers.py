"""Names that something else has now: of two fields one takes the other's name, or they swap.

By names alone nothing has happened but an alteration, so it is asked wherever what is called so
now is more like the other than like itself. What had the name goes aside, under a name of its
own, and is then gone or renamed like anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count

from whimbrel.detect.questions import RenameQuestion, Subject
from whimbrel.detect.renames import Choice, Gone
from whimbrel.detect.work import Work

#: How much an old thing is like a new one; 0 where one cannot become the other.
Score = Callable[[str, str], float]


def taken_names(
    work: Work, subject: Subject, parent: str, olds: list[str], news: list[str], score: Score
) -> list[tuple[str, str]]:
    """Return old names with the names of others that they have now, by flags and after asking.

    parent: what they are names in ("blog.Post"). score: 0 where one cannot become the other.
    """
    both = [name for name in news if name in olds]
    found: dict[str, str] = {}
    waiting = []
    for old in olds:
        place = f"{parent}.{old}"
        possible = {name: score(old, name) for name in both if name != old}
        said = work.questioner.said(place, [name for name, each in possible.items() if each])
        if said is not None:
            found[place] = said
        elif not work.questioner.is_renamed(place):
            own = score(old, old) if old in news else 0.0
            likely = {n: each for n, each in possible.items() if each > max(own, score(n, n))}
            waiting.append(Gone.of(place, likely))
    question = partial(RenameQuestion, subject, takes_name=True)
    asked = Choice(work.questioner.ask, question).by_asking(waiting, set(found.values()))
    return [(place.removeprefix(f"{parent}."), name) for place, name in (found | asked).items()]


def put_aside(work: Work, parent: str, name: str, used: Iterable[str]) -> str:
    """Return the name under which something makes room; questions go on to call it as it was."""
    others = {each.lower() for each in used}
    aside = next(each for each in _names(name) if each.lower() not in others)
    work.asides[f"{parent}.{aside}"] = f"{parent}.{name}"
    work.questioner.let_go(f"{parent}.{name}")
    return aside


def _names(name: str) -> Iterator[str]:
    end = "Old" if name[:1].isupper() else "_old"
    yield f"{name}{end}"
    yield from (f"{name}{end}{number}" for number in count(2))
