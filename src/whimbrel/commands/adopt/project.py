"""An Alembic project as its files say it: nothing of it is imported, and Alembic need not be there."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whimbrel.commands.adopt.revisions import Revision, revisions_in
from whimbrel.commands.comparison import VERSION_TABLE
from whimbrel.config import is_dotted_name
from whimbrel.errors import HistoryError, UsageError
from whimbrel.schema.table import Name

_SEPARATORS = {"os": os.pathsep, "newline": "\n", ":": ":", ";": ";"}
_NO_PROJECT = (
    "Run this where alembic.ini is, or name it: whimbrel adopt alembic --config path/to/alembic.ini"
)


@dataclass(frozen=True)
class AlembicProject:
    """An Alembic project, as it says itself.

    config: alembic.ini, or the pyproject.toml that stands for it. script: the directory with
    env.py. revisions: by id. version_table: where its databases keep their version. url: as
    alembic.ini has it. prepended: what it adds to where modules are imported from.
    """

    config: Path
    script: Path
    revisions: Mapping[str, Revision]
    version_table: Name
    url: str | None = None
    prepended: tuple[Path, ...] = ()

    @property
    def env(self) -> Path:
        """The file that knows the models."""
        return self.script / "env.py"

    @property
    def is_of_flask(self) -> bool:
        """True if it is Flask-Migrate's: its env.py asks the application."""
        return b"current_app" in self.env.read_bytes()

    @property
    def schemas(self) -> frozenset[str]:
        """The database schemas that its revisions name."""
        tables = (at for each in self.revisions.values() for at in each.tables)
        return frozenset(at.schema for at in tables if at.schema)

    def makes(self, at: Name) -> bool:
        """Return whether one of its revisions makes a table of that name."""
        return any(
            made.name == at.name and (made.schema == at.schema or None in (made.schema, at.schema))
            for revision in self.revisions.values()
            for made in revision.tables
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that no other comes after."""
        named = {self._id(each) for revision in self.revisions.values() for each in revision.after}
        return tuple(sorted(self.revisions.keys() - named))

    def missing(self, versions: Iterable[str]) -> list[str]:
        """The revisions that a database at these versions does not have.

        Raises `HistoryError` for a version that no file has.
        """
        waiting, there = [self._known_id(each) for each in versions], set[str]()
        while waiting:
            revision = self.revisions[waiting.pop()]
            if revision.id not in there:
                there.add(revision.id)
                waiting += [self._known_id(each) for each in revision.after]
        return sorted(self.revisions.keys() - there)

    def _id(self, named: str) -> str:
        """The id that a name stands for: itself, its beginning, or a label."""
        if named in self.revisions:
            return named
        fitting = [
            each.id
            for each in self.revisions.values()
            if each.id.startswith(named) or named.partition("@")[0] in each.labels
        ]
        return fitting[0] if len(fitting) == 1 else named

    def _known_id(self, named: str) -> str:
        found = self._id(named)
        if found not in self.revisions:
            raise HistoryError(
                f"there is no revision {named!r}",
                place=str(self.script),
                hint="Bring its file back, or the database to a revision that is there.",
            )
        return found


def alembic_project(root: Path, config: Path | None = None) -> AlembicProject:
    """The Alembic project of a directory, or of a configuration file.

    Raises `UsageError` where there is none or where it cannot be read, `HistoryError` for
    revisions that are inconsistent.
    """
    file = config or _find_config(root)
    settings = _settings(file)
    script = _script(file, settings)
    is_recursive = str(settings.get("recursive")).lower() in ("true", "yes", "on", "1")
    revisions: dict[str, Revision] = {}
    for folder in _version_folders(file, settings, script):
        for revision in revisions_in(folder, recursive=is_recursive):
            twin = revisions.setdefault(revision.id, revision)
            if twin is not revision:
                raise HistoryError(
                    f"the revision {revision.id} is there twice",
                    place=str(revision.file),
                    hint=f"The other is {twin.file}: take one away.",
                )
    prepended = tuple(file.resolve().parent / name for name in _list_of(settings, "prepend"))
    return AlembicProject(
        file, script, revisions, Name(None, VERSION_TABLE), settings.get("url"), prepended
    )


# -- its configuration -----------------------------------------------------------------------


def _find_config(root: Path) -> Path:
    """alembic.ini, or else a pyproject.toml with Alembic's table, from a directory upwards.

    Flask-Migrate keeps its own in the directory of its migrations.
    """
    for folder in (root, *root.parents):
        for name in ("alembic.ini", "pyproject.toml", "migrations/alembic.ini"):
            file = folder / name
            if file.is_file() and (file.name == "alembic.ini" or _toml(file)):
                return file
    raise UsageError("no alembic.ini from here upwards", place=str(root), hint=_NO_PROJECT)


def _toml(file: Path) -> dict[str, Any]:
    """Alembic's table in a pyproject.toml; empty where it has none."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", place=str(file), hint="Fix it first.") from error
    return table if isinstance(table, dict) else {}


def _settings(file: Path) -> dict[str, Any]:
    """Return what the configuration says, from both files where there are both, each value filled in."""
    if not file.is_file():
        raise UsageError("there is no such file", place=str(file), hint=_NO_PROJECT)
    if file.suffix == ".toml":
        return _of_toml(file)
    beside = file.parent / "pyproject.toml"
    said = _of_toml(beside) if beside.is_file() else {}
    return {**said, **_of_ini(file)}


def _of_toml(file: Path) -> dict[str, Any]:
    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(each) for each in value]
        here = str(file.parent)
        return (
            value.replace("%(here)s", here).replace("%%", "%") if isinstance(value, str) else value
        )

    table = _toml(file)
    return {
        ours: fill(table[theirs]) for ours, theirs in _KEYS.items() if table.get(theirs) is not None
    }


_KEYS = {
    "script": "script_location",
    "versions": "version_locations",
    "recursive": "recursive_version_locations",
    "separator": "path_separator",
    "prepend": "prepend_sys_path",
}


def _of_ini(file: Path) -> dict[str, Any]:
    parser = configparser.ConfigParser({"here": str(file.parent)})
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
        section = dict(parser.items("alembic", raw=True)) if parser.has_section("alembic") else {}
        found = {
            ours: parser.get("alembic", theirs)
            for ours, theirs in _KEYS.items()
            if section.get(theirs)
        }
        if "separator" not in found and section.get("version_path_separator"):
            found["separator"] = section["version_path_separator"]
    except (configparser.Error, UnicodeDecodeError) as error:
        said = str(error).replace("\n", " ")
        raise UsageError(
            f"cannot be read: {said}", place=str(file), hint="Fix it first."
        ) from error
    url = parser.get("alembic", "sqlalchemy.url", raw=True, fallback=None)
    return {**found, **({"url": url.replace("%%", "%")} if url else {})}


def _script(file: Path, settings: Mapping[str, Any]) -> Path:
    given = settings.get("script")
    if not given and (file.parent / "env.py").is_file():
        return file.parent  # as Flask-Migrate has it
    if not given:
        raise UsageError("script_location is missing", place=str(file), hint="Say where env.py is.")
    for path in _places(file, given):
        if (path / "env.py").is_file():
            return path
    raise UsageError(
        f"script_location is {given!r}, and there is no env.py",
        place=str(file),
        hint="Name the configuration that Alembic is really run with: --config FILE.",
    )


def _places(file: Path, given: str) -> Iterator[Path]:
    """Yield the paths that a path of the configuration may mean: from its file, from here, or in a package."""
    package, *rest = given.split(":")
    if rest and not Path(given).is_absolute() and is_dotted_name(package):
        yield from (folder.joinpath(*rest) for folder in _package_folders(package, file.parent))
    else:
        yield from (file.parent / given, Path.cwd() / given)


def _package_folders(package: str, *roots: Path) -> Iterator[Path]:
    """The directories that a package may be, found without importing it."""
    first, *rest = package.split(".")
    for folder in (each for root in roots for each in (root, root / "src")):
        if (folder / first).is_dir():
            yield folder.joinpath(first, *rest)
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place).joinpath(*rest)


def _version_folders(file: Path, settings: Mapping[str, Any], script: Path) -> list[Path]:
    if not settings.get("versions"):
        return [script / "versions"]
    found: list[Path] = []
    for name in _list_of(settings, "versions"):
        found += [path for path in _places(file, name.strip()) if path.is_dir()][:1]
    return found


def _list_of(settings: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of paths; without a separator, an INI file parts them at commas and spaces."""
    given = settings.get(key) or []
    if isinstance(given, list):
        return given
    sign = _SEPARATORS.get(settings.get("separator") or "")
    parts = given.split(sign) if sign else re.split(r"[,\s]+", given)
    return [part for part in map(str.strip, parts) if part]
