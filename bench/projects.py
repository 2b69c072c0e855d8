"""Write one history as a project of each tool: `python bench/projects.py 500 DIRECTORY [SEED]`.

A process of its own: the memory that it takes must not be inherited by what is measured.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import alembic_project
import django_project
import whimbrel_project

from history import make_history

WRITERS = {
    "whimbrel": whimbrel_project.write_project,
    "before": whimbrel_project.write_project,
    "alembic": alembic_project.write_project,
    "django": django_project.write_project,
}


def main(migrations: str, directory: str, seed: str = "1") -> None:
    made = make_history(int(migrations), int(seed))
    for tool, write in WRITERS.items():
        root = Path(directory, tool)
        root.mkdir(parents=True)
        write(made, root)
        _age(root)


def _age(root: Path) -> None:
    """Make the files an hour old: what changed this very second is rightly not cached."""
    moment = time.time() - 3600
    for path in root.rglob("*"):
        os.utime(path, (moment, moment))


if __name__ == "__main__":
    main(*sys.argv[1:])
