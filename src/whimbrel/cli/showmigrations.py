"""`whimbrel showmigrations`."""

from __future__ import annotations

import click

from whimbrel.cli.call import (
    NO_APPS,
    Call,
    data,
    database_option,
    json_option,
    pass_call,
    print_json,
    talk,
)


@click.command("showmigrations")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--list", "style", flag_value="list", default=True, help="By app (the default).")
@click.option("--plan", "style", flag_value="plan", help="In the order of applying.")
@click.option("--graph", "style", flag_value="graph", help="By app, as a graph with lanes.")
@click.option("--offline", is_flag=True, help="Ask no database: only what the files say.")
@database_option
@json_option
@pass_call
def command(
    call: Call, apps: tuple[str, ...], style: str, offline: bool, alias: str, as_json: bool
) -> None:
    """Show the migrations, and which are applied.

    [X] is applied, [ ] is not, [~] is half done, [?] is not known (--offline). Files that were
    edited after they were applied, and those whose file is gone, are marked.
    """
    from whimbrel.cli.graph import draw
    from whimbrel.commands.show import show_migrations
    from whimbrel.report.show import history_json, history_list, history_plan

    history = show_migrations(call.config(), apps, alias=alias, offline=offline)
    if history.passed_over is not None:
        from whimbrel.commands.notices import of_passed_over
        from whimbrel.report.migrate import warning

        talk(warning(of_passed_over(history.passed_over)))
    if as_json:
        print_json(history_json(history))
    elif not history.apps:
        talk(NO_APPS)
    else:
        data({"list": history_list, "plan": history_plan, "graph": draw}[style](history))
