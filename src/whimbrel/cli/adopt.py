"""`whimbrel adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from whimbrel.cli.call import Call, data, json_option, pass_call, print_json, talk

if TYPE_CHECKING:
    from whimbrel.commands.adopt.alembic import Adopted


@click.command("adopt")
@click.argument("tool", type=click.Choice(["alembic"]))
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Its configuration; left out, the nearest alembic.ini or pyproject.toml.",
)
@click.option("--app", metavar="LABEL", help="What the app is called here.")
@click.option("--models", metavar="TARGET", help='"module:attribute", where env.py does not say.')
@click.option(
    "--version-table",
    metavar="TABLE",
    help="Where Alembic keeps its version, if not as env.py says.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="TABLE",
    help="Leave this table alone from now on: it goes into the configuration.",
)
@click.option(
    "--database",
    "aliases",
    multiple=True,
    metavar="ALIAS",
    help="Only these databases; left out, all that are configured.",
)
@click.option(
    "--from-database", is_flag=True, help="The initial migration is for what a database has."
)
@click.option(
    "--rename",
    is_flag=True,
    help="Rename constraints and indexes that have other names in a database, if no more differs, or with --from-database.",
)
@click.option("--dry-run", is_flag=True, help="Write and record nothing.")
@json_option
@pass_call
def command(
    call: Call,
    tool: str,
    config_file: Path | None,
    app: str | None,
    models: str | None,
    version_table: str | None,
    exclude: tuple[str, ...],
    aliases: tuple[str, ...],
    from_database: bool,
    rename: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Take a project over that another tool has migrated until now.

    Configures it, writes the initial migration for its models, and records it in each database
    that has what the models say. Run it again for databases that were not ready.
    """
    from whimbrel.commands.adopt.alembic import Wanted, adopt_alembic

    start = (call.project or Path.cwd()).resolve()
    wanted = Wanted(
        config=config_file,
        app=app,
        models=models,
        aliases=aliases,
        from_database=from_database,
        rename=rename,
        dry_run=dry_run,
        version_table=version_table,
        exclude=exclude,
        directory=call.project,
    )
    return _report(call, adopt_alembic(start, wanted))


def _report(call: Call, adopted: Adopted) -> int:
    from whimbrel.commands.adopt.databases import Outcome
    from whimbrel.report.adopt import adopted_json, adopted_text, next_steps

    if call.json:
        print_json(adopted_json(adopted))
    else:
        data(adopted_text(adopted))
        for step in next_steps(adopted):
            talk(step)
    codes = [each.error.exit_code for each in adopted.databases if each.error]
    well = (Outcome.RECORDED, Outcome.FITS, Outcome.ALREADY, Outcome.MISSING)
    return max(codes, default=int(any(each.outcome not in well for each in adopted.databases)))
