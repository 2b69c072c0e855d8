"""Rules over one model: its fields, their defaults and what they point at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from whimbrel.schema.expressions import Constant
from whimbrel.sources.checks.scope import CheckScope, Problem
from whimbrel.state.fields.relations import ForeignKey as ForeignKeyField
from whimbrel.state.fields.relations import ManyToManyField
from whimbrel.state.lowering import sequences_of
from whimbrel.state.model import Model
from whimbrel.state.naming import LONGEST
from whimbrel.state.state import State
from whimbrel.state.value_checks import unfit_default


def _key_is_not_null(model: Model, scope: CheckScope) -> Iterator[Problem]:
    for each in model.primary_key:
        if each.field.null:
            yield f"the primary key's field {each.name} is null=True", "Take null=True away."


def _through_has_keys(model: Model, scope: CheckScope) -> Iterator[Problem]:
    for each in model.fields:
        if isinstance(each.field, ManyToManyField) and each.field.through:
            yield from _keys_of_through(model, each.name, each.field, scope.state)


def _keys_of_through(
    model: Model, name: str, field: ManyToManyField, state: State
) -> Iterator[Problem]:
    through = state.find(field.through or "")
    if through is None:
        yield f"{name} goes through {field.through}, which is not there", "Correct the name."
        return
    keys = [each.field for each in through.fields if isinstance(each.field, ForeignKeyField)]
    targets = [key.to.lower() for key in keys]
    wanted = [model.label.lower(), field.to.lower()]
    if any(targets.count(label) < wanted.count(label) for label in wanted):
        yield (
            f"{name} goes through {through.label}, which has not a foreign key to "
            f"{model.label} and one to {field.to}",
            "Give it both.",
        )


def _sequence_names_fit(model: Model, scope: CheckScope) -> Iterator[Problem]:
    for sequence in sequences_of(model):
        if (
            "postgresql" in scope.dialects
            and len(sequence.name.encode(errors="surrogatepass")) > LONGEST
        ):
            yield (
                f"the name of the sequence {sequence.name} is longer than {LONGEST} bytes",
                "Give it a shorter one.",
            )


def _defaults_suit(model: Model, scope: CheckScope) -> Iterator[Problem]:
    for each in model.fields:
        option, why = unfit_default(each.field) or ("", "")
        if why:
            yield f"the {option} of {each.name}: {why}", f"Give {each.name} another {option}."
        is_nan = Constant(each.field.default) == Constant(math.nan)
        if is_nan and not each.field.null and "sqlite" in scope.dialects:
            yield (
                f"the default of {each.name} is NaN, which SQLite takes for NULL",
                "Make it null=True, or give it another default.",
            )


def _lengths_are_numbers(model: Model, scope: CheckScope) -> Iterator[Problem]:
    for each in model.fields:
        length = getattr(each.field, "max_length", None)
        if length is not None and not _counts(length):
            yield (
                f"the max_length of {each.name} is {length!r}",
                "Give a number of characters, from 1 on; or leave it out, for no limit.",
            )


def _counts(length: object) -> bool:
    return isinstance(length, int) and not isinstance(length, bool) and length >= 1


MODEL_RULES: tuple[Callable[[Model, CheckScope], Iterator[Problem]], ...] = (
    _key_is_not_null,
    _through_has_keys,
    _sequence_names_fit,
    _defaults_suit,
    _lengths_are_numbers,
)
