"""`whimbrel graph`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from whimbrel.cli.call import NO_APPS, Call, data, json_option, pass_call, print_json, talk

if TYPE_CHECKING:
    from whimbrel.commands.show import ShownHistory


@click.command("graph")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "mermaid", "dot", "json"]),
    default="text",
    show_default=True,
    help="How it is drawn; dot is Graphviz's.",
)
@click.option(
    "--database",
    "alias",
    metavar="ALIAS",
    help="Mark what is applied in this database, by its alias in the configuration.",
)
@json_option
@pass_call
def command(
    call: Call, apps: tuple[str, ...], style: str, alias: str | None, as_json: bool
) -> None:
    """Draw the graph of migrations.

    No database is asked, except for the one of --database.
    """
    from whimbrel.commands.graph import layout
    from whimbrel.commands.show import show_migrations
    from whimbrel.config import DEFAULT_ALIAS

    call.json = as_json or style == "json"
    config = call.config()
    history = show_migrations(config, apps, alias=alias or DEFAULT_ALIAS, offline=alias is None)
    if call.json:
        from whimbrel.report.graph import graph_json

        print_json(graph_json(layout(history)))
    elif style == "text":
        data(draw(history)) if history.apps else talk(NO_APPS)
    else:
        from whimbrel.report.graph import graph_dot, graph_mermaid

        data((graph_mermaid if style == "mermaid" else graph_dot)(layout(history)))


def draw(history: ShownHistory) -> str:
    """The graph with lines, as good as stdout can show them."""
    from whimbrel.commands.graph import layout
    from whimbrel.report.graph import graph_text

    return graph_text(layout(history), plain=not _shows_lines())


def _shows_lines() -> bool:
    """True if stdout is a terminal that has characters for lines."""
    if not sys.stdout.isatty():
        return False
    try:
        "●◌│─├╮┬╯┴".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
