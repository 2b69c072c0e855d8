"""A project whose models are SQLAlchemy's, in this process: files made, carried out, compared with create_all."""

from __future__ import annotations

import itertools
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from real.test_models_of_others import nameless, seen
from whimbrel.commands.drift import Drift, find_drift
from whimbrel.commands.make import make_migrations, write
from whimbrel.commands.migrate import migrate
from whimbrel.config import Config, load_config
from whimbrel.history.loader import History, load
from whimbrel.planning.plan import Target

HEAD = """\
import enum
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

"""

_numbers = itertools.count(1)


class Others:
    """The project. Each text of models is a module of its own, so that it is imported anew."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url
        self.module = ""
        root.mkdir(exist_ok=True)

    @property
    def dialect(self) -> str:
        return sa.make_url(self.url).get_backend_name()

    def says(self, text: str, *, head: str = HEAD) -> Others:
        """With these models from now on; they are in ``metadata``."""
        self.module = f"others_{next(_numbers)}"
        (self.root / f"{self.module}.py").write_text(head + text)
        (self.root / "pyproject.toml").write_text(
            f'[tool.whimbrel]\ndatabase = "{self.url}"\n\n[tool.whimbrel.app.core]\n'
            f'models = "{self.module}:metadata"\nmigrations = "migrations"\n'
        )
        return self

    def table(self, column: str, before: str = "") -> Others:
        """With one table, which has this column."""
        return self.says(
            f'{before}\nsa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), '
            f"sa.Column({column}))\n"
        )

    @property
    def config(self) -> Config:
        return load_config(self.root)

    def make(self) -> list[str]:
        """The texts of the files that the models ask for; they are written."""
        made = make_migrations(self.config)
        write(made)
        return [each.text for each in made]

    def go(self, name: str | None = None) -> None:
        """To the newest migration, or to another."""
        migrate(self.config, Target("core", name) if name else Target())

    def history(self) -> History:
        return load(self.config.apps)

    def drift(self) -> Drift:
        return find_drift(self.config)

    def catalog(self) -> Any:
        return nameless(seen(self.url))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        engine = sa.create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.execute(sa.text(sql))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def created(self, url: str) -> Any:
        """The catalog of another database in which create_all has made the tables."""
        engine = sa.create_engine(url)
        sys.path.insert(0, str(self.root))
        try:
            import_module(self.module).metadata.create_all(engine)
        finally:
            sys.path.remove(str(self.root))
            engine.dispose()
        return nameless(seen(url))
