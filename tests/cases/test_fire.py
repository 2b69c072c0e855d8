"""Under fire: runners at once, kills, functions that end what is not theirs, backups."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

import fire
from projects import Project


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Project:
    """An empty project, once on each database."""
    root = tmp_path / "project"
    root.mkdir()
    return Project(root, database_url)


@pytest.fixture(params=["sqlite", "postgresql", "pooled"])
def everywhere(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """As `anywhere`, and behind a pooler too."""
    root = tmp_path / "project"
    root.mkdir()
    return Project(root, request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize("runners", [3], ids="hostile/01-{}-runners".format)
def test_each_part_is_carried_out_once(everywhere: Project, runners: int) -> None:
    fire.prepare(everywhere)
    fire.run_at_once(everywhere, runners)
    fire.assert_forwards_once(everywhere)
    fire.run_at_once(everywhere, runners, "0001")
    fire.assert_backwards_once(everywhere)
    assert fire.calls(everywhere) == {"a": 1, "b": 1, "-a": 1, "-b": 1}
    assert not list(everywhere.root.parent.glob("*-whimbrel"))


def test_who_waits_goes_on_where_another_was_killed(anywhere: Project) -> None:
    fire.prepare(anywhere)
    anywhere.write(
        "blog/migrations/0002_parts.py", fire.PARTS.replace('call("b")', 'call("b", 60)', 1)
    )
    killed = fire.start(anywhere)
    while "b" not in fire.calls(anywhere):
        time.sleep(0.02)
    anywhere.write("blog/migrations/0002_parts.py", fire.PARTS)
    waiting = [fire.start(anywhere) for _ in range(2)]
    time.sleep(0.3)
    assert [os.waitpid(each, os.WNOHANG) for each in waiting] == [(0, 0), (0, 0)]
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    fire.wait(anywhere, *waiting)
    fire.assert_forwards_once(anywhere)
    assert fire.calls(anywhere) == {"a": 1, "b": 2}
