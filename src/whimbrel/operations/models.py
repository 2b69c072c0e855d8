"""Operations on whole models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from whimbrel.errors import StateError
from whimbrel.operations.base import Operation, model_in
from whimbrel.operations.enums import initial_labels, share_labels
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import RelationField, full_label
from whimbrel.state.model import Model
from whimbrel.state.options import ForeignKeyConstraint, Options, normal_options
from whimbrel.state.state import State
from whimbrel.state.value_checks import refuse_unfit_default


@dataclass(frozen=True)
class CreateModel(Operation):
    """A new model with its fields (pairs of name and field), options and bases."""

    name: str
    fields: Sequence[tuple[str, Field]]
    options: Mapping[str, Any] | None = None
    bases: Sequence[str] = ()

    def apply(self, app: str, state: State) -> State:
        bases = [full_label(base, app, self.name) for base in self.bases]
        made = state.with_new_model(app, self.name, self.fields, self.options, bases)
        return _share_enums(state, made, f"{app}.{self.name}")

    def refuse_misfits(self, app: str, state: State) -> None:
        for name, field in self.fields:
            refuse_unfit_default(name, field, self.describe())

    def describe(self) -> str:
        return f"Create model {self.name}"

    @property
    def fragment(self) -> str:
        return self.name.lower()


def _share_enums(before: State, made: State, label: str) -> State:
    """The state with a new model, whose enum types others may have too."""
    now = made
    for each in made.model(label).fields:
        labels = initial_labels(before, each)
        if labels is not None:
            shared = share_labels(now, now.model(label), each.name, labels)
            now = shared.as_one_step(before, now)
    return now


@dataclass(frozen=True)
class DeleteModel(Operation):
    """A model goes, with its table and its rows."""

    name: str

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.name, self)
        label = model.label.lower()
        referrers = [other.label for other in state.referrers([label]) if other is not model]
        if referrers:
            raise StateError(
                f"{model.label} cannot be deleted while {', '.join(referrers)} points at it",
                place=self.describe(),
                hint="Remove the fields that point at it before, in this migration or one that it depends on.",
            )
        return state.without(model.label)

    def describe(self) -> str:
        return f"Delete model {self.name}"

    @property
    def fragment(self) -> str:
        return f"delete_{self.name.lower()}"


@dataclass(frozen=True)
class RenameModel(Operation):
    """A model gets another name; its table, its many-to-many tables and what points at it follow."""

    old_name: str
    new_name: str
    positional: ClassVar[int] = 2

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.old_name, self)
        return relabel(state, model, replace(model, name=self.new_name))

    def models(self, app: str) -> frozenset[str]:
        return frozenset({f"{app}.{self.old_name}".lower(), f"{app}.{self.new_name}".lower()})

    def describe(self) -> str:
        return f"Rename model {self.old_name} to {self.new_name}"

    @property
    def fragment(self) -> str:
        return f"rename_{self.old_name.lower()}_{self.new_name.lower()}"


@dataclass(frozen=True)
class MoveModel(Operation):
    """A model comes from another app into this one, with its rows and its identity.

    ``name`` is its name there; ``from_app`` that app's label.
    """

    name: str
    from_app: str
    positional: ClassVar[int] = 2

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, self.from_app, self.name, self)
        return relabel(state, model, replace(model, app=app))

    def models(self, app: str) -> frozenset[str]:
        return frozenset({f"{app}.{self.name}".lower(), f"{self.from_app}.{self.name}".lower()})

    def describe(self) -> str:
        return f"Move model {self.name} from {self.from_app}"

    @property
    def fragment(self) -> str:
        return f"move_{self.name.lower()}"


def relabel(state: State, old: Model, new: Model) -> State:
    """The state after a model got another label: whatever points at it points at the new one."""
    referrers = [model for model in state.referrers([old.label.lower()]) if model is not old]
    others = [_following(model, old.label, new.label) for model in referrers]
    return state.relabel(old.label, _following(new, old.label, new.label), others)


def _following(model: Model, old: str, new: str) -> Model:
    def field(of: Field) -> Field:
        return of.follow_rename(old, new) if isinstance(of, RelationField) else of

    def item(of: Any) -> Any:
        is_key = isinstance(of, ForeignKeyConstraint) and of.to.lower() == old.lower()
        return of.replace(to=new) if is_key else of

    bases = tuple(new if base.lower() == old.lower() else base for base in model.bases)
    return replace(model.replace_all(field, item), bases=bases)


@dataclass(frozen=True)
class _OptionsOperation(Operation):
    """An operation on the options of the model ``name``."""

    name: str

    def changed(self) -> Mapping[str, Any]:
        """The options that it sets."""
        raise NotImplementedError

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.name, self)
        return state.with_models(model.with_options(**normal_options(self.changed())))


@dataclass(frozen=True)
class AlterModelTable(_OptionsOperation):
    """The model's table gets another name, or moves to another database schema; None: the default's.

    A dot in ``table`` parts schema and name, unless ``schema`` is given; "" is the connection's own.
    """

    table: str | None = None
    schema: str | None = None

    def changed(self) -> Mapping[str, Any]:
        said = {} if self.schema is None else {"schema": self.schema}
        given = normal_options({"db_table": self.table, **said})
        return {"db_table": given["db_table"], "schema": given.get("schema")}

    def describe(self) -> str:
        where = f" in the schema {self.schema}" if self.schema else ""
        return f"Rename table of {self.name} to {self.table or '(default)'}{where}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.name.lower()}_table"


@dataclass(frozen=True)
class AlterModelTableComment(_OptionsOperation):
    """The table's comment; None takes it away."""

    table_comment: str | None = None

    def changed(self) -> Mapping[str, Any]:
        return {"db_table_comment": self.table_comment}

    def describe(self) -> str:
        return f"Alter comment of table of {self.name}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.name.lower()}_table_comment"


@dataclass(frozen=True)
class AlterUniqueTogether(_OptionsOperation):
    """The groups of fields in which no two rows are the same."""

    unique_together: Iterable[Sequence[str]] = ()

    def changed(self) -> Mapping[str, Any]:
        return {"unique_together": self.unique_together}

    def describe(self) -> str:
        return f"Alter unique_together of {self.name}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.name.lower()}_unique_together"


#: The options that AlterModelOptions sets; one that it does not name goes back to its default.
ALTERABLE = ("dialect", "managed", "ordering", "primary_key")


@dataclass(frozen=True)
class AlterModelOptions(_OptionsOperation):
    """The options that have no operation of their own: ordering, managed, primary_key, dialect."""

    options: Mapping[str, Any] | None = None

    def changed(self) -> Mapping[str, Any]:
        given = normal_options(self.options or {})
        misplaced = [name for name in given if name not in ALTERABLE]
        if misplaced:
            raise StateError(
                f"AlterModelOptions does not set {misplaced[0]}",
                place=self.describe(),
                hint=f"It sets {', '.join(ALTERABLE)}; other options have operations of their own.",
            )
        plain = Options()
        return {name: given.get(name, getattr(plain, name)) for name in ALTERABLE}

    def describe(self) -> str:
        return f"Alter options of {self.name}"

    @property
    def fragment(self) -> str:
        return f"alter_{self.name.lower()}_options"
