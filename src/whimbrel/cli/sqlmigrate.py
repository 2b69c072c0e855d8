"""`whimbrel sqlmigrate`."""

from __future__ import annotations

import click

from whimbrel.cli.call import Call, database_option, json_option, pass_call


@click.command("sqlmigrate")
@click.argument("app")
@click.argument("name")
@click.option("--backwards", is_flag=True, help="The SQL that undoes it.")
@click.option(
    "--dialect",
    metavar="NAME",
    help="Whose SQL: postgresql or sqlite. Left out, that of the database.",
)
@click.option(
    "--assume-small",
    is_flag=True,
    help="The short form of every change, as small tables get it. Left out, tables count as large.",
)
@database_option
@json_option
@pass_call
def command(
    call: Call,
    app: str,
    name: str,
    backwards: bool,
    dialect: str | None,
    assume_small: bool,
    alias: str,
    as_json: bool,
) -> None:
    """Print the SQL of a migration, without asking any database.

    It runs as it stands in psql or sqlite3; hazards are comments. Recording that it is applied
    is left to migrate --fake.
    """
    from whimbrel.commands.script import sql_migrate
    from whimbrel.report.script import script_json, script_text

    script = sql_migrate(
        call.config(),
        app,
        name,
        backwards=backwards,
        dialect=dialect,
        alias=alias,
        assume_small=assume_small,
    )
    call.show(script, script_json, script_text)
