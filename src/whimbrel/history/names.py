"""The names of migration files: a number, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whimbrel.errors import UsageError

#: How long the words after the number may get.
LONGEST = 52
#: The number that a name begins with, and the one that the name of a squash goes up to.
_NUMBERS = re.compile(r"^\d+|(?<=_squashed_)\d+(?=_|$)")


def next_number(names: Iterable[str]) -> int:
    """The number after the highest one of these names; 1 where there is none.

    "0001_squashed_0004" has the numbers up to 4.
    """
    numbers = (found for name in names for found in numbers_in(name))
    return max(map(int, numbers), default=0) + 1


def numbers_in(name: str) -> list[str]:
    """The number of a name; of a squash's, "0001_squashed_0004", those of its first and its last."""
    found: list[str] = _NUMBERS.findall(name)
    return found


def migration_name(number: int, words: str) -> str:
    """ "0002_product_stock": a name that is a file's name anywhere, of bounded length."""
    plain = re.sub(r"[^a-z0-9_]+", "_", words.lower())
    plain = re.sub(r"_{2,}", "_", plain).strip("_")
    return f"{number:04d}_{_shorten(plain) or 'custom'}"


def _shorten(words: str) -> str:
    if len(words) <= LONGEST + len("_and_more"):
        return words
    return words[:LONGEST].rpartition("_")[0] or words[:LONGEST]


def given_name(name: str) -> str:
    """A name that a user gave, without a number. Raises `UsageError` where no file can have it."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise UsageError(
            f"{name!r} cannot be the name of a migration",
            hint="Use letters, digits and underscores, as in product_stock.",
        )
    return name
