"""`videonet withdraw`: takes videos out of a data set for good."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.text import as_shown, number

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    # slow, and not needed for --help
    from videonet.dataset.withdraw import TakenOut
    from videonet.dataset.withdrawal_list import WithdrawalList
    from videonet.storage.objects import Restorable

# None of the lines of a text is a video of OUT: another data set's, or a text of another form.
STRANGE = 3

# Videos that are named one by one.
_SHOWN = 20

# The client that works with s3:// knows no versions. One request may delete 1,000 of them.
_NOT_LATEST = "Versions[?!IsLatest] | [:1000].{Key: Key, VersionId: VersionId}"


def withdraw(
    out: Out,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...",
            help="video_id or video_key, as in OUT's verdicts; after -- if one begins with a dash.",
            show_default=False,
        ),
    ] = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A list of videos: a file, an https address, or one in a bucket.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Store that OUT was made from; without it, where OUT says that it is.",
            show_default=False,
        ),
    ] = None,
    allow_private_hosts: Annotated[
        str | None,
        typer.Option(
            metavar="HOSTS",
            help="Hosts outside the public web from which --from may read, by commas.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Take videos out of a data set or an export, such as when their makers want it, for good.

    Their clips leave the shards, verdicts say so, the store deletes their bytes, clips and
    thumbnails. No run over OUT or the store takes them again. In a bucket, earlier versions of all
    that are deleted, too, and the command says until when the bucket can still give back bytes.
    Interrupted, the same command goes on. A list may be the withdrawn.json of another data set, the
    marks of a sample page, the proposals of videonet recheck, or plain text; videos in it that OUT
    does not know are counted. Exit codes: 0 done, 2 wrong input, 3 OUT knows no line of a plain
    text, which may be of another form.

    Example: videonet withdraw out abcdefghijk
    """
    from videonet.dataset.withdraw import withdraw as take_out
    from videonet.dataset.withdrawal_list import read_list
    from videonet.export.folder import is_export
    from videonet.fetch.allowed_hosts import allowed_hosts

    if not ids and listed is None:
        raise UsageError("Nothing is named to be taken out; give a video_id, or --from a list.")
    console = Console(soft_wrap=True, highlight=False)
    hosts = [each.strip() for each in (allow_private_hosts or "").split(",")]
    named = None if listed is None else read_list(listed, allowed_hosts(list(filter(None, hosts))))
    if is_export(out):
        if store is not None:
            raise UsageError(f"{out} is an export, which has no store; leave --store out.")
        lines, unknown = _of_export(out, ids or (), named)
    else:
        say = partial(console.print, markup=False)
        done = take_out(out, ids or [], store, listed=named, say=say)
        lines, unknown = _account(out, done) if done.videos else [], done.unknown
    if named is not None:
        console.print(_of_list(out, named, unknown), markup=False)
    for line in lines:
        console.print(line, markup=False)
    if named is not None and named.ids and unknown == len(named):
        console.print(
            f"{out} knows no line of the list: see that it is of videos of this data set, and that "
            f"each line is a video_id or a video_key alone, as in its verdicts, and not such as "
            f"{as_shown(min(named.ids)[:80])}",
            markup=False,
        )
        raise typer.Exit(STRANGE)


def _of_export(
    out: Path | str, ids: Collection[str], listed: WithdrawalList | None
) -> tuple[list[str], int]:
    """Take videos out of an export; what was done, and how many of the list it does not know."""
    from videonet.export.withdraw import withdraw_from_export

    names = listed.names if listed else frozenset()
    done = withdraw_from_export(out, names, required=ids)
    lines = [
        f"{video.video_key} ({video.video_id!r}) is withdrawn." for video in done.videos[:_SHOWN]
    ]
    if len(done.videos) > _SHOWN:
        lines.append(f"These are the first {_SHOWN} of {len(done.videos):,}.")
    lines.append(
        f"{out}: {number(len(done.videos), 'video')} with {number(done.clips, 'clip')} taken out, "
        f"{number(done.rewritten, 'file')} written again."
    )
    return lines, done.unknown


def _of_list(out: Path | str, named: WithdrawalList, unknown: int) -> str:
    """How much of a list was meant."""
    stay = "that is to stay" if named.to_keep == 1 else "that are to stay"
    kept = f", and {named.to_keep:,} {stay}" if named.to_keep else ""
    strange = f" {out} does not know {unknown:,} of them." if unknown else ""
    return f"The list names {number(len(named), 'video')} to be taken out{kept}.{strange}"


def _account(out: Path | str, done: TakenOut) -> list[str]:
    """What was done, and what is left to do for the user."""
    lines = [
        f"{video.video_key} ({video.video_id!r}) "
        + ("is withdrawn." if video.video_key in done.new else "was withdrawn already.")
        for video in done.videos[:_SHOWN]
    ]
    if len(done.videos) > _SHOWN:
        before = len(done.videos) - len(done.new)
        lines.append(
            f"These are the first {_SHOWN} of {len(done.videos):,}; {len(done.new):,} are "
            f"withdrawn, {before:,} were already. {out}/withdrawn.json names all."
        )
    if done.rewritten or (done.new and done.finished):
        lines.append(
            f"{out}: {number(done.clips, 'clip')} taken out, "
            f"{number(done.verdicts, 'verdict')} changed, {done.rewritten:,} of "
            f"{number(done.shards, 'shard')} written again."
        )
    if not done.finished:
        lines.append(
            f"The run in {out} is not finished, and no shard has them: the same videonet command "
            "goes on and leaves them out."
        )
    if done.report:
        lines.append(f"{out}/report may have shown them and was deleted.")
    if done.store:
        lines.append(
            f"The store {done.store} has none of their bytes, clips or thumbnails and refuses "
            "them. Other data sets that were made from it may have them: withdraw them there, too."
        )
    elif done.unwritable:
        lines.append(
            f"The store {done.unwritable} cannot be written: only runs over {out} refuse them, and "
            "it may still have their bytes. Run the same command again as somebody who may write "
            "there."
        )
    else:
        lines.append(
            f"The store was not found: only runs over {out} refuse them, and it may still have "
            "their bytes. Run the same command again with --store DIR; for a merged data set, with "
            "the store of each of its data sets."
        )
    lines += [f"{file} is not the store's and was left alone." for file in done.in_place]
    return lines + _restorable(done.restorable)


def _restorable(places: Sequence[Restorable]) -> list[str]:
    """What buckets can still give back, until when, and what ends that."""
    lines = [line for each in places for line in _of_versions(each)]
    by_bucket = {"/".join(each.address.split("/")[:3]): each for each in places}
    for bucket, each in by_bucket.items():
        if each.restorable_until is None:
            lines.append(
                f"Whether {bucket} keeps what is deleted could not be asked: these credentials "
                "lack storage.buckets.get. This says for how long: gcloud storage buckets describe "
                f"{bucket} --format='default(soft_delete_policy)'"
            )
        elif each.restorable_until:
            lines.append(
                f"{bucket} keeps what is deleted (soft delete): their bytes can be restored until "
                f"{_minute(each.restorable_until)}, and nobody can end that sooner. For what is "
                f"deleted later, this ends it: gcloud storage buckets update {bucket} "
                "--clear-soft-delete"
            )
    return lines


def _of_versions(place: Restorable) -> list[str]:
    """What became of earlier versions in one place."""
    lines = []
    if place.deleted:
        versions = number(place.deleted, "earlier version")
        lines.append(f"{place.address}: {versions} deleted for good.")
    if place.left is None:
        lines.append(
            f"{place.address} keeps earlier versions, and videonet cannot delete these: their "
            "bytes can be restored until somebody does. This deletes 1,000 of all earlier versions "
            f"below it; repeat it until it finds none: {_deleting(place.address)}"
        )
    elif place.left:
        versions = number(place.left, "earlier version")
        until = (
            f"{_minute(place.left_until)}, when the bucket's retention ends; after that, "
            if place.left_until
            else "they are deleted: once nothing holds them, and with the right to do so "
            "(storage.objects.delete), "
        )
        lines.append(
            f"{place.address}: {versions} could not be deleted, and can be restored until {until}"
            "the same command deletes them."
        )
    return lines


def _deleting(address: str) -> str:
    """The command that deletes earlier versions of objects of S3."""
    from videonet.storage.places import parsed

    _, bucket, prefix = parsed(address)
    below = f"--prefix {shlex.quote(f'{prefix}/')} " if prefix else ""
    return (
        f"aws s3api delete-objects --bucket {bucket} --delete "
        f'"$(aws s3api list-object-versions --bucket {bucket} {below}--output json '
        f"--query '{{Objects: {_NOT_LATEST}}}')\""
    )


def _minute(seconds: float) -> str:
    """The next full minute of a time, seconds since 1970-01-01 UTC."""
    return f"{datetime.fromtimestamp(seconds + 60, UTC):%Y-%m-%d %H:%M} UTC"
