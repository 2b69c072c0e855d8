"""The ends of a command that fails: for people on stderr, for machines on stdout."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from whimbrel.cli.call import Call, print_json, talk
from whimbrel.config import wants_traceback
from whimbrel.errors import DatabaseError, UsageError, WhimbrelError, WriteError

#: As shells have it: 128 and the number of the signal.
INTERRUPTED, TERMINATED = 130, 143
#: What the system says where a file is written; it does not say which.
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
#: A statement that is longer stands below what is wrong with it.
LONGEST_PLACE = 100


@contextmanager
def terminable(call: Call) -> Iterator[None]:
    """A scope in which SIGTERM ends a command as Ctrl-C does: what it leaves is said."""

    def stop(*_: object) -> None:
        call.terminated = True
        raise KeyboardInterrupt

    is_ours = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not is_ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def ending(error: BaseException, call: Call) -> int:
    """Tell what went wrong; gives the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit() | GeneratorExit():
            return _own(_exit_error(error), call)
        case WhimbrelError():
            return _own(error, call)
        case click.ClickException():
            error.show()
            _to_machines({"code": "usage", "message": error.format_message()}, call)
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return _end_interrupted(error, call)
        case BrokenPipeError():
            # Whoever read stdout has gone: nothing is to be said to anybody.
            sys.stdout = None
            return 1
        case OSError() if error.filename is not None or error.errno in _OF_DISKS:
            return _own(_system_error(error), call)
        case FileNotFoundError() if _has_no_place():
            return _own(_NO_PLACE, call)
    said = f"{type(error).__name__}: {error}"
    talk(f"{click.style('error[bug]', fg='red')}: {said}")
    talk("This should not happen: please report it, with the output of --traceback.")
    _to_machines({"code": "bug", "message": said}, call)
    _show_traceback(error, call)
    return 1


def _own(error: WhimbrelError, call: Call) -> int:
    code = click.style(f"error[{error.code}]", fg="red")
    below = isinstance(error, DatabaseError) and len(error.place or "") > LONGEST_PLACE
    where = f"{error.place}: " if error.place and not below else ""
    talk(f"{code}: {where}{error.message}")
    if below:
        talk(f"  at {error.place}")
    if error.hint:
        talk(error.hint)
    _to_machines(error.as_dict(), call)
    _show_traceback(error, call)
    return error.exit_code


def _end_interrupted(error: BaseException, call: Call) -> int:
    # Click makes an Abort of a KeyboardInterrupt, which may know how far the command came.
    said = str(error) or str(error.__cause__ or "") or "Interrupted. Nothing was done."
    if error.__cause__ is None and isinstance(error.__context__, KeyboardInterrupt | EOFError):
        talk("")  # at a question: the terminal has put ^C behind it
    talk(said)
    _to_machines({"code": "interrupted", "message": said}, call)
    return TERMINATED if call.terminated else INTERRUPTED


def _exit_error(error: SystemExit | GeneratorExit) -> UsageError:
    """Return the error where code of the project ends the program in the middle of a command."""
    frames = traceback.extract_tb(error.__traceback__)
    # exit() is made by Python itself, in a file that there is not.
    last = next((each for each in reversed(frames) if not each.filename.startswith("<")), None)
    how = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else "GeneratorExit"
    return UsageError(
        f"code of the project ended the program: {how}",
        place=f"{last.filename}:{last.lineno}" if last else None,
        hint="Take it out of what runs when modules are imported, or put it behind "
        "`if __name__ == '__main__'`.",
    )


def _system_error(error: OSError) -> UsageError:
    """Return the system's error about a file, as an error of the project's layout."""
    return UsageError(
        f"the system refuses it: {error.strerror or type(error).__name__}",
        place=str(error.filename) if error.filename is not None else None,
        hint="See to it that this user may read and write it, and that the disk has room; then run "
        "the command again.",
    )


_NO_PLACE = UsageError(
    "the current directory has been removed",
    hint="Go to one that is there, or give the project's: whimbrel --project DIRECTORY ...",
)


def _has_no_place() -> bool:
    """True if the directory that the command was called in is gone."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _to_machines(what: dict[str, Any], call: Call) -> None:
    if call.json:
        # Where stdout takes nothing, that has been said.
        with suppress(WriteError):
            print_json({"error": what})


def _show_traceback(error: BaseException, call: Call) -> None:
    if call.traceback or wants_traceback():
        talk("".join(traceback.format_exception(error)).rstrip())
