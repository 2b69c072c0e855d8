"""Tables of SQLAlchemy's in two databases: brought by migrations, and made by `create_all`."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

import catalog
import catalog_sqlite
from whimbrel.commands.drift import Drift, find_drift
from whimbrel.commands.make import make_migrations, write
from whimbrel.commands.migrate import migrate
from whimbrel.config import Config, load_config
from whimbrel.planning.plan import EVERYTHING, Target

_numbers = itertools.count()
HEAD = """
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
metadata = sa.MetaData()
"""


def create_all(metadata: sa.MetaData, bind: sa.Engine | sa.Connection) -> None:
    """SQLAlchemy's, without its mark: keys that it added by themselves would be left out next time."""
    metadata.create_all(bind)
    for table in metadata.tables.values():
        for key in table.foreign_key_constraints:
            key._create_rule = None


@dataclass
class Created:
    """A project of one app, `core`, whose models are a MetaData. theirs: the other database."""

    root: Path
    ours: str
    theirs: str
    module: str = ""

    def said(self, text: str) -> Created:
        """With these tables: source that follows `HEAD`; each time they are read anew."""
        sys.modules.pop(self.module, None)
        self.module = f"said_{next(_numbers)}"
        (self.root / f"{self.module}.py").write_text(HEAD + text)
        (self.root / "whimbrel.toml").write_text(
            f'database = "{self.ours}"\n[app.core]\n'
            f'models = "{self.module}:metadata"\nmigrations = "migrations"\n'
        )
        return self

    @property
    def config(self) -> Config:
        return load_config(self.root)

    def imported(self) -> ModuleType:
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))
        importlib.invalidate_caches()
        return importlib.import_module(self.module)

    def close(self) -> None:
        sys.modules.pop(self.module, None)
        sys.path[:] = [each for each in sys.path if each != str(self.root)]

    # -- what is done

    def makemigrations(self) -> str:
        """The text of the files that are written."""
        made = make_migrations(self.config)
        write(made)
        return "\n".join(each.text for each in made)

    def migrate(self, target: Target = EVERYTHING, **more: Any) -> None:
        migrate(self.config, target, **more)

    def create_all(self, url: str | None = None) -> None:
        engine = sa.create_engine(url or self.theirs)
        create_all(self.imported().metadata, engine)
        engine.dispose()

    def drift(self) -> Drift:
        return find_drift(self.config)

    # -- what is there

    def query(self, sql: str, url: str | None = None) -> list[tuple[Any, ...]]:
        engine = sa.create_engine(url or self.ours, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(sa.text(sql))
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows

    def seen(self, url: str | None = None) -> dict[str, Any]:
        """The catalog of a database, without what is Whimbrel's."""
        engine = sa.create_engine(url or self.ours, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            module = catalog_sqlite if engine.dialect.name == "sqlite" else catalog
            found = module.catalog(connection)
        engine.dispose()
        if "tables" in found:
            return {
                what: sorted(repr(row) for row in rows if "whimbrel" not in repr(row))
                for what, rows in found.items()
            }
        return {name: table for name, table in found.items() if "whimbrel" not in name}

    def assert_same(self) -> None:
        """Both databases are alike; names that nobody gave are left out."""
        assert nameless(self.seen()) == nameless(self.seen(self.theirs))


def nameless(found: Any) -> Any:
    """A catalog in which the names that Whimbrel or a database gives have no part."""
    if "tables" not in found:
        return {
            name: _without_names(table) if name.startswith("table ") else table
            for name, table in found.items()
        }
    # core_item_pk here, item_pkey there; those that the models give are compared.
    return {
        what: sorted(
            re.sub(
                r"\b(core_\w+_(pk|uniq|fk|check|enum)(_[0-9a-f]{8})?|\w+_(pkey|key|fkey|check))\b",
                "?",
                row,
            )
            for row in rows
        )
        for what, rows in found.items()
    }


def _without_names(table: dict[str, Any]) -> dict[str, Any]:
    def plain(name: str) -> str:
        return "" if not name or name.startswith("core_") else name

    return {
        **table,
        "keys": sorted((plain(key[0]), *key[1:]) for key in table["keys"]),
        "checks": sorted((plain(name), body) for name, body in table["checks"]),
        "uniques": sorted((plain(name), body) for name, body in table["uniques"]),
        "primary": [],
    }
