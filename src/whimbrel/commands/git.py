"""Git, asked about the files of a project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path


def run_git(folder: Path, *words: str) -> str | None:
    """Return what git prints, run in a directory; None where it fails, or is not there."""
    try:
        ended = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(ended.stdout).rstrip("\n")


def commit_of(folder: Path, name: str) -> str | None:
    """Return the commit that a name stands for; None where there is none."""
    return run_git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def files_at(folder: Path, revision: str) -> set[Path]:
    """Return the files of a directory that a revision has."""
    listed = run_git(folder, "ls-tree", "-r", "-z", "--name-only", revision, "--", ".")
    return _paths(folder, listed)


def files_changed(folder: Path, revision: str) -> set[Path]:
    """Return the files of a directory that are not as in a revision, those that git does not track too."""
    changed = run_git(folder, "diff", "-z", "--name-only", "--relative", revision, "--", ".")
    fresh = run_git(folder, "ls-files", "-z", "--others", "--", ".")
    return _paths(folder, changed) | _paths(folder, fresh)


def _paths(folder: Path, listed: str | None) -> set[Path]:
    names: Iterable[str] = filter(None, (listed or "").split("\0"))
    return {(folder / name).resolve() for name in names}
