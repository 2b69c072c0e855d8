"""A model's options, and the indexes and constraints among them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

from whimbrel.errors import ModelError
from whimbrel.schema.expressions import SQL, Expression, plain_condition
from whimbrel.schema.items import SchemaItem
from whimbrel.schema.table import IndexPart
from whimbrel.state.fields.relations import DO_NOTHING, OnDelete, label_of


def _part(of: str | SQL | IndexPart) -> IndexPart:
    if isinstance(of, IndexPart):
        return of
    if isinstance(of, str) and of.startswith("-"):
        return IndexPart(of[1:], descending=True)
    return IndexPart(of)


def _tuple(value: AbstractSequence[str] | str | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _unsaid(value: object) -> Any:
    """A field of which digests say nothing where it has this value: there are files from before it."""
    return field(metadata={"unsaid": value})


@dataclass(frozen=True, slots=True, init=False)
class Index(SchemaItem):
    """An index on fields (``-field`` for descending), expressions, or both.

    ``Index(fields=["-created", "title"])``, ``Index(SQL("lower(title)"), name="...")``.
    condition: a `Q` or `SQL` that rows must meet. include: fields carried along. unique: no two
    rows the same. method: "gin", for one. opclasses: one for each field. options: storage
    parameters. nulls_distinct False: two NULLs count as the same. dialects: the only databases
    that have it ("postgresql", "sqlite"), as for any constraint.
    """

    parts: tuple[IndexPart, ...]
    name: str | None
    condition: Expression | None
    include: tuple[str, ...]
    unique: bool
    method: str | None
    nulls_distinct: bool
    options: tuple[tuple[str, Any], ...]
    dialects: tuple[str, ...] = _unsaid(())

    def __init__(
        self,
        *expressions: str | SQL | IndexPart,
        fields: AbstractSequence[str] | str = (),
        name: str | None = None,
        condition: Expression | None = None,
        include: AbstractSequence[str] | str = (),
        unique: bool = False,
        method: str | None = None,
        opclasses: AbstractSequence[str] = (),
        nulls_distinct: bool = True,
        options: Mapping[str, Any] | None = None,
        dialects: AbstractSequence[str] | str = (),
    ) -> None:
        parts = tuple(map(_part, (*_tuple(fields), *expressions)))
        if opclasses:
            parts = tuple(
                replace(part, opclass=of or None) for part, of in zip(parts, opclasses, strict=True)
            )
        _set(
            self,
            parts=parts,
            name=name,
            condition=plain_condition(condition),
            include=_tuple(include),
            unique=unique,
            method=method,
            nulls_distinct=nulls_distinct,
            options=tuple(sorted((options or {}).items())),
            dialects=_tuple(dialects),
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """The plain fields of it."""
        return tuple(part.of for part in self.parts if isinstance(part.of, str))


@dataclass(frozen=True, slots=True, init=False)
class UniqueConstraint(SchemaItem):
    """No two rows the same in these fields, of those that meet ``condition``.

    deferrable: None, "immediate" or "deferred". nulls_distinct False: two NULLs are the same.
    """

    fields: tuple[str, ...]
    name: str | None
    condition: Expression | None
    deferrable: str | None
    include: tuple[str, ...]
    nulls_distinct: bool
    dialects: tuple[str, ...] = _unsaid(())

    def __init__(
        self,
        *,
        fields: AbstractSequence[str] | str,
        name: str | None = None,
        condition: Expression | None = None,
        deferrable: str | None = None,
        include: AbstractSequence[str] | str = (),
        nulls_distinct: bool = True,
        dialects: AbstractSequence[str] | str = (),
    ) -> None:
        if condition is not None and deferrable is not None:
            raise ModelError(
                "a unique constraint with a condition is an index, and cannot be deferrable"
            )
        _set(
            self,
            fields=_tuple(fields),
            name=name,
            condition=plain_condition(condition),
            deferrable=deferrable,
            include=_tuple(include),
            nulls_distinct=nulls_distinct,
            dialects=_tuple(dialects),
        )


@dataclass(frozen=True, slots=True, init=False)
class CheckConstraint(SchemaItem):
    """A condition that every row meets: ``CheckConstraint(Q(price__gte=0), name="...")``.

    not_valid: PostgreSQL does not look at the rows that are there when it is added (NOT VALID).
    """

    condition: Expression
    name: str | None
    dialects: tuple[str, ...] = _unsaid(())
    not_valid: bool = _unsaid(False)

    def __init__(
        self,
        condition: Expression | str,
        *,
        name: str | None = None,
        dialects: AbstractSequence[str] | str = (),
        not_valid: bool = False,
    ) -> None:
        said = SQL(condition) if isinstance(condition, str) else plain_condition(condition)
        _set(self, condition=said, name=name, dialects=_tuple(dialects), not_valid=not_valid)


@dataclass(frozen=True, slots=True, init=False)
class ForeignKeyConstraint(SchemaItem):
    """A foreign key of several fields: ``to_fields`` of the model ``to``. Else as `ForeignKey`.

    not_valid: see `CheckConstraint`.
    """

    fields: tuple[str, ...]
    to: str
    to_fields: tuple[str, ...]
    name: str | None
    on_delete: OnDelete
    on_update: str | None
    deferrable: str | None
    match: str | None
    dialects: tuple[str, ...] = _unsaid(())
    not_valid: bool = _unsaid(False)

    def __init__(
        self,
        *,
        fields: AbstractSequence[str] | str,
        to: Any,
        to_fields: AbstractSequence[str] | str,
        name: str | None = None,
        on_delete: OnDelete = DO_NOTHING,
        on_update: str | None = None,
        deferrable: str | None = None,
        match: str | None = None,
        dialects: AbstractSequence[str] | str = (),
        not_valid: bool = False,
    ) -> None:
        _set(
            self,
            fields=_tuple(fields),
            to=label_of(to),
            to_fields=_tuple(to_fields),
            name=name,
            on_delete=on_delete,
            on_update=on_update,
            deferrable=deferrable,
            match=match,
            dialects=_tuple(dialects),
            not_valid=not_valid,
        )


@dataclass(frozen=True, slots=True, init=False)
class ExclusionConstraint(SchemaItem):
    """PostgreSQL's EXCLUDE: ``expressions`` are pairs of a field or `SQL`, and an operator ("&&")."""

    expressions: tuple[tuple[str | SQL, str], ...]
    name: str | None
    method: str
    condition: Expression | None
    deferrable: str | None
    dialects: tuple[str, ...] = _unsaid(())

    def __init__(
        self,
        *,
        expressions: AbstractSequence[tuple[str | SQL, str]],
        name: str | None = None,
        method: str = "gist",
        condition: Expression | None = None,
        deferrable: str | None = None,
        dialects: AbstractSequence[str] | str = (),
    ) -> None:
        _set(
            self,
            expressions=tuple((of, operator) for of, operator in expressions),
            name=name,
            method=method,
            condition=plain_condition(condition),
            deferrable=deferrable,
            dialects=_tuple(dialects),
        )


@dataclass(frozen=True, slots=True, init=False)
class PrimaryKeyConstraint(SchemaItem):
    """The primary key over fields, in an order of its own or with a name of its own."""

    fields: tuple[str, ...]
    name: str | None
    dialects: tuple[str, ...] = _unsaid(())

    def __init__(
        self,
        *,
        fields: AbstractSequence[str] | str,
        name: str | None = None,
        dialects: AbstractSequence[str] | str = (),
    ) -> None:
        _set(self, fields=_tuple(fields), name=name, dialects=_tuple(dialects))


ModelConstraint: TypeAlias = (
    UniqueConstraint
    | CheckConstraint
    | ForeignKeyConstraint
    | ExclusionConstraint
    | PrimaryKeyConstraint
)


def _set(made: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(made, name, value)


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An index or constraint of a model, with its identity and the name that it lowers to."""

    value: Any  # Index | ModelConstraint
    name: str
    key: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``class Meta``, but for those that no history depends on.

    db_table: the table's name (default: app and model). schema: the database schema.
    managed False: the table is somebody else's. primary_key: the fields of a composite key.
    dialect: options by SQLAlchemy's name for them, sorted (("sqlite_strict", True),).
    """

    db_table: str | None = None
    schema: str | None = None
    db_table_comment: str | None = None
    managed: bool = True
    ordering: tuple[str, ...] = ()
    unique_together: tuple[tuple[str, ...], ...] = ()
    primary_key: tuple[str, ...] = ()
    indexes: tuple[NamedItem, ...] = ()
    constraints: tuple[NamedItem, ...] = ()
    dialect: tuple[tuple[str, Any], ...] = ()

    @property
    def items(self) -> tuple[NamedItem, ...]:
        """The indexes, then the constraints."""
        return (*self.indexes, *self.constraints)

    @property
    def declared_key(self) -> NamedItem | None:
        """The constraint that says what the primary key is, whatever fields say."""
        return next(
            (p for p in self.constraints if isinstance(p.value, PrimaryKeyConstraint)), None
        )

    @property
    def written_schema(self) -> str | None:
        """The schema as it is to be written: "" where a dot is part of the table's name."""
        return schema_beside(self.db_table, self.schema)


def schema_beside(table: str | None, schema: str | None) -> str | None:
    """The schema to write beside a table's name: "" where a dot in that is its own."""
    return "" if not schema and "." in (table or "") else schema


OPTION_NAMES = tuple(each.name for each in fields(Options))
PLAIN_OPTIONS = tuple(name for name in OPTION_NAMES if name not in ("indexes", "constraints"))


def normal_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options in their normal form: tuples for lists, "schema.table" split, dialect's sorted.

    A schema that is said, and be it "" for the connection's own, leaves the dot to the table's name.
    Raises `ModelError` for an option that there is not.
    """
    options = dict(given)
    unknown = [name for name in options if name not in OPTION_NAMES]
    if unknown:
        raise ModelError(
            f"there is no option {unknown[0]!r}", hint=f"A model has: {', '.join(OPTION_NAMES)}."
        )
    table = options.get("db_table")
    if table and "." in table and "schema" not in options:
        options["schema"], _, options["db_table"] = table.partition(".")
    if "schema" in options:
        options["schema"] = options["schema"] or None
    for name in ("ordering", "primary_key"):
        if name in options:
            options[name] = _tuple(options[name])
    if "unique_together" in options:
        options["unique_together"] = _unique_together(options["unique_together"])
    if "dialect" in options:
        options["dialect"] = tuple(sorted(dict(options["dialect"]).items()))
    return options


def _unique_together(given: Any) -> tuple[tuple[str, ...], ...]:
    """One tuple of fields, or several; sets are sorted, so that the order is always the same."""
    groups = [given] if given and all(isinstance(each, str) for each in given) else list(given)
    ordered = (sorted(group) if isinstance(group, set | frozenset) else group for group in groups)
    return tuple(sorted({tuple(group) for group in ordered}))
