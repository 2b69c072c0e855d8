"""From a configured URL to a connection, or to an error that says what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import examples
from whimbrel.config import Config
from whimbrel.errors import ConfigError, ConnectError, UnsupportedError, WhimbrelError
from whimbrel.run.connect import Database, database_of, dialect_of, open_connection


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
        ("postgresql+asyncpg://h/d?timeout=5", "postgresql+psycopg://h/d?connect_timeout=5"),
        ("postgresql+asyncpg://h/d?timeout=0.5", "postgresql+psycopg://h/d?connect_timeout=1"),
        ("postgresql+asyncpg://h/d?command_timeout=60", "postgresql+psycopg://h/d"),
        ("postgresql+asyncpg://h/d?statement_cache_size=0", "postgresql+psycopg://h/d"),
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
        "postgresql://me@h/d?passwd=s3cret",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    shown = database(url).shown
    assert "s3cret" not in shown
    assert "***" in shown


@pytest.mark.reduced
@pytest.mark.parametrize(
    ("url", "error", "message", "hint"),
    [
        ("oracel://h/d", ConfigError, "no database 'oracel'", "postgresql://"),
        ("me:s3cret@h/d", ConfigError, "cannot be parsed", "%40"),
        ("postgresql://h:s3cret/d", ConfigError, "cannot be parsed", "%40"),
        # A raw "@" ends a password too early; the rest would be shown as a host.
        ("postgresql://me:p@s3cret@h/d", ConfigError, "has an", "%40"),
        ("postgresql://me:p@s3/cret@h/d", ConfigError, "has an", "%40"),
        ("postgresql://me:p@s3cret?@h/d", ConfigError, "has an", "%40"),
        ("postgresql://me:p@s3cret?x=@h/d", ConfigError, "has an", "%40"),
        ("postgresql://m/e:s3cret@h/d", ConfigError, "has an", "%40"),
        ("postgresql://me:p@s3:cret@h/d", ConfigError, "cannot be parsed", "%40"),
        ("sqlite://me:s3cret@host/x", ConfigError, "no hosts", "three slashes"),
        ("sqlite://me@host/x", ConfigError, "no hosts", "three slashes"),
        ("sqlite://data/x.db", ConfigError, "no hosts", "three slashes"),
        ("mysql+mysqldb://u:s3cret@h/d", UnsupportedError, "no engine for 'mysql'", "postgresql"),
        ("oracle://u:s3cret@h/d", UnsupportedError, "no engine for 'oracle'", "postgresql"),
        ("postgresql+pg8000://u:s3cret@h/d", ConnectError, "no driver", "pg8000"),
    ],
)
def test_a_url_that_leads_nowhere(
    url: str, error: type[WhimbrelError], message: str, hint: str
) -> None:
    with pytest.raises(error) as caught:
        database(url)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert not re.search("s3|cret", str(caught.value))


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(
        st.sampled_from(["s3cret", *"@/:#?%&=[]+ \\'", "%40", "://", "&s3cret=x"]),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["{}:{}@h/d", "{}:{}@h:5/d?a=1", "me@h/d?password={1}", "{0}:{1}@/d?host=h"]),
    st.booleans(),
)
def test_no_part_of_a_password_is_shown(parts: list[str], rest: str, is_variable: bool) -> None:
    """Whether it was read as it was meant, or the URL is refused."""
    password = "".join(["p", *parts, "s3cret"])
    url = "postgresql://" + rest.format("me", "${W}" if is_variable else password)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("W", password)
        try:
            found = database(url)
            told = found.shown
        except WhimbrelError as error:
            assert not is_variable, "any characters may stand in a variable"
            told = str(error)
    assert not re.search("s3|cret", told)
    if is_variable:
        given = found.url.password or found.url.query["password"]
        assert given == re.sub("%40", "@", password)


@pytest.mark.parametrize("word", ["p@ss/w#rd", "a:b?c=d&e", "ü %", "50%25off", "[x]", "@", "a b+c"])
@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://${W}:x@h:5/d", "username"),
        ("postgresql://me:${W}@h:5/d", "password"),
        ("postgresql://me@h:5/d?password=${W}&a=1", "query"),
        ("postgresql+asyncpg://me@h:5/d?a=1&user=${W}", "query"),
    ],
)
def test_a_variable_may_have_any_characters(
    url: str, part: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was escaped by hand, as it had to be, stays as it is."""
    monkeypatch.setenv("W", word)
    found = database(url).url
    assert (found.host, found.port, found.database) == ("h", 5, "d")
    said = getattr(found, part)
    said = said.get("password") or said.get("user") if part == "query" else said
    wanted = "50%off" if word == "50%25off" else word
    assert said == (wanted.replace("+", " ") if "user=" in url else wanted)
    assert part != "password" or word not in database(url).shown or word == "@"


@pytest.mark.parametrize(
    ("url", "spoken"),
    [
        ("${W}", "postgresql+psycopg://me:p@h:5/d"),
        ("${W}?sslmode=require", "postgresql+psycopg://me:p@h:5/d?sslmode=require"),
        (
            "postgresql://${AUTH}@${HOST}/${NAME}?${QUERY}",
            "postgresql+psycopg://u:p%40s@h:5/d?a=1&b=2",
        ),
        ("postgresql:///d?host=${SOCKET}", "postgresql+psycopg:///d?host=%2Ftmp%2Fx"),
    ],
)
def test_a_variable_may_be_any_part_of_a_url(
    url: str, spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "W": "postgresql://me:p@h:5/d",
        "AUTH": "u:p@s",
        "HOST": "h:5",
        "NAME": "d",
        "QUERY": "a=1&b=2",
        "SOCKET": "/tmp/x",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert database(url).url.render_as_string(hide_password=False) == spoken


@pytest.mark.reduced
def test_the_dialect_needs_no_driver() -> None:
    config = Config(Path("/"), databases={"default": "mysql+mysqldb://h/d"})
    assert dialect_of(config) == "mysql"


def test_where_nobody_listens(tmp_path: Path) -> None:
    with (
        pytest.raises(ConnectError) as caught,
        open_connection(database("postgresql://me:s3cret@localhost:1/d")),
    ):
        pass
    assert "s3cret" not in str(caught.value)
    assert "Is the server up" in str(caught.value.hint)


def test_a_database_that_is_not_there(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url).set(database="nowhere")
    with (
        pytest.raises(ConnectError) as caught,
        open_connection(database(url.render_as_string(hide_password=False))),
    ):
        pass
    assert caught.value.hint == "Make it: createdb nowhere"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    spaced = database("sqlite:///no where/db.sqlite3", tmp_path)
    with pytest.raises(ConnectError) as caught, open_connection(spaced):
        pass
    assert f"mkdir -p '{tmp_path / 'no where'}'" in str(caught.value.hint)
    there = database("sqlite:///nowhere/db.sqlite3", tmp_path)
    assert there.is_missing
    with pytest.raises(ConnectError) as caught, open_connection(there):
        pass
    assert f"mkdir -p {tmp_path / 'nowhere'}" in str(caught.value.hint)


def test_a_database_without_an_engine_is_not_connected_to() -> None:
    with (
        pytest.raises(UnsupportedError),
        open_connection(database("mysql+pymysql://u@localhost:1/d")),
    ):
        pass


def test_a_connection_works(database_url: str) -> None:
    with open_connection(database(database_url)) as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
