"""Types of libraries and of users: what each is to a database, in SQLAlchemy's own types or in SQL.

History names no class that could change under it. So a type decorator counts for what its
``load_dialect_impl`` gives, a subclass of a type of SQLAlchemy's for that type, anything else for
its SQL. The objects are only looked at: SQLAlchemy is there, since whoever made them imported it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from whimbrel.errors import ModelError

#: Those that are asked: every database that Whimbrel knows, so that a file is the same wherever it
#: is written. The first one's type is what the others' are variants of.
DIALECTS = ("sqlite", "postgresql")

_BASES = {"sqlite": "SQLiteDialect", "postgresql": "PGDialect"}
#: Bases that are no types by themselves.
_ABSTRACT = frozenset({"TypeEngine", "TypeDecorator", "UserDefinedType", "NullType"})


def is_foreign(of: object) -> bool:
    """Return True if the class of a type object is neither SQLAlchemy's nor Whimbrel's."""
    return is_foreign_class(type(of))


def is_foreign_class(of: type) -> bool:
    """Return True if a class of types is neither SQLAlchemy's nor Whimbrel's."""
    top = of.__module__.partition(".")[0]
    return top not in ("sqlalchemy", "whimbrel") or of.__name__.startswith("_")


def is_decorator(of: object) -> bool:
    """Return True for a type decorator, which stands on another type, its ``impl``."""
    return any(base.__name__ == "TypeDecorator" for base in type(of).__mro__)


def on_each_dialect(of: Any) -> dict[str, Any]:
    """Return a foreign type as each dialect has it: a type of SQLAlchemy's, or text of SQL.

    Raises `ModelError` where no dialect has it. What the type's own code raises is not shown: its
    message may hold a secret.
    """
    found, failures = {}, {}
    of = _seen_as(of, type(of))
    of._variant_mapping = {}  # they stand beside it
    for dialect in DIALECTS:
        try:
            found[dialect] = _on(of, dialect)
        except Exception as error:  # the type's own code: it may raise anything
            failures[dialect] = type(error).__name__
    if found:
        return found
    raise ModelError(
        f"the type {type(of).__module__}.{type(of).__qualname__} is a type of no database: "
        + ", ".join(f"{name} ends in a {error}" for name, error in failures.items()),
        hint="Give it an impl, a load_dialect_impl(self, dialect) or a get_col_spec(self) that "
        "works for the databases of the project.",
    )


def stored_constant(of: Any, value: Any) -> Any:
    """A constant as a type object hands it to the database: decorators may make another of it.

    Raises `ModelError` where it is another one each time, as with encryption.
    """
    made = _bound(of, value)
    if made is not value and made != _bound(of, value):
        raise ModelError(
            f"the type {type(of).__name__} writes its constant default differently each time",
            hint="Give a function as the default: it is called in Python only.",
        )
    return made


def _bound(of: Any, value: Any) -> Any:
    if not is_decorator(of) or not is_foreign(of):
        return value
    dialect = _dialect_for_types(DIALECTS[0])
    try:
        library: Any = next(base for base in type(of).__mro__ if not is_foreign_class(base))
        if type(of).process_bind_param is not library.process_bind_param:
            value = of.process_bind_param(value, dialect)
        return _bound(_instance(of.load_dialect_impl(dialect)), value)
    except Exception:  # the type's own code: whoever looks at the value says what is wrong with it
        return value


def _on(of: Any, dialect: str) -> Any:
    standard = _standard(of, dialect)
    if standard is None:
        return compile_type(of, dialect)
    words = compile_type(standard, dialect)
    try:
        own = compile_type(of, dialect)
    except Exception:  # its bases may be in an order in which nothing made its impl
        return standard
    return standard if own == words else own


def _standard(of: Any, dialect: str) -> Any:
    """The type of SQLAlchemy's that a type stands on; None where it stands on none."""
    if not is_foreign(of):
        return of
    # The type that its class is derived from: Interval, for one, is a decorator itself.
    bases = filter(_is_type, type(of).__mro__)
    base = next((each for each in bases if not is_foreign_class(each)), None)
    if base is not None:
        return _seen_as(of, base)
    if is_decorator(of):
        return _standard(_instance(of.load_dialect_impl(_dialect_for_types(dialect))), dialect)
    return None


def _is_type(base: type) -> bool:
    is_engine = any(each.__name__ == "TypeEngine" for each in base.__mro__)
    return is_engine and base.__name__ not in _ABSTRACT


def _seen_as(of: Any, base: type) -> Any:
    """The same type as an instance of the class that it is derived from."""
    made: Any = object.__new__(base)
    made.__dict__.update(of.__dict__)
    return made


def _instance(of: Any) -> Any:
    return of() if isinstance(of, type) else of


def compile_type(of: Any, dialect: str) -> str:
    """The SQL of a type, as no driver changes it."""
    return str(_plain(dialect).type_compiler_instance.process(of))


@cache
def _plain(name: str) -> Any:
    """A dialect without a driver: drivers' own classes of types lose a CHAR, for one."""
    return _class(name)()


@cache
def _dialect_for_types(name: str) -> Any:
    """The dialect that a type's own code is given: the types that it makes stay as they are."""
    base = _class(name)
    return type(base.__name__, (base,), {"type_descriptor": lambda self, of: _instance(of)})()


def _class(name: str) -> Any:
    return getattr(import_module(f"sqlalchemy.dialects.{name}.base"), _BASES[name])
