"""The law of the detection: its operations make the new state of the old one."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.detect.items import is_same_item
from whimbrel.errors import StateError
from whimbrel.state.model import Model
from whimbrel.state.options import PLAIN_OPTIONS
from whimbrel.state.state import State


def assert_equal(reached: State, wanted: State) -> None:
    """Raise `StateError`, naming what differs, where two states are not the same models."""
    found = list(differences(reached, wanted))
    if found:
        raise StateError(
            f"the operations that were found do not lead to the models: {'; '.join(found)}",
            hint="This is a bug in Whimbrel: please report it, with the models before and after.",
        )


def differences(left: State, right: State) -> Iterator[str]:
    """Yield what differs between two states in words, but for identities and the order of fields."""
    for label in sorted({*left.models, *right.models}):
        one, other = left.models.get(label), right.models.get(label)
        if one is None or other is None:
            yield f"{label} is there {'after' if one is None else 'before'} only"
        else:
            yield from _of_models(one, other)


def _of_models(one: Model, other: Model) -> Iterator[str]:
    if one.label != other.label:
        yield f"{one.label} is called {other.label}"
    names = dict.fromkeys(each.name for each in (*one.fields, *other.fields))
    for name in names:
        left, right = one.find(name), other.find(name)
        if left is None or right is None or left.field != right.field:
            yield f"{one.label}.{name}: {left and left.field!r} is not {right and right.field!r}"
    for option in PLAIN_OPTIONS:
        before, after = getattr(one.options, option), getattr(other.options, option)
        if before != after:
            yield f"{one.label}, {option}: {before!r} is not {after!r}"
    for option in ("indexes", "constraints"):
        before, after = getattr(one.options, option), list(getattr(other.options, option))
        for part in before:
            same = next((each for each in after if is_same_item(part, each)), None)
            if same is None:
                yield f"{one.label}: {part.value!r} should not be there"
            else:
                after.remove(same)
        yield from (f"{one.label}: {part.value!r} is missing" for part in after)
