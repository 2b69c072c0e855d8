"""Matches things of two schemas: by identity where both have one, by name otherwise."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Keyed(Protocol):
    """Something that may have an identity."""

    @property
    def key(self) -> str | None: ...


T = TypeVar("T", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Pairs(Generic[T]):
    """``both`` are the same thing before and after; ``gone`` and ``new`` have no partner."""

    both: tuple[tuple[T, T], ...]
    gone: tuple[T, ...]
    new: tuple[T, ...]


def pair(
    olds: Iterable[T], news: Iterable[T], *names: Callable[[T], Hashable], strict: bool = True
) -> Pairs[T]:
    """Pair two collections, keeping the order of ``news`` (and of ``olds`` for what is gone).

    ``names`` are ways to name a thing where one side has no identity, the most telling first.
    ``strict`` False lets names pair things even if both have identities that differ.
    """
    olds, news = list(olds), list(news)
    partner: dict[int, T] = {}
    taken: set[int] = set()

    def match(name: Callable[[T], Hashable], may: Callable[[T, T], bool]) -> None:
        if len(partner) == len(news) or len(taken) == len(olds):
            return
        free: dict[Hashable, list[T]] = {}
        for old in olds:
            if id(old) not in taken:
                free.setdefault(name(old), []).append(old)
        for new in news:
            # Several may be called the same: parts that have no name in a database.
            called = free.get(name(new), []) if id(new) not in partner else []
            found = next((each for each in called if may(each, new)), None)
            if found is not None:
                partner[id(new)] = found
                taken.add(id(found))
                called[:] = [each for each in called if each is not found]

    match(lambda each: each.key or id(each), lambda old, new: True)
    for name in names:
        match(name, lambda old, new: not strict or old.key is None or new.key is None)
    return Pairs(
        both=tuple((partner[id(new)], new) for new in news if id(new) in partner),
        gone=tuple(old for old in olds if id(old) not in taken),
        new=tuple(new for new in news if id(new) not in partner),
    )
