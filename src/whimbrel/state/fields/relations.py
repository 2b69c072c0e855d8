"""Fields that point at models."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, Unpack

from whimbrel.errors import ModelError
from whimbrel.schema.types import ColumnType
from whimbrel.state.fields.base import Field, FieldOptions


class OnDelete(enum.Enum):
    """The database's action on a row when the row that it points at is deleted."""

    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"
    RESTRICT = "RESTRICT"
    PROTECT = "PROTECT"
    DO_NOTHING = None

    @property
    def action(self) -> str | None:
        """The words after ON DELETE; None for nothing."""
        return "RESTRICT" if self is OnDelete.PROTECT else self.value


CASCADE = OnDelete.CASCADE
SET_NULL = OnDelete.SET_NULL
SET_DEFAULT = OnDelete.SET_DEFAULT
RESTRICT = OnDelete.RESTRICT
PROTECT = OnDelete.PROTECT
DO_NOTHING = OnDelete.DO_NOTHING

Self = TypeVar("Self", bound="RelationField")


def label_of(to: Any) -> str:
    """The label of a model given as its class, its label or "self"."""
    if isinstance(to, str):
        return to
    label = getattr(getattr(to, "_meta", None), "label", None)
    if not isinstance(label, str):
        raise ModelError(f"{to!r} is not a model", hint='Give a model\'s class, or "app.Model".')
    return label


class RelationField(Field):
    """A field that points at a model. ``to``: its label, "Model" in the same app, or "self"."""

    positional: ClassVar[tuple[str, ...]] = ("to",)
    to: str
    related_name: str | None

    @property
    def relation(self) -> str | None:
        return self.to

    def bound_to(self: Self, app: str, model: str) -> Self:
        """The same relation with full labels, for a field of that model."""
        return self.replace(to=full_label(self.to, app, model))

    def follow_rename(self: Self, old: str, new: str) -> Self:
        """The same relation after a model got another label."""
        return self.replace(to=new) if self.to.lower() == old.lower() else self


def full_label(to: str, app: str, model: str) -> str:
    """ "self" and names without an app, as labels."""
    if to == "self":
        return f"{app}.{model}"
    return to if "." in to else f"{app}.{to}"


class ForeignKey(RelationField):
    """A column that points at a row of another table, of the type of what it points at.

    on_delete: CASCADE, SET_NULL, SET_DEFAULT, RESTRICT, PROTECT (as RESTRICT) or DO_NOTHING.
    to_field: the field pointed at (default: the primary key). db_constraint: False for none, a
    string to name it. db_index: True. on_update: an action's SQL. deferrable: None, "immediate"
    or "deferred". match: "FULL", for one. type: another type than the target's.
    """

    accepts: ClassVar[Mapping[str, Any]] = {
        **Field.accepts,
        "on_delete": DO_NOTHING,
        "to_field": None,
        "related_name": None,
        "db_index": True,
        "db_constraint": True,
        "on_update": None,
        "deferrable": None,
        "match": None,
        "type": None,
        "parent_link": False,
    }
    on_delete: OnDelete
    to_field: str | None
    db_constraint: bool | str
    on_update: str | None
    deferrable: str | None
    match: str | None
    type: ColumnType | None
    parent_link: bool

    def __init__(
        self,
        to: Any,
        on_delete: OnDelete = DO_NOTHING,
        *,
        to_field: str | None = None,
        related_name: str | None = None,
        db_constraint: bool | str = True,
        on_update: str | None = None,
        deferrable: str | None = None,
        match: str | None = None,
        type: Any = None,
        parent_link: bool = False,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._take(
            {
                "on_delete": on_delete,
                "to_field": to_field,
                "related_name": related_name,
                "db_constraint": db_constraint,
                "on_update": on_update,
                "deferrable": deferrable,
                "match": match,
                "parent_link": parent_link,
                **options,
            }
        )
        self._take_type(type)
        self._set("to", label_of(to))
        if on_delete is SET_NULL and not self.null:
            raise ModelError(
                f"on_delete=SET_NULL on a key to {self.to} that cannot be null",
                hint="Add null=True.",
            )
        if on_delete is SET_DEFAULT and self.column_default() is None:
            raise ModelError(
                f"on_delete=SET_DEFAULT on a key to {self.to} without a default",
                hint="Add default= or db_default=.",
            )

    def column_name(self, name: str) -> str:
        return self.db_column or f"{name}_id"

    def without_target(self, name: str, type: ColumnType) -> Field:
        """The plain field of the same column, for a field of that name; ``type``: the column's."""
        options = {option: getattr(self, option) for option in Field.accepts}
        column = self.column_name(name)
        return Field(type, **{**options, "db_column": None if column == name else column})

    def column_type(self) -> ColumnType:
        if self.type is None:
            raise ModelError(f"the type of a key to {self.to} is known in a state only")
        return self.type

    def _type_key(self) -> Any:
        return self.type

    def equality_key(self) -> tuple[Any, ...]:
        return (
            *super().equality_key(),
            self.to.lower(),
            self.to_field,
            self.on_delete.action,
            self.db_constraint,
            self.on_update,
            self.deferrable,
            self.match,
        )


class OneToOneField(ForeignKey):
    """A foreign key that is unique. ``parent_link`` True: the key to a parent model."""

    accepts: ClassVar[Mapping[str, Any]] = {**ForeignKey.accepts, "unique": True, "db_index": False}


class ManyToManyField(RelationField):
    """Rows of a table between two models: its own, or that of the model ``through``.

    db_table: the own table's name (default: the model's and the field's). through_fields:
    the names of the two keys in ``through``, where it has several. db_constraint: True.
    """

    accepts: ClassVar[Mapping[str, Any]] = {
        **Field.accepts,
        "through": None,
        "through_fields": None,
        "related_name": None,
        "db_table": None,
        "db_constraint": True,
        "symmetrical": None,
    }
    through: str | None
    through_fields: tuple[str, str] | None
    db_table: str | None
    db_constraint: bool
    symmetrical: bool | None

    def __init__(
        self,
        to: Any,
        *,
        through: Any = None,
        through_fields: tuple[str, str] | None = None,
        related_name: str | None = None,
        db_table: str | None = None,
        db_constraint: bool = True,
        symmetrical: bool | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._take(
            {
                "through": label_of(through) if through is not None else None,
                "through_fields": tuple(through_fields) if through_fields else None,
                "related_name": related_name,
                "db_table": db_table,
                "db_constraint": db_constraint,
                "symmetrical": symmetrical,
                **options,
            }
        )
        self._set("to", label_of(to))

    @property
    def has_column(self) -> bool:
        return False

    def bound_to(self, app: str, model: str) -> ManyToManyField:
        through = full_label(self.through, app, model) if self.through else None
        return super().bound_to(app, model).replace(through=through)

    def follow_rename(self, old: str, new: str) -> ManyToManyField:
        followed = super().follow_rename(old, new)
        if self.through and self.through.lower() == old.lower():
            return followed.replace(through=new)
        return followed

    def _type_key(self) -> Any:
        return "many to many"

    def equality_key(self) -> tuple[Any, ...]:
        through = self.through.lower() if self.through else None
        return (
            "many to many",
            self.to.lower(),
            through,
            self.through_fields,
            self.db_table,
            self.db_constraint,
        )


def alterable(old: Field, new: Field) -> bool:
    """Return whether one field can become the other and keep what is in it.

    A column can become a column, a many-to-many table one between the same models.
    """
    if old.has_column or new.has_column:
        return old.has_column and new.has_column
    if isinstance(old, ManyToManyField) and isinstance(new, ManyToManyField):
        same = (old.through is None) == (new.through is None)
        return same and (old.through is not None or old.to.lower() == new.to.lower())
    return True
