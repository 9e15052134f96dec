"""A data set as versions made it whose clips had no columns of the labels' ids."""

from pathlib import Path

import msgspec

from videonet.dataset.finish import finish
from videonet.storage.dataset_dir import DatasetDir


def without_label_ids(out: Path) -> Path:
    """Write the shards of a finished OUT again without these columns, and what speaks of them."""
    output = DatasetDir(out)
    manifest = output.manifest()
    assert manifest is not None
    settings = msgspec.structs.replace(manifest.settings, label_ids=False)
    written = []
    for index in range(settings.shards):
        state = output.shard_state(index)
        assert state is not None
        clips = list(output.clips_in(state.files[0].path))
        files = output.write_shard(
            index, settings.shards, settings.formats, clips, settings.shard_form
        )
        noted = msgspec.structs.replace(state, files=files, notes=output.notes(files))
        output.write_shard_state(index, noted)
        written += files
    run = output.run_state()
    assert run is not None
    output.write_run_state(
        msgspec.structs.replace(
            run, settings=msgspec.structs.replace(run.settings, label_ids=False)
        )
    )
    shards = tuple(sorted(written, key=lambda each: each.path))
    finish(output, msgspec.structs.replace(manifest, settings=settings, shards=shards))
    return out
