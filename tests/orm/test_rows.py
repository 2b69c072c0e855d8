"""Rows: making, saving, deleting, reading again; relations; many at once; on every database."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from blog import make_blog, open_engine
from whimbrel.errors import MissingRow, QueryError, SeveralRows
from whimbrel.models import Count, F, Lower, Q, Value
from whimbrel.orm.apps import Apps


@pytest.fixture
def apps(database_url: str) -> Iterator[Apps]:
    with open_engine(database_url).connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        made = make_blog(connection)
        connection.commit()
        yield made


@pytest.fixture
def get(apps: Apps) -> Callable[[str], Any]:
    return lambda name: apps.get_model("blog", name)


Get = Callable[[str], Any]


# -- one


def test_create_inserts_at_once_and_knows_what_the_database_made(apps: Apps, get: Get) -> None:
    post = get("Post").objects.create(title="x")
    count = apps.connection.exec_driver_sql("SELECT count(*) FROM blog_post").scalar()
    assert (count, post.pk, post.price, post.views) == (5, 5, Decimal("1.50"), 0)
    assert post.added.tzinfo is not None
    assert post.mood == "good"


def test_two_gets_give_two_equal_rows(get: Get) -> None:
    first, second = get("Post").objects.get(pk=1), get("Post").objects.get(pk=1)
    assert first is not second
    assert first == second
    assert len({first, second}) == 1
    assert first != get("Post").objects.get(pk=2)
    assert get("Post")() != get("Post")()


def test_save_inserts_then_updates(get: Get) -> None:
    tag = get("Tag")(name="green")
    assert tag.pk is None
    tag.save()
    tag.name = "lime"
    tag.save()
    assert list(get("Tag").objects.order_by("pk").values_list("name", flat=True)) == [
        "red",
        "blue",
        "lime",
    ]


def test_save_with_a_key_updates_the_row_that_is_there(get: Get) -> None:
    get("Tag")(id=1, name="crimson").save()
    get("Tag")(id=77, name="new").save()
    assert get("Tag").objects.get(pk=1).name == "crimson"
    assert get("Tag").objects.get(pk=77).name == "new"


def test_update_fields_writes_these_alone(get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    post.title, post.views = "changed", 99
    post.save(update_fields=["title"])
    again = get("Post").objects.get(pk=1)
    assert (again.title, again.views) == ("changed", 5)
    assert again.changed == post.changed


def test_auto_now_is_of_save_and_not_of_update(get: Get) -> None:
    posts = get("Post").objects
    before = posts.get(pk=1)
    posts.filter(pk=1).update(views=1)
    assert posts.get(pk=1).changed == before.changed
    before.save()
    after = posts.get(pk=1)
    assert after.changed > after.added
    assert after.added == before.added


def test_an_expression_is_saved_and_read_again(get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    post.views = F("views") + 10
    post.save()
    assert post.views == 15


def test_deferred_fields_are_not_written(get: Get) -> None:
    post = get("Post").objects.only("title").get(pk=1)
    get("Post").objects.filter(pk=1).update(views=42)
    post.title = "new"
    post.save()
    assert get("Post").objects.get(pk=1).views == 42


def test_refresh_from_db(get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    get("Post").objects.update(title="all", views=3)
    post.refresh_from_db(fields=["title"])
    assert (post.title, post.views) == ("all", 5)
    post.refresh_from_db()
    assert post.views == 3


def test_delete_cascades_in_the_database(get: Get) -> None:
    number, by_model = get("Post").objects.get(pk=1).delete()
    assert (number, by_model) == (1, {"blog.Post": 1})
    assert get("Comment").objects.count() == 1
    assert get("Post").tags.through.objects.count() == 1


def test_delete_of_many_is_one_statement(get: Get) -> None:
    assert get("Author").objects.filter(username__in=["Greg", "Anna"]).delete()[0] == 2
    assert get("Post").objects.count() == 1
    assert get("Comment").objects.count() == 0
    assert get("Profile").objects.count() == 0


def test_delete_where_the_connection_does_not_cascade(get: Get, apps: Apps) -> None:
    if apps.connection.dialect.name == "sqlite":
        apps.connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    get("Author").objects.filter(username="Greg").delete()
    assert (get("Post").objects.count(), get("Profile").objects.count()) == (2, 0)
    assert list(get("Comment").objects.values_list("author", "post")) == [(None, 3)]
    assert get("Post").tags.through.objects.count() == 0


def test_errors_of_get(get: Get) -> None:
    Post = get("Post")
    with pytest.raises(Post.DoesNotExist, match=r"no blog.Post meets title='x'") as missing:
        Post.objects.get(title="x")
    with pytest.raises(Post.MultipleObjectsReturned, match="2 rows"):
        Post.objects.get(author__username="Greg")
    assert isinstance(missing.value, MissingRow)
    assert issubclass(Post.MultipleObjectsReturned, SeveralRows)
    assert not issubclass(get("Author").DoesNotExist, Post.DoesNotExist)


# -- get or make


def test_get_or_create(get: Get) -> None:
    tags = get("Tag").objects
    assert tags.get_or_create(name="red")[1] is False
    made, is_new = tags.get_or_create(name__exact="x", defaults={"id": lambda: 50})
    assert (made.pk, made.name, is_new) == (50, "x", True)


def test_update_or_create(get: Get) -> None:
    authors = get("Author").objects
    city = get("City").objects.get(name="Lima")
    greg, is_new = authors.update_or_create(username="Greg", defaults={"city": city})
    assert (greg.city, is_new) == (city, False)
    assert authors.get(username="Greg").city.name == "Lima"
    made, is_new = authors.update_or_create(
        username="New", defaults={"city": city}, create_defaults={"city": None}
    )
    assert (made.city, is_new) == (None, True)


# -- many


def test_bulk_create(get: Get) -> None:
    Post = get("Post")
    made = Post.objects.bulk_create([Post(title=str(n), views=n) for n in range(25)], batch_size=10)
    assert [
        post.views for post in Post.objects.in_bulk([each.pk for each in made]).values()
    ] == list(range(25))
    assert all(post.added for post in made)
    assert len({post.token for post in made}) == 25


def test_bulk_create_beside_conflicts(get: Get) -> None:
    Tag = get("Tag")
    Tag.objects.bulk_create([Tag(name="red"), Tag(name="new")], ignore_conflicts=True)
    assert Tag.objects.count() == 3
    Tag.objects.bulk_create([Tag(name=Lower(Value("RED")))], ignore_conflicts=True)
    assert Tag.objects.count() == 3
    Tag.objects.bulk_create(
        [Tag(id=1, name="changed"), Tag(id=9, name="nine")],
        update_conflicts=True, update_fields=["name"], unique_fields=["id"],
    )  # fmt: skip
    assert Tag.objects.get(id=1).name == "changed"
    with pytest.raises(QueryError, match="unique_fields"):
        Tag.objects.bulk_create([Tag(name="x")], update_conflicts=True)


def test_bulk_update(get: Get) -> None:
    Post = get("Post")
    posts = list(Post.objects.order_by("pk"))
    for post in posts:
        post.title, post.data, post.made = (
            f"n{post.pk}",
            {"n": post.pk},
            dt.datetime(2000, 1, post.pk, tzinfo=dt.UTC),
        )
    posts[0].views = F("views") + 1
    assert Post.objects.bulk_update(posts, ["title", "data", "made", "views"], batch_size=3) == 4
    again = list(Post.objects.order_by("pk"))
    assert [p.title for p in again] == ["n1", "n2", "n3", "n4"]
    assert [p.data["n"] for p in again] == [1, 2, 3, 4]
    assert again[3].made == dt.datetime(2000, 1, 4, tzinfo=dt.UTC)
    assert again[0].views == 6


UPDATES: dict[str, tuple[Callable[[Get], Any], dict[int, Any], str]] = {
    "plain": (lambda get: get("Post").objects.filter(views=5).update(title="x"), {1: "x", 2: "second"}, "title"),
    "an expression": (lambda get: get("Post").objects.update(views=F("views") * 2), {1: 10, 3: 0}, "views"),
    "along a key": (lambda get: get("Post").objects.filter(author__username="Greg").update(is_awesome=True), {1: True, 3: None}, "is_awesome"),
    "not along a key": (lambda get: get("Post").objects.exclude(author__username="Greg").update(is_awesome=False), {1: False, 2: True, 3: False, 4: False}, "is_awesome"),
    "to NULL": (lambda get: get("Post").objects.update(text=None), {1: None, 2: None}, "text"),
    "a row": (lambda get: get("Post").objects.update(author=get("Author").objects.get(username="Anna")), {1: 2, 4: 2}, "author_id"),
    "a slice": (lambda get: get("Post").objects.order_by("-views")[:1].update(title="most"), {1: "First", 2: "most"}, "title"),
    "from another table": (lambda get: get("Post").objects.filter(author__isnull=False).update(title=F("author__username")), {1: "Greg", 3: "Anna", 4: ""}, "title"),
    "a count": (lambda get: get("Post").objects.annotate(n=Count("comments")).update(views=F("n")), {1: 2, 2: 0, 3: 1}, "views"),
    "a condition": (lambda get: get("Post").objects.update(is_awesome=Q(author__username="Greg")), {1: True, 3: False, 4: False}, "is_awesome"),
    "JSON": (lambda get: get("Post").objects.update(data={"a": [1]}), {1: {"a": [1]}, 4: {"a": [1]}}, "data"),
    "a Value": (lambda get: get("Post").objects.update(data=Value({"a": 1})), {1: {"a": 1}}, "data"),
}  # fmt: skip


@pytest.mark.parametrize("name", UPDATES)
def test_update(get: Get, name: str) -> None:
    change, expected, field = UPDATES[name]
    assert change(get) >= 1
    rows = get("Post").objects.in_bulk()
    assert {key: getattr(rows[key], field) for key in expected} == expected


# -- relations


def test_relations_of_rows(get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    assert post.author.username == "Greg"
    assert post.author is post.author
    assert [each.title for each in post.author.post_set.order_by("title")] == ["First", "second"]
    assert post.author.profile.motto == "onwards"
    assert sorted(comment.text for comment in post.comments.all()) == ["hm", "nice"]
    assert post.comments.filter(stars__gt=2).count() == 1
    assert sorted(post.tags.values_list("name", flat=True)) == ["blue", "red"]
    assert sorted(each.title for each in get("Tag").objects.get(name="red").posts.all()) == [
        "First",
        "second",
    ]
    with pytest.raises(get("Profile").DoesNotExist):
        get("Author").objects.get(username="Anna").profile  # noqa: B018


def test_a_key_is_set_by_its_row_or_its_value(get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    post.author = get("Author").objects.get(username="Anna")
    assert post.author_id == 2
    post.author_id = 1
    assert post.author.username == "Greg"
    post.author = None
    post.save()
    assert get("Post").objects.get(pk=1).author is None
    with pytest.raises(QueryError, match=r"takes a blog\.Author"):
        post.author = post


def test_rows_that_point(get: Get) -> None:
    greg, anna = (get("Author").objects.get(username=name) for name in ("Greg", "Anna"))
    made = greg.post_set.create(title="made")
    assert made.author_id == greg.pk
    anna.post_set.add(made)
    assert made.author_id == anna.pk
    anna.post_set.remove(made)
    assert get("Post").objects.get(pk=made.pk).author is None
    anna.post_set.set([made])
    assert [each.title for each in anna.post_set.all()] == ["made"]
    greg.post_set.clear()
    assert not greg.post_set.exists()
    with pytest.raises(QueryError, match="cannot be NULL"):
        get("Post").objects.get(pk=1).comments.clear()


def test_rows_of_a_table_between(get: Get) -> None:
    post = get("Post").objects.get(pk=3)
    red, blue = get("Tag").objects.order_by("-name")
    post.tags.add(red, red, blue.pk)
    post.tags.add(red)
    assert post.tags.count() == 2
    post.tags.remove(red)
    assert list(post.tags.all()) == [blue]
    made = post.tags.create(name="made")
    post.tags.set([red, made])
    assert sorted(each.name for each in post.tags.all()) == ["made", "red"]
    post.tags.clear()
    assert post.tags.count() == 0
    red.posts.add(post)
    assert post in red.posts.all()
    assert red.posts.through is get("Post").tags.through


def test_the_model_between(get: Get) -> None:
    through = get("Post").tags.through
    assert through.objects.count() == 3
    through.objects.bulk_create([through(post_id=4, tag_id=1)])
    assert [each.name for each in get("Post").objects.get(pk=4).tags.all()] == ["red"]
    assert through._meta.db_table == "blog_post_tags"


def test_rows_in_two_tables(get: Get) -> None:
    Review = get("Review")
    review = Review.objects.create(title="good", grade=1, author_id=1)
    assert get("Post").objects.get(pk=review.pk).title == "good"
    assert get("Post").objects.get(pk=review.pk).review.grade == 1
    review.grade, review.title = 2, "better"
    review.save()
    found = Review.objects.select_related("author").get(
        title="better", grade=2, author__username="Greg"
    )
    assert (found.post_ptr.title, found.author.username) == ("better", "Greg")
    assert Review.objects.filter(grade=2).update(title="both", grade=5) == 1
    found.refresh_from_db()
    assert (found.title, found.grade) == ("both", 5)
    assert Review.objects.all().delete() == (1, {"blog.Review": 1})
    assert get("Post").objects.count() == 4


def test_a_composite_key(get: Get) -> None:
    Seat = get("Seat")
    Seat.objects.bulk_create([Seat(row=r, number=n) for r in (1, 2) for n in (1, 2)])
    seat = Seat.objects.get(row=1, number=2)
    assert seat.pk == (1, 2)
    seat.taken = True
    seat.save()
    assert Seat.objects.filter(taken=True).count() == 1
    assert Seat.objects.filter(row=2)[:1].update(taken=True) == 1
    seat.delete()
    assert Seat.objects.count() == 3


# -- SQLAlchemy's own way


def test_select_update_and_sessions(apps: Apps, get: Get) -> None:
    Post, Author, Comment = get("Post"), get("Author"), get("Comment")
    connection = apps.connection
    connection.commit()
    with orm.Session(connection) as session:
        posts = session.scalars(sa.select(Post).join(Post.author).where(Author.username == "Greg"))
        assert sorted(each.title for each in posts) == ["First", "second"]
        assert session.scalar(sa.select(sa.func.count()).select_from(Comment).join(Post)) == 3
        post = session.get_one(Post, 1)
        assert post.author.username == "Greg"
        assert sorted(each.text for each in post.comments) == ["hm", "nice"]
        post.title = "by session"
        session.add(Post(title="added", author=post.author))
        post.tags.remove(next(each for each in post.tags if each.name == "red"))
        session.flush()
        session.execute(sa.update(Post).values(views=9))
        session.commit()
    assert get("Post").objects.filter(title="by session", views=9).count() == 1
    assert get("Post").objects.get(title="added").author.username == "Greg"
    assert [each.name for each in get("Post").objects.get(pk=1).tags.all()] == ["blue"]


def test_a_row_of_objects_in_a_session(apps: Apps, get: Get) -> None:
    post = get("Post").objects.get(pk=1)
    apps.connection.commit()
    with orm.Session(apps.connection) as session:
        session.add(post)
        post.title = "by session"
        session.commit()
    assert get("Post").objects.get(pk=1).title == "by session"


# -- what it costs


def test_only_what_is_asked_for_is_built(apps: Apps, get: Get) -> None:
    from whimbrel.orm import apps_at

    fresh = apps_at(apps.state, apps.connection)
    Comment = fresh.get_model("blog", "Comment")
    Comment.objects.filter(text="x").count()
    assert len(list(fresh.registry.mappers)) == 1
    Comment.objects.filter(post__title="x").count()
    assert {each.class_.__name__ for each in fresh.registry.mappers} == {"Comment", "Post"}


def test_iterator_holds_a_chunk_at_a_time(get: Get) -> None:
    Tag = get("Tag")
    Tag.objects.bulk_create([Tag(name=f"n{n}") for n in range(3000)])
    gc.collect()
    most = 0
    for number, _ in enumerate(Tag.objects.order_by("pk").iterator(chunk_size=100)):
        if number % 500 == 250:
            gc.collect()
            most = max(most, sum(type(each) is Tag for each in gc.get_objects()))
    assert number == 3001
    assert most <= 201


# -- what is not there

MISTAKES: dict[str, tuple[Callable[[Get], Any], str]] = {
    "a field": (lambda get: get("Post").objects.filter(titel="x"), "no field 'titel'(.|\n)*Did you mean 'title'"),
    "a field behind a key": (lambda get: get("Post").objects.filter(author__usrname="x"), "blog.Author has no field 'usrname'(.|\n)*Did you mean 'username'"),
    "a lookup": (lambda get: get("Post").objects.filter(title__icontain="x"), "no lookup 'icontain'(.|\n)*Did you mean 'icontains'"),
    "a part of no date": (lambda get: get("Post").objects.filter(title__year=1), "no lookup 'year'"),
    "a field to update": (lambda get: get("Post").objects.update(titel="x"), "Did you mean 'title'"),
    "a field to make": (lambda get: get("Post")(titel="x"), "Did you mean 'title'"),
    "a field to save": (lambda get: get("Post").objects.first().save(update_fields=["titel"]), "Did you mean 'title'"),
    "a field to order by": (lambda get: get("Post").objects.order_by("-titel"), "Did you mean 'title'"),
    "a field of values": (lambda get: get("Post").objects.values("titel"), "Did you mean 'title'"),
    "a field to defer": (lambda get: get("Post").objects.defer("titel"), "Did you mean 'title'"),
    "a method": (lambda get: get("Post").objects.all().fliter(), "no 'fliter'(.|\n)*Did you mean 'filter'"),
    "a plan": (lambda get: get("Post").objects.all().explain(), "queryset.sql"),
    "a method of a manager": (lambda get: get("Post").objects.published(), "no 'published'"),
    "a method of a row": (lambda get: get("Post").objects.first().get_absolute_url(), "no 'get_absolute_url'"),
    "an attribute of a row": (lambda get: get("Post").objects.first().titel, "Did you mean 'title'"),
    "a relation to prefetch": (lambda get: list(get("Post").objects.prefetch_related("coments")), "Did you mean 'comments'"),
    "a relation to select": (lambda get: list(get("Post").objects.select_related("comments")), "prefetch_related"),
    "a filter after a slice": (lambda get: get("Post").objects.all()[:1].filter(pk=1), "slice"),
    "a database": (lambda get: get("Post").objects.using("defualt"), "Did you mean 'default'"),
    "a negative index": (lambda get: get("Post").objects.all()[-1], "end"),
    "OuterRef alone": (lambda get: list(get("Post").objects.filter(pk__lt=__import__("whimbrel.models").models.OuterRef("pk"))), "no query"),
    "two columns in a filter": (lambda get: list(get("Post").objects.filter(pk__in=get("Tag").objects.values("id", "name"))), "one column"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_what_there_is(get: Get, name: str) -> None:
    ask, words = MISTAKES[name]
    with pytest.raises(QueryError, match=words):
        found = ask(get)
        list(found)


MODELS = {
    ("blog", "Pots"): "Did you mean 'Post'(.|\n)*blog has: City, Author, Tag, Post",
    ("blgo", "Post"): "no app 'blgo'(.|\n)*Did you mean 'blog'",
    ("blog.Nothing",): "no model blog.Nothing",
    ("Post",): "app.Model",
}


@pytest.mark.parametrize("names", MODELS)
def test_models_that_are_not_there(apps: Apps, names: tuple[str, ...]) -> None:
    with pytest.raises(QueryError, match=MODELS[names]):
        apps.get_model(*names)


def test_what_a_model_tells(apps: Apps, get: Get) -> None:
    meta = get("Post")._meta
    assert (meta.db_table, meta.label, meta.model_name, meta.pk.name) == (
        "blog_post",
        "blog.Post",
        "post",
        "id",
    )
    assert (meta.label_lower, meta.app_label, meta.object_name) == ("blog.post", "blog", "Post")
    assert meta.managed and meta.ordering == ()
    assert [each.attname for each in meta.fields][:3] == ["id", "author_id", "title"]
    assert meta.concrete_fields == meta.local_fields == meta.fields
    review = get("Review")._meta
    assert [each.name for each in review.local_fields] == ["post_ptr", "grade"]
    assert review.concrete_fields == (*meta.fields, *review.local_fields)
    assert [each.name for each in meta.many_to_many] == ["tags"]
    assert meta.get_fields() == [*meta.fields, *meta.many_to_many]
    assert [each.name for each in meta.fields if each.is_relation] == ["author"]
    assert meta.get_field("title").max_length == 50
    assert meta.get_field("author").related_model is get("Author")
    assert apps.get_model("blog.post") is get("Post")
    assert len(apps.get_models("blog")) == 8
