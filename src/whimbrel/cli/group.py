"""The command `whimbrel`: its commands are imported when they are called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from whimbrel import __version__
from whimbrel.cli.call import Call
from whimbrel.cli.ending import ending, terminable
from whimbrel.errors import did_you_mean

#: Every command, in the order in which one meets them, with its line in the help.
COMMANDS = {
    "init": "Set a project up, or add an app to it.",
    "makemigrations": "Write migrations for what changed in the models.",
    "migrate": "Bring a database to a migration: the newest, or any other.",
    "check": "Find everything that is wrong with models, migrations and their record.",
    "lint": "Find what migrations would do to a running application, before it happens.",
    "showmigrations": "Show the migrations, and which are applied.",
    "graph": "Draw the graph of migrations.",
    "sqlmigrate": "Print the SQL of a migration.",
    "rebase": "Put one branch of an app after the other.",
    "squashmigrations": "Make one migration of a run of them.",
    "freeze": "Write types into old migrations as what they are to databases.",
    "drift": "Show how a database differs from its migrations.",
    "inspectdb": "Print the models of the tables that a database has.",
    "adopt": "Take a database over that another tool migrated.",
}


class Commands(click.Group):
    """The group: commands are loaded by name, and every ending is an answerable one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"whimbrel.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS) or f"Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *rest: Any,
        project: Path | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run a command, and end the process as it ended."""
        given = sys.argv[1:] if args is None else args
        # Also where the command line is wrong, and no option is read.
        joined = " ".join(given).replace("--format=", "--format ")
        call = Call(project, json="--json" in given or "--format json" in joined)
        extra["standalone_mode"] = False
        try:
            with terminable(call):
                code = super().main(args, prog_name, *rest, obj=call, **extra) or 0
        except BaseException as error:
            code = ending(error, call)
        sys.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory whose project this is about; left out, the current one.",
)
@click.option("--traceback", is_flag=True, help="Show the traceback of an unexpected error.")
@click.version_option(__version__, prog_name="whimbrel")
@click.pass_obj
def whimbrel(call: Call, project: Path | None, traceback: bool) -> None:
    """Schema migrations: models in, safe and ordered database changes out."""
    call.project = project or call.project
    call.traceback = traceback
