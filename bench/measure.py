"""Run a whole process, and say what it took."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """Seconds by the clock, seconds of processor time, and megabytes at the peak."""

    seconds: float
    processor: float
    memory: float


class CommandFailed(Exception):
    """A command ended otherwise than it should; the message has the end of what it said."""


def run(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Sample:
    """Run a command to its end. Raises `CommandFailed`."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**_surroundings(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise CommandFailed(f"{' '.join(command)} in {directory}:\n{output.read()[-2000:]}")
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def _surroundings() -> dict[str, str]:
    """The environment, but for what would keep compiled files and caches from being written."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def median(samples: Sequence[Sample]) -> Sample:
    """The median of each number."""
    return Sample(
        statistics.median(each.seconds for each in samples),
        statistics.median(each.processor for each in samples),
        statistics.median(each.memory for each in samples),
    )
