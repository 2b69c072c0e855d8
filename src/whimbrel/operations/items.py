"""Operations on indexes and constraints."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from whimbrel.errors import StateError
from whimbrel.operations.base import Operation, model_in
from whimbrel.state.model import Model, item_members
from whimbrel.state.options import Index, ModelConstraint, NamedItem, PrimaryKeyConstraint
from whimbrel.state.state import State, bind_item


@dataclass(frozen=True)
class _ItemOperation(Operation):
    """An operation on an index or constraint of the model ``model_name``."""

    model_name: str
    #: Which option of the model it is about: "indexes" or "constraints".
    option: ClassVar[str] = "indexes"
    noun: ClassVar[str] = "index"
    positional: ClassVar[int] = 2

    def _items(self, model: Model) -> tuple[NamedItem, ...]:
        parts: tuple[NamedItem, ...] = getattr(model.options, self.option)
        return parts

    def _find(self, model: Model, name: str) -> list[NamedItem]:
        """Return the items of that name: one, or one for each of several dialects."""
        found = [part for part in self._items(model) if part.name == name]
        if found:
            return found
        known = ", ".join(part.name for part in self._items(model)) or "none"
        raise StateError(
            f"{model.label} has no {self.noun} {name!r}",
            place=self.describe(),
            hint=f"It has: {known}.",
        )

    def _exchange(self, app: str, state: State, name: str, new_name: str | None) -> State:
        model = model_in(state, app, self.model_name, self)
        old = self._find(model, name)
        if new_name != name and any(part.name == new_name for part in self._items(model)):
            raise StateError(
                f"{model.label} has the {self.noun} {new_name!r} already", place=self.describe()
            )
        items = [each for each in self._items(model) if each not in old or new_name]
        for number, each in enumerate(items):
            if each in old and new_name:
                value = each.value.replace(name=new_name)
                items[number] = replace(each, name=new_name, value=value)
        return state.with_models(model.with_options(**{self.option: tuple(items)}))


def _collide(one: NamedItem, other: NamedItem) -> bool:
    """Return True if two things of one name would meet in some database."""
    apart = one.value.dialects and other.value.dialects
    if apart and not {*one.value.dialects} & {*other.value.dialects}:
        return False
    return one.name == other.name


class _Add(_ItemOperation):
    """A new one."""

    @property
    @abstractmethod
    def value(self) -> Any:
        """The index or constraint that is added."""

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        model, part = model.add_item(bind_item(self.value, app, model.name))
        if any(_collide(each, part) for each in self._items(model)):
            raise StateError(
                f"{model.label} has the {self.noun} {part.name!r} already", place=self.describe()
            )
        return state.with_models(model.with_options(**{self.option: (*self._items(model), part)}))

    def describe(self) -> str:
        return f"Create {self.noun} {_title(self.value)} on {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"{self.model_name}_{_title(self.value)}".lower()


@dataclass(frozen=True)
class _Remove(_ItemOperation):
    """One goes; its name is the one that the user gave, or that its identity gave it."""

    name: str

    def apply(self, app: str, state: State) -> State:
        return self._exchange(app, state, self.name, None)

    def describe(self) -> str:
        return f"Remove {self.noun} {self.name} from {self.model_name}"

    @property
    def fragment(self) -> str:
        return f"remove_{self.name.lower()}"


@dataclass(frozen=True)
class _Rename(_ItemOperation):
    """One gets another name."""

    old_name: str
    new_name: str
    positional: ClassVar[int] = 3

    def apply(self, app: str, state: State) -> State:
        return self._exchange(app, state, self.old_name, self.new_name)

    def describe(self) -> str:
        return f"Rename {self.noun} {self.old_name} on {self.model_name} to {self.new_name}"

    @property
    def fragment(self) -> str:
        return f"rename_{self.old_name.lower()}_{self.new_name.lower()}"


class _OfConstraint:
    """Mixed into operations on constraints."""

    option: ClassVar[str] = "constraints"
    noun: ClassVar[str] = "constraint"


@dataclass(frozen=True)
class AddIndex(_Add):
    """A new index."""

    index: Index

    @property
    def value(self) -> Index:
        return self.index


class RemoveIndex(_Remove):
    """An index goes; its name is the one that the user gave, or that its identity gave it."""


class RenameIndex(_Rename):
    """An index gets another name."""


@dataclass(frozen=True)
class AddConstraint(_OfConstraint, _Add):
    """A new constraint."""

    constraint: ModelConstraint

    @property
    def value(self) -> ModelConstraint:
        return self.constraint


class RemoveConstraint(_OfConstraint, _Remove):
    """A constraint goes."""


@dataclass(frozen=True)
class RenameConstraint(_OfConstraint, _Rename):
    """A constraint gets another name; without one a primary key gets that which is made for it."""

    new_name: str | None = None  # type: ignore[assignment]

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        parts = self._find(model, self.old_name)
        if self.new_name is None and not all(is_said_by_fields(model, part) for part in parts):
            raise StateError(
                f"the fields of {self.old_name} do not say themselves that they are the primary key",
                place=self.describe(),
                hint="Give it a new name.",
            )
        return super().apply(app, state)

    def describe(self) -> str:
        if self.new_name is None:
            return f"Rename constraint {self.old_name} on {self.model_name} to the name made for it"
        return super().describe()

    @property
    def fragment(self) -> str:
        return super().fragment if self.new_name else f"rename_{self.old_name}".lower()


def is_said_by_fields(model: Model, part: NamedItem) -> bool:
    """Return True for the primary key that the fields declare themselves, under another name."""
    key = [each.name for each in model.fields if each.field.primary_key]
    is_key = isinstance(part.value, PrimaryKeyConstraint) and not part.value.dialects
    return is_key and list(part.value.fields) == key and not model.options.primary_key


def _title(value: Any) -> str:
    """The name of an index or constraint, or what it is made of."""
    if value.name:
        return str(value.name)
    members, kind = item_members(value)
    return "_".join((*members, kind))
