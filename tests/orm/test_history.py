"""Models are those of their point of history, whatever they are made of; on every database."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from blog import make, open_engine, state_of
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.errors import QueryError
from whimbrel.operations import Operation
from whimbrel.orm import apps_at
from whimbrel.orm.apps import Apps

KEY = ("id", models.BigAutoField(primary_key=True))


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    with open_engine(database_url).connect() as connection:
        yield connection


def there(connection: sa.Connection, operations: list[Operation], app: str = "myapp") -> Apps:
    """The models after operations, in a database that has them."""
    state = state_of(operations, app)
    make(connection, state)
    return apps_at(state, connection)


def test_the_example(connection: sa.Connection) -> None:
    apps = there(connection, [
        m.CreateModel("User", [KEY, ("username", models.CharField(max_length=20))]),
        m.CreateModel("BlogPost", [KEY, ("author", models.ForeignKey("User", models.CASCADE, null=True))]),
        m.AddField("blogpost", "is_awesome", models.BooleanField(default=False)),
    ])  # fmt: skip
    schema_editor = None
    User, Post = apps.get_model("myapp", "User"), apps.get_model("myapp.BlogPost")
    greg, anna = (User.objects.create(username=name) for name in ("Greg", "Anna"))
    Post.objects.bulk_create([Post(author=author) for author in (greg, anna, greg, None)])

    def set_blog_post_awesome(apps: Any, schema_editor: Any) -> None:
        BlogPost = apps.get_model("myapp", "BlogPost")
        BlogPost.objects.filter(author__username="Greg").update(is_awesome=True)
        BlogPost.objects.exclude(author__username="Greg").update(is_awesome=False)

    set_blog_post_awesome(apps, schema_editor)
    assert list(Post.objects.order_by("pk").values_list("is_awesome", flat=True)) == [
        True,
        False,
        True,
        False,
    ]


def test_what_was_renamed_and_removed(connection: sa.Connection) -> None:
    apps = there(connection, [
        m.CreateModel("Old", [KEY, ("a", models.TextField()), ("b", models.TextField(null=True)),
                              ("mood", models.EnumField(["x", "y"], default="x"))]),
        m.CreateModel("Other", [KEY, ("old", models.ForeignKey("Old", models.CASCADE)),
                                ("friends", models.ManyToManyField("Old"))]),
        m.RenameModel("Old", "New"),
        m.RenameField("New", "a", "title"),
        m.RemoveField("New", "b"),
    ])  # fmt: skip
    New, Other = apps.get_model("myapp", "New"), apps.get_model("myapp", "Other")
    assert [each.name for each in New._meta.fields] == ["id", "title", "mood"]
    new = New.objects.create(title="t", mood="y")
    assert New.objects.get(mood="y") == new
    other = Other.objects.create(old=new)
    other.friends.add(new)
    assert Other.objects.filter(old__title="t", friends__mood="y").get() == other
    assert new.other_set.get() == other
    with pytest.raises(QueryError, match=r"no model myapp\.Old(.|\n)*New"):
        apps.get_model("myapp", "Old")


def test_models_of_sqlalchemy(connection: sa.Connection) -> None:
    """Keys are fields called as their columns, and nothing says what the other side is called."""
    apps = there(connection, [
        m.CreateModel("User", [("id", models.Field(sa.Integer(), primary_key=True, autoincrement=True)),
                               ("name", models.Field(sa.String(10)))]),
        m.CreateModel("Item", [
            ("id", models.Field(sa.Integer(), primary_key=True, autoincrement=True)),
            ("owner_id", models.ForeignKey("User", db_column="owner_id", null=True, related_name="+")),
            ("maker_id", models.ForeignKey("User", db_column="maker_id")),
            ("buyer_id", models.ForeignKey("User", db_column="buyer_id", null=True)),
            ("kind", models.Field(sa.Enum("a", "b", name="kind"))),
            ("data", models.Field(sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), null=True)),
        ]),
        m.CreateModel("Liked", [
            ("user_id", models.ForeignKey("User", models.CASCADE, db_column="user_id", primary_key=True)),
            ("item_id", models.ForeignKey("Item", models.CASCADE, db_column="item_id", primary_key=True)),
        ]),
    ])  # fmt: skip
    User, Item, Liked = (apps.get_model("myapp", name) for name in ("User", "Item", "Liked"))
    anna, greg = (User.objects.create(name=name) for name in ("Anna", "Greg"))
    item = Item.objects.create(maker_id=anna.id, owner=greg, kind="b", data={"a": 1})
    assert (item.owner_id, item.maker.name, item.owner.name) == (greg.id, "Anna", "Greg")
    assert (
        Item.objects.filter(maker_id=anna.id, owner__name="Greg", data__a=1, kind="b").count() == 1
    )
    assert Item.objects.filter(owner_id__name="Greg").count() == 1
    assert [each.pk for each in anna.item_set.all()] == [item.pk]
    assert anna.item_buyer_set.count() == 0
    Liked.objects.create(user_id=anna.id, item_id=item.id)
    assert Liked.objects.get(user__name="Anna", item__kind="b").pk == (anna.id, item.id)
    assert Liked.objects.filter(item__kind="b").delete()[0] == 1
    statement = sa.select(Item).join(Item.owner).where(User.name == "Greg")
    assert len(connection.execute(statement).all()) == 1


def test_models_that_point_at_themselves(connection: sa.Connection) -> None:
    apps = there(connection, [
        m.CreateModel("Node", [
            KEY,
            ("parent", models.ForeignKey("self", models.CASCADE, null=True, related_name="children")),
            ("peers", models.ManyToManyField("self", related_name="peers_of")),
        ]),
    ])  # fmt: skip
    Node = apps.get_model("myapp", "Node")
    top = Node.objects.create()
    low = Node.objects.create(parent=top)
    lowest = Node.objects.create(parent=low)
    assert Node.objects.get(parent__parent=top) == lowest
    assert Node.objects.get(children__children__isnull=False) == top
    top.peers.add(low)
    assert list(low.peers_of.all()) == [top]
    assert list(low.peers.all()) == []
    assert sa.select(Node).join(Node.children) is not None
    assert Node.objects.filter(parent__isnull=True).delete()[0] == 1
    assert Node.objects.count() == 0


def test_a_through_model_and_another_schema(connection: sa.Connection) -> None:
    schema = None
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("CREATE SCHEMA other")
        connection.commit()
        schema = "other"
    apps = there(connection, [
        m.CreateModel("Group", [KEY, ("name", models.TextField())], options={"schema": schema}),
        m.CreateModel("Person", [KEY, ("code", models.TextField(unique=True)),
                                 ("groups", models.ManyToManyField("Group", through="Membership", related_name="people"))]),
        m.CreateModel("Membership", [KEY, ("group", models.ForeignKey("Group", models.CASCADE)),
                                     ("person", models.ForeignKey("Person", models.CASCADE)),
                                     ("since", models.IntegerField())], options={"schema": schema}),
    ])  # fmt: skip
    Group, Person = apps.get_model("myapp", "Group"), apps.get_model("myapp", "Person")
    group, person = Group.objects.create(name="g"), Person.objects.create(code="p")
    person.groups.add(group, through_defaults={"since": 1999})
    assert Person.objects.get(groups__name="g", membership__since=1999) == person
    assert list(group.people.all()) == [person]
    assert Person.groups.through is apps.get_model("myapp", "Membership")


def test_a_key_to_another_field_than_the_primary_key(connection: sa.Connection) -> None:
    apps = there(connection, [
        m.CreateModel("Land", [KEY, ("code", models.CharField(max_length=2, unique=True))]),
        m.CreateModel("Town", [KEY, ("land", models.ForeignKey("Land", models.CASCADE, to_field="code"))]),
    ])  # fmt: skip
    Land, Town = apps.get_model("myapp", "Land"), apps.get_model("myapp", "Town")
    land = Land.objects.create(code="no")
    town = Town.objects.create(land=land)
    assert town.land_id == "no"
    assert Town.objects.get(land=land) == Town.objects.get(land__code="no") == town
    assert Town.objects.filter(land__in=[land]).count() == 1
    assert Town.objects.filter(land__in=Land.objects.filter(code="no")).count() == 1
    assert Town.objects.filter(land__id=land.pk).count() == 1
    assert land.town_set.get() == town


def test_the_order_of_the_model(connection: sa.Connection) -> None:
    apps = there(connection, [
        m.CreateModel("Thing", [KEY, ("n", models.IntegerField())], options={"ordering": ["-n"]}),
    ])  # fmt: skip
    Thing = apps.get_model("myapp", "Thing")
    Thing.objects.bulk_create([Thing(n=n) for n in (2, 3, 1)])
    assert [each.n for each in Thing.objects.all()] == [3, 2, 1]
    assert (Thing.objects.first().n, Thing.objects.last().n) == (3, 1)
    assert Thing.objects.filter(n__lt=3).update(n=0) == 2


def test_disposed_models_are_gone(connection: sa.Connection) -> None:
    apps = there(
        connection, [m.CreateModel("Thing", [KEY, ("peers", models.ManyToManyField("self"))])]
    )
    assert apps.get_model("myapp", "Thing").objects.create().peers.count() == 0
    kept = [weakref.ref(mapper) for mapper in apps.registry.mappers]
    apps.dispose()
    del apps
    gc.collect()
    assert len(kept) == 2
    assert not any(each() is not None for each in kept)


def test_a_thousand_models_cost_no_more_than_ten(connection: sa.Connection) -> None:
    chain: list[Operation] = [
        m.CreateModel(
            f"M{n}", [KEY, *([("to", models.ForeignKey(f"M{n - 1}", models.CASCADE))] if n else [])]
        )
        for n in range(200)
    ]
    apps = apps_at(state_of(chain, "myapp"), connection)
    Last = apps.get_model("myapp", "M199")
    assert str(sa.select(Last)).startswith("SELECT myapp_m199.id")
    assert len(list(apps.registry.mappers)) == 1
    assert "JOIN myapp_m198" in Last.objects.filter(to__to=5).sql
    assert len(list(apps.registry.mappers)) == 3
