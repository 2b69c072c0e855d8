"""What `adopt` adds to a project's configuration: text at its end; what is there stays as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from whimbrel.commands.adopt.project import AlembicProject
from whimbrel.commands.comparison import VERSION_TABLE
from whimbrel.commands.init import add_words, append_toml
from whimbrel.config import AppConfig, Config
from whimbrel.errors import UsageError
from whimbrel.run.connect import DRIVERS
from whimbrel.schema.table import Name
from whimbrel.urls import has_stray_at, is_secret

#: Where the URL has a password, or is not known: it belongs in no file that is shared.
_BY_ENVIRONMENT = "${DATABASE_URL}"


@dataclass(frozen=True)
class Configured:
    """The configuration with the adopted apps. text: what its file lacks of it; may be empty.

    apps: the labels of the adopted ones. excluded: what its list ``exclude`` lacks.
    """

    config: Config
    apps: tuple[str, ...]
    text: str
    excluded: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """The file that the text belongs to."""
        return self.config.file or self.config.root / "pyproject.toml"

    @property
    def shown(self) -> str:
        """All that its file gets, for people."""
        more = f"exclude = {json.dumps(list(self.config.exclude))}\n" if self.excluded else ""
        return more + self.text

    def write(self) -> None:
        """Add what is lacking to its file. Raises `ConfigError` where a person must do it."""
        if self.excluded:
            add_words(self.file, "exclude", self.excluded)
        if self.text:
            append_toml(self.file, self.text)


def configure(
    project: AlembicProject,
    known: Config | None,
    root: Path,
    targets: Sequence[str],
    label: str | None = None,
    *,
    hints: Sequence[str] = (),
    others: Sequence[str] = (),
) -> Configured:
    """A project's configuration with an app for each of these models ("module:attribute").

    label: what the app is to be called, if there is one only; hints: what labels are made from,
    where that is not the models themselves. others: tables to be left alone. Raises `UsageError`.
    """
    if label is not None and len(targets) > 1:
        raise UsageError(
            f"--app is for one set of models, and there are {len(targets)}: {', '.join(targets)}",
            hint="Leave it out, or name the models too: --models acme.db:Base.",
        )
    config = known or Config(root=root, databases={"default": _url(project.url)})
    # Alembic's own table is to be left alone, as those of others are.
    named = [] if project.version_table.name == VERSION_TABLE else [str(project.version_table)]
    alone = dict.fromkeys([*named, *others])
    lacking = tuple(each for each in alone if not config.excludes(*Name.read(each)))
    config = replace(config, exclude=(*config.exclude, *lacking))
    apps: list[AppConfig] = []
    for target, hint in zip(targets, hints or targets, strict=True):
        own = label or _label(hint, {app.label for app in (*config.apps, *apps)})
        apps.append(_find_app(config, target, label) or _app(project, config, target, own, apps))
    new = [app for app in apps if app not in config.apps]
    text = "\n".join(
        [*([] if known else [_head(project, config)]), *(_section(config, app) for app in new)]
    )
    whole = replace(config, apps=(*config.apps, *new))
    labels = tuple(app.label for app in apps)
    return Configured(whole, labels, text, lacking if known else ())


def _find_app(config: Config, target: str, label: str | None) -> AppConfig | None:
    """The app that is configured for these models, or under this label."""
    for app in config.apps:
        if app.models == target and label not in (None, app.label):
            raise UsageError(
                f"{target} are the models of the app {app.label!r} already",
                place=str(config.file),
                hint="Leave --app out.",
            )
        if app.models == target:
            return app
    taken = next((app for app in config.apps if app.label == label), None)
    if taken is not None:
        raise UsageError(
            f"there is an app {label!r}, and its models are {taken.models or taken.package}",
            place=str(config.file),
            hint="Give another label: --app LABEL.",
        )
    return None


def _app(
    project: AlembicProject,
    config: Config,
    target: str,
    label: str,
    others: Sequence[AppConfig],
) -> AppConfig:
    if not label.isidentifier():
        raise UsageError(f"{label!r} cannot be the label of an app", hint="Give one: --app LABEL.")
    taken = {app.migrations.resolve() for app in (*config.apps, *others)}
    free = (
        folder
        for folder in _folders(config, target, label)
        if folder.resolve() not in taken and _is_free(folder, project)
    )
    return AppConfig(label, None, target, next(free, config.root / f"{label}_migrations"))


def _label(target: str, taken: set[str]) -> str:
    """The first part of the module's name; more of it where that is another app's."""
    module, _, attribute = target.partition(":")
    parts = module.split(".")
    names = [parts[0], parts[-1], "_".join(parts), "_".join((*parts, attribute.lower()))]
    return next((name for name in names if name not in taken), names[-1])


def _folders(config: Config, target: str, label: str) -> list[Path]:
    """Return the folders that the migrations may be in: those of the models' package if that is the project's own."""
    package = target.partition(":")[0].partition(".")[0]
    own = [root / package for root in (config.root, config.root / "src")]
    inside = next((folder for folder in own if folder.is_dir()), None)
    folders = [inside / "migrations", inside / f"{label}_migrations"] if inside else []
    return [*folders, config.root / "migrations" / label]


def _is_free(folder: Path, project: AlembicProject) -> bool:
    """True if nothing is there, Alembic's own directory least of all."""
    alembic = {project.script.resolve(), *project.script.resolve().parents}
    taken = {folder.resolve(), folder.parent.resolve()} & {project.script.resolve()}
    return not taken and folder.resolve() not in alembic and not any(folder.glob("*.py"))


def _section(config: Config, app: AppConfig) -> str:
    path = app.migrations.relative_to(config.root).as_posix()
    is_own_file = config.file and config.file.name == "whimbrel.toml"
    return (
        f"[{'' if is_own_file else 'tool.whimbrel.'}app.{app.label}]\n"
        f"models = {json.dumps(app.models)}\nmigrations = {json.dumps(path)}\n"
    )


# -- a project that has no configuration yet ---------------------------------------------------


def _head(project: AlembicProject, config: Config) -> str:
    lines = ["[tool.whimbrel]", f"database = {json.dumps(config.databases['default'])}"]
    if config.exclude:
        lines.append(f"exclude = {json.dumps(list(config.exclude))}")
    return "\n".join(lines) + "\n"


def _url(given: str | None) -> str:
    """The URL that Alembic's configuration has, if it may be written down and is one."""
    try:
        url = make_url(given or "")
        known = url.get_backend_name() in DRIVERS
    except (ArgumentError, ValueError):
        return _BY_ENVIRONMENT
    # A password may stand behind the question mark too.
    secret = url.password is not None or has_stray_at(str(given)) or any(map(is_secret, url.query))
    return str(given) if known and not secret and "%(" not in str(given) else _BY_ENVIRONMENT
