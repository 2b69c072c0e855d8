"""A project whose commands run in the process of the test: many short cases need it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner

from forks import run_module
from projects import Ended, Project
from whimbrel.cli import whimbrel
from whimbrel.commands.adopt import environment as env_py


class Inside(Project):
    """As `Project`; what a command imports of the project is forgotten after it."""

    def run(
        self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Ended:
        with _at(cwd or self.root, self.environment(**(env or {}))):
            ended = CliRunner().invoke(whimbrel, args)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)


def _run(
    command: Sequence[str], *, input: str, env: Mapping[str, str], **_: Any
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of ``python -m MODULE``."""
    return run_module(command[2], command[3:], Path.cwd(), env, input)


#: What adopt runs an env.py with.
_FORKS = SimpleNamespace(run=_run, TimeoutExpired=subprocess.TimeoutExpired)


@contextmanager
def _at(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """In a directory and an environment; modules that come meanwhile go again.

    Modules of the tests that are called as the project's are set aside: there is a `blog` here, too.
    """
    before, paths = Path.cwd(), list(sys.path)
    own = {path.stem for path in folder.iterdir() if path.suffix in ("", ".py")}
    aside = {name: sys.modules[name] for name in sys.modules if name.partition(".")[0] in own}
    for name in aside:
        del sys.modules[name]
    there = set(sys.modules)
    os.chdir(folder)
    try:
        with (
            patch.dict(os.environ, environment, clear=True),
            patch.object(env_py, "subprocess", _FORKS),
        ):
            yield
    finally:
        os.chdir(before)
        sys.path[:] = paths
        for name in [name for name in sys.modules if name not in there]:
            if not name.startswith(("whimbrel", "sqlalchemy")) and _is_in(name, folder):
                del sys.modules[name]
        sys.modules.update(aside)
        importlib.invalidate_caches()


def _is_in(name: str, folder: Path) -> bool:
    module = sys.modules[name]
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(place and Path(place).is_relative_to(folder) for place in places)
