"""A project with rows, and migrations of rows, run in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from projects import CREATE, Project
from whimbrel.commands.migrate import migrate
from whimbrel.commands.results import MigrateResult
from whimbrel.config import Config, load_config
from whimbrel.planning.plan import Target
from whimbrel.run.events import Event

FILE = """\
from whimbrel import migrations, models
from whimbrel.migrations import RunPython, RunSQL, SeparateDatabaseAndState

{functions}

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = {after!r}
    operations = [{operations}]
"""

#: A table of numbers.
CREATED = CREATE.format(name="Row")


class Rows:
    """The project, its migrations made with `file` and carried out with `go`."""

    def __init__(self, root: Path, url: str) -> None:
        self.project = Project(root, url).configured("blog")
        self.project.write("blog/migrations/__init__.py")
        self.project.write(
            "pyproject.toml", f'[tool.whimbrel]\napps = ["blog"]\ndatabase = "{url}"\n'
        )
        self.events: list[Event] = []
        self._last: str | None = None
        self._after: dict[str, list[tuple[str, str]]] = {}

    @property
    def is_postgresql(self) -> bool:
        return self.project.url.startswith("postgresql")

    def config(self, url: str | None = None) -> Config:
        """As it is in its file; ``url``: of the same database, in other words."""
        config = load_config(self.project.root)
        return replace(config, databases={"default": url}) if url else config

    def file(self, name: str, operations: str, functions: str = "", *, atomic: bool = True) -> Path:
        """One more migration, after the last one; or a file that is there, written anew."""
        if name not in self._after:
            self._after[name] = [("blog", self._last)] if self._last else []
            self._last = name
        text = FILE.format(
            functions=functions, atomic=atomic, after=self._after[name], operations=operations
        )
        return self.project.write(f"blog/migrations/{name}.py", text)

    def made(self, *numbers: int) -> Rows:
        """With the table of numbers, and these in it."""
        self.file("0001_row", CREATED)
        self.go()
        for number in numbers:
            self.query(f"INSERT INTO blog_row (number) VALUES ({number})")
        return self

    def go(
        self, name: str | None = None, *, url: str | None = None, **options: Any
    ) -> MigrateResult:
        """To the newest migration, or to one by name."""
        target = Target("blog", name) if name else Target()
        options = {"emit": self.events.append, **options}
        return migrate(self.config(url), target, **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.project.query(sql)

    def numbers(self, table: str = "blog_row") -> list[int]:
        """What is in the table."""
        return [number for (number,) in self.query(f"SELECT number FROM {table} ORDER BY number")]

    def applied(self) -> list[str]:
        """The names of what is recorded."""
        return [label.partition(".")[2] for label in self.project.applied()]
