"""Explains SQLite's errors."""

from __future__ import annotations

import re

from whimbrel.errors import explain_unattached

#: What the message matches, what is wrong, the hint that fixes it.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        r"NOT NULL constraint failed: (\S+)",
        "{0} has rows without a value, and may have none",
        "Give the rows a value first (RunPython or RunSQL), or give the field a default.",
    ),
    (
        r"UNIQUE constraint failed: (.+)",
        "rows are not unique in {0}",
        "Change or delete the rows that are there twice, then run migrate again.",
    ),
    (
        r"FOREIGN KEY constraint failed",
        "a row points at a row that is not there",
        "`PRAGMA foreign_key_check` in sqlite3 lists such rows: correct or delete them.",
    ),
    (
        r"foreign key mismatch - (.+)",
        "a foreign key points at columns that are neither primary key nor unique: {0}",
        "Make the columns that it points at unique.",
    ),
    (
        r"CHECK constraint failed: (.+)",
        "rows do not meet the condition {0}",
        "Change the rows that do not meet it, then run migrate again.",
    ),
    (
        r"database (?:table )?is locked|database schema is locked",
        "another connection is writing to the database",
        "Wait for it to end, or close the program that has the file open.",
    ),
    (
        r"attempt to write a readonly database",
        "the database is read-only",
        "Let this user write the file and the directory that it is in.",
    ),
    (
        r"database or disk is full",
        "the disk is full",
        "A rebuild needs room for the table once more: make some. What was tried was rolled back.",
    ),
    (
        r"database disk image is malformed|file is not a database",
        "the file is damaged, or is no SQLite database",
        "Restore it from a copy; sqlite3's .recover saves what can be saved.",
    ),
    (
        r"error in (view|trigger|index) (.+?)(?: after (?:rename|drop column))?: (.+)",
        "the {0} {1} would break, or is broken already: {2}",
        "Drop it before this change and create it again after, with RunSQL.",
    ),
    (
        r"cannot store (\S+) value in (\S+) column (\S+)",
        "{2} takes {1} alone, and has a {0}",
        "Convert the values first (RunPython or RunSQL).",
    ),
    (
        r"(no such (?:table|index): .+)",
        "{0}",
        "Was it dropped or renamed by hand? Bring it back as the migrations left it.",
    ),
    (
        r"((?:table|index) .+ already exists)",
        "{0}",
        "It was made outside of the migrations: drop or rename it, or record this migration as "
        "applied with --fake.",
    ),
    (
        r"unable to open database file",
        "the database file cannot be opened",
        "Does its directory exist, and may this user write it?",
    ),
)


def explain(message: str) -> tuple[str, str | None]:
    """Return what is wrong, and the hint that fixes it (None where that is not known)."""
    schema = re.search(r"unknown database (.+)", message)
    if schema:
        return explain_unattached(schema[1])
    for pattern, what, hint in _MEANINGS:
        match = re.search(pattern, message)
        if match:
            return what.format(*match.groups()), hint
    return message, None
