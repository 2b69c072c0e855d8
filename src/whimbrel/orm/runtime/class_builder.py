"""From a model as a value to a mapped class, by the same builders as native models."""

from __future__ import annotations

from functools import partial
from typing import Any

from whimbrel.errors import MissingRow, ModelError, SeveralRows
from whimbrel.orm.apps import Apps
from whimbrel.orm.expressions.value_types import Address, historical_type, variant_for
from whimbrel.orm.meta import Meta, meta_of
from whimbrel.orm.referrers import python_names
from whimbrel.orm.runtime.descriptors import (
    ForwardDescriptor,
    ManagerDescriptor,
    ReverseOneDescriptor,
    ToManyDescriptor,
)
from whimbrel.orm.runtime.historical_model import HistoricalModel, load_missing
from whimbrel.sources.declaration import Info
from whimbrel.sources.mapping import map_class, table_of, without_json_null
from whimbrel.sources.types import build as build_type
from whimbrel.state.columns import column_types
from whimbrel.state.fields.others import GenericIPAddressField
from whimbrel.state.fields.relations import ForeignKey, ManyToManyField
from whimbrel.state.model import Model
from whimbrel.state.options import Options, PrimaryKeyConstraint


def build_class(apps: Apps, value: Model) -> type[Any]:
    """The class of a model. Raises `ModelError` where it cannot be one."""
    if len(value.bases) > 1:
        raise ModelError(
            f"{value.label} extends {len(value.bases)} models, and no mapped class can do that",
            place=value.place,
            hint="Use schema_editor.execute() on its tables.",
        )
    parent = meta_of(apps, value.bases[0]) if value.bases else None
    model = _make_class(apps, value, parent)
    info = _make_info(value, model, parent)
    meta = Meta(apps, info, value, parent)
    model._meta = meta
    model.__table__ = table_of(info, apps.metadata)
    _refine_columns(apps, value, meta)
    if not meta.primary_key:
        raise info.error("it has no primary key", "A historical model needs one: use RunSQL here.")
    map_class(info, apps.registry, parent.info if parent else None)
    manager = model.__mapper__.class_manager
    manager.expired_attribute_loader = partial(load_missing, manager.expired_attribute_loader)
    for name, field in meta.info.fields.items():
        if isinstance(field, ForeignKey):
            setattr(meta.model, name, ForwardDescriptor(meta, name))
        elif isinstance(field, ManyToManyField):
            setattr(meta.model, name, ToManyDescriptor(meta, name))
    for name, reverse in meta.reverses.items():
        kind = ToManyDescriptor if reverse.many else ReverseOneDescriptor
        setattr(meta.model, name, kind(meta, name))
    return model


def _make_class(apps: Apps, value: Model, parent: Meta | None) -> type[Any]:
    names = {
        "__module__": f"historical.{value.app}",
        "__doc__": f"{value.label} at one point of history.",
        "metadata": apps.metadata,
        "objects": ManagerDescriptor(),
        "_default_manager": ManagerDescriptor(),
        "_base_manager": ManagerDescriptor(),
    }
    base: Any = parent.model if parent else HistoricalModel
    model: Any = type(value.name, (base,), names)
    errors = {"DoesNotExist": MissingRow, "MultipleObjectsReturned": SeveralRows}
    for name, error in errors.items():
        names = {"__module__": model.__module__, "__qualname__": f"{value.name}.{name}"}
        setattr(model, name, type(name, (getattr(base, name) if parent else error,), names))
    return model  # type: ignore[no-any-return]


def _make_info(value: Model, model: type[Any], parent: Meta | None) -> Info:
    names, fields = python_names(value), {}
    for each in value.fields:
        # Its column is named where it is called otherwise in Python.
        field, column = each.field.frozen(), each.field.column_name(each.name)
        is_same = names[each.name] == each.name
        fields[names[each.name]] = field if is_same else field.replace(db_column=column)
    return Info(
        model=model,
        app_label=value.app,
        name=value.name,
        place=value.place or value.label,
        fields=fields,
        options=_make_options(value.options, names),
        parents=(parent.model,) if parent else (),
    )


def _make_options(options: Options, names: dict[str, str]) -> dict[str, Any]:
    """The options as Info keeps them; of the constraints the primary key's alone."""
    declared = options.declared_key
    keys = [declared.value] if declared is not None else []
    return {
        "db_table": options.db_table,
        "schema": options.schema,
        "dialect": (),
        "primary_key": tuple(names[name] for name in options.primary_key),
        "constraints": [
            PrimaryKeyConstraint(fields=[names[name] for name in key.fields]) for key in keys
        ],
    }


def _refine_columns(apps: Apps, value: Model, meta: Meta) -> None:
    """Give columns what only the state knows: types of keys, names of enums. And ``update()`` sets no
    field that it does not name, as `auto_now` would: saving does that."""
    lowered = column_types(apps.state, value)
    for each in meta.own_fields:
        column = each.table_column
        type = _keep_declared(build_type(lowered[column.name]), column.type)
        type = historical_type(variant_for(type, apps.dialects))
        column.type = Address(type) if isinstance(each.field, GenericIPAddressField) else type
        column.onupdate = None


def _keep_declared(type: Any, before: Any) -> Any:
    """The type with what the field has said beside it."""
    if getattr(before, "none_as_null", False):
        type = without_json_null(type)
    collation = getattr(before, "collation", None)
    if collation and getattr(type, "collation", collation) != collation:
        type = type.copy()
        type.collation = collation
    return type
