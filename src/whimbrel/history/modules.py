"""Migration files as modules: found, imported by their place, checked."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import linecache
import os
import re
import shlex
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whimbrel.bytecode import CarefulLoader, importing
from whimbrel.errors import LoadError, WhimbrelError, place
from whimbrel.history.cache import MigrationPath
from whimbrel.history.line_numbers import line_of_name
from whimbrel.history.migration import Migration


def module_of(migration: Migration) -> types.ModuleType:
    """The module that a migration was imported from."""
    return sys.modules[type(migration).__module__]


def find_files(directory: Path) -> list[MigrationPath]:
    """The migration files of a directory, by name; none where there is no directory.

    Files that start with ``_``, ``~`` or ``.`` are no migrations, nor is what is not ``.py``.
    """
    try:
        with os.scandir(directory) as entries:
            files = [each for each in entries if each.name.endswith(".py")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(str(directory), error) from error
    found = [_file_of(each) for each in files if each.name[0] not in "_~."]
    return sorted(found, key=lambda each: each.name)


def _file_of(entry: os.DirEntry[str]) -> MigrationPath:
    try:
        status = entry.stat()
    except OSError as error:
        raise _unreadable(entry.path, error) from error
    return MigrationPath(entry.name[:-3], entry.path, status.st_size, status.st_mtime_ns)


def _unreadable(path: str, error: OSError) -> LoadError:
    why = error.strerror or type(error).__name__
    return LoadError(
        f"it cannot be read: {why}",
        place=place(path),
        hint="Fix the file or its permissions, or move it out of the directory.",
    )


class Package:
    """The package that a directory of migrations is, under a name that Python finds or one of its own.

    ``hint``: the app's package ("blog"), where it has one.
    """

    def __init__(self, directory: Path, hint: str | None = None) -> None:
        self.directory = directory
        self.name = importable_name(directory, hint) or _own_name(directory)

    def import_file(self, found: MigrationPath) -> types.ModuleType:
        """The module of a file, imported now. Raises `LoadError` with the line that broke."""
        try:
            with importing():
                self._import_package()
                return _execute(f"{self.name}.{found.name}", found.file)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() too: a file that ends the program is broken
            raise broken(found.file, error) from error

    def import_text(self, name: str, file: str, text: str) -> types.ModuleType:
        """The module that a text would be if it were a file of the package; ``file``: a name for it.

        Raises `LoadError` with the line of the text that broke.
        """
        try:
            with importing():
                if self.directory.is_dir():
                    self._import_package()
                return _execute_text(f"{self.name}.{name}", file, text)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise broken(file, error) from error

    def _import_package(self) -> None:
        if not self.name.startswith(_OWN_PREFIX):
            importlib.import_module(self.name)
        elif self.name not in sys.modules:
            package = types.ModuleType(self.name)
            package.__path__ = [str(self.directory)]
            sys.modules[self.name] = package


_OWN_PREFIX = "whimbrel_migrations_"


def _own_name(directory: Path) -> str:
    import hashlib

    place = hashlib.sha256(str(directory.absolute()).encode()).hexdigest()
    return f"{_OWN_PREFIX}{place[:12]}"


def importable_name(directory: Path, hint: str | None = None) -> str | None:
    """The name by which ``import`` finds this directory; nothing is imported to tell."""
    directory = directory.resolve()
    return next((name for name in _candidates(directory, hint) if _leads_to(name, directory)), None)


def _candidates(directory: Path, hint: str | None) -> Iterator[str]:
    if hint:
        yield f"{hint}.{directory.name}"
    parts: list[str] = [directory.name]
    for parent in directory.parents:
        if not (parent / "__init__.py").is_file():
            break
        parts.insert(0, parent.name)
    yield ".".join(parts)


def _leads_to(name: str, directory: Path) -> bool:
    top, *rest = name.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        return False
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    places: Sequence[str] = (spec.submodule_search_locations or ()) if spec else ()
    return any(Path(place, *rest).resolve() == directory for place in places)


def _execute(name: str, file: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, file, loader=CarefulLoader(name, file))
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _execute_text(name: str, file: str, text: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = file
    module.__package__ = name.rpartition(".")[0]
    # So that a traceback through it shows its lines.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    with register(module):
        exec(compile_text(text, file), module.__dict__)
    return module


def compile_text(text: str, file: str) -> types.CodeType:
    """The code of a file's text: with its own ``__future__`` imports, and none of this module's."""
    return compile(text, file, "exec", dont_inherit=True)


@contextmanager
def register(module: types.ModuleType) -> Iterator[None]:
    """While its text is executed a module is found by its name: dataclasses look for theirs."""
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(module.__name__, None)
        else:
            sys.modules[module.__name__] = before


# -- what can be wrong with a file ------------------------------------------------------------


def broken(file: str, error: BaseException) -> LoadError:
    """The error for a file whose import ended in another one, with the line of the file."""
    where = place(file, _line_of(file, error))
    if isinstance(error, WhimbrelError):
        return LoadError(error.message, place=where, hint=error.hint)
    mark = _line_of_git(file) if isinstance(error, SyntaxError) else None
    if mark is not None:
        return _merge_error(file, mark)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "django":
        return LoadError("it imports Django's migrations", place=where, hint=_OF_DJANGO)
    why = error.msg if isinstance(error, SyntaxError) else str(error)
    return LoadError(
        f"{type(error).__name__}: {why}" if why else type(error).__name__,
        place=where,
        hint="Fix the file, or move it out of the directory." + _of_a_class(file, error),
    )


def _of_a_class(file: str, error: BaseException) -> str:
    """Return a hint where a type's class may be gone: a field is made with one in the file."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        is_missing = isinstance(error, ImportError | AttributeError)
        text = f"{error}{Path(file).read_text(encoding='utf-8')}" if is_missing else ""
        if _FIELD_OF_A_CLASS.search(text):
            return f" {_CLASS_IS_GONE}"
    return ""


_FIELD_OF_A_CLASS = re.compile(
    r"'\w+Field'|\bField\(\s*(?!(?:sa|sqlalchemy|postgresql|sqlite|mysql|models)\.)[A-Za-z_][\w.]*[(,)]"
)
_CLASS_IS_GONE = (
    "Where it is the class of a type or a field that is gone, "
    "write there what it was to the database: models.Field(sa.Integer()), for one. Or put the class back, run "
    "`whimbrel freeze`, and take it away again: no migration names it then."
)


def _line_of_git(file: str) -> int | None:
    """The line where git began to write down both sides of what it could not merge."""
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            found = [number for number, line in enumerate(lines, 1) if line.startswith("<<<<<<< ")]
    except OSError:
        return None
    return found[0] if found else None


def _merge_error(file: str, line: int) -> LoadError:
    shown = place(file)
    name = os.path.basename(shown)
    other = os.path.join(os.path.dirname(shown), f"{name.removesuffix('.py')}_theirs.py")
    here, other = shlex.quote(shown), shlex.quote(other)
    return LoadError(
        "git could not merge it, and both sides stand in it",
        place=f"{shown}:{line}",
        hint="Where both branches made a migration of this name, keep both, one under another name:\n"
        f"    git checkout --theirs {here} && cp {here} {other} && git checkout --ours {here}\n"
        "and make one leaf of them: whimbrel makemigrations --merge",
    )


def _line_of(file: str, error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def migration_in(module: types.ModuleType, app: str, found: MigrationPath) -> Migration:
    """The migration of a module. Raises `LoadError` where it is none, or not put together well."""
    made: Any = getattr(module, "Migration", None)
    if made is None:
        raise LoadError(
            "there is no class Migration in it",
            place=place(found.file),
            hint="Write `class Migration(migrations.Migration)`; a file that is no migration "
            "gets a name that starts with an underscore.",
        )
    if not (isinstance(made, type) and issubclass(made, Migration)):
        raise LoadError(
            "its Migration is not a subclass of whimbrel.migrations.Migration",
            place=place(found.file, line_of_name(found.file, "Migration")),
            hint=_OF_DJANGO
            if any(base.__module__.startswith("django.") for base in getattr(made, "__mro__", ()))
            else "Write `class Migration(migrations.Migration)`, with `migrations` of whimbrel.",
        )
    for attribute, wrong in _wrong_attributes(made):
        raise LoadError(
            f"Migration.{attribute} {wrong}",
            place=place(found.file, line_of_name(found.file, attribute)),
            hint=_SHAPES[attribute],
        )
    migration: Migration = made(app, found.name)
    return migration


_OF_DJANGO = (
    "Write `from whimbrel import migrations, models` in place of `from django.db import migrations, "
    "models`; most operations and fields are called as there."
)


_PAIRS = 'Write a list of pairs: [("blog", "0001_initial")].'
_SHAPES = {
    "dependencies": _PAIRS,
    "run_before": _PAIRS,
    "replaces": _PAIRS,
    "operations": 'Write a list of operations: [migrations.DeleteModel("Post")]. A class of your own has '
    "@dataclass(frozen=True) above it, and fields instead of __init__.",
    "initial": "Write True, False or None.",
    "atomic": "Write True or False.",
    "online": "Write True or False.",
    "lint_ignore": 'Write a code and the reason: {"dropped": "no code uses it since release 2.3"}.',
    "frozen": "Take it out, and run `whimbrel freeze` again.",
}


def _maker_of(kind: type) -> type:
    """Return the class whose ``__init__`` makes objects of a class."""
    return next(each for each in kind.__mro__ if "__init__" in vars(each))


def _wrong_attributes(made: Any) -> Iterator[tuple[str, str]]:
    # Late, since planning needs no operation.
    from whimbrel.operations.base import Operation

    for attribute in ("dependencies", "run_before", "replaces"):
        for each in _members(getattr(made, attribute)):
            if not _is_pair(each):
                yield attribute, f"has {each!r}, which is not a pair of app and name"
    for attribute in ("dependencies", "run_before", "replaces", "operations"):
        if not isinstance(getattr(made, attribute), list | tuple):
            yield attribute, f"is {getattr(made, attribute)!r}, not a list"
    for each in _members(made.operations):
        if not isinstance(each, Operation):
            yield "operations", f"has {each!r}, which is not an operation"
        elif "__dataclass_fields__" not in vars(_maker_of(type(each))):
            name = _maker_of(type(each)).__name__
            yield "operations", f"has {name}, whose arguments nobody knows: it is not a dataclass"
    if made.initial is not None and not isinstance(made.initial, bool):
        yield "initial", f"is {made.initial!r}"
    for attribute in ("atomic", "online"):
        if not isinstance(getattr(made, attribute), bool):
            yield attribute, f"is {getattr(made, attribute)!r}"
    if made.frozen is not None and not _is_pair(made.frozen):
        yield "frozen", "is not a pair of digests"
    yield from (("lint_ignore", wrong) for wrong in _wrong_ignores(made.lint_ignore))


def _wrong_ignores(given: Any) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f"is {given!r}, not a mapping of codes to reasons"
        return
    for code, reason in given.items():
        if not (isinstance(reason, str) and reason.strip()):
            yield f"gives no reason for {code!r}"


def _members(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(each, str) and each for each in value)
    )
