"""An Alembic project as its files say it: nothing of it is imported, and Alembic need not be there."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whimbrel.errors import HistoryError, UsageError
from whimbrel.schema.table import Name

#: Alembic's record of a database's version, where nothing else is said.
VERSION_TABLE = "alembic_version"

_SEPARATORS = {"os": os.pathsep, "newline": "\n", ":": ":", ";": ";"}
_NO_PROJECT = (
    "Run this where alembic.ini is, or name it: whimbrel adopt alembic --config path/to/alembic.ini"
)


@dataclass(frozen=True)
class Revision:
    """A revision file: its id, the ids that it comes after, its other names, its file."""

    id: str
    after: tuple[str, ...]
    labels: tuple[str, ...]
    file: Path


@dataclass(frozen=True)
class AlembicProject:
    """What an Alembic project says of itself.

    config: alembic.ini, or the pyproject.toml that stands for it. script: the directory with
    env.py. revisions: by id. version_table: where its databases keep their version. url: as
    alembic.ini has it.
    """

    config: Path
    script: Path
    revisions: Mapping[str, Revision]
    version_table: Name
    url: str | None = None

    @property
    def env(self) -> Path:
        """The file that knows the models."""
        return self.script / "env.py"

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that no other comes after."""
        named = {self._id(each) for revision in self.revisions.values() for each in revision.after}
        return tuple(sorted(self.revisions.keys() - named))

    def missing(self, versions: Iterable[str]) -> list[str]:
        """The revisions that a database at these versions does not have.

        Raises `HistoryError` for a version that no file has.
        """
        waiting, there = [self._known(each) for each in versions], set[str]()
        while waiting:
            revision = self.revisions[waiting.pop()]
            if revision.id not in there:
                there.add(revision.id)
                waiting += [self._known(each) for each in revision.after]
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

    def _known(self, named: str) -> str:
        found = self._id(named)
        if found not in self.revisions:
            raise HistoryError(
                f"there is no revision {named!r}",
                place=str(self.script),
                mend="Bring its file back, or the database to a revision that is there.",
            )
        return found


def alembic_project(root: Path, config: Path | None = None) -> AlembicProject:
    """The Alembic project of a directory, or of a configuration file.

    Raises `UsageError` where there is none or where it cannot be read, `HistoryError` for
    revisions that do not hold together.
    """
    file = config or _found(root)
    settings = _settings(file)
    script = _script(file, settings)
    revisions: dict[str, Revision] = {}
    for folder in _version_folders(file, settings, script):
        for revision in _revisions_in(folder, recursive=_is_true(settings.get("recursive"))):
            twin = revisions.setdefault(revision.id, revision)
            if twin is not revision:
                raise HistoryError(
                    f"the revision {revision.id} is there twice",
                    place=str(revision.file),
                    mend=f"The other is {twin.file}: take one away.",
                )
    return AlembicProject(
        file, script, revisions, _version_table(script / "env.py"), settings.get("url")
    )


# -- its configuration -----------------------------------------------------------------------


def _found(root: Path) -> Path:
    """alembic.ini, or else a pyproject.toml with Alembic's table, from a directory upwards."""
    for folder in (root, *root.parents):
        for name in ("alembic.ini", "pyproject.toml"):
            file = folder / name
            if file.is_file() and (name == "alembic.ini" or _toml(file)):
                return file
    raise UsageError("no alembic.ini from here upwards", place=str(root), mend=_NO_PROJECT)


def _toml(file: Path) -> dict[str, Any]:
    """Alembic's table in a pyproject.toml; empty where it has none."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", place=str(file), mend="Mend it first.") from error
    return table if isinstance(table, dict) else {}


def _settings(file: Path) -> dict[str, Any]:
    """What the configuration says, from both files where there are both, each value filled in."""
    if not file.is_file():
        raise UsageError("there is no such file", place=str(file), mend=_NO_PROJECT)
    if file.suffix == ".toml":
        return _of_toml(file)
    beside = file.parent / "pyproject.toml"
    said = _of_toml(beside) if beside.is_file() else {}
    return {**said, **_of_ini(file)}


def _of_toml(file: Path) -> dict[str, Any]:
    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        here = str(file.parent)
        return (
            value.replace("%(here)s", here).replace("%%", "%") if isinstance(value, str) else value
        )

    table = _toml(file)
    return {
        ours: filled(table[theirs])
        for ours, theirs in _KEYS.items()
        if table.get(theirs) is not None
    }


_KEYS = {
    "script": "script_location",
    "versions": "version_locations",
    "recursive": "recursive_version_locations",
    "separator": "path_separator",
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
            f"cannot be read: {said}", place=str(file), mend="Mend it first."
        ) from error
    url = parser.get("alembic", "sqlalchemy.url", raw=True, fallback=None)
    return {**found, **({"url": url.replace("%%", "%")} if url else {})}


def _script(file: Path, settings: Mapping[str, Any]) -> Path:
    given = settings.get("script")
    if not given:
        raise UsageError("script_location is missing", place=str(file), mend="Say where env.py is.")
    for path in _places(file, given):
        if (path / "env.py").is_file():
            return path
    raise UsageError(
        f"script_location is {given!r}, and there is no env.py",
        place=str(file),
        mend="Name the configuration that Alembic is really run with: --config FILE.",
    )


def _places(file: Path, given: str) -> Iterator[Path]:
    """Where a path of the configuration may lead: from its file, from here, or into a package."""
    package, colon, rest = given.partition(":")
    if colon and not Path(given).is_absolute() and _is_dotted(package):
        yield from (folder / rest for folder in package_folders(package, file.parent))
    else:
        yield from (file.parent / given, Path.cwd() / given)


def package_folders(package: str, *roots: Path) -> Iterator[Path]:
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


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")


def _version_folders(file: Path, settings: Mapping[str, Any], script: Path) -> list[Path]:
    given = settings.get("versions")
    if not given:
        return [script / "versions"]
    names = given if isinstance(given, list) else _parted(given, settings.get("separator"))
    found: list[Path] = []
    for name in names:
        places = list(_places(file, name.strip()))
        found += [path for path in places if path.is_dir()][:1]
    return found


def _parted(text: str, separator: str | None) -> list[str]:
    """A list of paths in an INI file; without a separator, at commas and spaces."""
    sign = _SEPARATORS.get(separator or "")
    parts = text.split(sign) if sign else re.split(r"[,\s]+", text)
    return [part for part in map(str.strip, parts) if part]


# -- its revisions ---------------------------------------------------------------------------


def _revisions_in(folder: Path, *, recursive: bool) -> Iterator[Revision]:
    files = folder.rglob("*.py") if recursive else folder.glob("*.py")
    for file in sorted(files):
        if not file.name.startswith(("__init__", ".#")):
            found = _revision(file)
            if found is not None:
                yield found


def _revision(file: Path) -> Revision | None:
    """What a revision file says of itself; None where it is none."""
    said = {name: value for name, value in _assigned(parsed(file)) if name in _SAID}
    if "revision" not in said:
        return None
    values = {name: _words(file, name, value) for name, value in said.items()}
    after = (*values.get("down_revision", ()), *values.get("depends_on", ()))
    return Revision(values["revision"][0], after, values.get("branch_labels", ()), file)


_SAID = ("revision", "down_revision", "depends_on", "branch_labels")


def _words(file: Path, name: str, value: ast.expr) -> tuple[str, ...]:
    """A string, several, or none."""
    try:
        found = ast.literal_eval(value)
    except ValueError:
        found = 0
    words = (found,) if isinstance(found, str) else found or ()
    if found == 0 or not all(isinstance(each, str) for each in words):
        raise UsageError(
            f"{name} is computed, and cannot be read without running it",
            place=f"{file}:{value.lineno}",
            mend="Write the revision's id there as a string.",
        )
    return tuple(words)


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file. Raises `UsageError`."""
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(
            f"not Python: {error}", place=f"{file}{line}", mend="Mend it first."
        ) from error


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that get a value at the top of a module, in order."""
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            yield from _named(statement.target, statement.value)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from _named(target, statement.value)


def _named(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value


def _version_table(env: Path) -> Name:
    """What env.py calls the table of the version, where it says so plainly."""
    said: dict[str, str] = {}
    for node in ast.walk(parsed(env)):
        pairs: list[tuple[str | None, ast.expr]] = []
        if isinstance(node, ast.Call):
            pairs = [(each.arg, each.value) for each in node.keywords]
        elif isinstance(node, ast.Dict):
            keys = [each.value if isinstance(each, ast.Constant) else None for each in node.keys]
            pairs = [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
        for name, value in pairs:
            if name in ("version_table", "version_table_schema") and _is_text(value):
                said.setdefault(name, ast.literal_eval(value))
    return Name(said.get("version_table_schema"), said.get("version_table", VERSION_TABLE))


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
