"""What `create_all` makes, `migrate` makes: names, checks, options of tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from created import Created
from servers import PostgresServer
from whimbrel.errors import HistoryError
from whimbrel.run.plan import Target


@pytest.fixture(params=["sqlite", "postgresql"])
def created(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Created]:
    """A project and two empty databases of one kind."""
    root = tmp_path / "project"
    root.mkdir()
    if request.param == "sqlite":
        made = Created(root, f"sqlite:///{tmp_path}/ours.db", f"sqlite:///{tmp_path}/theirs.db")
        yield made
        made.close()
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as ours, server.fresh_database() as theirs:
        made = Created(root, server.url(ours), server.url(theirs))
        yield made
        made.close()


only_sqlite = pytest.mark.parametrize("created", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("created", ["postgresql"], indirect=True)


def is_postgresql(created: Created) -> bool:
    return created.ours.startswith("postgresql")


# -- a database made by create_all, without a naming convention ----------------------------------

NAMELESS = """
sa.Table("p", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("u", sa.Integer, unique=True),
    sa.Column("x", sa.Integer, index=True),
    sa.CheckConstraint("x > 0"))
sa.Table("c", metadata,
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("b", sa.Integer, primary_key=True),
    sa.Column("p_id", sa.ForeignKey("p.id")),
    sa.Column("q_id", sa.ForeignKey("p.u")),
    sa.UniqueConstraint("p_id", "q_id"),
    sa.CheckConstraint("a > b"))
"""
#: The same without what has no name in it.
BARE = """
sa.Table("p", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("u", sa.Integer, unique=True),
    sa.Column("x", sa.Integer))
sa.Table("c", metadata,
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("p_id", sa.Integer),
    sa.Column("q_id", sa.ForeignKey("p.u", ondelete="CASCADE")))
"""


def test_what_create_all_made_is_adopted_under_the_names_of_migrations(created: Created) -> None:
    """A later migration takes away what it does on a database that migrations made."""
    created.said(NAMELESS).makemigrations()
    created.create_all(created.ours)
    if is_postgresql(created):
        with pytest.raises(HistoryError, match="under other names") as caught:
            created.migrate(fake_initial=True)
        assert "--fake-initial --rename" in str(caught.value.mend)
    created.migrate(fake_initial=True, rename=True)
    assert not created.drift()
    created.said(BARE).makemigrations()
    created.migrate()
    assert not created.drift()
    created.create_all()
    created.assert_same()
    created.migrate(Target("core", "0001"))
    assert not created.drift()


@only_postgresql
def test_what_differs_otherwise_is_not_renamed(created: Created) -> None:
    created.said(NAMELESS).makemigrations()
    created.create_all(created.ours)
    created.query("ALTER TABLE c DROP COLUMN q_id")
    with pytest.raises(HistoryError, match="q_id: column is missing"):
        created.migrate(fake_initial=True, rename=True)
    assert ("c_pkey",) in created.query("SELECT conname FROM pg_constraint")
