"""What `check` finds, as values: a closed list of codes, and a finding of one of them."""

from __future__ import annotations

from dataclasses import dataclass

#: Every code, with what is found, in the order in which findings are given.
CODES = {
    "load": "a migration file that does not load",
    "squash": "squashes that do not hold together",
    "node": "a dependency on a migration that is not there",
    "cycle": "migrations that depend on each other in a circle",
    "conflict": "an app with more than one leaf",
    "state": "an operation that does not fit the state before it",
    "edited": "an applied migration whose file does something else now",
    "inconsistent": "an applied migration that depends on what is not applied",
    "ghost": "an applied migration without a file",
    "half-done": "a migration that was not finished",
    "model": "models that do not import, or that no database could hold",
    "unmigrated": "models with changes that no migration has",
    "label": "SQL that uses an enum's label which its own migration adds",
    "unfinished": "an operation that waits for people to say what it does",
    "irreversible": "an operation without a way back",
    "class": "a migration that names a class of a type or a field",
}

#: Those for which the history does not hold together: exit code 4.
OF_HISTORY = frozenset(
    {"load", "squash", "node", "cycle", "conflict", "state", "edited", "inconsistent"}
)

#: Those that only a database can tell.
OF_DATABASE = ("edited", "inconsistent", "ghost", "half-done")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. ``app``: None where it is nobody's alone. ``line``: from 1."""

    code: str
    message: str
    hint: str | None = None
    app: str | None = None
    migration: str | None = None
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str | None:
        """ "blog/models.py:12", or the migration's label."""
        if self.file is None:
            return self.migration
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Unasked:
    """What could not be asked: these codes, and why."""

    codes: tuple[str, ...]
    why: str
    hint: str | None = None
