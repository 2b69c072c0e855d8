"""Every error that Whimbrel raises on purpose.

    WhimbrelError
    ├── UsageError          2  the command line, the configuration, a project's layout
    │   ├── ConfigError
    │   ├── ModelError         a model that no database, or not this one, could hold
    │   ├── WriteError         a value that cannot be written into a migration file
    │   └── QueryError         a query names what a historical model does not have
    │       ├── MissingModel      no app or model of the name
    │       ├── MissingField      no field of the name
    │       ├── MissingRow        get() found no row
    │       └── SeveralRows       get() found more than one
    ├── QuestionError       3  a question needs an answer
    ├── HistoryError        4  the history is in conflict, inconsistent, edited or broken
    │   ├── LoadError          a migration file that does not load
    │   ├── NodeError          a migration that is not there, or a name that fits several
    │   ├── CycleError
    │   ├── ConflictError      more than one leaf
    │   ├── CollisionError     branches that are about the same things
    │   ├── EditedError        an applied migration does something else now
    │   ├── StateError         an operation that does not fit the state before it
    │   └── IrreversibleError
    └── DatabaseError       5  the database refused, or was lost
        ├── ConnectError
        ├── LockError          another runner is at work, or a table stays locked
        ├── UnsupportedError   this database, or its version, has no such thing
        ├── StepError          a statement failed
        │   └── LossError         a row would lose something by a change of type
        └── DataError          a function of a data migration failed

The number is the process's exit code. Every error says what is wrong, where, and what
fixes it; ``code`` names the kind of error for machines and for the documentation.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar


def place(file: str | Path, line: int | None = None) -> str:
    """A file, and a line in it, as people name them: relative to where they are, if below."""
    relative = os.path.relpath(file)
    shown = str(file) if relative.startswith("..") else relative
    return f"{shown}:{line}" if line else shown


class WhimbrelError(Exception):
    """The root. ``code``: stable name of the error; ``exit_code``: see above.

    ``place`` says where ("blog/models.py:12", "blog.0002_comment"); ``hint`` is the
    command or the edit that fixes it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def as_dict(self) -> dict[str, Any]:
        """Return the value that ``--json`` prints for this error."""
        return {
            "code": self.code,
            "message": self.message,
            "place": self.place,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f"\n{self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UsageError(WhimbrelError):
    """The command line or the project's layout is wrong."""

    code = "usage"


class ConfigError(UsageError):
    """The configuration is missing, unreadable or says something that cannot be."""

    code = "config"


class ModelError(UsageError):
    """A model says what a database cannot do."""

    code = "model"


class WriteError(UsageError):
    """A value cannot be written into a migration file, or the file cannot be written."""

    code = "write"


class QueryError(UsageError):
    """A query names a model, field, lookup or method that is not there, or asks for what cannot be."""

    code = "query"


class MissingModel(QueryError, LookupError):
    """There is no such app, or model, at a point of history."""

    code = "missing-model"


class NotALabel(QueryError, ValueError):
    """A name that must be of the form "app.Model" is not."""

    code = "not-a-label"


class MissingField(QueryError):
    """A historical model has no such field (Django's FieldDoesNotExist, and FieldError)."""

    code = "missing-field"


class UnknownArgument(QueryError, TypeError):
    """A row is made with a name that is no field."""

    code = "unknown-argument"


class QueryAttributeError(QueryError, AttributeError):
    """A historical model, a manager or a query has no such attribute."""

    code = "query-attribute"


class MissingRow(QueryError):
    """A query for one row found none; each historical model has its own, ``DoesNotExist``."""

    code = "missing-row"


class SeveralRows(QueryError):
    """A query for one row found several; each model has its own, ``MultipleObjectsReturned``."""

    code = "several-rows"


class QuestionError(WhimbrelError):
    """Questions stand open, and there is nobody to answer them.

    ``questions``: each with its ``place``, ``text`` and the ``flags`` that answer it.
    """

    code = "question"
    exit_code = 3

    def __init__(self, message: str, *, questions: list[dict[str, Any]], hint: str) -> None:
        super().__init__(message, hint=hint)
        self.questions = questions

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "questions": self.questions}


class HistoryError(WhimbrelError):
    """The migration files, or the record of them, are inconsistent."""

    code = "history"
    exit_code = 4


class LoadError(HistoryError):
    """A migration file does not load."""

    code = "load"


class NodeError(HistoryError):
    """A migration that is named is not there, or the name fits several."""

    code = "node"


class CycleError(HistoryError):
    """Migrations depend on each other in a circle."""

    code = "cycle"


class ConflictError(HistoryError):
    """An app has more than one leaf."""

    code = "conflict"


class CollisionError(HistoryError):
    """Branches are about the same things: it matters which of them is applied first.

    ``collisions``: a reason, in words, for each two operations that collide.
    """

    code = "collision"

    def __init__(self, message: str, *, collisions: list[str], place: str, hint: str) -> None:
        super().__init__(message, place=place, hint=hint)
        self.collisions = collisions

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "collisions": self.collisions}


class EditedError(HistoryError):
    """Migrations that are applied do something else now than when they were applied.

    ``edits``: each with its ``migration``, its ``file``, and the ``difference`` as lines; that is
    None where the record has no source to compare with.
    """

    code = "edited"

    def __init__(
        self, message: str, *, edits: list[dict[str, Any]], place: str | None, hint: str
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.edits = edits

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "edits": self.edits}


class StateError(HistoryError):
    """An operation does not fit the state before it."""

    code = "state"


class IrreversibleError(HistoryError):
    """A migration has no way back."""

    code = "irreversible"


class DatabaseError(WhimbrelError):
    """The database refused, or was lost."""

    code = "database"
    exit_code = 5


class ConnectError(DatabaseError):
    """No connection to the database."""

    code = "connect"


class LockError(DatabaseError):
    """Another runner is at work, or a table stays locked."""

    code = "lock"


class UnsupportedError(DatabaseError):
    """The database, or its version, has no such thing."""

    code = "unsupported"


class UnsafeError(DatabaseError):
    """A step would stop those who use a large table, and nobody has consented. Nothing was changed."""

    code = "unsafe"
    exit_code = 3


class StepError(DatabaseError):
    """A statement failed. What it was is in ``place``; what is left of it, in ``hint``."""

    code = "step"


class LossError(StepError):
    """A row would lose something by a change of its column's type. Nothing was changed."""

    code = "loss"


class DataError(DatabaseError):
    """A function of a data migration failed. ``place`` has the line of its code."""

    code = "data"


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint at the known name that is nearest to one, before what else there is to say."""
    from difflib import get_close_matches

    near = get_close_matches(name, [*known], n=1)
    return f"Did you mean {near[0]!r}? {otherwise}".rstrip() if near else otherwise


def explain_unattached(schema: str) -> tuple[str, str]:
    """Return what is wrong with a schema on SQLite where no file of that name is attached, and a hint."""
    return (
        f"SQLite has no schema {schema}: there it is a database file that is attached, and none is",
        f"Take the schema {schema} out of the models, or SQLite out of the configuration. For tests on "
        "SQLite create_all makes the tables without migrations: "
        f'engine.execution_options(schema_translate_map={{"{schema}": None}}). Or attach a file to every '
        'connection, in manage.py: @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect"), '
        f"and there ATTACH DATABASE '{schema}.sqlite3' AS {schema}.",
    )
