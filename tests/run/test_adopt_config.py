"""Which of Alembic's URLs are written into a project's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from whimbrel.commands.adopt.config import configure
from whimbrel.commands.adopt.project import AlembicProject
from whimbrel.schema.table import Name

URLS = {
    "sqlite:///acme.sqlite3": True,
    "postgresql://me@db/acme": True,
    "postgresql://me:secret@db/acme": False,
    "postgresql:///acme?user=me&password=secret": False,
    "postgresql://db/acme?sslpassword=secret": False,
    "postgresql://m/e:secret@db/acme": False,
    "postgresql://db/acme?passwd=secret": False,
    "driver://user:secret@db/acme": False,
    "%(secret)s": False,
}


@pytest.mark.parametrize("url", URLS)
def test_no_password_is_written_down(url: str, tmp_path: Path) -> None:
    project = AlembicProject(
        tmp_path / "alembic.ini", tmp_path / "alembic", {}, Name(None, "alembic_version"), url
    )
    text = configure(project, None, tmp_path, ["acme.db:Base"]).text
    assert (url in text) is URLS[url]
    assert "secret" not in text
    assert ("${DATABASE_URL}" in text) is not URLS[url]
