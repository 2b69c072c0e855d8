"""Column types as values: the call that makes the SQLAlchemy type, and enum types."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from whimbrel.errors import ModelError
from whimbrel.schema.foreign import (
    compile_type,
    is_decorator,
    is_foreign,
    is_foreign_class,
    on_each_dialect,
)


class Name(NamedTuple):
    """A name inside a database schema; ``schema`` None is the connection's default one."""

    schema: str | None
    name: str

    @classmethod
    def read(cls, text: str) -> Name:
        """The name that is written "schema.name", or "name"."""
        schema, _, name = text.rpartition(".")
        return cls(schema or None, name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Type:
    """A SQLAlchemy type, as the call that makes it: ``path(*args, **kwargs)``.

    ``path`` is "module:qualified.name", with the shortest public module. ``variants`` are the
    types that stand in on a dialect (``with_variant``), sorted by the dialect's name.
    """

    path: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    variants: tuple[tuple[str, ColumnType], ...] = ()

    def on(self, dialect: str) -> ColumnType:
        """The type that this is on a dialect."""
        return dict(self.variants).get(dialect, self)

    def inside(self) -> list[ColumnType]:
        """The types that it is made of: an array's items, a domain's own type; its variants."""
        named = [each for pairs in (self.kwargs, self.variants) for _, each in pairs]
        return [each for each in (*self.args, *named) if isinstance(each, Type | EnumType)]

    def with_inside(self, by: Callable[[ColumnType], ColumnType]) -> Type:
        """The same type with what it is made of exchanged."""

        def exchanged(value: Any) -> Any:
            return by(value) if isinstance(value, Type | EnumType) else value

        return Type(
            self.path,
            tuple(map(exchanged, self.args)),
            tuple((name, exchanged(value)) for name, value in self.kwargs),
            tuple((dialect, exchanged(value)) for dialect, value in self.variants),
        )


@dataclass(frozen=True, slots=True)
class EnumValue:
    """A label of an enum type, with the identity that it keeps when it is renamed."""

    label: str
    key: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum: a type of its own where the database has one, else VARCHAR with a CHECK.

    ``native`` False asks for VARCHAR everywhere. ``check`` True asks for the CHECK where the
    enum is VARCHAR; ``length`` is that VARCHAR's, None for the longest label's.
    """

    name: str
    values: tuple[EnumValue, ...]
    schema: str | None = None
    native: bool = True
    check: bool = True
    length: int | None = None
    key: str | None = field(default=None, compare=False)

    @property
    def at(self) -> Name:
        """Its schema and name."""
        return Name(self.schema, self.name)

    def on(self, dialect: str) -> ColumnType:
        """The type that this is on a dialect: itself."""
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(value.label for value in self.values)

    @property
    def width(self) -> int:
        """The length of the VARCHAR that holds every label."""
        return self.length or max((len(label) for label in self.labels), default=1)


ColumnType: TypeAlias = Type | EnumType


def make_type(
    path: str, *args: Any, variants: Mapping[str, ColumnType] | None = None, **kwargs: Any
) -> Type:
    """A `Type` in short: ``make_type("sqlalchemy:String", length=100)``."""
    return Type(path, args, tuple(sorted(kwargs.items())), tuple(sorted((variants or {}).items())))


def enum_types(of: ColumnType) -> list[EnumType]:
    """The enum types inside a type: itself, or an array's items."""
    if isinstance(of, EnumType):
        return [of]
    return [enum for each in of.inside() for enum in enum_types(each)]


def label_renames(old: EnumType, new: EnumType) -> dict[str, str]:
    """Old label to new, of the values that kept their identity and changed their label."""
    labels: dict[str | None, str] = {
        value.key: value.label for value in new.values if value.key is not None
    }
    pairs = ((value.label, labels.get(value.key, value.label)) for value in old.values)
    return {was: now for was, now in pairs if was != now}


def replace_enums(of: ColumnType, by: Mapping[EnumType, EnumType]) -> ColumnType:
    """The same type with the enum types inside it exchanged."""
    if isinstance(of, EnumType):
        return by.get(of, of)
    return of.with_inside(lambda each: replace_enums(each, by))


# -- from a SQLAlchemy type object ---------------------------------------------------------
# The object is only looked at: nothing here imports SQLAlchemy (its file did).


def is_sqlalchemy_type(value: object) -> bool:
    """Return True for a SQLAlchemy type: an instance, or a class."""
    return hasattr(value, "__visit_name__") and hasattr(value, "dialect_impl")


def describe(value: Any) -> ColumnType:
    """The type of a SQLAlchemy type object or class, in SQLAlchemy's own types or in SQL.

    A class of a library or of the user counts for what it is to each database (`foreign`).
    Raises `ModelError` for what is no type, or is one to no database.
    """
    return _describe(value, is_frozen=True)


def describe_call(value: Any) -> ColumnType:
    """The `Type` of a type object by the call that makes it, whoever's its class is.

    Files that were written before types were frozen say so, and digests count it. Raises
    `ModelError` where the call that made the object cannot be told from it.
    """
    return _describe(value, is_frozen=False)


def names_classes(value: Any) -> bool:
    """Return True if the call of a type object names a class that history must not depend on."""
    if isinstance(value, Type | EnumType) or _is_own_throughout(value):
        return False
    try:
        return describe_call(value) != describe(value)
    except ModelError:
        return True


def _is_own_throughout(value: Any) -> bool:
    """Return True if no class in a type object is a library's or the user's; a quick check."""
    if isinstance(value, type):
        return not is_foreign_class(value)
    if is_foreign(value) or getattr(value, "create_type", True) is False:
        return False
    if _is_enum(value):
        return not getattr(value, "_variant_mapping", None)
    if is_decorator(value) and type(value).__name__ == "PickleType":
        return False
    inside = [*vars(value).values(), *(getattr(value, "_variant_mapping", None) or {}).values()]
    return all(_is_own_throughout(each) for each in inside if is_sqlalchemy_type(each))


def _describe(value: Any, *, is_frozen: bool) -> ColumnType:
    if isinstance(value, Type | EnumType):
        return value
    instance = value() if isinstance(value, type) else value
    if not is_sqlalchemy_type(instance):
        raise ModelError(
            f"{value!r} is not a SQLAlchemy type",
            hint="Give an instance or a subclass of sqlalchemy.types.TypeEngine.",
        )
    variants = getattr(instance, "_variant_mapping", None) or {}
    described = {name: _describe(of, is_frozen=is_frozen) for name, of in variants.items()}
    return _with_variants(_plain(instance, is_frozen), described)


def _plain(instance: Any, is_frozen: bool) -> ColumnType:
    """The type without its variants."""
    if is_frozen:
        if is_foreign(instance):
            return _frozen_type(instance)
        if getattr(instance, "create_type", True) is False:
            return _type_of_others(instance)
    if _is_enum(instance):
        return _describe_enum(instance)
    return _describe_call(instance, is_frozen)


def _type_of_others(instance: Any) -> ColumnType:
    """A type that is there already (``create_type=False``): its name, and nothing to make or drop."""
    named = in_sql(compile_type(instance, "postgresql"))
    if not _is_enum(instance):
        return named
    text = Type("sqlalchemy:String", (), (("length", instance.length),))
    return _with_variants(text, {"postgresql": named})


_IN_SQL = "whimbrel.models:DatabaseType"


def in_sql(words: str) -> Type:
    """A type that is nothing but its SQL."""
    return Type(_IN_SQL, (words,))


def database_types_in(of: ColumnType) -> Iterator[str]:
    """The words of the types inside a type that are nothing but their SQL."""
    if isinstance(of, EnumType):
        return
    if of.path == _IN_SQL:
        yield of.args[0]
    for each in of.inside():
        yield from database_types_in(each)


def _with_variants(plain: ColumnType, variants: Mapping[str, ColumnType]) -> ColumnType:
    """A type with more variants than it has."""
    if not variants:
        return plain
    if isinstance(plain, EnumType):
        return Type("sqlalchemy:Enum", (plain,), (), tuple(sorted(variants.items())))
    all_variants = {**dict(plain.variants), **variants}
    return Type(plain.path, plain.args, plain.kwargs, tuple(sorted(all_variants.items())))


def _frozen_type(instance: Any) -> ColumnType:
    """Return a foreign type as databases have it: one type, with variants where they differ."""
    found = {
        dialect: in_sql(of) if isinstance(of, str) else describe(of)
        for dialect, of in on_each_dialect(instance).items()
    }
    (_, first), *others = found.items()
    if all(each == first for _, each in others):
        return first
    single = {dialect: _only_on(dialect, each) for dialect, each in found.items()}
    base = next(iter(single.values()))
    return _with_variants(base, {name: each for name, each in single.items() if each != base})


def _only_on(dialect: str, of: ColumnType) -> ColumnType:
    """The type that this is on a dialect, which is all that counts there."""
    found = of.on(dialect)
    if not isinstance(found, Type):
        return found
    if found.path == "sqlalchemy:Enum" and found.args and isinstance(found.args[0], EnumType):
        return found.args[0]
    return replace(found, variants=())


def public_path(of: type) -> str:
    """The shortest import path that gives this class: "sqlalchemy:String"."""
    parts = of.__module__.split(".")
    for end in range(1, len(parts) + 1):
        module = ".".join(parts[:end])
        found: Any = sys.modules.get(module)
        for name in of.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is of:
            return f"{module}:{of.__qualname__}"
    return f"{of.__module__}:{of.__qualname__}"


def _is_enum(instance: Any) -> bool:
    return any(
        base.__module__ == "sqlalchemy.sql.sqltypes" and base.__name__ == "Enum"
        for base in type(instance).__mro__
    )


def _describe_enum(instance: Any) -> EnumType:
    enum_class = getattr(instance, "enum_class", None)
    name = instance.name or (enum_class.__name__.lower() if enum_class else "")
    if not name and instance.native_enum:
        raise ModelError(
            f"an Enum type has no name: {instance!r}",
            hint='Give it one: Enum("a", "b", name="status"). PostgreSQL needs it.',
        )
    # SQLAlchemy fills in the longest label's by itself.
    longest = max((len(label) for label in instance.enums), default=0)
    return EnumType(
        name=name,
        values=tuple(EnumValue(label) for label in instance.enums),
        schema=instance.schema,
        native=bool(instance.native_enum),
        check=bool(instance.create_constraint),
        length=instance.length if instance.length not in (0, longest) else None,
    )


_CALL_ATTRIBUTE = "__whimbrel__"


def _describe_call(instance: Any, is_frozen: bool) -> ColumnType:
    path = public_path(type(instance))
    if "<locals>" in path:
        raise ModelError(f"the type {type(instance).__qualname__} is local to a function")
    args, kwargs = _call_of(instance)
    if is_frozen:
        if callable(getattr(kwargs.get("pickler"), "loads", None)):
            return describe(instance.impl)  # the user's own way to read it
        # A function says how values are treated, and nothing of the column.
        kwargs = {n: v for n, v in kwargs.items() if not callable(v) or is_sqlalchemy_type(v)}

    def frozen(value: Any) -> Any:
        if getattr(value, "__visit_name__", None) == "textclause":
            return Type("sqlalchemy:text", (value.text,))  # a domain's check
        if is_sqlalchemy_type(value):
            return _describe(value, is_frozen=is_frozen)
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    named = sorted((name, frozen(each)) for name, each in kwargs.items())
    return Type(path, tuple(map(frozen, args)), tuple(named))


def _call_of(instance: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that made a type: its own word for it, or its attributes."""
    own = getattr(instance, _CALL_ATTRIBUTE, None)
    if own is not None:
        args, kwargs = own()
        return list(args), dict(kwargs)
    shown = _instance_that_holds_arguments(instance)
    if shown is None:
        return [], {}
    return [], _arguments(instance, shown)


def _instance_that_holds_arguments(instance: Any) -> Any:
    """A TypeDecorator without an ``__init__`` of its own hands its arguments to its impl."""
    if not is_decorator(instance):
        return instance
    for base in type(instance).__mro__:
        if "__init__" in vars(base):
            if base.__name__ != "TypeDecorator":
                return instance
            break
    is_class = isinstance(inspect.getattr_static(type(instance), "impl"), type)
    return instance.impl if is_class else None


def _arguments(instance: Any, shown: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parameter in _parameters(type(shown)):
        value = _attribute(shown, parameter.name)
        if value is inspect.Parameter.empty:
            _refuse_if_needed(parameter, instance)
        elif any(base.__name__ == "MetaData" for base in type(value).__mro__):
            continue  # what a table gives a named type that becomes its column's
        elif value is not parameter.default and not _same(value, parameter.default):
            found[parameter.name] = value
    return _without_defaults(found, type(shown))


def _attribute(shown: Any, name: str) -> Any:
    """Return the attribute that a type keeps an argument in; deprecated properties may warn."""
    if name in vars(shown):
        return vars(shown)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(shown, name, inspect.Parameter.empty)


def _without_defaults(found: dict[str, Any], made_by: type) -> dict[str, Any]:
    """The arguments without those that the type fills in by itself where they are left out."""
    parameters = _parameters(made_by)
    needed = {each.name for each in parameters if each.default is inspect.Parameter.empty}
    try:
        bare = made_by(**{name: found[name] for name in needed})
    except Exception:  # a type that wants more than its signature says: write all of it
        return found
    return {
        name: value
        for name, value in found.items()
        if name in needed or not _same_frozen(_attribute(bare, name), value)
    }


def _same_frozen(left: Any, right: Any) -> bool:
    return left is right or _same(_plain_of(left), _plain_of(right))


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _refuse_if_needed(parameter: inspect.Parameter, instance: Any) -> None:
    if parameter.default is inspect.Parameter.empty:
        raise ModelError(
            f"the type {public_path(type(instance))} does not keep its argument {parameter.name!r}",
            hint=f"Keep it as self.{parameter.name}, or give the type a method "
            f"{_CALL_ATTRIBUTE}(self) that returns its (args, kwargs).",
        )


def _parameters(cls: type) -> list[inspect.Parameter]:
    """The named parameters of a class's ``__init__``, and of its bases' where it hands on."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is None or base is object:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return [parameter for name, parameter in found.items() if not name.startswith("_")]


def _plain_of(value: Any) -> Any:
    """A value that can be compared: of types and lists of them, how they are called."""
    if is_sqlalchemy_type(value):
        return describe_call(value)
    if getattr(value, "__visit_name__", None) == "textclause":
        return value.text
    return tuple(map(_plain_of, value)) if isinstance(value, list) else value
