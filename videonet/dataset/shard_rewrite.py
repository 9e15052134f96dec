"""One shard again, without videos that were withdrawn.

What is left is copied as it is, whichever versions cut it: nothing is decoded.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from videonet.dataset.assembly import Member, Spans, digest_of, intact_clips, members_of
from videonet.dataset.motion_counts import MotionTally
from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import ShardState
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_path
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING

# Where its files lie until it is written down what they are: below OUT, so that they can be moved.
STAGED = "_state/withdrawing"


class Change(NamedTuple):
    """What became of one shard."""

    verdicts: int
    clips: int
    rewritten: bool


def rewrite_shard(
    output: DatasetDir, manifest: Manifest, shards: int, index: int, gone: frozenset[str]
) -> Change:
    """Write shard `index` of `shards` without the videos `gone`, and the verdicts on them."""
    targets, formats = output.targets(), manifest.settings.formats
    before = list(output.verdicts(index, shards))
    verdicts = [withdrawn(each) if each.video_key in gone else each for each in before]
    old = output.shard_state(index) or published_state(manifest, shards, index, before, targets)
    # An earlier call may have been killed just before.
    promote(output, old.files)
    state = old
    if not gone.isdisjoint(old.videos):
        members = members_of(verdicts, targets)
        form = manifest.settings.shard_form
        spans, tally = Spans(), MotionTally()
        clips = spans.of(_clips_of(output, old.files, members))
        if form.motion:
            clips = tally.of(clips)
        files = output.write_shard(index, shards, formats, clips, form, folder=STAGED)
        left_out = {key: each for key, each in old.left_out.items() if key not in gone}
        state = ShardState(
            digest=digest_of(old.cut_key, formats, shards, members),
            cut_key=old.cut_key,
            files=files,
            videos={each.origin.video_key: each.sha256 for each in members},
            spans=spans.noted(),
            first_durations={
                key: each for key, each in old.first_durations.items() if key not in gone
            },
            motion=tally.counts(sum(left_out.values())) if form.motion else None,
            left_out=left_out,
        )
        # Before the files are in their places, so that a call that goes on from here knows them.
        output.write_shard_state(index, state)
        promote(output, state.files)
    output.write_verdicts(index, shards, verdicts)
    clips_before = {each.video_key: each.clips for each in before if each.video_key in gone}
    return Change(
        verdicts=sum(one != other for one, other in zip(before, verdicts, strict=True)),
        clips=sum(clips_before.values()),
        rewritten=state is not old,
    )


def files_of(output: DatasetDir, manifest: Manifest, shards: int) -> Iterator[Shard]:
    """The files of all shards, as they are now."""
    listed = {file.path: file for file in manifest.shards}
    for index, state in enumerate(output.shard_states.all(shards)):
        yield from state.files if state else _listed(listed, manifest, shards, index)


def whole_clips(output: DatasetDir, files: Sequence[Shard]) -> Iterator[Clip]:
    """The clips of a shard, from the first file that is what it was. Raises UsageError."""
    for file in files:
        with suppress(*MISSING):
            if output.files.sha256(file.path) == file.sha256:
                return output.clips_in(file.path)
    names = " and ".join(each.path for each in files)
    raise UsageError(
        f"{names} of {output.address} cannot be read, or was changed; `videonet verify` says what "
        "is wrong, and the command that made the data set mends it."
    )


def withdrawn(verdict: Verdict) -> Verdict:
    """The verdict on a withdrawn video, as a run would decide it.

    What the source said of it and what was measured stay: the account of the candidates must
    still show what was asked for, and what was taken out.
    """
    return msgspec.structs.replace(
        verdict,
        outcome=Outcome.REJECTED,
        reason=Reason.WITHDRAWN,
        error=None,
        clips=0,
        duplicate_of=None,
        inherited=None,
    )


def published_state(
    manifest: Manifest,
    shards: int,
    index: int,
    verdicts: Sequence[Verdict],
    targets: Sequence[Target],
) -> ShardState:
    """What a shard was made of, for an OUT whose `_state` was not handed on with it."""
    formats = manifest.settings.formats
    members = members_of(verdicts, targets)
    return ShardState(
        digest=digest_of("", formats, shards, members),
        cut_key="",  # how it was cut is not known: a run over OUT cuts the videos again
        files=_listed({file.path: file for file in manifest.shards}, manifest, shards, index),
        videos={each.origin.video_key: each.sha256 for each in members},
    )


def _clips_of(
    output: DatasetDir, files: Sequence[Shard], members: Sequence[Member]
) -> Iterator[Clip]:
    """The clips of these videos, as an intact file of their shard has them. Raises UsageError."""
    due = Counter({each.origin.video_key: each.clips for each in members})
    for clip in intact_clips(output, files):
        key = clip.example_id.rpartition("#")[0]
        if key in due:
            due[key] -= 1
            yield clip
    missing = sorted(key for key, number in due.items() if number)
    if missing:
        raise UsageError(
            f"No file of the shard {' or '.join(each.path for each in files)} is whole, so that "
            f"clips of {len(missing)} other videos are missing, such as {missing[0]}. What was to "
            "be withdrawn is refused from now on; the videonet curate command that made "
            f"{output.address} writes the shard again without it."
        )


def promote(output: DatasetDir, files: Sequence[Shard]) -> None:
    """Move those of a shard's files that are staged to their places."""
    for file in files:
        staged = f"{STAGED}/{file.path}"
        with suppress(*MISSING):
            if output.files.sha256(staged) == file.sha256:
                output.files.move(staged, file.path)


def _listed(
    files: Mapping[str, Shard], manifest: Manifest, shards: int, index: int
) -> tuple[Shard, ...]:
    """The files of a shard, of all that the manifest lists by their paths."""
    paths = sorted(shard_path(name, index, shards) for name in manifest.settings.formats)
    return tuple(files[path] for path in paths if path in files)
