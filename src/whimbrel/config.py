"""The configuration: where it is found, what it may say, and what is wrong with it.

``[tool.whimbrel]`` in the nearest pyproject.toml, or a whimbrel.toml (whose top level is that
table). This is the one file that reads the environment.
"""

from __future__ import annotations

import fnmatch
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from whimbrel.bytecode import import_with_care
from whimbrel.errors import ConfigError, did_you_mean
from whimbrel.findings import Level
from whimbrel.packages import folder_of, folders
from whimbrel.urls import filled

DEFAULT_DATABASE = "sqlite:///db.sqlite3"
DEFAULT_ALIAS = "default"
#: Bytes from which on a table counts as large, unless the configuration says otherwise.
LARGE_TABLE = 8 * 2**20

_KEYS: Mapping[str, type] = {
    "apps": list,
    "database": str,
    "databases": dict,
    "app": dict,
    "include": list,
    "exclude": list,
    "check": dict,
    "online": bool,
    "large_table": str,
    "lint": dict,
}
_APP_KEYS: Mapping[str, type] = {"models": str, "migrations": str}
_CHECK_KEYS: Mapping[str, type] = {"ignore": list}
_LINT_KEYS: Mapping[str, type] = {"ignore": list, "select": list, "severity": dict, "strict": bool}
_KINDS: Mapping[type, str] = {
    list: "a list",
    str: "a string",
    dict: "a table",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
#: The tables in which a database keeps what Whimbrel knows of it.
OWN_TABLES = frozenset({"whimbrel_migrations", "whimbrel_journal", "whimbrel_backfill"})


@dataclass(frozen=True)
class AppConfig:
    """An app.

    package: its dotted name, None where there is none. models: "module:attribute" of models that
    are not the package's own ``models`` module. migrations: the directory of its migrations,
    absolute; it need not exist yet.
    """

    label: str
    package: str | None
    models: str | None
    migrations: Path


@dataclass(frozen=True)
class LintConfig:
    """The rules of `lint`, by their codes. ignore: left out. select: the only ones; empty: all.

    severity: "error", "warning" or "info" for a code, in place of the rule's own. strict: warnings
    count as errors.
    """

    ignore: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True)
class Config:
    """The configuration of a project. ``databases``: URLs by alias, as written (see `url`).

    include, exclude: patterns of tables (see `covers`). check_ignore: codes of findings that
    `check` leaves out. online: False where every change takes its short form. large_table: bytes from
    which on a table takes the form that keeps nobody waiting.
    lint: see `LintConfig`.
    """

    root: Path
    apps: tuple[AppConfig, ...] = ()
    databases: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_ALIAS: DEFAULT_DATABASE})
    file: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    check_ignore: tuple[str, ...] = ()
    online: bool = True
    large_table: int = LARGE_TABLE
    lint: LintConfig = LintConfig()

    def app(self, label: str) -> AppConfig:
        """The app of that label. Raises `ConfigError`, with the nearest there is."""
        for app in self.apps:
            if app.label == label:
                return app
        labels = [app.label for app in self.apps]
        raise ConfigError(
            f"there is no app {label!r}",
            place=str(self.file) if self.file else None,
            hint=did_you_mean(label, labels) or f"Apps: {', '.join(labels) or 'none'}.",
        )

    def url(self, alias: str = DEFAULT_ALIAS) -> str:
        """The URL of a database, its ``${VARIABLE}``s filled in. Raises `ConfigError`.

        They are filled in when a database is asked for, so that what needs none runs without.
        """
        if alias not in self.databases:
            raise ConfigError(
                f"there is no database {_shown(alias)}",
                place=str(self.file) if self.file else None,
                hint=did_you_mean(alias, self.databases)
                or f"Aliases: {', '.join(self.databases)}.",
            )
        return _filled(self.databases[alias], self._place_of(alias))

    @property
    def is_of_sqlite_alone(self) -> bool:
        """True if every URL says in so many words that it is SQLite's; what a variable says may differ elsewhere."""
        return all(url.startswith("sqlite") for url in self.databases.values())

    def covers(self, schema: str | None, table: str) -> bool:
        """True if a table of a live database is this project's business.

        ``include`` empty: every table is, but those of ``exclude``. A pattern with a dot speaks
        of "schema.table", one without of a table's name in any schema; ``*``, ``?`` and ``[...]``
        are as in a shell, and case-sensitive. Whimbrel's own tables never count.
        """
        wanted = not self.include or _fits_any(self.include, schema, table)
        return wanted and table not in OWN_TABLES and not self.excludes(schema, table)

    def excludes(self, schema: str | None, table: str) -> bool:
        """Return whether a table is somebody else's: a pattern of ``exclude`` speaks of it."""
        return _fits_any(self.exclude, schema, table)

    def _place_of(self, alias: str) -> str:
        key = "database" if alias == DEFAULT_ALIAS else f"databases.{alias}"
        return f"{self.file or 'configuration'}: {key}"


def load_config(start: Path | None = None) -> Config:
    """The configuration of the project around a directory (left out: the current one).

    Raises `ConfigError`, with the file and the key, for what is missing or cannot be.
    """
    start = (start or Path.cwd()).resolve()
    found = find_config(start)
    if found is None:
        raise ConfigError(
            "no [tool.whimbrel] in any pyproject.toml, and no whimbrel.toml, from here upwards",
            place=str(start),
            hint="Run `whimbrel init` where the project's pyproject.toml is, or belongs.",
        )
    return found


def find_config(start: Path) -> Config | None:
    """Return what `load_config` does; None where no file has a configuration. Raises `ConfigError`."""
    for file in _candidates(start):
        table = _table(file)
        if table is not None:
            return _config(file, table)
    return None


def make_importable(config: Config) -> None:
    """See to it that a project's packages can be imported by their names."""
    for folder in reversed(folders(config.root)):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        import_with_care(folder)


def wants_traceback() -> bool:
    """True if the environment asks for the traceback of an unexpected exception."""
    return bool(os.environ.get("WHIMBREL_TRACEBACK"))


def wants_no_colour() -> bool:
    """True if the environment asks for text without colours, on a terminal too (no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def application_of_flask() -> str | None:
    """Return which application Flask's own command would run, where the environment says it."""
    return os.environ.get("FLASK_APP") or None


def workspace_of_github() -> Path | None:
    """The directory that a workflow of GitHub's checks a repository out into, if this is one."""
    told = os.environ.get("GITHUB_WORKSPACE")
    return Path(told) if told else None


def environment_with(**variables: str) -> dict[str, str]:
    """The environment for another program, with some variables of its own."""
    return {**os.environ, **variables}


# -- finding and reading ---------------------------------------------------------------------


def _candidates(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        for name in ("whimbrel.toml", "pyproject.toml"):
            if (folder / name).is_file():
                yield folder / name


def _table(file: Path) -> dict[str, Any] | None:
    """Whimbrel's table in a file; None where it has none."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not TOML: {error}", place=str(file)) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", place=str(file)) from error
    if file.name == "whimbrel.toml":
        return content
    tool = content.get("tool")
    table = tool.get("whimbrel") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError("must be a table", place=f"{file}: tool.whimbrel")
    return table


def _config(file: Path, table: dict[str, Any]) -> Config:
    _check_keys(file, "", table, _KEYS)
    return Config(
        root=file.parent,
        apps=_apps(file, table),
        databases=_databases(file, table),
        file=file,
        include=_words(file, "include", table),
        exclude=_words(file, "exclude", table),
        check_ignore=_ignored(file, table),
        online=table.get("online", True),
        large_table=_bytes(file, table["large_table"]) if "large_table" in table else LARGE_TABLE,
        lint=_lint(file, table.get("lint", {})),
    )


#: As PostgreSQL writes sizes of memory (18, 19.1.1).
_UNITS = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def _bytes(file: Path, size: str) -> int:
    """Return how many bytes "8MB" are. Raises `ConfigError`."""
    number = size.rstrip("BkMGT ")
    unit = _UNITS.get(size[len(number) :].strip())
    if unit is None or not number.isascii() or not number.isdigit():
        raise ConfigError(
            f"{size!r} is not the size of a table",
            place=f"{file}: large_table",
            hint=f'For one: "8MB". Units: {", ".join(_UNITS)}.',
        )
    return int(number) * unit


def _ignored(file: Path, table: dict[str, Any]) -> tuple[str, ...]:
    section = table.get("check", {})
    _check_keys(file, "check.", section, _CHECK_KEYS)
    return _words(file, "check.ignore", {"check.ignore": section.get("ignore", [])})


def _lint(file: Path, section: dict[str, Any]) -> LintConfig:
    _check_keys(file, "lint.", section, _LINT_KEYS)
    words = {f"lint.{key}": value for key, value in section.items()}
    severity = section.get("severity", {})
    for code, level in severity.items():
        if level not in get_args(Level):
            raise ConfigError(
                f"there is no severity {level!r}",
                place=f"{file}: lint.severity.{code}",
                hint=f"One of: {', '.join(get_args(Level))}.",
            )
    return LintConfig(
        _words(file, "lint.ignore", words),
        _words(file, "lint.select", words),
        severity,
        section.get("strict", False),
    )


def _words(file: Path, key: str, table: dict[str, Any]) -> tuple[str, ...]:
    """A list of strings."""
    given = table.get(key, [])
    for each in given:
        if not isinstance(each, str) or not each:
            raise ConfigError(
                f"must be a list of strings, and {each!r} is none", place=f"{file}: {key}"
            )
    return tuple(given)


def _fits_any(patterns: tuple[str, ...], schema: str | None, table: str) -> bool:
    whole = f"{schema}.{table}" if schema else table
    return any(
        fnmatch.fnmatchcase(whole if "." in pattern else table, pattern) for pattern in patterns
    )


def _check_keys(file: Path, inside: str, table: dict[str, Any], known: Mapping[str, type]) -> None:
    for key, value in table.items():
        if key not in known:
            place = f"{file}: {inside}{key if '://' not in key else ''}".rstrip(": ")
            hint = did_you_mean(key, known) or f"Keys here: {', '.join(known)}."
            raise ConfigError(f"there is no such key as {_shown(key)}", place=place, hint=hint)
        place = f"{file}: {inside}{key}"
        if not isinstance(value, known[key]):
            raise _not_a(known[key], value, place)


def _not_a(wanted: type, value: object, place: str) -> ConfigError:
    """Return the error of a value that is none of what is wanted; it may hold a password."""
    found = _KINDS.get(type(value), f"a {type(value).__name__}")
    return ConfigError(f"must be {_KINDS[wanted]}, not {found}", place=place)


def _shown(name: str) -> str:
    """A name in quotes; a URL that stands where a name belongs may hold a password."""
    return repr(name) if "://" not in name else "a URL, which is not shown"


# -- databases -------------------------------------------------------------------------------


def _databases(file: Path, table: dict[str, Any]) -> dict[str, str]:
    databases = {DEFAULT_ALIAS: table.get("database", DEFAULT_DATABASE)}
    for alias, url in table.get("databases", {}).items():
        if "://" in alias:
            raise ConfigError(
                f"an alias is a name, and this is {_shown(alias)}",
                place=f"{file}: databases",
                hint='Write the URL behind the alias: eu = "postgresql://...".',
            )
        place = f"{file}: databases.{alias}"
        if not isinstance(url, str):
            raise _not_a(str, url, place)
        if alias == DEFAULT_ALIAS and "database" in table:
            raise ConfigError(
                "the default database is given twice",
                place=place,
                hint="Take one of `database` and `databases.default` out.",
            )
        databases[alias] = url
    return databases


def _filled(text: str, place: str) -> str:
    def value(name: str) -> str:
        if not os.environ.get(name):
            raise ConfigError(
                f"the environment variable {name} is {'empty' if name in os.environ else 'not set'}",
                place=place,
                hint=f"Set it: export {name}=...",
            )
        return os.environ[name]

    return filled(text, value)


# -- apps ------------------------------------------------------------------------------------


def _apps(file: Path, table: dict[str, Any]) -> tuple[AppConfig, ...]:
    sections = dict(table.get("app", {}))
    apps = [_listed(file, name, sections) for name in table.get("apps", [])]
    apps += [_section_alone(file, label, section) for label, section in sections.items()]
    _check_once(file, apps)
    return tuple(apps)


def _listed(file: Path, package: Any, sections: dict[str, Any]) -> AppConfig:
    """An app in ``apps``; its section, if it has one, is taken out of ``sections``."""
    place = f"{file}: apps"
    if not isinstance(package, str) or not is_dotted_name(package):
        raise ConfigError(
            f"an app is the dotted name of a package, not {package!r}",
            place=place,
            hint='For one: apps = ["blog", "acme.shop"].',
        )
    label = package.rpartition(".")[2]
    section = _section(file, label, sections.pop(label, {}))
    folder = folder_of(package, file.parent)
    if folder is None:
        raise ConfigError(
            f"there is no package {package!r}",
            place=place,
            hint=f"It was looked for in {file.parent} and where Python imports from. "
            f"`whimbrel init {label}` makes a new app.",
        )
    given = section.get("migrations")
    migrations = file.parent / given if given else folder / "migrations"
    return AppConfig(label, package, section.get("models"), migrations)


def _section_alone(file: Path, label: str, section: Any) -> AppConfig:
    """An app that has a section only: its models are named, its migrations are a directory."""
    section = _section(file, label, section)
    place = f"{file}: app.{label}"
    for key in ("models", "migrations"):
        if key not in section:
            raise ConfigError(
                f"{key} is missing",
                place=place,
                hint='For one: models = "acme.db:Base" and migrations = "acme/migrations"; '
                "or name the app's package in `apps`.",
            )
    return AppConfig(label, None, section["models"], file.parent / section["migrations"])


def _section(file: Path, label: str, section: Any) -> dict[str, Any]:
    place = f"{file}: app.{label}"
    if not isinstance(section, dict):
        raise ConfigError(f"must be a table, not {section!r}", place=place)
    if not label.isidentifier():
        raise ConfigError(f"{label!r} cannot be the label of an app", place=place)
    _check_keys(file, f"app.{label}.", section, _APP_KEYS)
    models = section.get("models")
    if models is not None and not _is_attribute(models):
        raise ConfigError(
            f"must be a module and what in it holds the models, not {models!r}",
            place=f"{place}.models",
            hint='For one: models = "acme.db:Base".',
        )
    return section


def _check_once(file: Path, apps: list[AppConfig]) -> None:
    """No two apps of one label, nor of one directory of migrations."""
    labels: dict[str, AppConfig] = {}
    folders: dict[Path, AppConfig] = {}
    for app in apps:
        twin = labels.setdefault(app.label, app)
        if twin is not app:
            raise ConfigError(
                f"two apps have the label {app.label!r}: {twin.package} and {app.package}",
                place=f"{file}: apps",
                hint="A label is the last part of a package's name, and each must differ.",
            )
        twin = folders.setdefault(app.migrations.resolve(), app)
        if twin is not app:
            raise ConfigError(
                f"the apps {twin.label} and {app.label} have the same migrations directory",
                place=f"{file}: app.{app.label}.migrations",
                hint="Give each a directory of its own.",
            )


def is_dotted_name(name: str) -> bool:
    """Return whether a name could be a module's."""
    return all(part.isidentifier() for part in name.split("."))


def _is_attribute(name: str) -> bool:
    module, _, attribute = name.partition(":")
    return is_dotted_name(module) and is_dotted_name(attribute)
