"""The closed list of what `check` finds, and what it could not ask."""

from __future__ import annotations

from dataclasses import dataclass

#: Every code, with what is found, in the order in which findings are given.
CODES = {
    "load": "a migration file that does not load",
    "squash": "squashes that are inconsistent",
    "node": "a dependency on a migration that is not there",
    "cycle": "migrations that depend on each other in a circle",
    "conflict": "an app with more than one leaf",
    "state": "an operation that does not fit the state before it",
    "edited": "an applied migration whose file does something else now",
    "inconsistent": "an applied migration that depends on what is not applied",
    "no-file": "an applied migration without a file",
    "half-done": "a migration that was not finished",
    "model": "models that do not import, or that no database could hold",
    "unmigrated": "models with changes that no migration has",
    "label": "SQL that uses an enum's label which its own migration adds",
    "unfinished": "an operation that waits for people to say what it does",
    "irreversible": "an operation without a way back",
    "class": "a migration that names a class of a type or a field",
}

#: Those for which the history is inconsistent: exit code 4.
OF_HISTORY = frozenset(
    {"load", "squash", "node", "cycle", "conflict", "state", "edited", "inconsistent"}
)

#: Those that only a database can tell.
OF_DATABASE = ("edited", "inconsistent", "no-file", "half-done")


@dataclass(frozen=True)
class Unasked:
    """Codes that could not be asked for, and why."""

    codes: tuple[str, ...]
    why: str
    hint: str | None = None
