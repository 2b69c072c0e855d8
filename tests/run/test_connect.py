"""From a configured URL to a connection, or to an error that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from whimbrel.config import Config
from whimbrel.errors import ConfigError, ConnectError, UnsupportedError, WhimbrelError
from whimbrel.run.connect import Database, connected, database_of, dialect_of


def database(url: str, root: Path = Path("/project")) -> Database:
    return database_of(Config(root, databases={"default": url}))


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("url", "spoken"),
    [
        ("postgresql://h/d", "postgresql+psycopg://h/d"),
        ("postgres://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+asyncpg://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+asyncpg://h/d?ssl=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql+asyncpg://h/d?async_fallback=1", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg_async://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("mysql+aiomysql://h/d", "mysql+pymysql://h/d"),
        ("mysql+asyncmy://h/d", "mysql+pymysql://h/d"),
        ("sqlite:///db.sqlite3", "sqlite+pysqlite:////project/db.sqlite3"),
        ("sqlite+aiosqlite:///data/x.db", "sqlite+pysqlite:////project/data/x.db"),
        ("sqlite:////tmp/x.db", "sqlite+pysqlite:////tmp/x.db"),
        ("sqlite://", "sqlite+pysqlite://"),
    ],
)
def test_a_synchronous_driver_speaks_for_every_url(url: str, spoken: str) -> None:
    pytest.importorskip("pymysql" if url.startswith("mysql") else "psycopg")
    assert database(url).url.render_as_string() == spoken


@pytest.mark.reduced
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@h/d",
        "postgresql+asyncpg://me:s3cret@h/d",
        "postgresql://me@h/d?password=s3cret",
        "postgresql://me@h/d?sslpassword=s3cret",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    shown = database(url).shown
    assert "s3cret" not in shown
    assert "***" in shown


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("url", "error", "message", "mend"),
    [
        ("oracel://h/d", ConfigError, "no database 'oracel'", "postgresql://"),
        ("me:s3cret@h/d", ConfigError, "cannot be parsed", "%40"),
        ("postgresql://h:s3cret/d", ConfigError, "cannot be parsed", "%40"),
        ("mysql+mysqldb://u:s3cret@h/d", UnsupportedError, "no engine for 'mysql'", "postgresql"),
        ("oracle://u:s3cret@h/d", UnsupportedError, "no engine for 'oracle'", "postgresql"),
        ("postgresql+pg8000://u:s3cret@h/d", ConnectError, "no driver", "pg8000"),
    ],
)
def test_a_url_that_leads_nowhere(
    url: str, error: type[WhimbrelError], message: str, mend: str
) -> None:
    with pytest.raises(error) as caught:
        database(url)
    assert message in caught.value.message
    assert mend in str(caught.value.mend)
    assert "s3cret" not in str(caught.value)


@pytest.mark.reduced
def test_the_dialect_needs_no_driver() -> None:
    config = Config(Path("/"), databases={"default": "mysql+mysqldb://h/d"})
    assert dialect_of(config) == "mysql"


def test_where_nobody_listens(tmp_path: Path) -> None:
    with (
        pytest.raises(ConnectError) as caught,
        connected(database("postgresql://me:s3cret@localhost:1/d")),
    ):
        pass
    assert "s3cret" not in str(caught.value)
    assert "Is the server up" in str(caught.value.mend)


def test_a_database_that_is_not_there(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url).set(database="nowhere")
    with (
        pytest.raises(ConnectError) as caught,
        connected(database(url.render_as_string(hide_password=False))),
    ):
        pass
    assert caught.value.mend == "Make it: createdb nowhere"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    there = database("sqlite:///nowhere/db.sqlite3", tmp_path)
    assert there.is_missing
    with pytest.raises(ConnectError) as caught, connected(there):
        pass
    assert f"mkdir -p {tmp_path / 'nowhere'}" in str(caught.value.mend)


def test_a_database_without_an_engine_is_not_connected_to() -> None:
    with pytest.raises(UnsupportedError), connected(database("mysql+pymysql://u@localhost:1/d")):
        pass


def test_a_connection_works(database_url: str) -> None:
    with connected(database(database_url)) as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
