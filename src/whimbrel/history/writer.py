"""Migrations to files: what stands in one, and how it gets onto the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from whimbrel.errors import UsageError, WriteError, place
from whimbrel.history.layout import INDENT, WIDTH, Code, Group, lay_out
from whimbrel.history.node import Key
from whimbrel.history.serializers import new_values
from whimbrel.history.values import Values


def render_migration(
    app: str,
    name: str,
    dependencies: Iterable[Key],
    operations: Sequence[Any],
    *,
    initial: bool = False,
    replaces: Sequence[Key] = (),
    run_before: Iterable[Key] = (),
    atomic: bool = True,
    online: bool = True,
    lint_ignore: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    values: Values | None = None,
    definitions: Callable[[], Sequence[str]] = list,
) -> str:
    """The text of a migration file: the same for the same input, on any machine.

    ``dependencies`` and ``run_before`` are sorted; ``notes`` become comments above the operations.
    ``values`` writes what is in them, if not the usual writer;
    ``definitions`` gives, once all is written, code to stand above the class.
    Raises `WriteError` naming the operation, and the field, that cannot be written.
    """
    values = values or new_values()
    values.imports.ours("migrations")
    try:
        listed = Group("[", values.items(operations), "]", tall=True)
        body = [
            *(["initial = True"] if initial else []),
            *_pairs(values, "replaces", replaces),
            *_pairs(values, "dependencies", sorted(set(dependencies))),
            *_pairs(values, "run_before", sorted(set(run_before))),
            *([] if atomic else ["atomic = False"]),
            *([] if online else ["online = False"]),
            *([_assignment("lint_ignore", values.write(dict(lint_ignore)))] if lint_ignore else []),
            _with_notes(notes, _assignment("operations", listed)),
        ]
    except WriteError as error:
        inner = f": {error.place}" if error.place else ""
        raise WriteError(error.message, place=f"{app}.{name}{inner}", hint=error.hint) from error
    members = "\n\n".join(f"{' ' * INDENT}{each}" for each in body)
    above = [*values.imports.lines(), *_apart(definitions())]
    return "\n".join([*above, "", "", "class Migration(migrations.Migration):", members, ""])


def source_of(value: Any) -> tuple[str, list[str]]:
    """A value as source on one line or several, and the imports that it needs."""
    values = new_values()
    return lay_out(values.write(value)), values.imports.lines()


def _pairs(values: Values, name: str, pairs: Sequence[Key]) -> list[str]:
    return [_assignment(name, values.write([tuple(pair) for pair in pairs]))] if pairs else []


def _assignment(name: str, code: Code) -> str:
    return f"{name} = {lay_out(code, INDENT, len(name) + 3)}"


def _with_notes(notes: Iterable[str], shown: str) -> str:
    """A member of the class with comments above it."""
    lines = (line for note in notes for line in note.splitlines())
    parts = (part for line in lines for part in textwrap.wrap(line, WIDTH - INDENT - 2) or [""])
    return f"\n{' ' * INDENT}".join([*(f"# {part}".rstrip() for part in parts), shown])


def _apart(definitions: Sequence[str]) -> Iterator[str]:
    """Code as it is, with two empty lines before each piece; one after imports, before no `def`."""
    for number, each in enumerate(definitions):
        code = next(line for line in each.splitlines() if not line.startswith("#"))
        is_block = code.startswith(("def ", "class ", "async ", "@"))
        yield from ("", "", each) if number or is_block else ("", each)


def write_migration(path: Path, text: str | bytes) -> Path:
    """Writes a new file whole or not at all, and makes its package where there is none.

    Raises `UsageError` where the file is there already: no migration is overwritten by chance. The
    very same one may be: somebody else has just made it.
    """
    with _write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        package = path.parent / "__init__.py"
        if not package.exists():
            package.touch()
        with _temporary_file(path, text) as temporary:
            _put(temporary, path)
    return path


def rewrite_migration(path: Path, text: str | bytes) -> Path:
    """Exchange what a file holds, whole or not at all: a text, or the bytes of `file_edit.edit_file`."""
    with _write_errors(path), _temporary_file(path, text) as temporary:
        os.replace(temporary, path)
    return path


_ROOM = "Make room on the disk, and run the command again."
_RIGHT = (
    "Let this user write into the directory. Where a checkout is read only, as in a deploy, make its "
    "migrations before, and commit them."
)


@contextlib.contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Return an error of the disk, in words."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"it cannot be written: {error.strerror or type(error).__name__}",
            place=place(path),
            hint=_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else _RIGHT,
        ) from error


@contextlib.contextmanager
def _temporary_file(path: Path, text: str | bytes) -> Iterator[str]:
    """A file of its own with the text, beside the one that it shall be."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="~", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        # mkstemp makes a file for its owner alone; a migration is a file like any other.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _put(temporary: str, path: Path) -> None:
    try:
        # A hard link, unlike a rename, refuses a name that is taken.
        os.link(temporary, path)
    except FileExistsError:
        _refuse_another(temporary, path)
    except OSError:
        # A file system without hard links.
        if path.exists():
            _refuse_another(temporary, path)
        else:
            os.replace(temporary, path)


def _refuse_another(temporary: str, path: Path) -> None:
    if path.is_file() and path.read_bytes() == Path(temporary).read_bytes():
        return
    raise UsageError(
        "this migration file is there already", place=str(path), hint="Give another --name."
    )


_FUNCTIONS = """

def forwards(apps, schema_editor):
    # The model as it is at this point of history, whatever becomes of it later:
    # {model} = apps.get_model("{app}", "{model}")
    # {model}.objects.filter(...).update(...)
    pass


def backwards(apps, schema_editor):
    # What undoes it. If nothing has to be undone, put migrations.RunPython.noop in its place below.
    pass
"""

_OPERATIONS = """\
    operations = [
        migrations.RunPython(forwards, backwards),
    ]"""


def render_template(app: str, name: str, dependencies: Iterable[Key], model: str | None) -> str:
    """The text of an empty migration. ``model``: the name of one of the app's models, for its comments."""
    text = render_migration(app, name, dependencies, []).replace("    operations = []", _OPERATIONS)
    head, _, tail = text.partition("\n\n\nclass ")
    return f"{head}\n{_FUNCTIONS.format(app=app, model=model or 'Model')}\n\nclass {tail}"
