"""Findings: what is wrong with models, migration files or a record, as values of one kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from whimbrel.errors import WhimbrelError

#: "warning": it works today, and something that comes later may not. "info": nobody can tell.
Level = Literal["error", "warning", "info"]

#: The file, and its line, at the beginning of an error's place.
_FILE = re.compile(r"^(?P<file>[^:\n]+\.(?:py|toml))(?::(?P<line>\d+))?(?=$|: )")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    code: the kind, for machines and the documentation. hint: what fixes it. app: None where it is
    nobody's alone. subject: the model or migration that it is about, by its label. line: from 1.
    """

    code: str
    message: str
    hint: str | None = None
    app: str | None = None
    subject: str | None = None
    file: str | None = None
    line: int | None = None
    level: Level = "error"

    @property
    def place(self) -> str | None:
        """ "blog/models.py:12", or the subject where no file is known."""
        if self.file is None:
            return self.subject
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def text(self) -> str:
        """The message, with the subject before it where the place does not say it."""
        if self.subject is None or self.subject == self.place:
            return self.message
        return f"{self.subject}: {self.message}"


def finding_of(
    code: str,
    error: WhimbrelError,
    *,
    app: str | None = None,
    subject: str | None = None,
    file: str | None = None,
) -> Finding:
    """Return an error as a finding. The message takes what its place says besides file and subject."""
    named, line, rest = split_place(error.place or "")
    if subject is not None:
        rest = rest.removeprefix(subject).removeprefix(": ")
    message = f"{rest}: {error.message}" if rest else error.message
    return Finding(code, message, error.hint, app, subject, named or file, line)


def split_place(place: str) -> tuple[str | None, int | None, str]:
    """Return the file and the line that a place begins with, and the rest of it."""
    match = _FILE.match(place)
    if match is None:
        return None, None, place
    line = int(match["line"]) if match["line"] else None
    return match["file"], line, place[match.end() :].removeprefix(": ")
