"""Tasks of the detection, and the migrations to write, not yet named or numbered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from whimbrel.operations import Operation
from whimbrel.schema.table import Name

#: The app's leaf in the history that was there before this detection.
LATEST = "__latest__"

#: An app, and what of it must come first: `LATEST`, or the index of another `AppMigration`
#: in the list that this one came in.
Dependency: TypeAlias = tuple[str, str | int]


@dataclass(frozen=True)
class AppMigration:
    """One migration to write for ``app``.

    An app whose operations and another app's depend on each other has several, in order.
    ``dependencies``: what must be applied before. The first migration of an app in the list
    follows the app's own leaf, which is left for the history to add; a later one names the one
    before it by index. ``initial``: nothing of the app was there before. ``notes``: comments for
    people, to be written above the operations. ``follows``: it is not the first of its app here.
    """

    app: str
    operations: tuple[Operation, ...]
    dependencies: tuple[Dependency, ...] = ()
    initial: bool = False
    notes: tuple[str, ...] = ()
    follows: bool = False

    @property
    def fragment(self) -> str:
        """The fragment of a file's name: "product_stock", "post_slug_and_more"."""
        if self.initial and not self.follows:
            return "initial"
        fragments = list(dict.fromkeys(each.fragment for each in self.operations))
        joined = "_".join(fragments)
        if len(fragments) <= 2 and len(joined) <= 50:
            return joined
        return f"{fragments[0]}_and_more"


#: A fact about a model or a field that operations bring about, and others wait for.
Token: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """An operation on its way into a migration.

    ``phase`` orders what nothing else orders. It waits for every task that provides a token
    it ``needs``; for those of its ``preferences`` too, unless that closes a circle. ``after``: apps whose whole
    history must come before. ``apart``: not 0, it stands in a migration later than what came before it
    in its app, because people have something to do in between: ``note`` says what.
    """

    app: str
    operation: Operation
    phase: int
    provides: frozenset[Token] = frozenset()
    needs: frozenset[Token] = frozenset()
    preferences: frozenset[Token] = frozenset()
    after: frozenset[str] = field(default_factory=frozenset)
    apart: int = 0
    note: str | None = None


#: What stands apart, in its order.
BACKFILLS, TURNS_NOT_NULL = 1, 2

# The phases, in the order that reads best where nothing else decides.
RENAME, ITEMS_GO, FIELDS_GO, CREATE, FIELDS_COME, FIELDS_CHANGE, OPTIONS, ITEMS_COME, DELETE = (
    range(9)
)


def has_model(label: str) -> Token:
    """There is a model of this label."""
    return ("model", label.lower())


def has_field(label: str, name: str) -> Token:
    """The model has this field, as it will be."""
    return ("field", label.lower(), name)


def has_primary_key(label: str) -> Token:
    """The model's primary key is the one that it will have."""
    return ("primary key", label.lower())


def declared_key(label: str) -> Token:
    """A constraint declares the primary key of a model, whatever its fields declare."""
    return ("declared key", label.lower())


def takes_null(label: str, name: str) -> Token:
    """The field is as it will be, but for taking NULL: the first of the safe steps."""
    return ("takes null", label.lower(), name)


def is_filled(label: str, name: str) -> Token:
    """Every row has a value in the field: the second of the safe steps."""
    return ("filled", label.lower(), name)


def has_key(label: str) -> Token:
    """The model has the unique keys that it will have."""
    return ("key", label.lower())


def no_field(label: str, name: str) -> Token:
    """The model has no field of this name any more."""
    return ("no field", label.lower(), name)


def unused_field(label: str, name: str) -> Token:
    """No index, constraint or generated field is made of this field any more."""
    return ("unused field", label.lower(), name)


def unreferenced_field(label: str, name: str) -> Token:
    """No key that is going points at this field any more."""
    return ("unreferenced", label.lower(), name)


def unreferenced_model(label: str) -> Token:
    """No field or constraint that is going points at this model any more."""
    return ("unreferenced", label.lower())


def no_item(label: str, name: str) -> Token:
    """The model has no index or constraint of this name any more."""
    return ("no part", label.lower(), name)


def free_name(name: str) -> Token:
    """No index or constraint has this name any more: on some databases it is there once for all."""
    return ("free name", "", name)


def free_table(at: Name) -> Token:
    """No table has this name any more."""
    return ("free table", at.schema or "", at.name)
