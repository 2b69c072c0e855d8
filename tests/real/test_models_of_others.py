"""The SQLAlchemy models of real projects and of a file of ours, brought into both databases and back.

What `create_all` makes of them is what must come out, names of unnamed constraints aside; and what
`create_all` made is inspected and adopted, and does not differ then.

jupyterhub and optuna are always here. The others are heavier, so `.ci/run` has an environment of
their own for them: `tools/environment DIRECTORY 'sqlalchemy<2.1' keystone aiida-core fractal-server`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import catalog
import catalog_sqlite
from created import create_all
from projects import Project
from servers import PostgresServer

HERE = Path(__file__).parent


class Models(NamedTuple):
    """The package that models come with, where they are, and the databases that they are for."""

    package: str
    place: str
    databases: tuple[str, ...] = ("sqlite", "postgresql")


PROJECTS = {
    "jupyterhub": Models("jupyterhub", "jupyterhub.orm:Base"),
    "optuna": Models("optuna", "optuna.storages._rdb.models:BaseModel"),
    "everything": Models("whimbrel", "everything:Base"),
    "keystone": Models("keystone", "collected_keystone:metadata"),
    "aiida": Models("aiida", "collected_aiida:metadata", ("postgresql",)),
    "fractal": Models("fractal_server", "collected_fractal:metadata", ("postgresql",)),
}


def cases() -> Iterator[Any]:
    """Give each set of models on each of its databases; what is not installed is skipped, and said."""
    for name, models in PROJECTS.items():
        for database in models.databases:
            missing = importlib.util.find_spec(models.package) is None
            reason = f"{models.package} is not installed here"
            marks = [pytest.mark.reduced, pytest.mark.skipif(missing, reason=reason)]
            yield pytest.param((models, database), id=f"{name}-{database}", marks=marks)


class Site(NamedTuple):
    """A project that is configured for models, and another empty database."""

    project: Project
    models: Models
    other: str


@pytest.fixture(params=cases())
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    models, database = request.param
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")  # of the projects themselves, on stderr
    monkeypatch.syspath_prepend(str(HERE))
    if database == "sqlite":
        yield made(tmp_path, models, *(f"sqlite:///{tmp_path}/{name}" for name in "ab"))
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as ours, server.fresh_database() as other:
        yield made(tmp_path, models, server.url(ours), server.url(other))


def made(root: Path, models: Models, url: str, other: str) -> Site:
    """Write the project."""
    project = Project(root, url)
    project.write(
        "pyproject.toml",
        '[tool.whimbrel]\ndatabase = "${DATABASE_URL}"\n\n'
        f'[tool.whimbrel.app.theirs]\nmodels = "{models.place}"\nmigrations = "migrations"\n',
    )
    return Site(project, models, other)


def created_all(models: Models, url: str) -> None:
    module, attribute = models.place.split(":")
    found = getattr(importlib.import_module(module), attribute)
    engine = sa.create_engine(url)
    create_all(getattr(found, "metadata", found), engine)
    engine.dispose()


def seen(url: str) -> dict[str, Any]:
    """Return the catalog of a database."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        module = catalog_sqlite if engine.dialect.name == "sqlite" else catalog
        found = module.catalog(connection)
    engine.dispose()
    return found


def nameless(found: dict[str, Any]) -> Any:
    """Return a catalog without what is Whimbrel's, and without names of constraints."""
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


def test_models_of_others_come_and_go(site: Site) -> None:
    project = site.project
    nothing = seen(project.url)
    project.do("makemigrations", "--no-input")
    project.do("migrate")
    created_all(site.models, site.other)
    assert nameless(seen(project.url)) == nameless(seen(site.other))
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    assert project.do("drift").err == "No drift.\n"
    assert len(list((project.root / "migrations").glob("0*.py"))) == 1
    project.do("migrate", "theirs", "zero")
    assert seen(project.url) == nothing


@pytest.mark.parametrize("style", ["native", "sqlalchemy"])
def test_tables_of_others_are_inspected_and_adopted(site: Site, style: str) -> None:
    project = site.project
    created_all(site.models, project.url)
    before = seen(project.url)
    project.configured("blog")
    project.write("blog/models.py")
    project.write("blog/models.py", project.do("inspectdb", "--style", style).out)
    if style == "sqlalchemy":
        project.configured(
            more='[tool.whimbrel.app.blog]\nmodels = "blog.models:Base"\n'
            'migrations = "blog/migrations"\n'
        )
    project.do("makemigrations", "--no-input")
    ended = project.do("migrate", "--fake-initial")
    assert {line.split()[0] for line in ended.err.splitlines()} == {"Recorded"}
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    assert nameless(seen(project.url)) == nameless(before)
