"""The modules whose import is enough for all of a project's models to be there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from whimbrel.commands.adopt.environment import Target
from whimbrel.config import AppConfig
from whimbrel.errors import UsageError, WhimbrelError
from whimbrel.sources.managed import managed_option
from whimbrel.sources.sqlalchemy import import_module, load


@dataclass(frozen=True)
class Models:
    """The models that are to be configured. targets: "module:attribute"; hints: what labels are made from.

    written: a module that imports them all, which is to be written, and its text. left_out: the
    tables that Alembic was kept from.
    """

    targets: tuple[str, ...]
    hints: tuple[str, ...] = ()
    written: tuple[Path, str] | None = None
    left_out: tuple[str, ...] = ()


def find_models(
    targets: Sequence[Target],
    seen: Sequence[Target],
    apps: Sequence[AppConfig],
    root: Path,
    place: str,
) -> Models:
    """The targets, each by a module that imports all models that env.py has imported for it.

    A base may be declared in one module, and models made of it in others; where these are several,
    a module that imports them is to be written. seen: all that env.py has. apps: those that are
    configured; models that one of them has are its own. Raises `UsageError` where there are no
    models, or less than env.py has, or where they are for several databases.
    """
    search = _Search(apps, root, place)
    found = [(each, search.name_of(each)) for each in search.of_one_database(targets, seen)]
    kept = [each for each in found if each[1] is not None]
    if not kept:
        names = ", ".join(each.names[0] for each in targets if each.names)
        raise _too_few(f"{names} holds no models", place)
    written = search.collecting.module()
    return Models(
        tuple(name for _, name in kept if name is not None),
        tuple(search.hint(each, name or "") for each, name in kept),
        written,
        tuple(search.left_out),
    )


def _by_database(targets: Iterable[Target]) -> dict[int | None, Target]:
    return {each.database: each for each in targets if each.tables}


def _several_databases(targets: Iterable[Target], place: str) -> UsageError:
    return UsageError(
        "the models are for several databases: " + ", ".join(sorted(map(_name_of, targets))),
        place=place,
        hint="A configuration brings its apps to all of its databases: give each database of "
        "these a whimbrel.toml in a directory of its own, and adopt there, with PYTHONPATH saying "
        "where the models are: "
        "whimbrel --project DIRECTORY adopt alembic --config FILE --models MODULE:ATTRIBUTE",
    )


def _name_of(target: Target) -> str:
    if target.names or target.held is None:
        return target.shown
    module, attribute, key = target.held
    return f"{module}:{attribute}.metadatas[{key!r}]"


def _too_few(message: str, place: str) -> UsageError:
    return UsageError(
        message,
        place=place,
        hint="Make a module that imports all modules with models, and the base, and name it: "
        "whimbrel adopt alembic --models acme.all_models:Base",
    )


@dataclass
class _Search:
    apps: Sequence[AppConfig]
    root: Path
    place: str
    left_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.collecting = _Collecting(self.root)

    def of_one_database(
        self, targets: Sequence[Target], seen: Sequence[Target]
    ) -> Sequence[Target]:
        """The targets; where env.py has some for several databases, those that are configured.

        Every app of a configuration goes to each of its databases, and these must not: raises
        `UsageError` where more than one would.
        """
        if len(_by_database(seen)) < 2:
            return targets
        are_named = any(each.database is None for each in targets)
        plainly = {name for each in targets for name in each.names[:1]}
        plainly |= {app.models for app in self.apps if app.models}
        seen = [each.called(plainly) for each in seen]
        asked = [self._metadata(each) for each in targets] if are_named else []
        found: list[tuple[Target, sa.MetaData]] = []
        for each in seen:
            with suppress(WhimbrelError):  # models that may be somebody else's
                found.append((each, self._metadata(each)))
        ours = [each for each, metadata in found if self._owner(metadata)]
        chosen = [*ours, *(each for each, metadata in found if metadata in asked)]
        by_database = _by_database(chosen if are_named or ours else seen)
        if len(by_database) > 1:
            raise _several_databases(by_database.values(), self.place)
        return targets if are_named or not ours else ours

    def name_of(self, target: Target) -> str | None:
        """Return the name of a target; None where it has no models."""
        metadata = self._metadata(target)
        plain = bool(metadata.tables)
        own = self._owner(metadata)
        growing = [] if own else self._growing_modules(target, metadata)
        lacking = set(target.tables) - metadata.tables.keys()
        if lacking:
            raise _too_few(f"{target.shown} has no {', '.join(sorted(lacking))}", self.place)
        if not metadata.tables:
            return None
        self.left_out += [
            key for key in target.left_out if managed_option(metadata.tables[key]) is not False
        ]
        if own or (target.names and not growing):
            return own or target.names[0]
        # One that makes them all needs no other; with tables of the base's own module it may.
        enough = growing if len(growing) == 1 and not plain else ()
        within = [name for name in target.names if name.partition(":")[0] in enough]
        return within[0] if within else self.collecting.add(target, growing)

    def hint(self, target: Target, name: str) -> str:
        """Return what its label is made from: not the module that collects it."""
        place = self.collecting.place
        if place is None or name.partition(":")[0] != place[0]:
            return name
        return target.names[0] if target.names else (target.held or (name,))[-1]

    def _metadata(self, target: Target) -> sa.MetaData:
        if target.names:
            return load(target.names[0], self.root, self.place)
        if target.held is None:
            raise _too_few("target_metadata is in no module under a name", self.place)
        module, attribute, key = target.held
        holder = getattr(import_module(module, self.root, self.place), attribute)
        found: sa.MetaData = holder.metadatas[key]
        return found

    def _owner(self, metadata: sa.MetaData) -> str | None:
        """Return the name that the configured app of these models has for them."""
        for app in self.apps:
            if app.models and load(app.models, self.root, f"app {app.label}") is metadata:
                return app.models
        return None

    def _growing_modules(self, target: Target, metadata: sa.MetaData) -> list[str]:
        """The modules that make more of its tables, each when those before it are imported."""
        found: list[str] = []
        for module in target.modules:
            before = len(metadata.tables)
            import_module(module, self.root, self.place)
            if len(metadata.tables) > before:
                found.append(module)
        return found


class _Collecting:
    """A module that is to be written, which imports models and the bases that hold them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place: tuple[str, Path] | None = None
        self.modules: dict[str, None] = {}
        self.lines: dict[str, str] = {}

    def add(self, target: Target, modules: Iterable[str]) -> str:
        """Add a target; return its name in the module."""
        reached = target.names[0] if target.names else (target.held or ("",))[0]
        first = next(iter(modules), reached.partition(":")[0])
        self.place = self.place or self._free(first)
        self.modules.update(dict.fromkeys(modules))
        if target.names:
            module, _, attribute = target.names[0].partition(":")
            name, line = attribute, f"from {module} import {attribute}"
        else:
            module, attribute, key = target.held or ("", "", "")
            name = key if key.isidentifier() else "metadata"
            line = f"from {module} import {attribute}\n\n{name} = {attribute}.metadatas[{key!r}]"
        if self.lines.get(name, line) != line:
            name = f"{module.replace('.', '_')}_{name}"
            line = f"{line} as {name}"
        self.lines[name] = line
        return f"{self.place[0]}:{name}"

    def _free(self, module: str) -> tuple[str, Path]:
        """A module's name beside the models, if that package is the project's own."""
        package = module.partition(".")[0]
        own = (root / package for root in (self.root, self.root / "src"))
        folder = next((each for each in own if each.is_dir()), self.root)
        names = (f"all_models{number}" for number in ("", *range(2, 99)))
        name = next(each for each in names if not (folder / f"{each}.py").exists())
        return (name if folder == self.root else f"{package}.{name}"), folder / f"{name}.py"

    def module(self) -> tuple[Path, str] | None:
        """Its file and text; it can be imported from now on, also before it is written."""
        if self.place is None:
            return None
        name, path = self.place
        text = "".join(self._text())
        module = ModuleType(name)
        module.__file__ = str(path)
        exec(compile(text, str(path), "exec"), vars(module))
        sys.modules[name] = module
        return path, text

    def _text(self) -> Iterator[str]:
        yield '"""Imports every module with models: Whimbrel finds them all here."""\n\n'
        yield from (f"import {module}  # noqa: F401\n" for module in self.modules)
        yield from (f"{line}\n" for line in self.lines.values())
        yield f"\n__all__ = {list(self.lines)!r}\n".replace("'", '"')
