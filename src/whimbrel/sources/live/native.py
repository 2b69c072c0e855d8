"""The text of a models.py of native models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whimbrel.history.layout import INDENT, WIDTH, Code, lay_out
from whimbrel.history.serializers import new_values
from whimbrel.history.values import Values
from whimbrel.sources.live.names import related_names
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import RelationField
from whimbrel.state.model import Model
from whimbrel.state.options import Options
from whimbrel.state.state import State

#: What is said of a table that no model can say, by the model's label.
Notes = Mapping[str, Sequence[str]]


def native_source(state: State, app: str, notes: Notes | None = None) -> str:
    """The text of a models.py with the models of an app, in the order of their birth.

    notes: comments that models get, by label. Read again it gives the same state. Raises
    `WriteError`.
    """
    values = new_values()
    values.imports.ours("models")
    accessors = related_names(state, app)
    classes = [
        _class(values, model, accessors, (notes or {}).get(model.label, ()))
        for model in state.of_app(app)
    ]
    imports = "\n".join(values.imports.lines())
    return "\n\n\n".join([imports, *classes]) + "\n"


def _class(values: Values, model: Model, accessors: Mapping[str, str], notes: Sequence[str]) -> str:
    with values.inside(model.label):
        body = [
            *(
                f"{' ' * INDENT}# {line}"
                for note in notes
                for line in textwrap.wrap(note, WIDTH - INDENT - 2)
            ),
            *(_field(values, model, each.name, each.field, accessors) for each in model.fields),
        ]
        meta = [_assignment(name, code, 2 * INDENT) for name, code in _meta(values, model)]
    head = f"class {model.name}(models.Model):"
    if meta:
        body += [*([""] if body else []), f"{' ' * INDENT}class Meta:", *meta]
    return "\n".join([head, *body])


def _assignment(name: str, code: Code, indent: int) -> str:
    return f"{' ' * indent}{name} = {lay_out(code, indent, len(name) + 3)}"


def _field(
    values: Values, model: Model, name: str, field: Field, accessors: Mapping[str, str]
) -> str:
    if isinstance(field, RelationField):
        field = field.replace(to=_in_short(field.to, model))
        accessor = accessors.get(f"{model.label}.{name}")
        field = field.replace(related_name=accessor) if accessor else field
    return _assignment(name, values.write_at(name, field), INDENT)


def _in_short(label: str, model: Model) -> str:
    """A label as people write it in a model of the same app."""
    if label == model.label:
        return "self"
    app, _, name = label.partition(".")
    return name if app == model.app else label


def _meta(values: Values, model: Model) -> Iterator[tuple[str, Code]]:
    options, plain = model.options, Options()
    if not model.primary_key:
        yield "primary_key", values.write(None)
    for name in (
        "db_table",
        "schema",
        "db_table_comment",
        "primary_key",
        "unique_together",
        "indexes",
        "constraints",
        "dialect",
    ):
        value = options.written_schema if name == "schema" else getattr(options, name)
        if value != getattr(plain, name):
            yield name, values.write_at(name, _option(name, value, model))


def _option(name: str, value: Any, model: Model) -> Any:
    if name == "dialect":
        return dict(value)
    if name == "constraints":
        return [_part(part.value, model) for part in value]
    return list(value) if isinstance(value, tuple) else value


def _part(value: Any, model: Model) -> Any:
    to = getattr(value, "to", None)
    return value if to is None else value.replace(to=_in_short(to, model))
