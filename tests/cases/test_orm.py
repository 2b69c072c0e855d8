"""Data migrations as Django runs them: each function is run by Django 5.2 and by us, on equal rows.

A case is what a RunPython calls. What it gives, and the rows that it leaves, are compared. Where
we differ on purpose the case says what Django gives and what we give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from beside import Django, Whimbrel, both
from data_cases import (
    SILENT,
    Case,
    authors,
    errors_and_transactions,
    models_of,
    names,
    no_rows,
    read_tables,
)
from projects import Project
from whimbrel import models
from whimbrel.errors import ModelError, WhimbrelError
from whimbrel.sources import native


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sides(request: pytest.FixtureRequest) -> Iterator[tuple[Django, Whimbrel]]:
    """Both, on databases of their own."""
    with both(request, models_of, no_rows) as found:
        yield found


# -- S7, L3, L4, L8 to L14


def parents_are_known(apps: Any, editor: Any, m: Any) -> Any:
    row = authors(apps).create(name="n")
    for title in "ab":
        row.post_set.create(title=title, body="x")
    profile = apps.get_model("blog", "Profile").objects.create(author=row)
    again = authors(apps).get(pk=row.pk)
    return [
        all(post.author is row for post in row.post_set.all()),
        all(post.author is row for post in row.post_set.filter(title="a").order_by("-title")),
        all(post.author is row for post in row.post_set.iterator()),
        row.post_set.first().author is row,
        row.post_set.get(title="b").author is row,
        [post.author.name for post in row.post_set.select_related("author")],
        row.profile is profile,
        again.profile.author is again,
        profile.author is row,
    ]


def other_parents(apps: Any, editor: Any, m: Any) -> Any:
    one, two = authors(apps).create(name="1"), authors(apps).create(name="2")
    one.post_set.create(title="a", body="x")
    two.post_set.create(title="b", body="x")
    posts = (one.post_set.all() | two.post_set.all()).order_by("title")
    return [post.author.name for post in posts]


def text_that_is_not_given(apps: Any, editor: Any, m: Any) -> Any:
    model = apps.get_model("blog", "Post")
    model.objects.create(title="t")
    model(title="s").save()
    model.objects.bulk_create([model(title="b")])
    model.objects.get_or_create(title="g")
    model.objects.update_or_create(title="u")
    apps.get_model("blog", "ContentType").objects.create()
    empty = model()
    return empty.title, empty.body, empty.author_id, model.objects.filter(body="").count()


def what_is_not_there(apps: Any, editor: Any, m: Any) -> Any:
    model = apps.get_model("blog", "Author")
    found = []
    for ask, kind in [
        (lambda: apps.get_model("blog", "Gone"), LookupError),
        (lambda: apps.get_model("gone", "Author"), LookupError),
        (lambda: apps.get_model("blog.Gone"), LookupError),
        (lambda: apps.get_app_config("gone"), LookupError),
        (lambda: apps.get_model("Author"), ValueError),
        (lambda: model._meta.get_field("gone"), exception(m, "FieldDoesNotExist")),
        (lambda: model.objects.get(name="gone"), exception(m, "ObjectDoesNotExist")),
        (lambda: model.objects.filter(gone=1).count(), exception(m, "FieldError")),
        (lambda: model.objects.order_by("gone").first(), exception(m, "FieldError")),
        (lambda: model(gone=1), TypeError),
        (lambda: model().gone, AttributeError),
        (lambda: model.objects.gone, AttributeError),
        (lambda: model.objects.get(name="1", age=2), model.DoesNotExist),
        (lambda: apps.get_model("blog", "Profile")().author, AttributeError),
        (lambda: apps.get_model("blog", "Profile")().author, exception(m, "ObjectDoesNotExist")),
    ]:
        try:
            ask()
        except kind:
            found.append(True)
        except Exception as error:
            found.append(type(error))
        else:
            found.append(False)
    return found


def exception(m: Any, name: str) -> type[Exception]:
    """An exception as a data migration of each of the two imports it."""
    from django.core import exceptions

    found: type[Exception] = getattr(exceptions if m.__name__.startswith("django") else m, name)
    return found


def no_other_side(apps: Any, editor: Any, m: Any) -> Any:
    row = authors(apps).create(name="n")
    found = [hasattr(row, "profile"), getattr(row, "profile", None)]
    try:
        row.profile.author  # noqa: B018
    except apps.get_model("blog", "Profile").DoesNotExist:
        found.append("missing")
    post = apps.get_model("blog", "Post")(title="x")
    return [*found, post.author, hasattr(apps.get_model("blog", "Profile")(), "author")]


def cursors(apps: Any, editor: Any, m: Any) -> Any:
    row = authors(apps).create(name="n")
    authors(apps).create(name="50%")
    found = []
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM blog_author WHERE id = %s", [row.pk])
        found += [cursor.fetchone(), cursor.fetchone()]
        cursor.execute("SELECT name FROM blog_author WHERE id = %(id)s", {"id": row.pk})
        found.append([tuple(each) for each in cursor.fetchall()])
        cursor.execute("SELECT name FROM blog_author WHERE name LIKE '5%'")
        found.append([tuple(each) for each in cursor])
        cursor.execute("SELECT name FROM blog_author WHERE name LIKE '5%%' AND age = %s", [0])
        found.append([tuple(each) for each in cursor.fetchmany(5)])
        cursor.execute("UPDATE blog_author SET age = %s", [7])
        found.append(cursor.rowcount)
        cursor.executemany(
            "UPDATE blog_author SET age = %s WHERE name = %s", [(1, "n"), (2, "50%")]
        )
        cursor.execute("SELECT age, name FROM blog_author ORDER BY age")
        found += [[each[0] for each in cursor.description], [tuple(each) for each in cursor]]
        cursor.execute(
            "UPDATE blog_author SET age = 1 WHERE age > %s AND name <> %s", (Decimal("1.5"), "d")
        )
        found.append(cursor.rowcount)
    cursor = editor.connection.cursor()
    cursor.execute("SELECT count(*) FROM blog_author")
    found.append(cursor.fetchone()[0])
    cursor.close()
    return found


def a_refused_row(apps: Any, editor: Any, m: Any) -> Any:
    IntegrityError, transaction = errors_and_transactions(m)
    row = authors(apps).create(name="n")
    profiles = apps.get_model("blog", "Profile").objects
    profiles.create(author=row)
    found = []
    try:
        with transaction.atomic():
            authors(apps).create(name="gone")
            profiles.create(author=row)
    except IntegrityError:
        found.append("refused")
    try:
        with transaction.atomic(), editor.connection.cursor() as cursor:
            cursor.execute("INSERT INTO blog_profile (author_id) VALUES (%s)", [row.pk])
    except IntegrityError:
        found.append("refused")

    @transaction.atomic
    def more() -> None:
        authors(apps).create(name="stays")

    more()
    return [*found, names(authors(apps))]


def small_things(apps: Any, editor: Any, m: Any) -> Any:
    model = apps.get_model("blog", "Author")
    Q = m.Q
    for name in ("a", "b", "x", "y", "xy"):
        model.objects.create(name=name, age=len(name))
    both_kinds = Q(name="a") ^ Q(age=1)
    null = m.Value(None, m.JSONField())
    model.objects.filter(name="a").update(data=null)
    return [
        model._meta.get_field(field_name="name").name,
        names(model.objects.filter(both_kinds)),
        names(model.objects.filter(~both_kinds)),
        names(model.objects.filter(Q(name="a") ^ Q(name="b") ^ Q(age=1))),
        names(model.objects.filter(Q(name="a") ^ Q())),
        names(model.objects.filter(name__in="xy")),
        names(model.objects.filter(data=null)),
        apps.is_installed("blog"),
        [config.label for config in apps.get_app_configs()],
        apps.get_app_config("blog").label,
        sorted(each.__name__ for each in apps.get_app_config("blog").get_models()),
        apps.get_app_config("blog").get_model("Author") is model,
        [each[0] for each in list(model.objects.order_by("name").values_list("name").iterator())],
    ]


def keys_of_other_types(apps: Any, editor: Any, m: Any) -> Any:
    label = apps.get_model("blog", "Label").objects.create(name="l")
    posts = [apps.get_model("blog", "Post").objects.create(title=title) for title in "abc"]
    first, _, third = (post.pk for post in posts)
    found = []

    def note() -> None:
        found.append(sorted(label.posts.values_list("title", flat=True)))

    label.posts.add(str(first), first, posts[1])
    note()
    label.posts.add(str(first))
    note()
    label.posts.set([str(first), str(third)])
    note()
    label.posts.remove(str(third))
    note()
    apps.get_model("blog", "Post").objects.filter(pk=str(first)).update(author_id=None)
    row = apps.get_model("blog", "Post").objects.get(pk=str(first))
    row.author_id = str(authors(apps).create(name="n").pk)
    row.save()
    return [*found, row.author.name, names(authors(apps).filter(post=str(first)))]


def related_rows_are_made(apps: Any, editor: Any, m: Any) -> Any:
    """Every way in which a related manager makes rows; it gets none that are not related."""
    model = apps.get_model("blog", "Label")
    row = authors(apps).create(name="n")
    post = row.post_set.create(title="a", body="x")
    model.objects.create(name="red")
    got = [
        row.post_set.get_or_create(title="a")[1],
        row.post_set.get_or_create(title="b", defaults={"body": "y"})[1],
        row.post_set.update_or_create(title="b", defaults={"body": "z"})[1],
        post.labels.get_or_create(name="red")[1],
        post.labels.get_or_create(name="red")[1],
        post.labels.update_or_create(name="red", defaults={"name": "blue"})[1],
        post.labels.update_or_create(name="green")[1],
    ]
    row.post_set.bulk_create([apps.get_model("blog", "Post")(title="c")])
    row.post_set.add(apps.get_model("blog", "Post")(title="d"), bulk=False)
    green = post.labels.get(name="green")
    other = row.post_set.get(title="b")
    other.labels.set([green], clear=True)
    return [
        got,
        names(model.objects),
        names(post.labels),
        names(other.labels),
        list(row.post_set.order_by("title").values_list("title", "body")),
    ]


def querysets_are_turned_back(apps: Any, editor: Any, m: Any) -> Any:
    for name, score in (("a", 2), ("b", None), ("c", 1)):
        authors(apps).create(name=name, score=score).post_set.create(title=name, body=name)
    rows, posts = authors(apps), apps.get_model("blog", "Post").objects
    by_score = rows.order_by(m.F("score").asc(nulls_first=True))
    found = [
        [row.name for row in by_score],
        [row.name for row in by_score.reverse()],
        [row.name for row in rows.order_by(m.F("name")).reverse()],
        by_score[:2].last().name,
        "body" in vars(posts.defer("body").defer(None).first()),
        "body" in vars(posts.defer("body").only("body").first()),
        [
            post.author.name
            for post in posts.select_related("author").select_related(None).order_by("title")
        ],
        [
            len(row.post_set.all())
            for row in rows.prefetch_related("post_set").prefetch_related(None)
        ],
        [
            len(row.post_set.all())
            for row in rows.prefetch_related("post_set").iterator(chunk_size=2)
        ],
        [row.author.name for row in apps.get_model("blog", "Profile").objects.select_related()],
        names(rows.filter(pk__in=rows.order_by("name")[:2])),
        rows.none().update(age=1),
        rows.none().delete()[0],
        names(rows.filter(name="a").union(rows.none())),
    ]
    for ask in (
        lambda: rows.order_by("name")[5],
        rows.earliest,
        lambda: rows.bulk_update([], []),
    ):
        try:
            found.append(ask())
        except (IndexError, ValueError, TypeError):
            found.append("refused")
        except Exception as error:
            found.append("refused" if type(error).__name__ == "QueryError" else repr(error))
    return found


def questions_that_mean_nothing(apps: Any, editor: Any, m: Any) -> Any:
    model = apps.get_model("blog", "Author")
    posts = apps.get_model("blog", "Post").objects
    model.objects.create(name="n")
    posts.create(title="t")
    found = []
    for ask in (
        lambda: model.objects.filter(score__gt=None).count(),
        lambda: model.objects.exclude(name__contains=None).count(),
        lambda: model.objects.filter(score__isnull="no").count(),
        lambda: model.objects.filter(score__isnull=None).count(),
        # Not those of no author.
        lambda: posts.filter(author=model(name="never saved")).count(),
        lambda: posts.filter(author__in=[model(name="never saved")]).count(),
        lambda: model.objects.filter(age="x").count(),
        lambda: model.objects.filter(ok="perhaps").count(),
        lambda: model.objects.update(age=m.Case(m.When(m.Q(), then=1))),
        lambda: posts.filter(author=None).count(),
        lambda: posts.filter(author__in=[]).count(),
        lambda: model.objects.filter(name=5).count(),
    ):
        try:
            found.append(ask())
        except Exception:  # of many kinds, with either
            found.append("refused")
    return found


# -- where we differ on purpose


def a_condition_as_a_value(apps: Any, editor: Any, m: Any) -> Any:
    authors(apps).create(name="n")
    return authors(apps).annotate(one=m.Q(score=1)).get().one


def deleted(apps: Any, editor: Any, m: Any) -> Any:
    row = authors(apps).create(name="n")
    row.post_set.create(title="t")
    return row.delete(), apps.get_model("blog", "Post").objects.count()


def a_slice_updated(apps: Any, editor: Any, m: Any) -> Any:
    for name in "ab":
        authors(apps).create(name=name)
    try:
        authors(apps).order_by("name")[:1].update(age=5)
    except TypeError:
        return "refused"
    return list(authors(apps).order_by("name").values_list("age", flat=True))


def odd_along_a_key(apps: Any, editor: Any, m: Any) -> Any:
    posts = apps.get_model("blog", "Post").objects
    posts.create(title="of nobody")
    posts.create(title="a", author=authors(apps).create(name="n", score=1))
    # Of two conditions one is met by the first post, or both, and none by the second.
    rows = posts.exclude(m.Q(title="b") ^ m.Q(author__score__isnull=True))
    both = posts.exclude(m.Q(title="of nobody") ^ m.Q(author__score__isnull=True))
    return [sorted(each.values_list("title", flat=True)) for each in (rows, both)]


def saved_as_it_was_read(apps: Any, editor: Any, m: Any) -> Any:
    row = authors(apps).create(name="n")
    authors(apps).update(name="changed since")
    row.age = 5
    row.save()
    return authors(apps).get().name


CASES = [
    *SILENT,
    Case("S7-parents", parents_are_known),
    Case("S7-other-parents", other_parents),
    Case("L2-text", text_that_is_not_given),
    Case("L3-not-there", what_is_not_there),
    Case("L4-no-other-side", no_other_side),
    Case("L6-cursors", cursors),
    Case("L6-refused", a_refused_row),
    Case("L8-small-things", small_things),
    # NULL is no condition that is met.
    Case("differs-condition", a_condition_as_a_value, differs=(None, False)),
    # The database deletes what hangs on a row; only the model's own rows are counted.
    Case(
        "differs-deleted",
        deleted,
        differs=(((2, {"blog.Post": 1, "blog.Author": 1}), 0), ((1, {"blog.Author": 1}), 0)),
    ),
    Case("differs-slice", a_slice_updated, differs=("refused", [5, 0])),
    # Django joins so that the row of nobody is lost.
    Case("differs-odd", odd_along_a_key, differs=([["a"], ["a"]], [["a"], ["a", "of nobody"]])),
    # What nobody touched is not written.
    Case("differs-saved", saved_as_it_was_read, differs=("n", "changed since")),
    Case("siblings-keys", keys_of_other_types),
    Case("siblings-questions", questions_that_mean_nothing),
    Case("siblings-related", related_rows_are_made),
    Case("siblings-querysets", querysets_are_turned_back),
]  # fmt: skip


def outcome(side: Any, case: Case) -> Any:
    """What a side gives and leaves, or that it refuses."""
    try:
        return side.run(lambda apps, editor, m: (case.body(apps, editor, m), read_tables(editor)))
    except AssertionError:
        raise
    except Exception as error:
        return "refused", error


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_same_as_django(sides: tuple[Django, Whimbrel], case: Case) -> None:
    django, whimbrel = (outcome(side, case) for side in sides)
    if case.differs is not None:
        assert (django[0], whimbrel[0]) == case.differs
    elif django[0] == "refused":
        assert whimbrel[0] == "refused", f"Django refuses: {django[1]!r}"
    else:
        assert whimbrel == django


# -- L1: historical models know nothing of those in models.py


REF = """class Kind(models.Model):
    name = models.CharField(max_length=10)
"""
BLOG = """def new_code():
    return "x"

class Post(models.Model):
    code = models.CharField(max_length=10, default=new_code)
    kind = models.ForeignKey("ref.Kind", on_delete=models.CASCADE, null=True)
"""
FILL = """from whimbrel import migrations
from sqlalchemy import select

def fill(apps, schema_editor):
    Kind = apps.get_model("ref", "Kind")
    Post = apps.get_model("blog", "Post")
    Post.objects.create(kind=Kind.objects.create(name="a"))
    with schema_editor.session() as session:
        assert session.scalars(select(Post).join(Post.kind)).one().kind.name == "a"

class Migration(migrations.Migration):
    dependencies = [("blog", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
"""


def test_a_default_of_models_py_brings_no_live_models_along(
    project_root: Path, database_url: str
) -> None:
    project = Project(project_root, database_url).configured("ref", "blog")
    project.models("ref", REF)
    project.models("blog", BLOG)
    project.do("makemigrations")
    assert "import blog.models" in (project_root / "blog/migrations/0001_initial.py").read_text()
    project.write("blog/migrations/0002_fill.py", FILL)
    project.do("migrate")
    assert project.query("SELECT code, kind_id FROM blog_post") == [("x", 1)]
    project.do("migrate", "blog", "zero")


def test_a_model_that_points_at_none_is_still_refused_when_it_is_used() -> None:
    class Lonely(models.Model):
        friend = models.ForeignKey("nowhere.Friend", on_delete=models.CASCADE)

        class Meta:
            app_label = "lonely_in_orm"

    try:
        with pytest.raises(ModelError, match="points at nowhere"):
            Lonely()
    finally:
        native.forget([Lonely._meta])


# -- L5, L12, L13: what there is not says what to write


NOT_THERE: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "get_for_model": (
        lambda rows, editor: rows.get_for_model(rows.model),
        "app_label=..., model=...",
    ),
    "natural key": (lambda rows, editor: rows.get_by_natural_key("n"), "objects.get("),
    "own manager": (lambda rows, editor: rows.published(), "Managers and querysets of models.py"),
    "raw": (lambda rows, editor: rows.raw("SELECT 1"), "schema_editor.execute"),
    "extra": (lambda rows, editor: rows.extra(where=["1"]), "sqlalchemy.text"),
    "dates": (lambda rows, editor: rows.all().dates("day", "year"), "TruncDay"),
    "_raw_delete": (lambda rows, editor: rows.all()._raw_delete("default"), "delete() is one"),
    "full_clean": (lambda rows, editor: rows.model().full_clean(), "IntegrityError"),
    "save_base": (lambda rows, editor: rows.model().save_base(), "save()"),
    "get_X_display": (lambda rows, editor: rows.model().get_name_display(), "no choices"),
    "get_deferred_fields": (lambda rows, editor: rows.model().get_deferred_fields(), "unloaded"),
    "unique_together": (lambda rows, editor: rows.model._meta.unique_together, "constraints"),
    "get_internal_type": (
        lambda rows, editor: rows.model._meta.get_field("name").get_internal_type(),
        "type(field.field).__name__",
    ),
    "remote_field": (
        lambda rows, editor: rows.model._meta.get_field("name").remote_field,
        "related_model",
    ),
    "introspection": (lambda rows, editor: editor.connection.introspection, "sqlalchemy.inspect"),
    "features": (lambda rows, editor: editor.connection.features, ".vendor"),
    "ops": (lambda rows, editor: editor.connection.ops, "quote_name"),
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_there_is_not_says_what_to_write(sides: tuple[Django, Whimbrel], name: str) -> None:
    ask, said = NOT_THERE[name]
    with pytest.raises(AttributeError) as caught:
        sides[1].run(lambda apps, editor, m: ask(authors(apps), editor))
    assert isinstance(caught.value, WhimbrelError)
    assert said in (caught.value.hint or "")
