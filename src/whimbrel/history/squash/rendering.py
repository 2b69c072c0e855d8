"""The text of a squash, and the proof that it does what the originals do."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whimbrel.errors import StateError, WriteError
from whimbrel.history.cache import MigrationPath
from whimbrel.history.layout import Atom, Code
from whimbrel.history.migration import Migration
from whimbrel.history.modules import broken, compile_text, migration_in, register
from whimbrel.history.node import Key
from whimbrel.history.serializers import new_values
from whimbrel.history.squash.equivalence import first_difference
from whimbrel.history.squash.file_source import BY_HAND, SquashSource
from whimbrel.history.squash.optimizer import Original
from whimbrel.history.squash.transfer import Meaning, Transfer, TransferImports
from whimbrel.history.values import Values
from whimbrel.history.writer import render_migration
from whimbrel.operations.base import Operation, replay
from whimbrel.state.state import State
from whimbrel.state.state_pair import StatePair


@dataclass(frozen=True)
class Head:
    """The attributes of a squash's class besides its operations."""

    app: str
    name: str
    path: Path
    replaces: tuple[Key, ...]
    dependencies: frozenset[Key]
    run_before: frozenset[Key]
    initial: bool
    atomic: bool
    online: bool


@dataclass(frozen=True)
class _Written:
    """An operation that is source already."""

    code: Code


def render(
    head: Head, members: Sequence[Operation | Original], sources: Sequence[SquashSource]
) -> str:
    """The text of a squash's file. Raises `WriteError` for an operation that cannot be taken along."""
    first, names = _render(head, members, sources, {})
    return _render(head, members, sources, names)[0] if names else first


def _render(
    head: Head,
    members: Sequence[Operation | Original],
    sources: Sequence[SquashSource],
    names: Mapping[Meaning, str],
) -> tuple[str, dict[Meaning, str]]:
    """The text with these new names; and those that its names ask for."""
    carrier = Transfer(sources, names)
    values = new_values((_Written, lambda _, value: value.code))
    imports = TransferImports(carrier)
    values.imports = imports
    by_key = {source.key: source for source in sources}
    operations = [
        _transfer(each, by_key[each.key], carrier, values) if isinstance(each, Original) else each
        for each in members
    ]
    text = render_migration(
        head.app,
        head.name,
        head.dependencies,
        operations,
        initial=head.initial,
        replaces=head.replaces,
        run_before=head.run_before,
        atomic=head.atomic,
        online=head.online,
        values=values,
        definitions=lambda: carrier.definitions,
    )
    return text, carrier.names(imports.meanings_of_names())


def _transfer(
    original: Original, source: SquashSource, carrier: Transfer, values: Values
) -> _Written:
    """An operation as its file has it; one that is not written out there, from what it is."""
    text = carrier.operation(original)
    if text is not None:
        return _Written(Atom(text))
    try:
        return _Written(values.write(original.operation))
    except WriteError as error:
        raise WriteError(
            f"{original.operation.describe()!r} cannot be taken along: {error.message}",
            place=source.place(source.operations),
            hint=BY_HAND,
        ) from error


# -- the proof -------------------------------------------------------------------------------


def assert_same(
    head: Head,
    text: str,
    sources: Sequence[SquashSource],
    operations: Sequence[Operation],
    before: StatePair,
    after: StatePair,
) -> None:
    """Raises an error where the file does not import by itself, or leads to something else."""
    migration = _import_text(head, text, sources)
    own = {type(migration).__module__, *(source.module for source in sources)}
    kinds = [_kind(each, own) for each in operations]
    if [_kind(each, own) for each in migration.operations] != kinds:
        differs: str | None = "its operations are others than were written"
    else:
        reached = replay(head.app, migration.operations, before)
        differs = first_difference(_without_functions(reached, own), _without_functions(after, own))
    if differs is not None:
        raise StateError(
            f"the squash would not lead to what the originals lead to: {differs}",
            place=f"{head.app}.{head.name}",
            hint="Nothing was written. This is a bug in Whimbrel: please report it. "
            "--no-optimize takes the operations as they are.",
        )


def _without_functions(states: StatePair, modules: set[str]) -> StatePair:
    """The states, in which functions of some files are all the same: those that came along are others."""
    models = _with_one_function(states.models, modules)
    if states.models is states.database:
        return StatePair.of(models)
    return StatePair(models, _with_one_function(states.database, modules))


def _with_one_function(state: State, modules: set[str]) -> State:
    changed = []
    for model in state:
        fields = tuple(
            each._replace(field=each.field.replace(default=_one_function))
            if getattr(each.field.default, "__module__", None) in modules
            else each
            for each in model.fields
        )
        if fields != model.fields:
            changed.append(dataclasses.replace(model, fields=fields))
    return state.with_models(*changed) if changed else state


def _one_function() -> None:
    """Stands for every function of a migration's own file."""


def _kind(operation: Operation, modules: set[str]) -> type:
    """The kind of an operation: not a class of a migration's own file, one of which came along."""
    return next(each for each in type(operation).__mro__ if each.__module__ not in modules)


def _import_text(head: Head, text: str, sources: Sequence[SquashSource]) -> Migration:
    package = sources[0].package
    module = types.ModuleType(f"{package}.{head.name}" if package else head.name)
    module.__file__ = str(head.path)
    module.__package__ = package
    try:
        with _without(sources), register(module):
            exec(compile_text(text, str(head.path)), module.__dict__)
    except Exception as error:
        found = broken(str(head.path), error)
        raise WriteError(
            f"the squash would not import by itself: {found.message}",
            place=found.place,
            hint=f"Nothing was written. {BY_HAND}",
        ) from error
    return migration_in(module, head.app, MigrationPath(head.name, str(head.path), 0, 0))


@contextmanager
def _without(sources: Sequence[SquashSource]) -> Iterator[None]:
    """Return the graph without the originals."""
    modules = {source.module: sys.modules.get(source.module) for source in sources}
    sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, module in modules.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
