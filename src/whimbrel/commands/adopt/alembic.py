"""`adopt alembic`: a project that Alembic migrated goes on with Whimbrel, database by database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whimbrel.commands.adopt.config import Configured, configure
from whimbrel.commands.adopt.databases import (
    AdoptedDatabase,
    Adoption,
    adopt_database,
    as_it_is,
    compare_at_head,
    refuse_tables_without_models,
)
from whimbrel.commands.adopt.environment import Environment, Target, environment_of
from whimbrel.commands.adopt.project import AlembicProject, alembic_project
from whimbrel.commands.adopt.registered import find_models
from whimbrel.commands.comparison import Certain
from whimbrel.commands.make import MigrationFile
from whimbrel.config import DEFAULT_ALIAS, Config, find_config, make_importable
from whimbrel.detect import detect
from whimbrel.detect.scope import limit_to_apps
from whimbrel.errors import HistoryError, UsageError
from whimbrel.history.author import author
from whimbrel.history.loader import History, load
from whimbrel.history.node import Node
from whimbrel.history.writer import rewrite_migration
from whimbrel.run.connect import database_of
from whimbrel.run.record import record_in
from whimbrel.schema.table import Name
from whimbrel.sources import read_models
from whimbrel.state.state import State


@dataclass(frozen=True)
class Wanted:
    """Options of an adoption.

    models: "module:attribute", where env.py does not say. version_table: where Alembic keeps its
    version, likewise. exclude: tables that are left alone from now on. rename: whether constraints
    and indexes of a database get the names that they have here, where nothing else differs.
    directory: where the project was said to be.
    """

    config: Path | None = None
    app: str | None = None
    models: str | None = None
    aliases: tuple[str, ...] = ()
    from_database: bool = False
    rename: bool = False
    dry_run: bool = False
    version_table: str | None = None
    exclude: tuple[str, ...] = ()
    directory: Path | None = None


@dataclass(frozen=True)
class Adopted:
    """The result of an adoption; of a dry one, what it would be.

    configured: the text that its file got. written: a module that collects the models, and its
    text. unrun: how far env.py could be run, if not to its end.
    """

    wanted: Wanted
    project: AlembicProject
    apps: tuple[str, ...]
    file: Path
    configured: str
    files: tuple[MigrationFile, ...]
    databases: tuple[AdoptedDatabase, ...]
    dry_run: bool
    written: tuple[Path, str] | None = None
    unrun: str | None = None


def adopt_alembic(start: Path, wanted: Wanted) -> Adopted:
    """Take the Alembic project around a directory over; what is done already is left as it is.

    Raises `UsageError` for a project that cannot be read, `HistoryError` where ``from_database``
    cannot be, and what reading models raises.
    """
    project = alembic_project(start, wanted.config)
    known = find_config(start)
    root = known.root if known else _root(start, project)
    make_importable(known or Config(root=root))
    environment = environment_of(project, root)
    said = Name.read(wanted.version_table) if wanted.version_table is not None else None
    project = replace(
        project, version_table=said or environment.version_table or project.version_table
    )
    models = find_models(
        _targets(project, environment, known, wanted),
        environment.targets,
        known.apps if known else (),
        root,
        str(project.env),
    )
    others = (*wanted.exclude, *models.left_out)
    made = configure(
        project, known, root, models.targets, wanted.app, hints=models.hints, others=others
    )
    for alias in wanted.aliases:
        made.config.url(alias)
    make_importable(made.config)
    files, gone = _files(project, made, wanted)
    adoption = Adoption(
        made.config, made.apps, project, tuple(files), wanted.rename, wanted.dry_run
    )
    aliases = wanted.aliases or tuple(made.config.databases)
    if files:
        refuse_tables_without_models(adoption, read_models(made.config), aliases)
    if not wanted.dry_run:
        if models.written:
            rewrite_migration(*models.written)
        made.write()
        _write(files, gone)
    return Adopted(
        wanted,
        project,
        made.apps,
        made.file,
        made.shown,
        tuple(files),
        tuple(adopt_database(adoption, alias) for alias in aliases),
        wanted.dry_run,
        models.written,
        environment.trouble,
    )


def _targets(
    project: AlembicProject, environment: Environment, known: Config | None, wanted: Wanted
) -> Sequence[Target]:
    """Return what holds the models: as it is said, as env.py gives it, or as it is configured."""
    named = [app.models for app in known.apps if app.models] if known else []
    if wanted.models is None and environment.targets:
        return environment.targets
    if wanted.models is None and not named:
        why = f"; and it could not be run: {environment.error}" if environment.error else ""
        raise UsageError(
            f"target_metadata does not show where the models are{why}",
            place=str(project.env),
            hint="Name what holds them, the declarative base or its MetaData: "
            "whimbrel adopt alembic --models acme.db:Base",
        )
    names = named if wanted.models is None else [wanted.models]
    return [Target((name,)) for name in names]


def _root(start: Path, project: AlembicProject) -> Path:
    """Return the directory of a new configuration: beside Alembic's, if that is the project's own."""
    beside = project.config.resolve().parent
    return beside if start.is_relative_to(beside) else start


# -- the initial migrations --------------------------------------------------------------------


def _files(
    project: AlembicProject, made: Configured, wanted: Wanted
) -> tuple[list[MigrationFile], list[Path]]:
    """The files to write for apps that have none, and those that they stand for."""
    history = load(made.config.apps)
    old = [node for app in made.apps for node in history.graph.of_app(app)]
    new = [app for app in made.apps if not history.graph.of_app(app)]
    if wanted.from_database:
        # What a squash replaces stands in its way too, and may be what a database has.
        _refuse_recorded(made, [node for node in history.files.values() if node.app in made.apps])
        files = _from_database(project, made, wanted)
        return files, [node.path for node in old if node.path]
    if not new:
        return [], []
    return _author(made.config, history, _models(made, history, new), new), []


def _models(made: Configured, history: History, apps: Sequence[str]) -> State:
    """The models of these apps, and of all others as their migrations have them."""
    before = history.project_state()
    return limit_to_apps(before, read_models(made.config, apps, before), apps)


def _author(
    config: Config, history: History, models: State, apps: Sequence[str]
) -> list[MigrationFile]:
    found = detect(history.project_state(), models, Certain(), apps)
    made = author(found, history.graph, {app.label: app.migrations for app in config.apps})
    return list(map(MigrationFile.of, made))


def _refuse_recorded(made: Configured, old: Sequence[Node]) -> None:
    """Raises `HistoryError` where migrations that are there must stay."""
    later = [node.label for node in old if not node.initial]
    if later:
        raise HistoryError(
            f"there are migrations after the initial one: {', '.join(later)}",
            hint="--from-database writes the initial one: take them away first, if no database "
            "has them, or leave it out.",
        )
    for alias in made.config.databases if old else ():
        database = database_of(made.config, alias)
        has = [node.label for node in old if node.key in record_in(database).applied]
        if has:
            raise HistoryError(
                f"the database {alias!r} has it as it is",
                place=", ".join(has),
                hint="Leave --from-database out; drift shows what differs in the other databases.",
            )


def _from_database(
    project: AlembicProject, made: Configured, wanted: Wanted
) -> list[MigrationFile]:
    """Initial migrations for what a database has."""
    if len(wanted.aliases) > 1:
        raise UsageError("--from-database is for one database", hint="Give one: --database ALIAS.")
    alias = wanted.aliases[0] if wanted.aliases else DEFAULT_ALIAS
    config = made.config
    emptied = [replace(app, migrations=app.migrations / "none yet") for app in config.apps]
    pairs = zip(config.apps, emptied, strict=True)
    history = load([empty if app.label in made.apps else app for app, empty in pairs])
    adoption = Adoption(made.config, made.apps, project, (), wanted.rename, wanted.dry_run)
    comparison = compare_at_head(adoption, alias, _models(made, history, made.apps))
    return _author(made.config, history, as_it_is(comparison), made.apps)


def _write(files: Sequence[MigrationFile], gone: Sequence[Path]) -> None:
    """The new ones first: whatever ends the run in between, none is lost."""
    from whimbrel.commands.make import write

    stay = {file.path for file in files}
    write(replace(file, rewrites=file.path in gone) for file in files)
    for path in gone:
        if path not in stay:
            path.unlink()
