"""Answers given on the command line, and what happens to the questions that they leave open."""

from __future__ import annotations

import ast
import datetime
import decimal
import difflib
import uuid
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

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
    Questioner,
    Renamed,
    RenameQuestion,
    SafeSteps,
    Why,
)
from whimbrel.errors import QuestionError, UsageError
from whimbrel.schema.expressions import SQL

#: What a one-off value may be made with, besides literals.
CALLS: dict[str, Any] = {
    "SQL": SQL,
    "datetime.date": datetime.date,
    "datetime.datetime": datetime.datetime,
    "datetime.time": datetime.time,
    "datetime.timedelta": datetime.timedelta,
    "date": datetime.date,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
    "decimal.Decimal": decimal.Decimal,
    "Decimal": decimal.Decimal,
    "uuid.UUID": uuid.UUID,
    "UUID": uuid.UUID,
}

#: Constants by name. ``now`` is the moment at which the migration runs, by the database's clock.
NAMES: dict[str, Any] = {
    "now": SQL("CURRENT_TIMESTAMP"),
    "today": SQL("CURRENT_DATE"),
    "datetime.timezone.utc": datetime.UTC,
    "datetime.UTC": datetime.UTC,
    "UTC": datetime.UTC,
}


def value_of(text: str) -> Any:
    """The value of a one-off's text: a Python literal, or a call of `CALLS`. Raises `UsageError`."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, decimal.InvalidOperation) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise UsageError(
            f"{text!r} is not a value: {why}",
            hint="Write it as in Python: 0, \"''\", Decimal('1.50'), datetime.date(2024, 1, 31), "
            "now, SQL('lower(title)').",
        ) from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call():
            args = [_value(each) for each in node.args]
            return _callable(node)(*args, **{str(k.arg): _value(k.value) for k in node.keywords})
        case ast.Name() | ast.Attribute():
            name = ast.unparse(node)
            if name not in NAMES:
                raise ValueError(f"the name {name} means nothing here")
            return NAMES[name]
    return ast.literal_eval(node)


def _callable(node: ast.Call) -> Any:
    name = ast.unparse(node.func)
    if name not in CALLS:
        raise ValueError(f"{name}() may not be called here")
    return CALLS[name]


@dataclass(frozen=True)
class Flags:
    """The answers of the command line, by place ("blog.Post.title"), as written and in lowercase."""

    rename: dict[str, str] = field(default_factory=dict)
    no_rename: frozenset[str] = frozenset()
    move: dict[str, str] = field(default_factory=dict)
    no_move: frozenset[str] = frozenset()
    one_off: dict[str, Any] = field(default_factory=dict)
    safe_steps: frozenset[str] = frozenset()
    no_nulls: frozenset[str] = frozenset()
    lossy: frozenset[str] = frozenset()
    no_loss: frozenset[str] = frozenset()

    @classmethod
    def parse(
        cls,
        *,
        rename: Iterable[str] = (),
        move: Iterable[str] = (),
        one_off: Iterable[str] = (),
        **places: Iterable[str],
    ) -> Flags:
        """Return flags from their texts, as the command line has them. Raises `UsageError`."""
        values = _pairs("--one-off", one_off, "=", "blog.Post.slug=\"''\"")
        return cls(
            rename=_pairs("--rename", rename, ":", "blog.Post.title:headline"),
            move=_pairs("--move", move, ":", "blog.Post:news"),
            one_off={place: value_of(text) for place, text in values.items()},
            **{name: frozenset(each) for name, each in places.items()},
        )

    def written(self) -> Iterator[tuple[str, str]]:
        """Yield every flag's name and place."""
        for each in fields(self):
            places = getattr(self, each.name)
            ordered = places if isinstance(places, dict) else sorted(places)
            yield from ((f"--{each.name.replace('_', '-')}", place) for place in ordered)


def _pairs(flag: str, texts: Iterable[str], sign: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        place, given, value = text.partition(sign)
        if not (place and given and value):
            raise UsageError(f"{flag} {text} says nothing", hint=f"For example: {flag} {example}")
        found[place] = value
    return found


class FlagQuestioner:
    """Answers from flags; what they leave open goes to ``then``.

    Without ``then`` nobody is there to ask: every open question is collected, taken as answered
    by its likeliest answer so that the rest can be found, and `finish` raises them all.
    """

    def __init__(self, flags: Flags | None = None, then: Questioner | None = None) -> None:
        self._flags = flags or Flags()
        self._then = then
        self._used: set[tuple[str, str]] = set()
        self._places: dict[str, Question] = {}
        self.open: list[Question] = []

    def ask(self, question: Question) -> Answer:
        """A flag's answer, or ``then``'s. Unlikely questions are answered by flags alone."""
        self._places.setdefault(question.place, question)
        known = self._answer_by_flag(question)
        if known is not None:
            return known
        if not question.likely:
            return Renamed(None)
        if self._then is not None:
            return self._then.ask(question)
        self.open.append(question)
        if isinstance(question, FillQuestion):
            return SafeSteps()
        if isinstance(question, LossQuestion):
            return NoLoss()
        return Renamed(question.candidates[0].name if question.candidates else None)

    def name_by_flag(self, place: str, names: Iterable[str]) -> str | None:
        """Return the one of these names that a flag gives something, about which no question would be asked."""
        name = self._flags.rename.get(place)
        if name is None or name not in names or ("--rename", place) in self._used:
            return None
        self._use("--rename", place)
        return name

    def is_renamed(self, place: str) -> bool:
        """Return whether a flag gives something a name, whatever that is."""
        return place in self._flags.rename

    def let_go(self, place: str) -> None:
        """Take note that something is gone because another has its name; a flag may say so too."""
        self._use("--no-rename", place)

    def finish(self) -> None:
        """Raise `QuestionError` for open questions, `UsageError` for flags that answered nothing."""
        if self.open:
            raise _open_error(self.open, self._find_unknown())
        for flag, place in self._flags.written():
            if (flag, place) not in self._used:
                near = difflib.get_close_matches(place, self._places, n=1, cutoff=0.4)
                hint = "Take it away: there is nothing to ask."
                if near:
                    flags = "\n".join(f"    {each}" for each in self._places[near[0]].flags)
                    hint = f"These would answer one:\n{flags}"
                raise UsageError(f"{flag} {place} answers no question", hint=hint)

    def _find_unknown(self) -> list[str]:
        """The flags that answer no question: while questions stand open, misspelt ones."""
        return [
            f"{flag} {place}"
            for flag, place in self._flags.written()
            if (flag, place) not in self._used and place not in self._places
        ]

    def _use(self, flag: str, place: str) -> None:
        self._used.add((flag, place))

    def _answer_by_flag(self, question: Question) -> Answer | None:
        match question:
            case RenameQuestion() | GoingQuestion():
                return self._answer_rename(
                    question, "rename", self._flags.rename, self._flags.no_rename
                )
            case MoveQuestion():
                return self._answer_rename(question, "move", self._flags.move, self._flags.no_move)
            case LossQuestion(place=place):
                if self._has("--no-loss", place, self._flags.no_loss):
                    return NoLoss()
                return Lossy() if self._has("--lossy", place, self._flags.lossy) else None
        return self._answer_fill(question)

    def _has(self, flag: str, place: str, places: Container[str]) -> bool:
        """Return True if a flag names a place; it then has an answer."""
        if place in places:
            self._use(flag, place)
        return place in places

    def _answer_rename(
        self,
        question: RenameQuestion | GoingQuestion | MoveQuestion,
        flag: str,
        yes: dict[str, str],
        no: frozenset[str],
    ) -> Answer | None:
        place = question.place
        to = yes.get(place)
        if to is not None and any(each.name == to for each in question.candidates):
            self._use(f"--{flag}", place)
            return Renamed(to)
        return Renamed(None) if self._has(f"--no-{flag}", place, no) else None

    def _answer_fill(self, question: FillQuestion) -> Answer | None:
        place, flags = question.place, self._flags
        value = (flags.one_off[place],) if place in flags.one_off else ()
        if value and (why := question.misfit(value[0])):
            raise UsageError(why, hint=f"Give another: --one-off {place}=VALUE")
        if value and (question.takes_value or place in flags.safe_steps):
            self._use("--one-off", place)
        if self._has("--safe-steps", place, flags.safe_steps):
            return SafeSteps(*value)
        if question.why is Why.NOT_NULL and self._has("--no-nulls", place, flags.no_nulls):
            return NoNulls()
        return OneOff(value[0]) if value and question.takes_value else None


def _open_error(questions: list[Question], unknown: list[str]) -> QuestionError:
    lines = [
        line
        for question in questions
        for line in (question.text, *(f"    {flag}" for flag in question.flags))
    ]
    lines += [f"{flag} answers none of them: is it written right?" for flag in unknown]
    count = len(questions)
    noun = "question needs" if count == 1 else "questions need"
    return QuestionError(
        f"{count} {noun} an answer, and there is no terminal to ask on",
        questions=[
            {"place": each.place, "text": each.text, "flags": list(each.flags)}
            for each in questions
        ],
        hint="Answer each by one of its flags:\n" + "\n".join(lines),
    )
