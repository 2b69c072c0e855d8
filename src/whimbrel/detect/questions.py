"""The questions that only a person can answer, and the port through which they are asked."""

from __future__ import annotations

import enum
import shlex
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

from whimbrel.state.fields.base import Field
from whimbrel.state.value_checks import misfit


class Subject(enum.Enum):
    """The subject of a rename."""

    MODEL = "model"
    FIELD = "field"
    ENUM_VALUE = "enum value"


def _flag(name: str, word: str) -> str:
    """Return a flag as it is written in a shell: names may have quotes and spaces."""
    return f"--{name} {shlex.quote(word)}"


@dataclass(frozen=True)
class Candidate:
    """A new name that something which is gone may have now; ``score`` from 0 to 1."""

    name: str
    score: float


@dataclass(frozen=True)
class RenameQuestion:
    """Was ``place`` ("blog.Post.title") renamed? ``candidates``: best first.

    Answered by `Renamed`. ``likely`` False: only a flag may say yes, nobody is asked.
    ``takes_name``: something else has the name until now, and makes room.
    """

    subject: Subject
    place: str
    candidates: tuple[Candidate, ...]
    likely: bool = True
    takes_name: bool = False

    @property
    def text(self) -> str:
        names = " or ".join(each.name for each in self.candidates)
        other = ", in place of the one that was called so" if self.takes_name else ""
        return f"Was the {self.subject.value} {self.place} renamed to {names}{other}?"

    @property
    def flags(self) -> tuple[str, ...]:
        return (
            *(_flag("rename", f"{self.place}:{each.name}") for each in self.candidates),
            _flag("no-rename", self.place),
        )


@dataclass(frozen=True)
class MoveQuestion:
    """Did the model ``place`` ("blog.Post") move to one of these apps? Answered by `Renamed`."""

    place: str
    candidates: tuple[Candidate, ...]
    likely: bool = True

    @property
    def text(self) -> str:
        apps = " or ".join(each.name for each in self.candidates)
        return f"Did the model {self.place} move to the app {apps}?"

    @property
    def flags(self) -> tuple[str, ...]:
        return (
            *(_flag("move", f"{self.place}:{each.name}") for each in self.candidates),
            _flag("no-move", self.place),
        )


@dataclass(frozen=True)
class GoingQuestion:
    """``place`` goes: may it, with all that is in it? Answered by ``Renamed(None)``: it may."""

    place: str
    likely: ClassVar[bool] = True
    #: It has no other name that one could say.
    candidates: ClassVar[tuple[Candidate, ...]] = ()

    @property
    @abstractmethod
    def text(self) -> str: ...

    @property
    def flags(self) -> tuple[str, ...]:
        return (_flag("no-rename", self.place),)


@dataclass(frozen=True)
class ReplaceQuestion(GoingQuestion):
    """The field ``place`` is of a kind that it cannot be altered to: may what is in it go?

    Another comes in its place. ``holder``: what goes with it, "column" or "table".
    """

    holder: str

    @property
    def text(self) -> str:
        return (
            f"The field {self.place} cannot become what it is now: "
            f"may its {self.holder} go, with all that is in it?"
        )


@dataclass(frozen=True)
class TableQuestion(GoingQuestion):
    """``place`` is gone, and ``taker`` has a table of the same name, anew: may the rows go?"""

    table: str
    taker: str

    @property
    def text(self) -> str:
        return (
            f"The table {self.table} of {self.place} is the one of {self.taker} now, "
            "and is made anew: may it go, with all that is in it? (To keep it, write a "
            "SeparateDatabaseAndState by hand that says so of the models alone.)"
        )


@dataclass(frozen=True)
class GoneQuestion(GoingQuestion):
    """Are these models gone, though ``why`` makes it doubtful? ``place``: one's label, or an app."""

    models: tuple[str, ...]
    why: str

    @property
    def text(self) -> str:
        those = "Is the model" if len(self.models) == 1 else "Are the models"
        gone = "gone, with its rows" if len(self.models) == 1 else "gone, with their rows"
        return f"{those} {', '.join(self.models)} {gone}? ({self.why})"


class Why(enum.Enum):
    """The reason for which the rows of a table need a value."""

    NEW = "is new, takes no NULL and has no default"
    NEW_MOMENT = "is new, and only new rows are given the time"
    NEW_UNIQUE = "is new and unique, and its default would be the same in every row"
    NOT_NULL = "takes no NULL any more, and has no default"


@dataclass(frozen=True)
class FillQuestion:
    """Asks for the value of rows that are there already, in the field ``place``.

    Answered by `OneOff`, `SafeSteps` or, where ``why`` is NOT_NULL, `NoNulls`. ``suggested``:
    a value that suits, as one would write it for ``--one-off`` ("now"). ``field``: what the
    value is for.
    """

    place: str
    why: Why
    suggested: str | None = None
    likely: ClassVar[bool] = True
    field: Field | None = None

    @property
    def text(self) -> str:
        return f"The field {self.place} {self.why.value}: what do existing rows get?"

    def misfit(self, value: Any) -> str | None:
        """Return why a value cannot be what the rows get; None where it can."""
        if value is None and self.field is not None and not self.field.null:
            return f"the field {self.place} takes no NULL, and None is NULL"
        why = misfit(self.field, value) if self.field is not None else None
        return f"the field {self.place} cannot have this value: {why}" if why else None

    @property
    def takes_value(self) -> bool:
        """True if one value for all rows is an answer."""
        return self.why is not Why.NEW_UNIQUE

    @property
    def flags(self) -> tuple[str, ...]:
        one_off = _flag("one-off", f"{self.place}={self.suggested or 'VALUE'}")
        return (
            *((one_off,) if self.takes_value else ()),
            _flag("safe-steps", self.place),
            *((_flag("no-nulls", self.place),) if self.why is Why.NOT_NULL else ()),
        )


@dataclass(frozen=True)
class LossQuestion:
    """The field ``place`` has a type now to which values can be cut: may they be?

    Answered by `Lossy` or `NoLoss`. ``what``: what may be cut off ("digits behind the point").
    """

    place: str
    what: str
    likely: ClassVar[bool] = True

    @property
    def text(self) -> str:
        return (
            f"The new type of the field {self.place} holds less: "
            f"may what rows have be cut ({self.what})?"
        )

    @property
    def flags(self) -> tuple[str, ...]:
        return (_flag("no-loss", self.place), _flag("lossy", self.place))


Question: TypeAlias = RenameQuestion | MoveQuestion | GoingQuestion | FillQuestion | LossQuestion


@dataclass(frozen=True)
class Renamed:
    """The name, or the app, that it has now; None: it is gone."""

    to: str | None


@dataclass(frozen=True)
class OneOff:
    """This value, for the rows that are there already; an `SQL` value is computed by the database."""

    value: Any


_NOTHING: Any = object()


@dataclass(frozen=True)
class SafeSteps:
    """Nullable now, a backfill, NOT NULL: three migrations.

    ``value``: what the backfill gives to each row; not given, it is left for people to say.
    """

    value: Any = _NOTHING

    @property
    def has_value(self) -> bool:
        return self.value is not _NOTHING


@dataclass(frozen=True)
class NoNulls:
    """There are no rows with NULL: nothing is to be done."""


@dataclass(frozen=True)
class Lossy:
    """Values may be cut to the new type."""


@dataclass(frozen=True)
class NoLoss:
    """No row has more than the new type holds: `migrate` refuses the change where one has."""


Answer: TypeAlias = Renamed | OneOff | SafeSteps | NoNulls | Lossy | NoLoss


class Questioner(Protocol):
    """Whoever answers. To quit instead of an answer, raise."""

    def ask(self, question: Question) -> Answer:
        """The answer: `Renamed` to a rename, a move or a replacement, `Lossy` or `NoLoss` to a loss.

        To a fill, one of the others.
        """
        ...
