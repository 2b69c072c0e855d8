"""The call of a command: its project, and how it talks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from whimbrel.config import Config, load_config, make_importable, wants_no_colour
from whimbrel.errors import WriteError

#: What a project is told that has no app yet.
NO_APPS = "There are no apps yet: whimbrel init NAME makes one."

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass
class Call:
    """One call of the command line. ``json``: whether stdout is for machines.

    ``terminated``: whether SIGTERM has come, and not Ctrl-C.
    """

    project: Path | None = None
    traceback: bool = False
    json: bool = False
    terminated: bool = False

    def config(self) -> Config:
        """The project's configuration, with its packages importable. Raises `ConfigError`."""
        config = load_config(self.project)
        make_importable(config)
        return config

    def show(
        self,
        result: T,
        as_json: Callable[[T], Any],
        as_text: Callable[[T], str],
        nothing: str | None = None,
    ) -> None:
        """Print a result, for machines where they are to read it. nothing: what is said of an empty one."""
        if self.json:
            print_json(as_json(result))
        elif result or nothing is None:
            data(as_text(result))
        else:
            talk(nothing)


pass_call = click.make_pass_decorator(Call, ensure=True)


def json_option(function: F) -> F:
    """``--json``; the call knows of it, so that an error is told to machines too."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> bool:
        context.ensure_object(Call).json = value
        return value

    return click.option(
        "--json", "as_json", is_flag=True, callback=remember, help="Print the result as JSON."
    )(function)


database_option = click.option(
    "--database",
    "alias",
    default="default",
    metavar="ALIAS",
    help="The database, by its alias in the configuration.",
)


def data(text: str) -> None:
    """Print data: to stdout. Raises `WriteError` where that takes nothing."""
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(
            f"stdout cannot be written: {error.strerror}",
            hint="Only what is printed is lost: what the command does is done, and it may be run again.",
        ) from error


def print_json(value: Any) -> None:
    """Print a value as JSON: to stdout."""
    data(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def talk(text: str) -> None:
    """Say something to a person: on stderr."""
    click.echo(text, err=True, color=False if wants_no_colour() else None)


def is_answerable() -> bool:
    """True if somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
