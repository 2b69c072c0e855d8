"""An operation's own code, called with the models of its time, and its errors."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

import whimbrel
from whimbrel.errors import DataError, WhimbrelError, place
from whimbrel.operations.base import OperationContext
from whimbrel.operations.special import name_of
from whimbrel.planning.items import DataOperation
from whimbrel.run.data.context import ExecutionContext
from whimbrel.run.data.editor import SchemaEditor
from whimbrel.run.data.transaction import within
from whimbrel.run.data.watching import guard
from whimbrel.state.state import State


def run_code(data: DataOperation, context: ExecutionContext) -> None:
    """Call an operation's own code of a direction.

    Raises `DataError` with the line of the user's that failed. What a database says of locks, or
    of a connection that is lost, goes through as it is: the transaction is tried again.
    """
    operation = data.operation
    function = operation.get_function(backwards=data.backwards)
    if function is None:
        return
    code = operation.undo if data.backwards else operation.execute
    apps = AppsWhenAsked(data.state, context)
    editor = SchemaEditor(context, data.boundary)
    try:
        # stdout is for the data of commands.
        with (
            contextlib.redirect_stdout(sys.stderr),
            guard(data, context),
            calling(function, context),
            within(editor),
        ):
            finish(code(OperationContext(data.app, apps, editor)))
            editor.close()
    finally:
        apps.dispose()


class AppsWhenAsked:
    """The models of a state, made once one is asked for: many functions only send SQL."""

    def __init__(self, state: State, context: ExecutionContext) -> None:
        self._state = state
        self._context = context
        self._apps: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._apps is None:
            from whimbrel.orm import apps_at

            self._apps = apps_at(self._state, self._context.connection, self._context.alias)
        return getattr(self._apps, name)

    def dispose(self) -> None:
        """Let go of the models, if there are any."""
        if self._apps is not None:
            self._apps.dispose()


@contextlib.contextmanager
def calling(function: Callable[..., Any], context: ExecutionContext) -> Iterator[None]:
    """A scope in which a function of the user's is called; see `run_code` for what it raises."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() too: nothing would be applied, and nothing said
        if isinstance(error, SQLAlchemyError) and (
            context.engine.is_lock_timeout(error) or context.engine.is_disconnect(error)
        ):
            raise
        raise _as_data_error(error, function, context) from error


def finish(result: Any) -> None:
    """Run what an ``async`` function has given to its end; what another has given is nothing."""
    if not inspect.isawaitable(result):
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        if inspect.iscoroutine(result):
            result.close()
        raise DataError(
            "an async function cannot be run from inside of a running event loop",
            hint="Run migrate in a thread of its own: await asyncio.to_thread(migrate, config).",
        )
    asyncio.run(_wait_for(result))


async def _wait_for(result: Awaitable[Any]) -> None:
    await result


# -- errors ------------------------------------------------------------------------------------


def _as_data_error(
    error: BaseException, function: Callable[..., Any], context: ExecutionContext
) -> WhimbrelError:
    where = _line_of(error, function)
    if isinstance(error, WhimbrelError):
        error.place = f"{where[0]}: {error.place}" if error.place else where[0]
        error.hint = "\n".join(filter(None, (where[1], error.hint))) or None
        return error
    said, name = str(error), type(error).__name__
    if isinstance(error, SQLAlchemyError) and getattr(error, "orig", None) is not None:
        said, _ = context.engine.explain(error, None)
    return DataError(f"{name}: {said}" if said else name, place=where[0], hint=where[1])


def _line_of(error: BaseException, function: Callable[..., Any]) -> tuple[str, str | None]:
    """Return the place in the user's own code where it failed, and the line itself."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename)]
    if not own:
        return name_of(function), None
    last = own[-1]
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    where = f"{place(last.filename, last.lineno)}, in {last.name}"
    return where, f"    {line}" if line else None


_LIBRARIES = tuple(
    f"{Path(path).resolve()}/"
    for path in (
        str(Path(whimbrel.__file__).parent),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    )
)


#: The sources of extension modules, which a traceback names as they lay where they were compiled.
_COMPILED = (".pyx", ".pxd", ".pxi", ".c")


def _is_users(file: str) -> bool:
    """True if a file is of the project: of no library, and not made up (<string>)."""
    path = str(Path(file).resolve())
    is_python = not file.startswith("<") and not file.endswith(_COMPILED)
    return is_python and not path.startswith(_LIBRARIES)
