"""The questions of a detection, answered by identities: no person is asked, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whimbrel.detect.flags import FlagQuestioner
from whimbrel.detect.questions import (
    Answer,
    FillQuestion,
    GoingQuestion,
    LossQuestion,
    Lossy,
    MoveQuestion,
    NoLoss,
    NoNulls,
    OneOff,
    Question,
    Renamed,
    RenameQuestion,
    Subject,
)
from whimbrel.schema.expressions import SQL, Constant
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


class Identities(FlagQuestioner):
    """Answers for two states of one history, in both of which everything has its identity."""

    def __init__(self, before: State, after: State, fills: Mapping[str, Any]) -> None:
        """``fills``: what rows get that are there already, by the identity of the field."""
        super().__init__()
        self._fills = fills
        self._before, self._after = before, after
        self._was = {model.key: model for model in before}
        self._now = {model.key: model for model in after}
        self._said: set[str] = set()

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question, by identities."""
        match question:
            case FillQuestion(place=place):
                return self._fill(place)
            case RenameQuestion(subject=Subject.ENUM_VALUE, place=place):
                return Renamed(self._label(place))
            case RenameQuestion(subject=Subject.FIELD, place=place):
                return Renamed(self._field(place))
            case LossQuestion(place=place):
                label, _, name = place.rpartition(".")
                model = self._after.find(label)
                found = model.find(name) if model else None
                return Lossy() if (found is not None and found.field.lossy) else NoLoss()
            case GoingQuestion():
                return Renamed(None)
            case RenameQuestion(place=place) | MoveQuestion(place=place):
                now = self._model(place)
                is_move = isinstance(question, MoveQuestion)
                return Renamed((now.app if is_move else now.name) if now else None)

    def name_by_flag(self, place: str, names: Iterable[str]) -> str | None:
        """Return the one of these names that a thing has now, whose old name another thing has."""
        if place in self._said:
            return None
        name = self._name(place)
        if name is None or name not in names:
            return None
        self._said.add(place)
        return name

    def finish(self) -> None:
        """Nothing stays open."""

    def is_renamed(self, place: str) -> bool:
        """Identities say who has whose name: nothing looks like something else."""
        return True

    # -- by identity

    def _name(self, place: str) -> str | None:
        """The name that a model, a field or a label has now."""
        match place.count("."):
            case 1:
                model = self._model(place)
                return model.name if model else None
            case 2:
                return self._field(place)
        return self._label(place)

    def _model(self, label: str) -> Model | None:
        before = self._before.find(label)
        return self._now.get(before.key) if before else None

    def _pair(self, label: str) -> tuple[Model | None, Model | None]:
        """A model by the label that it has now, before and after."""
        now = self._after.find(label)
        return (self._was.get(now.key) if now else None), now

    def _field(self, place: str) -> str | None:
        """The name that a field has now; the place has its old one, and its model's new label."""
        label, _, name = place.rpartition(".")
        was, now = self._pair(label)
        before = was.find(name) if was else None
        after = _of_key(now, before.key) if before else None
        return after.name if after else None

    def _label(self, place: str) -> str | None:
        """The name that an enum's label has now: its place has the new names, but for its own."""
        app, model, name, label = place.split(".", 3)
        was, now = self._pair(f"{app}.{model}")
        after = now.find(name) if now else None
        before = _of_key(was, after.key) if after else None
        if before is None or after is None:
            return None
        key = before.field.label_keys.get(label)
        return next((each for each, its in after.field.label_keys.items() if its == key), None)

    def _fill(self, place: str) -> Answer:
        label, _, name = place.rpartition(".")
        model = self._after.find(label)
        field = model.find(name) if model else None
        fill = self._fills.get(field.key) if field else None
        if isinstance(fill, Constant):
            return OneOff(fill.value)
        return OneOff(fill) if isinstance(fill, SQL) else NoNulls()


def _of_key(model: Model | None, key: str) -> ModelField | None:
    fields = model.fields if model else ()
    return next((each for each in fields if each.key == key), None)
