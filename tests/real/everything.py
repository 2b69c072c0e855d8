"""Models that say a little of everything that SQLAlchemy can say on both databases."""

import enum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Tagged(sa.types.TypeDecorator):
    """A type that tells by itself which call made it."""

    impl = sa.String
    cache_ok = True

    def __init__(self, *tags, size=5):
        self.tags, self.size = tags, size
        super().__init__(size)

    def __whimbrel__(self):
        return self.tags, {"size": self.size}


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int] = mapped_column(
        sa.BigInteger,
        sa.CheckConstraint("x <> 7", name="no_seven"),
        server_default="5",
        comment="c",
    )
    flag: Mapped[bool | None] = mapped_column(server_default=sa.true(), index=True, unique=True)
    word: Mapped[str] = mapped_column(sa.String(30), server_default=sa.text("'it''s'"))
    size: Mapped[Size] = mapped_column(sa.Enum(Size))
    side = sa.Column(sa.Enum("l", "r", name="side", native_enum=False, create_constraint=True))
    at = sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.func.now())
    day = sa.Column(sa.Date, server_default=sa.func.current_date())
    twice = sa.Column(sa.Integer, sa.Computed("x * 2 + 1", persisted=True))
    counter = sa.Column(sa.Integer, sa.Identity(start=5, always=True))
    price = sa.Column(sa.Numeric(8, 2), server_default=sa.text("1.50"))
    tagged = sa.Column(Tagged("a", "b", size=7))
    pickled = sa.Column(sa.PickleType)
    length = sa.Column(sa.Interval)
    uuid = sa.Column(sa.Uuid, unique=True)
    document = sa.Column(sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))
    real = sa.Column(sa.Float(24))
    double = sa.Column(sa.Double)
    raw = sa.Column(sa.LargeBinary)
    hour = sa.Column(sa.Time)

    __table_args__ = (
        sa.UniqueConstraint("x", "flag", name="own_name"),
        sa.UniqueConstraint("counter"),
        sa.CheckConstraint("x > 0", name="positive"),
        sa.Index("by_text", sa.text("lower(word) DESC")),
        sa.Index(
            "by_word",
            sa.func.lower(word.column),
            postgresql_using="btree",
            postgresql_where=sa.text("x > 5"),
            sqlite_where=sa.text("x > 5"),
        ),
        sa.Index(
            "mixed",
            x.desc(),
            "word",
            sa.func.lower(word.column),
            postgresql_ops={"word": "text_pattern_ops"},
            unique=True,
        ),
        {"comment": "a little of everything"},
    )


sa.Index(
    "by_price",
    Thing.price,
    postgresql_where=(Thing.x > 3) & (Thing.word != "a%b"),
    sqlite_where=(Thing.x > 3) & (Thing.word != "a%b"),
    postgresql_with={"fillfactor": 70},
    postgresql_include=["word"],
)


class Part(Base):
    __tablename__ = "parts"

    id: Mapped[int] = mapped_column(
        sa.ForeignKey("things.id", ondelete="cascade", deferrable=True, initially="deferred"),
        primary_key=True,
    )
    spaced: Mapped[str] = mapped_column("a name", primary_key=True)
    wider: Mapped[int] = mapped_column(sa.BigInteger, sa.ForeignKey("things.id"))
    thing_x = sa.Column(sa.BigInteger)
    thing_flag = sa.Column(sa.Boolean)
    order = sa.Column(sa.Integer, index=True)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["thing_x", "thing_flag"],
            ["things.x", "things.flag"],
            name="both",
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
    )


sa.Table(
    "pairs",
    Base.metadata,
    sa.Column("left", sa.ForeignKey("things.id")),
    sa.Column("right", sa.ForeignKey("things.id")),
    sa.PrimaryKeyConstraint("right", "left"),
)
sa.Table(
    "Odd-Name",
    Base.metadata,
    sa.Column("A b", sa.Integer, primary_key=True),
    sa.Column("class", sa.String(3)),
    sa.Column("self", sa.ForeignKey("Odd-Name.A b")),
)
sa.Table(
    "hens",
    Base.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("egg", sa.ForeignKey("eggs.id", use_alter=True)),
)
sa.Table(
    "eggs",
    Base.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("hen", sa.ForeignKey("hens.id")),
    sa.Column("rooster", sa.BigInteger, sa.ForeignKey("hens.id")),
)
