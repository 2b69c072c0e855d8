"""`squashmigrations`: a run of migrations in one file, without asking any database.

What is to be written is a value first; `write` puts it on the disk.
"""

from __future__ import annotations

from whimbrel.config import Config
from whimbrel.errors import UsageError
from whimbrel.history.loader import load
from whimbrel.history.squash import Squashed, squash
from whimbrel.history.writer import write_migration


def make_squash(
    config: Config,
    app: str,
    end: str,
    *,
    start: str | None = None,
    name: str | None = None,
    optimize: bool = True,
) -> Squashed:
    """The squashes of an app's migrations from ``start`` (None: its first) to ``end``.

    name: what files are called after their number. Nothing is written. Raises `UsageError` where
    nothing can become one or a file is there already, `WriteError` where code cannot be taken
    along, and others for a history that is inconsistent.
    """
    own = config.app(app)
    history = load(config.apps)
    found = squash(
        history,
        own.label,
        end,
        directory=own.migrations,
        start=start,
        name=name,
        optimize=optimize,
    )
    for each in found.squashes:
        if each.head.path.exists():
            raise UsageError(
                "this migration file is there already",
                place=str(each.head.path),
                hint="Give another name: --squashed-name NAME.",
            )
    return found


def write(found: Squashed) -> None:
    """Put the squashes on the disk. No file that is there is overwritten."""
    for each in found.squashes:
        write_migration(each.head.path, each.text)
