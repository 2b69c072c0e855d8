"""`whimbrel squashmigrations`."""

from __future__ import annotations

from functools import partial

import click

from whimbrel.cli.call import Call, is_answerable, json_option, pass_call, talk


@click.command("squashmigrations")
@click.argument("app", required=False, metavar="APP")
@click.argument("end", nargs=-1, metavar="[START] END")
@click.option("--squashed-name", metavar="NAME", help="What the file is called after its number.")
@click.option("--no-optimize", is_flag=True, help="Take the operations as they are.")
@click.option("--dry-run", is_flag=True, help="Print the files, and write none.")
@click.option("--prune", is_flag=True, help="Take away what squashes have replaced everywhere.")
@click.option("--yes", is_flag=True, help="Prune without asking.")
@click.option("--no-input", "--noinput", is_flag=True, help="Ask nothing, on a terminal too.")
@json_option
@pass_call
def command(
    call: Call,
    /,
    app: str | None,
    end: tuple[str, ...],
    squashed_name: str | None,
    no_optimize: bool,
    dry_run: bool,
    prune: bool,
    yes: bool,
    no_input: bool,
    as_json: bool,
) -> int:
    """Make one migration of a run of them.

    From START, or the app's first, to END. The new file stands in their place where a database has
    none of them; the others go on with the old ones. Opens no connection.

    With --prune: once every configured database has the squashes (of APP, or of all apps), their
    originals go, files and rows, and the squashes become ordinary migrations.
    """
    if prune:
        _refuse_with_prune(end, squashed_name, no_optimize)
        return _prune(call, app, dry_run=dry_run, is_agreed=yes or no_input)
    from whimbrel.commands.squash import make_squash, write
    from whimbrel.report.squash import NEXT, squash_json, squash_text

    own, first, last = _run(app, end)
    found = make_squash(
        call.config(), own, last, start=first, name=squashed_name, optimize=not no_optimize
    )
    made = partial(squash_json, with_text=dry_run), partial(squash_text, with_text=dry_run)
    call.show(found, *made)
    if dry_run:
        return 0
    files = "this file" if len(found.squashes) == 1 else f"these {len(found.squashes)} files"
    is_asked = not (no_input or yes) and is_answerable()
    if is_asked and not click.confirm(f"Write {files}?", default=None, err=True):
        talk("Nothing was written.")
        return 0
    write(found)
    if not call.json:
        talk(NEXT)
    return 0


def _run(app: str | None, names: tuple[str, ...]) -> tuple[str, str | None, str]:
    """The app, the first and the last. Raises `UsageError`."""
    from whimbrel.errors import UsageError

    if app is None or not names or len(names) > 2:
        raise UsageError(
            "an app is wanted, and the last migration of those that become one",
            hint="whimbrel squashmigrations APP [START] END",
        )
    return app, names[0] if len(names) == 2 else None, names[-1]


def _refuse_with_prune(
    names: tuple[str, ...], squashed_name: str | None, no_optimize: bool
) -> None:
    from whimbrel.errors import UsageError

    if names or squashed_name or no_optimize:
        raise UsageError(
            "--prune takes an app at most: it prunes all squashes of it",
            hint="whimbrel squashmigrations --prune [APP]",
        )


def _prune(call: Call, app: str | None, *, dry_run: bool, is_agreed: bool) -> int:
    from whimbrel.commands.prune import plan_prune, prune
    from whimbrel.report.squash import prune_json, prune_text

    config = call.config()
    plan = plan_prune(config, [app] if app else [])
    call.show(plan, prune_json, prune_text, "There is no squash to prune.")
    if not plan or dry_run:
        return 0
    if not is_agreed and not _agrees_to_prune():
        talk("Nothing was changed.")
        return 0
    prune(config, plan)
    talk("Done. Commit what changed.")
    return 0


def _agrees_to_prune() -> bool:
    """Return the person's answer. Raises `QuestionError` where there is no terminal to ask on."""
    from whimbrel.errors import QuestionError

    text = "Files and rows go, as shown. Prune?"
    if is_answerable():
        return click.confirm(text, default=None, err=True)
    raise QuestionError(
        "pruning deletes files and rows, and there is no terminal to ask on",
        questions=[{"place": "--prune", "text": text, "flags": ["--yes"]}],
        hint="Look at the plan above, and say --yes.",
    )
