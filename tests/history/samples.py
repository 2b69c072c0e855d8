"""What migration files may refer to by import: the values of the writer's tests."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple


def shout(text: str = "x") -> str:
    return text.upper()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    HELLO = "hello"


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    RUN = 4
    ALL = 7


Odd = enum.Enum("Odd", {"a-b": 1, "class": 2}, module=__name__)


class Outer:
    class Inner:
        @classmethod
        def make(cls) -> str:
            return cls.__name__

        @staticmethod
        def still() -> int:
            return 1

    class Mode(enum.Enum):
        FAST = 1


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Money:
    amount: int
    currency: str = "EUR"
    tags: tuple[str, ...] = field(default_factory=tuple)


class Slugger:
    """An object that says how it is made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        return f"{__name__}.Slugger", self.args, self.kwargs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slugger) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class Opaque:
    """An object that does not."""
