"""A history as a project of Alembic: one line of revisions, in the history's order.

Tables are altered in `batch_alter_table`, as Alembic asks for where SQLite is among the databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import history
from history import Field, History, Migration, Model, Operation

INI = """\
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = %(here)s
"""

ENV = """\
import os

from alembic import context
from models import metadata
from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""

TEMPLATE = """\
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades if upgrades else "pass"}
"""

TYPES = {
    "id": "sa.BigInteger()",
    "key": "sa.BigInteger()",
    "text": "sa.Text()",
    "integer": "sa.Integer()",
    "bigint": "sa.BigInteger()",
    "boolean": "sa.Boolean()",
    "datetime": "sa.DateTime(timezone=True)",
    "date": "sa.Date()",
    "decimal": "sa.Numeric(10, 2)",
    "json": "sa.JSON()",
    "uuid": "sa.Uuid()",
}


def write_project(made: History, root: Path) -> None:
    """Write it into an empty directory."""
    versions = root / "alembic" / "versions"
    versions.mkdir(parents=True)
    (root / "alembic.ini").write_text(INI)
    (root / "alembic" / "env.py").write_text(ENV)
    (root / "alembic" / "script.py.mako").write_text(TEMPLATE)
    (root / "models.py").write_text(_models_text(made.models))
    for number, migration in enumerate(made.migrations, start=1):
        path = versions / f"{_revision(number)}_{migration.app}_{migration.name}.py"
        path.write_text(_revision_text(number, migration))


def _revision(number: int) -> str:
    return f"{number:012x}"


def _revision_text(number: int, migration: Migration) -> str:
    before = repr(_revision(number - 1)) if number > 1 else None
    body = "\n".join(f"    {line}" for line in _statements(migration.operations))
    return (
        f'"""{migration.app}: {migration.name}"""\n\n'
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = {_revision(number)!r}\ndown_revision = {before}\n\n\n"
        f"def upgrade():\n{body}\n"
    )


# -- the models that the history leads to


def _models_text(models: list[Model]) -> str:
    tables = [
        f"sa.Table(\n    {model.table!r},\n    metadata,\n{_elements(model, indexes=True)})\n"
        for model in models
    ]
    return "\n".join(["import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n", *tables])


def _elements(model: Model, indexes: bool = False) -> str:
    fields = model.fields.items()
    elements = [_column(name, field) for name, field in fields]
    elements.append("sa.PrimaryKeyConstraint('id')")
    elements += [_foreign_key(name, field) for name, field in fields if field.to]
    elements += [_unique(name, columns) for name, columns in _uniques(model).items()]
    if indexes:
        elements += [
            f"sa.Index({name!r}, {', '.join(map(repr, columns))})"
            for name, columns in _indexes(model).items()
        ]
    return "".join(f"    {each},\n" for each in elements)


def _column(name: str, field: Field) -> str:
    default = f", server_default={_default(field)}" if field.default is not None else ""
    kind = _type(field)
    if field.kind == "id":  # only INTEGER counts by itself on SQLite
        kind += ".with_variant(sa.Integer(), 'sqlite'), autoincrement=True"
    return f"sa.Column({_column_name(name, field)!r}, {kind}, nullable={field.null}{default})"


def _type(field: Field) -> str:
    return f"sa.String({field.length})" if field.kind == "char" else TYPES[field.kind]


def _default(field: Field) -> str:
    if isinstance(field.default, bool):
        return "sa.true()" if field.default else "sa.false()"
    return repr(str(field.default)) if field.default is not None else "None"


def _column_name(name: str, field: Field) -> str:
    return f"{name}_id" if field.to else name


def _columns(model: Model, names: tuple[str, ...]) -> list[str]:
    return [_column_name(name, model.fields[name]) for name in names]


def _foreign_key(name: str, field: Field) -> str:
    arguments = f"[{_column_name(name, field)!r}], [{f'{_target(field)}.id'!r}]"
    return f"sa.ForeignKeyConstraint({arguments}, name='fk_{field.mark}', {_action(field)})"


def _target(field: Field) -> str:
    app, name = field.to or ("", "")
    return f"{app}_{name.lower()}"


def _action(field: Field) -> str:
    return f"ondelete={'SET NULL' if field.null else 'CASCADE'!r}"


def _unique(name: str, columns: list[str]) -> str:
    return f"sa.UniqueConstraint({', '.join(map(repr, columns))}, name={name!r})"


def _uniques(model: Model) -> dict[str, list[str]]:
    """Names and columns of the unique constraints."""
    found = {name: _columns(model, fields) for name, fields in model.uniques.items()}
    if model.together:
        found[model.together_name] = _columns(model, model.together)
    return found | {
        f"uq_{field.mark}": [name] for name, field in model.fields.items() if field.unique
    }


def _indexes(model: Model) -> dict[str, list[str]]:
    found = {name: _columns(model, fields) for name, fields in model.indexes.items()}
    return found | {
        f"ix_{field.mark}": [_column_name(name, field)]
        for name, field in model.fields.items()
        if field.index or field.to
    }


# -- the revisions


def _statements(operations: list[Operation]) -> Iterator[str]:
    """The lines of `upgrade`: neighbours that alter the same table share a batch."""
    table, touched = "", set[str]()
    for operation in operations:
        altered = _altered_table(operation)
        if altered is None:
            yield from _whole_table(operation)
            table = ""
            continue
        names = _named(operation)
        if altered != table or touched & names:
            yield f"with op.batch_alter_table({altered!r}) as batch:"
            table, touched = altered, set()
        touched |= names
        yield from (f"    batch.{line}" for line in _alterations(operation))


def _altered_table(operation: Operation) -> str | None:
    whole = history.CreateModel | history.DeleteModel | history.RenameModel | history.UpdateRows
    if isinstance(operation, whole):
        return None
    if isinstance(operation, history.RemoveField | history.RemoveIndex):
        return operation.before.table
    return operation.after.table


def _named(operation: Operation) -> set[str]:
    """The fields and indexes that an operation touches; each is touched once in a batch."""
    if isinstance(operation, history.RenameField):
        return {operation.old, operation.new}
    if isinstance(operation, history.AlterTogether):
        return {*operation.before.together, *operation.after.together, "unique_together"}
    if isinstance(operation, history.AddIndex | history.AddUnique):
        parts = {**operation.after.indexes, **operation.after.uniques}
        return {operation.name, *parts[operation.name]}
    name = getattr(operation, "name", "")
    return {name} if name else set()


def _whole_table(operation: Operation) -> Iterator[str]:
    match operation:
        case history.CreateModel(after):
            yield f"op.create_table({after.table!r}, {_one_line(after)})"
            for name, columns in _indexes(after).items():
                yield f"op.create_index({name!r}, {after.table!r}, {columns!r})"
        case history.DeleteModel(before):
            yield f"op.drop_table({before.table!r})"
        case history.RenameModel(before, after):
            yield f"op.rename_table({before.table!r}, {after.table!r})"
        case history.UpdateRows(after, name):
            column = _column_name(name, after.fields[name])
            yield f"op.execute('UPDATE {after.table} SET {column} = NULL WHERE id < 0')"


def _one_line(model: Model) -> str:
    return " ".join(_elements(model).split("\n")).strip().rstrip(",")


def _alterations(operation: Operation) -> Iterator[str]:
    match operation:
        case history.AddField(after, name):
            yield from _added(name, after.fields[name])
        case history.AlterField(before, after, name):
            yield from _altered(name, before.fields[name], after.fields[name])
        case history.RemoveField(before, name):
            yield f"drop_column({name!r})"
        case history.RenameField(after, old, new):
            kind = _type(after.fields[new])
            yield f"alter_column({old!r}, new_column_name={new!r}, existing_type={kind})"
        case history.AddIndex(after, name):
            yield f"create_index({name!r}, {_columns(after, after.indexes[name])!r})"
        case history.RemoveIndex(_, name):
            yield f"drop_index({name!r})"
        case history.AddUnique(after, name):
            yield f"create_unique_constraint({name!r}, {_columns(after, after.uniques[name])!r})"
        case history.AlterTogether(before, after):
            if before.together:
                yield f"drop_constraint({before.together_name!r}, type_='unique')"
            if after.together:
                columns = _columns(after, after.together)
                yield f"create_unique_constraint({after.together_name!r}, {columns!r})"


def _added(name: str, field: Field) -> Iterator[str]:
    column = _column_name(name, field)
    yield f"add_column({_column(name, field)})"
    if field.to:
        arguments = f"{_target(field)!r}, [{column!r}], ['id'], {_action(field)}"
        yield f"create_foreign_key('fk_{field.mark}', {arguments})"
    if field.index or field.to:
        yield f"create_index('ix_{field.mark}', [{column!r}])"


def _altered(name: str, old: Field, new: Field) -> Iterator[str]:
    changes = []
    if _type(old) != _type(new):
        changes.append(f"type_={_type(new)}")
    if old.null != new.null:
        changes.append(f"nullable={new.null}")
    if old.default != new.default:
        changes.append(f"server_default={_default(new)}")
    if changes:
        existing = f"existing_type={_type(old)}, existing_nullable={old.null}"
        yield f"alter_column({name!r}, {', '.join(changes)}, {existing})"
    if new.index and not old.index:
        yield f"create_index('ix_{new.mark}', [{name!r}])"
    if old.index and not new.index:
        yield f"drop_index('ix_{old.mark}')"
