"""The order of the tasks: each after what it waits for, else by phase, else as they were found."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable
from graphlib import CycleError, TopologicalSorter

from whimbrel.detect.tasks import Task, Token
from whimbrel.errors import StateError


def sort_tasks(tasks: list[Task]) -> list[Task]:
    """The tasks in an order in which they apply, the same every time."""
    try:
        return _sort(tasks, lambda task: task.needs | task.preferences)
    except CycleError:
        return _by_needs(tasks)


def _by_needs(tasks: list[Task]) -> list[Task]:
    try:
        return _sort(tasks, lambda task: task.needs)
    except CycleError as error:
        circle = [tasks[number].operation.describe() for number in error.args[1]]
        raise StateError(
            f"these operations wait for each other: {', '.join(circle)}",
            hint="Make a part of the change first, migrate, then the rest.",
        ) from None


def _sort(tasks: list[Task], waits_for: Callable[[Task], Iterable[Token]]) -> list[Task]:
    sorter: TopologicalSorter[int] = TopologicalSorter()
    providers = providers_of(tasks)
    for number, task in enumerate(tasks):
        before = {each for token in waits_for(task) for each in providers.get(token, ())}
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
