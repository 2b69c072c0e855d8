"""From one row of tasks to migrations: one an app, more where apps depend on each other in a circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from whimbrel.detect.ordering import providers_of
from whimbrel.detect.tasks import LATEST, AppMigration, Dependency, Task, Token
from whimbrel.operations import MoveModel
from whimbrel.state.state import State


def split(tasks: list[Task], old: State) -> list[AppMigration]:
    """The migrations, each after those that it depends on."""
    return _Splitting(tasks, old).migrations()


@dataclass
class _Splitting:
    """Tasks in order, and the migration (a number) that each has found its place in."""

    tasks: list[Task]
    old: State
    placed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        providers = providers_of(self.tasks)
        self.before = [self._before(number, providers) for number in range(len(self.tasks))]
        self.counts: Counter[str] = Counter()
        self.left: dict[str, list[int]] = {}
        for number, task in enumerate(self.tasks):
            self.left.setdefault(task.app, []).append(number)
        self.apps = list(dict.fromkeys(task.app for task in self.tasks))

    def _before(self, number: int, providers: Mapping[Token, list[int]]) -> set[int]:
        """The earlier tasks of other apps that a task waits for."""
        task = self.tasks[number]
        waits = {
            each
            for token in task.needs | task.preferences
            for each in providers.get(token, ())
            if each < number
        }
        return {each for each in waits if self.tasks[each].app != task.app}

    def migrations(self) -> list[AppMigration]:
        made: list[AppMigration] = []
        while len(self.placed) < len(self.tasks):
            chosen = self._next()
            app = self.tasks[chosen[0]].app
            self.left[app] = self.left[app][len(chosen) :]
            self.counts[app] += 1
            for number in chosen:
                self.placed[number] = len(made)
            made.append(self._migration(chosen, made))
        return made

    def _next(self) -> list[int]:
        """All that is left of an app, if it can be; else a part after which another's rest can be."""
        ready = {app: self._ready(app, self.placed) for app in self.apps}
        for app, numbers in ready.items():
            if numbers and numbers == self._left(app):
                return numbers
        parts = [numbers for numbers in ready.values() if numbers]
        fewest = min(parts, key=lambda part: self.counts[self.tasks[part[0]].app])
        return next((part for part in parts if self._opens(part)), fewest)

    def _opens(self, part: list[int]) -> bool:
        """Return True if all that is left of another app can follow this part of an app."""
        app = self.tasks[part[0]].app
        after = {*self.placed, *part}
        others = [other for other in self.apps if other != app and self._left(other)]
        return any(self._ready(other, after) == self._left(other) for other in others)

    def _left(self, app: str) -> list[int]:
        """Return the tasks that are left of an app, up to those that must stand apart."""
        return self._until_apart(self.left[app])

    def _ready(self, app: str, placed: Container[int]) -> list[int]:
        """The tasks of an app, from the first that is left, that wait for nothing elsewhere."""
        waiting = (n for n in self.left[app] if any(each not in placed for each in self.before[n]))
        first = next(waiting, None)
        left = self.left[app]
        return self._until_apart(left if first is None else left[: left.index(first)])

    def _until_apart(self, numbers: list[int]) -> list[int]:
        """Tasks that stand apart are a migration of their own."""
        if not numbers:
            return []
        apart = self.tasks[numbers[0]].apart
        stop = next((n for n in numbers if self.tasks[n].apart != apart), None)
        return numbers[: numbers.index(stop)] if stop is not None else numbers

    def _migration(self, numbers: list[int], made: list[AppMigration]) -> AppMigration:
        app = self.tasks[numbers[0]].app
        tasks = [self.tasks[number] for number in numbers]
        follows = any(each.app == app for each in made)
        new = not self.old.of_app(app) and not any(task.apart for task in tasks)
        return AppMigration(
            app=app,
            operations=tuple(task.operation for task in tasks),
            dependencies=self._dependencies(app, numbers, made),
            initial=new and not any(isinstance(task.operation, MoveModel) for task in tasks),
            follows=follows,
            notes=tuple(task.note for task in tasks if task.note),
        )

    def _dependencies(
        self, app: str, numbers: list[int], made: list[AppMigration]
    ) -> tuple[Dependency, ...]:
        own = [number for number, each in enumerate(made) if each.app == app][-1:]
        others = {self.placed[each] for number in numbers for each in self.before[number]}
        # The last one of an app follows its others.
        last = {made[each].app: each for each in sorted(others) if each < len(made)}
        latest = {each for number in numbers for each in self._needs_history_of(number)}
        found: list[Dependency] = [(made[each].app, each) for each in (*own, *last.values())]
        return (*found, *((each, LATEST) for each in sorted(latest - last.keys() - {app})))

    def _needs_history_of(self, number: int) -> set[str]:
        """The apps of models that were there before, and that a task speaks of."""
        task = self.tasks[number]
        models = [self.old.find(token[1]) for token in task.needs if token[0] == "model"]
        return {model.app for model in models if model is not None} | set(task.after)
