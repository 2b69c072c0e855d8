"""The SQLAlchemy models of jupyterhub, of optuna and of a file of ours, brought into both databases and back.

What `create_all` makes of them is what must come out, names of unnamed constraints aside.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import catalog
import catalog_sqlite
from servers import PostgresServer

pytestmark = pytest.mark.reduced

PROJECTS = {
    "jupyterhub": "jupyterhub.orm:Base",
    "optuna": "optuna.storages._rdb.models:BaseModel",
    "everything": "everything:Base",
}


@pytest.fixture(params=PROJECTS)
def models(request: pytest.FixtureRequest) -> str:
    """Where the models are: "module:attribute"."""
    return PROJECTS[request.param]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Two empty databases: ours, and the one for `create_all`."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ours.sqlite3", f"sqlite:///{tmp_path}/theirs.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as ours, server.fresh_database() as theirs:
        yield server.url(ours), server.url(theirs)


def whimbrel(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "whimbrel", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def seen(url: str) -> dict[str, Any]:
    """The catalog of a database."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        module = catalog_sqlite if engine.dialect.name == "sqlite" else catalog
        found = module.catalog(connection)
    engine.dispose()
    return found


def nameless(found: dict[str, Any]) -> Any:
    """A catalog without what is Whimbrel's, and without names of constraints."""
    if "tables" not in found:
        return {
            name: _nameless_table(table) if name.startswith("table ") else table
            for name, table in found.items()
            if "whimbrel" not in name
        }
    kept = {
        what: [row for row in rows if "whimbrel" not in repr(row)] for what, rows in found.items()
    }
    backing = {(row[0], row[2]) for row in kept["constraints"]}
    constraints = sorted((row[0], row[1], row[3]) for row in kept["constraints"])
    indexes = [row for row in kept["indexes"] if (row[0], row[2]) not in backing]
    return {**kept, "constraints": constraints, "indexes": indexes}


def _nameless_table(table: dict[str, Any]) -> dict[str, Any]:
    return {
        **table,
        "keys": sorted(key[1:] for key in table["keys"]),
        "checks": sorted(body for _, body in table["checks"]),
        "uniques": sorted(body for _, body in table["uniques"]),
        "primary": [],
    }


def test_models_of_others_come_and_go(
    models: str, urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = urls
    shutil.copy(Path(__file__).with_name("everything.py"), tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.whimbrel]\ndatabase = "{ours}"\n\n'
        f'[tool.whimbrel.app.theirs]\nmodels = "{models}"\nmigrations = "migrations"\n'
    )
    nothing = seen(ours)

    def run(*arguments: str) -> str:
        done = whimbrel(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("makemigrations", "--no-input")
    run("migrate")
    module, attribute = models.split(":")
    engine = sa.create_engine(theirs)
    getattr(importlib.import_module(module), attribute).metadata.create_all(engine)
    engine.dispose()
    assert nameless(seen(ours)) == nameless(seen(theirs))

    run("makemigrations", "--check")
    assert len(list((tmp_path / "migrations").glob("0*.py"))) == 1
    run("migrate", "theirs", "zero")
    assert seen(ours) == nothing
