"""The pages of the documentation, and what is on them that can be run.

On a page stand, in order: files (a ```python or ```toml block whose first line is a comment with
the file's path), commands with what they print (```console; ```terminal where somebody answers
questions), and Python that is run as it stands (every other ```python block). They are run in a directory of the page's own. A line ``...`` in
what a command prints stands for any lines.

``python tests/pages.py`` writes what the commands print now into the pages that differ.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from forks import fork_server

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FORKED = Path(__file__).parent / "forked.py"

#: The languages of blocks that hold commands.
COMMANDS = ("console", "terminal")

#: What stands on the pages for the directory that a page's project is in.
HOME = "/home/you/shop"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^# (\S+\.(?:py|toml))$")

#: Lines on which somebody typed an answer, in a ```terminal block.
_ANSWERED = re.compile(r"^(?:Which|The value, as in Python|.*\[y/n\]): (.+)$")

#: What differs from run to run, and what it is compared as.
_VARYING = (
    (re.compile(r"\bin \d+\.\d\d s\b"), "in 0.01 s"),
    (re.compile(r'"seconds": [\d.e-]+'), '"seconds": 0.01'),
    (re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?"), r"2026-01-31\g<1>12:00:00"),
)


def pages() -> list[Path]:
    """Every page that users read."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def shown(page: Path) -> str:
    """The page's path from the root of the project."""
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where it stands in the page."""

    language: str
    text: str
    start: int

    @property
    def file(self) -> str | None:
        """The path of the file that it is; None for any other block."""
        if self.language not in ("python", "toml"):
            return None
        match = _FILE.match(self.text.partition("\n")[0])
        return match[1] if match else None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(match[1], match[2], match.start(2)) for match in _BLOCK.finditer(text)]


@dataclass
class Command:
    """A command in a ```console block, and what the page says that it prints."""

    lines: list[str]
    output: list[str] = field(default_factory=list)

    @property
    def script(self) -> str:
        return "\n".join([self.lines[0].removeprefix("$ "), *self.lines[1:]])


def commands(console: str) -> list[Command]:
    """The commands of a block; one that ends in a backslash goes on in the next line."""
    found: list[Command] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append(Command([line]))
        elif found and not found[-1].output and found[-1].lines[-1].endswith("\\"):
            found[-1].lines.append(line)
        elif found:
            found[-1].output.append(line)
    return found


def normal(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    text = "\n".join(lines)
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.rstrip().splitlines()


def agree(said: list[str], printed: list[str]) -> bool:
    """Whether a page says what a command printed; a line "..." stands for any lines."""
    parts = (r"(?:.*\n)*" if line == "..." else f"{re.escape(line)}\n" for line in normal(said))
    return (
        re.fullmatch("".join(parts), "".join(f"{line}\n" for line in normal(printed))) is not None
    )


class Workshop:
    """A directory in which a page's blocks are carried out, one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.code = 0
        self._server = fork_server()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, script: str) -> list[str]:
        """What a command prints, on both its streams; ``$?`` is the code of the one before."""
        ended = self._run(["bash", "-c", f"{self._forked()}(exit {self.code})\n{script}"])
        self.code = ended.returncode
        return ended.stdout.replace(str(self.root), HOME).splitlines()

    def on_terminal(self, script: str, answers: Iterable[str]) -> list[str]:
        """What a command prints on a terminal where somebody gives these answers when asked."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.root)
            os.execvpe("bash", ["bash", "-c", script], self._environment())
        said, waiting = b"", list(answers)
        with suppress(OSError):  # the terminal is closed when the command ends
            while read := os.read(terminal, 4096):
                said += read
                if waiting and said.endswith(b": "):
                    os.write(terminal, f"{waiting.pop(0)}\n".encode())
        os.close(terminal)
        self.code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return said.decode().replace("\r", "").replace(str(self.root), HOME).splitlines()

    def printed(self, command: Command, language: str) -> list[str]:
        """What a command of a block prints."""
        if language == "console":
            return self.run(command.script)
        answered = filter(None, map(_ANSWERED.match, command.output))
        return self.on_terminal(command.script, [match[1] for match in answered])

    def python(self, text: str) -> tuple[int, str]:
        """The exit code of a piece of Python, and what it prints."""
        ended = self._run([sys.executable, "-c", text])
        return ended.returncode, ended.stdout

    def _run(self, args: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            args,
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            pass_fds=[self._server.fileno] if self._server else [],
        )

    def _forked(self) -> str:
        """A function of the shell in front of the command: a fork in place of a fresh interpreter."""
        if self._server is None or not self._server.can_run(self._environment()):
            return ""
        words = [sys.executable, "-S", "-E", str(FORKED), str(self._server.fileno)]
        return f'whimbrel() {{ {shlex.join(words)} "$@"; }}\n'

    def _environment(self) -> dict[str, str]:
        """That of a newcomer: the commands on the path, and no database configured."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("WHIMBREL", "DATABASE_URL", "PYTEST", "PYTHONDONTWRITE"))
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        return {**kept, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Difference:
    """A page says one thing and the command, or the Python, printed another."""

    what: str
    said: list[str]
    printed: list[str]

    def __str__(self) -> str:
        said, printed = "\n".join(self.said), "\n".join(self.printed)
        return f"{self.what}\n--- the page says\n{said}\n--- it prints\n{printed}"


def differences(text: str, workshop: Workshop) -> Iterator[Difference]:
    """Carry out a page's blocks; gives what does not turn out as the page says."""
    for block in blocks(text):
        if block.file is not None:
            workshop.write(block.file, block.text)
        elif block.language in COMMANDS:
            for command in commands(block.text):
                printed = workshop.printed(command, block.language)
                if not agree(command.output, printed):
                    yield Difference("\n".join(command.lines), command.output, printed)
        elif block.language == "python":
            code, printed_text = workshop.python(block.text)
            if code:
                yield Difference(block.text, [], printed_text.splitlines())


def rewritten(text: str, workshop: Workshop) -> str:
    """The page with what its commands print now, where that differs."""
    made, end = "", 0
    for block in blocks(text):
        made += text[end : block.start]
        end = block.start + len(block.text)
        if block.file is not None:
            workshop.write(block.file, block.text)
        elif block.language == "python":
            workshop.python(block.text)
        made += _console(block, workshop) if block.language in COMMANDS else block.text
    return made + text[end:]


def _console(block: Block, workshop: Workshop) -> str:
    lines: list[str] = []
    for command in commands(block.text):
        printed = workshop.printed(command, block.language)
        same = agree(command.output, printed)
        lines += [*command.lines, *(command.output if same else normal(printed))]
        if not same:
            print(f"  {command.lines[0]}")
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write what the commands print into the pages: those named, or all."""
    for page in map(Path.resolve, map(Path, sys.argv[1:])) if sys.argv[1:] else pages():
        print(shown(page))
        with tempfile.TemporaryDirectory() as folder:
            workshop = Workshop(Path(folder).resolve())
            before = page.read_text()
            after = rewritten(before, workshop)
        if after != before:
            page.write_text(after)


if __name__ == "__main__":
    main()
