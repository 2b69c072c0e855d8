"""Any MetaData that SQLAlchemy can say: tables, keys, circles, indexes, options of dialects, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

CONVENTIONS: list[dict[str, str]] = [
    {},
    {
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    },
    {"ix": "ix_%(column_0_label)s", "uq": "%(table_name)s_%(column_0_N_name)s_key"},
]
TABLES = ("one", "two", "log.2024", "Order")
NAMES = ("a", "b", "A b", "select", "c%")
DIALECTS = ("postgresql", "sqlite", "mysql")
#: Storage parameters of a table came with SQLAlchemy 2.1.
HAS_STORAGE = any(
    kind is sa.Table and "with" in (arguments or {})
    for kind, arguments in postgresql.dialect.construct_arguments or []
)

Type = Callable[[], Any]
NUMBERS: list[Type] = [sa.Integer, sa.BigInteger]
OTHERS: list[Type] = [
    lambda: sa.String(9),
    sa.Boolean,
    sa.DateTime,
    sa.Uuid,
    lambda: sa.Numeric(8, 2),
    sa.JSON,
    lambda: sa.Enum("x", "y", name="kind"),
]


class Maker:
    """One MetaData, as Hypothesis draws it. ``columns``: those of each table, without computed ones."""

    def __init__(self, draw: st.DrawFn, dialect: str, version: int) -> None:
        self.draw, self.dialect = draw, dialect
        # NULLS NOT DISTINCT came with PostgreSQL 15; SQLite leaves the word out.
        self.has_nulls = dialect != "postgresql" or version >= 15
        self.metadata = sa.MetaData(naming_convention=self.one_of(*CONVENTIONS))
        self.columns: dict[sa.Table, list[sa.Column[Any]]] = {}
        self.numbers: dict[sa.Table, list[sa.Column[Any]]] = {}
        # A key of a table that is logged cannot point at one that is not.
        self.unlogged = dialect == "postgresql" and self.maybe(True, 6)
        self.count = 0

    def one_of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def some(self, values: list[Any], least: int = 1) -> list[Any]:
        wanted = st.lists(st.sampled_from(values), unique=True, min_size=least, max_size=3)
        return self.draw(wanted)

    def maybe(self, of: Any, times: int = 3) -> Any:
        """It, once in so many times."""
        return of if self.draw(st.integers(1, times)) == 1 else None

    def name(self, often: int = 2) -> str | None:
        """A name that nothing else has, or none."""
        self.count += 1
        return self.maybe(f"n{self.count}", often)

    def on_some(self, part: Any) -> Any:
        """A constraint or an index, now and then of some dialects alone."""
        if self.maybe(True, 4):
            part.ddl_if(dialect=self.one_of("postgresql", "sqlite", ("sqlite", "mysql"), DIALECTS))
        return part

    # -- tables

    def made(self) -> sa.MetaData:
        for name in self.draw(st.lists(st.sampled_from(TABLES), unique=True, min_size=1)):
            self.table(name)
        for table in self.columns:
            self.uniques(table)
        for table in self.columns:
            self.foreign_keys(table)
            self.checks(table)
            self.indexes(table)
        return self.metadata

    def table(self, name: str) -> None:
        names = self.draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
        columns = [self.key_column(), *(self.column(each) for each in names)]
        if self.maybe(True, 4):
            columns.append(self.special_column())
        key = [columns[0]]
        keyed = [each for each in columns if isinstance(each.type, sa.Integer | sa.String)]
        if self.maybe(True, 4) and len(keyed) > 1:
            key = self.some(keyed, 2)
            for each in key:
                each.nullable = False  # SQLite alone would take NULL in a primary key
        columns = self.draw(st.permutations(columns))
        numbers = [each for each in columns if isinstance(each.type, sa.Integer)]
        options: dict[str, Any] = {"comment": self.maybe("it's", 4)}
        if self.maybe(True, 6):
            options["sqlite_with_rowid"] = False
        if self.unlogged:
            options["prefixes"] = ["UNLOGGED"]
        if HAS_STORAGE and self.maybe(True, 8):
            options["postgresql_with"] = {"fillfactor": 80}
        made = sa.Table(
            name,
            self.metadata,
            *columns,
            *self.computed(numbers),
            self.primary_key(key),
            **options,
        )
        self.columns[made], self.numbers[made] = list(columns), numbers

    def key_column(self) -> sa.Column[Any]:
        kind = self.one_of(sa.Integer, sa.Integer, sa.String)
        return sa.Column("id", kind(5) if kind is sa.String else kind, unique=self.maybe(True, 4))

    def primary_key(self, columns: list[sa.Column[Any]]) -> sa.PrimaryKeyConstraint:
        return sa.PrimaryKeyConstraint(*columns, name=self.name(4))

    def special_column(self) -> sa.Column[Any]:
        """One that brings more than itself: a check, a counter, a sequence, a key."""
        self.count += 1
        named = f"s{self.count}"
        return self.one_of(
            lambda: sa.Column("s", sa.Boolean(create_constraint=True, name=self.name(1))),
            lambda: sa.Column(
                "s", sa.Enum("p", "q", native_enum=False, create_constraint=True, name=named)
            ),
            lambda: sa.Column("s", sa.Enum("p", "q", native_enum=False, length=5)),
            lambda: sa.Column("s", sa.Enum("p", "q", name=named), server_default="p", index=True),
            lambda: sa.Column(
                "s", sa.Integer, sa.Identity(start=5, always=self.one_of(True, False))
            ),
            lambda: sa.Column("s", sa.BigInteger, sa.Sequence(named, start=3, increment=2)),
            lambda: sa.Column("s", sa.Integer, sa.CheckConstraint("s > 3", name=self.name(1))),
            lambda: sa.Column(
                "s", sa.String(9, collation="C" if self.dialect == "postgresql" else "NOCASE")
            ),
            lambda: sa.Column("s", sa.String, key="other", quote=True, comment="it's"),
            lambda: sa.Column("s", sa.DateTime, server_default=sa.func.now()),
            lambda: sa.Column("s", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
            lambda: sa.Column(
                "s", postgresql.ARRAY(sa.String(3)).with_variant(sa.JSON(), "sqlite")
            ),
        )()

    def column(self, name: str) -> sa.Column[Any]:
        kind = self.one_of(*NUMBERS, *NUMBERS, *OTHERS)()
        options: dict[str, Any] = {
            "nullable": self.one_of(True, False),
            "unique": self.maybe(True, 4),
            "index": self.maybe(True, 4),
            "comment": self.maybe("about %s", 5),
        }
        if isinstance(kind, sa.Integer):
            options["server_default"] = self.maybe(self.one_of("5", sa.text("1 + 1")), 4)
        if isinstance(kind, sa.JSON):
            options["unique"] = options["index"] = None
        return sa.Column(name, kind, **options)

    def computed(self, numbers: list[sa.Column[Any]]) -> list[sa.Column[Any]]:
        if not numbers or not self.maybe(True, 4):
            return []
        of = f'"{self.one_of(*numbers).name}" + 1'
        return [sa.Column("made", sa.Integer, sa.Computed(of, persisted=True))]

    # -- keys

    def uniques(self, table: sa.Table) -> None:
        usable = self.comparable(table)
        for _ in range(self.one_of(0, 0, 1, 2)):
            options: dict[str, Any] = {}
            if self.maybe(True, 5) and self.has_nulls:
                options["postgresql_nulls_not_distinct"] = True
            if self.maybe(True, 5):
                options["postgresql_include"] = ["id"]
            name = self.name(1 if options else 2)
            constraint = sa.UniqueConstraint(*self.some(usable), name=name, **options)
            table.append_constraint(self.on_some(constraint))

    def comparable(self, table: sa.Table) -> list[sa.Column[Any]]:
        """The columns that an index can be made of."""
        return [
            each
            for each in self.columns[table]
            if not isinstance(each.type, sa.JSON | postgresql.ARRAY)
        ]

    def foreign_keys(self, table: sa.Table) -> None:
        for _ in range(self.one_of(0, 1, 1, 2)):
            target = self.one_of(*self.columns)
            remote = self.one_of(*self.targets(target))
            own = [
                [each for each in self.columns[table] if type(each.type) is type(of.type)]
                for of in remote
            ]
            if not all(own):
                continue
            columns = [self.one_of(*each) for each in own]
            others = [set(each.column_keys) for each in table.foreign_key_constraints]
            if len(set(columns)) != len(columns) or {each.key for each in columns} in others:
                continue
            name = self.name()
            key = sa.ForeignKeyConstraint(
                columns,
                remote,
                name=name,
                use_alter=self.one_of(False, True),
                onupdate=self.one_of(None, "CASCADE"),
                ondelete=self.one_of(None, "CASCADE", "RESTRICT", "NO ACTION"),
                **self.one_of({}, {}, {"deferrable": True}, {"initially": "DEFERRED"}),
                # Added by itself, one that is NOT VALID is found by its name alone.
                **(self.not_valid() if name else {}),
            )
            self.on_some(key)

    def targets(self, table: sa.Table) -> list[list[sa.Column[Any]]]:
        """What of a table a key may point at on every database: its keys."""
        found = [list(table.primary_key.columns)]
        for each in table.constraints:
            plain = isinstance(each, sa.UniqueConstraint) and each._ddl_if is None
            if plain and all(column in self.columns[table] for column in each.columns):
                found.append(list(each.columns))
        return sorted(found, key=lambda each: [column.name for column in each])

    def not_valid(self) -> dict[str, Any]:
        return {"postgresql_not_valid": True} if self.maybe(True, 5) else {}

    # -- conditions and indexes

    def checks(self, table: sa.Table) -> None:
        for _ in range(self.one_of(0, 0, 1)):
            if self.numbers[table]:
                column = self.one_of(*self.numbers[table])
                self.count += 1
                name = (
                    f"k{self.count}" if self.metadata.naming_convention.get("ck") else self.name()
                )
                condition = column > self.one_of(1, -5)
                check = sa.CheckConstraint(condition, name=name, **self.not_valid())
                table.append_constraint(self.on_some(check))

    def indexes(self, table: sa.Table) -> None:
        usable = self.comparable(table)
        for _ in range(self.one_of(0, 1, 2)):
            self.count += 1
            parts = [self.one_of(each, each, each.desc()) for each in self.some(usable)]
            options: dict[str, Any] = {}
            if self.numbers[table]:
                column = self.one_of(*self.numbers[table])
                if self.maybe(True, 4):
                    parts.append(column + 1)
                for dialect in ("postgresql", "sqlite"):
                    if self.maybe(True, 3):
                        options[f"{dialect}_where"] = column > self.one_of(1, 2)
            if self.maybe(True, 4):
                options["postgresql_include"] = ["id"]
            if self.maybe(True, 4):
                options["postgresql_with"] = {"fillfactor": 70}
            if self.maybe(True, 6):
                options["postgresql_tablespace"] = "pg_default"
            if self.maybe(True, 6):
                parts = [sa.func.lower(each) if is_text(each) else each for each in parts]
            index = sa.Index(f"i{self.count}", *parts, unique=self.one_of(False, True), **options)
            self.on_some(index)


def is_text(part: Any) -> bool:
    return isinstance(part, sa.Column) and type(part.type) is sa.String


@st.composite
def metadatas(draw: st.DrawFn, dialect: str, version: int = 0) -> sa.MetaData:
    """A MetaData that databases of a dialect, and of a version of PostgreSQL, can have."""
    return Maker(draw, dialect, version).made()
