"""The digest of a migration: sha256 over its operations in normal form.

Layout, comments, the order of keywords and the spelling of a field do not change it: a field
counts for what it lowers to. It is the same on any machine, Python or hash seed.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import json
import pathlib
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import Field as Attribute
from dataclasses import fields, is_dataclass
from typing import Any

from whimbrel.errors import ModelError
from whimbrel.history.node import DIGEST_VERSION, comparable
from whimbrel.operations.base import Operation
from whimbrel.operations.special import FunctionBody
from whimbrel.schema.expressions import SQL, Q
from whimbrel.schema.types import ColumnType, describe, describe_call, is_sqlalchemy_type
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.options import normal_options

__all__ = ["comparable", "digest"]


def digest(operations: Iterable[Operation], module: str = "", *, frozen: bool = False) -> str:
    """The digest of a migration's operations: "1:" and 64 hexadecimal digits.

    ``module``: the name under which the file was imported, which may differ from one machine
    to the next; what is defined beside the migration is known by its place relative to it.
    ``frozen``: a type counts for what it is to databases, and not for the call that makes it.
    """
    form = _Form(module, frozen).of(list(operations))
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    return f"{DIGEST_VERSION}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class _Form:
    """Values in normal form: what JSON can say, with the kind of everything that it cannot."""

    def __init__(self, module: str, frozen: bool) -> None:
        self.frozen = frozen
        self.package, _, self.stem = module.rpartition(".")
        self.module = module

    def of(self, value: Any) -> Any:
        """The normal form of any value."""
        if value is None or type(value) in (bool, int, str):
            return value
        for kind, form in _FORMS:
            if isinstance(value, kind):
                return form(self, value)
        return self._object(value)

    def path(self, value: Any) -> str:
        """Return the import path of a class or function."""
        module, name = value.__module__ or "", value.__qualname__
        if module == self.module:
            return f".:{name}"
        if self.package and (module == self.package or module.startswith(f"{self.package}.")):
            return f".{module[len(self.package) + 1 :]}:{name}"
        return f"{module}:{name}"

    # -- the kinds

    def _operation(self, value: Operation) -> Any:
        # A hook: an operation whose arguments do not say all that it does says it itself.
        own: Callable[[], Any] | None = getattr(value, "digest_form", None)
        if own is not None:
            return {self._operation_name(value): self.of(own())}
        _, args, kwargs = value.deconstruct()
        named = dict(zip((each.name for each in fields(value)), args, strict=False)) | kwargs
        form = {name: self.of(_normal(name, each)) for name, each in named.items()}
        if type(value).__module__ == self.module:
            code = (vars(type(value)).get(name) for name in ("apply", "execute", "undo"))
            form["code"] = [self._body(FunctionBody(each)) for each in code]
        return {self._operation_name(value): form}

    def _operation_name(self, value: Operation) -> str:
        ours = type(value).__module__.startswith("whimbrel.")
        return type(value).__name__ if ours else self.path(type(value))

    def _body(self, value: FunctionBody) -> Any:
        """A function of the migration's own file: its code too."""
        function = value.function
        if isinstance(function, functools.partial):
            return {
                "partial": [
                    self._body(FunctionBody(function.func)),
                    *map(self.of, function.args),
                    self.of(function.keywords),
                ]
            }
        form = self.of(function)
        if getattr(function, "__module__", None) != self.module or function is None:
            return form
        # Late, since most migrations have none.
        from whimbrel.history.function_digest import body_of

        return {"code": [form, body_of(function)]}

    def _field(self, value: Field) -> Any:
        value = value.frozen() if self.frozen else value.naming_classes()
        plain = value.replace(default=NOT_PROVIDED, db_default=NOT_PROVIDED)
        called = value.default if callable(value.default) else None
        default = value.column_default()
        return {"field": [self.of(plain.equality_key()), self.of(default), self.of(called)]}

    def _q(self, value: Q) -> Any:
        return {"Q": [value.connector, value.negated, [self.of(each) for each in value.children]]}

    def _set(self, value: AbstractSet[Any]) -> Any:
        return {"set": sorted((self.of(each) for each in value), key=_sort_key)}

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        pairs = ([self.of(name), self.of(each)] for name, each in value.items())
        return {"dict": sorted(pairs, key=_sort_key)}

    def _text(self, value: Any) -> Any:
        return {type(value).__name__: str(value)}

    def _moment(self, value: datetime.datetime | datetime.time) -> Any:
        zone = value.tzinfo
        named = self.of(zone) if zone is not None else None
        bare = value.replace(tzinfo=None)
        return {type(value).__name__: [bare.isoformat(), named, value.fold]}

    def _length(self, value: datetime.timedelta) -> Any:
        return {"timedelta": [value.days, value.seconds, value.microseconds]}

    def _member(self, value: enum.Enum) -> Any:
        return {"enum": [self.path(type(value)), value.name or self.of(value.value)]}

    def _partial(self, value: functools.partial[Any]) -> Any:
        return {"partial": [self.of(value.func), self.of(value.args), self.of(value.keywords)]}

    def _dataclass(self, value: Any) -> Any:
        if isinstance(value, type):
            return {"import": self.path(value)}
        compared = {
            each.name: self.of(getattr(value, each.name))
            for each in fields(value)
            if each.compare and not _is_unsaid(each, value)
        }
        return {type(value).__name__: compared}

    def _object(self, value: Any) -> Any:
        if is_sqlalchemy_type(value):
            return self.of(describe(value) if self.frozen else _describe(value))
        if is_dataclass(value):
            return self._dataclass(value)
        if hasattr(value, "__qualname__"):
            owner = getattr(value, "__self__", None)
            if owner is not None and not isinstance(owner, type | types.ModuleType):
                return {"method": [self.of(owner), value.__name__]}
            return {"import": self.path(value)}
        if hasattr(value, "deconstruct"):
            return {"call": self.of(value.deconstruct())}
        shown = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
        return {self.path(type(value)): shown}


def _is_unsaid(each: Attribute[Any], value: Any) -> bool:
    """True if an attribute that came later has what everything had before it."""
    return "unsaid" in each.metadata and getattr(value, each.name) == each.metadata["unsaid"]


def _normal(name: str, value: Any) -> Any:
    """An operation's argument; a model's options may be spelled in several ways."""
    if name == "unique_together":
        name, value = "options", {name: value}
    if name != "options" or not isinstance(value, Mapping):
        return value
    try:
        options = normal_options(value)
    except ModelError:
        return value
    return {key: dict(each) if key == "dialect" else each for key, each in options.items()}


def _describe(type: Any) -> ColumnType:
    """A type by the call that makes it, as digests have always counted it."""
    try:
        return describe_call(type)
    except ModelError:  # it never stood in a file that loads
        return describe(type)


def _sort_key(form: Any) -> str:
    return json.dumps(form, sort_keys=True)


#: In this order: a bool is an int, a datetime a date, an enum's member may be a string.
_FORMS: tuple[tuple[Any, Callable[[_Form, Any], Any]], ...] = (
    (enum.Enum, _Form._member),
    (Operation, _Form._operation),
    (FunctionBody, _Form._body),
    (Field, _Form._field),
    (Q, _Form._q),
    (SQL, lambda form, value: {"SQL": [value.text, dict(value.dialects)]}),
    (list | tuple, lambda form, value: [form.of(each) for each in value]),
    (Mapping, _Form._mapping),
    (set | frozenset, _Form._set),
    (str, _Form._text),
    (int | float | complex, lambda form, value: {type(value).__name__: repr(value)}),
    (bytes | bytearray, lambda form, value: {"bytes": bytes(value).hex()}),
    (decimal.Decimal | fractions.Fraction | uuid.UUID, _Form._text),
    (datetime.datetime | datetime.time, _Form._moment),
    (datetime.timedelta, _Form._length),
    (zoneinfo.ZoneInfo, lambda form, value: {"zone": value.key}),
    (datetime.timezone | datetime.date, _Form._text),
    (pathlib.PurePath, lambda form, value: {"path": value.as_posix()}),
    (re.Pattern, lambda form, value: {"pattern": [form.of(value.pattern), value.flags]}),
    (functools.partial, _Form._partial),
    (types.ModuleType, lambda form, value: {"module": value.__name__}),
)
