"""Native models: mapped classes of SQLAlchemy's, and the state that is read from them."""

import datetime as dt
import decimal
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from like_create_all import differing, go, seen
from whimbrel.errors import ModelError
from whimbrel.sources import native
from whimbrel.sources.native import Model, declared_models, state_of
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

BLOG = """
import decimal, enum, uuid

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Author(models.Model):
    name = models.CharField(max_length=10)
    favourite = models.ForeignKey("Post", models.SET_NULL, null=True, related_name="+")

class Stamped(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["-created"]

class Post(Stamped):
    author = models.ForeignKey(Author, models.CASCADE)
    title = models.CharField(max_length=10, default="untitled")
    token = models.UUIDField(default=uuid.uuid4)
    colour = models.EnumField(Colour, default=Colour.RED)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=decimal.Decimal("1.5"))
    twice = models.GeneratedField(
        models.SQL("price * 2"), models.DecimalField(max_digits=8, decimal_places=2)
    )
    data = models.JSONField(default={"a": 1})
    tags = models.ManyToManyField("Tag", related_name="posts")

    class Meta(Stamped.Meta):
        indexes = [models.Index(fields=["-title"], name="by_title")]
        constraints = [models.CheckConstraint(models.Q(price__gte=0), name="price_is_positive")]
        unique_together = [("author", "title")]

class Tag(models.Model):
    name = models.SlugField(primary_key=True)

class Review(Post):
    stars = models.IntegerField(null=True)

class Reply(models.Model):
    review = models.OneToOneField(Review, models.CASCADE, primary_key=True)
    text = models.TextField()
"""


@pytest.fixture
def session(declare, engine):
    declare(BLOG)
    Model.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def blog(declare, session):
    import sys

    return sys.modules["blog.models"]


class TestMappedClasses:
    def test_defaults_are_there_from_the_start(self, blog):
        post = blog.Post(title="x")
        assert (post.colour, post.price, post.data) == (
            blog.Colour.RED,
            decimal.Decimal("1.5"),
            {"a": 1},
        )
        assert isinstance(post.token, uuid.UUID)
        assert post.data is not blog.Post().data

    def test_unknown_names_are_refused(self, blog):
        with pytest.raises(TypeError, match="Post has no field 'titel'"):
            blog.Post(titel="x")

    def test_rows_come_back_as_they_went(self, blog, session):
        author = blog.Author(name="A")
        session.add(blog.Post(author=author, title="one", tags=[blog.Tag(name="t")]))
        session.commit()
        session.expunge_all()
        post = session.scalars(sa.select(blog.Post).where(blog.Post.title == "one")).one()
        assert (post.author.name, post.author_id) == ("A", 1)
        assert (post.colour, post.twice) == (blog.Colour.RED, 3)
        assert [tag.name for tag in post.tags] == ["t"]
        assert post.tags[0].posts == [post]
        assert post.author.post_set == [post]
        assert isinstance(post.created, dt.datetime)

    def test_auto_now_is_renewed_by_every_update(self, blog, session):
        post = blog.Post(author=blog.Author(name="A"))
        session.add(post)
        session.commit()
        created, changed = post.created, post.changed
        post.title = "new"
        session.commit()
        assert post.created == created
        assert post.changed > changed

    def test_a_child_model_has_a_row_in_both_tables(self, blog, session):
        session.add(blog.Review(author=blog.Author(name="A"), title="r", stars=5))
        session.commit()
        session.expunge_all()
        review = session.scalars(sa.select(blog.Review)).one()
        assert (review.title, review.stars, review.post_ptr_id) == ("r", 5, review.id)
        session.add(blog.Reply(review=review, text="yes"))
        session.commit()
        assert review.reply.text == "yes"

    def test_the_database_does_what_on_delete_says(self, blog, session):
        author = blog.Author(name="A")
        session.add(blog.Post(author=author, title="one"))
        session.commit()
        session.delete(author)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(blog.Post)) == 0

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"price": -1}, "price_is_positive"),
            ({"title": "same"}, r"author_id, (blog_post\.)?title"),
        ],
    )
    def test_constraints_hold(self, blog, session, values, constraint):
        author = blog.Author(name="A")
        session.add(blog.Post(author=author, title="same"))
        session.commit()
        session.add(blog.Post(author=author, **values))
        with pytest.raises(sa.exc.IntegrityError, match=constraint):
            session.flush()

    def test_indexes_are_made(self, blog, session):
        found = sa.inspect(session.connection()).get_indexes("blog_post")
        assert {index["name"] for index in found} >= {"by_title", "blog_post_author_idx"}

    def test_a_many_to_many_field_to_its_own_model(self, declare, engine):
        space = declare('class Man(models.Model):\n    friends = models.ManyToManyField("self")\n')
        Model.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(space["Man"](friends=[space["Man"]()]))
            session.commit()
            assert [len(man.friends) for man in session.scalars(sa.select(space["Man"]))] == [1, 0]

    def test_a_through_model_is_read_through(self, declare, engine):
        space = declare(
            "class Band(models.Model):\n"
            '    players = models.ManyToManyField("Player", through="Membership")\n'
            "class Player(models.Model):\n    pass\n"
            "class Membership(models.Model):\n"
            "    band = models.ForeignKey(Band, models.CASCADE)\n"
            "    player = models.ForeignKey(Player, models.CASCADE)\n"
        )
        Model.metadata.create_all(engine)
        with Session(engine) as session:
            band, player = space["Band"](), space["Player"]()
            session.add(space["Membership"](band=band, player=player))
            session.commit()
            assert band.players == [player]
            assert player.band_set == [band]


class TestState:
    def test_the_state_says_what_the_tables_have(self, blog, session):
        """What create_all made, and what the state lowers to, have the same names."""
        schema = lower(state_of(declared_models()))
        inspector = sa.inspect(session.connection())
        for at, table in schema.tables.items():
            assert [column["name"] for column in inspector.get_columns(at.name)] == [
                column.name for column in table.columns
            ]
            assert {index["name"] for index in inspector.get_indexes(at.name)} >= {
                index.name for index in table.indexes
            }
            assert inspector.get_pk_constraint(at.name)["name"] == table.primary_key.name
            assert {key["name"] for key in inspector.get_foreign_keys(at.name)} == {
                key.name for key in table.foreign_keys
            }

    def test_fields_places_and_parents(self, blog):
        state = state_of(declared_models())
        post, review = state.model("blog.Post"), state.model("blog.Review")
        assert [each.name for each in post.fields] == (
            [
                "id",
                "created",
                "changed",
                "author",
                "title",
                "token",
                "colour",
                "price",
                "twice",
                "data",
                "tags",
            ]
        )
        assert [each.name for each in review.fields] == ["post_ptr", "stars"]
        assert review.bases == ("blog.Post",)
        assert post.options.ordering == ("-created",)
        assert post.place == "blog/models.py:20"
        assert "blog.Stamped" not in state

    @pytest.mark.parametrize(
        ("module", "label"),
        [
            ("blog.models", "blog"),
            ("acme.blog.models", "blog"),
            ("acme.blog.models.posts", "blog"),
            ("acme.blog.tables", "blog"),
            ("models", "models"),
        ],
    )
    def test_the_app_of_a_module(self, declare, module, label):
        assert declare("class A(models.Model):\n    pass", module)["A"]._meta.app_label == label

    @pytest.mark.parametrize(
        ("meta", "at"),
        [
            ("db_table = 'x'", (None, "x")),
            ("db_table = 's.x'", ("s", "x")),
            ("schema = 's'", ("s", "blog_a")),
            ("app_label = 'other'", (None, "other_a")),
        ],
    )
    def test_where_the_table_is(self, declare, meta, at):
        info = declare(f"class A(models.Model):\n    class Meta:\n        {meta}")["A"]._meta
        assert (info.schema, info.db_table) == at
        (table,) = lower(state_of([info.model])).tables
        assert table == at

    def test_a_composite_primary_key(self, declare):
        model = declare(
            "class A(models.Model):\n"
            "    x = models.IntegerField()\n    y = models.IntegerField()\n"
            "    class Meta:\n        primary_key = ['y', 'x']\n"
        )["A"]
        assert list(model._meta.fields) == ["x", "y"]
        assert [column.name for column in model.__table__.primary_key] == ["y", "x"]

    def test_children_of_an_abstract_model_have_names_of_their_own(self, declare):
        space = declare(
            "class Base(models.Model):\n"
            "    x = models.IntegerField()\n"
            "    to = models.ForeignKey('self', null=True, related_name='%(class)s_back')\n"
            "    class Meta:\n"
            "        abstract = True\n"
            "        indexes = [models.Index(fields='x', name='%(app_label)s_%(class)s_x')]\n"
            "class A(Base): pass\n"
            "class B(Base): pass\n"
        )
        for name in ("A", "B"):
            info = space[name]._meta
            assert [index.name for index in info.options["indexes"]] == [f"blog_{name.lower()}_x"]
            assert info.fields["to"].related_name == f"{name.lower()}_back"
        sa.orm.configure_mappers()
        assert space["A"].a_back.property.mapper.class_ is space["A"]

    def test_a_module_that_is_imported_anew_declares_anew(self, declare):
        first = declare("class A(models.Model):\n    x = models.IntegerField()")["A"]
        second = declare("class A(models.Model):\n    y = models.IntegerField()")["A"]
        assert first not in declared_models()
        assert list(second._meta.fields) == ["id", "y"]
        assert list(second.metadata.tables["blog_a"].columns.keys()) == ["id", "y"]


KEY_TO_B = "class A(models.Model):\n    b = models.ForeignKey('B', models.CASCADE)\n"


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "line", "message"),
        [
            ("class A(models.Model):\n class Meta:\n  tabel = 1", 1, "no option 'tabel'"),
            ("class A(models.Model):\n class Meta:\n  db_tabel = 1", 1, "Did you mean 'db_table'"),
            ("class A(models.Model):\n metadata = models.TextField()", 1, "called 'metadata'"),
            ("class A(models.Model):\n x = models.TextField", 1, "x = TextField()"),
            ("class A(models.Model):\n class Meta:\n  constraints = [models.CheckConstraint(models.Q(x=1))]", 1, "a Q names the field 'x'"),
            ("class A(models.Model):\n x = models.GeneratedField(models.Q(y=1), models.BooleanField())", 1, "a Q names the field 'y'"),
            ("class A(models.Model):\n registry = models.TextField()", 1, "called 'registry'"),
            ("class A(models.Model):\n a__b = models.TextField()", 1, "called 'a__b'"),
            ("class A(models.Model):\n id = models.TextField()", 1, "id is not the primary key"),
            ("\nclass A(models.Model):\n class Meta:\n  indexes = [models.Index(fields=['x'])]", 2, "field 'x'"),
            ("class A(models.Model):\n x = models.TextField()\nclass B(A):\n x = models.TextField()", 3, "its parent"),
            ("class A(models.Model): pass\nclass B(models.Model):\n class Meta:\n  db_table = 'blog_a'", 2, "another model"),
            ("class A(models.Model): pass\nclass A(models.Model): pass", 2, "already, at blog/models.py:1"),
            (KEY_TO_B + "class B(models.Model):\n a_set = models.TextField()", 1, "B.a_set"),
            (KEY_TO_B + "class B(models.Model):\n x = models.TextField()\n y = models.TextField()\n"
             " class Meta:\n  primary_key = ['x', 'y']", 1, "has 2 fields"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_declared(self, declare, source, line, message):
        with pytest.raises(ModelError, match=message) as caught:
            declare(source)
        assert caught.value.place == f"blog/models.py:{line}"
        assert caught.value.hint
        declare("class A(models.Model): pass\nclass B(models.Model): pass")

    def test_two_models_of_one_label(self, declare):
        declare("class A(models.Model): pass")
        with pytest.raises(ModelError, match=r"already, at blog/models.py:1"):
            declare("class A(models.Model): pass", "other.blog.models")

    def test_a_target_that_never_comes(self, declare):
        space = declare(KEY_TO_B)
        with pytest.raises(
            ModelError, match=r"points at blog\.B, and there is no such model"
        ) as caught:
            sa.orm.configure_mappers()
            sa.select(space["A"])
        assert caught.value.place == "blog/models.py:1"


def test_beside_an_empty_schema_a_dot_is_part_of_the_name(declare):
    space = declare(
        "class One(models.Model):\n    class Meta:\n        db_table = 'log.2024'\n        schema = ''\n"
        "class Two(models.Model):\n    class Meta:\n        db_table = 'log.2025'\n"
    )
    one, two = (space[name].__table__ for name in ("One", "Two"))
    assert (one.schema, one.name, two.schema, two.name) == (None, "log.2024", "log", "2025")
    state = state_of([space["One"], space["Two"]])
    assert {at.schema for at in lower(state).tables} == {None, "log"}


KEYS = """
class Doc(models.Model):
    code = models.CharField(max_length=3, primary_key=True)
    n = models.IntegerField(unique=True)
    v = models.IntegerField(null=True)
    up = models.IntegerField(null=True)
    class Meta:
        indexes = [
            models.Index(fields=["n"], name="here", dialects=["postgresql"]),
            models.Index(fields=["-v"], name="here", dialects=["sqlite"]),
            models.Index(fields=["v"], name="some", condition=models.SQL("", sqlite="n > 1")),
        ]
        constraints = [
            models.CheckConstraint(models.Q(n__gt=1), name="c", dialects=["sqlite"]),
            models.UniqueConstraint(fields=["n", "v"], name="u", dialects=["postgresql"]),
            models.UniqueConstraint(fields=["n"], name="n_again"),
            models.ForeignKeyConstraint(
                fields=["up"], to="self", to_fields=["n"], name="f", dialects=["sqlite"]
            ),
        ]
"""


def test_keys_of_one_dialect_are_made_as_by_create_all(declare, databases):
    doc = declare(KEYS)["Doc"]
    state = state_of([doc])
    named = {"c", "u", "f", "n_again"}
    with databases.fresh() as connection:
        doc.metadata.create_all(connection, tables=[doc.__table__])
        expected = seen(connection, named)
    with databases.fresh() as connection:
        go(connection, State(), state)
        # Other models of the one MetaData have enum types.
        assert {**seen(connection, named), "enums": expected.get("enums")} == {
            "enums": None,
            **expected,
        }
        assert differing(connection, state) == []


# -- mapped when it is asked for

USES = {
    "select": sa.select,
    "inspect": lambda post: sa.inspect(post).columns,
    "aliased": sa.orm.aliased,
    "a column": lambda post: post.title == "x",
    "a key's column": lambda post: post.author_id == 1,
    "a relation": lambda post: post.author,
    "the table": lambda post: post.__table__,
    "the mapper": lambda post: post.__mapper__,
    "all tables": lambda post: post.metadata.tables["blog_post"],
    "an instance": lambda post: post(title="x"),
    "configuring": lambda post: native.finish(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_is_declared_is_mapped_when_it_is_used(declare, use):
    with native.deferred_mapping():
        blog = declare(BLOG)
        assert state_of([blog["Author"], blog["Post"]])
        assert not {"blog.author", "blog.post"} & native._known.keys()
    use(blog["Post"])
    assert {"blog.author", "blog.post", "blog.review"} <= native._known.keys()
    assert not native._declared
    review = blog["Review"](title="x", stars=1)
    assert (review.title, review.price, review.author) == ("x", decimal.Decimal("1.5"), None)
    sa.orm.configure_mappers()


def test_what_does_not_map_is_refused_when_it_is_used(declare):
    with native.deferred_mapping():
        blog = declare("class Post(models.Model):\n    author = models.ForeignKey('Nobody')")
    with pytest.raises(ModelError, match="Nobody"):
        native.finish()
    assert blog["Post"].__table__.name == "blog_post"
