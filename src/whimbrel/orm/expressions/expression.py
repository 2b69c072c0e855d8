"""Expressions of queries: values that the database computes, in terms of fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from whimbrel.errors import QueryError
from whimbrel.orm.expressions.value_types import historical_type, is_expression, make_literal
from whimbrel.schema.expressions import Combinable, Combined, Ordered, Q
from whimbrel.sources.types import build
from whimbrel.state.fields.base import Field

Element = sa.sql.ColumnElement[Any]


class Resolver(Protocol):
    """Makes SQLAlchemy's elements of expressions; `Scope` is one."""

    @property
    def outer(self) -> Resolver | None:
        """The scope around this one."""

    def resolve_name(self, name: str) -> Element:
        """The value of a field, by its name or its path."""

    def resolve_value(self, value: Any, like: Any = None) -> Element:
        """An expression, or a plain value of the type of ``like``."""

    def resolve_argument(self, value: Any) -> Element:
        """The same, but text is a field's name."""

    def resolve_expression(self, value: Any) -> Element:
        """An expression."""

    def resolve_condition(self, given: Any) -> Element:
        """A condition."""

    def resolve_order(self, given: Any) -> Element:
        """A key to order rows by: "name", "-name", "?", or an expression."""


class Expression(Combinable):
    """An expression: `F`, `Value`, a function, an aggregate, a subquery.

    ``output_field`` gives the type of its value: a field of `whimbrel.models`, or a type of
    SQLAlchemy's.
    """

    _call: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Expression:
        expression = super().__new__(cls)
        expression._call = (args, kwargs)
        return expression

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """The call that makes it: the class's name in `whimbrel.models`, and its arguments."""
        return type(self).__name__, *self._call

    def __repr__(self) -> str:
        name, args, kwargs = self.deconstruct()
        shown = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
        return f"{name}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def resolve(self, scope: Resolver) -> Element:
        """The expression as an element of SQLAlchemy's."""
        raise NotImplementedError

    def children(self) -> Iterable[Any]:
        """The expressions inside of this one."""
        return ()

    def __and__(self, other: Any) -> Any:
        return Q(self) & other

    def __or__(self, other: Any) -> Any:
        return Q(self) | other

    def __xor__(self, other: Any) -> Any:
        return Q(self) ^ other

    def __invert__(self) -> Any:
        return ~Q(self)


def resolve_type(output_field: Any) -> Any:
    """SQLAlchemy's type for an ``output_field``; None for none."""
    if output_field is None:
        return None
    if isinstance(output_field, type) and issubclass(output_field, Field):
        output_field = output_field()
    if isinstance(output_field, Field):
        return historical_type(build(output_field.column_type()))
    return sa.types.to_instance(output_field)


class Value(Expression):
    """A plain value where an expression is wanted: ``Value("none")``."""

    def __init__(self, value: Any, output_field: Any = None) -> None:
        self.value = value
        self.output_field = output_field

    def resolve(self, scope: Resolver) -> Element:
        return make_literal(self.value, resolve_type(self.output_field))

    def resolve_like(self, scope: Resolver, like: Any) -> Element:
        """The element, of the type of ``like`` where the value has none of its own."""
        return make_literal(self.value, resolve_type(self.output_field) or like.type)


class ExpressionWrapper(Expression):
    """An expression with another type."""

    def __init__(self, expression: Any, output_field: Any) -> None:
        self.expression = expression
        self.output_field = output_field

    def children(self) -> Iterable[Any]:
        return (self.expression,)

    def resolve(self, scope: Resolver) -> Element:
        element = scope.resolve_value(self.expression)
        return sa.type_coerce(element, resolve_type(self.output_field))


class When(Expression):
    """A branch of `Case`: ``When(price__gt=10, then=Value("dear"))``."""

    def __init__(self, condition: Any = None, then: Any = None, **lookups: Any) -> None:
        if not lookups and (condition is None or (isinstance(condition, Q) and not condition)):
            raise QueryError("a When needs a condition", hint="When(Q(...), then=...).")
        self.condition = Q(condition, **lookups) if condition is not None else Q(**lookups)
        self.then = then

    def children(self) -> Iterable[Any]:
        return (self.condition, self.then)


class Case(Expression):
    """The value of the first branch whose condition is met: ``Case(When(...), default=...)``."""

    def __init__(self, *branches: When, default: Any = None, output_field: Any = None) -> None:
        self.branches = branches
        self.default = default
        self.output_field = output_field

    def children(self) -> Iterable[Any]:
        return (*self.branches, self.default)

    def resolve(self, scope: Resolver) -> Element:
        return self.resolve_like(scope, None)

    def resolve_like(self, scope: Resolver, like: Any) -> Element:
        """The element, with plain values of the type of ``like``."""
        values = [branch.then for branch in self.branches]
        like = like if like is not None else self._example(scope, [*values, self.default])
        default = scope.resolve_value(self.default, like)
        if not self.branches:
            return default
        whens = [
            (scope.resolve_condition(branch.condition), scope.resolve_value(branch.then, like))
            for branch in self.branches
        ]
        return sa.case(*whens, else_=default)

    def _example(self, scope: Resolver, values: Iterable[Any]) -> Any:
        type = resolve_type(self.output_field)
        if type is not None:
            return sa.literal(None, type)
        for value in values:
            if value is not None and is_expression(value) and not isinstance(value, Value):
                return scope.resolve_value(value)
        return None


class Func(Expression):
    """A function of the database's: ``Func("name", function="SOUNDEX")``. Text names a field.

    template: "%(function)s(%(expressions)s)", with the keyword arguments by their names.
    """

    function: str | None = None
    template: str = "%(function)s(%(expressions)s)"
    arg_joiner: str = ", "
    arity: int | None = None
    output: Any = None
    #: Makes the call in place of ``function``.
    element: Any = None

    def __init__(self, *expressions: Any, output_field: Any = None, **extra: Any) -> None:
        if self.arity is not None and len(expressions) != self.arity:
            raise QueryError(
                f"{type(self).__name__} takes {self.arity} arguments, not {len(expressions)}"
            )
        self.expressions = expressions
        self.output_field = output_field
        self.extra = extra

    def children(self) -> Iterable[Any]:
        return self.expressions

    def arguments(self, scope: Resolver) -> list[Element]:
        """The arguments as SQLAlchemy's."""
        return [scope.resolve_argument(each) for each in self.expressions]

    def type(self, arguments: list[Element]) -> Any:
        """The type of the function's value."""
        own = resolve_type(self.output_field) or resolve_type(self.output)
        return own or (arguments[0].type if arguments else sa.types.NullType())

    def resolve(self, scope: Resolver) -> Element:
        arguments = self.arguments(scope)
        return self.build(arguments, self.type(arguments))

    def build(self, arguments: list[Element], type: Any) -> Element:
        """The call of the function on the arguments."""
        name = self.extra.get("function", self.function)
        template = self.extra.get("template", self.template)
        if name is None and self.element is not None:
            call: Element = self.element(*arguments, type_=type)
        elif template == Func.template and name and name.isidentifier():
            call = getattr(sa.func, name)(*arguments, type_=type)
        else:
            joiner = self.extra.get("arg_joiner", self.arg_joiner)
            words = {"function": name, **self.extra}
            call = sa.type_coerce(_fill_template(arguments, template, words, joiner), type)
        return call


def define_function(name: str, doc: str, base: type[Func] = Func, **attributes: Any) -> type[Func]:
    """Return a class of functions that has these attributes of its own."""
    return type(name, (base,), {**attributes, "__doc__": doc})


def _fill_template(
    arguments: list[Element], template: str, words: dict[str, Any], joiner: str
) -> _SQLPieces:
    """A call by a template of the user's."""
    marks = [f"\0{at}\0" for at in range(len(arguments))]
    pieces = (template % {**words, "expressions": joiner.join(marks)}).split("\0")
    return _SQLPieces(
        *(
            arguments[int(piece)] if at % 2 else sa.literal_column(piece)
            for at, piece in enumerate(pieces)
            if piece
        )
    )


class _SQLPieces(FunctionElement[Any]):
    """Pieces of SQL one after the other."""

    inherit_cache = True
    name = "pieces"


@compiles(_SQLPieces)
def _compile_pieces(element: _SQLPieces, compiler: Any, **options: Any) -> str:
    options.pop("add_to_result_map", None)
    return "".join(compiler.process(each, **options) for each in element.clauses)


# -- looking into expressions


def walk(value: Any) -> Iterator[Any]:
    """Yield an expression and all expressions inside of it, but not those inside of subqueries."""
    yield value
    if isinstance(value, Combined):
        inside: Iterable[Any] = (value.left, value.right)
    elif isinstance(value, Ordered):
        inside = (value.of,)
    elif isinstance(value, Q):
        inside = _walk_condition(value)
    elif isinstance(value, Expression):
        inside = value.children()
    else:
        inside = ()
    for each in inside:
        yield from walk(each)


def _walk_condition(condition: Q) -> Iterator[Any]:
    for child in condition.children:
        if isinstance(child, tuple):
            yield child[0]
            yield from child[2] if isinstance(child[2], tuple) else (child[2],)
        else:
            yield child
