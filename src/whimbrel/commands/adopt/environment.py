"""An env.py's answer to a run in a process of its own, with nothing to migrate."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whimbrel.commands.adopt.project import AlembicProject
from whimbrel.commands.comparison import VERSION_TABLE
from whimbrel.config import environment_with
from whimbrel.schema.table import Name

#: Seconds after which an env.py is given up: it waits for something that is not there.
_LONGEST = 120


@dataclass(frozen=True)
class Target:
    """A metadata that env.py gives Alembic.

    names: "module:attribute" by which it is reached, the best first. held: module, attribute and
    key where only Flask-SQLAlchemy's ``metadatas`` has it. modules: those that make its tables, in
    the order of their import. tables: as its ``tables`` calls them. left_out: those that
    ``include_object`` keeps from Alembic. database: a number; several are for others than one.
    """

    names: Sequence[str]
    held: tuple[str, str, str] | None = None
    modules: Sequence[str] = ()
    tables: Sequence[str] = ()
    left_out: Sequence[str] = ()
    database: int | None = None

    @property
    def shown(self) -> str:
        """The name that people know it by."""
        return self.names[0] if self.names else "target_metadata"

    def called(self, plainly: Collection[str]) -> Target:
        """The target by the first of these names that it has, where it has one."""
        first = [name for name in self.names if name in plainly][:1]
        return replace(self, names=tuple(dict.fromkeys([*first, *self.names])))


@dataclass(frozen=True)
class Environment:
    """An env.py's answer. version_table: None where it says nothing. error: what stopped it."""

    targets: tuple[Target, ...] = ()
    version_table: Name | None = None
    error: str | None = None

    @property
    def trouble(self) -> str | None:
        """A sentence on how far it could be run; None where it ran to its end."""
        if self.error is None:
            return None
        if self.targets:
            return f"env.py stopped before its end, and what it had by then is taken: {self.error}"
        return f"env.py could not be run, and was only read: {self.error}"


def environment_of(project: AlembicProject, root: Path) -> Environment:
    """Run a project's env.py as ``alembic upgrade --sql`` would, with no revision to run."""
    own = [root, root / "src", project.config.resolve().parent, *project.prepended]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        asked = {
            "env": str(project.env.resolve()),
            "config": str(project.config.resolve()),
            "paths": [str(path) for path in dict.fromkeys(own) if path.is_dir()],
            "answer": str(answer),
        }
        error = _run(asked)
        if not answer.is_file():
            return Environment(error=error or "it ended the process")
        found = json.loads(answer.read_text(encoding="utf-8"))
    schema, table = found["version_table"]
    return Environment(
        tuple(Target(**each) for each in found["targets"]),
        Name(schema, table or VERSION_TABLE) if table or schema else None,
        found["error"],
    )


def _run(asked: Mapping[str, Any]) -> str | None:
    """Run it where we are, as people run Alembic."""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "whimbrel.commands.adopt.running"],
            input=json.dumps(asked),
            env=environment_with(),
            capture_output=True,
            check=False,
            text=True,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {_LONGEST} seconds"
    return (ended.stderr.strip().splitlines() or [""])[-1] or None
