"""The field: an immutable value of a kind and its options."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import replace
from typing import Any, ClassVar, TypedDict, TypeVar

from whimbrel.errors import ModelError, WriteError, did_you_mean
from whimbrel.schema.expressions import SQL, Constant, Default, Expression
from whimbrel.schema.foreign import stored_constant
from whimbrel.schema.table import Computed, Identity, Sequence, Serial
from whimbrel.schema.types import (
    ColumnType,
    EnumType,
    EnumValue,
    describe,
    describe_call,
    enum_types,
    names_classes,
    replace_enums,
)


class NotProvided(enum.Enum):
    """The type of `NOT_PROVIDED`."""

    NOT_PROVIDED = "NOT_PROVIDED"

    def __repr__(self) -> str:
        return "NOT_PROVIDED"


NOT_PROVIDED = NotProvided.NOT_PROVIDED


class NamedOptions(TypedDict, total=False):
    """The options that every kind of field takes, but for its verbose name."""

    null: bool
    default: Any
    db_default: Any
    primary_key: bool
    unique: bool
    db_index: bool
    db_column: str | None
    db_collation: str | None
    db_comment: str | None
    autoincrement: bool
    identity: Identity | None
    sequence: Sequence | None
    choices: Any
    help_text: str
    validators: AbstractSequence[Callable[[Any], Any]]
    blank: bool
    editable: bool


class FieldOptions(NamedOptions, total=False):
    """The options that every kind of field takes."""

    verbose_name: str | None


#: Options that say something to people or forms, and nothing to a database or its history.
COSMETIC = frozenset({"choices", "verbose_name", "help_text", "validators", "blank", "editable"})

Self = TypeVar("Self", bound="Field")


class Field:
    """A field of any SQLAlchemy type: ``Field(postgresql.JSONB(), null=True)``.

    null: the column takes NULL (default False). default: a constant, which is also the
    column's default in the database, or a callable, which is called in Python only.
    db_default: a constant or ``SQL(...)``, in the database only. primary_key, unique,
    db_index: False. db_column: the column's name, by default the field's. autoincrement: an
    integer key that counts (SERIAL). identity: ``Identity(...)``. sequence: ``Sequence(...)``,
    made along with the table; SQLAlchemy draws from it when a row gives no value.

    Two fields are equal when they lower to the same column and relate to the same model,
    however they were written. Raises `ModelError` for an option that the kind does not have.
    """

    accepts: ClassVar[Mapping[str, Any]] = {
        "null": False,
        "default": NOT_PROVIDED,
        "db_default": NOT_PROVIDED,
        "primary_key": False,
        "unique": False,
        "db_index": False,
        "db_column": None,
        "db_collation": None,
        "db_comment": None,
        "autoincrement": False,
        "identity": None,
        "sequence": None,
        "choices": None,
        "verbose_name": None,
        "help_text": "",
        "validators": (),
        "blank": False,
        "editable": True,
    }
    #: Options that are written without their names, in this order.
    positional: ClassVar[tuple[str, ...]] = ("type",)
    #: The name under which a migration file finds the class.
    module: ClassVar[str] = "whimbrel.models"

    null: bool
    default: Any
    db_default: Any
    primary_key: bool
    unique: bool
    db_index: bool
    db_column: str | None
    db_collation: str | None
    db_comment: str | None
    autoincrement: bool
    identity: Identity | None
    sequence: Sequence | None
    #: Filled in when the field's own default is only for rows that are there already.
    fill: Default | None
    #: Whether what rows have may be cut to the field's type (`AlterField`).
    lossy: bool
    #: The identities of an enum's labels, by label; empty where there is no history.
    label_keys: Mapping[str, str]
    #: The type object as it was given, where its class is a library's or the user's: an
    #: application's values go through it, and history never.
    given: Any = None

    def __init__(self, type: Any = None, **options: Any) -> None:
        if type is None and builtin_type(self) is Field:
            raise ModelError(
                "a Field needs a type", hint="models.Field(sqlalchemy.Text()), for example."
            )
        self._take(options)
        self._take_type(type)

    def _take(self, options: Mapping[str, Any]) -> None:
        unknown = [name for name in options if name not in self.accepts]
        if unknown:
            raise ModelError(
                f"{builtin_type(self).__name__} has no option {unknown[0]!r}",
                hint=did_you_mean(unknown[0], self.accepts)
                or f"It has: {', '.join(sorted(self.accepts))}.",
            )
        self.__dict__.update(self.accepts)
        self.__dict__.update(options, fill=None, lossy=False, label_keys={})
        if self.primary_key and self.null:
            raise ModelError("a primary key cannot be null", hint="Take null=True away.")

    def _take_type(self, of: Any) -> None:
        self._set("type", describe(of) if of is not None else None)
        if of is not None and names_classes(of):
            self._set("given", of() if isinstance(of, builtin_type) else of)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"a field does not change; make another with field.replace({name}=...)"
        )

    # -- what it says

    def replace(self: Self, **changed: Any) -> Self:
        """The same field with other options (or ``fill``, ``label_keys``)."""
        made: Any = self.as_kind(builtin_type(self))
        made.__dict__.update(changed)
        return made  # type: ignore[no-any-return]

    def as_kind(self, kind: Any) -> Field:
        """Return the same field as one of another class."""
        made: Field = object.__new__(kind)
        made.__dict__.update(self.__dict__)
        made.__dict__.pop("_key", None)
        made.__dict__.pop("_columns", None)
        return made

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the call that writes it: a class in `whimbrel.models`, arguments, keyword arguments.

        Cosmetic options are left out: no history depends on them.
        """
        args = [getattr(self, name) for name in self.positional]
        kwargs = {
            name: value
            for name, default in self.accepts.items()
            if name not in COSMETIC
            and name not in self.positional
            and not _is(value := getattr(self, name), default)
        }
        if isinstance(self.__dict__.get("type"), EnumType):
            said = [name for name in ("default", "db_default") if name in kwargs]
            kwargs |= {name: self.plain(kwargs[name]) for name in said}
        return builtin_type(self).__name__, args, kwargs

    @property
    def has_default(self) -> bool:
        """Return True if Python has a value for a row that gives none."""
        return self.default is not NOT_PROVIDED

    @property
    def relation(self) -> str | None:
        """The label of the model that it points at ("blog.Post"), if it does."""
        return None

    # -- the column

    @property
    def has_column(self) -> bool:
        """True if the model's own table has a column for it."""
        return True

    def column_name(self, name: str) -> str:
        """The column's name for a field of this name."""
        return self.db_column or name

    def column_type(self) -> ColumnType:
        """The column's type; of a relation, an override of its target's. Raises `ModelError`."""
        declared: ColumnType = self.__dict__["type"]
        return self._with_label_keys(declared)

    def _with_label_keys(self, declared: ColumnType) -> ColumnType:
        by = {}
        for of in enum_types(declared) if self.label_keys else ():
            values = (EnumValue(label, self.label_keys.get(label)) for label in of.labels)
            by[of] = replace(of, values=tuple(values))
        return replace_enums(declared, by) if by else declared

    def frozen(self: Self) -> Self:
        """The same field as history has it: no values go through a class of a library or of the user."""
        if self.given is None:
            return self
        constants = {name: self.stored(getattr(self, name)) for name in ("default", "db_default")}
        return self.replace(given=None, **constants)

    def naming_classes(self: Self) -> Self:
        """The same field with its type as the call that made it, as digests have always counted it."""
        try:
            named = describe_call(self.given) if self.given is not None else None
        except ModelError:  # it never stood in a file that loads
            return self
        return self if named is None else self.replace(type=named, given=None)

    def column_default(self) -> Default | None:
        """The default that the database keeps."""
        if isinstance(self.db_default, SQL):
            return self.db_default
        if self.db_default is not NOT_PROVIDED:
            return Constant(self.stored(self.db_default))
        if self.default is NOT_PROVIDED or self.default is None or callable(self.default):
            return None
        return Constant(self.stored(self.default))

    def plain(self, value: Any) -> Any:
        """A value of this field as the database sees it; an enum's member is one of its labels.

        SQLAlchemy's Enum takes its members' names for labels, if it is not told otherwise.
        """
        if not isinstance(value, enum.Enum):
            return value
        declared = self.__dict__.get("type")
        labels = (
            {label for each in enum_types(declared) for label in each.labels} if declared else set()
        )
        named = labels == {member.name for member in builtin_type(value)}
        return value.name if named else value.value

    def stored(self, value: Any) -> Any:
        """A constant as the column holds it: a type decorator may write it otherwise than it was said.

        What is no constant stays as it is.
        """
        if self.given is None or value is None or callable(value):
            return self.plain(value)
        is_said = isinstance(value, SQL | NotProvided)
        return value if is_said else self.plain(stored_constant(self.given, value))

    def generated(self) -> Identity | Serial | None:
        """Return what makes a value in the database: an identity or a serial; None for nothing."""
        if self.identity is not None:
            return replace(self.identity, plain=True)
        return Serial() if self.autoincrement else None

    def computed(self) -> Computed | None:
        """The expression that the column is generated from."""
        return None

    def check(self, name: str) -> Expression | None:
        """A condition on its own column that the kind brings with it."""
        return None

    # -- equality

    def equality_key(self) -> tuple[Any, ...]:
        """All that takes part in equality."""
        return (
            self._type_key(),
            self.null,
            self.column_default(),
            _callable_key(self.default),
            self.primary_key,
            self.unique,
            self.db_index and not self.unique,  # a unique column is indexed as it is
            self.db_column,
            self.db_collation,
            self.db_comment,
            self.generated(),
            self.sequence,
            self.computed(),
            repr(self.check("x")),
        )

    def _type_key(self) -> Any:
        return self.column_type()

    @functools.cached_property
    def _key(self) -> tuple[Any, ...]:
        return self.equality_key()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self._key == other._key

    def __hash__(self) -> int:
        # Of that only which looks the same where it is equal: a default need not.
        return hash((repr(self._type_key()), self.null, self.unique, self.db_column))

    def __repr__(self) -> str:
        name, args, kwargs = self.deconstruct()
        shown = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
        return f"{name}({', '.join(shown)})"


builtin_type = type


def _is(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _callable_key(default: Any) -> Any:
    """Callables are the same when they are imported from the same place."""
    if not callable(default):
        return None
    if isinstance(default, functools.partial):
        return _callable_key(default.func), default.args, tuple(sorted(default.keywords.items()))
    named = getattr(default, "__qualname__", None)
    return f"{default.__module__}:{named}" if named and default.__module__ else repr(default)


# -- classes of users: written as the field of ours that they lower to --------------------------


def is_own(of: type) -> bool:
    """Return True if a class of fields is Whimbrel's."""
    return of.__module__.partition(".")[0] == "whimbrel"


def in_own_words(field: Field) -> Field:
    """The same field as one of Whimbrel's: a class of the user's may change, history does not.

    Raises `WriteError` where the class brings what no field of ours has.
    """
    if is_own(builtin_type(field)):
        return field
    nearest = next(base for base in builtin_type(field).__mro__ if is_own(base))
    made = field.as_kind(nearest)
    if made == field:
        return made
    # The field by its type alone.
    made = field.as_kind(Field).replace(type=field.column_type(), label_keys={})
    if made == field:
        return made
    raise WriteError(
        f"the field class {builtin_type(field).__name__} brings what no field of Whimbrel's has",
        hint="A check(self, name) of its own belongs into Meta.constraints of the models, as "
        "models.CheckConstraint(...).",
    )
