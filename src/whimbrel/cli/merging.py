"""Merges on the command line: `makemigrations --merge`, and `migrate --merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from whimbrel.cli.call import NO_APPS, Call, data, is_answerable, print_json, talk

if TYPE_CHECKING:
    from whimbrel.commands.merge import Merge
    from whimbrel.config import Config


def merge_leaves(
    call: Call,
    apps: tuple[str, ...],
    *,
    name: str | None,
    dry_run: bool,
    check: bool,
    force: bool,
    is_agreed: bool,
) -> int:
    """Show what each branch did, and write what makes one of them; gives the exit code.

    force: although they collide, if somebody agrees. Raises `CollisionError`, `QuestionError`.
    """
    from whimbrel.commands.make import write
    from whimbrel.commands.merge import find_colliding, plan_merges
    from whimbrel.report.files import files_text
    from whimbrel.report.merge import FORCED, merges_json

    config = call.config()
    merges = plan_merges(config, apps, name=name)
    _tell(merges, with_reasons=force)
    if not _may_be_written(merges, force=force, is_agreed=is_agreed or check or dry_run):
        talk("Nothing was written.")
        return 0
    files = [merge.file for merge in merges]
    if not (check or dry_run):
        write(files)
    if call.json:
        print_json(merges_json(merges, with_text=dry_run))
    elif files:
        data(files_text(files, with_text=dry_run))
    else:
        talk("No changes." if config.apps else NO_APPS)
    if find_colliding(merges):
        talk(FORCED)
    return 1 if check and files else 0


def merge_first(config: Config, app: str | None) -> None:
    """Make one leaf of several, before a run that applies it. Raises `CollisionError`."""
    from whimbrel.commands.make import write
    from whimbrel.commands.merge import plan_merges, refuse_collisions
    from whimbrel.report.files import files_text

    merges = plan_merges(config, [app] if app else [])
    _tell(merges, with_reasons=False)
    refuse_collisions(merges)
    files = [merge.file for merge in merges]
    write(files)
    if files:
        talk(f"Wrote {files_text(files)}")


def _tell(merges: list[Merge], *, with_reasons: bool) -> None:
    from whimbrel.report.merge import branches_text

    for merge in merges:
        talk(branches_text(merge.fork, with_reasons=with_reasons))


def _may_be_written(merges: list[Merge], *, force: bool, is_agreed: bool) -> bool:
    from whimbrel.commands.merge import find_colliding, refuse_collisions, refuse_impossible

    if not force:
        refuse_collisions(merges)
    refuse_impossible(merges)
    return not find_colliding(merges) or is_agreed or _agrees(merges)


def _agrees(merges: list[Merge]) -> bool:
    """Return the person's answer. Raises `QuestionError` where there is no terminal to ask on."""
    from whimbrel.commands.merge import find_colliding
    from whimbrel.errors import QuestionError

    text = "They collide, as shown; databases that saw them in another order may differ. Merge?"
    if is_answerable():
        return click.confirm(text, default=None, err=True)
    places = (leaf.label for merge in find_colliding(merges) for leaf in merge.fork.leaves)
    raise QuestionError(
        "these branches collide, and there is no terminal to ask on",
        questions=[
            {"place": ", ".join(places), "text": text, "flags": ["--force-merge --yes"]},
        ],
        hint="Look at what is said above, and say --force-merge --yes; or keep history a line: "
        "whimbrel rebase",
    )
