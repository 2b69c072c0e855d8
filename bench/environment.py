"""The environment of the peers: Django and Alembic, beside the bench."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

DIRECTORY = Path(__file__).parent / ".venv"


def peers() -> Path:
    """Its `bin` directory; it is made, or renewed, where that is needed.

    It has the Python, the SQLAlchemy and the psycopg of the environment that Whimbrel runs in.
    """
    wanted = [
        "Django~=5.2.0",
        "alembic>=1.16",
        f"sqlalchemy=={version('sqlalchemy')}",
        f"psycopg[binary]=={version('psycopg')}",
    ]
    ready = DIRECTORY / ".ready"
    stamp = "\n".join([sys.version, *wanted])
    if not ready.exists() or ready.read_text() != stamp:
        print(f"Setting up {os.path.relpath(DIRECTORY)}", file=sys.stderr)
        _install(wanted)
        ready.write_text(stamp)
    return DIRECTORY / "bin"


@contextmanager
def checked_out(commit: str | None, directory: Path) -> Iterator[Path | None]:
    """A commit of this repository in a directory, for as long as it is needed."""
    if commit is None:
        yield None
        return
    git = ("git", "-C", str(Path(__file__).parent))
    _run(*git, "worktree", "add", "--quiet", "--detach", str(directory), commit)
    try:
        yield directory
    finally:
        _run(*git, "worktree", "remove", "--force", str(directory))


def _install(requirements: list[str]) -> None:
    python = str(DIRECTORY / "bin" / "python")
    uv = shutil.which("uv")
    if uv:
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(DIRECTORY))
        _run(uv, "pip", "install", "--quiet", "--python", python, *requirements)
    else:
        base = getattr(sys, "_base_executable", sys.executable)
        _run(base, "-m", "venv", "--clear", str(DIRECTORY))
        _run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *requirements)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def versions(*packages: str) -> str:
    """Which versions of the packages are there: "django 5.2.1, alembic 1.17"."""
    code = "import sys; from importlib.metadata import version as v; "
    code += "print(', '.join(f'{name} {v(name)}' for name in sys.argv[1:]))"
    command = [str(DIRECTORY / "bin" / "python"), "-c", code, *packages]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
