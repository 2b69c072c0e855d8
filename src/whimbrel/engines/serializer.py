"""Steps, changes and schemas as JSON, and back: each class by its name, each field by its name.

A field that has its default is left out, so that what is stored goes on being readable when a
class gets another field. Reading makes only classes that are listed here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from importlib import import_module
from typing import Any
from uuid import UUID

from whimbrel.errors import HistoryError

#: The key of an object's kind; a plain mapping has none.
_KIND = "is"
#: What JSON says of values that are made of others.
_NESTED = (list, dict)

#: The modules whose frozen classes and enums can be written.
_MODULES = (
    "whimbrel.schema.types",
    "whimbrel.schema.expressions",
    "whimbrel.schema.table",
    "whimbrel.schema.changes",
    "whimbrel.schema.swaps",
    "whimbrel.engines.step",
    "whimbrel.engines.postgresql.steps.concurrent",
    "whimbrel.engines.postgresql.steps.constraints",
    "whimbrel.engines.postgresql.steps.partitions",
    "whimbrel.engines.postgresql.steps.type_steps",
    "whimbrel.engines.postgresql.steps.belongings",
    "whimbrel.engines.postgresql.steps.swapping",
    "whimbrel.engines.postgresql.steps.syncing",
    "whimbrel.engines.sqlite.steps.rebuild",
)

#: Values of Python's own, written as text: how, and how they are read.
_TEXTS: Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    Decimal: (str, Decimal),
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (lambda it: [it.days, it.seconds, it.microseconds], lambda of: timedelta(*of)),
    UUID: (str, UUID),
    bytes: (bytes.hex, bytes.fromhex),
    bytearray: (bytearray.hex, bytearray.fromhex),
    memoryview: (memoryview.hex, lambda of: memoryview(bytes.fromhex(of))),
    float: (float.__repr__, float),
    list: (lambda it: [_written(each) for each in it], lambda of: [_read(each) for each in of]),
    frozenset: (
        lambda it: sorted((_written(each) for each in it), key=json.dumps),
        lambda of: frozenset(map(_read, of)),
    ),
    dict: (
        lambda it: [[_written(key), _written(value)] for key, value in it.items()],
        lambda of: {_read(key): _read(value) for key, value in of},
    ),
}


def dumps(value: object) -> str:
    """Return a value as JSON. Raises `TypeError` for what is of no class that can be read back."""
    return json.dumps(_written(value), separators=(",", ":"))


def loads(text: str) -> Any:
    """Return the value that JSON of `dumps` stands for.

    Raises `HistoryError` for what this version of Whimbrel does not know.
    """
    try:
        return _read(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(
            f"what is stored there cannot be read: {error}",
            hint="A later version of Whimbrel wrote it: go on with that one.",
        ) from error


def _written(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
        return value
    if kind is tuple:
        return [_written(each) for each in value]
    if kind in _TEXTS:
        return {_KIND: kind.__name__, "of": _TEXTS[kind][0](value)}
    if isinstance(value, str) and not isinstance(value, Enum):
        return str(value)  # a name of SQLAlchemy's, which is equal to its text
    if _class_named(kind.__name__) is not kind:
        return _written_as_base(value)
    if isinstance(value, Enum):
        return {_KIND: kind.__name__, "of": value.name}
    found = {_KIND: kind.__name__}
    for name, default in _fields(kind.__name__).items():
        own = getattr(value, name)
        if default is MISSING or own is not default:
            found[name] = _written(own)
    return found


def _written_as_base(value: Any) -> Any:
    """Write a value of a class that is not known as what the class is derived from: OrderedDict as dict."""
    for base in type(value).__mro__:
        if base in _TEXTS:
            return {_KIND: base.__name__, "of": _TEXTS[base][0](value)}
        if base in (int, tuple):
            return _written(base(value))
    raise TypeError(f"{type(value).__qualname__} cannot be written as JSON")


def _read(found: Any) -> Any:
    kind = type(found)
    if kind is list:
        return tuple([_read(each) for each in found])
    return _reader(found[_KIND])(found) if kind is dict else found


@cache
def _reader(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return the reader of a kind: a text, a member of an enum, a named tuple, or a frozen class."""
    texts = {kind.__name__: read for kind, (_, read) in _TEXTS.items()}
    if name in texts:
        return lambda found: texts[name](found["of"])
    known: Any = _class_named(name)
    if known is None:
        raise KeyError(name)
    if issubclass(known, Enum):
        return lambda found: known[found["of"]]
    if issubclass(known, tuple):
        return lambda found: known(**{k: _read(each) for k, each in found.items() if k != _KIND})
    return partial(_read_object, known, tuple(_fields(name).items()))


def _read_object(kind: Any, attributes: Iterable[tuple[str, Any]], found: Mapping[str, Any]) -> Any:
    # As it was: __init__ of some classes takes other things than the fields.
    made = object.__new__(kind)
    for name, default in attributes:
        value = found[name] if default is MISSING else found.get(name, default)
        object.__setattr__(made, name, _read(value) if type(value) in _NESTED else value)
    return made


@cache
def _fields(name: str) -> Mapping[str, Any]:
    """The fields of a class, each with its default."""
    kind: Any = _class_named(name)
    if is_dataclass(kind):
        return {each.name: each.default for each in fields(kind)}
    return dict.fromkeys(getattr(kind, "_fields", None) or kind.__slots__, MISSING)


@cache
def _class_named(name: str) -> type | None:
    if name == "Range":  # late, since it takes a dialect that few projects have
        return import_module("sqlalchemy.dialects.postgresql").Range  # type: ignore[no-any-return]
    return _classes().get(name)


@cache
def _classes() -> Mapping[str, type]:
    """The classes that can be written and read, by name."""
    found: dict[str, type] = {}
    for name in _MODULES:
        for each in vars(import_module(name)).values():
            if isinstance(each, type) and each.__module__ == name:
                found[each.__name__] = each
    return found
