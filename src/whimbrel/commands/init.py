"""`init`: a project's configuration, its manage.py, an app's skeleton."""

from __future__ import annotations

import json
import keyword
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whimbrel.errors import ConfigError, UsageError
from whimbrel.history.writer import rewrite_migration

_TABLE = """\
[tool.whimbrel]
apps = [{apps}]
# database = "${{DATABASE_URL}}"  # without it: sqlite:///db.sqlite3
"""

_MANAGE = '''\
#!/usr/bin/env python
"""Every command of Whimbrel for this project: python manage.py migrate"""

from pathlib import Path

from whimbrel.cli import main

if __name__ == "__main__":
    main(prog_name="manage.py", project=Path(__file__).parent)
'''

_MODELS = '''\
"""The models of {app}."""

from whimbrel import models

# class Post(models.Model):
#     title = models.CharField(max_length=100)
#     published = models.DateTimeField(null=True)
'''


@dataclass(frozen=True)
class Started:
    """The result of `init`: the files that it made and those that it changed, and what to do by hand."""

    made: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    by_hand: str | None = None


def start_project(root: Path, apps: tuple[str, ...] = ()) -> Started:
    """Set a project up in a directory; with apps, their skeletons too.

    In a project that is set up, only apps are added. Nothing that is there is overwritten.
    Raises `ConfigError` for a pyproject.toml that cannot be read, `UsageError` for an app that
    is there already, or a project where nothing is left to do.
    """
    file = root / "pyproject.toml"
    table = _table_in(file)
    for app in apps:
        _refuse(root, app, table)
    if table is not None and not apps:
        raise ConfigError(
            "there is a [tool.whimbrel] already, and it is left as it is",
            place=str(file),
            hint="To add an app: whimbrel init NAME.",
        )
    made = [path for app in apps for path in _make_app(root, app)]
    started = _configure(file, table, apps)
    made += _make_once(root / "manage.py", _MANAGE)
    return Started((*started.made, *made), started.changed, started.by_hand)


def _table_in(file: Path) -> dict[str, object] | None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"not TOML: {error}", place=str(file), hint="Fix it first; nothing was changed."
        ) from error
    table = content.get("tool", {}).get("whimbrel")
    return table if isinstance(table, dict) else None


def _refuse(root: Path, app: str, table: dict[str, object] | None) -> None:
    if not app.isidentifier() or keyword.iskeyword(app):
        raise UsageError(
            f"{app!r} cannot be the name of an app",
            hint="It is the name of a Python package: letters, digits and _, no digit first.",
        )
    known = table.get("apps") if table else None
    if isinstance(known, list) and app in known:
        raise UsageError(
            f"there is an app {app!r} already",
            place=str(root / "pyproject.toml"),
            hint="Nothing was changed. Give another name, or write models in the app that is there.",
        )
    for models in (root / app / "models.py", root / app / "models"):
        if models.exists():
            raise UsageError(
                f"the {'directory' if models.is_dir() else 'file'} exists, and nothing is overwritten",
                place=str(models),
                hint=f'Add "{app}" to apps in [tool.whimbrel] by hand. Where the models are '
                f"SQLAlchemy's or SQLModel's, say what holds them, too: [tool.whimbrel.app.{app}] "
                f'models = "{app}.models:Base".'
                + (
                    "" if table is not None else " `whimbrel init` without a name makes that table."
                ),
            )


def _make_app(root: Path, app: str) -> list[Path]:
    return [
        *_make_once(root / app / "__init__.py", ""),
        *_make_once(root / app / "models.py", _MODELS.format(app=app)),
        *_make_once(root / app / "migrations" / "__init__.py", ""),
    ]


def _make_once(file: Path, text: str) -> list[Path]:
    """Make a file, unless it is there."""
    if file.exists():
        return []
    file.parent.mkdir(parents=True, exist_ok=True)
    rewrite_migration(file, text)
    return [file]


def _configure(file: Path, table: dict[str, object] | None, apps: tuple[str, ...]) -> Started:
    names = ", ".join(f'"{app}"' for app in apps)
    if table is not None:
        try:
            add_words(file, "apps", apps)
        except ConfigError as error:
            return Started(by_hand=f"In [tool.whimbrel] of {file}: {error.hint}")
        return Started(changed=(file,))
    text = _TABLE.format(apps=names)
    if not file.exists():
        rewrite_migration(file, text)
        return Started(made=(file,))
    append_toml(file, text)
    return Started(changed=(file,))


def append_toml(file: Path, text: str) -> None:
    """Add TOML to the end of a file, which is made where it is missing. Raises `ConfigError`."""
    there = _text_of(file) if file.exists() else ""
    gap = "" if not there.strip() else "\n" if there.endswith("\n") else "\n\n"
    more = f"{gap}{text}"
    _write_if_it_reads(file, there + (more.replace("\n", "\r\n") if "\r\n" in there else more))


def add_words(file: Path, key: str, words: Sequence[str]) -> None:
    """Add words to a list of a configuration, which is made where it is missing.

    Raises `ConfigError` where it is not written plainly, on one line.
    """
    text = _text_of(file)
    there = _list_of(text, file, key)
    line = f"{key} = {json.dumps([*there, *words], ensure_ascii=False)}"
    wanted = re.compile(rf"^{key}[ \t]*=[ \t]*\[[^\]\r\n]*\]", re.MULTILINE)
    head = re.compile(
        r"\A" if file.name == "whimbrel.toml" else r"^\[tool\.whimbrel\].*\r?\n", re.MULTILINE
    )
    at = wanted if there else head
    made = at.sub(lambda found: line if there else f"{found.group()}{line}\n", text, count=1)
    if made == text or _list_of(made, file, key) != [*there, *words]:
        raise ConfigError("it must be added by hand", place=f"{file}: {key}", hint=line)
    _write_if_it_reads(file, made)


def _list_of(text: str, file: Path, key: str) -> list[str]:
    try:
        table: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return []
    if file.name != "whimbrel.toml":
        table = table.get("tool", {}).get("whimbrel", {})
    return list(table.get(key, []))


def _text_of(file: Path) -> str:
    """Return the text of a file, its line ends as they are."""
    return file.read_bytes().decode("utf-8")


def _write_if_it_reads(file: Path, text: str) -> None:
    """Write TOML, whole or not at all, but never what cannot be read again."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"[tool.whimbrel] cannot be added: {error}", place=str(file), hint="Add it by hand."
        ) from error
    rewrite_migration(file.resolve(), text.encode())
