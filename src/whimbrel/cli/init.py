"""`whimbrel init`."""

from __future__ import annotations

from pathlib import Path

import click

from whimbrel.cli.call import Call, data, json_option, pass_call, print_json, talk


@click.command("init")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@json_option
@pass_call
def command(call: Call, apps: tuple[str, ...], as_json: bool) -> None:
    """Set a project up in this directory, or add an app to it.

    Writes [tool.whimbrel] into pyproject.toml and makes a manage.py; with APP, a package with
    models and migrations for each. Nothing that is there is overwritten.
    """
    from whimbrel.commands.init import start_project

    root = (call.project or Path.cwd()).resolve()
    started = start_project(root, apps)
    made = [str(path.relative_to(root)) for path in started.made]
    changed = [str(path.relative_to(root)) for path in started.changed]
    if as_json:
        print_json({"made": made, "changed": changed, "by_hand": started.by_hand})
        return
    for path in made:
        data(f"made     {path}")
    for path in changed:
        data(f"changed  {path}")
    if started.by_hand:
        talk(started.by_hand)
    talk(_next(apps))


def _next(apps: tuple[str, ...]) -> str:
    if not apps:
        return "Next: whimbrel init NAME, for an app."
    return f"Next: write models in {apps[0]}/models.py, then whimbrel makemigrations."
