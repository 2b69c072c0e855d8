"""A history in the words that Django and Whimbrel share: only the imports of the files differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import history
from history import Field, History, Migration, Model, Operation

ID_OPTIONS = "(*id*)"

CLASSES = {
    "id": "BigAutoField",
    "char": "CharField",
    "text": "TextField",
    "integer": "IntegerField",
    "bigint": "BigIntegerField",
    "boolean": "BooleanField",
    "datetime": "DateTimeField",
    "date": "DateField",
    "decimal": "DecimalField",
    "json": "JSONField",
    "uuid": "UUIDField",
    "key": "ForeignKey",
}


def write_files(made: History, root: Path, imports: str, id_options: str) -> None:
    """Write each app's package, models.py (as the history leaves them) and migrations.

    ``imports``: where `migrations` and `models` come from. ``id_options``: of the primary key.
    """
    for app in made.apps:
        (root / app / "migrations").mkdir(parents=True)
        (root / app / "__init__.py").touch()
        (root / app / "migrations" / "__init__.py").touch()
        models = [model for model in made.models if model.app == app]
        text = f"from {imports} import models\n\n{_models_text(models)}"
        (root / app / "models.py").write_text(text.replace(ID_OPTIONS, id_options))
    for migration in made.migrations:
        path = root / migration.app / "migrations" / f"{migration.name}.py"
        text = f"from {imports} import migrations, models\n\n{_migration_text(migration)}"
        path.write_text(text.replace(ID_OPTIONS, id_options))


def _models_text(models: list[Model]) -> str:
    return "\n\n".join(map(_class_text, models))


def _class_text(model: Model) -> str:
    lines = [f"class {model.name}(models.Model):"]
    lines += [f"    {name} = {_field_text(each)}" for name, each in model.fields.items()]
    meta = [
        f"        {option} = [{', '.join(values)}]"
        for option, values in _meta(model).items()
        if values
    ]
    return "\n".join([*lines, *(["", "    class Meta:", *meta] if meta else []), ""])


def _meta(model: Model) -> dict[str, list[str]]:
    return {
        "indexes": [_part_text("Index", *each) for each in model.indexes.items()],
        "constraints": [_part_text("UniqueConstraint", *each) for each in model.uniques.items()],
        "unique_together": [repr(model.together)] if model.together else [],
    }


def _migration_text(migration: Migration) -> str:
    dependencies = "".join(f"        {each!r},\n" for each in migration.dependencies)
    functions = {
        place: f"fill_{place}"
        for place, each in enumerate(migration.operations)
        if isinstance(each, history.UpdateRows)
    }
    operations = "".join(
        f"        migrations.{_operation_text(each, functions.get(place, ''))},\n"
        for place, each in enumerate(migration.operations)
    )
    code = "".join(
        _function_text(name, migration.operations[place]) for place, name in functions.items()
    )
    return (
        f"{code}\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [\n{dependencies}    ]\n\n"
        f"    operations = [\n{operations}    ]\n"
    )


def _function_text(name: str, operation: Operation) -> str:
    """The function of a data migration; no row has such a key, so it changes none."""
    assert isinstance(operation, history.UpdateRows)
    model, field = operation.after, operation.name
    return (
        f"\ndef {name}(apps, schema_editor):\n"
        f"    rows = apps.get_model({model.app!r}, {model.name!r}).objects.filter(id__lt=0)\n"
        f"    rows.update({field}=None)\n\n"
    )


def _operation_text(operation: Operation, function: str) -> str:
    if function:
        return f"RunPython({function}, migrations.RunPython.noop)"
    name, *arguments = _arguments(operation)
    return f"{name}({', '.join(arguments)})"


def _arguments(operation: Operation) -> list[str]:
    """The operation's name, and its arguments as they are written."""
    kind = type(operation).__name__
    match operation:
        case history.CreateModel(after):
            fields = "".join(
                f"            ({name!r}, {_field_text(each)}),\n"
                for name, each in after.fields.items()
            )
            return [kind, repr(after.name), f"[\n{fields}        ]"]
        case history.DeleteModel(before):
            return [kind, repr(before.name)]
        case history.RenameModel(before, after):
            return [kind, repr(before.name), repr(after.name)]
        case history.AddField(after, name) | history.AlterField(_, after, name):
            return [kind, _model(after), repr(name), _field_text(after.fields[name])]
        case history.RemoveField(before, name) | history.RemoveIndex(before, name):
            return [kind, _model(before), repr(name)]
        case history.RenameField(after, old, new):
            return [kind, _model(after), repr(old), repr(new)]
        case history.AddIndex(after, name):
            return [kind, _model(after), _part_text("Index", name, after.indexes[name])]
        case history.AddUnique(after, name):
            unique = _part_text("UniqueConstraint", name, after.uniques[name])
            return ["AddConstraint", _model(after), unique]
        case history.UpdateRows():
            raise AssertionError("it is written with its function")
        case history.AlterTogether(_, after):
            groups = f"{{{after.together!r}}}" if after.together else "set()"
            return ["AlterUniqueTogether", _model(after), groups]


def _model(model: Model) -> str:
    return repr(model.name.lower())


def _part_text(kind: str, name: str, fields: tuple[str, ...]) -> str:
    return f"models.{kind}(fields={list(fields)!r}, name={name!r})"


def _field_text(field: Field) -> str:
    arguments = [f"{name}={value!r}" for name, value in _options(field).items()]
    if field.to:
        action = "SET_NULL" if field.null else "CASCADE"
        arguments = [repr(".".join(field.to)), f"models.{action}", *arguments]
    given = ID_OPTIONS if field.kind == "id" else f"({', '.join(arguments)})"
    return f"models.{CLASSES[field.kind]}{given}"


def _options(field: Field) -> dict[str, Any]:
    """Its keyword arguments, without those that say what is so anyway."""
    always: dict[str, dict[str, Any]] = {
        "key": {"related_name": "+"},
        "decimal": {"max_digits": 10, "decimal_places": 2},
    }
    given = {
        "max_length": field.length,
        "null": field.null or None,
        "default": field.default,
        "db_index": field.index or None,
        "unique": field.unique or None,
    }
    set_ones = {name: value for name, value in given.items() if value is not None}
    return {**always.get(field.kind, {}), **set_ones}
