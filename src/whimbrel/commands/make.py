"""`makemigrations`: from the models to migration files, without asking any database.

What is to be written is a value first; `write` puts it on the disk.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from whimbrel.config import Config
from whimbrel.detect import AppMigration, FlagQuestioner, detect
from whimbrel.detect.check import differences
from whimbrel.errors import ConfigError, CycleError, DatabaseError, UsageError
from whimbrel.history.author import NewMigration, author
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History, load
from whimbrel.history.names import given_name
from whimbrel.history.node import Key, Node
from whimbrel.history.referrers import after_all_that_pointed
from whimbrel.history.writer import (
    render_migration,
    render_template,
    rewrite_migration,
    write_migration,
)
from whimbrel.operations.base import Operation
from whimbrel.run.connect import dialect_of, engines_of_new
from whimbrel.sources import doubtful, map_models, read_models
from whimbrel.state.state import State


@dataclass(frozen=True)
class MigrationFile:
    """A file that is to be written, or was. ``rewrites``: whether it is there already."""

    app: str
    name: str
    path: Path
    text: str
    operations: tuple[Operation, ...]
    rewrites: bool = False

    @classmethod
    def of(cls, made: NewMigration) -> MigrationFile:
        """Return the file of a migration that was authored."""
        return cls(made.app, made.name, made.path, made.text, made.found.operations)


def make_migrations(
    config: Config,
    apps: Iterable[str] = (),
    questioner: FlagQuestioner | None = None,
    *,
    name: str | None = None,
    update: bool = False,
) -> list[MigrationFile]:
    """The files that the models ask for; nothing is written.

    apps: only these, and what they need of others. name: what files are called after their
    number. update: new operations go into an app's last migration. Raises `QuestionError` for
    what nobody answers, `ConflictError` and others for a history that is inconsistent,
    `ModelError` for models that no database could hold, `WriteError` for a value without source.
    """
    _refuse_name(name)
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    history.graph.refuse_conflicts()
    before = history.project_state()
    questioner = questioner or FlagQuestioner()
    # Without changes no model need be mapped; where there are some, the mapping may refuse them.
    live = read_models(config, wanted or None, before, defer_mapping=True)
    has_changes = any(differences(before, live))
    if has_changes:
        map_models()
    _refuse_unsound(config, live)
    if not has_changes:
        questioner.finish()
        return []
    found = detect(before, live, questioner, wanted or None, doubtful(config, before, live))
    made = author(
        after_all_that_pointed(found, history), history.graph, _directories(config), name=name
    )
    if update:
        return _fold(config, history, made)
    return list(map(MigrationFile.of, made))


def _refuse_unsound(config: Config, live: State) -> None:
    """Raises `ModelError` where models say what the configured databases cannot do."""
    from whimbrel.sources.checks import check_state

    dialects = dialects_of(config)
    has_schemas = any(model.options.schema for model in live)
    engines = engines_of_new(dialects) if has_schemas else []
    attached = next((each.schemas for each in engines if each.schemas is not None), None)
    check_state(live, dialects, attached)


def dialects_of(config: Config) -> set[str]:
    """Of the databases whose URLs are known here: where models are written they need not be."""
    found: set[str] = set()
    for alias in config.databases:
        with suppress(ConfigError):
            found.add(dialect_of(config, alias))
    return found


def make_empty(
    config: Config, apps: Iterable[str], *, name: str | None = None
) -> list[MigrationFile]:
    """An empty migration for each app, with a function for each direction to be filled in."""
    _refuse_name(name)
    wanted = [config.app(app).label for app in apps]
    if not wanted:
        raise UsageError("--empty needs an app", hint="whimbrel makemigrations APP --empty")
    history = load(config.apps)
    history.graph.refuse_conflicts(wanted)
    empty = [AppMigration(app, ()) for app in wanted]
    made = author(empty, history.graph, _directories(config), name=name)
    models = history.project_state()
    files = []
    for each in made:
        own = models.of_app(each.app)
        example = own[-1].name if own else None
        text = render_template(each.app, each.name, each.dependencies, example)
        files.append(replace(MigrationFile.of(each), text=text))
    return files


def write(files: Iterable[MigrationFile]) -> None:
    """Put files on the disk. A file that is there is left alone, unless it is to be rewritten."""
    for file in files:
        put = rewrite_migration if file.rewrites else write_migration
        put(file.path, file.text)


def _directories(config: Config) -> dict[str, Path]:
    return {app.label: app.migrations for app in config.apps}


def _refuse_name(name: str | None) -> None:
    """Before models are read, and questions asked."""
    if name is not None:
        given_name(name)


# -- --update --------------------------------------------------------------------------------

_OWN_FILE = "Leave --update out: the new operations get a migration of their own."


def _fold(config: Config, history: History, made: Sequence[NewMigration]) -> list[MigrationFile]:
    """The first new migration of each app goes into the app's last one."""
    into = _leaves(history.graph, made)
    _refuse_applied(config, into.values())
    _refuse_cycles(history.graph, made, into)
    files = []
    for each in made:
        moved = replace(each, dependencies=_pointing(each, into))
        leaf = into.get((each.app, each.name))
        files.append(_render(moved) if leaf is None else _merge_into(history, leaf, moved))
    return files


def _leaves(graph: Graph, made: Iterable[NewMigration]) -> dict[Key, Node]:
    """Return the leaf that each new migration goes into. Raises `UsageError` for a leaf on which others depend."""
    into: dict[Key, Node] = {}
    for each in made:
        leaf = graph.leaf(each.app)
        if leaf is None or leaf in into.values():
            continue
        children = graph.children(leaf.key)
        if children:
            raise UsageError(
                f"others depend on it: {', '.join(child.label for child in children)}",
                place=leaf.label,
                hint=_OWN_FILE,
            )
        if leaf.replaces:
            raise UsageError(
                "it is a squash: a database that has what it replaces would never get more",
                place=leaf.label,
                hint=_OWN_FILE,
            )
        _refuse_code_by_hand(leaf)
        into[each.app, each.name] = leaf
    return into


def _refuse_applied(config: Config, leaves: Iterable[Node]) -> None:
    """Raises `UsageError` for a leaf that a configured database has; one that is not there has none."""
    from whimbrel.run.connect import database_of
    from whimbrel.run.record import record_in

    wanted = list(leaves)
    for alias in config.databases if wanted else ():
        with suppress(ConfigError, DatabaseError):
            database = database_of(config, alias)
            applied = record_in(database).applied
            found = [leaf.label for leaf in wanted if leaf.key in applied]
            if found:
                raise UsageError(
                    f"it is applied in {database.shown}, which would not get the new operations",
                    place=", ".join(found),
                    hint=f"{_OWN_FILE} Or undo it first, where its rows may go.",
                )


def _refuse_code_by_hand(leaf: Node) -> None:
    """A file is written anew: what stands in it beside its class would be lost."""
    body = ast.parse(Path(leaf.path).read_text(encoding="utf-8")).body if leaf.path else []
    plain = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.Expr)
    own = [each for each in body if not isinstance(each, plain)]
    own += [each for each in body if isinstance(each, ast.ClassDef) and each.name != "Migration"]
    if own:
        raise UsageError(
            "it has code of its own, which would be lost if the file were written anew",
            place=f"{leaf.path}:{own[0].lineno}",
            hint=_OWN_FILE,
        )


def _pointing(new: NewMigration, into: Mapping[Key, Node]) -> tuple[Key, ...]:
    """The dependencies; those on what is folded away are on what it goes into."""
    keys = [into[key].key if key in into else key for key in new.dependencies]
    own = into.get((new.app, new.name))
    return tuple(dict.fromkeys(key for key in keys if own is None or key != own.key))


def _render(new: NewMigration) -> MigrationFile:
    text = render_migration(
        new.app,
        new.name,
        new.dependencies,
        new.found.operations,
        initial=new.found.initial,
        notes=new.found.notes,
    )
    return MigrationFile(new.app, new.name, new.path, text, new.found.operations)


def _merge_into(history: History, leaf: Node, new: NewMigration) -> MigrationFile:
    """The leaf's file with the new operations after its own; comments in it are lost."""
    old = history.migration(leaf.key)
    operations = (*old.operations, *new.found.operations)
    text = render_migration(
        leaf.app,
        leaf.name,
        (*leaf.dependencies, *new.dependencies),
        operations,
        initial=bool(old.initial),
        run_before=leaf.run_before,
        atomic=leaf.atomic,
        online=old.online,
        lint_ignore=old.lint_ignore,
        notes=new.found.notes,
    )
    path = leaf.path or new.path
    return MigrationFile(leaf.app, leaf.name, path, text, operations, rewrites=True)


def _refuse_cycles(graph: Graph, made: Iterable[NewMigration], into: Mapping[Key, Node]) -> None:
    changed = []
    for each in made:
        leaf = into.get((each.app, each.name), Node(each.app, each.name))
        waits = (*leaf.dependencies, *_pointing(each, into))
        changed.append(leaf._replace(dependencies=waits))
    try:
        graph.with_nodes(changed)
    except CycleError as error:
        raise UsageError(
            f"folded into the last ones, {error.message}",
            hint="Leave --update out: the new operations get migrations of their own.",
        ) from error
