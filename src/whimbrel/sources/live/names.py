"""Python names for live tables and columns: models and fields."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

from whimbrel.sources.mapping import attribute
from whimbrel.state.fields.relations import ForeignKey
from whimbrel.state.state import State

#: What a module of models calls by these names: no field may hide them from those below it.
_OF_MODULES = frozenset(
    {
        "models",
        "sa",
        "dt",
        "decimal",
        "uuid",
        "postgresql",
        "sqlite",
        "mapped_column",
        "Meta",
        "self",
    }
)
#: What SQLAlchemy and the native model keep on a class.
_OF_CLASSES = frozenset({"metadata", "registry", "type_annotation_map"})
_OF_TYPES = frozenset({"str", "int", "float", "bool", "bytes", "list", "dict", "object"})
_NO_FIELD = _OF_MODULES | _OF_CLASSES | _OF_TYPES
#: What a declarative module calls by these names.
_NO_MODEL = frozenset({"Base", "DeclarativeBase", "Mapped", "Any", *dir(builtins)})


def class_name(table: str, app: str, taken: Collection[str], schema: str | None = None) -> str:
    """CamelCase of a table's name without the app's own prefix; unlike those in lowercase.

    taken: labels' names in lowercase. schema: tells tables of one name apart.
    """
    bare = table[len(app) + 1 :] if table.lower().startswith(f"{app}_".lower()) else table
    candidates = [bare, table, *([f"{schema}_{table}"] if schema else [])]
    names = [_usable_class(each) for each in candidates]
    free = next((name for name in names if name.lower() not in taken), None)
    return free or next_free_name(names[-1], {*taken}, "")


def _usable_class(name: str) -> str:
    """CamelCase of a name, as a class may be called."""
    parts = (part for part in re.split(r"[\W_]+", unicodedata.normalize("NFKC", name)) if part)
    camel = "".join(part[0].upper() + part[1:] for part in parts)
    usable = camel if camel and not camel[0].isdigit() else f"Table{camel}"
    return f"{usable}Model" if keyword.iskeyword(usable) or usable in _NO_MODEL else usable


def field_name(column: str, points: bool, taken: Collection[str]) -> str:
    """A field's name for a column. points: it is a foreign key, which leaves "_id" off."""
    found = identifier(column)
    if points:
        short = re.sub(r"_id$", "", found, flags=re.IGNORECASE)
        for name in (short, found):
            if name and not _is_kept(name) and not {name, f"{name}_id"} & {*taken}:
                return name
    name = f"{found}_field" if _is_kept(found) else found
    return name if name not in taken else next_free_name(name, taken, "_")


def _is_kept(name: str) -> bool:
    return keyword.iskeyword(name) or name in _NO_FIELD


def identifier(name: str) -> str:
    """A name that Python and Whimbrel take for a field's: no underscore leads, or stands by another."""
    plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))
    found = re.sub(r"__+", "_", plain).strip("_") or "column"
    return found if found.isidentifier() else f"column_{found}"


def next_free_name(name: str, taken: Iterable[str], between: str) -> str:
    """The name with the first number that makes it a new one, in any case."""
    known = {each.lower() for each in taken}
    number = 2
    while f"{name}{between}{number}".lower() in known:
        number += 1
    return f"{name}{between}{number}"


def related_names(state: State, app: str) -> dict[str, str]:
    """By "app.Model.field", the ``related_name`` that a key of an app's models needs."""
    taken: dict[str, set[str]] = {
        model.label.lower(): {
            name
            for each in model.fields
            if each.field.has_column
            for name in (each.name, attribute(each.name, each.field))
        }
        for model in state
    }
    found: dict[str, str] = {}
    for at, field, model_name, name in _keys(state, app):
        known = taken.setdefault(field.to.lower(), set())
        by_itself = model_name if field.unique else f"{model_name}_set"
        names = (by_itself, f"{model_name}_{name}_set", f"{name}_{model_name}_set")
        accessor = next((each for each in names if each not in known), "+")
        if accessor != by_itself:
            found[at] = accessor
        known.add(accessor)
    return found


def _keys(state: State, app: str) -> Iterator[tuple[str, ForeignKey, str, str]]:
    for model in state.of_app(app):
        for each in model.fields:
            if isinstance(each.field, ForeignKey):
                at = f"{model.label}.{each.name}"
                yield at, each.field, model.name.lower(), each.name
