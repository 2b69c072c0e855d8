"""From a type as a value to SQLAlchemy's type; and the type that SQLAlchemy has no class for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine, UserDefinedType

from whimbrel.errors import ModelError
from whimbrel.schema.types import ColumnType, EnumType, Type

AnyType = TypeEngine[Any]
P = ParamSpec("P")
T = TypeVar("T")


def cached_if_hashable(function: Callable[P, T]) -> Callable[P, T]:
    """A function that remembers what it gave for arguments that are hashable."""
    cached = cast(Callable[P, T], lru_cache(maxsize=4096)(function))

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return cached(*args, **kwargs)
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            return function(*args, **kwargs)

    return call


@cached_if_hashable
def build(type: ColumnType) -> AnyType:
    """SQLAlchemy's type for a type as a value, an equal value giving the same object.

    Raises `ModelError` where it does not import, or does not take its arguments.
    """
    if isinstance(type, EnumType):
        return _enum(type)
    # An enum with variants is written as a call around it.
    inner = type.args[0] if type.path == "sqlalchemy:Enum" and type.args else None
    made = _enum(inner) if isinstance(inner, EnumType) else _call(type)
    for dialect, variant in type.variants:
        made = made.with_variant(build(variant), dialect)
    return made


def _enum(type: EnumType) -> AnyType:
    return sa.Enum(
        *type.labels,
        name=type.name or None,
        schema=type.schema,
        native_enum=type.native,
        create_constraint=False,
        length=type.length or type.width,
    )


def _call(type: Type) -> AnyType:
    maker = import_value(type.path)
    args = [_argument(value) for value in type.args]
    kwargs = {name: _argument(value) for name, value in type.kwargs}
    try:
        return cast(AnyType, maker(*args, **kwargs))
    except Exception as error:
        raise ModelError(
            f"the type {type.path} does not take its arguments: {error}",
            place=type.path,
            hint="Write the call as the class takes it.",
        ) from error


def _argument(value: Any) -> Any:
    if isinstance(value, Type | EnumType):
        return build(value)
    if isinstance(value, tuple) and any(isinstance(each, Type | EnumType) for each in value):
        return [_argument(each) for each in value]
    return value


def import_value(path: str) -> Any:
    """Return the value at an import path "module:qualified.name". Raises `ModelError` where nothing is."""
    module, _, qualified = path.partition(":")
    try:
        here: Any = importlib.import_module(module)
        for name in qualified.split("."):
            here = getattr(here, name)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"{path} does not import: {error}",
            place=path,
            hint="Install the package that it is in, or keep its old name where it was.",
        ) from error
    return here


class DatabaseType(UserDefinedType[Any]):
    """A type that is spelled as the database spells it: ``DatabaseType("integer unsigned")``.

    A type that only the database knows is read as one of these. A value goes to the driver, and comes
    from it, as it is.
    """

    cache_ok = True
    __module__ = "whimbrel.models"  # where files import it from

    def __init__(self, word: str) -> None:
        self.word = word

    def get_col_spec(self, **_: Any) -> str:
        """The word, which is the type's whole spelling."""
        return self.word

    def __whimbrel__(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The call that makes it."""
        return (self.word,), {}

    def __repr__(self) -> str:
        return f"DatabaseType({self.word!r})"
