"""The questions of detect/, put to a person on a terminal."""

from __future__ import annotations

from typing import Any

import click

from whimbrel.detect.flags import value_of
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
    SafeSteps,
    Why,
)
from whimbrel.errors import UsageError


class Asker:
    """Asks on stderr, reads from stdin. Ctrl-C, or "quit", ends the run: nothing is written."""

    def ask(self, question: Question) -> Answer:
        """Return the person's answer."""
        if isinstance(question, FillQuestion):
            return _fill(question)
        if isinstance(question, GoingQuestion):
            return (
                Renamed(None) if click.confirm(question.text, default=None, err=True) else _quit()
            )
        if isinstance(question, LossQuestion):
            ways = ["no: migrate stops, if a row has more than that", "yes: it is lost for good"]
            return (NoLoss, Lossy)[_choice(question.text, ways)]()
        return _rename(question)


def _rename(question: RenameQuestion | MoveQuestion) -> Answer:
    if len(question.candidates) == 1:
        yes = click.confirm(question.text, default=None, err=True)
        return Renamed(question.candidates[0].name if yes else None)
    none = "none of them: it is gone"
    names = [each.name for each in question.candidates]
    chosen = _choice(question.text, [*names, none])
    return Renamed(None if chosen == len(names) else names[chosen])


def _fill(question: FillQuestion) -> Answer:
    ways: list[tuple[str, Any]] = []
    if question.takes_value:
        ways.append(("one value for all of them", lambda: OneOff(_value(question))))
    ways.append(("three safe steps: nullable, backfill, NOT NULL", SafeSteps))
    if question.why is Why.NOT_NULL:
        ways.append(("nothing: no row is NULL", NoNulls))
    ways.append(("quit: a default goes into the model first", _quit))
    answer: Answer = ways[_choice(question.text, [text for text, _ in ways])][1]()
    return answer


def _value(question: FillQuestion) -> Any:
    while True:
        text = click.prompt("The value, as in Python", default=question.suggested, err=True)
        try:
            value = value_of(text)
        except UsageError as error:
            click.echo(f"{error.message}\n{error.hint}", err=True)
            continue
        why = question.misfit(value)
        if why is None:
            return value
        click.echo(why, err=True)


def _choice(text: str, ways: list[str]) -> int:
    click.echo(text, err=True)
    for number, way in enumerate(ways, start=1):
        click.echo(f"  {number}) {way}", err=True)
    number = click.prompt("Which", type=click.IntRange(1, len(ways)), err=True)
    return int(number) - 1


def _quit() -> Answer:
    raise click.Abort()
