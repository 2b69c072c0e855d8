"""`whimbrel inspectdb`."""

from __future__ import annotations

from pathlib import Path

import click

from whimbrel.cli.call import Call, data, database_option, pass_call, talk


@click.command("inspectdb")
@click.argument("table", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME",
    help="A database schema, if not the default one; may be given several times.",
)
@click.option(
    "--style",
    type=click.Choice(["native", "sqlalchemy"]),
    default="native",
    help="Whimbrel's own models, or SQLAlchemy's declarative ones.",
)
@click.option("--app", "label", metavar="LABEL", help="The app that the models are for.")
@database_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write them to a new file instead of printing them.",
)
@pass_call
def command(
    call: Call,
    table: tuple[str, ...],
    schemas: tuple[str, ...],
    style: str,
    label: str | None,
    alias: str,
    output: Path | None,
) -> int:
    """Print the models of the tables that a database has.

    All tables that the configuration covers, or those that are named. The database is only looked
    at, and no file is overwritten.
    """
    from whimbrel.commands.inspect import inspect, write_new
    from whimbrel.report.text import count_text

    config = call.config()
    found = inspect(config, table, app=label, schemas=schemas, style=style, alias=alias)
    for remark in found.remarks:
        talk(f"warning: {remark}")
    if output is None:
        data(found.text.rstrip("\n"))
    else:
        write_new(output, found.text)
    where = f" in {output}" if output is not None else ""
    talk(f"{count_text(len(found.tables), 'table')}{where}.")
    talk(_NEXT)
    return 0


_NEXT = (
    "Next: put the models in their app, then whimbrel makemigrations and "
    "whimbrel migrate --fake-initial."
)
