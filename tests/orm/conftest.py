"""The blog on each database, for the tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blog import make_blog, open_engine
from whimbrel.orm.apps import Apps


@pytest.fixture(scope="session")
def servers(postgresql_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The blog on each database; a case rolls back what it did."""
    with postgresql_server.fresh_database() as name:
        urls = {
            "sqlite": f"sqlite:///{tmp_path_factory.mktemp('blog') / 'db.sqlite3'}",
            "postgresql": postgresql_server.url(name),
        }
        engines = {dialect: open_engine(url) for dialect, url in urls.items()}
        found = {}
        for dialect, engine in engines.items():
            connection = engine.connect()
            found[dialect] = make_blog(connection)
            connection.commit()
        yield found
        for apps in found.values():
            apps.connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def apps(request: pytest.FixtureRequest, servers: dict[str, Apps]) -> Iterator[Apps]:
    found = servers[request.param]
    connection = found.connection
    if request.param == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("BEGIN")
    yield found
    if request.param == "sqlite":
        connection.exec_driver_sql("ROLLBACK")
    connection.rollback()
