"""What commands that find nothing to do import: each floor costs a part of a tenth of a second."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import Project

ASK = """\
import sys
from whimbrel.cli import main
sys.argv = ["whimbrel", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(*sorted({name.split(".")[1] for name in sys.modules if name.startswith("whimbrel.")}))
"""


@pytest.mark.parametrize("command", ["migrate", "showmigrations"])
def test_who_has_nothing_to_do_loads_no_models_and_no_engine(tmp_path: Path, command: str) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    project = Project(tmp_path, url).configured("blog")
    project.chain("blog", 2)
    for file in tmp_path.rglob("*.py"):  # what changed this very second is rightly not remembered
        os.utime(file, (time.time() - 3600,) * 2)
    environment = {name: each for name, each in os.environ.items() if "BYTECODE" not in name}
    environment["DATABASE_URL"] = url
    for asked in ("migrate", command):
        done = subprocess.run(
            [sys.executable, "-c", ASK, asked],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert "Nothing to do" in done.stdout + done.stderr or "[X] 0002" in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    floors = {"engines", "operations", "orm", "schema", "sources", "state"}
    assert floors.intersection(loaded) == set()
