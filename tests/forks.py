"""Commands in forks of one process that has imported Whimbrel and SQLAlchemy.

Each command is a process of its own, with its own directory, environment, streams and exit code. Only
the imports are saved: nine tenths of the time that a short command takes. WHIMBREL_TEST_FORKS=0 starts
a fresh interpreter for each command instead.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

#: What a command imports when it first needs it; a driver that is not installed is left out.
LIBRARIES = (
    "rich.console",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.orm",
    "psycopg",
)

#: The longest request: arguments, directory and environment, as JSON.
LONGEST = 1 << 20

#: Of a command: stdin, stdout and stderr.
STREAMS = (0, 1, 2)

#: The answer of a fork server: an exit code, below zero for a signal.
ANSWER = 8


class ForkServer:
    """The process, and this side of the socket on which it takes requests. It ends with this process."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Python reads these when it starts, for the whole life of a process.
        self._fixed = _fixed(os.environ)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End the process. Commands that it runs are waited for."""
        self._requests.close()
        self._process.wait()

    @property
    def fileno(self) -> int:
        """The file descriptor that requests are sent on; `forked.py` inherits it."""
        return self._requests.fileno()

    def can_run(self, environment: Mapping[str, str]) -> bool:
        """True if Python itself would start alike in this environment."""
        return _fixed(environment) == self._fixed

    def run(
        self,
        module: str,
        args: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        text: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python -m MODULE`` with these arguments, and a text on stdin; as `subprocess.run`."""
        request = json.dumps([module, list(args), str(cwd), dict(environment)]).encode()
        ours, theirs = socket.socketpair()
        with ExitStack() as stack:
            stack.enter_context(ours)
            files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in STREAMS]
            files[0].write(text)
            files[0].seek(0)
            with theirs:
                streams = [theirs.fileno(), *(file.fileno() for file in files)]
                socket.send_fds(self._requests, [request], streams)
            answer = int(ours.recv(ANSWER))
            for file in files:
                file.seek(0)
            return subprocess.CompletedProcess(
                [module, *args], answer, *(f.read() for f in files[1:])
            )


@functools.cache
def fork_server() -> ForkServer | None:
    """Return the server of this process, started when first asked for; None where none is wanted."""
    wanted = os.environ.get("WHIMBREL_TEST_FORKS", "1") != "0"
    return ForkServer() if wanted and sys.platform.startswith("linux") else None


def run_module(
    module: str, args: Sequence[str], cwd: Path, environment: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE`` in a fork, or where that cannot be in a fresh interpreter."""
    server = fork_server()
    if server is not None and server.can_run(environment):
        return server.run(module, args, cwd, environment, text)
    return subprocess.run(
        [sys.executable, "-m", module, *args],
        cwd=cwd,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python reads at its start."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LC_")) or name in ("LANG", "LANGUAGE")
    }


# -- the other process


def serve(requests: socket.socket) -> None:
    """Answer requests until nobody can send any more."""
    import_all()
    gc.collect()
    gc.freeze()
    while True:
        message, streams, *_ = socket.recv_fds(requests, LONGEST, 1 + len(STREAMS))
        if not message:
            break
        if os.fork() == 0:
            requests.close()
            _run_and_answer(message, streams)
        for stream in streams:
            os.close(stream)
        _reap(os.WNOHANG)
    _reap(0)


def import_all() -> None:
    import whimbrel

    modules = [each.name for each in pkgutil.walk_packages(whimbrel.__path__, "whimbrel.")]
    for name in (*modules, *LIBRARIES):
        if not name.endswith("__main__"):
            with suppress(ModuleNotFoundError):
                importlib.import_module(name)


def _reap(options: int) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _run_and_answer(message: bytes, streams: list[int]) -> None:
    """Run a command in a fork of this fork, which waits for its end. Returns in that fork alone."""
    answer, *streams = streams
    command = os.fork()
    if command == 0:
        os.close(answer)
        _become(message, streams)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(command, 0)
    os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(message: bytes, streams: list[int]) -> NoReturn:
    """Be the command, to the end of this process."""
    module, args, cwd, environment = json.loads(message)
    for stream, standard in zip(streams, STREAMS, strict=True):
        os.dup2(stream, standard)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.path[0] = [module, *args], cwd
    raise _Command(module)


class _Command(BaseException):
    """Leaves the server's frames in the fork that is to be a command."""


def main(requests: socket.socket) -> None:
    try:
        return serve(requests)
    except _Command as command:
        module = str(command)
    sys.modules.pop(module, None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        _end(0)
    except SystemExit as end:
        if isinstance(end.code, int | None):
            _end(end.code or 0)
        raise


def _end(code: int) -> NoReturn:
    """End as Python does, but free no memory: it would all be copied first."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
