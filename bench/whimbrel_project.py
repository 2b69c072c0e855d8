"""A history as a project of Whimbrel."""

from __future__ import annotations

from pathlib import Path

from vocabulary import write_files

from history import History

CONFIGURATION = """\
[tool.whimbrel]
apps = [
{apps}]
database = "${{DATABASE_URL}}"
"""


def write_project(made: History, root: Path) -> None:
    """Write it into an empty directory."""
    write_files(made, root, imports="whimbrel", id_options="(primary_key=True)")
    apps = "".join(f'    "{app}",\n' for app in made.apps)
    (root / "pyproject.toml").write_text(CONFIGURATION.format(apps=apps))
