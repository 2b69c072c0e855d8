"""Tables of others that stand in a project's MetaData: alembic-users/F07, adoption/12."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from inside import Inside

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

sa.Table("users", Base.metadata, sa.Column("id", sa.Integer, primary_key=True),
         sa.Column("email", sa.String(50)){users})

class Profile(Base):
    __tablename__ = "profile"
    id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)

class ItemView(Base):
    __tablename__ = "item_view"
    __table_args__ = {view}
    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[str] = mapped_column(sa.String(20))
"""
THEIRS = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(20))",
    "CREATE VIEW item_view AS SELECT 1 AS id, 'x' AS a",
    "INSERT INTO users VALUES (1, 'a')",
)

#: How it is said that users and item_view are somebody else's: configuration, users, item_view.
SAID = {
    "exclude": ('exclude = ["users", "item_*"]\n', "", "{}"),
    "info": ("", ', info={"managed": False}', '{"info": {"managed": False}}'),
    "is_view": ('exclude = ["users"]\n', "", '{"info": {"is_view": True}}'),
}


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Inside:
    return Inside(tmp_path / "project", database_url)


def described(project: Inside, config: str, users: str = "", view: str = "{}") -> None:
    project.write(
        "whimbrel.toml",
        f'database = "${{DATABASE_URL}}"\n{config}'
        '[app.core]\nmodels = "core.models:Base"\nmigrations = "core/migrations"\n',
    )
    project.write("core/__init__.py")
    project.write("core/models.py", MODELS.replace("{users}", users).replace("{view}", view))


def is_settled(project: Inside) -> None:
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    assert project.do("drift").err == "No drift.\n"
    assert project.query("SELECT email FROM users") == [("a",)]
    assert project.query("SELECT a FROM item_view") == [("x",)]


def keys_of(project: Inside, table: str) -> list[str]:
    """The tables that its foreign keys point at."""
    engine = sa.create_engine(project.url)
    try:
        return [key["referred_table"] for key in sa.inspect(engine).get_foreign_keys(table)]
    finally:
        engine.dispose()


@pytest.mark.parametrize("how", SAID)
def test_they_are_pointed_at_and_left_alone(project: Inside, how: str) -> None:
    for statement in THEIRS:
        project.query(statement)
    described(project, *SAID[how])
    made = project.do("makemigrations")
    text = (project.root / "core/migrations/0001_initial.py").read_text()
    assert text.count('"managed": False') == 2, made.out
    project.do("migrate")
    is_settled(project)
    assert "profile" in project.tables()
    assert keys_of(project, "profile") == ["users"]

    # What changes about them changes nothing there; and all of it goes back.
    models = project.root / "core/models.py"
    models.write_text(models.read_text().replace("String(50)", "String(90)"))
    project.do("makemigrations")
    project.do("migrate")
    is_settled(project)
    project.do("migrate", "core", "zero")
    assert project.query("SELECT email FROM users") == [("a",)]
    assert "profile" not in project.tables()


def test_what_a_file_says_by_hand_is_kept(project: Inside) -> None:
    for statement in THEIRS:
        project.query(statement)
    described(project, "")
    project.do("makemigrations")
    file = project.root / "core/migrations/0001_initial.py"
    text = file.read_text()
    for table in ("users", "item_view"):
        text = text.replace(f'"db_table": "{table}"', f'"db_table": "{table}", "managed": False')
    file.write_text(text)
    assert text.count("managed") == 2
    project.do("migrate")
    is_settled(project)
    assert project.do("check").code == 0


def test_a_table_is_handed_over_and_taken_back(project: Inside) -> None:
    described(project, "")
    project.do("makemigrations")
    project.do("migrate")
    project.query("INSERT INTO users VALUES (1, 'a')")
    described(project, 'exclude = ["users"]\n')
    assert "Alter options of users" in project.do("makemigrations").out
    project.do("migrate")
    assert project.query("SELECT email FROM users") == [("a",)]
    project.query("ALTER TABLE users ADD COLUMN theirs INTEGER")
    assert project.do("drift").err == "No drift.\n"
    described(project, "", ', info={"managed": True}')
    assert "Alter options of users" in project.do("makemigrations").out
    project.do("migrate")
    assert "users.theirs" in project.run("drift").out
