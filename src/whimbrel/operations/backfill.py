"""Backfill: data for the rows of a large table, batch by batch, while others work with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from whimbrel.errors import ModelError, StateError
from whimbrel.operations.base import Operation, model_in
from whimbrel.operations.special import FunctionBody, name_of
from whimbrel.schema.expressions import SQL, Q
from whimbrel.state.model import Model
from whimbrel.state.state import State
from whimbrel.state.value_checks import is_constant, misfit

#: Values by field, or a function that is called with each batch as a queryset.
Content: TypeAlias = Mapping[str, Any] | Callable[[Any], Any]


def noop(batch: Any) -> None:
    """Do nothing with a batch."""


def takes_row(function: Callable[..., Any], place: str | None = None) -> bool:
    """Return True if a function that gives a value takes the row, False if it takes nothing.

    Raises `ModelError` for one that needs more than that.
    """
    import inspect  # late, since few files have such a function

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False  # one of Python's own that does not tell, as dict
    needed = [each for each in parameters if each.default is each.empty and each.kind not in _ANY]
    if len(needed) > 1 or any(each.kind is each.KEYWORD_ONLY for each in needed):
        raise ModelError(
            f"a function that gives a value takes nothing, or the row; this one needs "
            f"{', '.join(each.name for each in needed)}",
            place=place,
            hint='Write {"field": lambda row: ...}, or a function without parameters.',
        )
    return bool(needed)


#: What is never needed: *args and **kwargs, as `inspect` numbers kinds of parameters.
_ANY = (2, 4)


@dataclass(frozen=True)
class Backfill(Operation):
    """Gives values to the rows of ``model_name``, walking its primary key in small transactions.

    ``Backfill("post", set={"is_awesome": Q(author__username="Greg")})``: the values are constants,
    `F`, `Q`, `SQL` or any expression that a queryset's ``update()`` takes; a function is called for
    each row, with the row if it has a parameter. Or
    ``Backfill("post", function)``: it is called with each batch as a queryset of the historical
    model, in the batch's transaction.

    where: the rows that it is about, a `Q` or `SQL`; one that ``set`` makes untrue also proves at
    the end that no row was left out. reverse: likewise values or a function, for the way back, or
    ``Backfill.noop``. There it holds for the rows of ``where``, unless that asks about a field
    which ``set`` writes. pause: seconds between two batches. parallel: connections, each with a
    range of the key for itself (one only on a database with a single writer). elidable: whether a
    squash may leave it out.

    Each batch is a transaction of its own together with the note of where it ended: a row is
    filled once, however often the run is killed. So its migration is never one transaction.
    """

    model_name: str
    function: Callable[[Any], Any] | None = None
    set: Mapping[str, Any] | None = None
    where: Q | SQL | None = None
    reverse: Content | None = None
    pause: float = 0.01
    parallel: int = 1
    elidable: bool = False
    barrier: ClassVar[bool] = True
    batched: ClassVar[bool] = True
    noop: ClassVar[Callable[[Any], None]] = staticmethod(noop)

    def __post_init__(self) -> None:
        if (self.function is None) == (not self.set):
            raise ModelError(
                f"Backfill({self.model_name!r}) takes either a function or set=",
                hint='Write set={"field": value}, or a function that takes a queryset.',
            )
        if self.pause < 0 or self.parallel < 1:
            raise ModelError(
                f"Backfill({self.model_name!r}) pauses 0 seconds or more, on 1 connection or more",
                hint="Give pause= and parallel= other values, or leave them out.",
            )
        for name, value in self._values():
            if callable(value):
                takes_row(value, f"Backfill({self.model_name!r}): {name}")

    def apply(self, app: str, state: State) -> State:
        model = model_in(state, app, self.model_name, self)
        keys = {"pk", *(each.name for each in model.primary_key)}
        for name, _ in self._values():
            if name != "pk":
                self._refuse_unknown(model, name)
            if name in keys or name.removesuffix("_id") in keys:
                raise StateError(
                    f"{name!r} is of the primary key of {model.label}, along which the rows are walked",
                    place=self.describe(),
                    hint="Rows would move while they are walked: use RunPython or RunSQL.",
                )
        return state

    def _values(self) -> list[tuple[str, Any]]:
        """Return the values of both directions, by field."""
        both = [each for each in (self.set, self.reverse) if isinstance(each, Mapping)]
        return [pair for content in both for pair in content.items()]

    def _refuse_unknown(self, model: Model, name: str) -> None:
        fields = [each.name for each in model.fields]
        # Fields of parents' tables are left to the query, which knows them.
        if name not in fields and name.removesuffix("_id") not in fields and not model.bases:
            raise StateError(
                f"{model.label} has no field {name!r} at this point of history",
                place=self.describe(),
                hint=f"It has: {', '.join(fields)}.",
            )

    def refuse_misfits(self, app: str, state: State) -> None:
        model = model_in(state, app, self.model_name, self)
        for name, value in self._values():
            self._refuse_misfit(model, name, value)

    def _refuse_misfit(self, model: Model, name: str, value: Any) -> None:
        field = next((each.field for each in model.fields if each.name == name), None)
        if field is None or not field.has_column or not is_constant(value):
            return
        why = "it takes no NULL" if value is None and not field.null else misfit(field, value)
        if why is not None:
            raise StateError(
                f"{name} of {model.label} cannot be {value!r:.200}: {why}",
                place=self.describe(),
                hint=f"Give {name} another value, or a function.",
            )

    # -- a direction

    def content(self, *, backwards: bool) -> Content | None:
        """Return the values or the function of a direction; None where nothing is to be done."""
        found = self.reverse if backwards else self.set or self.function
        return None if found is noop else found

    def chosen(self, *, backwards: bool) -> Q | SQL | None:
        """The rows that a direction is about; None: all.

        Of the way back ``where`` tells nothing if it is, or may be, untrue once a row was filled.
        """
        if not backwards or self.where is None:
            return self.where
        if self.function is not None:
            return None
        written, where = frozenset(self.set or ()), self.where
        asked = where.columns(written) if isinstance(where, SQL) else where.names()
        return where if asked.isdisjoint(written) else None

    @property
    def is_opaque(self) -> bool:
        return self.function is not None

    @property
    def asks_for_null(self) -> bool:
        """True if ``where`` asks for NULL in a field that is to be filled."""
        if not isinstance(self.where, Q) or self.where.negated or self.where.connector != Q.AND:
            return False
        return any(self._is_to_be_filled(child) for child in self.where.children)

    def _is_to_be_filled(self, child: Any) -> bool:
        if not isinstance(child, tuple):
            return False
        name, lookup, value = child
        null = value is True if lookup == "isnull" else lookup == "exact" and value is None
        return null and (self.function is not None or name in (self.set or ()))

    def unfinished(self) -> str | None:
        open_ = [name for name, value in (self.set or {}).items() if value is ...]
        if not open_:
            return None
        return (
            f"Say in place of the dots what each row of {self.model_name} gets for "
            f'{", ".join(open_)}: a value, F("other_field"), SQL("..."), or a function that is '
            "called for each row."
        )

    def missing_reverse(self) -> str | None:
        if self.reverse is not None:
            return None
        return (
            f"Give Backfill({self.model_name!r}) a reverse=, values or a function; or "
            "reverse=migrations.Backfill.noop, where nothing is to be undone."
        )

    # -- in words

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        function = kwargs.pop("function", None)
        return name, [*args, *([function] if function is not None else [])], kwargs

    def digest_form(self) -> Any:
        """Return what it does, for the digest: not its speed, nor whether a squash may leave it out."""
        contents = [_function_bodies(self.function or self.set), _function_bodies(self.reverse)]
        return [self.model_name.lower(), *contents, self.where]

    def describe(self) -> str:
        if self.set:
            return f"Backfill {', '.join(self.set)} of {self.model_name}"
        return f"Backfill {self.model_name} with {self._called}"

    @property
    def _called(self) -> str:
        assert self.function is not None
        return name_of(self.function)

    @property
    def fragment(self) -> str:
        what = "_".join(self.set) if self.set else self._called.strip("<>_")
        return f"backfill_{self.model_name}_{what}".lower()


def _function_bodies(content: Content | None) -> Any:
    """Values, or a function, for the digest: functions with their code."""
    if content is None or callable(content):
        return FunctionBody(content)
    return {
        name: FunctionBody(value) if callable(value) else value for name, value in content.items()
    }
