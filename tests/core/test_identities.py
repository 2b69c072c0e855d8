"""Identities that a squash keeps: what is made under new names counts as what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lawful import normal
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.history.squash.equivalence import rows_after
from whimbrel.operations import Operation, replay
from whimbrel.operations.identities import differing_identities, find_identities_to_keep
from whimbrel.state.lowering import lower
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair

ID = ("id", models.BigAutoField(primary_key=True))


def char(**options: Any) -> models.CharField:
    return models.CharField(max_length=40, **options)


def post(name: str = "Post", field: str = "title", **options: Any) -> m.CreateModel:
    return m.CreateModel(name, [ID, (field, char(unique=True))], options)


SLUG = m.AddField("Post", "slug", char(default="x", db_index=True))

#: before the run, the run, what stands for it.
CASES: dict[str, tuple[list[Operation], list[Operation], list[Operation]]] = {
    "nothing to keep": ([], [post(), SLUG], [post(), SLUG]),
    "a model": ([], [post(), m.RenameModel("Post", "Article")], [post("Article")]),
    "a field": ([], [post(), m.RenameField("Post", "title", "head")], [post(field="head")]),
    "both": (
        [],
        [post(), m.RenameField("Post", "title", "head"), m.RenameModel("Post", "Article")],
        [post("Article", "head")],
    ),
    "a field of a model that was there": (
        [post()],
        [SLUG, m.RenameField("Post", "slug", "path")],
        [m.AddField("Post", "path", char(default="x", db_index=True))],
    ),
    "a field of a model that was there, renamed": (
        [post()],
        [SLUG, m.RenameField("Post", "slug", "path"), m.RenameModel("Post", "Article")],
        [
            m.RenameModel("Post", "Article"),
            m.AddField("Article", "path", char(default="x", db_index=True)),
        ],
    ),
    "a second birth": (
        [],
        [post(), m.DeleteModel("Post"), post()],
        [post()],
    ),
    "a second birth of a field": (
        [post()],
        [SLUG, m.RemoveField("Post", "slug"), SLUG],
        [SLUG],
    ),
    "what is gone": (
        [post()],
        [SLUG, m.RemoveField("Post", "slug"), post("Temp"), m.DeleteModel("Temp")],
        [],
    ),
    "an index made twice": (
        [post()],
        [
            m.AddIndex("Post", models.Index("title")),
            m.RemoveIndex("Post", "blog_post_title_index"),
            m.AddIndex("Post", models.Index("title")),
        ],
        [m.AddIndex("Post", models.Index("title"))],
    ),
    "an index of what was renamed": (
        [],
        [
            m.CreateModel("Post", [ID, ("title", char())], {"indexes": [models.Index("title")]}),
            m.RenameModel("Post", "Article"),
            m.RenameField("Article", "title", "head"),
        ],
        [m.CreateModel("Article", [ID, ("head", char())], {"indexes": [models.Index("head")]})],
    ),
    "names that changed hands": (
        [],
        [post(), m.RenameModel("Post", "Old"), post(), m.RenameModel("Post", "New")],
        [post("Old"), post("New")],
    ),
}


def after(state: State, operations: Sequence[Operation]) -> State:
    return replay("blog", operations, StatePair.of(state)).models


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_counts_as_what_it_was(case: str) -> None:
    start, run, squash = CASES[case]
    before = after(State(), start)
    wanted = after(before, run)
    needed = find_identities_to_keep("blog", before, squash, wanted)
    made = after(before, [*([needed] if needed else []), *squash])
    assert differing_identities(made, wanted) == []
    assert normal(lower(made)) == normal(lower(wanted))
    assert (needed is None) == (case == "nothing to keep")
    # What comes later is called the same, too.
    later = [post(name) for name in ("Post", "Temp", "Article") if f"blog.{name}" not in made]
    assert normal(lower(after(made, later))) == normal(lower(after(wanted, later)))


@pytest.mark.parametrize("case", [case for case in CASES if case != "nothing to keep"])
def test_it_would_be_missed(case: str) -> None:
    start, run, squash = CASES[case]
    before = after(State(), start)
    assert differing_identities(after(before, squash), after(before, run)) != []


def test_what_is_not_there_yet_waits_for_its_birth_and_is_used_once() -> None:
    keep = m.KeepIdentities({"Article": "blog.Post", "Article.title": "blog.Post.name"})
    state = after(State(), [keep, post("Article"), m.RemoveField("Article", "title")])
    assert state.model("blog.Article").key == "blog.Post"
    again = after(state, [m.AddField("Article", "title", char(default=""))])
    assert again.model("blog.Article").field("title").key == "blog.Post.title#2"
    twice = after(state, [m.DeleteModel("Article"), post("Article")])
    assert twice.model("blog.Article").key == "blog.Article#2"


def test_rows_beside_a_key_without_a_column_are_no_bug() -> None:
    """Whoever makes a table of it refuses it; a squash that asks what rows have does not break."""
    fields = [ID, ("others", models.ManyToManyField("Post"))]
    at = replay(
        "blog", [m.CreateModel("Post", fields, {"primary_key": ["others"]})], StatePair.empty()
    )
    assert set(rows_after("blog", [SLUG], at)) == {"blog.Post.slug"}
