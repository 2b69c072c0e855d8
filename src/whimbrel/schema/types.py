"""Column types as values: the call that makes the SQLAlchemy type, and enum types."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from whimbrel.errors import ModelError


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
    found: list[EnumType] = []
    for value in of.args:
        if isinstance(value, Type | EnumType):
            found += enum_types(value)
    for _, value in (*of.kwargs, *of.variants):
        if isinstance(value, Type | EnumType):
            found += enum_types(value)
    return found


def replace_enums(of: ColumnType, by: Mapping[EnumType, EnumType]) -> ColumnType:
    """The same type with the enum types inside it exchanged."""
    if isinstance(of, EnumType):
        return by.get(of, of)

    def exchanged(value: Any) -> Any:
        return replace_enums(value, by) if isinstance(value, Type | EnumType) else value

    return Type(
        of.path,
        tuple(exchanged(value) for value in of.args),
        tuple((name, exchanged(value)) for name, value in of.kwargs),
        tuple((dialect, exchanged(variant)) for dialect, variant in of.variants),
    )


# -- from a SQLAlchemy type object ---------------------------------------------------------
# The object is only looked at: nothing here imports SQLAlchemy (its file did).


def is_sqlalchemy_type(value: object) -> bool:
    """Whether a value is a SQLAlchemy type: an instance, or the class of one."""
    return hasattr(value, "__visit_name__") and hasattr(value, "dialect_impl")


def describe(value: Any) -> ColumnType:
    """The `Type` of a SQLAlchemy type object or class, a third party's too.

    Raises `ModelError` where the call that made the object cannot be told from it.
    """
    if isinstance(value, Type | EnumType):
        return value
    instance = value() if isinstance(value, type) else value
    if not is_sqlalchemy_type(instance):
        raise ModelError(
            f"{value!r} is not a SQLAlchemy type",
            mend="Give an instance or a subclass of sqlalchemy.types.TypeEngine.",
        )
    variants = getattr(instance, "_variant_mapping", None) or {}
    plain = _describe_enum(instance) if _is_enum(instance) else _describe_call(instance)
    if not variants:
        return plain
    described = tuple(sorted((name, describe(variant)) for name, variant in variants.items()))
    if isinstance(plain, EnumType):
        return Type("sqlalchemy:Enum", (plain,), (), described)
    return Type(plain.path, plain.args, plain.kwargs, described)


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
            mend='Give it one: Enum("a", "b", name="status"). PostgreSQL needs it.',
        )
    return EnumType(
        name=name,
        values=tuple(EnumValue(label) for label in instance.enums),
        schema=instance.schema,
        native=bool(instance.native_enum),
        check=bool(instance.create_constraint),
        length=_own_length(instance),
    )


def _own_length(instance: Any) -> int | None:
    """The length that was asked for: SQLAlchemy fills in the longest label's by itself."""
    longest = max((len(label) for label in instance.enums), default=0)
    return instance.length if instance.length and instance.length != longest else None


_CALL_ATTRIBUTE = "__whimbrel__"


def _describe_call(instance: Any) -> Type:
    path = public_path(type(instance))
    if "<locals>" in path:
        raise ModelError(
            f"the type {type(instance).__qualname__} is local to a function",
            mend="Move it to the level of its module, so that a migration file can import it.",
        )
    args, kwargs = _call_of(instance)
    return Type(
        path, tuple(map(_frozen, args)), tuple(sorted((k, _frozen(v)) for k, v in kwargs.items()))
    )


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
    if not any(base.__name__ == "TypeDecorator" for base in type(instance).__mro__):
        return instance
    for base in type(instance).__mro__:
        if "__init__" in vars(base):
            if base.__name__ != "TypeDecorator":
                return instance
            break
    return (
        instance.impl if isinstance(inspect.getattr_static(type(instance), "impl"), type) else None
    )


def _arguments(instance: Any, shown: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parameter in _parameters(type(shown)):
        value = _kept(shown, parameter.name)
        if value is inspect.Parameter.empty:
            _refuse_if_needed(parameter, instance)
        elif _is_a_collection_of_tables(value):
            continue  # what a table gives a named type that becomes its column's
        elif value is not parameter.default and not _same(value, parameter.default):
            found[parameter.name] = value
    return _beyond_defaults(found, type(shown))


def _is_a_collection_of_tables(value: Any) -> bool:
    return any(base.__name__ == "MetaData" for base in type(value).__mro__)


def _kept(shown: Any, name: str) -> Any:
    """What a type keeps of an argument; properties that are on their way out may warn."""
    if name in vars(shown):
        return vars(shown)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(shown, name, inspect.Parameter.empty)


def _beyond_defaults(found: dict[str, Any], made_by: type) -> dict[str, Any]:
    """The arguments without those that the type fills in by itself where they are left out."""
    needed = {
        parameter.name
        for parameter in _parameters(made_by)
        if parameter.default is inspect.Parameter.empty
    }
    try:
        bare = made_by(**{name: found[name] for name in needed})
    except Exception:  # a type that wants more than its signature says: write all of it
        return found
    return {
        name: value
        for name, value in found.items()
        if name in needed or not _same_frozen(_kept(bare, name), value)
    }


def _same_frozen(left: Any, right: Any) -> bool:
    return left is right or _same(_frozen(left), _frozen(right))


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _refuse_if_needed(parameter: inspect.Parameter, instance: Any) -> None:
    if parameter.default is inspect.Parameter.empty:
        raise ModelError(
            f"the type {public_path(type(instance))} does not keep its argument {parameter.name!r}",
            mend=f"Keep it as self.{parameter.name}, or give the type a method "
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


def _frozen(value: Any) -> Any:
    if is_sqlalchemy_type(value):
        return describe(value)
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value
