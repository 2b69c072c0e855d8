"""The order of the tasks: each after what it waits for, else by phase, else as they were found."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from whimbrel.detect.tasks import Task, Token
from whimbrel.errors import StateError


def sort_tasks(tasks: list[Task]) -> list[Task]:
    """The tasks in an order in which they apply, the same every time.

    Of a circle, one of the preferences that close it is given up at a time.
    """
    waits_for = [task.needs | task.preferences for task in tasks]
    while True:
        try:
            return _sort(tasks, waits_for)
        except CycleError as error:
            circle = error.args[1]
            for one, waiting in pairwise(circle):
                if tasks[one].provides.isdisjoint(tasks[waiting].needs):
                    waits_for[waiting] -= tasks[one].provides
                    break
            else:
                raise _circle(tasks, circle) from None


def _circle(tasks: list[Task], circle: list[int]) -> StateError:
    titles = ", ".join(tasks[number].operation.describe() for number in circle)
    return StateError(
        f"these operations wait for each other: {titles}",
        hint="Make a part of the change first, migrate, then the rest.",
    )


def _sort(tasks: list[Task], waits_for: Sequence[Iterable[Token]]) -> list[Task]:
    sorter: TopologicalSorter[int] = TopologicalSorter()
    providers = providers_of(tasks)
    for number, tokens in enumerate(waits_for):
        before = {each for token in tokens for each in providers.get(token, ())}
        sorter.add(number, *sorted(before - {number}))
    sorter.prepare()
    found, ready = [], list[tuple[int, int]]()
    while sorter.is_active():
        for number in sorter.get_ready():
            task = tasks[number]  # one for which people have something to do first stands last
            heapq.heappush(ready, (task.phase + 100 * task.apart, number))
        _, number = heapq.heappop(ready)
        found.append(tasks[number])
        sorter.done(number)
    return found


def providers_of(tasks: Iterable[Task]) -> dict[Token, list[int]]:
    """By token, the numbers of the tasks that bring it about."""
    found: dict[Token, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        for token in sorted(task.provides):
            found[token].append(number)
    return found
