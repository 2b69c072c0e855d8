"""django-users/05 where columns and tables have names of their own, as all of SQLAlchemy's have."""

from __future__ import annotations

from pathlib import Path

import pytest

from inside import Inside
from projects import Project


@pytest.fixture
def blog(project_root: Path, database_url: str) -> Project:
    """A project with an empty app, once on each database."""
    return Inside(project_root, database_url).configured("blog")


#: What the keys point at and the columns that they have, before and after, and what is answered.
OWN_NAMES = {
    "keys swap": (
        {"a": ("P", "a"), "b": ("Q", "b")},
        {"b": ("P", "b"), "a": ("Q", "a")},
        ["--rename=blog.T.a:b", "--rename=blog.T.b:a"],
    ),
    "one goes, another gets its name": (
        {"a": ("P", "a"), "b": ("Q", "b")},
        {"a": ("Q", "a")},
        ["--rename=blog.T.b:a"],
    ),
    "a chain": (
        {"a": ("P", "a"), "b": ("Q", "b")},
        {"b": ("P", "b"), "c": ("Q", "c")},
        ["--rename=blog.T.a:b", "--rename=blog.T.b:c"],
    ),
    "names alone swap": (
        {"a": ("P", "a_id"), "b": ("Q", "b_id")},
        {"b": ("P", "a_id"), "a": ("Q", "b_id")},
        ["--rename=blog.T.a:b", "--rename=blog.T.b:a"],
    ),
    "names alone go round": (
        {"a": ("P", "a_id"), "b": ("Q", "b_id"), "c": ("P", "c_id")},
        {"b": ("P", "a_id"), "c": ("Q", "b_id"), "a": ("P", "c_id")},
        ["--rename=blog.T.a:b", "--rename=blog.T.b:c", "--rename=blog.T.c:a"],
    ),
    "columns alone swap": (
        {"a": ("P", "x"), "b": ("Q", "y")},
        {"a": ("P", "y"), "b": ("Q", "x")},
        ["--no-rename=blog.T.a", "--no-rename=blog.T.b"],
    ),
    "a column moves, and a new field gets it": (
        {"a": ("P", "x")},
        {"a": ("P", "y"), "b": ("P", "x")},
        [],
    ),
}
PARENTS = "class P(models.Model): pass\nclass Q(models.Model): pass\n"


@pytest.mark.parametrize("case", OWN_NAMES)
def test_columns_of_names_of_their_own_make_room(case: str, blog: Project) -> None:
    """django-users/05, step by step and back, where a rename leaves the column's name as it is."""
    before, after, flags = OWN_NAMES[case]
    value = {"P": 1, "Q": 2}
    key = "    {} = models.ForeignKey({}, models.CASCADE, db_column={!r}, null=True, related_name='+')"

    def says(columns: dict[str, tuple[str, str]]) -> str:
        own = {name: None if at == f"{name}_id" else at for name, (_, at) in columns.items()}
        lines = [key.format(name, to, own[name]) for name, (to, _) in columns.items()]
        return PARENTS + "class T(models.Model):\n" + "\n".join(lines)

    def rows(columns: dict[str, tuple[str, str]]) -> list[tuple[object, ...]]:
        return blog.query(f"SELECT {', '.join(each for _, each in columns.values())} FROM blog_t")

    blog.models("blog", says(before))
    blog.do("makemigrations")
    blog.do("migrate")
    for table, number in (("blog_p", 1), ("blog_q", 2)):
        blog.query(f"INSERT INTO {table} (id) VALUES ({number})")
    there = tuple(value[to] for to, _ in before.values())
    columns = ", ".join(column for _, column in before.values())
    blog.query(f"INSERT INTO blog_t ({columns}) VALUES ({', '.join(map(str, there))})")
    blog.models("blog", says(after))
    blog.do("makemigrations", *flags)
    blog.do("migrate")
    expected = tuple(
        value[to] if name != "b" or len(before) > 1 else None for name, (to, _) in after.items()
    )
    assert rows(after) == [expected]
    assert blog.do("drift").out == blog.do("makemigrations").out == ""
    blog.do("migrate", "blog", "0001")
    lost = len(after) < len(before)
    assert rows(before) == [(None, 2) if lost else there]
    assert blog.do("drift").out == ""


TABLES = """
class P(models.Model):
    {}
    class Meta: db_table = "{}"
class Q(models.Model):
    {}
    class Meta: db_table = "{}"
"""


def test_tables_of_names_of_their_own_make_room(project_root: Path, database_url: str) -> None:
    # Processes of their own: a process maps a table once.
    blog = Project(project_root, database_url).configured("blog")
    n, word = "n = models.IntegerField()", "word = models.CharField(max_length=9)"
    blog.models("blog", TABLES.format(n, "pt", word, "qt"))
    blog.do("makemigrations")
    blog.do("migrate")
    blog.query("INSERT INTO pt (id, n) VALUES (1, 7)")
    blog.query("INSERT INTO qt (id, word) VALUES (2, 'q')")
    blog.models("blog", TABLES.format(word, "pt", n, "qt"))
    blog.do("makemigrations", "--rename=blog.P:Q", "--rename=blog.Q:P")
    blog.models("blog", TABLES.format(word, "qt", n, "pt"))
    blog.do("makemigrations", "--no-rename=blog.P", "--no-rename=blog.Q")
    blog.do("migrate", "blog", "0002")
    assert blog.query("SELECT * FROM pt, qt") == [(2, "q", 1, 7)]
    blog.do("migrate")
    assert blog.query("SELECT * FROM pt, qt") == [(1, 7, 2, "q")]
    assert blog.do("drift").out == blog.do("makemigrations").out == ""
    blog.do("migrate", "blog", "0001")
    assert blog.query("SELECT * FROM pt, qt") == [(1, 7, 2, "q")]
    assert blog.do("drift").out == ""
