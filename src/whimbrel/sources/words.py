"""A column type in a database's own words, for those that SQLAlchemy has no class for."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType


class DatabaseType(UserDefinedType[Any]):
    """A type that is spelled as the database spells it: ``DatabaseType("integer unsigned")``.

    A type that only the database knows is read as one of these. A value goes to the driver, and comes
    from it, as it is.
    """

    cache_ok = True
    __module__ = "whimbrel.models"  # where files import it from

    def __init__(self, word: str) -> None:
        self.word = word

    def get_col_spec(self, **_: Any) -> str:
        """The word, which is the type's whole spelling."""
        return self.word

    def __whimbrel__(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The call that makes it."""
        return (self.word,), {}

    def __repr__(self) -> str:
        return f"DatabaseType({self.word!r})"
