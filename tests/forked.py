"""The command ``whimbrel`` on the pages of the docs: asks the fork server of the tests (`forks.py`).

Its streams are handed on, so that the fork reads and writes where this process would. It is started
for each command, and imports little.
"""

import json
import os
import socket
import sys


def main(requests: socket.socket, python: list[str]) -> int:
    request = ["whimbrel", python, os.getcwd(), dict(os.environ)]
    ours, theirs = socket.socketpair()
    streams = [theirs.fileno(), 0, 1, 2]
    socket.send_fds(requests, [json.dumps(request).encode()], streams)
    theirs.close()
    return int(ours.recv(8))


if __name__ == "__main__":
    code = main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    sys.exit(code if code >= 0 else 128 - code)
