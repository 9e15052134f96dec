"""A data set written once more in another layout of its shards, beside the one that there is.

Its frames are not decoded: they are the same JPEGs. What else OUT holds is copied.
"""

import hashlib
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from videonet.dataset.finish import finish
from videonet.dataset.lineage import parent_of
from videonet.dataset.shard_rewrite import files_of, published_state, whole_clips
from videonet.dataset.taken_place import COPIED, take_place
from videonet.errors import UsageError
from videonet.schemas.manifest import Manifest
from videonet.schemas.shard_form import NEWEST_LAYOUT, Layout
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING
from videonet.storage.dataset_tables import tables_of
from videonet.storage.places import absolute

# Of which data set a folder is becoming the copy, and in which layout: a sha256.
_FROM = "_state/repacked_from"


@dataclass(frozen=True)
class Repacked:
    """What was written."""

    clips: int
    # each in all formats
    shards: int
    # of all files of shards, before and now
    bytes_before: int
    bytes_now: int


def repack(out: str, new: str, layout: Layout = NEWEST_LAYOUT) -> Repacked:
    """Write the finished data set `out` to `new` in another layout, clip by clip.

    Pictures, labels, verdicts and counts stay as they are, and the command that made `out` goes on
    over `new` as well. Interrupted, the same call goes on. Raises UsageError where `out` is not
    finished, is in this layout already or is damaged, and where `new` holds something else.
    """
    if absolute(out) == absolute(new):
        raise UsageError(f"{out} cannot be repacked into itself; give another --out.")
    before, after = DatasetDir(absolute(out)), DatasetDir(absolute(new))
    manifest = _finished(before, layout)
    with before.files.exclusive(), after.files.exclusive():
        _begin(before, after, manifest, layout)
        for index in range(manifest.settings.shards):
            written = after.shard_state(index)
            if written is None or not after.is_whole(written):
                _write_shard(before, after, manifest, layout, index)
        files = tuple(
            sorted(files_of(after, manifest, manifest.settings.shards), key=lambda each: each.path)
        )
        settings = msgspec.structs.replace(manifest.settings, layout=layout)
        parents = (parent_of(before, "repack"),)
        finish(
            after,
            msgspec.structs.replace(manifest, settings=settings, shards=files, parents=parents),
        )
        after.files.delete(_FROM)
    return Repacked(
        clips=manifest.totals.clips,
        shards=manifest.settings.shards,
        bytes_before=sum(each.bytes for each in manifest.shards),
        bytes_now=sum(each.bytes for each in files),
    )


def _finished(before: DatasetDir, layout: Layout) -> Manifest:
    """What is to be repacked. Raises UsageError where there is nothing to do, or not yet."""
    manifest = before.manifest()
    if manifest is None:
        raise UsageError(
            f"{before.address} holds no finished data set; finish it with the command that began "
            "it, and repack it then."
        )
    if manifest.settings.layout == layout:
        raise UsageError(
            f"{before.address} is in layout {layout} already; there is nothing to repack."
        )
    return manifest


def _begin(before: DatasetDir, after: DatasetDir, manifest: Manifest, layout: Layout) -> None:
    """Copy all but the shards. Raises UsageError where something else is in the way."""
    mark = hashlib.sha256(b"%d " % layout + manifest.to_json()).hexdigest()
    take_place(after, _FROM, mark, f"repack of {before.address}")
    tables = tables_of(manifest.settings)
    paths = [path for folder in tables for path in before.files.list(folder)]
    for path in (*paths, *COPIED):
        with suppress(*MISSING), before.files.local(path) as source:
            if source.is_file():
                with after.files.draft(path) as draft:
                    shutil.copyfile(source, draft)
    state = before.run_state()
    if state is not None:
        # A run of its own: what waits in a store for the other one is not for this.
        settings = msgspec.structs.replace(state.settings, layout=layout)
        run_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{state.run_id} {after.address}").hex
        parents = (parent_of(before, "repack"),)
        after.write_run_state(
            msgspec.structs.replace(state, settings=settings, run_id=run_id, parents=parents)
        )


def _write_shard(
    before: DatasetDir, after: DatasetDir, manifest: Manifest, layout: Layout, index: int
) -> None:
    """Write one shard, and what it was made of."""
    shards = manifest.settings.shards
    state = before.shard_state(index) or published_state(
        manifest, shards, index, list(before.verdicts(index, shards)), before.targets()
    )
    form = manifest.settings.shard_form._replace(layout=layout)
    clips = whole_clips(before, state.files)
    files = after.write_shard(index, shards, manifest.settings.formats, clips, form)
    after.write_shard_state(
        index, msgspec.structs.replace(state, files=files, notes=after.notes(files))
    )
