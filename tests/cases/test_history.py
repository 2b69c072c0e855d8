"""Files, squashes and questions: what real use ran into, each case with what must happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import Project

KEY = '("id", models.BigAutoField(primary_key=True))'


@pytest.fixture
def blog(tmp_path: Path, database_url: str) -> Project:
    """A project with an empty app, once on each database."""
    root = tmp_path / "project"
    root.mkdir()
    return Project(root, database_url).configured("blog")


# -- django-users/03 -------------------------------------------------------------------------

TAGGED = (
    f'migrations.CreateModel("Tag", fields=[{KEY}])',
    f'migrations.CreateModel("Key", fields=[{KEY}])',
    f'migrations.CreateModel("Post", fields=[{KEY}, ("words", models.TextField(default="")),'
    ' ("tags", models.ManyToManyField("blog.Tag"))])',
)
LINK = (
    f'migrations.CreateModel("Link", fields=[{KEY},'
    ' ("post", models.ForeignKey("blog.Post", on_delete=models.CASCADE)),'
    ' ("tag", models.ForeignKey("blog.Tag", on_delete=models.CASCADE, db_index=False))],'
    ' options={"db_table": "blog_post_tags"})'
)
THROUGH = (
    'migrations.AlterField("Post", "tags", models.ManyToManyField("blog.Tag", through="blog.Link"))'
)


def tagged(blog: Project) -> None:
    """One post with one tag."""
    blog.migration("blog", "0001_initial", *TAGGED)
    blog.do("migrate")
    for each in ("blog_tag (id) VALUES (1)", "blog_post (id, words) VALUES (1, 'a')"):
        blog.query(f"INSERT INTO {each}")
    blog.query("INSERT INTO blog_post_tags (post_id, tag_id) VALUES (1, 1)")


def test_a_table_that_a_through_model_takes_over_keeps_its_rows(blog: Project) -> None:
    """django-users/03: the recipe that the refusal gives, forwards and back."""
    tagged(blog)
    state = f"migrations.SeparateDatabaseAndState(state_operations=[{LINK}, {THROUGH}])"
    first = ("blog", "0001_initial")
    refused = blog.migration(
        "blog", "0002_t", THROUGH.replace("blog.Link", "blog.Key"), after=[first]
    )
    ended = blog.run("migrate")
    assert (ended.code, "SeparateDatabaseAndState" in ended.err) == (4, True)
    refused.unlink()
    blog.migration("blog", "0002_link", state, after=[first])
    more = 'migrations.AddField("Link", "note", models.IntegerField(default=7))'
    blog.migration("blog", "0003_note", more, after=[("blog", "0002_link")])
    blog.do("migrate")
    assert blog.query("SELECT post_id, tag_id, note FROM blog_post_tags") == [(1, 1, 7)]
    blog.do("migrate", "blog", "0001")
    assert blog.query("SELECT post_id, tag_id FROM blog_post_tags") == [(1, 1)]
