"""A way to a server on which all that a client sends arrives later, as over a network.

    python proxy.py LISTEN SERVER SECONDS

LISTEN and SERVER are the paths of Unix sockets. A round trip takes SECONDS longer; the way is as wide
as ever. It ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path


def serve(listen: str, server: str, seconds: float) -> None:
    """Take connections until the process ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(listen)
        listener.listen()
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(server)
            _start(_carry_later, client, there, seconds)
            _start(_carry, there, client)


def _start(function: object, *arguments: object) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _end(target)


def _carry_later(source: socket.socket, target: socket.socket, seconds: float) -> None:
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    _start(_deliver, waiting, target)
    data = b"-"
    while data:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        waiting.put((time.perf_counter() + seconds, data))


def _deliver(waiting: queue.SimpleQueue[tuple[float, bytes]], target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.perf_counter()))
            if not data:
                break
            target.sendall(data)
    _end(target)


def _end(target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def running_proxy(directory: Path, here: Path, seconds: float) -> Iterator[Path]:
    """Start one before the PostgreSQL server of a directory; the directory that stands for it."""
    here.mkdir()
    name = ".s.PGSQL.5432"
    command = [sys.executable, __file__, str(here / name), str(directory / name), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield here
        process.terminate()


if __name__ == "__main__":
    threading.Thread(target=serve, args=(*sys.argv[1:3], float(sys.argv[3])), daemon=True).start()
    sys.stdin.read()
