"""A made-up history of migrations that is shaped as real ones are: the same for every tool.

`make_history(migrations=500, seed=1)` gives the same history on every machine. Half of the
operations are AddField and AlterField, a sixth CreateModel; the number of operations a migration,
of apps, of dependencies and the kinds of fields follow counts over 14,621 public migrations
(less what one of the three tools cannot say: data migrations, triggers, many-to-many fields).
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import words

MIGRATIONS_AN_APP = 18
FIELDS_A_MODEL = 8

#: Kinds of plain fields and how often they occur.
KINDS = {
    "char": 31,
    "datetime": 10,
    "boolean": 9,
    "text": 8,
    "integer": 7,
    "json": 3,
    "uuid": 2,
    "decimal": 2,
    "date": 1,
    "bigint": 1,
}

#: How many operations a migration has, and how often: mean 2.9, median 1, 90 % at most 5.
OPERATIONS_A_MIGRATION = [
    *([1] * 56),
    *([2] * 16),
    *([3] * 8),
    *([4] * 5),
    *([5] * 5),
    *(6, 7, 8, 9, 10, 12, 14, 17, 21, 27),
]


@dataclass(frozen=True)
class Field:
    """``kind``: one of KINDS, "id" or "key" (``to`` another model). ``mark``: a number of its own."""

    kind: str
    mark: int
    null: bool = False
    default: Any = None
    length: int | None = None
    index: bool = False
    unique: bool = False
    to: tuple[str, str] | None = None


@dataclass(frozen=True)
class Model:
    """A model with its fields, and its indexes and unique constraints by name."""

    app: str
    name: str
    fields: dict[str, Field]
    indexes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    uniques: dict[str, tuple[str, ...]] = field(default_factory=dict)
    together: tuple[str, ...] = ()
    #: The name of the constraint behind ``together``, for a tool that asks for one.
    together_name: str = ""

    @property
    def table(self) -> str:
        return f"{self.app}_{self.name.lower()}"

    @property
    def targets(self) -> list[tuple[str, str]]:
        """App and name of the models that it points at."""
        return [each.to for each in self.fields.values() if each.to]

    def plain(self) -> list[str]:
        """Fields that no index, constraint or other model is made of."""
        made_of = {*self.together, *itertools.chain(*self.indexes.values(), *self.uniques.values())}
        return [
            name
            for name, each in self.fields.items()
            if each.kind not in ("id", "key") and not (each.index or each.unique or name in made_of)
        ]


@dataclass(frozen=True)
class CreateModel:
    after: Model


@dataclass(frozen=True)
class DeleteModel:
    before: Model


@dataclass(frozen=True)
class RenameModel:
    before: Model
    after: Model


@dataclass(frozen=True)
class AddField:
    after: Model
    name: str


@dataclass(frozen=True)
class AlterField:
    before: Model
    after: Model
    name: str


@dataclass(frozen=True)
class RemoveField:
    before: Model
    name: str


@dataclass(frozen=True)
class RenameField:
    after: Model
    old: str
    new: str


@dataclass(frozen=True)
class AddIndex:
    after: Model
    name: str


@dataclass(frozen=True)
class RemoveIndex:
    before: Model
    name: str


@dataclass(frozen=True)
class AddUnique:
    after: Model
    name: str


@dataclass(frozen=True)
class AlterTogether:
    before: Model
    after: Model


@dataclass(frozen=True)
class UpdateRows:
    """A data migration: a field of the rows that meet a condition (there are none) is set."""

    after: Model
    name: str


Operation: TypeAlias = (
    CreateModel
    | DeleteModel
    | RenameModel
    | AddField
    | AlterField
    | RemoveField
    | RenameField
    | AddIndex
    | RemoveIndex
    | AddUnique
    | AlterTogether
    | UpdateRows
)

#: The share of each operation; the rest of real histories' is left out in proportion.
SHARES: dict[type[Any], float] = {
    AlterField: 0.26,
    AddField: 0.26,
    CreateModel: 1 / 6,
    RemoveField: 0.1,
    AddIndex: 0.06,
    UpdateRows: 0.05,
    AlterTogether: 0.05,
    RenameField: 0.04,
    AddUnique: 0.03,
    DeleteModel: 0.015,
    RemoveIndex: 0.01,
    RenameModel: 0.008,
}


@dataclass(frozen=True)
class Migration:
    """``dependencies`` are pairs of app and name; its own app's last migration is the first."""

    app: str
    name: str
    dependencies: list[tuple[str, str]]
    operations: list[Operation]


@dataclass(frozen=True)
class History:
    """The migrations in an order that they can be applied in, and the models they lead to."""

    migrations: list[Migration]
    models: list[Model]

    @property
    def apps(self) -> list[str]:
        return sorted({migration.app for migration in self.migrations})

    def counts(self) -> Counter[str]:
        """How many there are of each operation."""
        return Counter(type(each).__name__ for made in self.migrations for each in made.operations)


def make_history(migrations: int, seed: int = 1) -> History:
    """A history of this many migrations."""
    return _Maker(random.Random(seed)).history(migrations)


class _Maker:
    """The models at one point of the history, and what comes next."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.models: dict[tuple[str, str], Model] = {}
        self.made: list[Migration] = []
        self.last: dict[str, str] = {}
        self.numbers: Counter[str] = Counter()
        self.counts: Counter[type[Any]] = Counter()
        self.marks = itertools.count(1)
        self.lengths = self.bag(OPERATIONS_A_MIGRATION)
        #: Names of models that were taken at any time, and models that another app points at.
        self.taken: set[tuple[str, str]] = set()
        self.foreign: set[tuple[str, str]] = set()
        self.makers: dict[type[Any], Callable[[str], Operation | None]] = {
            CreateModel: self.create_model,
            DeleteModel: self.delete_model,
            RenameModel: self.rename_model,
            AddField: self.add_field,
            AlterField: self.alter_field,
            RemoveField: self.remove_field,
            RenameField: self.rename_field,
            AddIndex: self.add_index,
            RemoveIndex: self.remove_index,
            AddUnique: self.add_unique,
            AlterTogether: self.alter_together,
            UpdateRows: self.update_rows,
        }

    def bag(self, values: list[int]) -> Iterator[int]:
        """The values in a random order, again and again: their shares hold for short histories too."""
        while True:
            yield from self.rng.sample(values, len(values))

    def history(self, migrations: int) -> History:
        for app in self.order_of_apps(migrations):
            self.migrate(app)
        return History(self.made, sorted(self.models.values(), key=lambda model: model.table))

    def order_of_apps(self, migrations: int) -> Iterator[str]:
        """Which app each migration is of: a few have many, and they are born one after another."""
        number = max(2, round(migrations / MIGRATIONS_AN_APP))
        left = dict.fromkeys(words.app_names(number), 1)
        weights = [1 / (rank + 1) ** 0.8 for rank in range(number)]
        self.rng.shuffle(weights)
        for app in self.rng.choices(list(left), weights, k=migrations - number):
            left[app] += 1
        births = {round(place * 0.6 * migrations / number): app for place, app in enumerate(left)}
        born: list[str] = []
        for index in range(migrations):
            if index in births:
                born.append(births[index])
                app = births[index]
            else:
                app = self.rng.choices(born, [left[each] for each in born])[0]
            left[app] -= left[app] > 1
            yield app

    # -- one migration

    def migrate(self, app: str) -> None:
        first = app not in self.last
        operations = [self.create_model(app) for _ in range(2)] if first else []
        self.counts[CreateModel] += len(operations)
        missing = next(self.lengths) - len(operations)
        operations += [self.operation(app) for _ in range(missing)]
        self.numbers[app] += 1
        name = f"{self.numbers[app]:04d}_{'initial' if first else words.title(operations[0])}"
        self.made.append(Migration(app, name, self.dependencies(app, operations), operations))
        self.last[app] = name

    def operation(self, app: str) -> Operation:
        """The operation that its share falls short of most, among those that the app has room for."""
        total = sum(self.counts.values()) + 1
        wanted = {
            kind: share * total - self.counts[kind] + self.rng.random()
            for kind, share in SHARES.items()
        }
        for kind in sorted(wanted, key=wanted.__getitem__, reverse=True):
            made = self.makers[kind](app)
            if made is not None:
                self.counts[kind] += 1
                return made
        raise AssertionError("a model can always be created")

    def dependencies(self, app: str, operations: list[Operation]) -> list[tuple[str, str]]:
        others = {target[0] for each in operations for target in _new_targets(each)} - {app}
        own = [app] if app in self.last else []
        return [(each, self.last[each]) for each in (*own, *sorted(others))]

    # -- choices

    def chosen(self, app: str, fits: Callable[[Model], object] = bool) -> Model | None:
        found = [model for model in self.models.values() if model.app == app and fits(model)]
        return self.rng.choice(found) if found else None

    def put(self, model: Model) -> Model:
        self.models[model.app, model.name] = model
        return model

    def free_name(self, model: Model) -> str:
        return words.numbered(self.rng.choice(words.FIELDS), model.fields)

    def free_pair(self, model: Model) -> tuple[str, ...]:
        """Two or three fields that an index can be made of."""
        fields = [
            name
            for name, each in model.fields.items()
            if each.kind not in ("id", "json", "text") and not each.unique
        ]
        number = min(len(fields), self.rng.choice([2, 2, 3]))
        return tuple(self.rng.sample(fields, number)) if number > 1 else ()

    # -- fields

    def new_field(self, added: bool = False) -> Field:
        """A plain field; one that is ``added`` to a table with rows takes NULL or has a default."""
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        default = {"char": "", "boolean": False, "integer": 0, "bigint": 0}.get(kind)
        null = kind in ("json", "uuid", "decimal", "date", "datetime") or self.rng.random() < 0.2
        if kind == "text" and added:
            null = True
        has_default = default is not None and not null and (added or self.rng.random() < 0.5)
        return Field(
            kind,
            next(self.marks),
            null=null,
            default=default if has_default else None,
            length=self.rng.choice([32, 64, 100, 128, 200, 255]) if kind == "char" else None,
            index=kind not in ("text", "json") and self.rng.random() < 0.1,
            unique=kind == "char" and not added and self.rng.random() < 0.05,
        )

    def new_key(self, app: str, name: str, added: bool = False) -> Field | None:
        """A foreign key: to a model of its own app more often than not."""
        own = [label for label in self.models if label[0] == app and label != (app, name)]
        others = [label for label in self.models if label[0] != app]
        targets = own if own and (self.rng.random() < 0.7 or not others) else others
        if not targets:
            return None
        to = self.rng.choice(targets)
        if to[0] != app:
            self.foreign.add(to)
        return Field("key", next(self.marks), null=added or self.rng.random() < 0.3, to=to)

    # -- operations

    def create_model(self, app: str) -> Operation:
        name = words.numbered(self.rng.choice(words.MODELS), {n for a, n in self.taken if a == app})
        self.taken.add((app, name))
        model = Model(app, name, {"id": Field("id", next(self.marks))})
        for _ in range(self.rng.choice([1, 1, 2])):
            key = self.new_key(app, name)
            if key and key.to:
                model.fields[words.numbered(words.key_name(key.to[1]), model.fields)] = key
        while len(model.fields) < FIELDS_A_MODEL:
            model.fields[self.free_name(model)] = self.new_field()
        return CreateModel(self.put(model))

    def delete_model(self, app: str) -> Operation | None:
        pointed = {target for model in self.models.values() for target in model.targets}
        model = self.chosen(app, lambda model: (app, model.name) not in pointed | self.foreign)
        if model is None or len([each for each in self.models if each[0] == app]) < 3:
            return None
        return DeleteModel(self.models.pop((app, model.name)))

    def rename_model(self, app: str) -> Operation | None:
        before = self.chosen(app, lambda model: (app, model.name) not in self.foreign)
        if before is None:
            return None
        name = words.numbered(self.rng.choice(words.MODELS), {n for a, n in self.taken if a == app})
        self.taken.add((app, name))
        self.models = {
            label: _pointing(model, (app, before.name), (app, name))
            for label, model in self.models.items()
        }
        renamed = self.models.pop((app, before.name))
        return RenameModel(before, self.put(replace(renamed, name=name)))

    def add_field(self, app: str) -> Operation | None:
        model = self.chosen(app, lambda model: len(model.fields) < 4 * FIELDS_A_MODEL)
        if model is None:
            return None
        key = self.new_key(app, model.name, added=True) if self.rng.random() < 0.16 else None
        if key and key.to:
            name = words.numbered(words.key_name(key.to[1]), model.fields)
        else:
            name = self.free_name(model)
        fields = {**model.fields, name: key or self.new_field(added=True)}
        return AddField(self.put(replace(model, fields=fields)), name)

    def alter_field(self, app: str) -> Operation | None:
        model = self.chosen(app)
        names = [name for name in model.fields if self.alterable(model, name)] if model else []
        if model is None or not names:
            return None
        name = self.rng.choice(names)
        fields = {**model.fields, name: self.altered(model.fields[name])}
        return AlterField(model, self.put(replace(model, fields=fields)), name)

    def alterable(self, model: Model, name: str) -> bool:
        return model.fields[name].kind in ("char", "text", "integer", "bigint", "boolean")

    def altered(self, old: Field) -> Field:
        """The same field, longer, wider, with another default, index, or answer to NULL."""
        choices = [replace(old, null=not old.null, default=None)]
        if not old.unique and old.kind != "text":
            choices.append(replace(old, index=not old.index))
        if old.kind == "char":
            choices += [replace(old, length=(old.length or 0) + self.rng.choice([8, 32, 56]))] * 3
            choices.append(replace(old, default="new" if old.default != "new" else "old"))
        elif old.kind == "integer":
            choices.append(replace(old, kind="bigint"))
        if old.kind in ("integer", "bigint"):
            choices.append(replace(old, default=(old.default or 0) + 1))
        if old.kind == "boolean":
            choices.append(replace(old, default=not old.default))
        return self.rng.choice(choices)

    def remove_field(self, app: str) -> Operation | None:
        model = self.chosen(app, lambda model: len(model.fields) > 4 and model.plain())
        if model is None:
            return None
        name = self.rng.choice(model.plain())
        fields = {each: of for each, of in model.fields.items() if each != name}
        self.put(replace(model, fields=fields))
        return RemoveField(model, name)

    def rename_field(self, app: str) -> Operation | None:
        model = self.chosen(app, Model.plain)
        if model is None:
            return None
        old, new = self.rng.choice(model.plain()), self.free_name(model)
        fields = {new if name == old else name: of for name, of in model.fields.items()}
        return RenameField(self.put(replace(model, fields=fields)), old, new)

    def update_rows(self, app: str) -> Operation | None:
        model = self.chosen(app, Model.plain)
        return UpdateRows(model, self.rng.choice(model.plain())) if model else None

    def add_index(self, app: str) -> Operation | None:
        model = self.chosen(app, lambda model: len(model.indexes) < 4)
        fields = self.free_pair(model) if model else ()
        if model is None or not fields:
            return None
        name = f"{app[:12]}_{next(self.marks)}_i"
        return AddIndex(self.put(replace(model, indexes={**model.indexes, name: fields})), name)

    def remove_index(self, app: str) -> Operation | None:
        model = self.chosen(app, lambda model: model.indexes)
        if model is None:
            return None
        name = self.rng.choice(list(model.indexes))
        self.put(replace(model, indexes={k: v for k, v in model.indexes.items() if k != name}))
        return RemoveIndex(model, name)

    def add_unique(self, app: str) -> Operation | None:
        model = self.chosen(app, lambda model: not model.uniques)
        fields = self.free_pair(model) if model else ()
        if model is None or not fields or sorted(fields) == sorted(model.together):
            return None
        name = f"{app[:12]}_{next(self.marks)}_u"
        return AddUnique(self.put(replace(model, uniques={**model.uniques, name: fields})), name)

    def alter_together(self, app: str) -> Operation | None:
        model = self.chosen(app)
        if model is None:
            return None
        fields = () if model.together and self.rng.random() < 0.5 else self.free_pair(model)
        if fields == model.together or sorted(fields) in map(sorted, model.uniques.values()):
            return None
        name = f"{app[:12]}_{next(self.marks)}_t" if fields else ""
        return AlterTogether(model, self.put(replace(model, together=fields, together_name=name)))


def _new_targets(operation: Operation) -> list[tuple[str, str]]:
    """The models that an operation makes another point at."""
    if isinstance(operation, CreateModel):
        return operation.after.targets
    if isinstance(operation, AddField):
        to = operation.after.fields[operation.name].to
        return [to] if to else []
    return []


def _pointing(model: Model, old: tuple[str, str], new: tuple[str, str]) -> Model:
    if old not in model.targets:
        return model
    fields = {
        name: replace(each, to=new) if each.to == old else each
        for name, each in model.fields.items()
    }
    return replace(model, fields=fields)
