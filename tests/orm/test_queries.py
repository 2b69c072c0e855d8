"""Every lookup and every method of querysets against rows, on every database: a row a case.

A case is a query, as a function of the model Post (or of ``apps``), and what it gives. Posts are
known by their titles.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from blog import moment
from whimbrel.models import (
    Avg,
    Case,
    Cast,
    CharField,
    Coalesce,
    Concat,
    Count,
    Exists,
    ExtractYear,
    F,
    Func,
    Greatest,
    IntegerField,
    Least,
    Length,
    Lower,
    Max,
    Min,
    Now,
    NullIf,
    OuterRef,
    Prefetch,
    Q,
    Replace,
    RowNumber,
    Subquery,
    Substr,
    Sum,
    TextField,
    Trim,
    TruncMonth,
    Upper,
    Value,
    When,
    Window,
    prefetch_related_objects,
)
from whimbrel.orm import apps_at
from whimbrel.orm.apps import Apps

ALL = ["", "First", "Third", "second"]


def titles(rows: Any) -> list[str]:
    return sorted(row.title for row in rows)


def prefetched(posts: Any, *lookups: Any) -> list[Any]:
    """The posts, and then what relations lead to."""
    found = list(posts.order_by("pk"))
    prefetch_related_objects(found, *lookups)
    return found


LOOKUPS: dict[str, tuple[Any, list[str]]] = {
    "exact": ({"title": "First"}, ["First"]),
    "exact by name": ({"title__exact": "First"}, ["First"]),
    "exact None": ({"text": None}, ["Third"]),
    "iexact": ({"title__iexact": "SECOND"}, ["second"]),
    "iexact None": ({"text__iexact": None}, ["Third"]),
    "contains": ({"title__contains": "ir"}, ["First", "Third"]),
    "contains, case": ({"title__contains": "IR"}, []),
    "contains %": ({"text__contains": "%"}, ["second"]),
    "contains _": ({"text__contains": "f_n"}, ["second"]),
    "contains, of a number": ({"views__contains": "7"}, ["second"]),
    "contains nothing": ({"title__contains": ""}, ALL),
    "icontains": ({"title__icontains": "IR"}, ["First", "Third"]),
    "startswith": ({"title__startswith": "F"}, ["First"]),
    "startswith, case": ({"title__startswith": "f"}, []),
    "istartswith": ({"title__istartswith": "f"}, ["First"]),
    "endswith": ({"title__endswith": "nd"}, ["second"]),
    "endswith, case": ({"title__endswith": "ND"}, []),
    "endswith nothing": ({"title__endswith": ""}, ALL),
    "iendswith": ({"title__iendswith": "ND"}, ["second"]),
    "in": ({"title__in": ["First", "second", "x"]}, ["First", "second"]),
    "in nothing": ({"title__in": []}, []),
    "in with None": ({"title__in": ["First", None]}, ["First"]),
    "in very many": ({"views__in": [*range(100_000, 180_000), 7]}, ["second"]),
    "in very many texts": ({"title__in": [*map(str, range(80_000)), "First"]}, ["First"]),
    "in a set": ({"views__in": {0, 1}}, ["", "Third"]),
    "gt": ({"views__gt": 5}, ["second"]),
    "gte": ({"views__gte": 5}, ["First", "second"]),
    "lt": ({"views__lt": 1}, ["Third"]),
    "lte": ({"views__lte": 1}, ["", "Third"]),
    "range": ({"views__range": (1, 5)}, ["", "First"]),
    "range of dates": (
        {"made__range": [moment(2021, 1, 1), moment(2021, 7, 1)]}, ["second"],
    ),
    "isnull": ({"made__isnull": True}, [""]),
    "isnull False": ({"made__isnull": False}, ["First", "Third", "second"]),
    "regex": ({"title__regex": "^[FT]"}, ["First", "Third"]),
    "regex, case": ({"title__regex": "^f"}, []),
    "iregex": ({"title__iregex": "^f"}, ["First"]),
    "a number as text": ({"views": "5"}, ["First"]),
    "a decimal as text": ({"price": "2.25"}, ["second"]),
    "a moment as text": ({"made": "2020-01-05T10:30:15+00:00"}, ["First"]),
    "a moment in another zone": (
        {"made": dt.datetime(2020, 1, 5, 12, 30, 15, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
        ["First"],
    ),
    "an enum": ({"mood": "bad"}, ["Third"]),
    "truth": ({"is_awesome": True}, ["second"]),
    "year": ({"made__year": 2020}, ["First"]),
    "year and gte": ({"made__year__gte": 2021}, ["Third", "second"]),
    "month": ({"made__month": 6}, ["second"]),
    "day": ({"made__day": 31}, ["Third"]),
    "hour": ({"made__hour": 10}, ["First"]),
    "minute": ({"made__minute": 59}, ["second"]),
    "second": ({"made__second": 15}, ["First"]),
    "quarter": ({"made__quarter": 4}, ["Third"]),
    "week": ({"made__week": 1}, ["First"]),
    "iso_year": ({"made__iso_year": 2020}, ["First"]),
    "week_day": ({"made__week_day": 1}, ["First"]),
    "iso_week_day": ({"made__iso_week_day": 7}, ["First"]),
    "date": ({"made__date": dt.date(2021, 6, 30)}, ["second"]),
    "date and gt": ({"made__date__gt": dt.date(2021, 6, 30)}, ["Third"]),
    "time": ({"made__time": dt.time(0, 0)}, ["Third"]),
    "length": ({"title__length": 5}, ["First", "Third"]),
    "pk": ({"pk": 1}, ["First"]),
    "pk__in": ({"pk__in": [1, 2]}, ["First", "second"]),
    "a key": ({"author": 1}, ["First", "second"]),
    "a key by its column": ({"author_id": 1}, ["First", "second"]),
    "a key, isnull": ({"author__isnull": True}, [""]),
    "a key, in": ({"author__in": [2]}, ["Third"]),
    "a key's key": ({"author__id": 2}, ["Third"]),
    "a key's pk, gt": ({"author__pk__gt": 1}, ["Third"]),
    "along a key": ({"author__username": "Greg"}, ["First", "second"]),
    "along a key, with a lookup": ({"author__username__istartswith": "g"}, ["First", "second"]),
    "along two keys": ({"author__city__name": "Oslo"}, ["First", "second"]),
    "along two keys to a key": ({"author__city": 2}, ["Third"]),
    "a date of another": ({"author__born__year": 1980}, ["First", "second"]),
    "along one to one, backwards": ({"author__profile__motto": "onwards"}, ["First", "second"]),
    "none behind": ({"author__profile__isnull": True}, ["", "Third"]),
    "backwards": ({"comments__text": "hm"}, ["First"]),
    "backwards, each row": ({"comments__text": "nice"}, ["First", "Third"]),
    "backwards, none": ({"comments__isnull": True}, ["", "second"]),
    "backwards and along": ({"comments__author__username": "Greg"}, ["Third"]),
    "four deep": ({"comments__author__city__name__icontains": "osl"}, ["Third"]),
    "four hops": ({"comments__post__author__city__name": "Lima"}, ["Third"]),
    "both of one comment": ({"comments__text": "nice", "comments__stars": 1}, []),
    "many to many": ({"tags__name": "blue"}, ["First"]),
    "many to many, key": ({"tags": 1}, ["First", "second"]),
    "many to many, none": ({"tags__isnull": True}, ["", "Third"]),
    "JSON key": ({"data__n": 5}, ["First"]),
    "JSON key, order": ({"data__n__gt": 5}, ["second"]),
    "JSON path": ({"data__a__b__1": 2}, ["First"]),
    "JSON whole": ({"data": ["k", "l"]}, ["Third"]),
    "JSON text": ({"data__a": "x"}, ["second"]),
    "JSON text, icontains": ({"data__a__icontains": "X"}, ["second"]),
    "JSON truth": ({"data__t": True}, ["First"]),
    "JSON object": ({"data__a": {"b": [1, 2]}}, ["First"]),
    "JSON in": ({"data__n__in": [7, 8]}, ["second"]),
    "JSON isnull": ({"data__n__isnull": True}, ["", "Third"]),
    "JSON has_key": ({"data__has_key": "a"}, ["First", "second"]),
    "JSON has_key, deep": ({"data__a__has_key": "b"}, ["First"]),
    "JSON has_keys": ({"data__has_keys": ["a", "n"]}, ["First", "second"]),
    "JSON has_any_keys": ({"data__has_any_keys": ["z", "n"]}, ["First", "second"]),
    "JSON contains": ({"data__contains": {"n": 5, "a": {"b": [1]}}}, ["First"]),
    "JSON contains an item": ({"data__contains": ["k"]}, ["Third"]),
    "another field": ({"views": F("id")}, []),
    "a reckoned field": ({"views__gt": F("id") * 2 + 2}, ["First", "second"]),
    "a field along a key": ({"views__gt": F("author__id")}, ["First", "second"]),
}  # fmt: skip


#: Rows with other JSON than asks for: what they lack is unknown, and so is its negation, as in
#: Django. (Where there is no JSON at all, the negation is true.)
LACKING = {
    f"JSON {name}": {"Third"}
    for name in ("key", "key, order", "text", "text, icontains", "truth", "object", "in")
} | {
    "JSON path": {"Third", "second"},
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_filter(apps: Apps, name: str) -> None:
    lookups, expected = LOOKUPS[name]
    Post = apps.get_model("blog", "Post")
    assert titles(Post.objects.filter(**lookups).distinct()) == expected
    # Under a NOT, and under two, each lookup along comments is about any of them, as in Django.
    if not any("__" in key and "comments" in key and len(lookups) > 1 for key in lookups):
        assert titles(Post.objects.exclude(~Q(**lookups)).distinct()) == expected
        others = {*ALL} - {*expected} - LACKING.get(name, set())
        assert titles(Post.objects.exclude(**lookups)) == sorted(others)


CONDITIONS: dict[str, tuple[Any, list[str]]] = {
    "or": (Q(title="First") | Q(views=0), ["First", "Third"]),
    "and": (Q(title="First") & Q(views=5), ["First"]),
    "not": (~Q(title="First"), ["", "Third", "second"]),
    "not, of NULL": (~Q(text="Hello World"), ["", "Third", "second"]),
    "not along a key": (~Q(author__username="Greg"), ["", "Third"]),
    "not or": (~(Q(title="First") | Q(views=0)), ["", "second"]),
    "not not": (~~Q(title="First"), ["First"]),
    "empty": (Q(), ALL),
    "not empty": (~Q(pk__in=[]), ALL),
    "no comment of one star": (~Q(comments__stars=1), ["", "Third", "second"]),
    "or across": (Q(author__username="Anna") | Q(tags__name="blue"), ["First", "Third"]),
    "a pair": (Q(("title", "First")), ["First"]),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(apps: Apps, name: str) -> None:
    condition, expected = CONDITIONS[name]
    assert titles(apps.get_model("blog", "Post").objects.filter(condition)) == expected


Ask = Callable[[Any, Any], Any]

#: A query, of the models by ``get`` and of all posts; and its answer.
METHODS: dict[str, tuple[Ask, Any]] = {
    "all": (lambda get, posts: titles(posts.all()), ALL),
    "none": (lambda get, posts: list(posts.none()), []),
    "none, count": (lambda get, posts: posts.none().count(), 0),
    "none, aggregate": (lambda get, posts: posts.none().aggregate(n=Count("id")), {"n": 0}),
    "get": (lambda get, posts: posts.get(title="First").views, 5),
    "first": (lambda get, posts: posts.first().title, "First"),
    "first of an order": (lambda get, posts: posts.order_by("views").first().title, "Third"),
    "first of none": (lambda get, posts: posts.filter(views=99).first(), None),
    "last": (lambda get, posts: posts.last().title, ""),
    "last of an order": (lambda get, posts: posts.order_by("views").last().title, "second"),
    "latest": (lambda get, posts: posts.exclude(made=None).latest("made").title, "Third"),
    "earliest": (lambda get, posts: posts.exclude(made=None).earliest("made").title, "First"),
    "exists": (lambda get, posts: (posts.filter(views=0).exists(), posts.filter(views=9).exists()), (True, False)),
    "count": (lambda get, posts: posts.filter(views__gt=0).count(), 3),
    "count of a slice": (lambda get, posts: posts.all()[1:3].count(), 2),
    "count of joined rows": (lambda get, posts: posts.filter(comments__isnull=False).count(), 3),
    "count of distinct rows": (lambda get, posts: posts.filter(comments__isnull=False).distinct().count(), 2),
    "len": (lambda get, posts: len(posts.all()), 4),
    "truth": (lambda get, posts: (bool(posts.all()), bool(posts.none())), (True, False)),
    "in": (lambda get, posts: posts.first() in posts.all(), True),
    "contains": (lambda get, posts: posts.filter(views=0).contains(posts.first()), False),
    "order_by": (lambda get, posts: [p.views for p in posts.order_by("-views")], [7, 5, 1, 0]),
    "order_by two": (lambda get, posts: [p.views for p in posts.order_by("author", "views") if p.author_id][:3], [5, 7, 0]),
    "order_by across": (lambda get, posts: [p.title for p in posts.exclude(author=None).order_by("author__username", "-title")], ["Third", "second", "First"]),
    "order_by expression": (lambda get, posts: [p.title for p in posts.order_by(Lower("title").desc())], ["Third", "second", "First", ""]),
    "order_by nulls": (lambda get, posts: [p.title for p in posts.order_by(F("made").desc(nulls_last=True))], ["Third", "second", "First", ""]),
    "order_by a query": (lambda get, posts: [p.views for p in posts.order_by(-F("views"))], [7, 5, 1, 0]),
    "ordered": (lambda get, posts: (posts.ordered, posts.order_by("views").ordered), (False, True)),
    "order_by ?": (lambda get, posts: titles(posts.order_by("?")), ALL),
    "reverse": (lambda get, posts: [p.views for p in posts.order_by("views").reverse()], [7, 5, 1, 0]),
    "distinct": (lambda get, posts: sorted(posts.filter(tags__isnull=False).values_list("author_id", flat=True).distinct()), [1]),
    "distinct in an order": (lambda get, posts: [p.title for p in posts.filter(tags__isnull=False).order_by("author__username", "title").distinct()], ["First", "second"]),
    "values": (lambda get, posts: list(posts.filter(pk=1).values("title", "author", "author__username")), [{"title": "First", "author": 1, "author__username": "Greg"}]),
    "values of all": (lambda get, posts: sorted(get("Tag").objects.values().first()), ["id", "name"]),
    "values of expressions": (lambda get, posts: list(posts.filter(pk=1).values(low=Lower("title"))), [{"low": "first"}]),
    "values of JSON": (lambda get, posts: list(posts.filter(pk=1).values_list("data__a__b", flat=True)), [[1, 2]]),
    "values_list": (lambda get, posts: list(posts.order_by("views").values_list("title", "views")[:2]), [("Third", 0), ("", 1)]),
    "values_list flat": (lambda get, posts: list(posts.order_by("views").values_list("views", flat=True)), [0, 1, 5, 7]),
    "values_list named": (lambda get, posts: posts.order_by("views").values_list("title", "views", named=True)[0].title, "Third"),
    "values_list of an expression": (lambda get, posts: list(posts.filter(pk=1).values_list(Upper("title"), "views")), [("FIRST", 5)]),
    "values along many": (lambda get, posts: sorted(posts.filter(pk=1).values_list("tags__name", flat=True)), ["blue", "red"]),
    "in_bulk": (lambda get, posts: {key: post.title for key, post in posts.in_bulk([1, 2, 99]).items()}, {1: "First", 2: "second"}),
    "in_bulk of all": (lambda get, posts: sorted(posts.in_bulk()), [1, 2, 3, 4]),
    "in_bulk by a field": (lambda get, posts: list(get("Author").objects.in_bulk(["Greg"], field_name="username")), ["Greg"]),
    "iterator": (lambda get, posts: [p.views for p in posts.order_by("views").iterator(chunk_size=2)], [0, 1, 5, 7]),
    "iterator of values": (lambda get, posts: list(posts.order_by("views").values_list("views", flat=True).iterator()), [0, 1, 5, 7]),
    "slice": (lambda get, posts: [p.views for p in posts.order_by("views")[1:3]], [1, 5]),
    "slice of a slice": (lambda get, posts: [p.views for p in posts.order_by("views")[1:][:2]], [1, 5]),
    "slice with a step": (lambda get, posts: [p.views for p in posts.order_by("views")[::2]], [0, 5]),
    "index": (lambda get, posts: posts.order_by("views")[2].views, 5),
    "or": (lambda get, posts: titles(posts.filter(views=0) | posts.filter(views=1)), ["", "Third"]),
    "and": (lambda get, posts: titles(posts.filter(views__gt=0) & posts.filter(views__lt=6)), ["", "First"]),
    "or with none": (lambda get, posts: titles(posts.none() | posts.filter(views=1)), [""]),
    "union": (lambda get, posts: titles(posts.filter(views=0).union(posts.filter(views=1), posts.filter(views=0))), ["", "Third"]),
    "union all": (lambda get, posts: len(posts.filter(views=0).union(posts.filter(views=0), all=True)), 2),
    "union in an order": (lambda get, posts: list(posts.filter(views=0).values_list("title", flat=True).union(posts.filter(views__gt=4).values_list("title", flat=True)).order_by("-title")[:2].count() * [1]), [1, 1]),
    "union, count": (lambda get, posts: posts.filter(views=0).union(posts.filter(views=1)).count(), 2),
    "union, exists": (lambda get, posts: posts.filter(views=0).union(posts.filter(views=1)).exists(), True),
    "intersection": (lambda get, posts: titles(posts.filter(views__lt=6).intersection(posts.filter(views__gt=0))), ["", "First"]),
    "difference": (lambda get, posts: titles(posts.filter(views__lt=6).difference(posts.filter(views=0))), ["", "First"]),
    "using": (lambda get, posts: titles(posts.using("default")), ALL),
    "only": (lambda get, posts: [(sorted(set(vars(p)) & {"title", "views"}), p.views) for p in posts.only("title").filter(pk=1)], [(["title"], 5)]),
    "defer": (lambda get, posts: [("text" in vars(p), p.text) for p in posts.defer("text").filter(pk=1)], [(False, "Hello World")]),
    "select_related": (lambda get, posts: [p.author.city.name for p in posts.select_related("author__city").filter(views__gt=4)], ["Oslo", "Oslo"]),
    "select_related of none": (lambda get, posts: posts.select_related("author").get(title="").author, None),
    "select_related backwards": (lambda get, posts: [a.profile.motto for a in get("Author").objects.select_related("profile").filter(pk=1)], ["onwards"]),
    "prefetch_related": (lambda get, posts: {p.title: sorted(t.name for t in p.tags.all()) for p in posts.prefetch_related("tags")}, {"First": ["blue", "red"], "second": ["red"], "Third": [], "": []}),
    "prefetch_related backwards": (lambda get, posts: [len(p.comments.all()) for p in posts.prefetch_related("comments__author").order_by("pk")], [2, 0, 1, 0]),
    "Prefetch": (lambda get, posts: [[c.text for c in p.good] for p in posts.order_by("pk").prefetch_related(Prefetch("comments", get("Comment").objects.filter(stars=5), to_attr="good"))], [["nice"], [], [], []]),
    "prefetch_related_objects": (lambda get, posts: [[t.name for t in vars(p)["red"]] for p in prefetched(posts, Prefetch("tags", get("Tag").objects.filter(name="red"), to_attr="red"))], [["red"], ["red"], [], []]),
    "db_manager": (lambda get, posts: titles(posts.db_manager("default").get_queryset()), ALL),
    "serializable_value": (lambda get, posts: [posts.get(pk=3).serializable_value(name) for name in ("author", "title")], [2, "Third"]),
    "select_for_update": (lambda get, posts: titles(posts.select_for_update()), ALL),
    "annotate": (lambda get, posts: [p.more for p in posts.annotate(more=F("views") + 1).order_by("more")], [1, 2, 6, 8]),
    "annotate, filter": (lambda get, posts: titles(posts.annotate(more=F("views") * 2).filter(more__gte=10)), ["First", "second"]),
    "alias": (lambda get, posts: [hasattr(p, "more") for p in posts.alias(more=F("views") + 1).filter(more=1)], [False]),
    "annotate count": (lambda get, posts: {p.title: p.n for p in posts.annotate(n=Count("comments"))}, {"First": 2, "second": 0, "Third": 1, "": 0}),
    "annotate count, having": (lambda get, posts: titles(posts.annotate(n=Count("comments")).filter(n__gt=1)), ["First"]),
    "annotate count, distinct": (lambda get, posts: [p.n for p in posts.annotate(n=Count("tags", distinct=True), m=Count("comments", distinct=True)).order_by("-n", "pk")], [2, 1, 0, 0]),
    "annotate count, filter=": (lambda get, posts: [p.n for p in posts.annotate(n=Count("comments", filter=Q(comments__stars__gt=2))).order_by("pk")], [1, 0, 0, 0]),
    "values, annotate": (lambda get, posts: list(posts.exclude(author=None).values("author__username").annotate(n=Count("id")).order_by("author__username")), [{"author__username": "Anna", "n": 1}, {"author__username": "Greg", "n": 2}]),
    "values, annotate, twice": (lambda get, posts: list(posts.values_list("title").annotate(n=Count("id")).filter(n__gt=1)), []),
    "count of groups": (lambda get, posts: posts.values("author").annotate(n=Count("id")).count(), 3),
    "aggregate": (lambda get, posts: posts.aggregate(Sum("views"), least=Min("views"), most=Max("views"), mean=Avg("views"), n=Count("*")), {"views__sum": 13, "least": 0, "most": 7, "mean": 3.25, "n": 4}),
    "aggregate of decimals": (lambda get, posts: posts.aggregate(s=Sum("price"))["s"], Decimal("16.75")),
    "aggregate across": (lambda get, posts: posts.aggregate(n=Count("comments"))["n"], 3),
    "aggregate of a slice": (lambda get, posts: posts.order_by("-views")[:2].aggregate(s=Sum("views")), {"s": 12}),
    "aggregate of groups": (lambda get, posts: posts.annotate(n=Count("comments")).aggregate(most=Max("n")), {"most": 2}),
    "aggregate of distinct": (lambda get, posts: posts.filter(comments__isnull=False).distinct().aggregate(s=Sum("views")), {"s": 5}),
    "aggregate of none": (lambda get, posts: posts.filter(views=99).aggregate(s=Sum("views"), d=Sum("views", default=0)), {"s": None, "d": 0}),
    "Value": (lambda get, posts: posts.annotate(v=Value("x")).first().v, "x"),
    "Value, output_field": (lambda get, posts: posts.annotate(v=Value(3, output_field=IntegerField())).first().v, 3),
    "Case": (lambda get, posts: [p.k for p in posts.annotate(k=Case(When(views__gt=5, then=Value("many")), When(views=0, then=Value("none")), default=Value("some"))).order_by("views")], ["none", "some", "some", "many"]),
    "Case, plain": (lambda get, posts: [p.k for p in posts.annotate(k=Case(When(views__gt=5, then=1), default=0)).order_by("views")], [0, 0, 0, 1]),
    "Coalesce": (lambda get, posts: posts.annotate(t=Coalesce("text", Value("?"))).get(views=0).t, "?"),
    "Concat": (lambda get, posts: posts.annotate(t=Concat("title", Value("-"), "views", Value("-"), "text")).get(views=0).t, "Third-0-"),
    "Lower": (lambda get, posts: posts.annotate(t=Lower("title")).get(views=5).t, "first"),
    "Upper": (lambda get, posts: posts.annotate(t=Upper("author__username")).get(views=5).t, "GREG"),
    "Length": (lambda get, posts: posts.annotate(n=Length("title")).get(views=7).n, 6),
    "Length, filter": (lambda get, posts: titles(posts.annotate(n=Length("title")).filter(n=0)), [""]),
    "Replace": (lambda get, posts: posts.annotate(t=Replace("title", Value("s"), Value("z"))).get(views=7).t, "zecond"),
    "Substr": (lambda get, posts: posts.annotate(t=Substr("title", 2, 3)).get(views=7).t, "eco"),
    "Trim": (lambda get, posts: posts.annotate(t=Trim(Value("  x "))).get(views=7).t, "x"),
    "Greatest": (lambda get, posts: posts.annotate(n=Greatest("views", Value(6))).get(views=5).n, 6),
    "Least": (lambda get, posts: posts.annotate(n=Least("views", "id")).get(views=5).n, 1),
    "NullIf": (lambda get, posts: posts.annotate(n=NullIf("views", Value(5))).get(views=5).n, None),
    "Cast": (lambda get, posts: posts.annotate(t=Cast("views", TextField())).get(views=5).t, "5"),
    "Cast of text": (lambda get, posts: posts.filter(views=7).annotate(n=Cast(Substr("text", 1, 2), IntegerField())).get().n, 50),
    "Now": (lambda get, posts: titles(posts.filter(made__lt=Now())), ["First", "Third", "second"]),
    "Now, type": (lambda get, posts: posts.annotate(n=Now()).first().n.tzinfo is not None, True),
    "ExtractYear": (lambda get, posts: posts.annotate(y=ExtractYear("made")).get(views=5).y, 2020),
    "TruncMonth": (lambda get, posts: posts.annotate(y=TruncMonth("made")).get(views=7).y, moment(2021, 6, 1)),
    "later": (lambda get, posts: posts.annotate(y=F("made") + dt.timedelta(days=1)).get(views=7).y, moment(2021, 7, 1, 23, 59, 59)),
    "Func": (lambda get, posts: posts.annotate(t=Func("title", function="upper", output_field=CharField())).get(views=7).t, "SECOND"),
    "Func, template": (lambda get, posts: posts.annotate(t=Func("title", Value("!"), template="(%(expressions)s)", arg_joiner=" || ", output_field=TextField())).get(views=7).t, "second!"),
    "Exists": (lambda get, posts: titles(posts.filter(Exists(get("Comment").objects.filter(post=OuterRef("pk"))))), ["First", "Third"]),
    "not Exists": (lambda get, posts: titles(posts.filter(~Exists(get("Comment").objects.filter(post=OuterRef("pk"))))), ["", "second"]),
    "Exists, annotated": (lambda get, posts: [p.has for p in posts.annotate(has=Exists(get("Comment").objects.filter(post_id=OuterRef("id")))).order_by("pk")], [True, False, True, False]),
    "Exists of the same model": (lambda get, posts: titles(posts.filter(Exists(posts.filter(author=OuterRef("author"), views__gt=OuterRef("views"))))), ["First"]),
    "Subquery": (lambda get, posts: posts.annotate(t=Subquery(get("Comment").objects.filter(post=OuterRef("pk")).order_by("-stars").values("text")[:1])).get(pk=3).t, "nice"),
    "Subquery across": (lambda get, posts: posts.annotate(t=Subquery(get("Author").objects.filter(city=OuterRef("author__city")).values("username")[:1])).get(pk=3).t, "Anna"),
    "in a queryset": (lambda get, posts: titles(posts.filter(author__in=get("Author").objects.filter(username="Greg"))), ["First", "second"]),
    "in values": (lambda get, posts: titles(posts.filter(id__in=get("Comment").objects.values("post"))), ["First", "Third"]),
    "in a slice": (lambda get, posts: titles(posts.filter(pk__in=posts.order_by("-views")[:1])), ["second"]),
    "not in a queryset": (lambda get, posts: titles(posts.exclude(id__in=get("Comment").objects.values_list("post_id", flat=True))), ["", "second"]),
    "a row": (lambda get, posts: titles(posts.filter(author=get("Author").objects.get(username="Anna"))), ["Third"]),
    "rows": (lambda get, posts: titles(posts.filter(author__in=list(get("Author").objects.all()))), ["First", "Third", "second"]),
    "a row, many to many": (lambda get, posts: titles(posts.filter(tags=get("Tag").objects.get(name="red"))), ["First", "second"]),
    "Window": (lambda get, posts: [p.n for p in posts.exclude(author=None).annotate(n=Window(RowNumber(), partition_by="author", order_by=F("views").desc())).order_by("pk")], [2, 1, 1]),
    "Window of a sum": (lambda get, posts: [p.n for p in posts.annotate(n=Window(Sum("views"), partition_by=[F("author")])).order_by("pk")][:2], [12, 12]),
    "a window's value": (lambda get, posts: [p.title for p in posts.annotate(n=Window(RowNumber(), partition_by="author", order_by=F("views").desc())).filter(n=1).order_by("-views")], ["second", "", "Third"]),
    "a window's value, count": (lambda get, posts: posts.annotate(n=Window(RowNumber(), order_by="views")).filter(n__gt=1).count(), 3),
    "distinct of a field": (lambda get, posts: [p.title for p in posts.exclude(author=None).order_by("author", "-views").distinct("author")], ["second", "Third"]),
    "distinct of a field, count": (lambda get, posts: posts.distinct("author").count(), 3),
    "F of JSON": (lambda get, posts: posts.annotate(n=F("data__n")).get(pk=1).n, 5),
    "Q as a value": (lambda get, posts: [p.old for p in posts.exclude(made=None).annotate(old=Q(made__year__lt=2021)).order_by("pk")], [True, False, False]),
    "a child's rows": (lambda get, posts: get("Review").objects.filter(title="First").count(), 0),
    "SQLAlchemy's condition": (lambda get, posts: titles(posts.filter(get("Post").views > 5)), ["second"]),
    "SQLAlchemy's expression": (lambda get, posts: posts.annotate(n=sa.func.length(get("Post").title)).get(pk=1).n, 5),
    "SQLAlchemy's order": (lambda get, posts: [p.views for p in posts.order_by(get("Post").views.desc())], [7, 5, 1, 0]),
    "a composite key": (lambda get, posts: get("Seat").objects.count(), 0),
    "ordering of groups": (lambda get, posts: [(r["author"], r["n"]) for r in posts.exclude(author=None).values("author").annotate(n=Count("id")).order_by("-n")], [(1, 2), (2, 1)]),
    "filter, filter": (lambda get, posts: titles(posts.filter(comments__text="nice").filter(comments__stars=1)), ["First"]),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods(apps: Apps, name: str) -> None:
    ask, expected = METHODS[name]

    def get(model: str) -> Any:
        return apps.get_model("blog", model)

    assert ask(get, get("Post").objects) == expected


def test_iterator_where_each_statement_commits(apps: Apps) -> None:
    """A cursor of PostgreSQL's ends with its transaction, unless it is held."""
    engine = apps.connection.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        posts = apps_at(apps.state, connection).get_model("blog", "Post").objects.order_by("views")
        assert [post.views for post in posts.iterator(chunk_size=3)] == [0, 1, 5, 7]
