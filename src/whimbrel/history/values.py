"""Values of Python's own kinds, as source."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import pathlib
import re
import types
import typing
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from dataclasses import Field as DataclassField
from typing import Any, TypeAlias

from whimbrel.errors import WriteError
from whimbrel.history import layout
from whimbrel.history.imports import Imports
from whimbrel.history.layout import Atom, Code, Group, Joined, Prefixed


class Values:
    """Writes values, and collects what must be imported for them.

    A kind of value that it does not know, Whimbrel's own among them, is one more row of
    `kinds`: a type, and a function of this writer and the value.
    """

    def __init__(self, kinds: Iterable[tuple[Any, Writer]] = ()) -> None:
        self.imports = Imports()
        self._kinds = (*kinds, *_KINDS)
        self._trail: list[str] = []

    def write(self, value: Any) -> Code:
        """The source of a value. Raises `WriteError` saying where the value is, and what to do."""
        for kind, writer in self._kinds:
            if isinstance(value, kind):
                return writer(self, value)
        return _object(self, value)

    @contextlib.contextmanager
    def inside(self, step: str) -> Iterator[None]:
        """A name for where the writer is, which errors give."""
        self._trail.append(step)
        try:
            yield
        except WriteError as error:
            if error.place is None:
                error.place = ", ".join(self._trail)
            raise
        finally:
            self._trail.pop()

    def call(
        self, name: str, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Group:
        """A call, with arguments that are still to be written."""
        written = [self.write(value) for value in args]
        return layout.call(
            name, written, [(key, self.write_at(key, each)) for key, each in (kwargs or {}).items()]
        )

    def write_at(self, name: str, value: Any) -> Code:
        """A value that stands at a name, which errors give."""
        with self.inside(name):
            return self.write(value)

    def items(self, values: Iterable[Any]) -> tuple[Code, ...]:
        """Several values."""
        return tuple(self.write(value) for value in values)

    def of(self, module: str, name: str) -> str:
        """The name of something in a module, which is imported."""
        return f"{self.imports.module(module)}.{name}"


Writer: TypeAlias = Callable[[Values, Any], Code]


# -- atoms --------------------------------------------------------------------------------------


def _constant(_: Values, value: object) -> Code:
    return Atom("..." if value is Ellipsis else repr(value))


def _float(_: Values, value: float) -> Code:
    if math.isnan(value) or math.isinf(value):
        return Atom(f'float("{float.__repr__(value)}")')
    return Atom(float.__repr__(value).replace("e+", "e"))


# -- collections --------------------------------------------------------------------------------


def _tuple(self: Values, value: tuple[Any, ...]) -> Code:
    names = getattr(value, "_fields", None)
    if names is not None:
        return self.call(
            self.imports.name_of(type(value)), (), dict(zip(names, value, strict=True))
        )
    return Group("(", self.items(value), ")")


def _set(self: Values, value: set[Any] | frozenset[Any]) -> Code:
    written = _sort(self, value)
    shown = Group("{", written, "}")
    if isinstance(value, frozenset):
        return layout.call("frozenset", [shown] if written else ())
    return shown if written else Atom("set()")


def _sort(self: Values, value: Iterable[Any]) -> tuple[Code, ...]:
    """In an order that is the same under any hash seed: of values where they have one."""
    plain = list(value)
    if all(type(each) is str for each in plain) or all(type(each) is int for each in plain):
        return self.items(sorted(plain))
    return tuple(sorted(self.items(plain), key=layout.lay_out))


def _mapping(self: Values, value: Mapping[Any, Any]) -> Code:
    pairs = tuple(_pair(self, key, each) for key, each in value.items())
    return Group("{", pairs, "}")


def _pair(self: Values, key: Any, value: Any) -> Code:
    shown = layout.flat(self.write(key))
    if shown is None:
        raise WriteError(f"the key {key!r} of a dictionary is too long to be written")
    with self.inside(shown):
        return Prefixed(f"{shown}: ", self.write(value))


def _range(self: Values, value: range) -> Code:
    step = [value.step] if value.step != 1 else []
    return self.call("range", [value.start, value.stop, *step])


# -- numbers, moments, and other small values ---------------------------------------------------


def _fraction(self: Values, value: fractions.Fraction) -> Code:
    return self.call(self.of("fractions", "Fraction"), [value.numerator, value.denominator])


def _address(self: Values, value: Any) -> Code:
    return self.call(self.of("ipaddress", type(value).__name__), [str(value)])


def _path(self: Values, value: pathlib.PurePath) -> Code:
    name = "Path" if isinstance(value, pathlib.Path) else type(value).__name__
    return self.call(self.of("pathlib", name), [value.as_posix()])


def _date(self: Values, value: datetime.date) -> Code:
    return self.call(self.of("datetime", "date"), [value.year, value.month, value.day])


def _datetime(self: Values, value: datetime.datetime) -> Code:
    parts = [value.year, value.month, value.day, *_clock(value)]
    return self.call(self.of("datetime", "datetime"), parts, _zone_and_fold(value))


def _time(self: Values, value: datetime.time) -> Code:
    return self.call(self.of("datetime", "time"), _clock(value), _zone_and_fold(value))


def _clock(value: datetime.datetime | datetime.time) -> list[int]:
    """Hours and minutes, and what follows as far as it is not zero."""
    parts = [value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 2 and not parts[-1]:
        parts.pop()
    return parts


def _zone_and_fold(value: datetime.datetime | datetime.time) -> dict[str, Any]:
    zone = {"tzinfo": value.tzinfo} if value.tzinfo is not None else {}
    return {**zone, **({"fold": value.fold} if value.fold else {})}


def _timedelta(self: Values, value: datetime.timedelta) -> Code:
    parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
    given = {name: each for name, each in parts.items() if each}
    return self.call(self.of("datetime", "timedelta"), () if given else [0], given)


def _fixed_zone(self: Values, value: datetime.timezone) -> Code:
    if value is datetime.UTC:
        return Atom(self.of("datetime", "UTC"))
    offset = value.utcoffset(None)
    named = value.tzname(None)
    name = [named] if named != datetime.timezone(offset).tzname(None) else []
    return self.call(self.of("datetime", "timezone"), [offset, *name])


def _zone(self: Values, value: zoneinfo.ZoneInfo) -> Code:
    if value.key is None:
        raise WriteError("a time zone read from a file has no name", hint="Use ZoneInfo(name).")
    return self.call(self.of("zoneinfo", "ZoneInfo"), [value.key])


def _other_zone(_: Values, value: datetime.tzinfo) -> Code:
    raise WriteError(
        f"the time zone {value!r} cannot be written", hint="Use zoneinfo.ZoneInfo or datetime.UTC."
    )


def _pattern(self: Values, value: re.Pattern[Any]) -> Code:
    implied = re.UNICODE if isinstance(value.pattern, str) else 0
    flags = re.RegexFlag(value.flags & ~implied & ~re.DEBUG)
    return self.call(self.of("re", "compile"), [value.pattern, *([flags] if flags else [])])


# -- enums --------------------------------------------------------------------------------------


def _member(self: Values, value: enum.Enum) -> Code:
    kind = type(value)
    owner = self.of("re", "")[:-1] if kind is re.RegexFlag else self.imports.name_of(kind)
    if value.name in kind.__members__:
        return Atom(_member_name(owner, value.name))
    if isinstance(value, enum.Flag):
        return _flags(self, owner, value)
    return self.call(owner, [value.value])


def _flags(self: Values, owner: str, value: enum.Flag) -> Code:
    members = list(value)
    together = functools.reduce(lambda one, other: one | other.value, members, 0)
    if not members or together != value.value:
        return self.call(owner, [value.value])
    return Joined(tuple(Atom(_member_name(owner, str(each.name))) for each in members), "|")


def _member_name(owner: str, name: str) -> str:
    return f"{owner}.{name}" if layout.is_name(name) else f"{owner}[{layout.text(name)}]"


# -- what is imported ---------------------------------------------------------------------------


def _import(self: Values, value: Any) -> Code:
    return Atom(self.imports.name_of(value))


def _type(self: Values, value: type) -> Code:
    if value is type(None):
        return Atom("type(None)")
    return Atom(self.imports.name_of(value))


def _partial(self: Values, value: functools.partial[Any]) -> Code:
    return self.call(self.of("functools", "partial"), [value.func, *value.args], value.keywords)


def _generic(self: Values, value: Any) -> Code:
    inner = ", ".join(_show(self, each) for each in typing.get_args(value))
    return Atom(f"{_show(self, typing.get_origin(value))}[{inner}]")


def _union(self: Values, value: Any) -> Code:
    return Joined(tuple(Atom(_show(self, each)) for each in typing.get_args(value)), "|")


def _show(self: Values, value: Any) -> str:
    if value is type(None):
        return "None"
    return layout.flat(self.write(value)) or ""


# -- objects ------------------------------------------------------------------------------------


def _object(self: Values, value: Any) -> Code:
    if hasattr(value, "deconstruct") and not isinstance(value, type):
        path, args, kwargs = value.deconstruct()
        if ":" not in path:
            module, _, name = path.rpartition(".")
            path = f"{module}:{name}"
        return self.call(self.imports.path(path), args, kwargs)
    if is_dataclass(value) and not isinstance(value, type):
        return _dataclass(self, value)
    if callable(value) and hasattr(value, "__name__"):
        return _import(self, value)
    raise WriteError(f"{value!r} cannot be written into a migration file", hint=_hint_for(value))


def _hint_for(value: Any) -> str:
    if type(value).__module__.startswith("sqlalchemy."):
        return 'Write the expression in SQL\'s own words: models.SQL("lower(title)").'
    return (
        f"Give {type(value).__name__} a method deconstruct(self) that returns "
        '("module.Class", args, kwargs), or use another value.'
    )


def _dataclass(self: Values, value: Any) -> Code:
    given = {
        each.name: found
        for each in fields(value)
        if each.init and not is_default(each, found := getattr(value, each.name))
    }
    return self.call(self.imports.name_of(type(value)), (), given)


def is_default(of: DataclassField[Any], value: Any) -> bool:
    """True if a dataclass's field has the value that it has where none is given."""
    if of.default_factory is not MISSING:
        return bool(of.default_factory() == value)
    return of.default is not MISSING and type(of.default) is type(value) and of.default == value


#: In this order: a bool is an int, a datetime a date, an enum's member may be a string.
_KINDS: tuple[tuple[Any, Writer], ...] = (
    (type(None) | bool | types.EllipsisType, _constant),
    (enum.Enum, _member),
    (str, lambda self, value: Atom(layout.text(str.__str__(value)))),
    (int, lambda self, value: Atom(int.__repr__(value))),
    (float, _float),
    (complex, lambda self, value: self.call("complex", [value.real, value.imag])),
    (bytes, lambda self, value: Atom(layout.raw_bytes(value))),
    (bytearray, lambda self, value: self.call("bytearray", [bytes(value)])),
    # A generic alias of a class passes for the class: it comes before `type`.
    (types.GenericAlias, _generic),
    (types.UnionType, _union),
    (list, lambda self, value: Group("[", self.items(value), "]")),
    (tuple, _tuple),
    (set | frozenset, _set),
    (Mapping, _mapping),
    (range, _range),
    (slice, lambda self, value: self.call("slice", [value.start, value.stop, value.step])),
    (decimal.Decimal, lambda self, value: self.call(self.of("decimal", "Decimal"), [str(value)])),
    (fractions.Fraction, _fraction),
    (uuid.UUID, lambda self, value: self.call(self.of("uuid", "UUID"), [str(value)])),
    (ipaddress.IPv4Address | ipaddress.IPv6Address, _address),
    (ipaddress.IPv4Network | ipaddress.IPv6Network, _address),
    (pathlib.PurePath, _path),
    (datetime.datetime, _datetime),
    (datetime.date, _date),
    (datetime.time, _time),
    (datetime.timedelta, _timedelta),
    (datetime.timezone, _fixed_zone),
    (zoneinfo.ZoneInfo, _zone),
    (datetime.tzinfo, _other_zone),
    (re.Pattern, _pattern),
    (functools.partial, _partial),
    (type, _type),
    (types.ModuleType, lambda self, value: Atom(self.imports.module(value.__name__))),
    (types.FunctionType | types.BuiltinFunctionType | types.MethodType, _import),
)
