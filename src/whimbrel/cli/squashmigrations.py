"""`whimbrel squashmigrations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from whimbrel.cli.call import Call, data, is_answerable, json_option, pass_call, print_json, talk

if TYPE_CHECKING:
    from whimbrel.history.squash import Squashed


@click.command("squashmigrations")
@click.argument("app", required=False)
@click.argument("names", nargs=-1, metavar="[START] END")
@click.option("--squashed-name", metavar="NAME", help="What the file is called after its number.")
@click.option("--no-optimize", is_flag=True, help="Take the operations as they are.")
@click.option("--dry-run", is_flag=True, help="Print the files, and write none.")
@click.option("--no-input", "--noinput", is_flag=True, help="Ask nothing, on a terminal too.")
@json_option
@pass_call
def command(
    call: Call,
    /,
    app: str | None,
    names: tuple[str, ...],
    squashed_name: str | None,
    no_optimize: bool,
    dry_run: bool,
    no_input: bool,
    as_json: bool,
) -> int:
    """Make one migration of a run of them.

    From START, or the app's first, to END. The new file stands in their place where a database has
    none of them; the others go on with the old ones. Opens no connection.
    """
    from whimbrel.run.squash import make_squash, write

    app, start, end = _run(app, names)
    found = make_squash(
        call.config(), app, end, start=start, name=squashed_name, optimize=not no_optimize
    )
    if dry_run:
        _show(call, found, with_text=True)
        return 0
    _show(call, found, with_text=False)
    if not no_input and is_answerable() and not _consents(found):
        talk("Nothing was written.")
        return 0
    write(found)
    if not call.json:
        from whimbrel.report.squash import NEXT

        talk(NEXT)
    return 0


def _run(app: str | None, names: tuple[str, ...]) -> tuple[str, str | None, str]:
    """The app, the first and the last. Raises `UsageError`."""
    from whimbrel.errors import UsageError

    if app is None or not names or len(names) > 2:
        raise UsageError(
            "an app is wanted, and the last migration of those that become one",
            mend="whimbrel squashmigrations APP [START] END",
        )
    return app, names[0] if len(names) == 2 else None, names[-1]


def _consents(found: Squashed) -> bool:
    files = "this file" if len(found.squashes) == 1 else f"these {len(found.squashes)} files"
    return click.confirm(f"Write {files}?", default=None, err=True)


def _show(call: Call, found: Squashed, *, with_text: bool) -> None:
    from whimbrel.report.squash import squash_json, squash_text

    if call.json:
        print_json(squash_json(found, with_text=with_text))
    else:
        data(squash_text(found, with_text=with_text))
