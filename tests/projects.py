"""A project in a directory of its own, and the command line run in it as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from forks import run_module

#: Two models and a key between them, in most of what is tested here.
BLOG = """
class Author(models.Model):
    name = models.CharField(max_length=100)

class Post(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
"""

CREATE = """migrations.CreateModel("{name}", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("number", models.IntegerField(default=0)),
])"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """A project: its directory, and the URL of its database."""

    root: Path
    url: str

    def configured(self, *apps: str, more: str = "") -> Project:
        """With these apps, which get empty packages."""
        for app in apps:
            self.write(f"{app}/__init__.py")
        names = ", ".join(f'"{app}"' for app in apps)
        self.write(
            "pyproject.toml",
            f'[tool.whimbrel]\napps = [{names}]\ndatabase = "${{DATABASE_URL}}"\n{more}',
        )
        return self

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def models(self, app: str, text: str) -> None:
        self.write(f"{app}/models.py", f"from whimbrel import models\n\n{text}")

    def migration(
        self,
        app: str,
        name: str,
        *operations: str,
        after: Iterable[tuple[str, str]] = (),
        atomic: bool = True,
    ) -> Path:
        """A migration file, written by hand."""
        self.write(f"{app}/migrations/__init__.py")
        listed = "".join(f"        {operation},\n" for operation in operations)
        return self.write(
            f"{app}/migrations/{name}.py",
            "from whimbrel import migrations, models\n\n"
            "class Migration(migrations.Migration):\n"
            f"    atomic = {atomic}\n"
            f"    dependencies = {list(after)!r}\n"
            f"    operations = [\n{listed}    ]\n",
        )

    def chain(self, app: str, length: int, start: int = 1) -> list[str]:
        """Migrations that each make a model, one after the other."""
        names = [f"{number:04d}_m{number}" for number in range(start, start + length)]
        for number, name in enumerate(names, start=start):
            after = [(app, f"{number - 1:04d}_m{number - 1}")] if number > 1 else []
            self.migration(app, name, CREATE.format(name=f"M{number}"), after=after)
        return names

    # -- running

    def environment(self, **variables: str) -> dict[str, str]:
        known = {key: value for key, value in os.environ.items() if not key.startswith("WHIMBREL")}
        return {**known, "DATABASE_URL": self.url, **variables}

    def start(self, *args: str, **extra: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(args),
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **extra,
        )

    def run(
        self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Ended:
        """A command, in the project's directory, without a terminal."""
        ended = run_module("whimbrel", args, cwd or self.root, self.environment(**(env or {})))
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def do(self, *args: str) -> Ended:
        """A command that must end well."""
        ended = self.run(*args)
        assert ended.code == 0, ended.err
        return ended

    # -- looking

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows from the database, or none from a statement that gives none."""
        engine = sa.create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.execute(sa.text(sql))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def tables(self) -> set[str]:
        """The names of the tables that are there."""
        engine = sa.create_engine(self.url)
        try:
            return set(sa.inspect(engine).get_table_names())
        finally:
            engine.dispose()

    def applied(self) -> list[str]:
        """The labels of what is recorded, in their order."""
        if "whimbrel_migrations" not in self.tables():
            return []
        rows = self.query("SELECT app, name FROM whimbrel_migrations ORDER BY app, name")
        return [f"{app}.{name}" for app, name in rows]


def command(args: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "whimbrel", *args]


def kill(process: subprocess.Popen[str]) -> None:
    """As `kill -9` does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
